/* SPDX-License-Identifier: MIT */
/*
 * What formats put into entries: memory types at every level, leaves of 64 KiB,
 * machines without giga pages, A and D on request; and what they have no bits
 * for. Entries are read by the words of the manuals.
 */
#include "support/pt_rig.h"
#include "support/test.h"

#include <vmm/x86.h>

#define RW  (VMM_PT_READ | VMM_PT_WRITE)
#define RWG (RW | VMM_PT_GLOBAL)
#define RX  (VMM_PT_READ | VMM_PT_EXEC)

static struct pt_rig rig;

static uint64_t leaf_at(vmm_va_t va, unsigned level)
{
	uint64_t entry = 0;
	unsigned got = 99;

	CHECK(rig_leaf(&rig, va, &entry, &got));
	CHECK_EQ(got, level);
	return entry;
}

/* A leaf of each level the format has, with each memory type, by map and by a
 * change of protection; and what is split off keeps the type. */
TEST(unit_pt_memory_types_at_every_level)
{
	static const unsigned types[] = {0, VMM_PT_NC, VMM_PT_IO};
	static const struct rig_machine machines[] = {
		{&vmm_pt_sv39, VMM_PT_SVPBMT}, {&vmm_pt_sv57, VMM_PT_SVPBMT},
		{&vmm_pt_sv48x4, VMM_PT_SVPBMT}, {&vmm_pt_sv39, VMM_PT_THEAD},
		{&vmm_pt_x86_64, 0}, {&vmm_pt_la57, 0}};

	for (size_t m = 0; m < sizeof(machines) / sizeof(machines[0]); m++) {
		for (size_t t = 0; t < 3; t++) {
			struct vmm_tlb_gather gather;
			unsigned prot;

			rig_open_with(
				&rig, machines[m].base, machines[m].features);
			vmm_tlb_gather_init(&gather, NULL, 0);
			for (unsigned l = 0;
				l <= rig.format.leaf_level_max && l < 4; l++) {
				uint64_t size = vmm_pt_leaf_size(l);
				vmm_va_t va = 2 * size;
				uint64_t entry;

				CHECK_EQ(vmm_pt_map(&rig.pt, va, size, size,
						 RW | types[t], NULL),
					VMM_OK);
				entry = leaf_at(va, l);
				CHECK_EQ(rig_type(&rig, entry, l), "mni"[t]);
				CHECK_EQ(vmm_pt_translate(
						 &rig.pt, va, NULL, &prot),
					VMM_OK);
				CHECK_EQ(prot, RW | types[t]);
				/* The type survives a protect, and a split. */
				CHECK_EQ(vmm_pt_protect(&rig.pt, va, 4096,
						 VMM_PT_READ, &gather),
					VMM_OK);
				entry = leaf_at(va, 0);
				CHECK_EQ(rig_type(&rig, entry, 0), "mni"[t]);
				entry = leaf_at(
					va + size - 1, l > 1 ? l - 1 : 0);
				CHECK_EQ(rig_type(&rig, entry,
						 l > 1 ? l - 1 : 0),
					"mni"[t]);
				CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
				CHECK_EQ(vmm_pt_unmap_any(
						 &rig.pt, va, size, &gather),
					VMM_OK);
				vmm_pt_reap(&rig.pt, &gather);
			}
			rig_close(&rig);
		}
	}
}

/* Without types in entries, IO is what the platform says, and NC a lie. */
TEST(unit_pt_memory_types_refused)
{
	unsigned prot;

	rig_open(&rig, &vmm_pt_sv39);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, RW | VMM_PT_NC, NULL),
		VMM_ENOTSUP);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, RW | VMM_PT_TYPE_MASK, NULL),
		VMM_EINVAL);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, RW | VMM_PT_IO, NULL), VMM_OK);
	CHECK_EQ(leaf_at(0, 0) >> 54, 0);
	CHECK_EQ(vmm_pt_translate(&rig.pt, 0, NULL, &prot), VMM_OK);
	CHECK_EQ(prot, RW);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_close(&rig);
}

