/* SPDX-License-Identifier: MIT */
/*
 * The index of places: a hash table of the used regions, in which the region at
 * an exact address is found at the first look. It is a hint and no more. A
 * region that finds its bucket full takes the place of another there; that one
 * is then found through the used tree, as all are in an arena without index. So
 * the index never has to grow, can be of any size, and no call waits for it.
 *
 * A bucket is four entries of 32 bits. An entry is the distance of the region's
 * node from the index, in units of 16 bytes, and 6 more bits of the hash, so
 * that hardly any node is looked at in vain:
 *
 *      31                                  6 5        0
 *      +------------------------------------+----------+
 *      | (node - index) / 16, signed        | hash bits|     0: empty
 *      +------------------------------------+----------+
 *
 * Nodes further away than 512 MiB are not in the index.
 */
#include "core/bits.h"
#include "vmem/vmem_check.h"

enum { WAYS = 4, TAG_BITS = 6, TAG_MASK = (1 << TAG_BITS) - 1, UNIT = 16 };

VMM_RARE void vmm_vmem_set_index(
	struct vmm_vmem *arena, void *memory, size_t size)
{
	size_t count = size / (WAYS * sizeof(*arena->index));

	VMM_ASSERT(arena->quantum != 0);
	VMM_ASSERT(arena->used_count == 0);
	VMM_ASSERT((uintptr_t)memory % sizeof(*arena->index) == 0);

	arena->index = NULL;
	if (memory == NULL || count < 2)
		return;
	arena->index = memory;
	arena->index_shift = 64 - vmm_log2(count);
	for (size_t i = 0; i < (size_t)WAYS << vmm_log2(count); i++)
		arena->index[i] = 0;
}

/* Multiplicative hashing; the factor is 2^64 over the golden ratio. */
static uint64_t hash_of(const struct vmm_vmem *arena, vmm_va_t base)
{
	return (base >> arena->shift) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint32_t *bucket_of(const struct vmm_vmem *arena, uint64_t hash)
{
	return &arena->index[(hash >> arena->index_shift) * WAYS];
}

/* The bits of the hash right below those that choose the bucket. */
static uint32_t tag_of(const struct vmm_vmem *arena, uint64_t hash)
{
	return (uint32_t)(hash >> (arena->index_shift - TAG_BITS)) & TAG_MASK;
}

static struct vmm_vmem_region *node_of(
	const struct vmm_vmem *arena, uint32_t entry)
{
	int64_t distance = (int64_t)((int32_t)entry >> TAG_BITS) * UNIT;
	uintptr_t origin = (uintptr_t)arena->index & -(uintptr_t)UNIT;

	return (struct vmm_vmem_region *)(origin + (uintptr_t)distance);
}

/* The entry of a node, 0 if it is out of reach. */
static uint32_t entry_of(const struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, uint32_t tag)
{
	uintptr_t origin = (uintptr_t)arena->index & -(uintptr_t)UNIT;
	uint32_t entry = (uint32_t)(((uintptr_t)region - origin) / UNIT)
			 << TAG_BITS;

	return node_of(arena, entry) == region ? entry | tag : 0;
}

/* A bit for each entry of a bucket that has @tag. */
static unsigned matches(const uint32_t *bucket, uint32_t tag)
{
	unsigned found = 0;

	for (unsigned i = 0; i < WAYS; i++)
		found |= (unsigned)((bucket[i] & TAG_MASK) == tag &&
				    bucket[i] != 0)
			 << i;
	return found;
}

struct vmm_vmem_region *vmm_vmem_index_find(
	const struct vmm_vmem *arena, vmm_va_t base)
{
	uint64_t hash = hash_of(arena, base);
	const uint32_t *bucket = bucket_of(arena, hash);
	unsigned found = matches(bucket, tag_of(arena, hash));

	for (; found != 0; found &= found - 1) {
		struct vmm_vmem_region *region =
			node_of(arena, bucket[vmm_ctz(found)]);

		VMM_ASSERT(region->state == VMM_VMEM_USED);
		if (VMM_LIKELY(vmm_vmem_region_base(region) == base))
			return region;
	}
	return NULL;
}

/* Without a branch: which place is empty is as good as random. */
void vmm_vmem_index_add(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	uint64_t hash = hash_of(arena, vmm_vmem_region_base(region));
	uint32_t *bucket = bucket_of(arena, hash);
	uint32_t tag = tag_of(arena, hash);
	uint32_t entry = entry_of(arena, region, tag);
	unsigned to = tag % WAYS;

	if (VMM_UNLIKELY(entry == 0))
		return;
	for (unsigned i = 0; i < WAYS; i++)
		to = bucket[i] == 0 ? i : to;
	bucket[to] = entry;
}

void vmm_vmem_index_drop(
	struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	uint64_t hash = hash_of(arena, vmm_vmem_region_base(region));
	uint32_t *bucket = bucket_of(arena, hash);
	uint32_t entry = entry_of(arena, region, tag_of(arena, hash));

	for (unsigned i = 0; i < WAYS; i++)
		bucket[i] = bucket[i] == entry ? 0 : bucket[i];
}

VMM_RARE bool vmm_vmem_index_ok(const struct vmm_vmem *arena)
{
	size_t count;

	if (arena->index == NULL)
		return true;
	if (arena->index_shift < TAG_BITS || arena->index_shift > 63)
		return false;
	count = (size_t)WAYS << (64 - arena->index_shift);
	for (size_t i = 0; i < count; i++) {
		const struct vmm_vmem_region *region;
		uint64_t hash;

		if (arena->index[i] == 0)
			continue;
		/* A look at the node is safe as long as entries are right. */
		region = node_of(arena, arena->index[i]);
		if (region->state != VMM_VMEM_USED ||
			region->as.used.arena != arena ||
			region->link[BEFORE]->link[AFTER] != region)
			return false;
		hash = hash_of(arena, vmm_vmem_region_base(region));
		if (hash >> arena->index_shift != i / WAYS ||
			(arena->index[i] & TAG_MASK) != tag_of(arena, hash))
			return false;
	}
	return true;
}
