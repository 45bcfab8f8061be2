/* SPDX-License-Identifier: MIT */
/* The checker of arenas: broken runs, bins and entries of the index. */
#include "vmem/vmem_runs.h"

#include "support/vmem_rig.h"

#define USED  100
#define NODES VMM_VMEM_NODES_FOR(2 * USED + 10)

static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(NODES) / 8];

/* With all there is; with bins alone; with nothing. */
static const struct vmem_config all = {true, true, 32};
static const struct vmem_config bins = {true, false, 0};
static const struct vmem_config plain;
static const struct vmem_config *const setups[] = {&all, &bins, &plain};

/*
 * A hundred used regions of a page, behind every third a hole of one to five
 * pages; a large free region; runs that are not full. Spans in between.
 */
static void build(const struct vmem_config *config)
{
	uint64_t at = 0;

	arena_init(config, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 150 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 150 * PAGE, VMM_GIB(1)), VMM_OK);
	for (unsigned i = 0; i < USED; i++) {
		CHECK_EQ(vmm_vmem_alloc_at(&arena, at * PAGE, PAGE), VMM_OK);
		at += 1 + (i % 3 == 0 ? 1 + i % 5 : 0);
	}
	CHECK(arena.run_count >= 4);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

static void expect_corrupt(void)
{
	CHECK_EQ(vmm_vmem_check(&arena), VMM_ECORRUPT);
}

/* Run @i of a new arena, or NULL. */
static struct vmm_vmem_run *built_run(
	const struct vmem_config *config, unsigned i)
{
	struct vmm_rb_node *node;

	build(config);
	node = vmm_rb_first(&arena.used);
	for (; node != NULL && i > 0; i--)
		node = vmm_rb_next(node);
	return node != NULL ? VMM_CONTAINER_OF(node, struct vmm_vmem_run, rb)
			    : NULL;
}

/* I6: a run's counts, its first, its base. */
TEST(corrupt_vmem_run_fields)
{
	for (unsigned k = 0; k < 3; k++) {
		const struct vmem_config *config = setups[k];
		struct vmm_vmem_run *run;

		for (unsigned i = 0; built_run(config, i) != NULL; i++) {
			run = built_run(config, i);
			run->count++;
			expect_corrupt();
			run = built_run(config, i);
			run->count--;
			expect_corrupt();
			run = built_run(config, i);
			run->count = 0;
			expect_corrupt();
			run = built_run(config, i);
			run->count = UINT32_MAX;
			expect_corrupt();
			run = built_run(config, i);
			run->markers++;
			expect_corrupt();
			run = built_run(config, i);
			run->markers--;
			expect_corrupt();
			run = built_run(config, i);
			run->base += PAGE;
			expect_corrupt();
			run = built_run(config, i);
			run->base -= 1;
			expect_corrupt();
			run = built_run(config, i);
			run->first = vmm_vmem_member_after(run->first);
			expect_corrupt();
			run = built_run(config, i);
			run->first = NULL;
			expect_corrupt();
			run = built_run(config, i);
			run->state = VMM_VMEM_SPARE;
			expect_corrupt();
		}
	}
}

/* I6: summaries, every bit of them. */
TEST(corrupt_vmem_run_summaries)
{
	for (unsigned k = 0; k < 3 * 16; k++) {
		const struct vmem_config *config = setups[k / 16];
		uint16_t bit = (uint16_t)(1u << k % 16);
		struct vmm_vmem_run *run;

		for (unsigned i = 0; built_run(config, i) != NULL; i++) {
			run = built_run(config, i);
			run->own ^= bit;
			expect_corrupt();
			run = built_run(config, i);
			run->subtree ^= bit;
			expect_corrupt();
		}
	}
}

