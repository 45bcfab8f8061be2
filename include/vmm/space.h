/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: a task's memory, or a kernel's, out of regions (vmem.h), page
 * tables (pt.h) and frames.
 *
 * A space is an arena of addresses, each used region of which shows something:
 * zeroed memory, a stack, pages of an object, a device. Making a region costs a
 * node and nothing else; pages appear when they are touched, through
 * vmm_space_fault(). Around this header:
 *
 *   space_fault.h   page faults: demand zero, copy on write, stacks, guards,
 *                   the kernel's policy; bytes of another space
 *   space_object.h  memory that several spaces or regions show; images, files
 *   segment.h       segments: grow, shrink, load, unload, and an allocator of
 *                   ranges inside (heaps)
 *
 * What system calls need: mmap is vmm_space_map(), munmap is
 * vmm_space_unmap(), mprotect is vmm_space_protect(), mremap is
 * vmm_space_move(), madvise(DONTNEED) is vmm_space_discard(), brk is
 * vmm_segment_resize(), fork is vmm_space_fork(), exec is vmm_space_clear().
 *
 *	static struct vmm_space space;
 *	struct vmm_space_request heap = {.place = {.size = VMM_GIB(32)},
 *		.kind = VMM_SPACE_ZERO,
 *		.prot = VMM_PT_READ | VMM_PT_WRITE | VMM_PT_USER,
 *		.name = "heap"};
 *
 *	vmm_pt_init(&table, &vmm_pt_sv39, NULL, offset, root);
 *	err = vmm_pt_share(&table, &kernel_table, ...);
 *	vmm_space_init(&space, &table, &hooks);
 *	// Sv39's lower half without its first page
 *	err = vmm_space_add(&space, VMM_PAGE_SIZE,
 *		VMM_GIB(256) - VMM_PAGE_SIZE, 0);
 *	err = vmm_space_map(&space, &heap, &base);
 *	...
 *	on a page fault: err = vmm_space_fault(&space, va, access, &fault);
 *
 * The end of a space, in this order; each step needs those before it:
 *
 *	every hart is on another table, and said vmm_space_leave()
 *	vmm_space_fini(&space);          frames, tables and nodes go back
 *	forget its ASID, or fence it     harts that left may know old entries
 *	vmm_pt_fini(&table);             lets go of what it shares
 *	the page of the root is yours again, as you got it
 *
 * Locking. With a lock in the hooks, every call may be made on any number of
 * harts at once; without one, the caller serialises all calls about a space,
 * and about spaces that have one live table. A call owns the addresses that it
 * works on until it returns, its flush included; another call at the same
 * addresses waits. So calls are atomic towards each other where they overlap,
 * and faults at different addresses run side by side. The lock is held for
 * looking and changing only: hooks for frames, pages, flushes and policies run
 * without it. Lock order: a space's lock and an object's are never held
 * together, and the library holds neither when it calls a hook; so both may be
 * one lock. vmm_space_fork() owns the whole of the parent; the child is nobody
 * else's until the call returns. A call links a struct on its stack into the
 * space: so all harts have to see that stack at one address, and no hook may
 * abandon the call.
 *
 * Flushing. Whatever takes an access away is flushed, by the hook, before a
 * frame is put, a table is freed or the address can be used again.
 *
 * Memory. Everything that can fail happens before the first change. Frames are
 * counted: one holder for each entry. After vmm_space_purge(), the frames in
 * use are what they were; after vmm_space_fini(), the pages too.
 *
 * Stack. A fault takes about 1.5 KiB, any other call less than 3 KiB (rv64,
 * clang -O2), and hooks what they take: they are called at the depth of a few
 * hundred bytes to 2 KiB.
 *
 * Errors are as in error.h: nothing was changed, no output was written.
 */
#ifndef VMM_SPACE_H
#define VMM_SPACE_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/space_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Life of a space. */

/**
 * vmm_space_init() - Make an empty space without addresses.
 * @space: Storage of the caller's, until vmm_space_fini(). It must not move.
 * @live:  The page table that harts will use, with what it shares with the
 *         kernel; outlives the space. Made without a page source: the space
 *         gives it pages. If it has one nevertheless, that is called with the
 *         lock held. Several spaces may have one live table, if they never
 *         show something at the same address at the same time (segment.h):
 *         set is_shared in each.
 * @hooks: What the kernel provides; outlives the space.
 *
 * Ownership: the root's page stays the caller's, who gave it to vmm_pt_init().
 *            The table's spare pages are the space's from now on: donate none
 *            that are not to go to the page hook in the end. Entries that the
 *            table has outside of the space's addresses are not touched.
 * Cost:      O(1).
 */
