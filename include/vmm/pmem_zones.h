/* SPDX-License-Identifier: MIT */
/*
 * All the memory of a machine: zones in an order of preference.
 *
 * A zone covers one window. A machine has several: below and above 4 GiB, one
 * or more for each memory node, one for each bank of a sparse map. This header
 * says where to cut (vmm_pmem_banks()), keeps the zones sorted by address, so
 * that a free finds its own, and for each node keeps an order in which they
 * are asked: the nearest node first, and within a node the highest addresses
 * first, so that memory below 4 GiB is left to those who need it.
 *
 *   node 0:   [ 5 GiB.. ][ 2 GiB.. ][ 64 GiB.. ]     distances 10 10 20
 *   node 1:   [ 64 GiB.. ][ 5 GiB.. ][ 2 GiB.. ]               10 20 20
 *
 * Each zone stands behind a cache (pmem_cache.h), which brings the lock and the
 * magazines. An arena for each CPU is the same thing: a node for each CPU.
 *
 * Context. Allocations and frees may be made on all CPUs at once. The set itself
 * is changed by one caller, while nobody else uses it: hot plug stops the others
 * for the moment, or gives them a copy of the set.
 */
#ifndef VMM_PMEM_ZONES_H
#define VMM_PMEM_ZONES_H

#include <vmm/pmem_cache.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A window for a zone, as struct vmm_pmem_config wants it. */
struct vmm_pmem_bank {
	vmm_pa_t min;
	vmm_pa_t last;
};

/**
 * vmm_pmem_banks() - Where to cut a memory map into zones.
 * @map:       The firmware's map.
 * @cuts:      Addresses that no zone may cross, ascending: 4 GiB, the borders
 *             of memory nodes.
 * @cuts_count: Number of them; may be 0.
 * @banks_out: Receives the windows, ascending.
 * @max:       Room in @banks_out.
 * @count_out: Receives their number.
 *
 * A hole between two pieces of RAM becomes a border where its metadata would
 * cost more than another zone: from 16 MiB on. So a sparse map pays nothing for
 * its holes. RAM of all kinds counts.
 *
 * Cost:   O(entries of the map * log + cuts).
 * Return: VMM_OK, or
 *         VMM_ENOENT  the map has no whole frame of RAM
 *         VMM_ENOMEM  there are more than @max
 */
VMM_NODISCARD int vmm_pmem_banks(const struct vmm_memmap *map,
	const vmm_pa_t *cuts, uint32_t cuts_count,
	struct vmm_pmem_bank *banks_out, uint32_t max, uint32_t *count_out);

/* A zone of the set. */
struct vmm_pmem_zone {
	struct vmm_pmem_cache *cache;
	uint32_t node; /* memory node it belongs to */
	/* pmem_frames.h: notes about its frames, from the window's first on. */
	uint32_t *owners; /* or NULL */
	uint32_t *shares; /* or NULL */
};

/* How far it is from one node to another; NULL: 10 to itself, 20 to others. */
struct vmm_pmem_distance {
	uint32_t (*of)(void *ctx, uint32_t from, uint32_t to);
	void *ctx;
};

/*
 * The set. Private. Invariants, which vmm_pmem_zones_check() tests:
 *   I1  the zones ascend and do not overlap
 *   I2  a node's order names every zone once, by distance, then downwards
 */
struct vmm_pmem_zones {
	struct vmm_pmem_zone *zones;
	uint32_t *order; /* nodes rows of max */
	uint32_t count;
	uint32_t max;
	uint32_t nodes;
	const struct vmm_pmem_distance *distance;
};

/* Numbers that vmm_pmem_zones_init() wants room for. */
#define VMM_PMEM_ZONES_ORDER(max, nodes) ((size_t)(max) * (nodes))

/**
 * vmm_pmem_zones_init() - Make an empty set.
 * @set:      Storage of the caller's.
 * @zones:    Array of @max.
 * @max:      Zones at most; at least 1.
 * @order:    Array of VMM_PMEM_ZONES_ORDER(max, nodes).
 * @nodes:    Memory nodes; at least 1.
 * @distance: May be NULL. Called by vmm_pmem_zones_add() only.
 *
 * Ownership: the arrays are the set's while it is used.
 * Cost:      O(1).
 */
void vmm_pmem_zones_init(struct vmm_pmem_zones *set,
	struct vmm_pmem_zone *zones, uint32_t max, uint32_t *order,
	uint32_t nodes, const struct vmm_pmem_distance *distance);

/**
 * vmm_pmem_zones_add() - Add a zone; memory that was there, or is new.
 * @set:  The set.
 * @zone: The zone; copied. Its cache must stay where it is.
 *
 * Cost:   O(nodes * zones^2), as many calls of the distance hook.
 * Return: VMM_OK, or
 *         VMM_EINVAL  the node is not below the number of nodes
 *         VMM_EEXIST  the zone's window overlaps that of another
 *         VMM_ENOMEM  the set is full
 */
VMM_NODISCARD int vmm_pmem_zones_add(
	struct vmm_pmem_zones *set, const struct vmm_pmem_zone *zone);

/**
 * vmm_pmem_zones_remove() - Take a zone out of the set.
 * @set:   The set.
 * @cache: The zone's cache. Its magazines are drained.
 *
 * Cost:   O(nodes * zones), and a drain.
 * Return: VMM_OK, or
 *         VMM_ENOENT  no such zone
 *         VMM_EBUSY   frames of it are in use
 */
VMM_NODISCARD int vmm_pmem_zones_remove(
	struct vmm_pmem_zones *set, struct vmm_pmem_cache *cache);

