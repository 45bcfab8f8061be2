/* SPDX-License-Identifier: MIT */
/*
 * Boot tables and the direct map of all RAM. The MMU is off when boot tables
 * are built, so tables are reached at offset 0: the scratch pages' addresses
 * are real ones.
 */
#include "support/pt_rig.h"
#include "support/test.h"

#include <vmm/boot.h>
#include <vmm/riscv.h>

#define RW  (VMM_PT_READ | VMM_PT_WRITE)
#define RWX (RW | VMM_PT_EXEC)

#define SCRATCH 8
static _Alignas(4096) uint8_t scratch[SCRATCH * 4096];
static struct pt_rig rig;
static struct vmm_mem_range entries[64];
static struct vmm_memmap map;

static vmm_pa_t scratch_pa(void)
{
	return (uintptr_t)scratch;
}

/* The map of the hypervisor's notes: identity, image and linear map of the
 * same gigapage, and a console below it. */
TEST(unit_boot_tables)
{
	static const struct vmm_boot_map maps[] = {
		{0x10000000, 0x10000000, 0x1000, RW, 0},
		{0x80200000, 0x80200000, 0x10000, RWX, 0},
		{0xffffffc000200000, 0x80200000, 0x10000, RWX, 0},
		{0xffffffe000000000, 0x80000000, VMM_GIB(3), RW, 0},
	};
	static const uint64_t tables[RIG_SATP_FORMATS] = {1, 3, 5};

	for (int f = 0; f < RIG_SATP_FORMATS; f++) {
		struct vmm_pt pt;
		vmm_pa_t pa;

		CHECK_EQ(vmm_boot_tables(&pt, rig_formats[f], scratch_pa(),
				 SCRATCH, maps, 4),
			VMM_OK);
		CHECK_EQ(pt.table_count, tables[f]);
		CHECK_EQ(pt.table_count + pt.spare_count, SCRATCH);
		CHECK_EQ(vmm_pt_check(&pt), VMM_OK);
		/* The specification's walk, over the scratch pages. */
		rig.pt = pt;
		rig.offset = 0;
		CHECK(rig_mmu(&rig, 0x10000005, 'w', false, &pa));
		CHECK_EQ(pa, 0x10000005);
		CHECK(rig_mmu(&rig, 0x80201234, 'x', false, &pa));
		CHECK_EQ(pa, 0x80201234);
		CHECK(rig_mmu(&rig, 0xffffffc000201234, 'x', false, &pa));
		CHECK_EQ(pa, 0x80201234);
		CHECK(rig_mmu(&rig, 0xffffffe0bfffffff, 'w', false, &pa));
		CHECK_EQ(pa, 0x80000000 + VMM_GIB(3) - 1);
		CHECK(!rig_mmu(&rig, 0xffffffe0c0000000, 'r', false, &pa));
		CHECK(!rig_mmu(&rig, 0xffffffe000000000, 'x', false, &pa));
		CHECK_EQ(vmm_riscv_satp(&pt, 5), ((uint64_t)f + 8) << 60 |
							 UINT64_C(5) << 44 |
							 pt.root >> 12);
	}
}

/* As many pages as needed are enough; one less is an error, at each number. */
TEST(fault_boot_tables_runs_out)
{
	static const struct vmm_boot_map maps[] = {
		{0x80000000, 0x80000000, 0x1000, RWX, 0},
		{0xffffffff80000000, 0x80000000, 0x1000, RWX, 0},
		{0xffffffc000000000, 0, VMM_GIB(8), RW, 0},
	};
	static const size_t needed[RIG_SATP_FORMATS] = {1, 3, 5};

	for (int f = 0; f < RIG_SATP_FORMATS; f++) {
		for (size_t n = 1; n <= SCRATCH; n++) {
			struct vmm_pt pt;

			CHECK_EQ(vmm_boot_tables(&pt, rig_formats[f],
					 scratch_pa(), n, maps, 3),
				n < needed[f] ? VMM_ENOMEM : VMM_OK);
		}
	}
}

/* Exact rows: sections with their own rights at two places, and a direct map
 * that leaves the image out, all from scratch pages. */
