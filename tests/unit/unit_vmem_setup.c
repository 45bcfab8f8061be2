/* SPDX-License-Identifier: MIT */
/* Bins, an index and memory for nodes by example: what they say, they do. */
#include "support/vmem_rig.h"

#define BASE UINT64_C(0xffffffc000000000)

static _Alignas(4096) unsigned char memory[64 * 1024];
static const struct vmem_config plain;

static void open_arena(unsigned config, uint64_t pages)
{
	arena_init(&vmem_configs[config], PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, BASE, pages * PAGE), VMM_OK);
}

static vmm_va_t alloc(uint64_t size)
{
	const struct vmm_vmem_region *region = NULL;

	CHECK_EQ(vmm_vmem_alloc_region(&arena, size, &region), VMM_OK);
	return vmm_vmem_region_base(region);
}

/* "A page of 4096 bytes holds 36." And n nodes need what the macro says. */
TEST(unit_vmem_setup_nodes)
{
	arena_init(&plain, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, 4096), VMM_OK);
	CHECK_EQ(vmm_vmem_spare(&arena), 36);
	for (size_t n = 1; n < 100; n++) {
		arena_init(&plain, PAGE);
		CHECK_EQ(
			vmm_vmem_donate(&arena, memory, VMM_VMEM_NODES_SIZE(n)),
			VMM_OK);
		CHECK_EQ(vmm_vmem_spare(&arena), n);
		arena_init(&plain, PAGE);
		CHECK_EQ(vmm_vmem_donate(
				 &arena, memory, VMM_VMEM_NODES_SIZE(n) - 1),
			n == 1 ? VMM_EINVAL : VMM_OK);
		CHECK_EQ(vmm_vmem_spare(&arena), n - 1);
	}
	/* Metadata of a region: at most 128 bytes. */
	CHECK(sizeof(struct vmm_vmem_region) <= 128);
	CHECK(sizeof(struct vmm_vmem_run) <= sizeof(struct vmm_vmem_region));
}