/* A change of type is urgent: the two views are not coherent. */
TEST(unit_pt_memory_type_changes)
{
	struct vmm_tlb_gather gather;

	rig_open_with(&rig, &vmm_pt_sv39, VMM_PT_SVPBMT);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, VMM_MIB(2), RW, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_modify(&rig.pt, 0, VMM_MIB(2), VMM_PT_NC, 0, &gather),
		VMM_OK);
	CHECK_EQ(rig_type(&rig, leaf_at(0, 1), 1), 'n');
	CHECK_EQ(gather.flags,
		VMM_TLB_CHANGED | VMM_TLB_VALID | VMM_TLB_RESTRICT);
	CHECK_EQ(vmm_pt_modify(&rig.pt, 0, VMM_MIB(2), VMM_PT_IO, 0, &gather),
		VMM_OK);
	CHECK_EQ(rig_type(&rig, leaf_at(0, 1), 1), 'i');
	CHECK_EQ(vmm_pt_modify(
			 &rig.pt, 0, VMM_MIB(2), 0, VMM_PT_TYPE_MASK, &gather),
		VMM_OK);
	CHECK_EQ(rig_type(&rig, leaf_at(0, 1), 1), 'm');
	rig_close(&rig);
}

/* The PAT that the header asks for has the types where the entries look. */
TEST(unit_pt_pat)
{
	/* Intel SDM 3A, table 12-10: UC 0, WC 1, WT 4, WB 6, UC- 7. */
	CHECK_EQ(VMM_X86_PAT >> 0 & 7, 6);
	CHECK_EQ(VMM_X86_PAT >> 24 & 7, 0);
	CHECK_EQ(VMM_X86_PAT >> 48 & 7, 1);
	/* The others are as after reset. */
	CHECK_EQ(VMM_X86_PAT & 0xff00ffffffffffff,
		UINT64_C(0x0007040600070406) & 0xff00ffffffffffff);
}

/* Features that contradict each other, or belong to another architecture. */
TEST(unit_pt_features_refused)
{
	struct vmm_pt_format format;

	CHECK_EQ(vmm_pt_format_init(&format, &vmm_pt_sv39, 32), VMM_EINVAL);
	CHECK_EQ(vmm_pt_format_init(
			 &format, &vmm_pt_sv39, VMM_PT_SVPBMT | VMM_PT_THEAD),
		VMM_EINVAL);
	CHECK_EQ(vmm_pt_format_init(
			 &format, &vmm_pt_sv39, VMM_PT_SVNAPOT | VMM_PT_THEAD),
		VMM_EINVAL);
	CHECK_EQ(vmm_pt_format_init(&format, &vmm_pt_x86_64, VMM_PT_SVPBMT),
		VMM_ENOTSUP);
	CHECK_EQ(vmm_pt_format_init(&format, &vmm_pt_la57, VMM_PT_SVNAPOT),
		VMM_ENOTSUP);
}

/* 2 MiB is the largest leaf where there is no larger one. */
TEST(unit_pt_no_giga_pages)
{
	static const struct vmm_pt_format *const bases[] = {
		&vmm_pt_x86_64, &vmm_pt_sv57, &vmm_pt_sv39x4};

	for (int i = 0; i < 3; i++) {
		struct vmm_pt_usage usage;

		rig_open_with(&rig, bases[i], VMM_PT_NO_GIGA);
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(4), VMM_GIB(8), VMM_GIB(2),
				 RW, NULL),
			VMM_OK);
		leaf_at(VMM_GIB(4), 1);
		CHECK_EQ(vmm_pt_usage(&rig.pt, &usage), VMM_OK);
		CHECK_EQ(usage.leaves[1], 1024);
		CHECK_EQ(usage.leaves[2], 0);
		rig_close(&rig);
	}
}

/* The 16 entries of one 64 KiB leaf, as the specification draws them. */
static void check_group(vmm_va_t va, vmm_pa_t pa, bool napot)
{
	for (unsigned i = 0; i < 16; i++) {
		uint64_t entry = leaf_at(va + i * 4096, 0);
		uint64_t ppn = entry >> 10 & ((UINT64_C(1) << 44) - 1);
		vmm_pa_t got;

		CHECK_EQ(entry >> 63, napot ? 1 : 0);
		CHECK_EQ(ppn, napot ? (pa >> 12 | 8) : (pa >> 12) + i);
		CHECK(rig_mmu(&rig, va + i * 4096 + 5, 'r', false, &got));
		CHECK_EQ(got, pa + i * 4096 + 5);
		CHECK_EQ(vmm_pt_translate(
				 &rig.pt, va + i * 4096 + 5, &got, NULL),
			VMM_OK);
		CHECK_EQ(got, pa + i * 4096 + 5);
	}
}

/* From 3 pages before a 64 KiB border to 3 pages behind the next but one: two
 * leaves of 64 KiB and six pages. */
