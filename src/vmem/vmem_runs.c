/* SPDX-License-Identifier: MIT */
/*
 * The used tree, unrolled. A node of it is a run: up to 24 members that follow
 * one another in the chain, so that most regions come and go without a change
 * of the tree. Markers are members too; then every region has a member before
 * it, one or two links away, and a new region joins the run of that one.
 *
 *      chain:   M  U  f  U  U  f  U  U  f  M  U       f: free
 *      runs:   [M  U     U  U ][  U  U     M  U ]
 *      gaps:    0  3     0  7     0  2     0  0
 *
 * For each member a run notes the gap behind it, the size of a binned free
 * region there, in a slot that the member keeps as long as it is a member. The
 * largest gap is the run's summary, together with whether a member is a used
 * region; by the same summary of subtrees, the nearest gap that is large
 * enough and the nearest used region are found in O(log n). (Larger free
 * regions are in the tree by base.)
 *
 * A run that is full when a member joins is cut in two. If the member would be
 * its last it is left full, and the member joins the next run, or starts one
 * between them if that is full as well: addresses that are handed out in
 * ascending or descending order fill their runs. A run that few members are
 * left of becomes part of a neighbour if that leaves room, so that of two
 * neighbours at most one is sparse.
 */
#include "core/bits.h"
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"

static uint16_t join_summaries(uint16_t a, uint16_t b)
{
	uint16_t gap_a = a & VMM_VMEM_GAP_MASK;
	uint16_t gap_b = b & VMM_VMEM_GAP_MASK;

	return (uint16_t)((gap_a > gap_b ? gap_a : gap_b) |
			  ((a | b) & VMM_VMEM_ANY_USED));
}

static uint16_t own_summary(const struct vmm_vmem_run *run)
{
	uint16_t own = 0;

	if (run->taken != 0)
		for (unsigned i = 0; i < VMM_VMEM_RUN_MAX; i++)
			own = run->gap[i] > own ? run->gap[i] : own;
	return run->count != run->markers ? (uint16_t)(own | VMM_VMEM_ANY_USED)
					  : own;
}

static bool update_subtree(struct vmm_rb_node *node)
{
	struct vmm_vmem_run *run = vmm_vmem_of_run(node);
	uint16_t before = run->subtree;
	uint16_t subtree = run->own;

	for (unsigned dir = VMM_RB_LEFT; dir <= VMM_RB_RIGHT; dir++) {
		if (node->child[dir] != NULL)
			subtree = join_summaries(subtree,
				vmm_vmem_of_run(node->child[dir])->subtree);
	}
	run->subtree = subtree;
	return subtree != before;
}

void vmm_vmem_run_settle(struct vmm_vmem_run *run)
{
	uint16_t own = own_summary(run);

	if (own == run->own)
		return;
	run->own = own;
	vmm_rb_propagate(&run->rb, update_subtree);
}

static bool satisfies(
	const struct vmm_rb_node *node, uint64_t want, bool subtree)
{
	const struct vmm_vmem_run *run = vmm_vmem_of_run(node);
	uint16_t summary = subtree ? run->subtree : run->own;

	if (want == VMM_VMEM_ANY_USED)
		return (summary & VMM_VMEM_ANY_USED) != 0;
	return (summary & VMM_VMEM_GAP_MASK) >= want;
}

struct vmm_vmem_run *vmm_vmem_run_seek(
	const struct vmm_vmem_run *run, unsigned dir, uint64_t want)
{
	const struct vmm_rb_node *node =
		vmm_rb_seek(&run->rb, dir, satisfies, want);

	return node != NULL ? vmm_vmem_of_run(node) : NULL;
}

/* Membership. */

/* The size in quanta of the binned free region behind a member, or 0. */
static uint16_t gap_behind(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *member)
{
	const struct vmm_vmem_region *region = member->link[AFTER];

	if (region->state != VMM_VMEM_FREE ||
		(region->flags & VMM_VMEM_IS_HELD) != 0)
		return 0;
	return (uint16_t)vmm_vmem_bin_of(arena, region->size);
}

void vmm_vmem_run_take_slot(
	struct vmm_vmem_run *run, struct vmm_vmem_region *member)
{
	unsigned slot = vmm_ctz(~(uint64_t)run->taken);

	VMM_ASSERT(slot < VMM_VMEM_RUN_MAX);

	run->taken |= 1u << slot;
	run->gap[slot] = 0;
	member->slot = (uint8_t)slot;
}

void vmm_vmem_run_drop_slot(
	struct vmm_vmem_run *run, const struct vmm_vmem_region *member)
{
	VMM_ASSERT(run->taken >> member->slot & 1);

	run->taken &= ~(1u << member->slot);
	run->gap[member->slot] = 0;
}

void vmm_vmem_run_gaps(struct vmm_vmem *arena, struct vmm_vmem_region *member,
	struct vmm_vmem_region *other)
{
	struct vmm_vmem_run *run = member->as.used.run;

