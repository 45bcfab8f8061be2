/* SPDX-License-Identifier: MIT */
/*
 * Each invariant of a space is broken on purpose, and the check notices; mended,
 * it is content again.
 */
#include "support/space_rig.h"

#include "space/space_internal.h"

#define RU (VMM_PT_READ | VMM_PT_USER)

static struct space_rig rig;
static struct vmm_object object;

/* A region of each kind, 0x10000 apart, with pages. */
static vmm_va_t at(enum vmm_space_kind kind)
{
	return 0x100000 + (vmm_va_t)kind * 0x10000;
}

static void prepare(void)
{
	struct vmm_space_request request = {
		.place = {.size = 0x4000,
			.where = at(VMM_SPACE_OBJECT),
			.guard = {0x1000, 0x1000},
			.flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_OBJECT,
		.prot = SPACE_RWU,
		.object = &object,
		.offset = 0x1000};
	vmm_va_t va;

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	space_rig_user(&rig);
	space_rig_object(&rig, &object, 0x8000);
	for (int k = 0; k < VMM_SPACE_KINDS; k++) {
		enum vmm_space_kind kind = (enum vmm_space_kind)k;

		if (kind != VMM_SPACE_OBJECT)
			space_rig_map(&rig.space, kind, at(kind), 0x4000);
	}
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	space_rig_touch(&rig.space, at(VMM_SPACE_ZERO), 0x1000);
	space_rig_touch(&rig.space, at(VMM_SPACE_STACK) + 0x3000, 0x1000);
	space_rig_touch(&rig.space, at(VMM_SPACE_RING), 0x1000);
	space_rig_touch(&rig.space, va, 0x1000);
	/* One more, stored, with a page. */
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x200000, 0x2000);
	space_rig_touch(&rig.space, 0x200000, 0x1000);
	CHECK_EQ(vmm_space_protect(&rig.space, 0x200000, 0x2000, 0), VMM_OK);
	CHECK_EQ(vmm_space_check(&rig.space), VMM_OK);
}

static void finish(void)
{
	vmm_object_put(&object);
	space_rig_close(&rig);
}

static void check_broken(void)
{
	CHECK_EQ(vmm_space_check(&rig.space), VMM_ECORRUPT);
}

static void check_mended(void)
{
	CHECK_EQ(vmm_space_check(&rig.space), VMM_OK);
}

/* An entry for a page, as if by mistake, and away with it. */
static void break_entry(
	struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, unsigned prot)
{
	struct vmm_tlb_gather gather;
	struct vmm_pages *pages = &rig.pages;

	while (pt->spare_count < 3) {
		vmm_pa_t page;

		CHECK_EQ(pages->alloc(pages->ctx, &page), 0);
		vmm_pt_donate(pt, page);
	}
	CHECK_EQ(vmm_pt_map(pt, va, pa, 4096, prot, NULL), VMM_OK);
	check_broken();
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unmap(pt, va, 4096, &gather), VMM_OK);
	vmm_pt_reap(pt, &gather);
	check_mended();
}

/* S1: what the arena's and the tables' own checks say. */
TEST(corrupt_space_arena_and_tables)
{
	prepare();
	rig.space.arena.used_count++;
	check_broken();
	rig.space.arena.used_count--;
	check_mended();
	rig.pt.table_count++;
	check_broken();
	rig.pt.table_count--;
	check_mended();
	rig.space.store.table_count++;
	check_broken();
	rig.space.store.table_count--;
	check_mended();
	finish();
}