TEST(unit_pt_napot_leaves)
{
	const vmm_va_t va = 0x40000 - 0x3000;
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_tlb_gather gather;
	struct vmm_pt_run run;

	rig_open_with(&rig, &vmm_pt_sv39, VMM_PT_SVNAPOT);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(
		vmm_pt_map(&rig.pt, va, 0x80040000 - 0x3000, 0x26000, RW, NULL),
		VMM_OK);
	check_group(0x40000, 0x80040000, true);
	check_group(0x50000, 0x80050000, true);
	CHECK_EQ(leaf_at(0x3f000, 0) >> 63, 0);
	CHECK_EQ(leaf_at(0x60000, 0) >> 63, 0);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.size == 0x3000 && run.shift == 12);
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.size == 0x20000 && run.shift == 16 && run.level == 0);
	CHECK_EQ(run.pa, 0x80040000);
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.size == 0x3000 && run.shift == 12);

	/* One page out of the middle: the 15 others become pages, and all 16
	 * are in the gather, since any may be cached as 64 KiB. */
	CHECK_EQ(vmm_pt_protect(&rig.pt, 0x44000, 0x1000, VMM_PT_READ, &gather),
		VMM_OK);
	CHECK_EQ(gather.first, 0x40000);
	CHECK_EQ(gather.last, 0x4ffff);
	CHECK_EQ(gather.shift, 12);
	check_group(0x40000, 0x80040000, false);
	check_group(0x50000, 0x80050000, true);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	/* The whole of the other: it stays one. */
	CHECK_EQ(
		vmm_pt_protect(&rig.pt, 0x50000, 0x10000, VMM_PT_READ, &gather),
		VMM_OK);
	check_group(0x50000, 0x80050000, true);
	vmm_pt_reap(&rig.pt, &gather);
	/* Unmap from inside one to inside the same. */
	CHECK_EQ(vmm_pt_unmap(&rig.pt, 0x51000, 0x2000, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_translate(&rig.pt, 0x51000, NULL, NULL), VMM_ENOENT);
	CHECK_EQ(leaf_at(0x50000, 0) >> 63, 0);
	CHECK_EQ(leaf_at(0x53000, 0) >> 63, 0);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_reap(&rig, &gather);
	rig_close(&rig);
}

/* A superpage that is cut falls into leaves of 64 KiB, but for the one in which
 * the cut is; misaligned frames have none. */
TEST(unit_pt_napot_from_a_superpage)
{
	struct vmm_pt_usage usage;

	rig_open_with(&rig, &vmm_pt_sv48, VMM_PT_SVNAPOT);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, VMM_MIB(64), VMM_MIB(2), RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_protect(&rig.pt, 0x21000, 0x1000, VMM_PT_READ, NULL),
		VMM_OK);
	check_group(0, VMM_MIB(64), true);
	check_group(0x10000, VMM_MIB(64) + 0x10000, true);
	check_group(0x20000, VMM_MIB(64) + 0x20000, false);
	check_group(0x1f0000, VMM_MIB(64) + 0x1f0000, true);
	CHECK_EQ(vmm_pt_usage(&rig.pt, &usage), VMM_OK);
	CHECK_EQ(usage.leaves[0], 512);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(8), 0x1000, 0x20000, RW, NULL),
		VMM_OK);
	check_group(VMM_MIB(8), 0x1000, false);
	rig_close(&rig);
}

/* A and D: preset and not to be asked for, or as asked for. */
TEST(unit_pt_tracking)
{
	static const struct vmm_pt_format *const bases[] = {
		&vmm_pt_sv39, &vmm_pt_x86_64, &vmm_pt_sv57x4};
	static const unsigned shift[] = {6, 5, 6};

	for (int i = 0; i < 3; i++) {
		unsigned prot;

		rig_open(&rig, bases[i]);
		CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, VMM_PT_READ, NULL),
			VMM_OK);
		CHECK_EQ(leaf_at(0, 0) >> shift[i] & 3, 3);
		CHECK_EQ(vmm_pt_modify(&rig.pt, 0, 4096, VMM_PT_DIRTY, 0, NULL),
			VMM_ENOTSUP);
		rig_close(&rig);
		rig_open_with(&rig, bases[i], VMM_PT_TRACK);
		CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, RW, NULL), VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, 4096, 0, 4096,
				 RW | VMM_PT_ACCESSED, NULL),
			VMM_OK);
		CHECK_EQ(leaf_at(0, 0) >> shift[i] & 3, 0);
		CHECK_EQ(leaf_at(4096, 0) >> shift[i] & 3, 1);
		/* What a fault handler does under Svade. */
		CHECK_EQ(vmm_pt_modify(&rig.pt, 0, 4096,
				 VMM_PT_ACCESSED | VMM_PT_DIRTY, 0, NULL),
			VMM_OK);
		CHECK_EQ(leaf_at(0, 0) >> shift[i] & 3, 3);
		/* A change of protection leaves them alone. */
		CHECK_EQ(vmm_pt_protect(&rig.pt, 0, 8192, VMM_PT_READ, NULL),
			VMM_OK);
		CHECK_EQ(leaf_at(0, 0) >> shift[i] & 3, 3);
		CHECK_EQ(leaf_at(4096, 0) >> shift[i] & 3, 1);
		CHECK_EQ(vmm_pt_translate(&rig.pt, 0, NULL, &prot), VMM_OK);
		CHECK_EQ(prot, VMM_PT_READ | VMM_PT_ACCESSED | VMM_PT_DIRTY);
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		rig_close(&rig);
	}
}

