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
 * and however many sizes are equal. Two tables of yours make the usual calls
 * faster than that: bins for small sizes (vmm_vmem_set_bins()) and an index of
 * bases (vmm_vmem_set_index()). Neither changes what a call promises, but for
 * what is said there. For many CPUs there are caches (vmem_cache.h).
 *
 * The arena allocates nothing. Its nodes come from memory that you donate: a
 * static array at first, pages later. A call knows how many nodes it needs
 * before it changes anything, and freeing a region never needs one. Code that
 * fetches more memory for nodes, and needs a region for that, is served from a
 * reserve (vmm_vmem_set_reserve()).
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
#include <vmm/vmem_region.h>
#include <vmm/vmem_request.h>
#include <vmm/vmem_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of a span, see vmm_vmem_add_flags(). */
enum {
	VMM_VMEM_FIXED_ONLY = 1u << 0 /* only fixed requests may take it */
};

/*
 * Bytes to donate for @count nodes; for the size of a static array. A region
 * takes a node, free or used, and so does a span; the used tree takes one for
 * 2 to 24 regions and spans, mostly for 15 or more. VMM_VMEM_NODES_FOR(n) is
 * enough for @regions, spans counted in, whatever their history.
 */
#define VMM_VMEM_NODES_SIZE(count)       \
	(sizeof(struct vmm_vmem_chunk) + \
		(count) * sizeof(struct vmm_vmem_region))
#define VMM_VMEM_NODES_FOR(regions) ((regions) + (regions) / 2 + 2)

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
 * @size:   Bytes; VMM_VMEM_NODES_SIZE(n) aligned to 16 bytes hold n nodes. A
 *          page of 4096 bytes holds 36.
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
 * allocation takes at most 3 nodes, so a reserve of 3 makes it certain.
 * The number may exceed the spare nodes of the moment; then ordinary requests
 * that need nodes fail until more are donated or freed.
 *
 * Cost: O(1).
 */
void vmm_vmem_set_reserve(struct vmm_vmem *arena, size_t nodes);

/**
 * vmm_vmem_set_bins() - Keep small free regions in bins.
 * @arena:      The arena, without spans.
 * @bins:       8 KiB of the caller's, or NULL for none.
 * @by_address: Whether requests by address are wanted, see below.
 *
 * Free regions of 1 to VMM_VMEM_BINS quanta then stand in a list for their
 * exact size instead of the free trees. Best fit stays best fit, and becomes
 * O(1) for sizes that have a bin; among equal sizes the most recently freed is
 * taken, not the lowest.
 *
 * With @by_address true, the arena also keeps track of where the largest
 * binned regions are, for requests with a window or one of the VMM_VMEM_..._FIT
 * and VMM_VMEM_RANDOM policies. That is a good part of what bins save. With
 * false such requests are refused with VMM_ENOTSUP, and larger free regions are
 * in the tree by size only, since only such requests read the tree by base.
 *
 * Ownership: @bins is the arena's until vmm_vmem_fini().
 * Cost:      O(VMM_VMEM_BINS).
 */
void vmm_vmem_set_bins(
	struct vmm_vmem *arena, struct vmm_vmem_bins *bins, bool by_address);

/**
 * vmm_vmem_set_index() - Find regions by their exact place without a descent.
 * @arena:  The arena, without used regions.
 * @memory: Of the caller's, of any alignment; or NULL for none, as is less than
 *          two pointers.
 * @size:   Bytes; from the first aligned address on, the largest power of two
 *          of pointers is used, which head lists of regions. With 6 bytes of
 *          these for each region in use, a look-up that finds one looks at 1.7
 *          on average. A list that has become long is not searched to its end:
 *          then the region is found through the used tree.
 *
 * For vmm_vmem_free(), vmm_vmem_free_sized() and vmm_vmem_find().
 *
 * Ownership: @memory is the arena's until vmm_vmem_fini().
 * Cost:      O(@size); allocating and freeing then touch a line of the cache in
 *            it, and may touch one of another region's node.
 */
void vmm_vmem_set_index(struct vmm_vmem *arena, void *memory, size_t size);

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
 * next. Takes two or three nodes, none of them from the reserve.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @base or @size is misaligned, or @size is 0
 *         VMM_ERANGE  the span would pass 2^64
 *         VMM_EEXIST  part of it is in a span already
 *         VMM_ENOMEM  too few spare nodes
 */
VMM_NODISCARD int vmm_vmem_add(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size);