	run->gap[member->slot] = gap_behind(arena, member);
	if (other != NULL) {
		struct vmm_vmem_run *next = other->as.used.run;

		next->gap[other->slot] = gap_behind(arena, other);
		if (next != run)
			vmm_vmem_run_settle(next);
	}
	vmm_vmem_run_settle(run);
}

static VMM_RARE void move_member(struct vmm_vmem *arena,
	struct vmm_vmem_run *to, struct vmm_vmem_region *member)
{
	struct vmm_vmem_run *from = member->as.used.run;
	bool marker = member->state == VMM_VMEM_SPAN;

	from->count--;
	to->count++;
	from->markers -= marker;
	to->markers += marker;
	member->as.used.run = to;
	if (arena->by_address) {
		uint16_t gap = from->gap[member->slot];

		vmm_vmem_run_drop_slot(from, member);
		vmm_vmem_run_take_slot(to, member);
		to->gap[member->slot] = gap;
	}
}

/* A new run on side @dir of @beside, NULL if there is none; its first member
   is to be @first. */
static VMM_RARE struct vmm_vmem_run *run_new(struct vmm_vmem *arena,
	struct vmm_vmem_run *beside, unsigned dir,
	struct vmm_vmem_region *first)
{
	union vmm_vmem_slot *slot = (void *)vmm_vmem_node_get(arena);
	struct vmm_vmem_run *run = &slot->run;

	*run = (struct vmm_vmem_run){
		.state = VMM_VMEM_RUN, .base = first->base, .first = first};
	if (first->state == VMM_VMEM_USED)
		run->own = VMM_VMEM_ANY_USED;
	if (beside != NULL)
		vmm_rb_insert_beside_with(&arena->used, &run->rb, &beside->rb,
			dir, update_subtree);
	else
		vmm_rb_insert_at_with(
			&arena->used, &run->rb, NULL, dir, update_subtree);
	arena->run_count++;
	return run;
}

static VMM_RARE void run_delete(
	struct vmm_vmem *arena, struct vmm_vmem_run *run)
{
	union vmm_vmem_slot *slot = (void *)run;

	VMM_ASSERT(run->count == 0);

	vmm_rb_erase_with(&arena->used, &run->rb, update_subtree);
	arena->run_count--;
	vmm_vmem_node_put(arena, &slot->region);
}

VMM_RARE size_t vmm_vmem_run_need_full(const struct vmm_vmem_region *member)
{
	const struct vmm_vmem_region *next = vmm_vmem_member_after(member);

	return next->state == VMM_VMEM_HEAD ||
	       next->as.used.run->count == VMM_VMEM_RUN_MAX;
}

/*
 * If the new member would be the last there is nothing to cut: it becomes the
 * first of the next run, or, if there is no room, of a new one. Otherwise the
 * upper half of the members moves to the new one.
 */
VMM_RARE struct vmm_vmem_run *vmm_vmem_run_cut(struct vmm_vmem *arena,
	struct vmm_vmem_region *member, struct vmm_vmem_region *region)
{
	struct vmm_vmem_run *run = member->as.used.run;
	struct vmm_vmem_region *next = vmm_vmem_member_after(region);
	struct vmm_vmem_run *upper;
	unsigned i = 0;

	if (next->state == VMM_VMEM_HEAD)
		return run_new(arena, run, AFTER, region);
	upper = next->as.used.run;
	if (upper != run && upper->count == VMM_VMEM_RUN_MAX)
		return run_new(arena, run, AFTER, region);
	if (upper != run) {
		upper->first = region;
		upper->base = region->base;
		return upper;
	}
	/* The new one is in the chain, but no member yet. */
	for (next = run->first; i < VMM_VMEM_RUN_MAX / 2; i += next != region)
		next = vmm_vmem_member_after(next);
	upper = run_new(arena, run, AFTER, next);
	for (i = 0; i < VMM_VMEM_RUN_MAX / 2; i++) {
		if (next == region)
			next = vmm_vmem_member_after(next);
		move_member(arena, upper, next);
		next = vmm_vmem_member_after(next);
	}
	vmm_vmem_run_settle(run);
	vmm_vmem_run_settle(upper);
	return member->as.used.run;
}

/* Make @thin part of the run on side @dir, if there is one and that leaves room
   for more. A marker's base is that of a region: bases do not tell the side. */
static VMM_RARE bool thin_into(
	struct vmm_vmem *arena, struct vmm_vmem_run *thin, unsigned dir)
{
	struct vmm_vmem_region *member = thin->first;
	struct vmm_rb_node *beside = vmm_rb_step(&thin->rb, dir);
	struct vmm_vmem_run *run;

	if (beside == NULL)
		return false;
	run = vmm_vmem_of_run(beside);
	if (run->count + thin->count > VMM_VMEM_RUN_MAX * 3 / 4)
		return false;
	if (dir == AFTER) {
		run->first = member;
		run->base = thin->base;
	}
	while (thin->count > 0) {
		move_member(arena, run, member);
		member = vmm_vmem_member_after(member);
	}
	run_delete(arena, thin);
	vmm_vmem_run_settle(run);
	return true;
}

