/* SPDX-License-Identifier: MIT */
/*
 * Address regions: which addresses are in use, which are free, and by whom.
 *
 * An arena hands out ranges of addresses. It never touches what is at them:
 * the same code manages a kernel's virtual space, a task's, a guest's, or
 * interrupt numbers. An arena owns spans, which you add; regions tile each
 * span without gap or overlap, and each region is free or used. Allocation is
 * true best fit: the smallest free region that is large enough, among equals
 * the one at the lowest address. Freeing merges at once, so two free regions
 * of a span never touch.
 *
 * Free regions stand in two red-black trees, by address and by (size,
 * address), through two nodes that point at each other; used ones stand in a
 * third, by address. All regions are chained in address order as well. So
 * every call is O(log n) in the worst case, whatever the order of the calls
 * and however many sizes are equal.
 *
 * The arena allocates nothing. Its nodes, one per region and one per span,
 * come from memory that you donate: a static array at first, pages later. A
 * call knows how many nodes it needs before it changes anything, and freeing
 * never needs one. Code that fetches more memory for nodes, and needs a region
 * for that, is served from a reserve (vmm_vmem_set_reserve()).
 *
 *	static struct vmm_vmem arena;
 *	static uint64_t nodes[512];
 *	vmm_va_t stack;
 *
 *	vmm_vmem_init(&arena, VMM_PAGE_SIZE);
 *	err = vmm_vmem_donate(&arena, nodes, sizeof(nodes));
 *	err = vmm_vmem_add(&arena, 0xffffffc000000000, VMM_GIB(64));
 *	err = vmm_vmem_alloc(&arena, VMM_KIB(64), &stack);
 *	err = vmm_vmem_free(&arena, stack);
 *
 * Units: addresses and sizes are bytes. Every region starts and ends at a
 * multiple of the arena's quantum; requested sizes are rounded up to it. A
 * region may hold address 0 and may end at 2^64.
 *
 * Context of every function: no lock is taken; the caller serialises the calls
 * that change an arena and lets no reader run beside them. Nothing sleeps,
 * recurses or calls out, but for the dumps, which write to your sink. An error
 * means that nothing was changed and no output was written.
 */
#ifndef VMM_VMEM_H
#define VMM_VMEM_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/port.h>
#include <vmm/types.h>
#include <vmm/vmem_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Free regions that an aligned request tries before it goes to one that fits
 * for certain. More would find tighter places, for a step in a tree each.
 */
#define VMM_VMEM_PROBES 8

/* Request flags, see struct vmm_vmem_request. */
enum {
	VMM_VMEM_FIXED = 1u << 0,      /* exactly at .where, or fail */
	VMM_VMEM_HINT = 1u << 1,       /* at .where if that can be had */
	VMM_VMEM_USE_RESERVE = 1u << 2 /* may take the reserved nodes */
};

/* Bytes to donate for @count nodes; for the size of a static array. */
#define VMM_VMEM_NODES_SIZE(count)       \
	(sizeof(struct vmm_vmem_chunk) + \
		(count) * sizeof(struct vmm_vmem_region))

/* Life of an arena, its nodes and spans. */

/**
 * vmm_vmem_init() - Make an arena without spans and without nodes.
 * @arena:   Storage of the caller's. It must not move.
 * @quantum: Bytes; a power of two, mostly VMM_PAGE_SIZE. Every region starts
 *           and ends at a multiple of it.
 *
 * Cost: O(1).
 */
void vmm_vmem_init(struct vmm_vmem *arena, uint64_t quantum);

/**
 * vmm_vmem_donate() - Give memory for nodes.
 * @arena:  The arena.
 * @memory: Any alignment.
 * @size:   Bytes; VMM_VMEM_NODES_SIZE(n) of aligned memory holds n nodes. A
 *          page of 4096 bytes holds 39.
 *
 * Ownership: the memory belongs to the arena until vmm_vmem_take_back().
 * Cost:      O(size).
 * Return:    VMM_OK, or VMM_EINVAL: not even one node fits
 */
VMM_NODISCARD int vmm_vmem_donate(
	struct vmm_vmem *arena, void *memory, size_t size);

/**
 * vmm_vmem_set_reserve() - Keep nodes back for the refill path.
 * @arena: The arena.
 * @nodes: How many spare nodes requests without VMM_VMEM_USE_RESERVE leave.
 *         0, the default, keeps none.
 *
 * A kernel whose arena gets nodes from pages that are mapped at addresses of
 * the same arena needs one allocation to make the next one possible. That
 * allocation takes at most 2 nodes, so a reserve of 2 makes it certain.
 * The number may exceed the spare nodes of the moment; then ordinary requests
 * that need nodes fail until more are donated or freed.
 *
 * Cost: O(1).
 */
