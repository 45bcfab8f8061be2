/* SPDX-License-Identifier: MIT */
#include <vmm/fdt.h>

#include "support/fdt_writer.h"
#include "support/test.h"

#define RANGES_MAX 64

static struct fdt_writer writer;
static struct vmm_mem_range ranges[RANGES_MAX];

static bool same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

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

/*
 * The size helper believes the header only between the smallest tree there can
 * be and the caller's maximum.
 */
TEST(unit_fdt_size_is_bounded)
{
	size_t total = fdt_sample(&writer);
	size_t size = 1;

	CHECK(vmm_fdt_size(writer.blob, total, &size) == VMM_OK);
	CHECK_EQ(size, total);
	size = 1;
	CHECK(vmm_fdt_size(writer.blob, total - 1, &size) == VMM_ERANGE);
	CHECK(vmm_fdt_size(writer.blob, 39, &size) == VMM_ERANGE);
	fdt_poke(writer.blob, FDT_TOTALSIZE, 39);
	CHECK(vmm_fdt_size(writer.blob, total, &size) == VMM_EINVAL);
	fdt_poke(writer.blob, FDT_TOTALSIZE, UINT32_MAX);
	CHECK(vmm_fdt_size(writer.blob, VMM_MIB(2), &size) == VMM_ERANGE);
	fdt_poke(writer.blob, FDT_MAGIC, 0xedfe0dd0);
	CHECK(vmm_fdt_size(writer.blob, VMM_MIB(2), &size) == VMM_EINVAL);
	CHECK_EQ(size, 1);
}

/* The smallest tree: one node, no property, no strings, no reservation. */
TEST(unit_fdt_minimal_tree)
{
	struct vmm_fdt_node node = {0};
	struct vmm_fdt_node child = {0};
	struct vmm_fdt_prop prop = {0};
	struct vmm_memmap map;
	struct vmm_fdt fdt;
	uint32_t harts = 7;
	unsigned bits = 7;

	minimal(&fdt);
	CHECK_EQ(fdt.node_count, 1);
	CHECK_EQ(fdt.reserve_count, 0);
	CHECK(vmm_fdt_node_next(&fdt, &node));
	CHECK(same(node.name, "") && node.depth == 0);
	CHECK(!vmm_fdt_child_next(&fdt, &node, &child));
	CHECK(child.name == NULL);
	CHECK(!vmm_fdt_prop_next(&fdt, &node, &prop));
	CHECK(!vmm_fdt_node_next(&fdt, &node));
	CHECK(!vmm_fdt_node_next(&fdt, &node));
	CHECK(vmm_fdt_mmu_type(&fdt, &bits, &harts) == VMM_ENOENT);
	CHECK(bits == 7 && harts == 7);

	/* All that is known of memory is where the tree itself lies. */
	vmm_memmap_init(&map, ranges, 3);
	CHECK(vmm_fdt_memmap(&fdt, 0x1001, &map) == VMM_OK);
	CHECK_EQ(map.count, 1);
	CHECK(ranges[0].base == 0x1001 && ranges[0].size == fdt.size);
	CHECK(ranges[0].kind == VMM_MEM_LOADER && ranges[0].ram == 0);
}

/* Nodes come parents first, with their depth, in the order of the source. */
TEST(unit_fdt_node_order_and_depth)
{
	static const struct {
		uint32_t depth;
		char name[24];
	} expected[] = {
		{0, ""},
		{1, "chosen"},
		{1, "memory@80000000"},
		{1, "memory@100000000"},
		{1, "memory@200000000"},
		{1, "reserved-memory"},
		{2, "mmode@80000000"},
		{2, "frame@88000000"},
		{2, "cma"},
		{2, "anywhere"},
		{1, "cpus"},
		{2, "cpu@0"},
		{3, "interrupt-controller"},
		{2, "cpu@1"},
		{3, "interrupt-controller"},
		{2, "cpu@3"},
		{3, "interrupt-controller"},
		{2, "cpu-map"},
	};
	struct vmm_fdt_node node = {0};
	struct vmm_fdt fdt;
	size_t i = 0;

	open_written(&fdt, fdt_sample(&writer));
	CHECK_EQ(fdt.node_count, sizeof(expected) / sizeof(expected[0]));
	CHECK_EQ(fdt.boot_cpu, 1);
	while (vmm_fdt_node_next(&fdt, &node)) {
		CHECK(i < fdt.node_count);
		CHECK(same(node.name, expected[i].name));
		CHECK_EQ(node.depth, expected[i].depth);
		i++;
	}
	CHECK_EQ(i, fdt.node_count);
}