TEST(unit_boot_exact_rows)
{
	static const struct vmm_boot_map maps[] = {
		{0x80200000, 0x80200000, 0x3000, RWX & ~VMM_PT_WRITE,
			VMM_BOOT_EXACT},
		{0x80203000, 0x80203000, 0x2000, RW, VMM_BOOT_EXACT},
		{0xffffffff80600000, 0x80200000, 0x3000, RWX & ~VMM_PT_WRITE,
			VMM_BOOT_EXACT},
		{0xffffffff80603000, 0x80203000, 0x2000, RW, VMM_BOOT_EXACT},
	};
	static const struct vmm_boot_map bad = {
		0x1000, 0x1000, 0x800, RW, VMM_BOOT_EXACT};
	struct vmm_pt pt;
	vmm_pa_t pa;

	CHECK_EQ(vmm_boot_tables(
			 &pt, &vmm_pt_sv39, scratch_pa(), SCRATCH, maps, 4),
		VMM_OK);
	CHECK_EQ(pt.table_count, 5);
	CHECK_EQ(vmm_pt_check(&pt), VMM_OK);
	rig.pt = pt;
	rig.offset = 0;
	CHECK(rig_mmu(&rig, 0xffffffff80602fff, 'x', false, &pa));
	CHECK_EQ(pa, 0x80202fff);
	CHECK(!rig_mmu(&rig, 0xffffffff80602fff, 'w', false, &pa));
	CHECK(rig_mmu(&rig, 0x80203000, 'w', false, &pa));
	CHECK(!rig_mmu(&rig, 0x80203000, 'x', false, &pa));
	CHECK(!rig_mmu(&rig, 0x80205000, 'r', false, &pa));
	CHECK(!rig_mmu(&rig, 0x801fffff, 'r', false, &pa));
	CHECK_EQ(vmm_boot_tables(
			 &pt, &vmm_pt_sv39, scratch_pa(), SCRATCH, &bad, 1),
		VMM_EINVAL);
}

/* Each way in which a row can be wrong. */
TEST(unit_boot_tables_errors)
{
	static const struct {
		struct vmm_boot_map maps[2];
		int err;
	} cases[] = {
		{{{0, 0, 0, RW, 0}, {0, 0, 1, RW, 0}}, VMM_EINVAL},
		{{{0, 0x1000, 0x1000, RW, 0}, {0, 0, 1, RW, 0}}, VMM_EINVAL},
		{{{0, 0, 1, 0, 0}, {0, 0, 1, RW, 0}}, VMM_EINVAL},
		{{{UINT64_MAX, VMM_GIB(1) - 1, 2, RW, 0}, {0, 0, 1, RW, 0}},
			VMM_ERANGE},
		{{{VMM_TIB(1), 0, 1, RW, 0}, {0, 0, 1, RW, 0}}, VMM_ERANGE},
		{{{0, UINT64_MAX - VMM_GIB(1) + 1, 1, RW, 0}, {0, 0, 1, RW, 0}},
			VMM_ERANGE},
		/* One gigapage, two addresses; one address, two rights. */
		{{{0, 0, 1, RW, 0}, {1, VMM_GIB(1) + 1, 1, RW, 0}}, VMM_EEXIST},
		{{{0, 0, 1, RW, 0}, {1, 1, 1, RWX, 0}}, VMM_EEXIST},
		/* The same rights in other words: W means R and W. */
		{{{0, 0, 1, VMM_PT_WRITE, 0}, {1, 1, 1, VMM_PT_WRITE, 0}},
			VMM_OK},
		{{{0, 0, 1, VMM_PT_WRITE, 0}, {1, 1, 1, RW, 0}}, VMM_OK},
		{{{0, 0, 1, RW, 0}, {VMM_GIB(1) - 1, VMM_GIB(1) - 1, 1, RW, 0}},
			VMM_OK},
		/* The last gigapage, up to 2^64. */
		{{{UINT64_MAX, VMM_GIB(1) - 1, 1, RW, 0}, {0, 0, 1, RW, 0}},
			VMM_OK},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vmm_pt pt;

		CHECK_EQ(vmm_boot_tables(&pt, &vmm_pt_sv39, scratch_pa(),
				 SCRATCH, cases[i].maps, 2),
			cases[i].err);
	}
	{
		struct vmm_pt pt;

		CHECK_EQ(vmm_boot_tables(
				 &pt, &vmm_pt_sv39, scratch_pa(), 0, NULL, 0),
			VMM_EINVAL);
		CHECK_EQ(vmm_boot_tables(&pt, &vmm_pt_sv39, scratch_pa() + 8,
				 SCRATCH, NULL, 0),
			VMM_EINVAL);
	}
}