void vmm_space_init(struct vmm_space *space, struct vmm_pt *live,
	const struct vmm_space_hooks *hooks);

/**
 * vmm_space_add() - Add addresses for regions.
 * @space: The space.
 * @base:  First address, a multiple of VMM_PAGE_SIZE.
 * @size:  Bytes, a multiple of VMM_PAGE_SIZE; canonical in the live table's
 *         format, all of it.
 * @flags: 0, or VMM_VMEM_FIXED_ONLY.
 *
 * When this is called, nothing may be mapped there but what other spaces with
 * the same live table show, which stays as it is. Addresses are not taken back
 * before the end.
 *
 * Cost:   O(log regions + root entries for the range).
 * Return: VMM_OK, or as vmm_vmem_add_flags(); VMM_ERANGE also if the format
 *         cannot translate it all; VMM_EBUSY if a root entry of the live table
 *         for it is borrowed, or is a leaf and lent; or the page hook's error
 */
VMM_NODISCARD int vmm_space_add(
	struct vmm_space *space, vmm_va_t base, uint64_t size, unsigned flags);

/**
 * vmm_space_clear() - Unmap every region without VMM_SPACE_KEEP: exec.
 * vmm_space_purge() - Unmap every region.
 * @space: The space.
 *
 * Parts of segments included: such a segment is deleted, its handle's space
 * NULL.
 *
 * Cost: O(regions * log regions + pages).
 */
void vmm_space_clear(struct vmm_space *space);
void vmm_space_purge(struct vmm_space *space);

/**
 * vmm_space_trim() - Give back the pages of tables that became empty.
 * @space: The space.
 *
 * Unmapping frees the tables that it covers whole; others are empty at last,
 * and stay until now, as do a few spare pages. Asks for a flush.
 *
 * Cost:   O(512 * tables).
 * Return: How many pages went back.
 */
uint64_t vmm_space_trim(struct vmm_space *space);

/**
 * vmm_space_fini() - Close a space and give everything back.
 * @space: The space; nobody else calls it any more, and no hart uses its table.
 *         Regions that are left are unmapped, segments deleted.
 *
 * The live table stays, with no table under the space's addresses and no spare
 * pages: there is nothing to take out of it, and vmm_pt_fini() is next, unless
 * another space has it. The flush hook is called as by vmm_space_purge().
 *
 * Cost: as vmm_space_purge() and vmm_space_trim().
 */
void vmm_space_fini(struct vmm_space *space);

/**
 * vmm_space_enter() - A hart is about to use a space.
 * vmm_space_leave() - It uses another one now.
 * @space: The space.
 * @hart:  A number of yours for the hart, below 64.
 *
 * For the flush hook, which has to reach every hart in between. Call _enter
 * before the hart turns the table on. If that returns true, the hart has to
 * fence the whole space (on RISC-V all addresses of its ASID): after _enter, so
 * that it misses no change, and before the table is on. With the table on it
 * could still walk through tables that are something else by now, and find
 * global leaves there, which no fence by ASID removes. Call _leave when the
 * hart runs another table; from then on it holds translations that may be
 * wrong, which nobody must use.
 *
 * Context: No lock is taken; interrupts may call them.
 * Cost:    O(1).
 * Return:  Was the hart not told about changes lately?
 */
bool vmm_space_enter(struct vmm_space *space, unsigned hart);
void vmm_space_leave(struct vmm_space *space, unsigned hart);

/**
 * vmm_space_harts() - Which harts use a space?
 * @space: The space.
 *
 * For the flush hook: called after the change of the table, so that a hart
 * which is not among them sees that when it enters.
 *
 * Cost:   O(1).
 * Return: Bit n for hart n between enter and leave.
 */
uint64_t vmm_space_harts(const struct vmm_space *space);

/* Regions. */