/**
 * vmm_vmem_add_flags() - Add a span of free addresses of a special kind.
 * @arena, @base, @size: As for vmm_vmem_add().
 * @flags: 0, or VMM_VMEM_FIXED_ONLY: only VMM_VMEM_FIXED requests may take
 *         addresses of it. For page 0, the first megabyte, or whatever must
 *         only be had on purpose.
 *
 * Cost:   O(log n).
 * Return: As vmm_vmem_add(); VMM_EINVAL also for unknown flags.
 */
VMM_NODISCARD int vmm_vmem_add_flags(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size, unsigned flags);

/**
 * vmm_vmem_remove() - Remove a span that is entirely free.
 * @arena: The arena.
 * @base:  The span's first address.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_ENOENT  no span starts at @base
 *         VMM_EBUSY   part of it is in use, or it was imported: see
 *                     vmm_vmem_give_back()
 */
VMM_NODISCARD int vmm_vmem_remove(struct vmm_vmem *arena, vmm_va_t base);

/**
 * vmm_vmem_free_all() - Free every used region.
 * @arena: The arena.
 *
 * With vmm_vmem_fini(), this destroys an arena that is in use. Imported spans
 * stay; give them back first (vmem_nest.h).
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
 * Return: VMM_OK, or VMM_EBUSY: a region is in use, or a span is imported
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

/* Allocate and free. Requests with constraints are in vmem_request.h. */

/**
 * vmm_vmem_alloc() - Allocate a region anywhere, best fit.
 * @arena:    The arena.
 * @size:     Bytes, not 0; rounded up to the quantum.
 * @base_out: Receives the region's first address.
 *
 * The region lies at the start of the smallest free region that is large
 * enough; among equals, of the lowest, or with bins of the one freed last.
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
 * vmm_vmem_alloc_region() - As vmm_vmem_alloc(), but give the handle.
 * @region_out: Receives the region, whose address is its handle.
 */
VMM_NODISCARD int vmm_vmem_alloc_region(struct vmm_vmem *arena, uint64_t size,
	const struct vmm_vmem_region **region_out);

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
 *                     takes one, a split in three takes two, and a full node
 *                     of the used tree one more
 */
VMM_NODISCARD int vmm_vmem_alloc_at(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size);

/**
 * vmm_vmem_free() - Free the region that starts at an address.
 * @arena: The arena.
 * @base:  The place of a used region, nothing else.
 *
 * Merges with both neighbours. Needs no node and gives back up to three.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_ENOENT  no used region starts there: it was freed already, or
 *                     the address is inside a region, or never was allocated
 */
VMM_NODISCARD int vmm_vmem_free(struct vmm_vmem *arena, vmm_va_t base);

/**
 * vmm_vmem_free_sized() - Free a region and say how large it is.
 * @arena: The arena.
 * @base:  The place of a used region.
 * @size:  Bytes, as they were asked for.
 *
 * A caller who knows the size finds its own mistakes with it.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_ENOENT  no used region starts there
 *         VMM_EINVAL  it is of another size
 */
VMM_NODISCARD int vmm_vmem_free_sized(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size);

/**
 * vmm_vmem_free_part() - Free a part of a used region.
 * @arena: The arena.
 * @base:  First address; a multiple of the quantum.
 * @size:  Bytes; a non-zero multiple of the quantum.
 *
 * All of the range lies in one used region, between its guards. A guard next
 * to it is freed with it. The handle stays with what is left, with the lower
 * part if there are two; the upper one is a new region with the same tags and
 * use. All of a region is freed as by vmm_vmem_free().
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_EINVAL  misaligned or empty
 *         VMM_ENOENT  not inside one used region
 *         VMM_ENOMEM  too few spare nodes above the reserve: at an end one is
 *                     needed unless the neighbour there is free; in the midst
 *                     two or three are
 */
VMM_NODISCARD int vmm_vmem_free_part(
	struct vmm_vmem *arena, vmm_va_t base, uint64_t size);

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

/* Statistics, check and dump. */

/**
 * vmm_vmem_stat() - Report counts and sums.
 * @arena:    The arena.
 * @stat_out: Receives them. Nodes in use are spans + used + free + runs.
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
 *         between the two free trees, if both are kept. A node of the used
 *         tree shows its first region and how many it holds.
 *
 * Cost: O(n).
 */
void vmm_vmem_dump_dot(
	const struct vmm_vmem *arena, const struct vmm_sink *sink);

#ifdef __cplusplus
}
#endif

#endif /* VMM_VMEM_H */
