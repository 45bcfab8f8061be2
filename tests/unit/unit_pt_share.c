/* SPDX-License-Identifier: MIT */
/*
 * Root entries that belong to another table: a task's space with the kernel's
 * half, and a hart's root that differs from all others in one entry.
 */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW  (VMM_PT_READ | VMM_PT_WRITE)
#define RWG (RW | VMM_PT_GLOBAL)

static struct pt_rig rig; /* the owner, and the source of pages */
static struct vmm_pt space;
static vmm_va_t high; /* the first address of the upper half */
static uint64_t span; /* of a root entry */

static void open_both(const struct vmm_pt_format *format)
{
	vmm_pa_t root;

	rig_open(&rig, format);
	CHECK_EQ(rig.pages.alloc(rig.pages.ctx, &root), 0);
	vmm_pt_init(&space, format, &rig.pages, rig.offset, root);
	high = UINT64_MAX << (format->va_bits - 1);
	span = vmm_pt_root_span(format);
}

static void close_both(void)
{
	vmm_pt_fini(&space);
	rig.pages.free(rig.pages.ctx, space.root);
	rig_close(&rig);
}

/* What the hardware makes of an address in the borrower's root. */
static bool space_mmu(vmm_va_t va, vmm_pa_t *pa_out)
{
	struct pt_rig view = rig;

	view.pt = space;
	return rig_mmu(&view, va, 'w', false, pa_out);
}

static uint64_t both_digest(void)
{
	return test_digest(rig_digest(&rig), &space, sizeof(space));
}

/* Mappings made before and after the loan appear in the borrower, and go when
 * the owner unmaps them; the borrower's own half is its own. */
TEST(unit_pt_share_shows_the_owners_mappings)
{
	for (int f = 0; f < RIG_PLAIN_FORMATS; f++) {
		struct vmm_tlb_gather gather;
		vmm_pa_t pa;

		open_both(rig_formats[f]);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_map(&rig.pt, high + 4096, 0x90000000, 4096, RWG,
				 NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_prefill(&rig.pt, high, 2 * span, NULL), VMM_OK);
		CHECK_EQ(vmm_pt_share(&space, &rig.pt, high, 2 * span), VMM_OK);
		CHECK(space_mmu(high + 4096, &pa) && pa == 0x90000000);
		CHECK(!space_mmu(high + span, &pa));
		CHECK_EQ(vmm_pt_map(&rig.pt, high + span, 0x91000000, 4096, RWG,
				 NULL),
			VMM_OK);
		CHECK(space_mmu(high + span, &pa) && pa == 0x91000000);
		CHECK_EQ(vmm_pt_unmap(&rig.pt, high + 4096, 4096, &gather),
			VMM_OK);
		CHECK(!space_mmu(high + 4096, &pa));
		CHECK_EQ(vmm_pt_translate(&space, high + span, &pa, NULL),
			VMM_OK);

		CHECK_EQ(vmm_pt_map(&space, 0, 0x92000000, 4096, RW, NULL),
			VMM_OK);
		CHECK(space_mmu(0, &pa) && pa == 0x92000000);
		CHECK(!rig_mmu(&rig, 0, 'r', false, &pa));
		CHECK_EQ(space.table_count, rig.pt.format->levels);
		CHECK_EQ(vmm_pt_check(&space), VMM_OK);
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);

		vmm_pt_reap(&rig.pt, &gather);
		CHECK_EQ(vmm_pt_unshare(&space, high, 2 * span, &gather),
			VMM_OK);
		CHECK(vmm_tlb_plan_make(&gather).all_addresses &&
			vmm_tlb_plan_make(&gather).all_spaces);
		CHECK(!space_mmu(high + span, &pa));
		CHECK(rig_mmu(&rig, high + span, 'w', false, &pa));
		close_both();
	}
}

/* The owner may map and unmap below what it has lent, and keeps the tables,
 * even empty ones, even if the range covers a whole root entry. A lent leaf
 * cannot change at all: the borrower's copy would not. */
TEST(unit_pt_share_binds_the_owner)
{
	struct vmm_tlb_gather gather;
	vmm_pa_t pa;

	open_both(&vmm_pt_sv39);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, high, VMM_GIB(2) + VMM_MIB(2), span, RWG,
			 NULL),
		VMM_OK);
	CHECK_EQ(
		vmm_pt_protect(&rig.pt, high, 4096, VMM_PT_READ, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, high + span, VMM_GIB(2), span, RWG, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_share(&space, &rig.pt, high, 2 * span), VMM_OK);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	/* The mark is the owner's: a second borrower does not inherit it. */
	CHECK_EQ(vmm_pt_unshare(&space, high, 2 * span, &gather), VMM_OK);
	vmm_pt_reap(&rig.pt, &gather);
	CHECK_EQ(vmm_pt_share(&space, &rig.pt, high, 2 * span), VMM_OK);
	CHECK_EQ(((const uint64_t *)(uintptr_t)(space.root + rig.offset))[256] &
			 0x300,
		0x100);
	CHECK_EQ(vmm_pt_unmap(&rig.pt, high, span, &gather), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 2);
	CHECK_EQ(gather.dead_count, 1);
	CHECK_EQ(vmm_pt_prune(&rig.pt, high, span, &gather), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 2);
	vmm_pt_reap(&rig.pt, &gather);
	CHECK(!space_mmu(high, &pa));
	CHECK_EQ(vmm_pt_map(&rig.pt, high + 4096, 0x90000000, 4096, RWG, NULL),
		VMM_OK);
	CHECK(space_mmu(high + 4096, &pa) && pa == 0x90000000);

	CHECK_EQ(vmm_pt_unmap(&rig.pt, high + span, span, &gather), VMM_EBUSY);
	CHECK_EQ(vmm_pt_protect(&rig.pt, high + span, 4096, VMM_PT_READ, NULL),
		VMM_EBUSY);
	CHECK(space_mmu(high + span, &pa) && pa == VMM_GIB(2));
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	CHECK_EQ(vmm_pt_check(&space), VMM_OK);
	close_both();
}

