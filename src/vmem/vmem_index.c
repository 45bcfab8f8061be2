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
 *      31                               7  6  5        0
 *      +---------------------------------+---+----------+
 *      | (node - index) / 16, signed     | 1 | hash bits|     0: empty
 *      +---------------------------------+---+----------+
 *
 * Two entries are compared at a time, each in a half of a word: the seven low
 * bits of both have room for a carry. Nodes further away than 256 MiB are not
 * in the index.
 */
#include "core/bits.h"
#include "vmem/vmem_check.h"

enum {
	WAYS = 4,
	TAG_BITS = 7, /* the hash bits, and the one that no entry lacks */
	TAG_MASK = (1 << TAG_BITS) - 1,
	ENTRY_BIT = TAG_BITS - 1,
	UNIT = 16
};

/* Buckets: there are fewer nodes within reach. */
#define COUNT_SHIFT_MAX 22
#define COUNT_MAX	((size_t)1 << COUNT_SHIFT_MAX)

_Static_assert(sizeof(union vmm_vmem_bucket) == WAYS * sizeof(uint32_t),
	"a bucket's words are its entries");

/* The same number in both halves of a word. */
#define BOTH(x) ((uint64_t)(x)*UINT64_C(0x100000001))

VMM_RARE void vmm_vmem_set_index(
	struct vmm_vmem *arena, void *memory, size_t size)
{
	size_t skip = (size_t)(-(uintptr_t)memory % UNIT);
	size_t count = size < skip ? 0 : (size - skip) / sizeof(*arena->index);

	VMM_ASSERT(arena->quantum != 0);
	VMM_ASSERT(arena->used_count == 0);
	VMM_ASSERT((uintptr_t)memory % sizeof(uint32_t) == 0);

	arena->index = NULL;
	if (memory == NULL || count < 2)
		return;
	if (count > COUNT_MAX)
		count = COUNT_MAX;
	arena->index = (void *)((char *)memory + skip);
	/* As many buckets as the largest power of two that there is room for. */
	for (arena->index_shift = 64; count > 1; count /= 2)
		arena->index_shift--;
	count = (size_t)1 << (64 - arena->index_shift);
	for (size_t i = 0; i < count; i++)
		arena->index[i] = (union vmm_vmem_bucket){.pair = {0}};
}

/* vmm_vmem_region_base() of a region that is known to be used. */
static vmm_va_t place_of(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	return region->base +
	       ((uint64_t)region->as.used.guard[0] << arena->shift);
}