/**
 * vmm_pmem_zones_find() - The zone whose window holds an address.
 * @set: The set.
 * @pa:  Any address.
 *
 * Cost:   O(log zones).
 * Return: The zone, or NULL.
 */
struct vmm_pmem_zone *vmm_pmem_zones_find(
	const struct vmm_pmem_zones *set, vmm_pa_t pa);

/**
 * vmm_pmem_zones_alloc() - Allocate an aligned run, near a node.
 * @set:    The set.
 * @cpu:    The CPU whose magazines are used, in each zone.
 * @node:   Where the memory is wanted.
 * @order:  2^order frames.
 * @pa_out: Receives the first address.
 *
 * The zones are asked in the node's order.
 *
 * Cost:   As vmm_pmem_cache_alloc(), once for each zone that has none.
 * Return: VMM_OK, or
 *         VMM_EINVAL  @order or @node is too large
 *         VMM_ENOMEM  no zone has such a run
 */
VMM_NODISCARD int vmm_pmem_zones_alloc(const struct vmm_pmem_zones *set,
	uint32_t cpu, uint32_t node, unsigned order, vmm_pa_t *pa_out);

/**
 * vmm_pmem_zones_xalloc() - Allocate frames with demands, near a node.
 * @set:       The set.
 * @node:      Where the memory is wanted.
 * @request:   The demands. A run never crosses zones.
 * @pa_out:    Receives the first address.
 * @count_out: Receives the frames taken; may be NULL.
 *
 * If fewer frames would do, the first zone that has enough of them is taken:
 * nearness before length.
 *
 * Cost:   As vmm_pmem_cache_xalloc(), once for each zone that has none.
 * Return: VMM_OK, or
 *         VMM_EINVAL  as vmm_pmem_xalloc(), or @node is too large
 *         VMM_ENOMEM  no zone has such a run
 */
VMM_NODISCARD int vmm_pmem_zones_xalloc(const struct vmm_pmem_zones *set,
	uint32_t node, const struct vmm_pmem_request *request, vmm_pa_t *pa_out,
	uint64_t *count_out);

/**
 * vmm_pmem_zones_free() - Free an aligned run.
 * @set:   The set.
 * @cpu:   The CPU whose magazines are used.
 * @pa:    The first address.
 * @order: 2^order frames, of one zone.
 *
 * Cost:   O(log zones), and vmm_pmem_cache_free().
 * Return: As vmm_pmem_cache_free(); VMM_ERANGE if the frames are in no zone.
 */
VMM_NODISCARD int vmm_pmem_zones_free(const struct vmm_pmem_zones *set,
	uint32_t cpu, vmm_pa_t pa, unsigned order);

/**
 * vmm_pmem_zones_free_range() - Free contiguous frames of one zone.
 * @set:   The set.
 * @pa:    The first address.
 * @count: Frames.
 *
 * Cost:   O(log zones), and vmm_pmem_cache_free_range().
 * Return: As vmm_pmem_cache_free_range(); VMM_ERANGE if they are in no zone.
 */
VMM_NODISCARD int vmm_pmem_zones_free_range(
	const struct vmm_pmem_zones *set, vmm_pa_t pa, uint64_t count);

/* Sums over all zones, in frames. */
struct vmm_pmem_zones_stat {
	uint64_t managed;
	uint64_t free;	 /* in the zones */
	uint64_t parked; /* in magazines: to be had as well */
	uint64_t held;	 /* free, but held back */
	uint64_t used;	 /* in the kernel's hands: managed less all of these */
	uint64_t whole;	 /* free frames that are part of whole blocks */
};

/**
 * vmm_pmem_zones_stat() - Add up the counts.
 * @set:      The set; a moment's view, if others go on.
 * @stat_out: Receives them.
 *
 * A leak oracle: with nobody else at it, @used is what the kernel has in hand.
 * While others go on, @whole is a walk's figure and not one moment's: the zone's
 * lock is held for 16 blocks at a time. In each zone @parked is no more than what
 * is not free, and @whole no more than what is.
 *
 * Cost: O(blocks).
 */
void vmm_pmem_zones_stat(
	const struct vmm_pmem_zones *set, struct vmm_pmem_zones_stat *stat_out);

/**
 * vmm_pmem_zones_line() - Print one line, for a kernel's log.
 * @set:  The set.
 * @sink: Receives the text:
 *
 *   frames: 131072 managed, 100000 free, 64 parked, 31008 used; 2% of the free
 *   not in blocks of 2M
 *
 * in one line, without its end. The figures are those of vmm_pmem_zones_stat().
 *
 * Cost: O(blocks).
 */
void vmm_pmem_zones_line(
	const struct vmm_pmem_zones *set, const struct vmm_sink *sink);

/**
 * vmm_pmem_zones_dump() - Print all zones for people.
 * @set:  The set.
 * @sink: Receives the text: the orders, then each zone, then the line.
 *
 * The locks are taken as for vmm_pmem_zones_stat(), for a range at a time, and not
 * while @sink is called.
 *
 * Cost: As vmm_pmem_dump() of all zones.
 */
void vmm_pmem_zones_dump(
	const struct vmm_pmem_zones *set, const struct vmm_sink *sink);

/**
 * vmm_pmem_zones_check() - Test all invariants, those of the zones included.
 * @set: The set; nobody else is at it. The distance hook is called.
 *
 * Cost:   That of vmm_pmem_cache_check() for each zone.
 * Return: VMM_OK or VMM_ECORRUPT.
 */
VMM_NODISCARD int vmm_pmem_zones_check(const struct vmm_pmem_zones *set);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PMEM_ZONES_H */
