/* SPDX-License-Identifier: MIT */
/*
 * What the kernel provides. The library owns no memory, no lock and no global;
 * what it needs comes through small constant structs of functions, one per
 * duty, which the caller owns and which must outlive every object they were
 * given to. Several objects may share one.
 *
 *   You use                                  You provide
 *   rbtree.h layout.h layouts.h dmap.h       nothing
 *   memmap.h fdt.h firmware.h                an array for the memory map
 *   boot.h                                   a few scratch pages
 *   vmem.h                                   memory for nodes: a static array
 *                                            now, pages when there are any
 *   pmem.h                                   the memory map, room for metadata
 *   pmem_cache.h vmem_cache.h                the same; struct vmm_lock if there
 *                                            is more than one CPU
 *   pt.h                                     struct vmm_pages, or donated
 *                                            pages only (pages == NULL)
 *   space.h space_fault.h segment.h          struct vmm_space_hooks: pages;
 *                                            frames, for kinds that take some;
 *                                            a lock and wait, if there is more
 *                                            than one hart; flush, if a hart
 *                                            uses the table; a policy, if you
 *                                            have one. And a page for the root
 *   space_object.h                           struct vmm_object_config: pages
 *                                            and frames; a lock as above; fill
 *                                            and end, if you need them
 *   any dump                                 struct vmm_sink
 *
 * struct vmm_frames and struct vmm_space_hooks are in space_types.h.
 *
 * Rules for a hook: it may sleep if its caller may; it must not call back into
 * the object that called it, unless the hook's own text says so. The library
 * takes no lock but one that it was given. Else the caller serialises the calls
 * that change one object; objects are independent of each other.
 */
#ifndef VMM_PORT_H
#define VMM_PORT_H

#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A source of pages of VMM_PAGE_SIZE bytes, for page tables, and for the nodes
 * of spaces.
 */
struct vmm_pages {
	/*
	 * Get one page. Store its address, a multiple of VMM_PAGE_SIZE, in
	 * *@pa_out and return 0, or return a negative error code, which the
	 * library hands to its own caller. The content does not matter.
	 */
	int (*alloc)(void *ctx, vmm_pa_t *pa_out);
	/* Take back a page that alloc gave. Cannot fail. */
	void (*free)(void *ctx, vmm_pa_t pa);
	void *ctx; /* handed to both; the library never looks at it */
};

/*
 * A lock, for objects that many CPUs share. It need not nest. If the object is
 * used from interrupts, acquire has to disable them. No other hook is called
 * while the lock is held.
 */
struct vmm_lock {
	void (*acquire)(void *ctx);
	void (*release)(void *ctx);
	void *ctx; /* handed to both; the library never looks at it */
};

/* A consumer of text, for dumps. The text is not terminated by a zero byte. */
struct vmm_sink {
	void (*write)(void *ctx, const char *text, size_t size);
	void *ctx;
};

#ifdef __cplusplus
}
#endif

#endif /* VMM_PORT_H */
