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

/* What a node is. The numbers are no small ones, to tell them from noise. */
enum vmm_vmem_state {
	VMM_VMEM_SPARE = 0x5ba2e000, /* a node without a region */
	VMM_VMEM_FREE = 0x5ba2e001,
	VMM_VMEM_USED = 0x5ba2e002,
	VMM_VMEM_SPAN = 0x5ba2e003, /* no region: heads a span's regions */
	VMM_VMEM_HEAD = 0x5ba2e004, /* no region: closes the arena's chain */
	VMM_VMEM_RUN = 0x5ba2e005   /* no region: a node of the used tree */
};

/* A tree node with a partner in another tree. */
struct vmm_vmem_node {
	struct vmm_rb_node rb;
	struct vmm_vmem_node *pair;
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

/* What the owner has done with a used region; the arena keeps sums of it. */
enum vmm_vmem_use {
	VMM_VMEM_RESERVED = 0,	/* addresses only; how every region starts */
	VMM_VMEM_COMMITTED = 1, /* memory is promised for it */
	VMM_VMEM_MAPPED = 2,	/* page tables lead somewhere */
	VMM_VMEM_USE_COUNT = 3
};

struct vmm_vmem;
struct vmm_vmem_run;

/*
 * A region, or a span's marker, or a spare node. Read it through the functions
 * of vmem.h. Its address is the region's handle and is stable from allocation
 * until free; it says nothing about other regions, which split and merge.
 */
struct vmm_vmem_region {
	uint32_t state; /* enum vmm_vmem_state */
	uint8_t slot;	/* used, marker: the place in its run */
	uint8_t flags;	/* VMM_VMEM_IS_... of vmem_internal.h */
	uint8_t use;	/* used: enum vmm_vmem_use */
	uint8_t tagged; /* used: 1 if tags were set; 0: they are not valid */
	vmm_va_t base;
	uint64_t size; /* bytes, a multiple of the quantum, not 0 */
	/* The chain of all regions and markers: before [0] and after [1]. */
	struct vmm_vmem_region *link[2];
	union {
		struct {
			struct vmm_vmem_run *run; /* first, as in span */
			const struct vmm_vmem *arena;
			/* Quanta at both ends that nobody may touch. */
			uint32_t guard[2];
			/* The list of the index, if there is one. */
			struct vmm_vmem_region *next;
			struct vmm_vmem_region **link; /* that leads here */
			struct vmm_vmem_tags tags;
		} used;
		/* A marker: in a run and in the tree of spans. */
		struct {
			struct vmm_vmem_run *run;
			struct vmm_rb_node rb;
			void *source; /* an arena it was imported from */
		} span;
		/* Free, of a size that has a bin: in the bin's list. */
		struct {
			struct vmm_vmem_region *next;
			struct vmm_vmem_region **link; /* that leads here */
		} bin;
		/* Free, larger: in the free trees. */
		struct {
			struct vmm_vmem_node by_base;
			struct vmm_vmem_node by_size;
			uint64_t largest; /* size in its subtree by base */
		} tree;
	} as;
};

/*
 * A node of the used tree: up to VMM_VMEM_RUN_MAX members, which are used
 * regions or markers that follow one another in the chain, free regions between
 * them not counted. A member occupies a slot, in no order.
 */
#define VMM_VMEM_RUN_MAX 24

struct vmm_vmem_run {
	uint32_t state; /* VMM_VMEM_RUN */
	uint32_t count; /* members */
	struct vmm_vmem_region *first;
	vmm_va_t base; /* of the first member */
	struct vmm_rb_node rb;
	uint32_t markers; /* how many of the members are no used regions */
	uint32_t taken;	  /* slots, a bit each */
	uint16_t own;	  /* summary of the members, see vmem_runs.c */
	uint16_t subtree; /* the same of all runs in the subtree */
	/*
	 * By slot, the size in quanta of the binned free region after each
	 * member, or 0. Only if the arena is by_address.
	 */
	uint16_t gap[VMM_VMEM_RUN_MAX];
};

/*
 * Bins: lists of free regions of one exact size each, 1 to VMM_VMEM_BINS
 * quanta, and a bit for each that is not empty. See vmm_vmem_set_bins().
 */
#define VMM_VMEM_BINS 1024

struct vmm_vmem_bins {
	uint64_t summary; /* a bit for each word of map that is not 0 */
	uint64_t map[VMM_VMEM_BINS / 64];
	struct vmm_vmem_region *head[VMM_VMEM_BINS]; /* of size index + 1 */
	struct vmm_vmem_region end; /* ends every list; its link is no one's */
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
 *   I3  no two free regions of one span touch; all regions of a span that is
 *       for fixed requests only say so, and no others
 *   I4  a free region of a size that has a bin is in that bin, the bins hold
 *       nothing else, and their bitmap says which are not empty; every other
 *       free region that is not held is in both free trees, or, with bins and
 *       not by_address, in that by size; its two nodes are each other's pair,
 *       and the summaries of the tree by base are right
 *   I5  the trees are red-black trees of as many nodes as the counters say;
 *       the spans, and the free regions of both trees, ascend in them by their
 *       keys as they do in the chain, the tree by size strictly by
 *       (size, base), and its first is known
 *   I6  the used tree holds the used regions and markers of the chain in
 *       order: each run is a stretch of them, knows its first, counts them,
 *       and each has a slot of its own, whose gap is the binned free region
 *       that follows; the summaries are right
 *   I7  a chunk's header is the first aligned address of its memory, and its
 *       count is what its size has room for; the counts add up to node_count,
 *       and so do the spare nodes, the runs and what is in the chain; the
 *       spare list holds as many nodes, all marked as spare, as its counter
 *       says; nodes that callers embedded are not counted
 *   I8  the sizes of all spans, of all used regions, and of those in each use,
 *       add up
 *   I9  each used region is in the list of the index that its place hashes to,
 *       and its link leads to where the list leads to it
 */
struct vmm_vmem {
	uint64_t quantum; /* 0 after vmm_vmem_fini() */
	unsigned shift;	  /* its logarithm */
	unsigned index_shift;
	uint64_t bin_count; /* sizes that have a bin, in quanta; 0: none */
	bool by_address;    /* the runs keep summaries of binned regions */
	struct vmm_vmem_bins *bins;	/* NULL: none */
	struct vmm_vmem_region **index; /* NULL: none */
	struct vmm_rb_tree used;
	struct vmm_rb_tree free_by_base;
	struct vmm_rb_tree free_by_size;
	struct vmm_vmem_region *least; /* the first by size; NULL: none */
	struct vmm_rb_tree spans;
	uint64_t size;			       /* of all spans, modulo 2^64 */
	uint64_t used_size;		       /* modulo 2^64 */
	uint64_t use_size[VMM_VMEM_USE_COUNT]; /* but for reserved */
	size_t use_count[VMM_VMEM_USE_COUNT];  /* the same */
	size_t span_count;
	size_t used_count;
	size_t free_count;
	size_t tree_count; /* free regions in the tree by size */
	size_t run_count;
	size_t embedded_count; /* used regions in nodes of the callers' */
	size_t node_count;     /* in all chunks */
	size_t spare_count;
	size_t reserve;
	vmm_va_t cursor;	       /* where next fit goes on */
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
	uint64_t use_size[VMM_VMEM_USE_COUNT]; /* used, by use */
	uint64_t largest_free; /* the largest request that can succeed */
	size_t span_count;
	size_t used_count; /* regions */
	size_t free_count;
	size_t run_count;   /* nodes of the used tree */
	size_t node_count;  /* donated */
	size_t spare_count; /* of these, not in use */
	size_t reserve;
};

#ifdef __cplusplus
}
#endif

#endif /* VMM_VMEM_TYPES_H */