/* S2: pages in no region, in a guard, in the wrong table, where none can be. */
TEST(corrupt_space_stray_pages)
{
	vmm_pa_t pa;
	vmm_pa_t frame;

	prepare();
	CHECK_EQ(
		vmm_space_phys(&rig.space, at(VMM_SPACE_ZERO), &frame), VMM_OK);
	break_entry(&rig.pt, 0x300000, frame, RU);
	break_entry(&rig.pt, 0x1000, frame, RU);
	break_entry(&rig.pt, rig_low_end(&vmm_pt_sv39) - 0x1000, frame, RU);
	break_entry(&rig.space.store, 0x300000, frame, RU);
	break_entry(&rig.pt, at(VMM_SPACE_OBJECT) - 0x1000, frame, RU);
	break_entry(&rig.pt, at(VMM_SPACE_OBJECT) + 0x4000, frame, RU);
	break_entry(&rig.space.store, at(VMM_SPACE_OBJECT) - 0x1000, frame, RU);
	break_entry(&rig.pt, 0x201000, frame, RU);
	break_entry(&rig.space.store, at(VMM_SPACE_ZERO) + 0x1000, frame, RU);
	break_entry(&rig.pt, at(VMM_SPACE_RESERVED), frame, RU);
	/* Where others have the table, what is not ours is theirs. */
	rig.space.is_shared = true;
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x300000, frame, 4096, RU, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x200000, frame, 4096, RU, NULL), VMM_OK);
	check_mended();
	CHECK_EQ(vmm_space_phys(&rig.space, 0x200000, &pa), VMM_ENOENT);
	rig.space.is_shared = false;
	check_broken();
	{
		struct vmm_tlb_gather gather;

		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_unmap_any(&rig.pt, 0x200000, 0x200000, &gather),
			VMM_OK);
		vmm_pt_reap(&rig.pt, &gather);
	}
	check_mended();
	finish();
}

/* S3: entries that allow more, or show something else. */
static void modify(vmm_va_t va, unsigned set, unsigned clear)
{
	CHECK_EQ(vmm_pt_modify(&rig.pt, va, 4096, set, clear, NULL), VMM_OK);
}

static void exchange(vmm_va_t va, vmm_pa_t pa, unsigned prot)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unmap(&rig.pt, va, 4096, &gather), VMM_OK);
	if (pa != 0)
		CHECK_EQ(vmm_pt_map(&rig.pt, va, pa, 4096, prot, &gather),
			VMM_OK);
	vmm_pt_reap(&rig.pt, &gather);
}

TEST(corrupt_space_entries)
{
	static const enum vmm_space_kind kinds[] = {
		VMM_SPACE_PHYS, VMM_SPACE_CONTIGUOUS};
	const vmm_va_t ring = at(VMM_SPACE_RING);
	vmm_pa_t pa;
	vmm_pa_t other;

	prepare();
	modify(at(VMM_SPACE_ZERO), VMM_PT_EXEC, 0);
	check_broken();
	modify(at(VMM_SPACE_ZERO), 0, VMM_PT_EXEC);
	check_mended();
	modify(at(VMM_SPACE_ZERO), VMM_PT_GLOBAL, 0);
	check_broken();
	modify(at(VMM_SPACE_ZERO), 0, VMM_PT_GLOBAL);
	check_mended();
	CHECK_EQ(
		vmm_space_phys(&rig.space, at(VMM_SPACE_ZERO), &other), VMM_OK);
	for (int k = 0; k < 2; k++) {
		const vmm_va_t va = at(kinds[k]) + 0x1000;

		CHECK_EQ(vmm_space_phys(&rig.space, va, &pa), VMM_OK);
		exchange(va, other, RU);
		check_broken();
		exchange(va, pa, RU);
		check_mended();
		/* A hole. */
		exchange(va, 0, 0);
		check_broken();
		CHECK_EQ(vmm_pt_map(&rig.pt, va, pa, 4096, RU, NULL), VMM_OK);
		check_mended();
	}
	CHECK_EQ(vmm_space_phys(&rig.space, ring, &pa), VMM_OK);
	exchange(ring, other, RU);
	check_broken();
	exchange(ring, 0, 0);
	check_broken();
	CHECK_EQ(vmm_pt_map(&rig.pt, ring, pa, 4096, RU, NULL), VMM_OK);
	check_mended();
	/* Only in the second half. */
	break_entry(&rig.pt, ring + 0x3000, other, RU);
	/* Deeper than the stack. */
	break_entry(&rig.pt, at(VMM_SPACE_STACK) + 0x2000, other, RU);
	finish();
}