/* What a format has no bits for is refused, and what it forces is there. */
TEST(unit_pt_formats_refuse_what_they_cannot_express)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		bool guest = rig_is_guest(rig_formats[f]);
		bool x86 = rig_formats[f]->satp_mode == 0;
		struct vmm_pt_run run;
		struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
		vmm_pa_t pa;

		rig_open(&rig, rig_formats[f]);
		if (guest) {
			CHECK_REFUSED(&rig,
				vmm_pt_map(&rig.pt, 0, 0, 4096,
					RW | VMM_PT_USER, NULL),
				VMM_ENOTSUP);
			CHECK_REFUSED(&rig,
				vmm_pt_map(&rig.pt, 0, 0, 4096, RWG, NULL),
				VMM_ENOTSUP);
		}
		if (x86)
			CHECK_REFUSED(&rig,
				vmm_pt_map(
					&rig.pt, 0, 0, 4096, VMM_PT_EXEC, NULL),
				VMM_ENOTSUP);
		else
			CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, VMM_PT_EXEC,
					 NULL),
				VMM_OK);
		CHECK(rig_mmu(&rig, 0, 'x', guest, &pa) == !x86);
		CHECK(!rig_mmu(&rig, 0, 'r', guest, &pa));
		/* The largest leaf: as large as an entry of the root, but in
		 * x86-64 no larger than 1 GiB. */
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_TIB(1), VMM_TIB(1), VMM_TIB(1),
				 RX, NULL),
			guest || rig_formats[f] != &vmm_pt_sv39 ? VMM_OK
								: VMM_ERANGE);
		cursor.va = VMM_TIB(1);
		if (rig_formats[f] != &vmm_pt_sv39) {
			CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
			CHECK_EQ(run.size, VMM_TIB(1));
			CHECK_EQ(run.level,
				x86 || rig_formats[f]->levels == 3 ? 2 : 3);
			CHECK(rig_mmu(&rig, VMM_TIB(2) - 1, 'x', guest, &pa));
			CHECK_EQ(pa, VMM_TIB(2) - 1);
		}
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		rig_close(&rig);
	}
}

/* A row can say what it cannot express, and has its own bits above level 0:
 * an invented format with no user bit and a bit that marks superpages. */
TEST(unit_pt_format_rows)
{
	struct vmm_pt_format format = vmm_pt_sv39;
	const uint64_t mark = UINT64_C(1) << 60;
	struct vmm_tlb_gather gather;
	unsigned prot;

	format.prot_allowed &= ~(VMM_PT_USER | VMM_PT_GLOBAL);
	format.prot[3] = (struct vmm_pt_prot_bits){0, 0};
	format.prot[4] = (struct vmm_pt_prot_bits){0, 0};
	format.leaf_bits[1] |= mark;
	rig_open(&rig, &format);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_REFUSED(
		&rig, vmm_pt_map(&rig.pt, 0, 0, 4096, RWG, NULL), VMM_ENOTSUP);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, VMM_GIB(1), RW, NULL), VMM_OK);
	CHECK_REFUSED(&rig,
		vmm_pt_protect(&rig.pt, 0, 4096, RW | VMM_PT_USER, NULL),
		VMM_ENOTSUP);
	CHECK_EQ(
		vmm_pt_protect(&rig.pt, 0, 4096, VMM_PT_READ, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	CHECK_EQ(vmm_pt_translate(&rig.pt, 4096, NULL, &prot), VMM_OK);
	CHECK_EQ(prot, RW);
	{
		const uint64_t *root =
			(const uint64_t *)(uintptr_t)(rig.pt.root + rig.offset);
		const uint64_t *mid =
			(const uint64_t *)(uintptr_t)((root[0] >> 10 << 12) +
						      rig.offset);
		const uint64_t *low =
			(const uint64_t *)(uintptr_t)((mid[0] >> 10 << 12) +
						      rig.offset);

		CHECK_EQ(mid[1] & mark, mark);
		CHECK_EQ(low[1] & mark, 0);
	}
	rig_close(&rig);
}
