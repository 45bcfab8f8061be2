/* SPDX-License-Identifier: MIT */
/*
 * Spaces: theory of operation
 *
 * 1. Words. A region of a space is a used region of its arena. What it shows is
 *    in the arena's tags (below), so making, cutting and finding regions is the
 *    arena's work, and a region costs one node. Its pages are in the live
 *    table; while its protection is 0, or its segment is not loaded, they are
 *    in the store, a table that no hart ever uses. There they keep their
 *    frames, and the permissions they had.
 *
 * 2. Calls in progress. The lock is held for looking and changing, never over a
 *    hook. What keeps a call atomic is its window: the addresses it works on,
 *    in a list of the space from _begin() to _end(). A call waits until no
 *    older one overlaps its own, so calls that overlap are one after the other,
 *    in the order they came. A call that finds its addresses under the lock, a
 *    new region's or a move's second window, does not queue: if somebody is
 *    there, it lets go of everything, waits a turn and looks anew, which with a
 *    fair lock comes to an end. A call that waits has no other window: fork has
 *    one in two spaces, but the child is nobody else's, and a move takes its
 *    second one without waiting. So there is no cycle, and no deadlock.
 *
 *        begin    lock, wait for the window
 *        look     regions and entries; they stay as they are in the window,
 *                 whoever else changes the rest while the lock is dropped
 *        prepare  drop the lock, get frames, fill them, take it again
 *        commit   change regions and entries: cannot fail
 *        settle   drop the lock, flush, put frames, take it again
 *        end      leave the list, free addresses that the call freed, unlock
 *
 *    A region that goes stays in the arena until its flush is over, so that
 *    nobody else can get the addresses and read through an old translation.
 *    Where all that a call did was to allow more, the window is given up before
 *    the flush: without it, a hart faults once more and nothing worse.
 *
 * 3. Pages and nodes. The live table and the arena have no source of their own.
 *    An operation that is out of them changes nothing and says VMM_ENOMEM; then
 *    vmm_space_more() drops the lock, gets pages, gives them, and the operation
 *    is tried again:
 *
 *        do {
 *                err = vmm_pt_map(space->live, ...);
 *        } while (vmm_space_more(space, &op, FOR_LIVE, &err));
 *
 *    vmm_space_need() does it beforehand, for operations that must not fail.
 *    Other calls may take what it got once the lock is dropped: so commit
 *    before that. Tables that were unlinked become spare, and what is more than
 *    a few is given back by _end().
 *
 * 4. Frames. Each entry that maps a frame holds it once, but for PHYS regions
 *    and the zero page. So unmapping is the same whatever the frame was, and
 *    copy on write asks one question: does anybody else hold it?
 */
#ifndef VMM_SPACE_INTERNAL_H
#define VMM_SPACE_INTERNAL_H

#include <vmm/segment.h>
#include <vmm/space.h>
#include <vmm/space_fault.h>
#include <vmm/space_object.h>

/* Frames that an operation can put after one flush, without a page for more. */
#define VMM_SPACE_FRAMES 8

/* Spare pages that a live table keeps between calls. */
#define VMM_SPACE_SPARE 8

/*
 * The tags of a region.
 *
 *   owner  OBJECT: offset of the first page; PHYS, CONTIGUOUS: its physical
 *          address
 *   user   with IS_SEGMENT: struct vmm_segment; else OBJECT: struct
 *          vmm_object; else the name
 *   count  STACK: pages that it has grown to
 *   flags  protection, kind and flags as below
 */
#define VMM_SPACE_KIND_SHIFT  12
#define VMM_SPACE_FLAGS_SHIFT 16
#define VMM_SPACE_IS_SEGMENT  (1u << 24) /* part of a segment */
#define VMM_SPACE_IS_UNLOADED (1u << 25) /* its pages are in the store */
/* Waits for its flush, or is not finished: not yet, or no more. */
#define VMM_SPACE_IS_GOING    (1u << 26)