/* S4: tags. */
static void break_tags(
	enum vmm_space_kind kind, void (*change)(struct vmm_vmem_tags *tags))
{
	const struct vmm_vmem_region *region =
		vmm_space_at(&rig.space, at(kind));
	const struct vmm_vmem_tags good = *vmm_vmem_region_tags(region);
	struct vmm_vmem_tags bad = good;

	change(&bad);
	vmm_vmem_region_set_tags(&rig.space.arena, region, &bad);
	check_broken();
	vmm_vmem_region_set_tags(&rig.space.arena, region, &good);
	check_mended();
}

static void set_kind(struct vmm_vmem_tags *tags)
{
	tags->flags |= 15u << VMM_SPACE_KIND_SHIFT;
}

static void set_unknown(struct vmm_vmem_tags *tags)
{
	tags->flags |= 1u << 31;
}

static void set_dirty(struct vmm_vmem_tags *tags)
{
	tags->flags |= VMM_PT_DIRTY;
}

static void set_going(struct vmm_vmem_tags *tags)
{
	tags->flags |= VMM_SPACE_IS_GOING;
}

static void set_shared(struct vmm_vmem_tags *tags)
{
	tags->flags |= VMM_SPACE_SHARED << VMM_SPACE_FLAGS_SHIFT;
}

static void set_segment(struct vmm_vmem_tags *tags)
{
	tags->flags |= VMM_SPACE_IS_SEGMENT;
	tags->user = NULL;
}

static void set_owner(struct vmm_vmem_tags *tags)
{
	tags->owner += 0x1000;
}

static void set_offset(struct vmm_vmem_tags *tags)
{
	tags->owner += 0x10;
}

static void set_count(struct vmm_vmem_tags *tags)
{
	tags->count = 5;
}

static void set_end(struct vmm_vmem_tags *tags)
{
	tags->owner = 0x5000;
}

static void set_no_object(struct vmm_vmem_tags *tags)
{
	tags->user = NULL;
}

static void set_unloaded(struct vmm_vmem_tags *tags)
{
	tags->flags |= VMM_SPACE_IS_UNLOADED;
}

TEST(corrupt_space_tags)
{
	prepare();
	for (int k = 0; k < VMM_SPACE_KINDS; k++) {
		enum vmm_space_kind kind = (enum vmm_space_kind)k;

		break_tags(kind, set_kind);
		break_tags(kind, set_unknown);
		break_tags(kind, set_dirty);
		break_tags(kind, set_going);
		break_tags(kind, set_segment);
		break_tags(kind, set_count);
		if (kind != VMM_SPACE_OBJECT)
			break_tags(kind, set_shared);
		if (kind != VMM_SPACE_OBJECT)
			break_tags(kind, set_owner);
		break_tags(kind, set_offset);
	}
	break_tags(VMM_SPACE_ZERO, set_unloaded);
	break_tags(VMM_SPACE_PHYS, set_unloaded);
	break_tags(VMM_SPACE_OBJECT, set_end);
	break_tags(VMM_SPACE_OBJECT, set_no_object);
	finish();
}

/* S5: a call in progress. */
TEST(corrupt_space_calls)
{
	struct vmm_space_op op;

	prepare();
	vmm_space_begin(&rig.space, &op, 0x1000, 0x1000);
	vmm_space_unlock(&rig.space);
	check_broken();
	vmm_space_lock(&rig.space);
	vmm_space_end(&rig.space, &op);
	check_mended();
	rig.space.end = &op.next;
	check_broken();
	rig.space.end = &rig.space.ops;
	check_mended();
	finish();
}
