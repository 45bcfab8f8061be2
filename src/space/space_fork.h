/* SPDX-License-Identifier: MIT */
/* What the two sources of fork share; see space_fork.c. */
#ifndef VMM_SPACE_FORK_H
#define VMM_SPACE_FORK_H

#include "space/space_internal.h"

struct vmm_fork_job {
	struct vmm_space *child;
	struct vmm_space *parent;
	struct vmm_space_op op; /* at all of the parent */
	bool by_copy;
	uint64_t batch; /* pages for tables, the next time */
	/* The region at work, its tables, and where the next chunk begins. */
	const struct vmm_vmem_region *region;
	const struct vmm_pt *from;
	struct vmm_pt *to;
	vmm_va_t va;
	vmm_va_t last;
	bool done;
};

/* A run of mapped pages, as it is listed and held. */
struct vmm_fork_part {
	vmm_va_t va;
	uint64_t size;
	size_t runs; /* in the gather's array, which has no other use here */
	bool is_writable; /* some of it */
};

/*
 * The functions below begin and end with the parent's lock held, which is
 * dropped meanwhile for hooks, unless they say something else.
 */

/* Get nodes and pages for the child. */
VMM_NODISCARD int vmm_fork_need(
	struct vmm_fork_job *f, uint64_t nodes, uint64_t live, uint64_t store);
/* The child's table said *@err: was it out of pages, and are there more now? */
bool vmm_fork_more(struct vmm_fork_job *f, int *err);
/*
 * Without the lock: one more holder for a run of frames, the zero page aside;
 * all or none.
 */
VMM_NODISCARD int vmm_fork_hold_run(
	const struct vmm_frames *frames, vmm_pa_t pa, uint64_t size);
/* space_fork_list.c */

/* Move behind @last; there may be nothing. */
void vmm_fork_pass(struct vmm_fork_job *f, vmm_va_t last);
/*
 * The next run of the region's pages, up to the end of its chunk, and the rest
 * of that in *@cursor.
 */
bool vmm_fork_find_run(struct vmm_fork_job *f, uint64_t chunk,
	struct vmm_pt_cursor *cursor, struct vmm_pt_run *run);
/* List the runs of the next part, as many as there is room for. */
bool vmm_fork_list(struct vmm_fork_job *f, struct vmm_fork_part *part);

/* space_fork_copy.c */

/* Copy all pages of the region. */
VMM_NODISCARD int vmm_fork_copy_pages(struct vmm_fork_job *f);
/* Without the lock: contiguous frames with the bytes of the region's. */
VMM_NODISCARD int vmm_fork_get_contiguous(
	const struct vmm_fork_job *f, vmm_pa_t *pa_out);
/* Map them; or nothing. */
VMM_NODISCARD int vmm_fork_enter_contiguous(
	struct vmm_fork_job *f, vmm_pa_t pa);

#endif /* VMM_SPACE_FORK_H */