_Static_assert(VMM_PT_ALL < 1u << VMM_SPACE_KIND_SHIFT, "room for protections");
_Static_assert(VMM_SPACE_KINDS <= 16, "room for kinds");
_Static_assert(VMM_SPACE_FLAGS < 1u << 8, "room for flags");

/* A call in progress, on its stack. */
struct vmm_space_op {
	struct vmm_space_op *next;
	vmm_va_t first; /* the window */
	vmm_va_t last;
	struct vmm_tlb_gather gather; /* of the live table */
	struct vmm_tlb_frames frames[VMM_SPACE_FRAMES];
	uint64_t batch; /* spare pages that _more() sees to the next time */
	/* A page for more frames than the above, and whether there is one. */
	vmm_pa_t page;
	bool has_page;
};

static inline unsigned vmm_space_prot(const struct vmm_vmem_region *region)
{
	return vmm_vmem_region_tags(region)->flags & VMM_PT_ALL;
}

static inline enum vmm_space_kind vmm_space_kind(
	const struct vmm_vmem_region *region)
{
	return (enum vmm_space_kind)(
		vmm_vmem_region_tags(region)->flags >> VMM_SPACE_KIND_SHIFT &
		15);
}

static inline unsigned vmm_space_flags(const struct vmm_vmem_region *region)
{
	return vmm_vmem_region_tags(region)->flags >> VMM_SPACE_FLAGS_SHIFT &
	       VMM_SPACE_FLAGS;
}

/* What a protection has to have some of; else it is 0 and a memory type. */
#define VMM_SPACE_ACCESS (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)

static inline bool vmm_space_has(
	const struct vmm_vmem_region *region, uint32_t flag)
{
	return (vmm_vmem_region_tags(region)->flags & flag) != 0;
}

/* Are the pages in the store instead of the live table? */
static inline bool vmm_space_is_stored(const struct vmm_vmem_region *region)
{
	return (vmm_space_prot(region) & VMM_SPACE_ACCESS) == 0 ||
	       (vmm_vmem_region_tags(region)->flags & VMM_SPACE_IS_UNLOADED) !=
		       0;
}

/* The table that has its pages. If it is the store, that may not be made yet. */
static inline struct vmm_pt *vmm_space_table(
	struct vmm_space *space, const struct vmm_vmem_region *region)
{
	return vmm_space_is_stored(region) ? &space->store : space->live;
}

/* Its last address between the guards. */
static inline vmm_va_t vmm_space_last(const struct vmm_vmem_region *region)
{
	return vmm_range_last(
		vmm_vmem_region_base(region), vmm_vmem_region_size(region));
}

/* Its object, of which it is a user; or NULL. */
static inline struct vmm_object *vmm_space_object(
	const struct vmm_vmem_region *region)
{
	void *user = vmm_vmem_region_tags(region)->user;

	if (vmm_space_kind(region) != VMM_SPACE_OBJECT)
		return NULL;
	if (vmm_space_has(region, VMM_SPACE_IS_SEGMENT))
		return ((struct vmm_segment *)user)->object;
	return user;
}

/* Are its leaves more than pages, perhaps, so that an end can cut one? */
static inline bool vmm_space_has_leaves(const struct vmm_vmem_region *region)
{
	return vmm_space_kind(region) == VMM_SPACE_PHYS ||
	       vmm_space_kind(region) == VMM_SPACE_CONTIGUOUS;
}

/* Do its entries hold frames that are put when they go? */
static inline bool vmm_space_has_frames(const struct vmm_vmem_region *region)
{
	return vmm_space_kind(region) != VMM_SPACE_PHYS;
}

/* space_op.c */

void vmm_space_lock(struct vmm_space *space);
void vmm_space_unlock(struct vmm_space *space);