/* Children of one node only: grandchildren are stepped over. */
TEST(unit_fdt_children)
{
	struct vmm_fdt_node cpus;
	struct vmm_fdt_node child = {0};
	struct vmm_fdt fdt;

	open_written(&fdt, fdt_sample(&writer));
	CHECK(vmm_fdt_node_find(&fdt, "/cpus", &cpus) == VMM_OK);
	CHECK(vmm_fdt_child_next(&fdt, &cpus, &child));
	CHECK(same(child.name, "cpu@0") && child.depth == 2);
	CHECK(vmm_fdt_child_next(&fdt, &cpus, &child));
	CHECK(same(child.name, "cpu@1"));
	CHECK(vmm_fdt_child_next(&fdt, &cpus, &child));
	CHECK(same(child.name, "cpu@3"));
	CHECK(vmm_fdt_child_next(&fdt, &cpus, &child));
	CHECK(same(child.name, "cpu-map"));
	CHECK(!vmm_fdt_child_next(&fdt, &cpus, &child));
	CHECK(same(child.name, "cpu-map"));
}

/*
 * Paths: a part with an address is exact, a part without one takes the first
 * of that name, a prefix of a name is no match, superfluous slashes are none.
 */
TEST(unit_fdt_paths)
{
	struct vmm_fdt_node node = {0};
	struct vmm_fdt fdt;

	open_written(&fdt, fdt_sample(&writer));
	CHECK(vmm_fdt_node_find(&fdt, "/", &node) == VMM_OK);
	CHECK(node.depth == 0);
	CHECK(vmm_fdt_node_find(&fdt, "/memory", &node) == VMM_OK);
	CHECK(same(node.name, "memory@80000000"));
	CHECK(vmm_fdt_node_find(&fdt, "/memory@100000000", &node) == VMM_OK);
	CHECK(same(node.name, "memory@100000000"));
	CHECK(vmm_fdt_node_find(&fdt, "//cpus/cpu@3//interrupt-controller/",
		      &node) == VMM_OK);
	CHECK(node.depth == 3);

	node.depth = 99;
	CHECK(vmm_fdt_node_find(&fdt, "/memory@1", &node) == VMM_ENOENT);
	CHECK(vmm_fdt_node_find(&fdt, "/mem", &node) == VMM_ENOENT);
	CHECK(vmm_fdt_node_find(&fdt, "/memory@", &node) == VMM_ENOENT);
	CHECK(vmm_fdt_node_find(&fdt, "/cpu@0", &node) == VMM_ENOENT);
	CHECK(vmm_fdt_node_find(&fdt, "cpus", &node) == VMM_EINVAL);
	CHECK(vmm_fdt_node_find(&fdt, "", &node) == VMM_EINVAL);
	CHECK_EQ(node.depth, 99);
}

/* A part of a path with an address stands for itself only. */
TEST(unit_fdt_path_with_two_addresses)
{
	struct vmm_fdt_node node;
	struct vmm_fdt fdt;

	fdt_start(&writer);
	fdt_structure(&writer);
	fdt_begin(&writer, "");
	fdt_begin(&writer, "a@1@2");
	fdt_end(&writer);
	fdt_end(&writer);
	open_written(&fdt, fdt_finish(&writer));
	CHECK(vmm_fdt_node_find(&fdt, "/a@1", &node) == VMM_ENOENT);
	CHECK(vmm_fdt_node_find(&fdt, "/a@1@2", &node) == VMM_OK);
	CHECK(vmm_fdt_node_find(&fdt, "/a", &node) == VMM_OK);
}