/* I6: slots and gaps. Without "by address" there are none. */
TEST(corrupt_vmem_run_slots)
{
	for (unsigned k = 0; k < 3 * VMM_VMEM_RUN_MAX; k++) {
		const struct vmem_config *config = setups[k / VMM_VMEM_RUN_MAX];
		unsigned slot = k % VMM_VMEM_RUN_MAX;
		struct vmm_vmem_run *run;

		for (unsigned i = 0; built_run(config, i) != NULL; i++) {
			run = built_run(config, i);
			run->taken ^= 1u << slot;
			expect_corrupt();
			run = built_run(config, i);
			run->gap[slot]++;
			expect_corrupt();
			if (run->gap[slot] == 1)
				continue;
			run = built_run(config, i);
			run->gap[slot] = 0;
			expect_corrupt();
		}
	}
	for (unsigned i = 0; built_run(&all, i) != NULL; i++) {
		struct vmm_vmem_run *run = built_run(&all, i);
		struct vmm_vmem_region *second =
			vmm_vmem_member_after(run->first);
		uint8_t slot = second->slot;

		/* Two in one slot; no slot at all; each in the other's. */
		second->slot = run->first->slot;
		expect_corrupt();
		run->first->slot = VMM_VMEM_RUN_MAX;
		expect_corrupt();
		run->first->slot = slot;
		if (run->gap[slot] != run->gap[second->slot])
			expect_corrupt();
	}
}

/* I6: a slot above those there are, which no member has. */
TEST(corrupt_vmem_run_taken_beyond)
{
	for (unsigned bit = VMM_VMEM_RUN_MAX; bit < 32; bit++) {
		built_run(&all, 0)->taken |= UINT32_C(1) << bit;
		expect_corrupt();
	}
}

/* I6: members of another run, with counts that agree, and that do not. */
TEST(corrupt_vmem_run_members)
{
	for (unsigned k = 0; k < 3; k++) {
		for (unsigned i = 1; built_run(setups[k], i) != NULL; i++) {
			struct vmm_vmem_run *run = built_run(setups[k], i);
			struct vmm_vmem_run *before = VMM_CONTAINER_OF(
				vmm_rb_prev(&run->rb), struct vmm_vmem_run, rb);
			struct vmm_vmem_region *second =
				vmm_vmem_member_after(run->first);

			run->first->as.used.run = before;
			expect_corrupt();
			run->first->as.used.run = NULL;
			expect_corrupt();
			run->first->as.used.run = run;
			CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
			second->as.used.run = before;
			expect_corrupt();
			run->count--;
			before->count++;
			expect_corrupt();
		}
	}
}

/* I4: the bitmaps of the bins, every bit. */
TEST(corrupt_vmem_bin_bits)
{
	for (unsigned i = 0; i < VMM_VMEM_BINS; i += i < 70 ? 1 : 61) {
		build(&all);
		arena_bins.map[i / 64] ^= UINT64_C(1) << i % 64;
		expect_corrupt();
	}
	for (unsigned i = 0; i < 64; i++) {
		build(&all);
		arena_bins.summary ^= UINT64_C(1) << i;
		expect_corrupt();
	}
}

/* I4: the lists. Bins 1 to 5 have six or seven regions each. */
TEST(corrupt_vmem_bin_lists)
{
	for (unsigned i = 0; i < 5 * 2; i++) {
		const struct vmem_config *config = setups[i / 5];
		struct vmm_vmem_region **head = &arena_bins.head[i % 5];
		struct vmm_vmem_region **other = &arena_bins.head[(i + 1) % 5];
		struct vmm_vmem_region *region;

		build(config);
		region = *head;
		*head = NULL;
		expect_corrupt();
		*head = &arena_bins.end;
		expect_corrupt();
		*head = *other;
		expect_corrupt();
		*head = region->as.bin.next; /* one lost */
		expect_corrupt();
		*head = arena.head.link[AFTER]; /* a marker */
		expect_corrupt();
		*head = (void *)((char *)region + 1);
		expect_corrupt();

		/* The list runs round, ends early, goes over to another. */
		build(config);
		region->as.bin.next->as.bin.next = region;
		expect_corrupt();
		region->as.bin.next = region;
		expect_corrupt();
		region->as.bin.next = &arena_bins.end;
		expect_corrupt();
		region->as.bin.next = *other;
		expect_corrupt();
		region->as.bin.next = NULL;
		expect_corrupt();

		/* Links back. */
		build(config);
		region->as.bin.link = other;
		expect_corrupt();
		region->as.bin.link = &region->as.bin.next;
		expect_corrupt();
		region->as.bin.link = NULL;
		expect_corrupt();
	}
}