/*
 * Begin a call on [@va, @va + @size): take the lock, and wait until no older
 * call has any of it. Ends with the lock held.
 */
void vmm_space_begin(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size);
/* The same for all addresses. */
void vmm_space_begin_all(struct vmm_space *space, struct vmm_space_op *op);
/*
 * Take a window when the lock is held already and the addresses have become
 * known just now: false if another call has some of them. After that, give
 * back what was changed, vmm_space_wait() and try again.
 */
bool vmm_space_begin_now(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size);
/*
 * The same for a call's second window, which may overlap its first, @mine. It
 * must not wait for it: that one is in others' way meanwhile.
 */
bool vmm_space_begin_also(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_space_op *mine, vmm_va_t va, uint64_t size);
/* Drop the lock, let others go on, take it again. */
void vmm_space_wait(struct vmm_space *space);

/*
 * End a call: give up the window, drop the lock, and flush what is left in the
 * gather: entries that allow more than before, and nothing else.
 */
void vmm_space_end(struct vmm_space *space, struct vmm_space_op *op);

/*
 * Flush what was taken away, then put the frames in the gather and reap. With
 * the lock held, which is dropped in between; the window stays.
 */
void vmm_space_settle(struct vmm_space *space, struct vmm_space_op *op);

/* Whom pages are for. */
enum vmm_space_use {
	VMM_SPACE_FOR_LIVE,
	VMM_SPACE_FOR_STORE,
	VMM_SPACE_FOR_ARENA,
};

/*
 * After an operation said *@err: was it VMM_ENOMEM, and are there more pages
 * now? If the hook refuses, *@err is its error. The lock is dropped in between.
 */
bool vmm_space_more(struct vmm_space *space, struct vmm_space_op *op,
	enum vmm_space_use use, int *err);

/*
 * Have that many nodes and spare pages of both tables at least, until the lock
 * is dropped the next time. Makes the store if it is to have pages.
 */
VMM_NODISCARD int vmm_space_need(
	struct vmm_space *space, uint64_t nodes, uint64_t live, uint64_t store);

/* Give back all spare pages, the lock dropped meanwhile. How many were there? */
uint64_t vmm_space_shed(struct vmm_space *space);

/* Try to get a page for more frames in the gather; it is empty. */
void vmm_space_more_frames(struct vmm_space *space, struct vmm_space_op *op);

/* One holder less for frames that a table mapped, the zero page aside. */
void vmm_space_put(struct vmm_space *space, vmm_pa_t pa, uint64_t size);

/*
 * Remove what [@va, @va + @size) of @pt maps, the live table or the store, and
 * settle as often as it takes. With @put the frames are put. No leaf sticks out
 * of the range. Lock as for vmm_space_settle().
 */
void vmm_space_evict(struct vmm_space *space, struct vmm_space_op *op,
	struct vmm_pt *pt, vmm_va_t va, uint64_t size, bool put);

/* space_region.c */

/* VMM_OK, VMM_EINVAL or VMM_ENOTSUP for a protection with a memory type, or 0. */
VMM_NODISCARD int vmm_space_prot_check(
	const struct vmm_pt_format *format, unsigned prot);

/* The region at an address, not between its guards perhaps; or NULL. */
const struct vmm_vmem_region *vmm_space_at(
	const struct vmm_space *space, vmm_va_t va);
/*
 * The first region with something at or above an address between its guards;
 * or NULL. In a loop over a range, the next is vmm_vmem_next(), if the lock was
 * not dropped meanwhile.
 */
const struct vmm_vmem_region *vmm_space_from(
	const struct vmm_space *space, vmm_va_t va);
/* What a region is, for the caller. */
void vmm_space_tell(const struct vmm_vmem_region *region,
	struct vmm_space_region *region_out);
/* Add and remove flags VMM_SPACE_IS_..., and change the protection. */
void vmm_space_mark(struct vmm_space *space,
	const struct vmm_vmem_region *region, uint32_t set, uint32_t clear);
