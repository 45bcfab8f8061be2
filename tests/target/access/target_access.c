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

/* A place for a leaf, and a page of it to be used. */
struct leaf {
	vmm_va_t va;
	uint64_t size;
	unsigned level;
	unsigned page; /* of those behind GUEST_FRAMES */
};

static bool expressible(const struct vmm_pt_format *format, unsigned prot)
{
	return (prot & RWX) != 0 && (prot & ~format->prot_allowed) == 0 &&
	       (format->exec_only != 0 || (prot & RWX) != VMM_PT_EXEC);
}

static uint64_t try_prot(
	struct vmm_pt *pt, const struct leaf *leaf, unsigned prot)
{
	const vmm_pa_t pa = vmm_align_down(GUEST_FRAMES, leaf->size);
	const vmm_pa_t page = GUEST_FRAMES + leaf->page * VMM_PAGE_SIZE;
	const vmm_va_t va = leaf->va + (page - pa);
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(va, va);
	struct vmm_tlb_gather gather;
	struct vmm_pt_run run;
	uint64_t count;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(pt, leaf->va, pa, leaf->size, prot, &gather),
		VMM_OK);
	guest_flush(pt, &gather);
	CHECK(vmm_pt_next(pt, &cursor, &run));
	CHECK_EQ(run.level, leaf->level);
	CHECK_EQ(UINT64_C(1) << run.shift, leaf->size);
	count = try_all(pt, va, page, prot, true);
	CHECK_EQ(vmm_pt_unmap(pt, leaf->va, leaf->size, &gather), VMM_OK);
	guest_flush(pt, &gather);
	return count + try_all(pt, va, page, prot, false);
}

/* One leaf with every protection and memory type. */
static uint64_t try_leaf(struct vmm_pt *pt, const struct leaf *leaf)
{
	const unsigned types = pt->format->types_allowed;
	struct vmm_tlb_gather gather;
	uint64_t count = 0;

	vmm_tlb_gather_init(&gather, NULL, 0);
	/* Empty tables of smaller leaves would stand in its place. */
	CHECK_EQ(vmm_pt_prune(pt, leaf->va, leaf->size, &gather), VMM_OK);
	guest_flush(pt, &gather);
	for (unsigned i = 0; i < VMM_PT_TYPES << VMM_PT_PROT_COUNT; i++) {
		const unsigned type = i >> VMM_PT_PROT_COUNT;
		const unsigned flags = i & ((1u << VMM_PT_PROT_COUNT) - 1);
		const unsigned prot = flags | type << VMM_PT_TYPE_SHIFT;

		if (expressible(pt->format, flags) && (types >> type & 1) != 0)
			count += try_prot(pt, leaf, prot);
		else
			CHECK(vmm_pt_map(pt, leaf->va, GUEST_FRAMES, leaf->size,
				      prot, &gather) != VMM_OK);
	}
	return count;
}

/* At both ends of the addresses that the format has, all leaf sizes. */
static void try_format(const struct vmm_pt_format *base, unsigned features)
{
	struct vmm_pt_format own;
	const struct vmm_pt_format *format = &own;
	const vmm_va_t end =
		guest_stage(base) ? UINT64_C(1) << base->va_bits : 0;
	struct vmm_pt pt;
	uint64_t count = 0;

	CHECK_EQ(vmm_pt_format_init(&own, base, features), VMM_OK);
	guest_table_on(&pt, format);
	for (unsigned level = 0; level <= format->leaf_level_max; level++) {
		const uint64_t size = vmm_pt_leaf_size(level);

		count += try_leaf(&pt, &(struct leaf){0, size, level, 0});
		count += try_leaf(
			&pt, &(struct leaf){end - size, size, level, 0});
	}
	if (format->napot != 0) {
		const uint64_t size = UINT64_C(1) << VMM_PT_NAPOT_SHIFT;

		count += try_leaf(&pt, &(struct leaf){0, size, 0, 7});
		count += try_leaf(&pt, &(struct leaf){end - size, size, 0, 15});
	}
	guest_table_off(&pt);
	test_puts(format->name);
	test_puts(": ");
	test_put_dec(count);
	test_puts(" accesses\n");
}

/* Without what only some machines have, and with it. */
void rules_try_formats(void)
{
	for (size_t i = 0; guest_format(i) != NULL; i++) {
		try_format(guest_format(i), 0);
		try_format(guest_format(i), GUEST_FEATURES);
	}
}

/* Accessed and dirty are preset, and hardware has nothing to set. */
TEST(target_access_protection)
{
	rules_try_formats();
}
