/* SPDX-License-Identifier: MIT */
/* What a tree says about physical memory, and the map that it makes. */
#include <vmm/fdt.h>

#include "support/fdt_writer.h"
#include "support/test.h"

#define RANGES_MAX 64

static struct fdt_writer writer;
static struct vmm_mem_range ranges[RANGES_MAX];

static void open_written(struct vmm_fdt *fdt, size_t size)
{
	CHECK(vmm_fdt_init(fdt, writer.blob, size) == VMM_OK);
}

/* A tree that is the header, a root and nothing else. */
static void minimal(struct vmm_fdt *fdt)
{
	fdt_start(&writer);
	fdt_structure(&writer);
	fdt_begin(&writer, "");
	fdt_end(&writer);
	open_written(fdt, fdt_finish(&writer));
}

/* The statements about memory, one by one. */
TEST(unit_fdt_mem_statements)
{
	static const struct {
		uint64_t base;
		uint64_t size;
		uint32_t source;
	} expected[] = {
		{0x80000000, 0x10000000, VMM_FDT_MEM_RAM},
		{0xa0000000, 0x100000, VMM_FDT_MEM_RAM},
		{0x100000000, 0x40000000, VMM_FDT_MEM_RAM},
		{0x80000000, 0x80000, VMM_FDT_MEM_NOMAP},
		{0x88000000, 0x200000, VMM_FDT_MEM_RESERVED},
		{0x89000000, 0x1000, VMM_FDT_MEM_RESERVED},
		{0x8a000000, 0x400000, VMM_FDT_MEM_REUSABLE},
		{0x8fff0000, 0x10000, VMM_FDT_MEM_BLOCK},
		{0x81000000, 0x1234, VMM_FDT_MEM_BLOCK},
		{0x84000000, 0x100001, VMM_FDT_MEM_INITRD},
	};
	struct vmm_fdt_mem mem = {0};
	struct vmm_fdt fdt;

	open_written(&fdt, fdt_sample(&writer));
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		CHECK(vmm_fdt_mem_next(&fdt, &mem) == VMM_OK);
		CHECK_EQ(mem.base, expected[i].base);
		CHECK_EQ(mem.size, expected[i].size);
		CHECK_EQ(mem.source, expected[i].source);
		CHECK((mem.node.name == NULL) ==
			(mem.source == VMM_FDT_MEM_BLOCK));
	}
	CHECK(vmm_fdt_mem_next(&fdt, &mem) == VMM_ENOENT);
	CHECK(vmm_fdt_mem_next(&fdt, &mem) == VMM_ENOENT);
}

/* The same as a map, with the tree in the middle of the second bank. */
TEST(unit_fdt_memmap_of_the_sample)
{
	static const struct vmm_mem_range expected[] = {
		{0x80000000, 0x80000, VMM_MEM_NOMAP, 1},
		{0x80080000, 0xf80000, VMM_MEM_FREE, 1},
		{0x81000000, 0x1234, VMM_MEM_PERMANENT, 1},
		{0x81001234, 0x2ffedcc, VMM_MEM_FREE, 1},
		{0x84000000, 0x100001, VMM_MEM_LOADER, 1},
		{0x84100001, 0x3efffff, VMM_MEM_FREE, 1},
		{0x88000000, 0x200000, VMM_MEM_PERMANENT, 1},
		{0x88200000, 0xe00000, VMM_MEM_FREE, 1},
		{0x89000000, 0x1000, VMM_MEM_PERMANENT, 1},
		{0x89001000, 0xfff000, VMM_MEM_FREE, 1},
		{0x8a000000, 0x400000, VMM_MEM_PERMANENT, 1},
		{0x8a400000, 0x5bf0000, VMM_MEM_FREE, 1},
		{0x8fff0000, 0x10000, VMM_MEM_PERMANENT, 1},
		{0xa0000000, 0x100000, VMM_MEM_FREE, 1},
		{0x100000000, 0x20000000, VMM_MEM_FREE, 1},
	};
	const size_t known = sizeof(expected) / sizeof(expected[0]);
	struct vmm_memmap map;
	struct vmm_fdt fdt;

	open_written(&fdt, fdt_sample(&writer));
	vmm_memmap_init(&map, ranges, RANGES_MAX);
	CHECK(vmm_fdt_memmap(&fdt, 0x120000000, &map) == VMM_OK);
	CHECK(vmm_memmap_check(&map) == VMM_OK);
	CHECK_EQ(map.count, known + 2);
	for (size_t i = 0; i < known; i++) {
		CHECK_EQ(ranges[i].base, expected[i].base);
		CHECK_EQ(ranges[i].size, expected[i].size);
		CHECK_EQ(ranges[i].kind, expected[i].kind);
		CHECK_EQ(ranges[i].ram, 1);
	}
	CHECK_EQ(ranges[known].base, 0x120000000);
	CHECK_EQ(ranges[known].size, fdt.size);
	CHECK_EQ(ranges[known].kind, VMM_MEM_LOADER);
	CHECK_EQ(vmm_range_last(ranges[known + 1].base, ranges[known + 1].size),
		0x13fffffff);
}

