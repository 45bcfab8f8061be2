/* SPDX-License-Identifier: MIT */
/*
 * The structures of space.h: an address space, what the kernel provides for it,
 * and what a region of it is. They are public so that you can place them and
 * know their size.
 */
#ifndef VMM_SPACE_TYPES_H
#define VMM_SPACE_TYPES_H

#include <vmm/port.h>
#include <vmm/pt.h>
#include <vmm/types.h>
#include <vmm/vmem.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vmm_fault;
struct vmm_object;
struct vmm_segment;
struct vmm_space;
struct vmm_space_op; /* a call in progress; private */

/*
 * Where the frames of a space come from, and who counts their holders. A frame
 * has one holder for each entry that maps it and one for each object that has
 * it; pmem_frames.h does all of this. Spaces that fork from each other, and
 * spaces and the objects that they show, count in one place: the same struct.
 * Called without a lock, from any CPU.
 */
struct vmm_frames {
	/*
	 * Get @count contiguous frames, with one holder each. With @zero they
	 * are filled with zeros. Store the first address in *@pa_out and return
	 * 0, or return a negative error code, which the caller is given.
	 */
	int (*alloc)(void *ctx, uint64_t count, bool zero, vmm_pa_t *pa_out);
	/*
	 * One more holder for each of @count frames, all or none. Return 0, or
	 * a negative error code: a counter is at its end, for instance.
	 */
	int (*get)(void *ctx, vmm_pa_t pa, uint64_t count);
	/* One holder less for each; a frame without any is free. */
	void (*put)(void *ctx, vmm_pa_t pa, uint64_t count);
	/* How many hold a frame. One that nobody else holds is not copied. */
	uint64_t (*holders)(void *ctx, vmm_pa_t pa);
	/* Copy the bytes of one frame, @from, into another. */
	void (*copy)(void *ctx, vmm_pa_t to, vmm_pa_t from);
	void *ctx; /* handed to all; the library never looks at it */
	/*
	 * A frame of zeros that is never written to nor counted. It is mapped,
	 * read-only, where memory is read before it was written.
	 */
	vmm_pa_t zero_page;
	bool has_zero_page;
};

/*
 * What the kernel provides for spaces; constant, and shared by as many as it
 * likes. No hook is called with the lock held; but a call is in progress at its
 * addresses, for all but the policy. A hook that calls the space at some of
 * them, or about all of it (vmm_space_trim() for want of pages, for instance),
 * waits for ever.
 */
struct vmm_space_hooks {
	/*
	 * Pages for tables and for regions' nodes, reached at the live table's
	 * offset. Never NULL. Not for the live table's root, which you provide.
	 */
	const struct vmm_pages *pages;
	const struct vmm_frames *frames; /* NULL: no kind that takes frames */
	/*
	 * Serialises everything about the spaces that have it; for a few
	 * microseconds at most, but for ranges of gigabytes. Spaces with one
	 * live table need the same lock. NULL: the caller serialises all calls.
	 */
	const struct vmm_lock *lock;
	/*
	 * Flush what the gather says on every hart that may hold translations
	 * of the space (vmm_space_harts(); with is_shared, those of all spaces
	 * that have the live table), and return when all have. A gather
	 * without VMM_TLB_RESTRICT took nothing away, and needs it on this hart
	 * only: elsewhere an access may fault, which is a SPURIOUS fault then.
	 * NULL: no hart uses the table.
	 */
	void (*flush)(void *ctx, struct vmm_space *space,
		const struct vmm_tlb_gather *gather);
	/*
	 * Have a say in a fault, see space_fault.h. It may call anything, the
	 * space that faulted included. NULL: the defaults.
	 */
	int (*policy)(
		void *ctx, struct vmm_space *space, struct vmm_fault *fault);
	/*
	 * Another call is at the same addresses: let it go on, which may mean
	 * to take the interrupt in which it asks this hart for a flush. Called
	 * again and again. NULL: nothing is done between two looks.
	 */
	void (*wait)(void *ctx);
	void *ctx; /* handed to the three above */
};