/*
 * A request. Set what you need and leave the rest zero.
 *
 * The place: size, alignment, window, guards, a hint or a fixed address, a
 * policy such as VMM_VMEM_LAST_FIT or VMM_VMEM_RANDOM; see vmem_request.h. Its
 * tags and its node must be zero.
 */
struct vmm_space_request {
	struct vmm_vmem_request place;
	enum vmm_space_kind kind;
	/*
	 * VMM_PT_READ and so on, and a memory type. 0, or a type alone: nothing
	 * may be touched, until vmm_space_protect() allows it.
	 */
	unsigned prot;
	unsigned flags; /* VMM_SPACE_... */
	/*
	 * For dumps and vmm_space_explain(). Not copied: outlives the region,
	 * and those that vmm_space_fork() makes of it. NULL: none, as for
	 * OBJECT, whose object has a name of its own.
	 */
	const char *name;
	struct vmm_object *object; /* OBJECT; gets a user: yours may go */
	uint64_t offset; /* OBJECT: of the first page; a multiple of a page */
	vmm_pa_t pa;	 /* PHYS: a multiple of a page */
	/* With VMM_VMEM_FIXED: whatever is there is unmapped first, guards
	 * included, as mmap(MAP_FIXED) has it. */
	bool replace;
};

/**
 * vmm_space_map() - Make a region.
 * @space:   The space.
 * @request: What is wanted; not kept.
 * @va_out:  Receives its first address, between the guards.
 *
 * PHYS and CONTIGUOUS are mapped before the call returns, with the largest
 * leaves that fit; CONTIGUOUS for the smallest power of two of pages that
 * holds it, cut to size. RING: the size is that of both halves, an even number
 * of pages. OBJECT: the range lies in the object, which gets one more user.
 * With @request->replace, the old and the new region are exchanged in one step.
 *
 * Cost:   O(log regions); O(pages) if they are mapped at once.
 * Return: VMM_OK, or
 *         VMM_EINVAL   as vmm_vmem_xalloc(); the kind or a flag is unknown or
 *                      does not fit the kind; a size or an offset is no
 *                      multiple of a page; the object has other frames than
 *                      the space; replace without FIXED, or with EAGER:
 *                      vmm_space_touch() afterwards
 *         VMM_ENOTSUP  the format cannot express the protection; there are
 *                      no frames; PHYS or CONTIGUOUS without any access, in a
 *                      guest's format
 *         VMM_ERANGE   fixed: not in one span; OBJECT: not in the object; PHYS:
 *                      not a range, or the format has no such address
 *         VMM_EEXIST   fixed: something is there
 *         VMM_EBUSY    replace: part of a segment, or of a ring, is there
 *         VMM_ENOSPC   nothing fits
 *         or an error of the hooks for pages and frames
 */
VMM_NODISCARD int vmm_space_map(struct vmm_space *space,
	const struct vmm_space_request *request, vmm_va_t *va_out);

/**
 * vmm_space_unmap() - Remove all regions in a range, or their parts in it.
 * @space: The space.
 * @va:    First address, a multiple of VMM_PAGE_SIZE.
 * @size:  Bytes, a non-zero multiple of VMM_PAGE_SIZE. It may have holes.
 *
 * A guard that has a page in the range, or is next to a part that goes, goes
 * as a whole: afterwards all of the range is free. Frames are put, objects have
 * one user less for each region, when every hart has flushed.
 *
 * Cost:   O(regions in the range * log regions + pages).
 * Return: VMM_OK, or
 *         VMM_EINVAL  misaligned or empty
 *         VMM_ERANGE  past 2^64
 *         VMM_EBUSY   part of a segment is in the range, or of a ring, and not
 *                     all of that
 *         or an error of the page hook: cutting takes nodes and tables
 */
VMM_NODISCARD int vmm_space_unmap(
	struct vmm_space *space, vmm_va_t va, uint64_t size);

/**
 * vmm_space_discard() - Drop the pages of a range, not the regions.
 * @space: The space.
 * @va, @size: As for vmm_space_unmap(); PHYS and CONTIGUOUS parts stay as they
 *         are. What is touched again is zero, or the object's.
 *
 * Cost:   O(regions in the range + log regions + pages).
 * Return: VMM_OK, VMM_EINVAL or VMM_ERANGE as vmm_space_unmap()
 */