/* I4: a region in the list of another size, well linked, and bits that say so. */
TEST(corrupt_vmem_bin_of_another_size)
{
	struct vmm_vmem_region *region;

	build(&all);
	region = arena_bins.head[1];
	arena_bins.head[1] = region->as.bin.next;
	region->as.bin.next->as.bin.link = &arena_bins.head[1];
	region->as.bin.next = arena_bins.head[2];
	arena_bins.head[2]->as.bin.link = &region->as.bin.next;
	region->as.bin.link = &arena_bins.head[2];
	arena_bins.head[2] = region;
	expect_corrupt();
}

/* What the arena says of its bins. */
TEST(corrupt_vmem_bin_setup)
{
	build(&bins);
	arena.bin_count--;
	expect_corrupt();
	build(&bins);
	arena.bin_count = 0;
	expect_corrupt();
	build(&bins);
	arena.bins = NULL;
	expect_corrupt();
	build(&bins);
	arena.bins = NULL;
	arena.bin_count = 0;
	expect_corrupt();
	build(&bins);
	arena.by_address = true;
	expect_corrupt();
	build(&all);
	arena.by_address = false;
	expect_corrupt();
	build(&plain);
	arena.bin_count = VMM_VMEM_BINS;
	expect_corrupt();
}

/* The bucket of the index of the nth used region that is the first in one. */
static struct vmm_vmem_region **built_bucket(unsigned nth)
{
	build(&all);
	for (unsigned i = 0; i < all.index; i++)
		if (arena_index[i] != &arena.head && nth-- == 0)
			return &arena_index[i];
	return NULL;
}

/* I9: a list that was lost, moved, cut, or goes in a circle. */
TEST(corrupt_vmem_index_lists)
{
	struct vmm_vmem_region **bucket;
	unsigned i = 0;

	for (; built_bucket(i) != NULL; i++) {
		struct vmm_vmem_region **other;
		struct vmm_vmem_region *region;

		bucket = built_bucket(i);
		*bucket = &arena.head;
		expect_corrupt();
		bucket = built_bucket(i);
		*bucket = NULL;
		expect_corrupt();
		bucket = built_bucket(i);
		*bucket = (void *)((char *)*bucket + 1);
		expect_corrupt();
		/* To the list of the bucket after it. */
		bucket = built_bucket(i);
		other = &arena_index[(size_t)(bucket + 1 - arena_index) %
				     all.index];
		region = *bucket;
		*bucket = region->as.used.next;
		(*bucket)->as.used.link = bucket;
		region->as.used.next = *other;
		region->as.used.link = other;
		(*other)->as.used.link = &region->as.used.next;
		*other = region;
		expect_corrupt();
		bucket = built_bucket(i);
		(*bucket)->as.used.next = *bucket;
		expect_corrupt();
		bucket = built_bucket(i);
		(*bucket)->as.used.next = NULL;
		expect_corrupt();
		bucket = built_bucket(i);
		(*bucket)->as.used.link++;
		expect_corrupt();
		bucket = built_bucket(i);
		(*bucket)->as.used.link = NULL;
		expect_corrupt();
	}
	CHECK(i > 3);
}

/* I9: a region that is in no list; one of the lists leads to a free one. */
TEST(corrupt_vmem_index_members)
{
	struct vmm_vmem_region **bucket;
	struct vmm_vmem_region *region;

	for (unsigned i = 0; (bucket = built_bucket(i)) != NULL; i++) {
		region = *bucket;
		*bucket = region->as.used.next;
		(*bucket)->as.used.link = bucket;
		expect_corrupt();
		bucket = built_bucket(i);
		region = *bucket;
		CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		*bucket = region;
		expect_corrupt();
	}
}

/* I9: a double of a used region, not in the chain, is in the list instead. */
TEST(corrupt_vmem_index_double)
{
	for (unsigned i = 0; built_bucket(i) != NULL; i++) {
		struct vmm_vmem_region **bucket = built_bucket(i);
		struct vmm_vmem_region copy = **bucket;

		*bucket = &copy;
		copy.as.used.next->as.used.link = &copy.as.used.next;
		expect_corrupt();
	}
}

/* I9: an index of another size. */
TEST(corrupt_vmem_index_shift)
{
	static const unsigned to[] = {0, 15, 60, 64, 65, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		build(&all);
		CHECK_EQ(arena.index_shift, 59);
		arena.index_shift = to[i];
		expect_corrupt();
	}
}