/* What a region shows. */
enum vmm_space_kind {
	VMM_SPACE_RESERVED, /* nothing: any access faults */
	VMM_SPACE_ZERO,	    /* memory, zeroed when it is first touched */
	VMM_SPACE_STACK,    /* the same, from the top of the region down */
	VMM_SPACE_RING,	    /* the same, its first half shown twice in a row */
	VMM_SPACE_OBJECT,   /* pages of an object (space_object.h) */
	VMM_SPACE_PHYS,	    /* a physical range: mapped at once, never freed */
	VMM_SPACE_CONTIGUOUS, /* contiguous frames: taken and mapped at once */
	VMM_SPACE_KINDS
};

/*
 * Flags of a region.
 *
 *   SHARED   objects only: writes go to the object. Without it, a page that is
 *            written to becomes a copy of the space's own.
 *   KEEP     vmm_space_clear() leaves it.
 *   NO_FORK  vmm_space_fork() does not give it to the child.
 *   EAGER    touch every page before the call that makes the region returns.
 */
#define VMM_SPACE_SHARED  (1u << 0)
#define VMM_SPACE_KEEP	  (1u << 1)
#define VMM_SPACE_NO_FORK (1u << 2)
#define VMM_SPACE_EAGER	  (1u << 3)
#define VMM_SPACE_FLAGS                                          \
	(VMM_SPACE_SHARED | VMM_SPACE_KEEP | VMM_SPACE_NO_FORK | \
		VMM_SPACE_EAGER)

/*
 * A region of a space, as vmm_space_find() tells it. Adjacent regions that
 * differ in nothing may be one.
 */
struct vmm_space_region {
	vmm_va_t base;	   /* between the guards */
	uint64_t size;	   /* bytes */
	uint64_t guard[2]; /* bytes below and above that nobody may touch */
	enum vmm_space_kind kind;
	unsigned prot;		     /* VMM_PT_..., 0: none */
	unsigned flags;		     /* VMM_SPACE_... */
	bool unloaded;		     /* of a segment that is (segment.h) */
	const char *name;	     /* its object's or segment's; NULL: none */
	struct vmm_object *object;   /* OBJECT; else NULL */
	uint64_t offset;	     /* OBJECT: of the first page, bytes */
	vmm_pa_t pa;		     /* PHYS, CONTIGUOUS: of the first page */
	uint64_t depth;		     /* STACK: bytes that it has grown to */
	struct vmm_segment *segment; /* that it is a part of; or NULL */
};

/*
 * An address space. vmm_space_check() tests:
 *   S1  the arena and both tables are what their own checks want
 *   S2  everything mapped within the arena's spans, in the live table or in
 *       the store, lies in a region, between its guards, and in the one of the
 *       two where the region's pages belong; with is_shared, what the live
 *       table has elsewhere is another space's
 *   S3  no entry allows what its region does not; what an entry maps is what
 *       the region shows: PHYS and CONTIGUOUS their range, RING the same twice
 *   S4  a region's tags are well formed; a stack's pages are within its depth
 *   S5  no call is in progress
 */
struct vmm_space {
	const struct vmm_space_hooks *hooks;
	struct vmm_pt *live;	   /* the table that harts use; the caller's */
	struct vmm_pt store;	   /* pages of what is not loaded; no hart's */
	bool has_store;		   /* it was needed, and has a root */
	bool is_shared;		   /* other spaces have the live table as well:
				      yours to set, after vmm_space_init() */
	struct vmm_vmem arena;	   /* the regions */
	struct vmm_space_op *ops;  /* calls in progress, the oldest first */
	struct vmm_space_op **end; /* where the next one goes */
	uint64_t harts;		   /* a bit for each that uses the space */
	uint64_t node_pages;	   /* pages from the hook, for nodes */
};

#ifdef __cplusplus
}
#endif

#endif /* VMM_SPACE_TYPES_H */