/* Memory of any alignment is as good, with and without an index. */
TEST(unit_vmem_setup_nodes_of_any_alignment)
{
	for (unsigned i = 0; i < VMEM_CONFIGS * 32; i++) {
		arena_init(&vmem_configs[i / 32], PAGE);
		CHECK_EQ(
			vmm_vmem_donate(&arena, memory + i % 32, 8000), VMM_OK);
		CHECK_EQ(vmm_vmem_add(&arena, BASE, 64 * PAGE), VMM_OK);
		for (unsigned k = 0; k < 20; k++)
			CHECK_EQ(alloc(PAGE), BASE + k * PAGE);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		for (unsigned k = 0; k < 20; k++) {
			CHECK(vmm_vmem_find(&arena, BASE + k * PAGE) != NULL);
			CHECK_EQ(
				vmm_vmem_free(&arena, BASE + k * PAGE), VMM_OK);
			CHECK(vmm_vmem_find(&arena, BASE + k * PAGE) == NULL);
		}
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/*
 * With bins, best fit is best fit, and of equals the one freed last: holes of
 * two pages at 1, 4, 7 and of one page at 10.
 */
TEST(unit_vmem_setup_bins_last_freed)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		static const unsigned order[] = {4, 7, 1};
		bool bins = vmem_configs[config].bins;

		open_arena(config, 12);
		for (unsigned k = 0; k < 4; k++) {
			CHECK_EQ(alloc(PAGE), BASE + 3 * k * PAGE);
			if (k < 3)
				CHECK_EQ(alloc(2 * PAGE),
					BASE + (3 * k + 1) * PAGE);
		}
		CHECK_EQ(alloc(PAGE), BASE + 10 * PAGE);
		CHECK_EQ(alloc(PAGE), BASE + 11 * PAGE);
		CHECK_EQ(vmm_vmem_free(&arena, BASE + 10 * PAGE), VMM_OK);
		for (unsigned k = 0; k < 3; k++)
			CHECK_EQ(vmm_vmem_free(&arena, BASE + order[k] * PAGE),
				VMM_OK);
		CHECK_EQ(alloc(PAGE), BASE + 10 * PAGE);
		CHECK_EQ(alloc(2 * PAGE), BASE + PAGE);
		CHECK_EQ(alloc(2 * PAGE), BASE + (bins ? 7 : 4) * PAGE);
		CHECK_EQ(alloc(2 * PAGE), BASE + (bins ? 4 : 7) * PAGE);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* The largest size with a bin, the one above, and one to the other and back. */
TEST(unit_vmem_setup_bins_and_trees)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		const uint64_t n = VMM_VMEM_BINS;
		const struct vmm_vmem_region *region;
		struct vmm_vmem_stat stat;

		open_arena(config, 4 * n);
		CHECK_EQ(alloc(n * PAGE), BASE);
		CHECK_EQ(alloc(PAGE), BASE + n * PAGE);
		CHECK_EQ(alloc((n + 1) * PAGE), BASE + (n + 1) * PAGE);
		CHECK_EQ(alloc((2 * n - 2) * PAGE), BASE + (2 * n + 2) * PAGE);
		CHECK_EQ(vmm_vmem_free(&arena, BASE), VMM_OK);
		CHECK_EQ(vmm_vmem_free(&arena, BASE + (n + 1) * PAGE), VMM_OK);
		vmm_vmem_stat(&arena, &stat);
		CHECK_EQ(stat.largest_free, (n + 1) * PAGE);
		CHECK_EQ(arena.tree_count, vmem_configs[config].bins ? 1 : 2);
		CHECK_EQ(alloc((n + 1) * PAGE), BASE + (n + 1) * PAGE);
		CHECK_EQ(vmm_vmem_free(&arena, BASE + (n + 1) * PAGE), VMM_OK);
		CHECK_EQ(alloc(n * PAGE), BASE);
		/* One page of the larger: what is left has a bin. */
		CHECK_EQ(alloc(PAGE), BASE + (n + 1) * PAGE);
		vmm_vmem_stat(&arena, &stat);
		CHECK_EQ(stat.largest_free, n * PAGE);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		/* A neighbour shrinks: it has none again. */
		region = vmm_vmem_find(&arena, BASE + (2 * n + 2) * PAGE);
		CHECK_EQ(vmm_vmem_resize_below(
				 &arena, region, (2 * n - 3) * PAGE),
			VMM_OK);
		vmm_vmem_stat(&arena, &stat);
		CHECK_EQ(stat.largest_free, (n + 1) * PAGE);
		CHECK_EQ(arena.tree_count, 1);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		vmm_vmem_free_all(&arena);
		CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
	}
}

/* An index of any size, also of none, and one that is taken away again. */
TEST(unit_vmem_setup_index)
{
	static _Alignas(16) unsigned char index[1024];

	for (size_t size = 0; size <= sizeof(index); size += 4) {
		for (size_t i = 0; i < sizeof(index); i++)
			index[i] = 0xa5;
		arena_init(&plain, PAGE);
		CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)),
			VMM_OK);
		vmm_vmem_set_index(
			&arena, index + (sizeof(index) - size), size);
		CHECK_EQ(vmm_vmem_add(&arena, BASE, 256 * PAGE), VMM_OK);
		for (unsigned k = 0; k < 100; k++)
			CHECK_EQ(alloc(PAGE), BASE + k * PAGE);
		for (unsigned k = 0; k < 100; k++)
			CHECK_EQ(vmm_vmem_free(
					 &arena, BASE + k * 37 % 100 * PAGE),
				VMM_OK);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		/* What lies before it is not touched. */
		for (size_t i = 0; i < sizeof(index) - size; i++)
			CHECK_EQ(index[i], 0xa5);
	}
	vmm_vmem_set_index(&arena, NULL, 0);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	CHECK_EQ(alloc(PAGE), BASE);
	CHECK(vmm_vmem_find(&arena, BASE) != NULL);
}