/*
 * The room that the header asks for is enough, one entry less is refused, and
 * the refusal changes nothing. 11 statements with the tree need 23 entries; a
 * map with two entries and a gap needs three more.
 */
TEST(unit_fdt_memmap_needs_room)
{
	struct vmm_memmap map;
	struct vmm_fdt fdt;

	open_written(&fdt, fdt_sample(&writer));
	vmm_memmap_init(&map, ranges, 22);
	CHECK(vmm_fdt_memmap(&fdt, 0x120000000, &map) == VMM_ENOMEM);
	CHECK_EQ(map.count, 0);
	vmm_memmap_init(&map, ranges, 23);
	CHECK(vmm_fdt_memmap(&fdt, 0x120000000, &map) == VMM_OK);

	for (size_t max = 25; max <= 26; max++) {
		vmm_memmap_init(&map, ranges, max);
		CHECK(vmm_memmap_add(&map, 0x1000, 0x1000) == VMM_OK);
		CHECK(vmm_memmap_add(&map, 0x3000, 0x1000) == VMM_OK);
		CHECK_EQ(vmm_fdt_memmap(&fdt, 0x120000000, &map),
			max == 25 ? VMM_ENOMEM : VMM_OK);
		CHECK_EQ(map.count, max == 25 ? 2 : 19);
	}
}

/* A tree that would lie across the end of physical memory is refused. */
TEST(unit_fdt_memmap_tree_at_the_top)
{
	struct vmm_memmap map;
	struct vmm_fdt fdt;

	minimal(&fdt);
	vmm_memmap_init(&map, ranges, 3);
	CHECK(vmm_fdt_memmap(&fdt, -(uint64_t)fdt.size + 1, &map) ==
		VMM_EINVAL);
	CHECK_EQ(map.count, 0);
	CHECK(vmm_fdt_memmap(&fdt, -(uint64_t)fdt.size, &map) == VMM_OK);
	CHECK_EQ(map.count, 1);
}

/* A tree whose root has @props and one memory node with @reg of 4 cells. */
static int mem_error(
	uint32_t address_cells, uint32_t size_cells, size_t reg_cells)
{
	static const uint32_t reg[] = {0, 0x1000, 0, 0x1000};
	struct vmm_fdt_mem mem = {0};
	struct vmm_memmap map;
	struct vmm_fdt fdt;
	int err;

	fdt_start(&writer);
	fdt_structure(&writer);
	fdt_begin(&writer, "");
	FDT_CELLS(&writer, "#address-cells", address_cells);
	FDT_CELLS(&writer, "#size-cells", size_cells);
	fdt_begin(&writer, "memory");
	fdt_text(&writer, "device_type", "memory");
	fdt_cells(&writer, "reg", reg_cells, reg);
	fdt_end(&writer);
	fdt_end(&writer);
	open_written(&fdt, fdt_finish(&writer));
	err = vmm_fdt_mem_next(&fdt, &mem);
	vmm_memmap_init(&map, ranges, RANGES_MAX);
	CHECK_EQ(vmm_fdt_memmap(&fdt, 0x1000, &map), err);
	CHECK_EQ(map.count, err == VMM_OK ? 2 : 0);
	return err;
}