/*
 * Make [@va, @va + @size), which is in the window, begin and end with regions:
 * what reaches over an end is cut in two, and so are its leaves. Handles become
 * invalid. Cannot fail after _cut_need(), until the lock is dropped the next
 * time; @nodes more nodes are had with that. No ring is cut.
 */
VMM_NODISCARD int vmm_space_cut_need(
	struct vmm_space *space, vmm_va_t va, uint64_t size, uint64_t nodes);
void vmm_space_cut(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size);
/* Have no leaf of a region's stick out of a range; a table for each level. */
void vmm_space_cut_leaves(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_vmem_region *region, vmm_va_t va, uint64_t size);
/*
 * Join the region at @va with the one before it, if they differ in nothing and
 * no other call is at either. The handle of the upper one becomes invalid.
 */
void vmm_space_join(
	struct vmm_space *space, const struct vmm_space_op *op, vmm_va_t va);

/* space_unmap.c */

/*
 * Remove what is in the window's range, in three steps. VMM_EBUSY: something is
 * there that must not go. The first step changes nothing and can fail. The
 * second one, without the lock dropped in between, marks the regions as going.
 * The third one ends with the arena free in the range. Cost: as unmap.
 */
VMM_NODISCARD int vmm_space_take_need(
	struct vmm_space *space, vmm_va_t va, uint64_t size, uint64_t nodes);
void vmm_space_take(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size);
void vmm_space_drop(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size);
/*
 * Drop the pages of a part of a region, all in the window: vmm_space_evict()
 * from where they are. No leaf is cut at its ends.
 */
void vmm_space_empty(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_vmem_region *region, vmm_va_t va, uint64_t size);

/* space_map.c */

/*
 * vmm_space_map(), for a segment: the region is a part of it, which is complete
 * but for its base. Without VMM_SPACE_EAGER. NULL: none.
 */
VMM_NODISCARD int vmm_space_map_for(struct vmm_space *space,
	const struct vmm_space_request *request, struct vmm_segment *segment,
	vmm_va_t *va_out);
/*
 * At most so many tables does a mapping need where nothing is mapped. Below the
 * largest leaf that fits the two addresses, only the ends need tables.
 */
uint64_t vmm_space_tables_for(const struct vmm_pt_format *format, vmm_va_t va,
	vmm_pa_t pa, uint64_t size);

/* Pages for tables that are kept while the lock is dropped. */
struct vmm_space_hoard {
	struct vmm_pt *pt; /* whose spare pages they were, and will be */
	uint64_t count;
	vmm_pa_t first; /* of a list through their first words */
};
/* Have that many; the lock is dropped in between. What there is, is given. */
VMM_NODISCARD int vmm_space_hoard(
	struct vmm_space *space, struct vmm_space_hoard *hoard, uint64_t count);
void vmm_space_hoard_give(struct vmm_space_hoard *hoard);

/* segment.c */

/*
 * The parts of a segment are gone, or going: give back what it has beside them.
 * Without the lock; once more is nothing.
 */
void vmm_segment_forget(struct vmm_segment *segment);

/* space_store.c */

/* From where to where pages go: entries, that is; frames stay as they are. */
struct vmm_space_trip {
	struct vmm_pt *to;
	vmm_va_t to_va;
	const struct vmm_pt *from;
	vmm_va_t from_va;
	uint64_t size;
};

/*
 * Copy what a table maps in a range to another place, where nothing is. The
 * lock may be dropped; all or nothing. What becomes valid in the live table is
 * noted in the gather. To undo: vmm_space_evict() without put.
 *
 * Return: VMM_OK, VMM_EEXIST: something is there; or the page hook's error
 */
VMM_NODISCARD int vmm_space_copy(struct vmm_space *space,
	struct vmm_space_op *op, const struct vmm_space_trip *trip);