void vmm_vmem_set_reserve(struct vmm_vmem *arena, size_t nodes);

/**
 * vmm_vmem_spare() - Count the spare nodes, the reserved ones included.
 * @arena: The arena.
 *
 * Cost: O(1).
 */
static inline size_t vmm_vmem_spare(const struct vmm_vmem *arena)
{
	return arena->spare_count;
}

/**
 * vmm_vmem_add() - Add a span of free addresses.
 * @arena: The arena.
 * @base:  First address, a multiple of the quantum. 0 is fine.
 * @size:  Bytes, a multiple of the quantum. The span may end at 2^64.
 *
 * Spans may touch; they stay apart, and no region reaches from one into the
 * next. Takes two nodes, none of them from the reserve.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @base or @size is misaligned, or @size is 0
 *         VMM_ERANGE  the span would pass 2^64
 *         VMM_EEXIST  part of it is in a span already
 *         VMM_ENOMEM  no two spare nodes
 */
VMM_NODISCARD int vmm_vmem_add(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size);

/**
 * vmm_vmem_remove() - Remove a span that is entirely free.
 * @arena: The arena.
 * @base:  The span's first address.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_ENOENT  no span starts at @base
 *         VMM_EBUSY   part of it is in use
 */
VMM_NODISCARD int vmm_vmem_remove(struct vmm_vmem *arena, vmm_va_t base);

/**
 * vmm_vmem_free_all() - Free every used region.
 * @arena: The arena.
 *
 * With vmm_vmem_fini(), this destroys an arena that is in use.
 *
 * Cost: O(n log n).
 */
void vmm_vmem_free_all(struct vmm_vmem *arena);

/**
 * vmm_vmem_fini() - Close an arena without used regions.
 * @arena: The arena. Afterwards only vmm_vmem_take_back() and, once that has
 *         returned all, vmm_vmem_init() may be called.
 *
 * Cost:   O(spans * log spans).
 * Return: VMM_OK, or VMM_EBUSY: a region is in use
 */
VMM_NODISCARD int vmm_vmem_fini(struct vmm_vmem *arena);

/**
 * vmm_vmem_take_back() - Get one donation back from a closed arena.
 * @arena:      The arena, after vmm_vmem_fini().
 * @memory_out: Receives the address that was donated.
 * @size_out:   Receives its size.
 *
 * Call it until it returns VMM_ENOENT: that many donations were made. The
 * latest comes first.
 *
 * Cost:   O(1).
 * Return: VMM_OK, or
 *         VMM_ENOENT  nothing is left to take
 *         VMM_EBUSY   the arena is not closed
 */
VMM_NODISCARD int vmm_vmem_take_back(
	struct vmm_vmem *arena, void **memory_out, size_t *size_out);

/* Allocate and free. */

/**
 * vmm_vmem_alloc() - Allocate a region anywhere, best fit.
 * @arena:    The arena.
 * @size:     Bytes, not 0; rounded up to the quantum.
 * @base_out: Receives the region's first address.
 *
 * The region lies at the start of the smallest free region that is large
 * enough; among equals, of the lowest.
 *
 * Ownership: give the region back with vmm_vmem_free() or
 *            vmm_vmem_free_region().
 * Cost:      O(log n).
 * Return:    VMM_OK, or
 *            VMM_EINVAL  @size is 0
 *            VMM_ENOSPC  no free region is large enough
 *            VMM_ENOMEM  the free region is larger than needed, so that it
 *                        must be split, and no spare node is left above the
 *                        reserve
 */
VMM_NODISCARD int vmm_vmem_alloc(
	struct vmm_vmem *arena, uint64_t size, vmm_va_t *base_out);

/**
 * vmm_vmem_alloc_at() - Allocate a region at a fixed address.
 * @arena: The arena.
 * @base:  First address, a multiple of the quantum.
 * @size:  Bytes, not 0; rounded up to the quantum.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @size is 0 or @base is misaligned
 *         VMM_ERANGE  the range is not inside one span
 *         VMM_EEXIST  part of it is in use
 *         VMM_ENOMEM  too few spare nodes above the reserve: a split in two
 *                     takes one, a split in three takes two
 */