/* Widths of 0, above 2 and far above 2, and lengths that do not divide. */
TEST(unit_fdt_mem_cells)
{
	CHECK_EQ(mem_error(2, 2, 4), VMM_OK);
	CHECK_EQ(mem_error(0, 1, 4), VMM_EINVAL);
	CHECK_EQ(mem_error(1, 0, 4), VMM_EINVAL);
	CHECK_EQ(mem_error(0, 0, 4), VMM_EINVAL);
	CHECK_EQ(mem_error(3, 1, 4), VMM_EINVAL);
	CHECK_EQ(mem_error(1, 3, 4), VMM_EINVAL);
	CHECK_EQ(mem_error(UINT32_MAX, 1, 4), VMM_EINVAL);
	CHECK_EQ(mem_error(1, UINT32_MAX, 4), VMM_EINVAL);
	CHECK_EQ(mem_error(UINT32_MAX, UINT32_MAX, 4), VMM_EINVAL);
	CHECK_EQ(mem_error(2, 2, 3), VMM_EINVAL);
	CHECK_EQ(mem_error(2, 1, 4), VMM_EINVAL);
}

/* An initrd with the given ends, in cells; a count of 0 leaves one out. */
static int initrd_error(size_t start_cells, uint32_t start, size_t end_cells,
	uint32_t end, uint64_t *size_out)
{
	const uint32_t s[3] = {start_cells == 2 ? 0 : start, start};
	const uint32_t e[3] = {end_cells == 2 ? 0 : end, end};
	struct vmm_fdt_mem mem = {0};
	struct vmm_fdt fdt;
	int err;

	fdt_start(&writer);
	fdt_structure(&writer);
	fdt_begin(&writer, "");
	fdt_begin(&writer, "chosen");
	if (start_cells != 0)
		fdt_cells(&writer, "linux,initrd-start", start_cells, s);
	if (end_cells != 0)
		fdt_cells(&writer, "linux,initrd-end", end_cells, e);
	fdt_end(&writer);
	fdt_end(&writer);
	open_written(&fdt, fdt_finish(&writer));
	err = vmm_fdt_mem_next(&fdt, &mem);
	*size_out = mem.size;
	return err;
}

/* Both widths, no initrd, an empty one, one that ends before it starts. */
TEST(unit_fdt_initrd)
{
	uint64_t size;

	CHECK_EQ(initrd_error(1, 0x1000, 1, 0x1801, &size), VMM_OK);
	CHECK_EQ(size, 0x801);
	CHECK_EQ(initrd_error(2, 0x1000, 1, 0x1801, &size), VMM_OK);
	CHECK_EQ(size, 0x801);
	CHECK_EQ(initrd_error(2, 0x1000, 2, 0x1801, &size), VMM_OK);
	CHECK_EQ(initrd_error(0, 0, 0, 0, &size), VMM_ENOENT);
	CHECK_EQ(initrd_error(1, 0x1000, 1, 0x1000, &size), VMM_ENOENT);
	CHECK_EQ(initrd_error(1, 0x1000, 1, 0xfff, &size), VMM_EINVAL);
	CHECK_EQ(initrd_error(1, 0x1000, 0, 0, &size), VMM_EINVAL);
	CHECK_EQ(initrd_error(0, 0, 1, 0x1000, &size), VMM_EINVAL);
	CHECK_EQ(initrd_error(3, 0x1000, 1, 0x1800, &size), VMM_EINVAL);
}

/* An entry of the reservation block that wraps; one that just does not. */
TEST(unit_fdt_block_wraps)
{
	struct vmm_fdt_mem mem = {0};
	struct vmm_fdt fdt;

	fdt_start(&writer);
	fdt_reserve(&writer, -UINT64_C(0x1000), 0x1000);
	fdt_reserve(&writer, -UINT64_C(0x1000), 0x1001);
	fdt_structure(&writer);
	fdt_begin(&writer, "");
	fdt_end(&writer);
	open_written(&fdt, fdt_finish(&writer));
	CHECK_EQ(fdt.reserve_count, 2);
	CHECK(vmm_fdt_mem_next(&fdt, &mem) == VMM_OK);
	CHECK_EQ(mem.base, -UINT64_C(0x1000));
	CHECK(vmm_fdt_mem_next(&fdt, &mem) == VMM_EINVAL);
}

/* Reserved ranges on a bus of its own would need translation: refused. */
TEST(unit_fdt_reserved_behind_ranges)
{
	struct vmm_fdt_mem mem = {0};
	struct vmm_fdt fdt;

	fdt_start(&writer);
	fdt_structure(&writer);
	fdt_begin(&writer, "");
	fdt_begin(&writer, "reserved-memory");
	FDT_CELLS(&writer, "ranges", 0, 1, 2, 3);
	fdt_end(&writer);
	fdt_end(&writer);
	open_written(&fdt, fdt_finish(&writer));
	CHECK(vmm_fdt_mem_next(&fdt, &mem) == VMM_ENOTSUP);
}