/* The same, from the live table to the store, and from the store. */
VMM_NODISCARD int vmm_space_copy_out(struct vmm_space *space,
	struct vmm_space_op *op, vmm_va_t va, uint64_t size);
VMM_NODISCARD int vmm_space_copy_in(struct vmm_space *space,
	struct vmm_space_op *op, vmm_va_t va, uint64_t size);
/* Copies count as written to, if they can be: see there. */
void vmm_space_mark_dirty(struct vmm_pt *pt, vmm_va_t va, uint64_t size);
/*
 * Remove what was copied from where it was. Cannot fail, does not drop the
 * lock; the gather is to be settled. No leaf sticks out of the range, or tables
 * are spare.
 */
void vmm_space_forget(struct vmm_space *space, struct vmm_space_op *op,
	struct vmm_pt *pt, vmm_va_t va, uint64_t size);

/* space_check.c */

/* vmm_space_check() at the end of a call, if no other one is in progress. */
bool vmm_space_is_sound(struct vmm_space *space, const struct vmm_space_op *op);

/* space_fault.c */

/*
 * A fault in the making: what is at a page, and what the access is to find
 * there. Kept by value, since regions' handles may change when the lock is
 * dropped, but nothing in the window does.
 */
struct vmm_space_fix {
	enum vmm_fault_cause cause;
	enum vmm_space_kind kind;
	bool private; /* written pages are the space's own */
	unsigned access;
	unsigned prot;	/* of the region */
	unsigned set;	/* SPURIOUS, LAST: what the entry is to allow besides */
	bool is_mapped; /* there is an entry, whatever it allows */
	vmm_pa_t pa;	/* the frame, before and at last after */
	vmm_va_t page[2];	   /* a ring shows its pages twice; ascending */
	unsigned pages;		   /* 1 or 2 of those */
	struct vmm_object *object; /* OBJECT, and the offset in it */
	uint64_t offset;
};

/* What vmm_space_fault_in() returns when it has not failed. */
enum {
	VMM_SPACE_THERE, /* the entry allows the access */
	VMM_SPACE_AGAIN	 /* it may; look again, from the start */
};

/*
 * Deal with a fault, as vmm_space_fault(). With VMM_SPACE_THERE the call is
 * still in progress, the lock held, the frame in fix->pa, and what it is about
 * stays so until vmm_space_end(). Else the call is over. @fault: as for
 * vmm_space_fault(), not NULL if there is a policy.
 */
VMM_NODISCARD int vmm_space_fault_in(struct vmm_space *space,
	struct vmm_space_op *op, vmm_va_t va, unsigned access,
	struct vmm_space_fix *fix, struct vmm_fault *fault);
/* Is it one of the accesses that there are? */
bool vmm_space_access_ok(unsigned access);

/* space_object.c */

/* The frame of an object's page, if it is there; not held for the caller. */
bool vmm_object_find(
	struct vmm_object *object, uint64_t offset, vmm_pa_t *pa_out);

/* space_resolve.c */

/*
 * Do what the cause says, with the lock held, dropped meanwhile and held again.
 * fix->cause COPY may become LAST. An error: nothing was changed.
 */
VMM_NODISCARD int vmm_space_resolve(struct vmm_space *space,
	struct vmm_space_op *op, struct vmm_space_fix *fix);
/* COPY or LAST? Without the lock. */
void vmm_space_count_holders(
	const struct vmm_space *space, struct vmm_space_fix *fix);

/* Are written pages the space's own, and copied on write? */
static inline bool vmm_space_is_private(
	enum vmm_space_kind kind, unsigned flags)
{
	return kind == VMM_SPACE_ZERO || kind == VMM_SPACE_STACK ||
	       kind == VMM_SPACE_RING ||
	       (kind == VMM_SPACE_OBJECT && (flags & VMM_SPACE_SHARED) == 0);
}

#endif /* VMM_SPACE_INTERNAL_H */
