/* SPDX-License-Identifier: MIT */
/*
 * The linter: tables of the library's have nothing wrong in any format, and each
 * kind of wrong entry, written by hand, is named.
 */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE)

static struct pt_rig rig;
static char buffer[4096];
static struct test_text text;

static uint64_t *table_at(vmm_pa_t pa)
{
	return (uint64_t *)(uintptr_t)(pa + rig.offset);
}

/* Lint what somebody else might have made. */
static uint64_t lint_view(uint64_t tables_max)
{
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));
	struct vmm_pt view =
		vmm_pt_view(rig.pt.format, rig.offset, rig.pt.root);

	return vmm_pt_lint(&view, tables_max, &sink);
}

TEST(unit_pt_lint_finds_nothing_in_ours)
{
	for (int m = 0; m < RIG_MACHINES; m++) {
		unsigned prot = RW | (rig_is_guest(rig_machines[m].base)
						     ? 0
						     : VMM_PT_GLOBAL);

		if ((rig_machines[m].features & VMM_PT_TRACK) != 0)
			prot |= VMM_PT_ACCESSED | VMM_PT_DIRTY;
		rig_open_with(
			&rig, rig_machines[m].base, rig_machines[m].features);
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(2) - 0x21000,
				 VMM_GIB(8) - 0x21000,
				 VMM_GIB(1) + VMM_MIB(2) + 0x42000,
				 prot | VMM_PT_IO, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt,
				 rig_last(rig_machines[m].base) - 0x1ffff,
				 0x5000, 0x20000, prot, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_tag(&rig.pt, 0x1000, 0x3000, 77, NULL), VMM_OK);
		CHECK_EQ(lint_view(100), 0);
		CHECK_EQ(text.used, 0);
		rig_close(&rig);
	}
}

/* One wrong entry at a time, in a table for 0x40000000 (level 2 of Sv39: root
 * entry 1), the others from there. */
struct wrong {
	const struct vmm_pt_format *base;
	unsigned features;
	unsigned level; /* where the entry is, below root entry 1 */
	uint64_t entry;
	const char *reason;
};

#define R    UINT64_C(0xcf) /* V R W X A D */
#define PA   UINT64_C(0x20000000)
#define B(n) (UINT64_C(1) << (n))
/* x86-64: P RW A D, and PS. */
#define P    UINT64_C(0x63)
#define PS   UINT64_C(0xe3)

static const struct wrong wrongs[] = {
	{&vmm_pt_sv39, 0, 2, PA | B(10) | R, "address is not aligned"},
	{&vmm_pt_sv39, 0, 1, PA | B(18) | R, "address is not aligned"},
	{&vmm_pt_sv39, 0, 0, PA | 0xc5, "W without R"},
	{&vmm_pt_sv39, 0, 0, PA | 0xcd, "W without R"},
	{&vmm_pt_sv39, 0, 0, PA | 0xc1, "neither a leaf nor a table"},
	{&vmm_pt_sv39, 0, 0, PA | 0x8f, "A or D is 0"},
	{&vmm_pt_sv39, 0, 0, PA | 0x4f, "A or D is 0"},
	{&vmm_pt_sv39, 0, 0, PA | R | 0x30, "global, and the user's"},
	{&vmm_pt_sv39, 0, 0, PA | R | B(54), "reserved bits"},
	{&vmm_pt_sv39, 0, 0, PA | R | B(60), "reserved bits"},
	{&vmm_pt_sv39, 0, 0, PA | R | B(61), "reserved bits"},
	{&vmm_pt_sv39, 0, 0, PA | R | B(63), "reserved bits"},
	{&vmm_pt_sv39, VMM_PT_SVPBMT, 0, PA | R | B(61) | B(62), "memory type"},
	{&vmm_pt_sv39, VMM_PT_THEAD, 0, PA | R, "memory type"},
	{&vmm_pt_sv39, VMM_PT_THEAD, 0, PA | R | B(59), "memory type"},
	{&vmm_pt_sv39, VMM_PT_SVNAPOT, 0, PA | R | B(63), "size that is"},
	{&vmm_pt_sv39, VMM_PT_SVNAPOT, 0, PA | R | B(63) | B(12),
		"size that is"},
	{&vmm_pt_sv39, VMM_PT_SVNAPOT, 1, PA | R | B(63), "size that is"},
	{&vmm_pt_sv39, VMM_PT_SVNAPOT, 0, PA | R | B(63) | B(13),
		"64 KiB leaf differ"},
	{&vmm_pt_sv39, VMM_PT_NO_GIGA, 2, PA | R, "level that has none"},
	{&vmm_pt_sv39, 0, 1, PA | 0x41, "table's entry (A, D, U?)"},
	{&vmm_pt_sv39, 0, 1, PA | 0x11, "table's entry (A, D, U?)"},
	{&vmm_pt_sv39, 0, 1, PA | 0x21, "G in a table's entry"},
	{&vmm_pt_sv39, 0, 1, RIG_RAM >> 2 | 1, "above itself"},
	{&vmm_pt_sv39x4, 0, 0, PA | R, "guest's leaf without U"},
	{&vmm_pt_sv39x4, 0, 0, PA | R | 0x30, "G is reserved in a guest"},
	{&vmm_pt_x86_64, 0, 1, B(31) | B(13) | PS, "address is not aligned"},
	{&vmm_pt_x86_64, 0, 0, B(31) | P | B(3), "memory type"},
	{&vmm_pt_x86_64, 0, 1, B(31) | PS | B(12), "memory type"},
	{&vmm_pt_x86_64, 0, 0, B(31) | 0x43, "A or D is 0"},
	{&vmm_pt_x86_64, VMM_PT_NO_GIGA, 2, B(31) | PS, "level that has none"},
};