VMM_NODISCARD int vmm_space_discard(
	struct vmm_space *space, vmm_va_t va, uint64_t size);

/**
 * vmm_space_protect() - Change what may be done in a range.
 * @space: The space.
 * @va:    First address, a multiple of VMM_PAGE_SIZE.
 * @size:  Bytes, a non-zero multiple of VMM_PAGE_SIZE; regions everywhere.
 * @prot:  VMM_PT_READ and so on; 0 for nothing. The memory type of a region
 *         stays.
 *
 * Pages keep their contents, at a protection of 0 as well. Regions that differ
 * in nothing then become one, the first and last one's neighbours included; but
 * not rings, and what was made with VMM_SPACE_EAGER.
 *
 * Cost:   O(regions in the range * log regions + pages).
 * Return: VMM_OK, or
 *         VMM_EINVAL   misaligned or empty, or @prot has other bits
 *         VMM_ENOENT   part of the range is no region, or a guard
 *         VMM_ENOTSUP  the format cannot express @prot; or that is 0, in a
 *                      guest's format
 *         VMM_EBUSY    some of a ring is in the range, but not all; or what is
 *                      not loaded
 *         or an error of the page hook
 */
VMM_NODISCARD int vmm_space_protect(
	struct vmm_space *space, vmm_va_t va, uint64_t size, unsigned prot);

/* Flags of vmm_space_move(). */
#define VMM_SPACE_MAY_MOVE (1u << 0)

/**
 * vmm_space_move() - Give a region another size, and a place for that: mremap.
 * @space:    The space.
 * @va:       The region's first address.
 * @size:     Its new size; a non-zero multiple of VMM_PAGE_SIZE.
 * @flags:    0, or VMM_SPACE_MAY_MOVE.
 * @to:       NULL: anywhere; or the request of the new place, whose size is
 *            not looked at. With VMM_VMEM_FIXED the region moves even if it
 *            could stay.
 * @va_out:   Receives its first address now.
 *
 * Grows or shrinks at its upper end, or else moves, pages and all: the frames
 * are the same. What is new shows what the kind has for it. A guard above moves
 * along; at a new place, guards are what @to says, or what they were.
 *
 * Cost:   O(log regions); and the pages, if it moves or shrinks.
 * Return: VMM_OK, or
 *         VMM_EINVAL   misaligned, empty, flags; fixed, and it may not move; or
 *                      as vmm_vmem_xalloc() for @to
 *         VMM_ENOENT   no region begins at @va
 *         VMM_EBUSY    a segment's, or not loaded
 *         VMM_ENOTSUP  a ring would change its size; a stack, a PHYS or a
 *                      CONTIGUOUS region would have to grow
 *         VMM_ERANGE   OBJECT: past its end; fixed: not in one span
 *         VMM_EEXIST   fixed: something is there
 *         VMM_ENOSPC   no room, or only elsewhere and it may not move
 *         or an error of the page hook
 */
VMM_NODISCARD int vmm_space_move(struct vmm_space *space, vmm_va_t va,
	uint64_t size, unsigned flags, const struct vmm_vmem_request *to,
	vmm_va_t *va_out);

/* How vmm_space_fork() gives private pages to the child. */
enum vmm_fork {
	VMM_FORK_COW, /* both see them until one writes, and has a copy then */
	VMM_FORK_COPY /* copied now */
};

/**
 * vmm_space_fork() - Make a space like another one.
 * @child:  A new space, vmm_space_init() and nothing else, with the frames of
 *          the parent's hooks and a live table of its own, which has what it
 *          is to share with the kernel. Until the call returns, nobody else
 *          uses it or its live table, unless it has the parent's lock.
 * @parent: The space to copy; its live table has the child's format.
 * @how:    For private pages. CONTIGUOUS regions are always copied now, into
 *          contiguous frames; SHARED and PHYS ones show the same in both.
 *
 * All addresses, all regions without VMM_SPACE_NO_FORK. Parts of segments
 * become regions of their own: vmm_segment_adopt() makes segments of them.
 *
 * Cost:   O(regions + pages).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @child is not empty or has the parent's table; formats
 *                     or frames differ
 *         or an error of the hooks for pages and frames; @child is empty
 *         again, and @parent as it was but for permissions that come back by
 *         faults
 */