VMM_NODISCARD int vmm_vmem_alloc_at(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size);

/*
 * A request in full. Set what you need and leave the rest zero, with a
 * designated initialiser, so that fields added later keep their default.
 */
struct vmm_vmem_request {
	uint64_t size;	/* bytes, not 0; rounded up to the quantum */
	uint64_t align; /* a power of two; 0 or less than the quantum: the
			   quantum */
	vmm_va_t where; /* with VMM_VMEM_FIXED or VMM_VMEM_HINT, else ignored */
	unsigned flags; /* VMM_VMEM_*: at most one of FIXED and HINT */
	struct vmm_vmem_tags tags; /* stored in the region */
};

/**
 * vmm_vmem_xalloc() - Allocate a region under constraints.
 * @arena:      The arena.
 * @request:    What is wanted; not kept.
 * @region_out: Receives the region, whose address is its handle.
 *
 * With VMM_VMEM_FIXED the region starts at @request->where or the call fails,
 * as vmm_vmem_alloc_at(). With VMM_VMEM_HINT it starts there if that is
 * aligned and free and there are nodes for the cut, and anywhere otherwise.
 *
 * Anywhere with an alignment above the quantum is best fit within a bound: of
 * the free regions that are large enough for @size, the VMM_VMEM_PROBES
 * smallest are tried in order of (size, address), and then the smallest that
 * is large enough for @size plus @align minus the quantum, where an aligned
 * place always exists. So VMM_ENOSPC with an alignment means that no free
 * region is that large; a smaller one in which an aligned place happened to
 * exist may have been passed over, but only behind that many which had none.
 * Without an alignment, VMM_ENOSPC means that no free region is large enough.
 *
 * Inside the chosen free region the place is its start if that is aligned;
 * else its end, if the region ends right there; else the lowest aligned place,
 * which splits in three.
 *
 * Ownership: as vmm_vmem_alloc().
 * Cost:      O(log n + VMM_VMEM_PROBES).
 * Return:    VMM_OK, or
 *            VMM_EINVAL  the size is 0, the alignment no power of two, the
 *                        flags are unknown or contradict each other, or a
 *                        fixed address is misaligned
 *            VMM_ERANGE  fixed: the range is not inside one span
 *            VMM_EEXIST  fixed: part of the range is in use
 *            VMM_ENOSPC  not fixed: no free region fits, as said above
 *            VMM_ENOMEM  too few spare nodes (above the reserve, unless
 *                        VMM_VMEM_USE_RESERVE is given); 0 to 2 are needed
 */
VMM_NODISCARD int vmm_vmem_xalloc(struct vmm_vmem *arena,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_region **region_out);

/**
 * vmm_vmem_free() - Free the region that starts at an address.
 * @arena: The arena.
 * @base:  First address of a used region, nothing else.
 *
 * Merges with both neighbours. Needs no node and gives back up to two.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_ENOENT  no used region starts there: it was freed already, or
 *                     the address is inside a region, or never was allocated
 */
VMM_NODISCARD int vmm_vmem_free(struct vmm_vmem *arena, vmm_va_t base);

/**
 * vmm_vmem_free_region() - Free a region by its handle.
 * @arena:  The arena that the region is of.
 * @region: The handle, from vmm_vmem_xalloc() or a look-up.
 *
 * Saves the look-up. A handle that was freed is noticed as long as its node
 * was not used again for another region; vmm_vmem_free() always notices.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or VMM_ENOENT: no handle of a used region of this arena
 */
VMM_NODISCARD int vmm_vmem_free_region(
	struct vmm_vmem *arena, const struct vmm_vmem_region *region);

/* Look up used regions. Handles stay valid until the region is freed. */

/**
 * vmm_vmem_find() - The used region that starts at an address exactly.
 * @arena: The arena.
 * @base:  Any address.
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: there is none.
 */
const struct vmm_vmem_region *vmm_vmem_find(
	const struct vmm_vmem *arena, vmm_va_t base);

/**
 * vmm_vmem_find_containing() - The used region that an address lies in.
 * @arena: The arena.
 * @addr:  Any address.
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: there is none.
 */
const struct vmm_vmem_region *vmm_vmem_find_containing(
	const struct vmm_vmem *arena, vmm_va_t addr);

/**
 * vmm_vmem_floor() - The last used region that starts at or below an address.
 * @arena: The arena.
 * @addr:  Any address; with UINT64_MAX, the last used region of all.
 *
 * It may end before @addr: to ask what is at an address, use
 * vmm_vmem_find_containing().
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: there is none.
 */