#define OFFSET UINT64_C(0xffffffc000000000)

/* 5 GiB of RAM from 2 GiB on, firmware that must not be mapped at its start,
 * an image, memory of the loader; and a small bank with a ragged end. */
static void open_map(void)
{
	vmm_memmap_init(&map, entries, 64);
	CHECK_EQ(vmm_memmap_add(&map, VMM_GIB(2), VMM_GIB(5)), VMM_OK);
	CHECK_EQ(vmm_memmap_add(&map, VMM_GIB(9), VMM_MIB(4) + 0x1800), VMM_OK);
	CHECK_EQ(
		vmm_memmap_reserve(&map, VMM_GIB(2), VMM_MIB(2), VMM_MEM_NOMAP),
		VMM_OK);
	CHECK_EQ(vmm_memmap_reserve(&map, VMM_GIB(2) + VMM_MIB(2), 0x5000,
			 VMM_MEM_PERMANENT),
		VMM_OK);
	CHECK_EQ(vmm_memmap_reserve(
			 &map, VMM_GIB(4) + 0x3000, 0x1000, VMM_MEM_LOADER),
		VMM_OK);
}

static bool mapped(vmm_pa_t pa, char access)
{
	vmm_pa_t got;

	if (!rig_mmu(&rig, pa + OFFSET, access, false, &got))
		return false;
	CHECK_EQ(got, pa);
	return true;
}

/* What is RAM is mapped, with gigapages where nothing is in the way; the
 * image is carved out, its constants are read-only. */
TEST(unit_boot_map_ram)
{
	const vmm_pa_t image = VMM_GIB(2) + VMM_MIB(2);
	const struct vmm_boot_carve carves[] = {
		{image, 0x3000, 0},
		{image + 0x3000, 0x2000, VMM_PT_READ},
	};
	struct vmm_pt_run run;
	struct vmm_pt_cursor cursor =
		vmm_pt_cursor_range(VMM_GIB(3) + OFFSET, UINT64_MAX);

	rig_open(&rig, &vmm_pt_sv39);
	open_map();
	CHECK_EQ(
		vmm_boot_map_ram(&rig.pt, &map, OFFSET, RW, carves, 2), VMM_OK);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	CHECK(!mapped(VMM_GIB(2) - 1, 'r') && !mapped(VMM_GIB(2), 'r'));
	CHECK(!mapped(image - 1, 'r'));
	CHECK(!mapped(image, 'r') && !mapped(image + 0x2fff, 'r'));
	CHECK(mapped(image + 0x3000, 'r') && !mapped(image + 0x3000, 'w'));
	CHECK(mapped(image + 0x4fff, 'r') && !mapped(image + 0x4fff, 'w'));
	CHECK(mapped(image + 0x5000, 'w') && !mapped(image + 0x5000, 'x'));
	/* The loader's page does not break its gigapage. */
	CHECK(mapped(VMM_GIB(4) + 0x3000, 'w'));
	CHECK(mapped(VMM_GIB(7) - 1, 'w') && !mapped(VMM_GIB(7), 'r'));
	CHECK(mapped(VMM_GIB(9), 'w'));
	/* Only whole frames: the last half one is left out. */
	CHECK(mapped(VMM_GIB(9) + VMM_MIB(4) + 0xfff, 'w'));
	CHECK(!mapped(VMM_GIB(9) + VMM_MIB(4) + 0x1000, 'r'));
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 2 && run.size == VMM_GIB(4));
	rig_close(&rig);
}

/* A failure at any page of the tables changes nothing: neither the empty tables
 * nor the spare pages that were there before. */
