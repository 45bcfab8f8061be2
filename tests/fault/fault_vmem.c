/* SPDX-License-Identifier: MIT */
/*
 * The node supply running out, at every possible number of nodes. A request
 * either succeeds or reports VMM_ENOMEM and leaves every byte as it was; a
 * free always succeeds.
 */
#include "support/test.h"
#include "vmem/vmem_runs.h"

#include <vmm/vmem.h>

#define PAGE	  VMM_PAGE_SIZE
#define NODES_MAX 80

static struct vmm_vmem arena;
static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(NODES_MAX) / 8];

static uint64_t digest(void)
{
	uint64_t sum = test_digest(TEST_DIGEST_INIT, &arena, sizeof(arena));

	return test_digest(sum, memory, sizeof(memory));
}

static void open_arena(size_t nodes)
{
	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, VMM_VMEM_NODES_SIZE(nodes)),
		VMM_OK);
}

/*
 * The used tree takes a node if the run of the member before is full; and if
 * the new one would be the last of it, also the next run, if there is one.
 */
static size_t run_need(unsigned page)
{
	const struct vmm_vmem_region *member =
		vmm_vmem_member_floor(&arena, page * PAGE);
	const struct vmm_vmem_region *next;

	if (member == NULL)
		return 1;
	if (member->as.used.run->count < VMM_VMEM_RUN_MAX)
		return 0;
	next = vmm_vmem_member_after(member);
	return next->state == VMM_VMEM_HEAD ||
	       next->as.used.run->count == VMM_VMEM_RUN_MAX;
}

/* Nodes that a fixed request of one page at @page will take. */
static size_t need_at(unsigned page)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_region_find(&arena, page * PAGE);
	vmm_va_t base = vmm_vmem_region_base(region);

	bool before = base != page * PAGE;
	bool after = base + vmm_vmem_region_size(region) != (page + 1) * PAGE;

	return (size_t)before + (size_t)after + run_need(page);
}

/*
 * Take the odd pages of 60 and then the even ones, with k nodes for each k:
 * first splits in three, then exact fits. The first refusal is the one that
 * the number of spare nodes predicts, and changes nothing.
 */
TEST(fault_vmem_alloc_at_every_supply)
{
	for (size_t nodes = 3; nodes <= NODES_MAX; nodes++) {
		open_arena(nodes);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 60 * PAGE), VMM_OK);
		for (unsigned i = 0; i < 60; i++) {
			/* 1, 3, ..., 59, 0, 2, ..., 58 */
			unsigned page = 2 * i % 60 + (i < 30);
			bool enough = vmm_vmem_spare(&arena) >= need_at(page);
			uint64_t before = digest();
			int err = vmm_vmem_alloc_at(&arena, page * PAGE, PAGE);

			CHECK_EQ(err, enough ? VMM_OK : VMM_ENOMEM);
			if (err)
				CHECK_EQ(digest(), before);
			CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		}
	}
}

/*
 * A span needs two nodes, and one for a run now and then; with fewer it is
 * refused without a trace.
 */
TEST(fault_vmem_add_every_supply)
{
	for (size_t nodes = 1; nodes <= NODES_MAX; nodes++) {
		open_arena(nodes);
		for (unsigned i = 0; i < 50; i++) {
			size_t need = 2 + run_need(i);
			bool enough = vmm_vmem_spare(&arena) >= need;
			uint64_t before = digest();
			int err = vmm_vmem_add(&arena, i * PAGE, PAGE);

			CHECK_EQ(err, enough ? VMM_OK : VMM_ENOMEM);
			if (err)
				CHECK_EQ(digest(), before);
			CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		}
	}
}

/*
 * An arena with no node left frees whatever it holds, in random order, and
 * ends with all nodes but the span's three.
 */
TEST(fault_vmem_free_without_nodes)
{
	struct rng rng = {test_seed};

	for (size_t nodes = 4; nodes <= NODES_MAX; nodes++) {
		vmm_va_t at[NODES_MAX];
		size_t count = 0;

		open_arena(nodes);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 128 * PAGE), VMM_OK);
		while (vmm_vmem_alloc(&arena, PAGE, &at[count]) == VMM_OK)
			count++;
		/* The last may be one that a region and a run would need. */
		CHECK(vmm_vmem_spare(&arena) <= 1);
		CHECK_EQ(count,
			nodes - 2 - arena.run_count - vmm_vmem_spare(&arena));
		while (count > 0) {
			size_t pick = rng_below(&rng, count);

			CHECK_EQ(vmm_vmem_free(&arena, at[pick]), VMM_OK);
			CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
			at[pick] = at[--count];
		}
		CHECK_EQ(vmm_vmem_spare(&arena), nodes - 3);
		CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
	}
}

