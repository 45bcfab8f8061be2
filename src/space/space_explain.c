/* SPDX-License-Identifier: MIT */
/*
 * Why does an access do what it does? First the region is asked: whether it is
 * there, loaded, and allows the access. Only what it allows is the table's to
 * decide, and there an entry that allows less than its region waits for a fault.
 *
 * Nothing is locked and no hook is called: frames are not asked who holds them,
 * so whether a write copies is said, and not whether it has to.
 */
#include <vmm/pt_explain.h>

#include "core/text.h"
#include "space/space_internal.h"
#include "space/space_text.h"

/* Accesses below are taken for ones through a null pointer. */
#define NEAR_NULL VMM_KIB(64)

struct question {
	const struct vmm_space *space;
	vmm_va_t va;
	unsigned access;
	const struct vmm_sink *sink;
	const struct vmm_vmem_region *region; /* NULL: none is there */
	struct vmm_space_region told;	      /* if there is one */
	struct vmm_pt_answer answer;	      /* the live table's */
};

static bool is_near_null(const struct question *q)
{
	return q->va < NEAR_NULL;
}

static bool is_in_guard(const struct question *q, bool above)
{
	return above ? q->va > vmm_space_last(q->region) : q->va < q->told.base;
}

/* stack "main" */
static void say_region(const struct question *q)
{
	vmm_space_text_kind(q->sink, q->told.kind);
	if (q->told.name == NULL)
		return;
	vmm_text_str(q->sink, " \"");
	vmm_text_str(q->sink, q->told.name);
	vmm_text_str(q->sink, "\"");
}

static void say_headline(const struct question *q)
{
	vmm_pt_explain_access(q->sink, q->access);
	vmm_text_str(q->sink, " at ");
	vmm_text_addr(q->sink, q->va);
	vmm_text_str(q->sink, ": ");
	if (q->region == NULL) {
		vmm_text_str(q->sink, "no region");
	} else {
		if (is_in_guard(q, false))
			vmm_text_str(q->sink, "guard below ");
		if (is_in_guard(q, true))
			vmm_text_str(q->sink, "guard above ");
		say_region(q);
	}
	vmm_text_str(q->sink, "\n");
}

static void say_line(const struct question *q, const char *label,
	const struct vmm_vmem_region *region)
{
	struct vmm_space_region told;

	vmm_text_str(q->sink, label);
	if (region == NULL) {
		vmm_text_str(q->sink, "nothing");
	} else {
		vmm_space_tell(region, &told);
		vmm_space_text_region(q->sink, &told);
	}
	vmm_text_str(q->sink, "\n");
}

static void say_regions(const struct question *q)
{
	const struct vmm_vmem *arena = &q->space->arena;

	if (q->region != NULL) {
		say_line(q, "  region   ", q->region);
		return;
	}
	say_line(q, "  below    ", vmm_vmem_floor(arena, q->va));
	say_line(q, "  above    ", vmm_vmem_ceiling(arena, q->va));
}

/* A page that is not in the live table may be in the store. */
static void say_store(const struct question *q)
{
	vmm_pa_t pa;

	if (q->region == NULL || !vmm_space_is_stored(q->region) ||
		!q->space->has_store ||
		vmm_pt_translate(&q->space->store, q->va, &pa, NULL) != VMM_OK)
		return;
	vmm_text_str(q->sink, "  store    has the page, at ");
	vmm_text_addr(q->sink, vmm_align_down(pa, VMM_PAGE_SIZE));
	vmm_text_str(q->sink, "\n");
}

static void say_nobody(const struct question *q)
{
	if (!vmm_pt_canonical(q->space->live->format, q->va)) {
		vmm_pt_explain_verdict(
			q->sink, q->space->live->format, &q->answer);
		return;
	}
	if (vmm_vmem_region_find(&q->space->arena, q->va) == NULL)
		vmm_text_str(q->sink, "not an address of the space");
	else
		vmm_text_str(q->sink, "nobody's: no region is there");
	if (is_near_null(q))
		vmm_text_str(q->sink, "; a null pointer, probably");
	if (q->answer.verdict == VMM_PT_VERDICT_ABSENT)
		return;
	vmm_text_str(q->sink, "; of the table: ");
	vmm_pt_explain_verdict(q->sink, q->space->live->format, &q->answer);
}

static void say_guard(const struct question *q, bool above)
{
	vmm_text_str(q->sink, "the guard page ");
	vmm_text_str(q->sink, above ? "above " : "below ");
	say_region(q);
	vmm_text_str(q->sink, " was hit");
	if (q->told.kind != VMM_SPACE_STACK)
		return;
	vmm_text_str(q->sink, above ? ": more was taken from the stack than "
				      "was there"
				    : ": the stack overflowed");
}

/* Of the access, what the region does not allow. */
static unsigned refused(const struct question *q)
{
	return q->access & ~q->told.prot & (VMM_SPACE_ACCESS | VMM_PT_USER);
}

