/* SPDX-License-Identifier: MIT */
/*
 * Who is compared: allocators of addresses (the library in its variants, and
 * peers) and bare trees. Each is in a source of its own and is called through
 * these pointers, so that all pay the same for a call.
 *
 * Everything a contender remembers is in the memory it is opened with, and its
 * first byte is the contender's own. So a copy of that memory is a snapshot of
 * it, to be written back to the same place.
 */
#ifndef VMEM_PEERS_H
#define VMEM_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every arena is one span: 32 TiB from 1 TiB on, in pages of 4 KiB. No
   workload comes near its end but those that want to. */
#define VMEM_BASE  ((uint64_t)1 << 40)
#define VMEM_SPAN  ((uint64_t)1 << 45)
#define PAGE_SHIFT 12
#define PAGE_SIZE  ((uint64_t)1 << PAGE_SHIFT)

/* What an arena occupies. */
struct vmem_footprint {
	size_t regions; /* used and free */
	size_t used;	/* of these; parked ones as well */
	size_t nodes;	/* bytes in nodes that are in use */
	size_t fixed;	/* bytes beside the nodes, whatever is in use */
};

/*
 * An allocator. What alloc returns, the token, is all that the caller keeps of
 * a region: an address, or a handle where regions are freed by handle. 0 means
 * that there was no room. Sizes and alignments are in bytes, multiples of a
 * page. A pointer that is NULL is something the allocator cannot do.
 */
struct vmem_peer {
	const char *name;
	bool best_fit; /* takes the smallest free region that fits */
	bool parks;    /* keeps some freed regions, as if they were in use */
	/* Bytes of memory for an arena of up to @regions used regions. */
	size_t (*memory)(size_t regions);
	void (*open)(void *arena, size_t memory);
	uint64_t (*alloc)(void *arena, uint64_t size);
	/* 0: done. @size is that of the region, for those who need it. */
	int (*free)(void *arena, uint64_t token, uint64_t size);
	/* The first address of a region. */
	uint64_t (*base)(void *arena, uint64_t token);
	void (*footprint)(void *arena, struct vmem_footprint *footprint_out);
	/* One past the last used region, a parked one as well. NULL: regions
	   that are in use are those that the caller has. */
	uint64_t (*top)(void *arena);
	uint64_t (*alloc_aligned)(void *arena, uint64_t size, uint64_t align);
	/* Exactly at @base. */
	uint64_t (*alloc_fixed)(void *arena, uint64_t base, uint64_t size);
	/* The first address of the used region that starts at, or holds, an
	   address; 0: there is none. */
	uint64_t (*find)(void *arena, uint64_t base);
	uint64_t (*find_inside)(void *arena, uint64_t address);
};

extern const struct vmem_peer vmem_floor; /* does nothing */
extern const struct vmem_peer vmem_tlsf;  /* two-level segregated fit */
/* The same with what a user of it needs. */
extern const struct vmem_peer vmem_tlsf_full;
extern const struct vmem_peer vmem_plain; /* dual tree, no speed-up */
/* The library in its variants: see ours.c. The memory starts with its struct
   vmm_vmem. */
extern const struct vmem_peer vmem_ours_handle;
extern const struct vmem_peer vmem_ours_sized;
extern const struct vmem_peer vmem_ours_address;
extern const struct vmem_peer vmem_nocache_handle;
extern const struct vmem_peer vmem_nocache_sized;
extern const struct vmem_peer vmem_nocache_address;
extern const struct vmem_peer vmem_windows_handle;
extern const struct vmem_peer vmem_windows_address;
extern const struct vmem_peer vmem_bare_handle;
extern const struct vmem_peer vmem_bare_address;

/* An allocator that threads share: with a lock of the caller's, and told which
   thread calls. */
struct vmem_threads_peer {
	size_t (*memory)(size_t regions);
	void (*open)(void *arena, size_t memory, void *lock,
		void (*acquire)(void *lock), void (*release)(void *lock));
	uint64_t (*alloc)(void *arena, unsigned cpu, uint64_t size);
	int (*free)(void *arena, unsigned cpu, uint64_t token, uint64_t size);
};

extern const struct vmem_threads_peer vmem_threads_handle;
extern const struct vmem_threads_peer vmem_threads_sized;

/*
 * A bare tree of 64-bit keys. Nodes are numbered; the number is what the caller
 * holds, as the owner of an intrusive node does.
 */
struct tree_peer {
	const char *name;
	size_t (*memory)(size_t nodes);
	void (*open)(void *tree, size_t nodes);
	void (*insert)(void *tree, uint32_t node, uint64_t key);
	void (*erase)(void *tree, uint32_t node);
	bool (*find)(void *tree, uint64_t key);
};

extern const struct tree_peer tree_ours;  /* vmm/rbtree.h */
extern const struct tree_peer tree_bsd;	  /* sys/tree.h of libbsd */
extern const struct tree_peer tree_boost; /* boost::intrusive::rbtree */
extern const struct tree_peer tree_std;	  /* std::set */

#ifdef __cplusplus
}
#endif

#endif /* VMEM_PEERS_H */
