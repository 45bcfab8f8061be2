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
			run->count = UINT16_MAX;
			expect_corrupt();
			run = built_run(config, i);
			run->used++;
			expect_corrupt();
			run = built_run(config, i);
			run->used--;
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

/*
 * I9: an entry with another tag, in another bucket, of a region that was freed.
 * An entry is a distance in the upper bits and a part of the hash in the lower.
 */
TEST(corrupt_vmem_index)
{
	uint32_t *index = (uint32_t *)(void *)arena_index;

	for (unsigned i = 0; i < 32 * 4; i++) {
		unsigned to = (i + 4) % (32 * 4);
		uint32_t entry;

		build(&all);
		entry = index[i];
		if (entry == 0)
			continue;
		/* No entry is no fault. */
		index[i] = 0;
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		index[to] = entry;
		expect_corrupt();
		for (unsigned bit = 0; bit < 7; bit++) {
			build(&all);
			index[i] ^= UINT32_C(1) << bit;
			expect_corrupt();
		}
	}
	for (unsigned i = 0; i < 32 * 4; i++) {
		struct vmm_vmem_region *region;
		uint32_t entry;

		build(&all);
		entry = index[i];
		if (entry == 0)
			continue;
		for (region = arena.head.link[AFTER]; region != &arena.head;
			region = region->link[AFTER]) {
			if (region->state != VMM_VMEM_USED)
				continue;
			CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_OK);
			if (index[i] != entry)
				break;
			region = arena.head.link[AFTER];
		}
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		index[i] = entry;
		expect_corrupt();
	}
}

/* Does a region's entry lie where it remembers it? */
static bool has_entry(const struct vmm_vmem_region *region)
{
	const uint32_t *index = (uint32_t *)(void *)arena_index;
	int32_t entry = (int32_t)index[region->as.used.place];

	return (intptr_t)region ==
	       (intptr_t)arena_index + (intptr_t)(entry >> 7) * 16;
}

/* I9: what a region remembers is where its entry is, and if it has none, one. */
TEST(corrupt_vmem_index_places)
{
	const uint32_t count = 32 * 4;
	unsigned used = 0;

	for (unsigned nth = 0;; nth++) {
		struct vmm_vmem_region *region;
		unsigned left = nth;

		build(&all);
		for (region = arena.head.link[AFTER]; region != &arena.head;
			region = region->link[AFTER])
			if (region->state == VMM_VMEM_USED && left-- == 0)
				break;
		if (region == &arena.head)
			break;
		if (has_entry(region)) {
			used++;
			region->as.used.place =
				(region->as.used.place + 1) % count;
			expect_corrupt();
		}
		/* Without an entry, any place is as good; but one it must be. */
		build(&all);
		((uint32_t *)(void *)arena_index)[region->as.used.place] = 0;
		region->as.used.place = 0;
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		region->as.used.place = count;
		expect_corrupt();
		region->as.used.place = UINT32_MAX;
		expect_corrupt();
	}
	CHECK(used > 3);
}

TEST(corrupt_vmem_index_setup)
{
	static const unsigned shifts[] = {0, 1, 6, 7, 41, 64, 65, 1000};

	for (unsigned i = 0; i < 8; i++) {
		build(&all);
		arena.index_shift = shifts[i];
		expect_corrupt();
	}
	build(&all);
	arena.index_shift++;
	expect_corrupt();
}
