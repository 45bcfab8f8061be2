/* SPDX-License-Identifier: MIT */
/*
 * The used tree: see vmem_runs.c. Joining and leaving a run is inline here, as
 * far as the tree stays as it is.
 */
#ifndef VMM_VMEM_RUNS_H
#define VMM_VMEM_RUNS_H

#include "vmem/vmem_internal.h"

/* A summary's parts: the largest gap, and whether a member is a used region. */
enum { VMM_VMEM_ANY_USED = 0x8000, VMM_VMEM_GAP_MASK = 0x7fff };

/* Below this a run is worth a look at its neighbours. */
enum { VMM_VMEM_RUN_FEW = 4 };

/* The same if the run of @member is full. */
size_t vmm_vmem_run_need_full(const struct vmm_vmem_region *member);

/* Nodes that joining behind @member takes: 0 or 1. */
static inline size_t vmm_vmem_run_need(const struct vmm_vmem_region *member)
{
	if (VMM_LIKELY(member->as.used.run->count < VMM_VMEM_RUN_MAX))
		return 0;
	return vmm_vmem_run_need_full(member);
}

/* The run that takes @region behind @member, whose run is full. */
struct vmm_vmem_run *vmm_vmem_run_cut(struct vmm_vmem *arena,
	struct vmm_vmem_region *member, struct vmm_vmem_region *region);
/* The gaps after two members of one arena are what the chain says now. */
void vmm_vmem_run_gaps(struct vmm_vmem *arena, struct vmm_vmem_region *member,
	struct vmm_vmem_region *other);
/* Whether a run has used regions has changed. */
void vmm_vmem_run_settle(struct vmm_vmem_run *run);
/* A run that few members are left of: make it part of a neighbour, or free. */
void vmm_vmem_run_thin(struct vmm_vmem *arena, struct vmm_vmem_run *run);

/* Occupy and vacate a slot; only summaries by address need it. */
void vmm_vmem_run_take_slot(
	struct vmm_vmem_run *run, struct vmm_vmem_region *member);
void vmm_vmem_run_drop_slot(
	struct vmm_vmem_run *run, const struct vmm_vmem_region *member);

/*
 * Is it enough to count when a used region joins the run, or leaves it? In an
 * arena that keeps summaries by address it never is.
 */
static inline bool vmm_vmem_run_has_room(const struct vmm_vmem_run *run)
{
	return run->count < VMM_VMEM_RUN_MAX && run->count != run->markers;
}

static inline bool vmm_vmem_run_has_many(const struct vmm_vmem_run *run)
{
	return run->count > VMM_VMEM_RUN_FEW && run->count > run->markers + 1;
}

/* Count a member in, and out. */
static inline void vmm_vmem_run_enter(
	struct vmm_vmem_run *run, struct vmm_vmem_region *region)
{
	VMM_ASSERT(run->state == VMM_VMEM_RUN);

	region->as.used.run = run;
	run->count++;
}

static inline void vmm_vmem_run_exit(
	struct vmm_vmem_run *run, const struct vmm_vmem_region *region)
{
	VMM_ASSERT(run->state == VMM_VMEM_RUN);

	run->count--;
	if (run->first == region && run->count != 0) {
		run->first = vmm_vmem_member_after(region);
		run->base = run->first->base;
	}
}

/* Make a used region, chained as such, a member behind @member. */
static inline void vmm_vmem_run_join(struct vmm_vmem *arena,
	struct vmm_vmem_region *member, struct vmm_vmem_region *region)
{
	struct vmm_vmem_run *run = member->as.used.run;

	if (VMM_UNLIKELY(run->count == VMM_VMEM_RUN_MAX))
		run = vmm_vmem_run_cut(arena, member, region);
	vmm_vmem_run_enter(run, region);
	if (VMM_UNLIKELY(run->count == run->markers + 1))
		vmm_vmem_run_settle(run);
	if (VMM_UNLIKELY(arena->by_address)) {
		vmm_vmem_run_take_slot(run, region);
		vmm_vmem_run_gaps(arena, member, region);
	}
}

/*
 * Take a used region out while it is chained as such. When the chain and the
 * free regions are what they will be, vmm_vmem_run_left() does the rest for
 * the run that was left and the @member before.
 */
static inline struct vmm_vmem_run *vmm_vmem_run_leave(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	struct vmm_vmem_run *run = region->as.used.run;

	vmm_vmem_run_exit(run, region);
	if (VMM_UNLIKELY(arena->by_address))
		vmm_vmem_run_drop_slot(run, region);
	return run;
}

static inline void vmm_vmem_run_left(struct vmm_vmem *arena,
	struct vmm_vmem_run *run, struct vmm_vmem_region *member)
{
	if (VMM_UNLIKELY(arena->by_address)) {
		vmm_vmem_run_gaps(arena, member, NULL);
		vmm_vmem_run_settle(run);
	} else if (VMM_UNLIKELY(run->count == run->markers)) {
		vmm_vmem_run_settle(run);
	}
	if (VMM_UNLIKELY(run->count < VMM_VMEM_RUN_FEW))
		vmm_vmem_run_thin(arena, run);
}

/* The same for markers, which may be the first of all: @member NULL. */
size_t vmm_vmem_run_marker_need(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *member);
void vmm_vmem_run_marker_join(struct vmm_vmem *arena,
	struct vmm_vmem_region *member, struct vmm_vmem_region *marker);
/* Leaves; when the marker is out of the chain, thin the run if it has few. */
struct vmm_vmem_run *vmm_vmem_run_marker_leave(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker);

/* The base of a member has moved. */
static inline void vmm_vmem_run_moved(struct vmm_vmem_region *member)
{
	struct vmm_vmem_run *run = member->as.used.run;

	if (run->first == member)
		run->base = member->base;
}

/* The last member whose base is not above @addr, or NULL. */
struct vmm_vmem_region *vmm_vmem_member_floor(
	const struct vmm_vmem *arena, vmm_va_t addr);
/* The first (BEFORE) or last (AFTER) member of a run. */
struct vmm_vmem_region *vmm_vmem_run_end(
	const struct vmm_vmem_run *run, unsigned dir);
/* The next run whose members satisfy @want: a gap, or VMM_VMEM_ANY_USED. */
struct vmm_vmem_run *vmm_vmem_run_seek(
	const struct vmm_vmem_run *run, unsigned dir, uint64_t want);
/* The nearest used region from @member on, itself included, or NULL. */
struct vmm_vmem_region *vmm_vmem_used_seek(
	struct vmm_vmem_region *member, unsigned dir);
/* The region, free or used, that holds @addr, or NULL. */
struct vmm_vmem_region *vmm_vmem_at(
	const struct vmm_vmem *arena, vmm_va_t addr);

#endif /* VMM_VMEM_RUNS_H */