static void say_denied(const struct question *q)
{
	static const char names[4][12] = {
		" read", " write", " execute", " user"};

	if (q->told.prot == 0) {
		vmm_text_str(q->sink, "not allowed: the protection of ");
		say_region(q);
		vmm_text_str(q->sink, " is 0");
		return;
	}
	vmm_text_str(q->sink, "not allowed: ");
	say_region(q);
	vmm_text_str(q->sink, " has no");
	for (unsigned i = 0; i < 4; i++) {
		if ((refused(q) >> i & 1) != 0)
			vmm_text_str(q->sink, names[i]);
	}
}

/* Does the region refuse the access? Then why. */
static bool say_refusal(const struct question *q)
{
	if (is_in_guard(q, false) || is_in_guard(q, true)) {
		say_guard(q, is_in_guard(q, true));
	} else if (vmm_space_has(q->region, VMM_SPACE_IS_GOING)) {
		vmm_text_str(q->sink, "the region is not there yet, or goes: "
				      "a call is at it");
	} else if (q->told.unloaded) {
		vmm_text_str(q->sink, "not loaded: ");
		say_region(q);
		vmm_text_str(q->sink, " is kept in the store");
	} else if (q->told.kind == VMM_SPACE_RESERVED) {
		vmm_text_str(q->sink, "reserved: ");
		say_region(q);
		vmm_text_str(q->sink, " shows nothing");
	} else if (refused(q) != 0) {
		say_denied(q);
	} else {
		return false;
	}
	return true;
}

/* The region allows it, and the entry is absent. */
static void say_absent(const struct question *q)
{
	uint64_t below = vmm_space_last(q->region) - q->va;

	switch (q->told.kind) {
	case VMM_SPACE_STACK:
		vmm_text_str(q->sink,
			below < q->told.depth
				? "not touched yet: a fault will bring a page "
				  "of zeros"
				: "the stack may grow: a fault will bring a "
				  "page of zeros");
		break;
	case VMM_SPACE_ZERO:
	case VMM_SPACE_RING:
		vmm_text_str(q->sink, "not touched yet: a fault will bring a "
				      "page of zeros");
		break;
	case VMM_SPACE_OBJECT:
		vmm_text_str(q->sink, "not touched yet: a fault will bring the "
				      "object's page");
		break;
	default:
		vmm_text_str(q->sink, "absent, but such a region has all its "
				      "pages: the table is wrong");
		break;
	}
}

/* The region allows it: what does the table say? */
static void say_table(const struct question *q)
{
	const struct vmm_space *space = q->space;
	const struct vmm_frames *frames = space->hooks->frames;
	enum vmm_pt_verdict verdict = q->answer.verdict;

	if (verdict == VMM_PT_VERDICT_ABSENT) {
		say_absent(q);
	} else if (verdict == VMM_PT_VERDICT_DENIED &&
		   q->answer.lacks == VMM_PT_WRITE &&
		   vmm_space_is_private(q->told.kind, q->told.flags)) {
		vmm_text_str(q->sink, "the region allows writing, the entry "
				      "does not yet: a fault will ");
		if (frames != NULL && frames->has_zero_page &&
			vmm_align_down(q->answer.pa, VMM_PAGE_SIZE) ==
				frames->zero_page)
			vmm_text_str(q->sink, "replace the zero page");
		else
			vmm_text_str(q->sink, "copy, if others have the page");
	} else if (verdict == VMM_PT_VERDICT_DENIED) {
		vmm_text_str(q->sink, "the region allows this, the entry does "
				      "not: a fault will put it right");
	} else {
		vmm_pt_explain_verdict(
			q->sink, space->live->format, &q->answer);
		if (space->live->format->tracked != 0 &&
			(verdict == VMM_PT_VERDICT_ACCESSED ||
				verdict == VMM_PT_VERDICT_DIRTY))
			vmm_text_str(q->sink, "; a fault will set it");
	}
}

VMM_RARE void vmm_space_explain(struct vmm_space *space, vmm_va_t va,
	unsigned access, const struct vmm_sink *sink)
{
	struct question q = {.space = space,
		.va = va,
		.access = access,
		.sink = sink,
		.region = vmm_space_at(space, va)};

	if (q.region != NULL)
		vmm_space_tell(q.region, &q.told);
	say_headline(&q);
	say_regions(&q);
	say_store(&q);
	vmm_pt_explain_levels(space->live, va, access, sink, &q.answer);
	vmm_text_str(sink, "  verdict  ");
	if (q.region == NULL) {
		say_nobody(&q);
	} else if (!say_refusal(&q)) {
		say_table(&q);
	} else if (q.answer.verdict == VMM_PT_VERDICT_ALLOWED ||
		   q.answer.verdict == VMM_PT_VERDICT_USERS) {
		vmm_text_str(sink, "; but the table allows it");
	}
	vmm_text_str(sink, "\n");
}