VMM_RARE void vmm_vmem_run_thin(
	struct vmm_vmem *arena, struct vmm_vmem_run *run)
{
	if (run->count == 0)
		run_delete(arena, run);
	else if (!thin_into(arena, run, BEFORE))
		thin_into(arena, run, AFTER);
}

/* Markers. */

static VMM_RARE bool first_is_full(const struct vmm_vmem *arena)
{
	const struct vmm_rb_node *node = vmm_rb_first(&arena->used);

	return node == NULL || vmm_vmem_of_run(node)->count == VMM_VMEM_RUN_MAX;
}

VMM_RARE size_t vmm_vmem_run_marker_need(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *member)
{
	return member != NULL ? vmm_vmem_run_need(member)
			      : first_is_full(arena);
}

/* The run for a marker before all other members. */
static VMM_RARE struct vmm_vmem_run *first_run(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker)
{
	struct vmm_rb_node *node = vmm_rb_first(&arena->used);
	struct vmm_vmem_run *run = node != NULL ? vmm_vmem_of_run(node) : NULL;

	if (run == NULL || run->count == VMM_VMEM_RUN_MAX)
		return run_new(arena, run, BEFORE, marker);
	run->first = marker;
	run->base = marker->base;
	return run;
}

VMM_RARE void vmm_vmem_run_marker_join(struct vmm_vmem *arena,
	struct vmm_vmem_region *member, struct vmm_vmem_region *marker)
{
	struct vmm_vmem_run *run;

	if (member == NULL)
		run = first_run(arena, marker);
	else if (member->as.used.run->count == VMM_VMEM_RUN_MAX)
		run = vmm_vmem_run_cut(arena, member, marker);
	else
		run = member->as.used.run;
	run->count++;
	run->markers++;
	marker->as.span.run = run;
	if (arena->by_address) {
		vmm_vmem_run_take_slot(run, marker);
		vmm_vmem_run_gaps(arena, marker, NULL);
	}
}

VMM_RARE struct vmm_vmem_run *vmm_vmem_run_marker_leave(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker)
{
	struct vmm_vmem_run *run = marker->as.span.run;

	run->count--;
	run->markers--;
	if (run->first == marker && run->count != 0) {
		run->first = vmm_vmem_member_after(marker);
		run->base = run->first->base;
	}
	if (arena->by_address) {
		vmm_vmem_run_drop_slot(run, marker);
		vmm_vmem_run_settle(run);
	}
	return run;
}

/* Look-ups. */

struct vmm_vmem_region *vmm_vmem_member_floor(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	const struct vmm_rb_node *node = arena->used.root;
	struct vmm_vmem_run *run = NULL;
	struct vmm_vmem_region *member;

	while (node != NULL) {
		struct vmm_vmem_run *here = vmm_vmem_of_run(node);
		unsigned dir = here->base <= addr;

		run = dir ? here : run;
		node = node->child[dir];
	}
	if (run == NULL)
		return NULL;
	member = run->first;
	for (unsigned left = run->count; left > 1; left--) {
		struct vmm_vmem_region *next = vmm_vmem_member_after(member);

		if (next->base > addr)
			break;
		member = next;
	}
	return member;
}

struct vmm_vmem_region *vmm_vmem_run_end(
	const struct vmm_vmem_run *run, unsigned dir)
{
	struct vmm_vmem_region *member = run->first;

	if (dir == BEFORE)
		return member;
	for (unsigned left = run->count; left > 1; left--)
		member = vmm_vmem_member_after(member);
	return member;
}

struct vmm_vmem_region *vmm_vmem_used_seek(
	struct vmm_vmem_region *member, unsigned dir)
{
	const struct vmm_vmem_run *run;

	if (member->state == VMM_VMEM_HEAD)
		return NULL;
	run = member->as.used.run;
	if (run->count != run->markers) {
		while (member->state == VMM_VMEM_SPAN &&
			member->as.span.run == run)
			member = vmm_vmem_member_step(member, dir);
		if (member->state == VMM_VMEM_USED)
			return member;
		if (member->state == VMM_VMEM_HEAD)
			return NULL;
	}
	run = vmm_vmem_run_seek(run, dir, VMM_VMEM_ANY_USED);
	if (run == NULL)
		return NULL;
	member = vmm_vmem_run_end(run, !dir);
	while (member->state != VMM_VMEM_USED)
		member = vmm_vmem_member_step(member, dir);
	return member;
}

struct vmm_vmem_region *vmm_vmem_at(const struct vmm_vmem *arena, vmm_va_t addr)
{
	struct vmm_vmem_region *region = vmm_vmem_member_floor(arena, addr);

	if (region == NULL)
		return NULL;
	if (region->state == VMM_VMEM_USED &&
		vmm_range_has(region->base, region->size, addr))
		return region;
	region = region->link[AFTER];
	if (region->state == VMM_VMEM_FREE &&
		vmm_range_has(region->base, region->size, addr))
		return region;
	return NULL;
}
