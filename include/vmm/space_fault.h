/* SPDX-License-Identifier: MIT */
/*
 * Page faults of a space (space.h), as data: the library says what a fault is,
 * the kernel may have a say through one hook, the library does the rest.
 *
 *	on a page fault of a task:
 *		err = vmm_space_fault(space, va, VMM_PT_WRITE | VMM_PT_USER, &f);
 *		if (err == VMM_OK)
 *			return;	 // repeat the access
 *		print("%s: %s at %x", f.region.name, vmm_fault_name(f.cause), va);
 *		kill the task
 *
 * Context: as space.h. A fault owns the page that it is about, or both pages of
 * a ring; faults at other pages, on other harts, run beside it. Two harts that
 * fault at one page are one after the other, and the second finds the page
 * there: SPURIOUS.
 */
#ifndef VMM_SPACE_FAULT_H
#define VMM_SPACE_FAULT_H

#include <vmm/space.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a fault is, and what becomes of it by default. */
enum vmm_fault_cause {
	/* Dealt with. */
	VMM_FAULT_SPURIOUS,  /* the entry allows this: a fence was missing */
	VMM_FAULT_ZERO,	     /* a frame of zeros */
	VMM_FAULT_ZERO_PAGE, /* the zero page, for reading */
	VMM_FAULT_STACK,     /* a frame of zeros, and the stack is deeper now */
	VMM_FAULT_OBJECT,    /* the object's page */
	VMM_FAULT_COPY,	     /* written to: a copy of its own */
	VMM_FAULT_LAST,	     /* written to, and nobody else had it: no copy */
	/* Refused. */
	VMM_FAULT_NOBODY,   /* no region is there */
	VMM_FAULT_GUARD,    /* a guard of a region */
	VMM_FAULT_RESERVED, /* a region that shows nothing */
	VMM_FAULT_DENIED,   /* its protection does not allow it */
	VMM_FAULT_UNLOADED, /* its segment is not loaded */
	VMM_FAULT_CAUSES
};

/* A fault, and what became of it. */
struct vmm_fault {
	vmm_va_t va;	 /* as given */
	unsigned access; /* as given */
	enum vmm_fault_cause cause;
	bool has_region;		/* not for NOBODY */
	struct vmm_space_region region; /* as the fault found it; or zeros */
};

/*
 * What the policy hook (struct vmm_space_hooks) may return: VMM_OK for what is
 * written at the causes above; VMM_FAULT_DONE, the kernel has dealt with it;
 * or a negative error code, which vmm_space_fault() returns. The hook is called
 * once for each fault but SPURIOUS ones, before anything is changed, and owns
 * nothing: it may map, load or unmap. If the fault has become another one when
 * it returns VMM_OK, of another cause or region, the access is to be repeated.
 */
#define VMM_FAULT_DONE 1

/**
 * vmm_space_fault() - Deal with a page fault.
 * @space:     The space that was in use.
 * @va:        The address; not more than a byte is looked at.
 * @access:    One of VMM_PT_READ, VMM_PT_WRITE and VMM_PT_EXEC, and VMM_PT_USER
 *             if it was user mode that wanted it.
 * @fault_out: Receives what it was, also if the call fails, but for the
 *             VMM_EINVAL below; may be NULL.
 *
 * Of memory that is mapped, what the table holds decides, not what the TLB may
 * have held. A page of a region without VMM_PT_USER is no user's; a region with
 * it may be accessed for the kernel, too.
 *
 * Cost:   O(log regions + levels), a frame, and a page's bytes if it is
 *         filled or copied; the flush hook is called once, and once more
 *         before that where a frame took another one's place.
 * Return: VMM_OK: repeat the access, or
 *         VMM_EINVAL  @access is not one of those
 *         VMM_ENOENT  NOBODY
 *         VMM_EACCES  GUARD, RESERVED, DENIED, UNLOADED
 *         or an error of the policy, or of the hooks for frames and pages, or
 *         of an object's
 */
VMM_NODISCARD int vmm_space_fault(struct vmm_space *space, vmm_va_t va,
	unsigned access, struct vmm_fault *fault_out);

/* "spurious", "demand zero", "guard", ... */
const char *vmm_fault_name(enum vmm_fault_cause cause);

/**
 * vmm_space_touch() - Have every page of a range in place.
 * @space:  The space.
 * @va:     Any address.
 * @size:   Bytes, not 0.
 * @access: As for vmm_space_fault(): as if that were done to every page.
 *
 * Cost:   As that, for each page.
 * Return: VMM_OK, or the first fault's error, what was done before it stays; or
 *         VMM_EINVAL: empty, or @access is none
 */
VMM_NODISCARD int vmm_space_touch(
	struct vmm_space *space, vmm_va_t va, uint64_t size, unsigned access);

/**
 * vmm_space_read(), vmm_space_write() - Copy bytes from and to a space.
 * @space:  The space; another one may be in use.
 * @va:     Where; any alignment.
 * @buffer: Memory of the kernel's.
 * @size:   Bytes; 0 is nothing to do.
 * @user:   The user must be allowed to do it: for a system call's arguments.
 *
 * As if the bytes were accessed one after the other: pages are touched, copied
 * on write, and an object's written if it is shared. Frames are reached at the
 * live table's offset.
 *
 * Cost:   O(pages * (log regions + levels)) and the bytes.
 * Return: VMM_OK, or the first fault's error, with the bytes before it copied;
 *         or, likewise,
 *         VMM_ENOTSUP  a page is not plain memory, by its memory type
 *         VMM_EBUSY    the policy says VMM_FAULT_DONE again and again, and the
 *                      page is still not there
 */
VMM_NODISCARD int vmm_space_read(struct vmm_space *space, vmm_va_t va,
	void *buffer, uint64_t size, bool user);
VMM_NODISCARD int vmm_space_write(struct vmm_space *space, vmm_va_t va,
	const void *buffer, uint64_t size, bool user);

#ifdef __cplusplus
}
#endif

#endif /* VMM_SPACE_FAULT_H */