/* A width of cells that is itself no cell: too short, empty, too long. */
TEST(unit_fdt_cells_of_wrong_size)
{
	for (size_t size = 0; size <= 8; size++) {
		struct vmm_fdt_cells cells = {7, 7};
		struct vmm_fdt_node root;
		struct vmm_fdt fdt;
		int err;

		fdt_start(&writer);
		fdt_structure(&writer);
		fdt_begin(&writer, "");
		fdt_prop(&writer, "#size-cells", "\0\0\0\1\0\0\0\1", size);
		fdt_end(&writer);
		open_written(&fdt, fdt_finish(&writer));
		CHECK(vmm_fdt_node_find(&fdt, "/", &root) == VMM_OK);
		err = vmm_fdt_cells(&fdt, &root, &cells);
		CHECK_EQ(err, size == 4 ? VMM_OK : VMM_EINVAL);
		CHECK_EQ(cells.size, size == 4 ? 1 : 7);
		CHECK_EQ(cells.address, size == 4 ? 2 : 7);
	}
}

/* Strings, numbers and lists out of property values. */
TEST(unit_fdt_values)
{
	struct vmm_fdt_node root;
	struct vmm_fdt_prop prop;
	struct vmm_fdt_cells cells;
	const char *text = NULL;
	uint64_t number = 0;
	struct vmm_fdt fdt;

	open_written(&fdt, fdt_sample(&writer));
	CHECK(vmm_fdt_find_text(&fdt, "/chosen", "bootargs", &text) == VMM_OK);
	CHECK(same(text, "mode=sv39 quiet"));
	CHECK(vmm_fdt_find_text(&fdt, "/chosen", "bootarg", &text) ==
		VMM_ENOENT);
	CHECK(vmm_fdt_find_text(&fdt, "/chose", "bootargs", &text) ==
		VMM_ENOENT);
	CHECK(vmm_fdt_find_text(&fdt, "/reserved-memory", "ranges", &text) ==
		VMM_ENOENT);

	CHECK(vmm_fdt_node_find(&fdt, "/", &root) == VMM_OK);
	CHECK(vmm_fdt_prop_find(&fdt, &root, "compatible", &prop) == VMM_OK);
	CHECK(vmm_fdt_prop_has_text(&prop, "acme,board"));
	CHECK(vmm_fdt_prop_has_text(&prop, "acme,family"));
	CHECK(!vmm_fdt_prop_has_text(&prop, "acme"));
	CHECK(vmm_fdt_prop_text(&prop, 1, &text) == VMM_OK);
	CHECK(same(text, "acme,family"));
	CHECK(vmm_fdt_prop_text(&prop, 2, &text) == VMM_ENOENT);
	CHECK(vmm_fdt_prop_number(&prop, &number) == VMM_EINVAL);

	CHECK(vmm_fdt_prop_find(&fdt, &root, "#size-cells", &prop) == VMM_OK);
	CHECK(vmm_fdt_prop_number(&prop, &number) == VMM_OK);
	CHECK_EQ(number, 2);
	CHECK(vmm_fdt_cells(&fdt, &root, &cells) == VMM_OK);
	CHECK(cells.address == 2 && cells.size == 2);
	CHECK(vmm_fdt_node_find(&fdt, "/chosen", &root) == VMM_OK);
	CHECK(vmm_fdt_cells(&fdt, &root, &cells) == VMM_OK);
	CHECK(cells.address == 2 && cells.size == 1); /* the defaults */
}

/* A value without a zero byte gives away no string, and equals none. */
TEST(unit_fdt_unterminated_text)
{
	static const char value[] = {'a', '\0', 'b', 'c'};
	struct vmm_fdt_node root;
	struct vmm_fdt_prop prop;
	const char *text = NULL;
	struct vmm_fdt fdt;

	fdt_start(&writer);
	fdt_structure(&writer);
	fdt_begin(&writer, "");
	fdt_prop(&writer, "status", "okay", 4);
	fdt_prop(&writer, "list", value, sizeof(value));
	fdt_end(&writer);
	open_written(&fdt, fdt_finish(&writer));
	CHECK(vmm_fdt_find_text(&fdt, "/", "status", &text) == VMM_EINVAL);
	CHECK(text == NULL);
	CHECK(vmm_fdt_node_find(&fdt, "/", &root) == VMM_OK);
	CHECK(!vmm_fdt_is_enabled(&fdt, &root));
	CHECK(vmm_fdt_prop_find(&fdt, &root, "list", &prop) == VMM_OK);
	CHECK(vmm_fdt_prop_text(&prop, 0, &text) == VMM_OK);
	CHECK(same(text, "a"));
	CHECK(vmm_fdt_prop_text(&prop, 1, &text) == VMM_EINVAL);
	CHECK(vmm_fdt_prop_text(&prop, 2, &text) == VMM_EINVAL);
	CHECK(vmm_fdt_prop_has_text(&prop, "a"));
	CHECK(!vmm_fdt_prop_has_text(&prop, "bc"));
}

