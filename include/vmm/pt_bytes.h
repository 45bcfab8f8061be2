/* SPDX-License-Identifier: MIT */
/*
 * Bytes of another address space, across page borders: a system call's
 * arguments, a debugger's peek, a message from one task to another.
 *
 * Context: as in pt.h. Nothing may unmap the pages during a call; the bytes
 * themselves may change at any time.
 */
#ifndef VMM_PT_BYTES_H
#define VMM_PT_BYTES_H

#include <vmm/pt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How to reach frames that do not lie at the table's offset. */
struct vmm_pt_frames {
	/*
	 * A pointer to @size bytes of one page, from @pa on. It has to work
	 * until the next call with the same @ctx, so two places that take part
	 * in one copy need a window each. Cannot fail.
	 */
	void *(*access)(void *ctx, vmm_pa_t pa, uint64_t size);
	void *ctx; /* handed to access; the library never looks at it */
};

/* One end of a copy. */
struct vmm_pt_place {
	const struct vmm_pt *pt; /* NULL: @va is a pointer of this code's */
	vmm_va_t va;
	unsigned prot; /* what every page must allow: VMM_PT_USER | ... */
	const struct vmm_pt_frames *frames; /* NULL: at pa + pt->offset */
};

/**
 * vmm_pt_bytes_copy() - Copy bytes from one place to another.
 * @to:   Where to; ask for VMM_PT_WRITE, or read-only pages are written.
 * @from: Where from.
 * @size: Bytes; 0 is nothing to do. The two do not overlap.
 *
 * Translates through the tables, not through the TLB: fence first if the
 * mappings are new. All pages are looked up before the first byte moves.
 *
 * Cost:   O(pages * levels), twice, and the bytes.
 * Return: VMM_OK, or
 *         VMM_ENOENT  a page is not mapped
 *         VMM_EACCES  a page does not allow what its place asks for
 *         VMM_ERANGE  a range wraps or leaves the canonical addresses
 */
VMM_NODISCARD int vmm_pt_bytes_copy(const struct vmm_pt_place *to,
	const struct vmm_pt_place *from, uint64_t size);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PT_BYTES_H */