static void lint_wrong(const struct wrong *wrong)
{
	unsigned root_level = wrong->base->levels - 1u;
	vmm_va_t va = VMM_GIB(1) + VMM_MIB(2) + 0x10000;
	vmm_pa_t table = rig.pt.root;
	uint64_t *entry = NULL;
	uint64_t old;

	for (unsigned l = root_level;; l--) {
		entry = &table_at(table)[(va >> (12 + 9 * l)) & 511];
		if (l == wrong->level)
			break;
		table = wrong->base->satp_mode != 0
				? *entry >> 10 << 12
				: *entry & UINT64_C(0xffffffffff000);
	}
	old = *entry;
	*entry = wrong->entry;
	/* What a table's entry leads to would be looked at as well. */
	if (wrong->level == 1 && (wrong->entry & 0xe) == 0 &&
		wrong->base == &vmm_pt_sv39 && (wrong->entry & 0x30) != 0)
		*entry = (wrong->entry & 0x3ff) | (old & ~UINT64_C(0x3ff));
	if (wrong->level == 1 && (wrong->entry & 0xff) == 0x41)
		*entry = 0x41 | (old & ~UINT64_C(0x3ff));
	CHECK_EQ(lint_view(100), 1);
	if (!test_text_has(&text, wrong->reason))
		test_fail(__FILE__, __LINE__, wrong->reason);
	*entry = old;
}

TEST(unit_pt_lint_names_each_wrong_entry)
{
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		rig_open_with(&rig, wrongs[i].base, wrongs[i].features);
		/* Tables down to level 0, with nothing in the lowest. */
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(1) + VMM_MIB(2), 0, 4096,
				 VMM_PT_READ, NULL),
			VMM_OK);
		{
			struct vmm_tlb_gather gather;

			vmm_tlb_gather_init(&gather, NULL, 0);
			CHECK_EQ(vmm_pt_unmap(&rig.pt, VMM_GIB(1) + VMM_MIB(2),
					 4096, &gather),
				VMM_OK);
		}
		CHECK_EQ(lint_view(100), 0);
		lint_wrong(&wrongs[i]);
		rig_close(&rig);
	}
}

/* The line says where: the range, the level, the entry. */
TEST(golden_pt_lint)
{
	rig_open(&rig, &vmm_pt_sv39);
	table_at(rig.pt.root)[1] = PA | B(10) | R;
	CHECK_EQ(lint_view(1), 1);

	/* Bits for software are nobody's business. */
	table_at(rig.pt.root)[2] = PA | 0xc7 | B(8) | B(9);
	CHECK_EQ(lint_view(1), 1);
	table_at(rig.pt.root)[511] = PA | 0xc7 | B(57);
	CHECK_EQ(lint_view(1), 2);
	CHECK(test_text_has(&text,
		"[0x0000000040000000-0x000000007fffffff] level 2 entry "
		"0x00000000200004cf: a superpage whose address is not aligned "
		"to its size\n"
		"[0xffffffffc0000000-0xffffffffffffffff] level 2 entry "
		"0x02000000200000c7: reserved bits are set\n"));
	table_at(rig.pt.root)[1] = 0;
	table_at(rig.pt.root)[2] = 0;
	table_at(rig.pt.root)[511] = 0;
	rig_close(&rig);
}

/* Tables that contain each other 512 times have an end all the same. */
TEST(unit_pt_lint_ends)
{
	rig_open(&rig, &vmm_pt_sv57);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, RW, NULL), VMM_OK);
	{
		vmm_pa_t table = rig.pt.root;

		for (int level = 4; level > 0; level--) {
			uint64_t *entry = table_at(table);

			for (int i = 1; i < 512; i++)
				entry[i] = entry[0];
			table = entry[0] >> 10 << 12;
		}
		CHECK_EQ(lint_view(1000), 1);
		CHECK(test_text_has(&text, "more tables than asked\n"));
		table = rig.pt.root;
		for (int level = 4; level > 0; level--) {
			uint64_t *entry = table_at(table);

			table = entry[0] >> 10 << 12;
			for (int i = 1; i < 512; i++)
				entry[i] = 0;
		}
	}
	rig_close(&rig);
}