TEST(fault_boot_map_ram)
{
	const struct vmm_boot_carve carve = {
		VMM_GIB(2) + VMM_MIB(2), 0x3000, 0};
	struct vmm_tlb_gather gather;
	uint64_t digest;
	long n = 0;
	int err;

	open_map();
	do {
		rig_open(&rig, &vmm_pt_sv48);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(2) + OFFSET, 0, 4096, RW,
				 NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_unmap(
				 &rig.pt, VMM_GIB(2) + OFFSET, 4096, &gather),
			VMM_OK);
		CHECK_EQ(vmm_pt_reserve(&rig.pt, 1), VMM_OK);
		digest = rig_digest(&rig);
		rig.fail_in = n++;
		err = vmm_boot_map_ram(&rig.pt, &map, OFFSET, RW, &carve, 1);
		rig.fail_in = -1;
		if (err != VMM_OK) {
			CHECK_EQ(err, -1234);
			CHECK_EQ(rig_digest(&rig), digest);
		}
		rig_close(&rig);
	} while (err != VMM_OK);
	CHECK(n >= 3);

	/* The last bank collides with something: the same. */
	rig_open(&rig, &vmm_pt_sv48);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(9) + OFFSET, 0, 4096, RW, NULL),
		VMM_OK);
	digest = rig_digest(&rig);
	CHECK_EQ(vmm_boot_map_ram(&rig.pt, &map, OFFSET, RW, &carve, 1),
		VMM_EEXIST);
	CHECK_EQ(rig_digest(&rig), digest);
	rig_close(&rig);
}

/* Exactly the tables of all pieces together, and not one page more. */
TEST(unit_boot_map_ram_needs)
{
	const struct vmm_boot_carve carve = {
		VMM_GIB(2) + VMM_MIB(2), 0x3000, 0};

	for (int f = 0; f < RIG_SATP_FORMATS; f++) {
		uint64_t tables;

		rig_open(&rig, rig_formats[f]);
		open_map();
		CHECK_EQ(vmm_boot_map_ram(&rig.pt, &map, OFFSET, RW, &carve, 1),
			VMM_OK);
		CHECK_EQ(rig.pt.spare_count, 0);
		tables = rig.pt.table_count - 1;
		rig_close(&rig);
		rig_open(&rig, rig_formats[f]);
		CHECK_EQ(vmm_pt_reserve(&rig.pt, tables), VMM_OK);
		rig.fail_in = 0;
		CHECK_EQ(vmm_boot_map_ram(&rig.pt, &map, OFFSET, RW, &carve, 1),
			VMM_OK);
		rig.fail_in = -1;
		rig_close(&rig);
	}
}

TEST(unit_boot_map_ram_errors)
{
	static const struct vmm_boot_carve bad[][2] = {
		{{0x1001, 0x1000, 0}, {0x5000, 0x1000, 0}},
		{{0x1000, 0, 0}, {0x5000, 0x1000, 0}},
		{{0x5000, 0x1000, 0}, {0x1000, 0x1000, 0}},
		{{0x1000, 0x2000, 0}, {0x2000, 0x1000, 0}},
		{{UINT64_MAX - 0xfff, 0x2000, 0}, {0, 0x1000, 0}},
	};

	rig_open(&rig, &vmm_pt_sv39);
	open_map();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(vmm_boot_map_ram(&rig.pt, &map, OFFSET, RW, bad[i], 2),
			VMM_EINVAL);
	CHECK_EQ(vmm_boot_map_ram(&rig.pt, &map, OFFSET, 0, NULL, 0),
		VMM_EINVAL);
	{
		static const struct vmm_boot_carve user = {
			0x1000, 0x1000, VMM_PT_USER};

		CHECK_EQ(vmm_boot_map_ram(&rig.pt, &map, OFFSET, RW, &user, 1),
			VMM_EINVAL);
	}
	CHECK_EQ(vmm_boot_map_ram(&rig.pt, &map, OFFSET + 1, RW, NULL, 0),
		VMM_EINVAL);
	/* RAM does not fit between here and 2^64. */
	CHECK_EQ(vmm_boot_map_ram(
			 &rig.pt, &map, OFFSET + VMM_GIB(250), RW, NULL, 0),
		VMM_ERANGE);
	/* The second bank would go on at the bottom of the address space. */
	vmm_memmap_init(&map, entries, 64);
	CHECK_EQ(vmm_memmap_add(&map, VMM_GIB(1), VMM_GIB(1)), VMM_OK);
	CHECK_EQ(vmm_memmap_add(&map, VMM_GIB(300), VMM_GIB(1)), VMM_OK);
	CHECK_EQ(vmm_boot_map_ram(&rig.pt, &map, OFFSET, RW, NULL, 0),
		VMM_ERANGE);
	CHECK_EQ(rig.pt.table_count, 1);
	rig_close(&rig);
}