/*
 * Every reserve against every supply, with a request that takes two nodes: an
 * ordinary one is refused exactly when it would dip into the reserve, and the
 * privileged one exactly when fewer than two nodes are left.
 */
TEST(fault_vmem_reserve_every_supply)
{
	const struct vmm_vmem_request middle = {
		.size = PAGE, .where = 8 * PAGE, .flags = VMM_VMEM_FIXED};
	struct vmm_vmem_request refill = middle;

	refill.flags |= VMM_VMEM_USE_RESERVE;
	for (size_t i = 0; i < 60; i++) {
		const size_t spare = i / 6;
		const size_t reserve = i % 6;
		const struct vmm_vmem_region *region = NULL;
		uint64_t before;
		int err;

		open_arena(3 + spare);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 16 * PAGE), VMM_OK);
		vmm_vmem_set_reserve(&arena, reserve);
		before = digest();
		err = vmm_vmem_xalloc(&arena, &middle, &region);
		CHECK_EQ(err, spare >= 2 + reserve ? VMM_OK : VMM_ENOMEM);
		CHECK_EQ(region != NULL, err == VMM_OK);
		CHECK_EQ(digest() != before, err == VMM_OK);
		if (err == VMM_OK)
			CHECK_EQ(vmm_vmem_free(&arena, 8 * PAGE), VMM_OK);
		before = digest();
		CHECK_EQ(vmm_vmem_xalloc(&arena, &refill, &region),
			spare >= 2 ? VMM_OK : VMM_ENOMEM);
		CHECK_EQ(digest() != before, spare >= 2);
	}
}

/*
 * A hint in the middle of a free region takes two nodes. With one, the request
 * is served elsewhere; with none, and a free region that fits exactly,
 * there; only what needs a node anywhere is refused.
 */
TEST(fault_vmem_hint_every_supply)
{
	struct vmm_vmem_request hint = {
		.size = PAGE, .where = 8 * PAGE, .flags = VMM_VMEM_HINT};

	for (size_t spare = 0; spare < 4; spare++) {
		const struct vmm_vmem_region *region = NULL;
		uint64_t before;
		int err;

		open_arena(3 + spare);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 16 * PAGE), VMM_OK);
		hint.size = PAGE;
		before = digest();
		err = vmm_vmem_xalloc(&arena, &hint, &region);
		CHECK_EQ(err, spare >= 1 ? VMM_OK : VMM_ENOMEM);
		if (err == VMM_OK) {
			CHECK_EQ(vmm_vmem_region_base(region),
				spare >= 2 ? 8 * PAGE : 0);
			CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
		} else {
			CHECK_EQ(digest(), before);
		}
		/* The reserve keeps nodes from a hint as from anything else. */
		vmm_vmem_set_reserve(&arena, spare >= 1 ? spare - 1 : 0);
		err = vmm_vmem_xalloc(&arena, &hint, &region);
		CHECK_EQ(err, spare >= 1 ? VMM_OK : VMM_ENOMEM);
		if (err == VMM_OK) {
			CHECK_EQ(vmm_vmem_region_base(region), 0);
			CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
		}
		hint.size = 16 * PAGE; /* too large for the hint's place */
		CHECK_EQ(vmm_vmem_xalloc(&arena, &hint, &region), VMM_OK);
		CHECK_EQ(vmm_vmem_region_base(region), 0);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/*
 * A node that a caller embeds cannot become a free region, so one of the
 * arena's is kept for that: when all others are gone, embedded regions between
 * used ones can still be freed, and cost a node each.
 */
TEST(fault_vmem_free_embedded_without_nodes)
{
	static struct vmm_vmem_region embedded[8];
	vmm_va_t last = 0;
	vmm_va_t base;

	for (size_t nodes = 30; nodes <= NODES_MAX; nodes++) {
		open_arena(nodes);
		CHECK_EQ(vmm_vmem_add(&arena, 0, 128 * PAGE), VMM_OK);
		for (unsigned i = 0; i < 8; i++) {
			const struct vmm_vmem_request request = {
				.size = PAGE, .embed = &embedded[i]};
			const struct vmm_vmem_region *region = NULL;

			CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region),
				VMM_OK);
			CHECK(region == &embedded[i]);
			CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
		}
		while (vmm_vmem_alloc(&arena, PAGE, &base) == VMM_OK)
			last = base;
		CHECK(vmm_vmem_spare(&arena) >= 8);
		CHECK(vmm_vmem_spare(&arena) <= 9);
		CHECK(last > 15 * PAGE);
		for (unsigned i = 0; i < 8; i++) {
			CHECK_EQ(vmm_vmem_free_region(&arena, &embedded[i]),
				VMM_OK);
			CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		}
		CHECK(vmm_vmem_spare(&arena) <= 1);
		vmm_vmem_free_all(&arena);
		CHECK_EQ(vmm_vmem_spare(&arena), nodes - 3);
	}
}