/* How many regions are looked at when each is looked up once. */
static size_t looks(void)
{
	size_t sum = 0;

	for (size_t i = 0; i < (size_t)1 << (64 - arena.index_shift); i++) {
		const struct vmm_vmem_region *r = arena.index[i];

		for (size_t k = 1; r != &arena.head; r = r->as.used.next)
			sum += k++;
	}
	return sum;
}

/*
 * With 6 bytes for each region the index finds them all: the used tree is not
 * looked at. With two buckets for all of them it is.
 */
TEST(unit_vmem_setup_index_serves)
{
	static _Alignas(16) uint64_t nodes[VMM_VMEM_NODES_SIZE(1100) / 8];
	static _Alignas(16) unsigned char index[4096];
	const unsigned count = sizeof(index) / 6;

	for (unsigned few = 0; few < 2; few++) {
		struct vmm_rb_node *root;
		unsigned found = 0;

		arena_init(&plain, PAGE);
		CHECK_EQ(vmm_vmem_donate(&arena, nodes, sizeof(nodes)), VMM_OK);
		vmm_vmem_set_index(&arena, index, few ? 16 : sizeof(index));
		CHECK_EQ(vmm_vmem_add(&arena, BASE, 4096 * PAGE), VMM_OK);
		for (unsigned k = 0; k < count; k++)
			alloc((1 + k % 5) * PAGE);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
		if (!few)
			CHECK(looks() * 10 <= count * 18);
		root = arena.used.root;
		for (unsigned broken = 0; broken < 2; broken++) {
			found = 0;
			arena.used.root = broken ? NULL : root;
			for (const struct vmm_vmem_region *r =
					arena.head.link[1];
				r != &arena.head; r = r->link[1])
				if (vmm_vmem_region_is_used(r))
					found += vmm_vmem_find(
							 &arena, r->base) == r;
			CHECK_EQ(found, broken && few ? 16 : count);
		}
		arena.used.root = root;
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* Free by address and size: of all sizes that round up to it, only these. */
TEST(unit_vmem_setup_free_sized)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		uint64_t before;
		vmm_va_t base;

		open_arena(config, 64);
		base = alloc(3 * PAGE - 7);
		before = arena_digest(memory, sizeof(memory));
		CHECK_EQ(vmm_vmem_free_sized(&arena, base, 2 * PAGE),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_free_sized(&arena, base, 3 * PAGE + 1),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_free_sized(&arena, base, 0), VMM_EINVAL);
		CHECK_EQ(vmm_vmem_free_sized(&arena, base, UINT64_MAX),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_free_sized(&arena, base + PAGE, 2 * PAGE),
			VMM_ENOENT);
		CHECK_EQ(vmm_vmem_free_sized(&arena, 0, 3 * PAGE), VMM_ENOENT);
		CHECK_EQ(arena_digest(memory, sizeof(memory)), before);
		CHECK_EQ(vmm_vmem_free_sized(&arena, base, 2 * PAGE + 1),
			VMM_OK);
		CHECK_EQ(vmm_vmem_free_sized(&arena, base, 3 * PAGE),
			VMM_ENOENT);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}

/* An arena with everything is closed and opened again, in the same memory. */
TEST(unit_vmem_setup_again)
{
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		void *back = NULL;
		size_t size = 0;

		open_arena(config, 64);
		(void)alloc(5 * PAGE);
		CHECK_EQ(vmm_vmem_fini(&arena), VMM_EBUSY);
		vmm_vmem_free_all(&arena);
		CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
		CHECK_EQ(vmm_vmem_take_back(&arena, &back, &size), VMM_OK);
		CHECK(back == memory);
		CHECK_EQ(size, sizeof(memory));
		CHECK_EQ(vmm_vmem_take_back(&arena, &back, &size), VMM_ENOENT);
		open_arena(config, 64);
		CHECK_EQ(alloc(64 * PAGE), BASE);
		CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	}
}