/* A change below a lent entry is one of other address spaces too: whatever it
 * is, the fence must reach them all. Beside it, it need not. */
TEST(unit_pt_share_fences_all_spaces)
{
	struct vmm_tlb_gather gather;

	open_both(&vmm_pt_sv39);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_prefill(&rig.pt, high, span, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_share(&space, &rig.pt, high, span), VMM_OK);
	for (uint64_t at = 0; at <= span; at += span) {
		uint32_t all = at == 0 ? VMM_TLB_GLOBAL : 0;

		CHECK_EQ(vmm_pt_map(&rig.pt, high + at, 0x90000000, 8192, RW,
				 &gather),
			VMM_OK);
		CHECK_EQ(gather.flags & VMM_TLB_GLOBAL, all);
		vmm_pt_reap(&rig.pt, &gather);
		CHECK_EQ(vmm_pt_protect(&rig.pt, high + at, 4096, VMM_PT_READ,
				 &gather),
			VMM_OK);
		CHECK_EQ(gather.flags & VMM_TLB_GLOBAL, all);
		vmm_pt_reap(&rig.pt, &gather);
		CHECK_EQ(vmm_pt_unmap(&rig.pt, high + at, 8192, &gather),
			VMM_OK);
		CHECK_EQ(gather.flags & VMM_TLB_GLOBAL, all);
		vmm_pt_reap(&rig.pt, &gather);
	}
	close_both();
}

/* Only an owner lends: a loan out of a loan could outlive its table. */
TEST(unit_pt_share_no_lending_on)
{
	struct vmm_pt third = {0};
	vmm_pa_t root;

	open_both(&vmm_pt_sv39);
	CHECK_EQ(vmm_pt_prefill(&rig.pt, high, span, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_share(&space, &rig.pt, high, span), VMM_OK);
	CHECK_EQ(rig.pages.alloc(rig.pages.ctx, &root), 0);
	vmm_pt_init(&third, &vmm_pt_sv39, &rig.pages, rig.offset, root);
	CHECK_EQ(vmm_pt_share(&third, &space, high, span), VMM_EBUSY);
	CHECK_EQ(vmm_pt_share(&third, &rig.pt, high, span), VMM_OK);
	vmm_pt_fini(&third);
	rig.pages.free(rig.pages.ctx, root);
	close_both();
}

/* Finishing a borrower gives back its own tables and no other. */
TEST(unit_pt_share_fini)
{
	vmm_pa_t pa;
	long live;

	open_both(&vmm_pt_sv39);
	CHECK_EQ(vmm_pt_prefill(&rig.pt, high, 4 * span, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, high, 0x90000000, VMM_MIB(4), RWG, NULL),
		VMM_OK);
	live = rig.live;
	CHECK_EQ(vmm_pt_share(&space, &rig.pt, high, 4 * span), VMM_OK);
	CHECK_EQ(
		vmm_pt_map(&space, 0x5000, 0x92000000, 4096, RW, NULL), VMM_OK);
	CHECK(rig.live > live);
	vmm_pt_fini(&space);
	CHECK_EQ(rig.live, live);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	CHECK(rig_mmu(&rig, high + VMM_MIB(3), 'w', false, &pa));
	CHECK_EQ(pa, 0x90000000 + VMM_MIB(3));
	rig.pages.free(rig.pages.ctx, space.root);
	rig_close(&rig);
}

#define BOTH_REFUSED(call, code) CHECK_KEEPS(both_digest(), call, code)

/* The borrower cannot change what it borrowed, not even in part of a range. */
TEST(unit_pt_share_is_read_only)
{
	struct vmm_tlb_gather gather;

	open_both(&vmm_pt_sv39);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, high, 0x80000000, 2 * span, RWG, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, high + 2 * span, 0, 4096, RWG, NULL),
		VMM_OK);
	/* Two gigapages and a table. */
	CHECK_EQ(vmm_pt_share(&space, &rig.pt, high, 3 * span), VMM_OK);
	for (uint64_t at = 0; at < 3 * span; at += span) {
		BOTH_REFUSED(vmm_pt_unmap(&space, high + at, 4096, &gather),
			VMM_EBUSY);
		BOTH_REFUSED(vmm_pt_protect(&space, high + at, 4096,
				     VMM_PT_READ, NULL),
			VMM_EBUSY);
		BOTH_REFUSED(
			vmm_pt_map(&space, high + at + 4096, 0, 4096, RW, NULL),
			VMM_EBUSY);
		BOTH_REFUSED(vmm_pt_prune(&space, high + at, span, &gather),
			VMM_EBUSY);
		BOTH_REFUSED(vmm_pt_prefill(&space, high + at, span, NULL),
			VMM_EBUSY);
	}
	/* From an own entry into a borrowed one. */
	BOTH_REFUSED(
		vmm_pt_map(&space, high + 3 * span - 4096, 0, 8192, RW, NULL),
		VMM_EBUSY);
	CHECK_EQ(vmm_pt_check(&space), VMM_OK);
	/* The walk sees it all the same. */
	{
		struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
		struct vmm_pt_run run;

		CHECK(vmm_pt_next(&space, &cursor, &run));
		CHECK(run.va == high && run.size == 2 * span);
		CHECK(run.prot == RWG && run.level == 2);
		CHECK(vmm_pt_next(&space, &cursor, &run));
		CHECK(run.va == high + 2 * span && run.size == 4096);
		CHECK(!vmm_pt_next(&space, &cursor, &run));
	}
	close_both();
}