VMM_NODISCARD int vmm_space_fork(
	struct vmm_space *child, struct vmm_space *parent, enum vmm_fork how);

/* Questions. */

/**
 * vmm_space_find() - What is at an address, or after it?
 * @space:      The space.
 * @va:         Any address.
 * @next:       Also take the first region that begins above @va.
 * @region_out: Receives the region; if @va is in a guard, its region.
 *
 * A walk over all: begin with @va = 0 and go on behind each region and its
 * upper guard.
 *
 * Cost:   O(log regions).
 * Return: VMM_OK, or VMM_ENOENT: none
 */
VMM_NODISCARD int vmm_space_find(struct vmm_space *space, vmm_va_t va,
	bool next, struct vmm_space_region *region_out);

/**
 * vmm_space_phys() - The physical address behind an address.
 * @space:  The space.
 * @va:     Any address.
 * @pa_out: Receives it. It stays true as long as nothing unmaps, discards,
 *          forks or writes there.
 *
 * What the live table has now, be it for reading only.
 *
 * Cost:   O(log regions + levels).
 * Return: VMM_OK, or VMM_ENOENT: nothing is mapped there now
 */
VMM_NODISCARD int vmm_space_phys(
	struct vmm_space *space, vmm_va_t va, vmm_pa_t *pa_out);

/* What a space weighs. */
struct vmm_space_stat {
	uint64_t regions;
	uint64_t size; /* bytes in regions, without guards */
	uint64_t
		resident; /* bytes mapped by the live table, the zero page too */
	uint64_t stored;  /* bytes of the store */
	uint64_t tables;  /* of both page tables, spare ones and the store's
			     root too; without the live table's root */
	uint64_t node_pages;
};

/**
 * vmm_space_stat() - Count.
 * @space:    The space.
 * @stat_out: Receives it.
 *
 * Cost: O(tables), the lock held.
 */
void vmm_space_stat(struct vmm_space *space, struct vmm_space_stat *stat_out);

/**
 * vmm_space_check() - Test all invariants of struct vmm_space.
 * @space: The space; no call is in progress.
 *
 * Cost:   O(regions + tables).
 * Return: VMM_OK or VMM_ECORRUPT
 */
VMM_NODISCARD int vmm_space_check(struct vmm_space *space);

/**
 * vmm_space_dump() - Print the regions, a line each, by address.
 * @space: The space; serialised by the caller.
 * @sink:  Receives the text:
 *
 *   [0x0000000000010000-0x0000000000013fff]   16K r-xu  object "text" +4K
 *   [0x0000003ffffee000-0x0000003fffffdfff]   64K rw-u  stack "main", 12K deep, guard 4K below
 *
 * Cost: O(regions).
 */
void vmm_space_dump(struct vmm_space *space, const struct vmm_sink *sink);

/**
 * vmm_space_explain() - Why does an access do what it does, in words?
 * @space:  The space.
 * @va:     The address.
 * @access: VMM_PT_READ, VMM_PT_WRITE or VMM_PT_EXEC, and VMM_PT_USER.
 * @sink:   Receives a few lines: what the region is, or between which ones
 *          the address lies; then the page table level by level, and a verdict:
 *
 *   write by the user at 0x0000003ffffedff8: guard below stack "main"
 *     region   [0x0000003ffffee000-0x0000003fffffdfff]   64K rw-u  stack "main", 12K deep, guard 4K below
 *     level 2  0x00000000800047f8: 0x0000000020002801, table at 0x000000008000a000
 *     level 1  0x000000008000aff8: 0x0000000020003801, table at 0x000000008000e000
 *     level 0  0x000000008000ef68: 0x0000000000000000, absent
 *     verdict  the guard page below stack "main" was hit: the stack overflowed
 *
 * For a dying kernel: takes no lock, gets no memory, and reads no more tables
 * than the format has levels, whatever the entries are; where a table is said
 * to be, it reads. Stop the other harts before: while they change the space, it
 * may tell nonsense, and read the name of an object or segment that has ended.
 *
 * Cost: O(log regions + levels).
 */
void vmm_space_explain(struct vmm_space *space, vmm_va_t va, unsigned access,
	const struct vmm_sink *sink);

#ifdef __cplusplus
}
#endif

#endif /* VMM_SPACE_H */