/* `reg` pairs in every width that can be read, and in those that cannot. */
TEST(unit_fdt_ranges)
{
	static const unsigned char value[24] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0,
		3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6};
	const struct vmm_fdt_prop reg = {"reg", value, sizeof(value), 0};
	const struct vmm_fdt_prop shorter = {"reg", value, 20, 0};
	static const struct vmm_fdt_cells bad[] = {
		{0, 1}, {3, 1}, {1, 3}, {UINT32_MAX, 1}, {1, UINT32_MAX}};
	struct vmm_fdt_cells cells = {1, 1};
	uint64_t base = 0;
	uint64_t size = 0;

	CHECK(vmm_fdt_prop_range(&reg, &cells, 2, &base, &size) == VMM_OK);
	CHECK(base == 5 && size == 6);
	CHECK(vmm_fdt_prop_range(&reg, &cells, 3, &base, &size) == VMM_ENOENT);
	CHECK(vmm_fdt_prop_range(&reg, &cells, UINT32_MAX, &base, &size) ==
		VMM_ENOENT);
	cells.address = 2;
	CHECK(vmm_fdt_prop_range(&reg, &cells, 1, &base, &size) == VMM_OK);
	CHECK(base == UINT64_C(0x400000005) && size == 6);
	cells.size = 2;
	CHECK(vmm_fdt_prop_range(&reg, &cells, 0, &base, &size) == VMM_EINVAL);
	cells.address = 1;
	CHECK(vmm_fdt_prop_range(&reg, &cells, 1, &base, &size) == VMM_OK);
	CHECK(base == 4 && size == UINT64_C(0x500000006));
	cells.size = 0;
	CHECK(vmm_fdt_prop_range(&reg, &cells, 5, &base, &size) == VMM_OK);
	CHECK(base == 6 && size == 0);
	cells.size = 1;
	CHECK(vmm_fdt_prop_range(&shorter, &cells, 0, &base, &size) ==
		VMM_EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(vmm_fdt_prop_range(&reg, &bad[i], 0, &base, &size) ==
			VMM_EINVAL);
	CHECK(base == 6 && size == 0);
}

/* A range may end at 2^64, and not one byte later. */
TEST(unit_fdt_range_at_the_top)
{
	unsigned char value[16] = {0};
	const struct vmm_fdt_prop reg = {"reg", value, sizeof(value), 0};
	const struct vmm_fdt_cells cells = {2, 2};
	uint64_t base = 0;
	uint64_t size = 0;

	fdt_poke(value, 0, UINT32_MAX);
	fdt_poke(value, 4, 0xfffff000);
	fdt_poke(value, 12, 0x1000);
	CHECK(vmm_fdt_prop_range(&reg, &cells, 0, &base, &size) == VMM_OK);
	CHECK_EQ(vmm_range_last(base, size), UINT64_MAX);
	fdt_poke(value, 12, 0x1001);
	CHECK(vmm_fdt_prop_range(&reg, &cells, 0, &base, &size) == VMM_EINVAL);
	CHECK_EQ(size, 0x1000);
}

/* Harts: the disabled one counts neither by number nor by its Sv32. */
TEST(unit_fdt_harts)
{
	struct vmm_fdt_cpu cpu = {0};
	struct vmm_fdt fdt;
	uint32_t harts = 0;
	unsigned bits = 0;

	open_written(&fdt, fdt_sample(&writer));
	CHECK(vmm_fdt_cpu_next(&fdt, &cpu) == VMM_OK);
	CHECK(cpu.id == 1 && cpu.va_bits == 57);
	CHECK(vmm_fdt_cpu_next(&fdt, &cpu) == VMM_OK);
	CHECK(cpu.id == 3 && cpu.va_bits == 48);
	CHECK(vmm_fdt_cpu_next(&fdt, &cpu) == VMM_ENOENT);
	CHECK(vmm_fdt_mmu_type(&fdt, &bits, &harts) == VMM_OK);
	CHECK_EQ(bits, 48);
	CHECK_EQ(harts, 2);
}