/* Multiplicative hashing; the factor is 2^64 over the golden ratio. */
static uint64_t hash_of(const struct vmm_vmem *arena, vmm_va_t base)
{
	return (base >> arena->shift) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The bits of the hash right below those that choose the bucket, and the one
   that says that there is an entry. */
static uint32_t tag_of(const struct vmm_vmem *arena, uint64_t hash)
{
	const unsigned shift = arena->index_shift - ENTRY_BIT;

	return (uint32_t)((hash >> shift | 1u << ENTRY_BIT) & TAG_MASK);
}

static struct vmm_vmem_region *node_of(
	const struct vmm_vmem *arena, uint32_t entry)
{
	int64_t distance = (int64_t)((int32_t)entry >> TAG_BITS) * UNIT;

	return (struct vmm_vmem_region *)((uintptr_t)arena->index +
					  (uintptr_t)distance);
}

/* The entry of a node, 0 if it is out of reach. */
static uint32_t entry_of(const struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, uint32_t tag)
{
	uintptr_t distance = (uintptr_t)region - (uintptr_t)arena->index;
	uint32_t entry = (uint32_t)(distance / UNIT) << TAG_BITS;

	return node_of(arena, entry) == region ? entry | tag : 0;
}

/*
 * Four flags, one for each entry of a bucket, are in bits 0 and 32 for the
 * first pair and in bits 1 and 33 for the second.
 */
static uint64_t flags_of(uint64_t first, uint64_t second, unsigned bit)
{
	const uint64_t mask = BOTH(1u << bit);

	return (first & mask) >> bit | (second & mask) >> bit << 1;
}

static unsigned entry_at(uint64_t flags)
{
	unsigned bit = vmm_ctz(flags);

	return (bit & 1) * 2 + bit / 32;
}

/* Flags of the entries that have @tag. */
static uint64_t matches(const union vmm_vmem_bucket *bucket, uint32_t tag)
{
	const uint64_t low = BOTH(TAG_MASK);
	const uint64_t both = BOTH(tag);

	/* What differs from the tag carries into the bit above it. */
	return flags_of(~(((bucket->pair[0] ^ both) & low) + low),
		~(((bucket->pair[1] ^ both) & low) + low), TAG_BITS);
}

struct vmm_vmem_region *vmm_vmem_index_find(
	const struct vmm_vmem *arena, vmm_va_t base)
{
	uint64_t hash = hash_of(arena, base);
	const union vmm_vmem_bucket *bucket =
		&arena->index[hash >> arena->index_shift];
	uint64_t found = matches(bucket, tag_of(arena, hash));

	for (; found != 0; found &= found - 1) {
		struct vmm_vmem_region *region =
			node_of(arena, bucket->entry[entry_at(found)]);

		VMM_ASSERT(region->state == VMM_VMEM_USED);
		if (VMM_LIKELY(place_of(arena, region) == base))
			return region;
	}
	return vmm_vmem_find_in_runs(arena, base);
}

void vmm_vmem_index_add(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	uint64_t hash = hash_of(arena, place_of(arena, region));
	uint64_t at = hash >> arena->index_shift;
	union vmm_vmem_bucket *bucket = &arena->index[at];
	uint32_t tag = tag_of(arena, hash);
	uint32_t entry = entry_of(arena, region, tag);
	uint64_t empty =
		flags_of(~bucket->pair[0], ~bucket->pair[1], ENTRY_BIT);
	unsigned to = VMM_LIKELY(empty != 0) ? entry_at(empty) : tag % WAYS;

	region->as.used.place = 0;
	if (VMM_UNLIKELY(entry == 0))
		return;
	bucket->entry[to] = entry;
	region->as.used.place = (uint32_t)(at * WAYS + to);
}

/* Is @place one of the index's entries? */
static bool is_place(const struct vmm_vmem *arena, uint32_t place)
{
	return place / WAYS >> (64 - arena->index_shift) == 0;
}

/* Another region may have taken its place. */
void vmm_vmem_index_drop(
	struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	uint32_t place = region->as.used.place;
	uint32_t *entry = &arena->index[place / WAYS].entry[place % WAYS];

	VMM_ASSERT(is_place(arena, place));

	*entry = node_of(arena, *entry) == region ? 0 : *entry;
}

/* May every used region drop the place that it remembers? */
static VMM_RARE bool places_ok(const struct vmm_vmem *arena)
{
	const struct vmm_vmem_region *region = arena->head.link[AFTER];

	for (; region != &arena->head; region = region->link[AFTER])
		if (region->state == VMM_VMEM_USED &&
			!is_place(arena, region->as.used.place))
			return false;
	return true;
}

/* The chain has been found in order. */
VMM_RARE bool vmm_vmem_index_ok(const struct vmm_vmem *arena)
{
	size_t count;

	if (arena->index == NULL)
		return true;
	if (arena->index_shift < 64 - COUNT_SHIFT_MAX ||
		arena->index_shift > 63)
		return false;
	count = (size_t)WAYS << (64 - arena->index_shift);
	for (size_t i = 0; i < count; i++) {
		uint32_t entry = arena->index[i / WAYS].entry[i % WAYS];
		const struct vmm_vmem_region *region;
		uint64_t hash;

		if (entry == 0)
			continue;
		/* A look at the node is safe as long as entries are right. */
		region = node_of(arena, entry);
		if (region->state != VMM_VMEM_USED ||
			region->as.used.arena != arena ||
			region->link[BEFORE]->link[AFTER] != region ||
			region->as.used.place != i)
			return false;
		hash = hash_of(arena, place_of(arena, region));
		if (hash >> arena->index_shift != i / WAYS ||
			(entry & TAG_MASK) != tag_of(arena, hash))
			return false;
	}
	return places_ok(arena);
}
