/* SPDX-License-Identifier: MIT */
/*
 * What a page is for, judged by using it: every protection that the library can
 * express, in leaves of every size, is loaded from, stored to and executed by
 * the kernel and the user, with SUM and MXR off and on. The outcome has to be
 * the one that was asked for, and a page fault once the page is unmapped.
 */
#include "rules.h"

#include <vmm/pt_upkeep.h>

#define RWX (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)

/* @mapped: else every access has to fault. */
static uint64_t try_all(const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa,
	unsigned prot, bool mapped)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < 8; i++) {
		for (unsigned kind = LOAD; kind < ACCESS_KINDS; kind++) {
			const struct access access = {(enum access_kind)kind,
				(i & 1) != 0, (i & 2) != 0, (i & 4) != 0};

			rules_try(pt, va, pa, mapped ? prot : 0, access);
			count++;
		}
	}
	return count;
}

static bool expressible(const struct vmm_pt_format *format, unsigned prot)
{
	return (prot & RWX) != 0 && (prot & ~format->prot_allowed) == 0;
}

/* One leaf at @leaf, and a frame of ours behind it, with every protection. */
static uint64_t try_leaf(struct vmm_pt *pt, vmm_va_t leaf, unsigned level)
{
	const uint64_t size = vmm_pt_leaf_size(level);
	const vmm_pa_t pa = vmm_align_down(GUEST_FRAMES, size);
	const vmm_va_t va = leaf + (GUEST_FRAMES - pa);
	struct vmm_tlb_gather gather;
	uint64_t count = 0;

	vmm_tlb_gather_init(&gather, NULL, 0);
	/* Empty tables of smaller leaves would stand in its place. */
	CHECK_EQ(vmm_pt_prune(pt, leaf, size, &gather), VMM_OK);
	guest_flush(pt, &gather);
	for (unsigned prot = 0; prot < 1u << VMM_PT_PROT_COUNT; prot++) {
		struct vmm_pt_cursor cursor = vmm_pt_cursor_range(va, va);
		struct vmm_pt_run run;

		if (!expressible(pt->format, prot)) {
			CHECK(vmm_pt_map(pt, leaf, pa, size, prot, &gather) !=
				VMM_OK);
			continue;
		}
		CHECK_EQ(vmm_pt_map(pt, leaf, pa, size, prot, &gather), VMM_OK);
		guest_flush(pt, &gather);
		CHECK(vmm_pt_next(pt, &cursor, &run));
		CHECK_EQ(run.level, level);
		count += try_all(pt, va, GUEST_FRAMES, prot, true);
		CHECK_EQ(vmm_pt_unmap(pt, leaf, size, &gather), VMM_OK);
		guest_flush(pt, &gather);
		count += try_all(pt, va, GUEST_FRAMES, prot, false);
	}
	return count;
}

/* At both ends of the addresses that the format has, all leaf sizes. */
static void try_format(const struct vmm_pt_format *format)
{
	const vmm_va_t end =
		guest_stage(format) ? UINT64_C(1) << format->va_bits : 0;
	struct vmm_pt pt;
	uint64_t count = 0;

	guest_table_on(&pt, format);
	for (unsigned level = 0; level <= format->leaf_level_max; level++) {
		count += try_leaf(&pt, 0, level);
		count += try_leaf(&pt, end - vmm_pt_leaf_size(level), level);
	}
	guest_table_off(&pt);
	test_puts(format->name);
	test_puts(": ");
	test_put_dec(count);
	test_puts(" accesses\n");
}

/* Accessed and dirty are preset: a machine that never sets them is content. */
TEST(target_access_protection_svade)
{
	guest_set_adue(false);
	for (size_t i = 0; i < RULES_FORMATS; i++)
		try_format(rules_formats[i]);
}

TEST(target_access_protection_svadu)
{
	guest_set_adue(true);
	for (size_t i = 0; i < RULES_FORMATS; i++)
		try_format(rules_formats[i]);
	guest_set_adue(false);
}