const struct vmm_vmem_region *vmm_vmem_floor(
	const struct vmm_vmem *arena, vmm_va_t addr);

/**
 * vmm_vmem_ceiling() - The first used region that starts at or above an address.
 * @arena: The arena.
 * @addr:  Any address; with 0, the first used region of all.
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: there is none.
 */
const struct vmm_vmem_region *vmm_vmem_ceiling(
	const struct vmm_vmem *arena, vmm_va_t addr);

/**
 * vmm_vmem_next(), vmm_vmem_prev() - The used region after, and before, another.
 * @arena:  The arena.
 * @region: A used region of it.
 *
 * Cost:   O(log n); a walk over all is O(n).
 * Return: The region, or NULL: @region is the last, or the first.
 */
const struct vmm_vmem_region *vmm_vmem_next(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region);
const struct vmm_vmem_region *vmm_vmem_prev(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region);

/* Look up and walk all regions, used and free. */

/**
 * vmm_vmem_region_find() - The region, used or free, that an address lies in.
 * @arena: The arena.
 * @addr:  Any address.
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: the address is in no span.
 */
const struct vmm_vmem_region *vmm_vmem_region_find(
	const struct vmm_vmem *arena, vmm_va_t addr);

/**
 * vmm_vmem_region_first(), vmm_vmem_region_next() - Walk all regions by address.
 * @arena:  The arena.
 * @region: A region of it, used or free.
 *
 * A gap between two regions is a gap between two spans.
 *
 * Cost:   O(1).
 * Return: The region, or NULL: there is none, or no more.
 */
const struct vmm_vmem_region *vmm_vmem_region_first(
	const struct vmm_vmem *arena);
const struct vmm_vmem_region *vmm_vmem_region_next(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region);

/* Read a region. O(1), all of them. */

static inline vmm_va_t vmm_vmem_region_base(
	const struct vmm_vmem_region *region)
{
	return region->base;
}

static inline uint64_t vmm_vmem_region_size(
	const struct vmm_vmem_region *region)
{
	return region->size;
}

static inline bool vmm_vmem_region_is_used(const struct vmm_vmem_region *region)
{
	return region->state == VMM_VMEM_USED;
}

/* The tags of a used region; zero after an allocation without tags. */
static inline const struct vmm_vmem_tags *vmm_vmem_region_tags(
	const struct vmm_vmem_region *region)
{
	VMM_ASSERT(region->state == VMM_VMEM_USED);
	return &region->as.used.tags;
}

/**
 * vmm_vmem_region_set_tags() - Replace the tags of a used region.
 * @arena:  The arena that the region is of.
 * @region: The region.
 * @tags:   Copied.
 *
 * Cost: O(1).
 */
void vmm_vmem_region_set_tags(struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, const struct vmm_vmem_tags *tags);

/* Statistics, check and dump. */

/**
 * vmm_vmem_stat() - Report counts and sums.
 * @arena:    The arena.
 * @stat_out: Receives them. Nodes in use are spans + used + free.
 *
 * Cost: O(log n).
 */
void vmm_vmem_stat(
	const struct vmm_vmem *arena, struct vmm_vmem_stat *stat_out);

/**
 * vmm_vmem_check() - Test all invariants.
 * @arena: The arena, not closed.
 *
 * Ends whatever the links say, loops included. Like vmm_rb_check() it cannot
 * know whether an aligned link leads to memory.
 *
 * Cost:   O(n), no recursion, no memory.
 * Return: VMM_OK or VMM_ECORRUPT.
 */
VMM_NODISCARD int vmm_vmem_check(const struct vmm_vmem *arena);

/**
 * vmm_vmem_dump() - Print spans and regions, a line each, by address.
 * @arena: The arena.
 * @sink:  Receives the text.
 *
 * Cost: O(n).
 */
void vmm_vmem_dump(const struct vmm_vmem *arena, const struct vmm_sink *sink);

/**
 * vmm_vmem_dump_dot() - Print the three trees as a graph for Graphviz.
 * @arena: The arena.
 * @sink:  Receives the text, for "dot -Tsvg". Pair links are the dashed lines
 *         between the two free trees.
 *
 * Cost: O(n).
 */
void vmm_vmem_dump_dot(
	const struct vmm_vmem *arena, const struct vmm_sink *sink);

#ifdef __cplusplus
}
#endif

#endif /* VMM_VMEM_H */