/*
 * /cpus without #size-cells, or with one that the binding forbids: a hart's
 * `reg` is its number all the same, without a size.
 */
TEST(unit_fdt_harts_without_size_cells)
{
	for (uint32_t size_cells = 0; size_cells < 3; size_cells++) {
		struct vmm_fdt_cpu cpu = {0};
		struct vmm_fdt fdt;

		fdt_start(&writer);
		fdt_structure(&writer);
		fdt_begin(&writer, "");
		fdt_begin(&writer, "cpus");
		FDT_CELLS(&writer, "#address-cells", 1);
		if (size_cells != 0)
			FDT_CELLS(&writer, "#size-cells", size_cells);
		for (uint32_t id = 5; id <= 7; id += 2) {
			fdt_begin(&writer, "cpu");
			fdt_text(&writer, "device_type", "cpu");
			FDT_CELLS(&writer, "reg", id);
			fdt_end(&writer);
		}
		fdt_end(&writer);
		fdt_end(&writer);
		open_written(&fdt, fdt_finish(&writer));
		CHECK(vmm_fdt_cpu_next(&fdt, &cpu) == VMM_OK);
		CHECK_EQ(cpu.id, 5);
		CHECK(vmm_fdt_cpu_next(&fdt, &cpu) == VMM_OK);
		CHECK_EQ(cpu.id, 7);
		CHECK(vmm_fdt_cpu_next(&fdt, &cpu) == VMM_ENOENT);
	}
}

/* One hart with the given `mmu-type`, 99 if there is an error. */
static unsigned mode_of(const char *mode)
{
	struct vmm_fdt fdt;
	uint32_t harts;
	unsigned bits;

	fdt_start(&writer);
	fdt_structure(&writer);
	fdt_begin(&writer, "");
	fdt_begin(&writer, "cpus");
	FDT_CELLS(&writer, "#address-cells", 2);
	FDT_CELLS(&writer, "#size-cells", 0);
	fdt_begin(&writer, "cpu");
	fdt_text(&writer, "device_type", "cpu");
	FDT_CELLS(&writer, "reg", 0, 0);
	if (mode != NULL)
		fdt_text(&writer, "mmu-type", mode);
	fdt_end(&writer);
	fdt_end(&writer);
	fdt_end(&writer);
	open_written(&fdt, fdt_finish(&writer));
	if (vmm_fdt_mmu_type(&fdt, &bits, &harts) != VMM_OK)
		return 99;
	CHECK_EQ(harts, 1);
	return bits;
}

/* Every mode of the binding, none, nonsense, and no property at all. */
TEST(unit_fdt_modes)
{
	CHECK_EQ(mode_of("riscv,sv32"), 32);
	CHECK_EQ(mode_of("riscv,sv39"), 39);
	CHECK_EQ(mode_of("riscv,sv48"), 48);
	CHECK_EQ(mode_of("riscv,sv57"), 57);
	CHECK_EQ(mode_of("riscv,none"), 0);
	CHECK_EQ(mode_of("riscv,sv5"), 0);
	CHECK_EQ(mode_of("riscv,sv577"), 0);
	CHECK_EQ(mode_of(NULL), 0);
}

/* After the MMU is on, the same tree is read at another address. */
TEST(unit_fdt_moved)
{
	static unsigned char copy[FDT_WRITER_MAX + 1];
	struct vmm_fdt_node node;
	struct vmm_fdt fdt;
	size_t size = fdt_sample(&writer);

	open_written(&fdt, size);
	for (size_t i = 0; i < size; i++) {
		copy[i + 1] = writer.blob[i];
		writer.blob[i] = 0;
	}
	vmm_fdt_moved(&fdt, copy + 1); /* and to an odd address at that */
	CHECK(vmm_fdt_node_find(&fdt, "/cpus/cpu@1", &node) == VMM_OK);
	CHECK((const unsigned char *)node.name > copy);
	CHECK((const unsigned char *)node.name < copy + size);
}
