/* SPDX-License-Identifier: MIT */
/*
 * The structures of vmem.h: an arena, a region, the memory for its nodes. They
 * are public so that you can place them and know their size; their fields are
 * the library's. What belongs to you in them, the tags, is read and written
 * through the functions of vmem.h.
 */
#ifndef VMM_VMEM_TYPES_H
#define VMM_VMEM_TYPES_H

#include <vmm/rbtree.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a region is. The numbers are no small ones, to tell them from noise. */
enum vmm_vmem_state {
	VMM_VMEM_SPARE = 0x5ba2e000, /* a node without a region */
	VMM_VMEM_FREE = 0x5ba2e001,
	VMM_VMEM_USED = 0x5ba2e002,
	VMM_VMEM_SPAN = 0x5ba2e003, /* no region: heads a span's regions */
	VMM_VMEM_HEAD = 0x5ba2e004  /* no region: closes the arena's chain */
};

/* A tree node with a partner in another tree. */
struct vmm_vmem_node {
	struct vmm_rb_node rb;
	struct vmm_vmem_node *pair; /* NULL unless the region is free */
};

/*
 * What the owner of a used region may note down in it. The library stores it
 * and shows it in dumps; it never acts on it.
 */
struct vmm_vmem_tags {
	uint64_t owner; /* who: a task number, a segment, a call site */
	void *user;	/* anything */
	uint32_t flags; /* anything; not the flags of the request */
	uint32_t count; /* anything, a reference count for instance */
};

struct vmm_vmem;

/*
 * A region, or a span's marker, or a spare node. Read it through the functions
 * of vmem.h. Its address is the region's handle and is stable from allocation
 * until free; it says nothing about other regions, which split and merge.
 */
struct vmm_vmem_region {
	/* Used: in the used tree. Free: in the free tree by address. */
	struct vmm_vmem_node by_base;
	vmm_va_t base;
	uint64_t size; /* bytes, a multiple of the quantum, not 0 */
	union {
		/* Free: in the free tree by (size, base). */
		struct vmm_vmem_node by_size;
		/* Used: */
		struct {
			struct vmm_vmem_tags tags;
			const struct vmm_vmem *arena;
		} used;
	} as;
	/* The chain of all regions and markers: before [0] and after [1]. */
	struct vmm_vmem_region *link[2];
	uint32_t state; /* enum vmm_vmem_state */
	uint32_t zero;	/* room for later; 0 */
};

/* Donated memory starts with this; nodes fill the rest. */
struct vmm_vmem_chunk {
	struct vmm_vmem_chunk *next;
	void *memory; /* as donated */
	size_t size;
	size_t count; /* nodes */
};

/*
 * An arena. Yours to place, the library's to read and write. It must not move:
 * the chain leads through it. Invariants, which vmm_vmem_check() tests:
 *   I1  the chain starts and ends at the head; its links are symmetric; it
 *       holds as many spans, used and free regions as the counters say
 *   I2  markers ascend and their spans do not overlap; the regions after a
 *       marker tile its span without gap or overlap; all is in quanta
 *   I3  no two free regions of one span touch
 *   I4  the two nodes of a free region are each other's pair; a used region
 *       has none and knows its arena
 *   I5  the trees are red-black trees of as many nodes as the counters say.
 *       In key order, the used tree, the free tree by address and the span
 *       tree hold exactly the used regions, free regions and markers of the
 *       chain; the free tree by size ascends strictly by (size, base)
 *   I6  a chunk's header is the first aligned address of its memory, and its
 *       count is what its size has room for; the counts add up to node_count,
 *       and so do the spare nodes and those in the chain; the spare list
 *       holds as many nodes, all marked as spare, as its counter says
 *   I7  the sizes of all spans, and of all used regions, add up
 */
struct vmm_vmem {
	struct vmm_rb_tree used;
	struct vmm_rb_tree free_by_base;
	struct vmm_rb_tree free_by_size;
	struct vmm_rb_tree spans;
	uint64_t quantum;   /* 0 after vmm_vmem_fini() */
	uint64_t size;	    /* of all spans, modulo 2^64 */
	uint64_t used_size; /* modulo 2^64 */
	size_t span_count;
	size_t used_count;
	size_t free_count;
	size_t node_count; /* in all chunks */
	size_t spare_count;
	size_t reserve;
	struct vmm_vmem_region *spare; /* through link[1] */
	struct vmm_vmem_chunk *chunks;
	struct vmm_vmem_region head;
};

/*
 * What vmm_vmem_stat() reports. Sums are in bytes; a sum of 2^64, when spans
 * cover the whole address space, is given as 2^64 - 1.
 */
struct vmm_vmem_stat {
	uint64_t size; /* of all spans */
	uint64_t used_size;
	uint64_t free_size;
	uint64_t largest_free; /* the largest request that can succeed */
	size_t span_count;
	size_t used_count; /* regions */
	size_t free_count;
	size_t node_count;  /* donated */
	size_t spare_count; /* of these, not in use */
	size_t reserve;
};

#ifdef __cplusplus
}
#endif

#endif /* VMM_VMEM_TYPES_H */