TEST(unit_pt_share_errors)
{
	struct vmm_tlb_gather gather;
	struct vmm_pt other;

	open_both(&vmm_pt_sv48);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_prefill(&rig.pt, high, span, NULL), VMM_OK);
	BOTH_REFUSED(
		vmm_pt_share(&space, &rig.pt, high + 4096, span), VMM_EINVAL);
	BOTH_REFUSED(vmm_pt_share(&space, &rig.pt, high, 4096), VMM_EINVAL);
	BOTH_REFUSED(vmm_pt_share(&space, &rig.pt, high, 0), VMM_EINVAL);
	BOTH_REFUSED(vmm_pt_share(&rig.pt, &rig.pt, high, span), VMM_EINVAL);
	BOTH_REFUSED(
		vmm_pt_share(&space, &rig.pt, high - span, span), VMM_ERANGE);
	/* The second entry is absent: nothing is borrowed, the first neither. */
	BOTH_REFUSED(vmm_pt_share(&space, &rig.pt, high, 2 * span), VMM_ENOENT);
	BOTH_REFUSED(vmm_pt_unshare(&space, high, span, &gather), VMM_ENOENT);
	CHECK_EQ(vmm_pt_map(&space, high, 0, 4096, RW, NULL), VMM_OK);
	BOTH_REFUSED(vmm_pt_share(&space, &rig.pt, high, span), VMM_EEXIST);
	other = rig.pt;
	other.format = &vmm_pt_sv57;
	BOTH_REFUSED(vmm_pt_share(&space, &other, high, span), VMM_EINVAL);
	other = rig.pt;
	other.offset += 4096;
	BOTH_REFUSED(vmm_pt_share(&space, &other, high, span), VMM_EINVAL);
	/* Prefill: all the tables or none, and what is there stays. */
	rig.fail_in = 1;
	BOTH_REFUSED(vmm_pt_prefill(&rig.pt, high, 4 * span, NULL), -1234);
	CHECK_EQ(vmm_pt_prefill(&rig.pt, high, 4 * span, &gather), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 5);
	CHECK_EQ(gather.flags, VMM_TLB_CHANGED | VMM_TLB_NON_LEAF);
	/* The whole upper half, up to 2^64. */
	BOTH_REFUSED(vmm_pt_share(&space, &rig.pt, -span, span), VMM_ENOENT);
	CHECK_EQ(vmm_pt_prefill(&rig.pt, -span, span, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_share(&space, &rig.pt, -span, span), VMM_OK);
	CHECK_EQ(vmm_pt_check(&space), VMM_OK);
	close_both();
}

/* A mark where none belongs, or with other bits beside it, is noticed. */
TEST(corrupt_pt_share)
{
	uint64_t *root;
	uint64_t entry;

	open_both(&vmm_pt_sv39);
	CHECK_EQ(vmm_pt_map(&rig.pt, high, 0, 4096, RWG, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_share(&space, &rig.pt, high, span), VMM_OK);
	root = (uint64_t *)(uintptr_t)(space.root + rig.offset);
	entry = root[256];
	CHECK_EQ(entry & 0x3ff, 0x101);
	for (unsigned bit = 4; bit < 64; bit++) {
		/* The address is free. */
		if (bit >= 10 && bit < 54)
			continue;
		root[256] = entry ^ UINT64_C(1) << bit;
		CHECK_EQ(vmm_pt_check(&space), VMM_ECORRUPT);
	}
	root[256] = entry;
	CHECK_EQ(vmm_pt_check(&space), VMM_OK);
	close_both();
}
