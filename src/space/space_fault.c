/* SPDX-License-Identifier: MIT */
/*
 * Faults: theory of operation
 *
 * 1. A fault is decided under the lock, in its window, from the region and the
 *    entry. What it takes to resolve it is in struct vmm_space_fix, by value:
 *    from then on nobody looks at the region again, whose handle may change
 *    when others cut it elsewhere, but for a stack that grew.
 *
 * 2. The lock is taken twice: for the window and the decision, and to enter what
 *    was prepared in between (space_resolve.c). What needs no frame is done at
 *    once. The window is taken together with the first look, if no other call
 *    is near; else the fault queues for it like any call, and looks again.
 *
 * 3. The kernel's policy runs without the lock and without the window, since it
 *    may do anything. So the fault is decided anew afterwards; if it is another
 *    one now, the access is repeated.
 *
 * 4. A ring's page is two entries of one frame: both are in the window, looked
 *    at and changed together.
 */
#include "space/space_internal.h"

#include "pt/pt_walk.h"

#define RWX (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)

bool vmm_space_access_ok(unsigned access)
{
	const unsigned what = access & ~VMM_PT_USER;

	return what == VMM_PT_READ || what == VMM_PT_WRITE ||
	       what == VMM_PT_EXEC;
}

static bool allows(unsigned prot, unsigned access)
{
	/* No format can express the one without the other. */
	if ((prot & VMM_PT_WRITE) != 0)
		prot |= VMM_PT_READ;
	return (access & ~prot) == 0;
}

/* The pages that a fault at @va is about: one, or two of a ring. */
static void find_pages(const struct vmm_vmem_region *region, vmm_va_t va,
	struct vmm_space_fix *fix)
{
	const vmm_va_t page = vmm_align_down(va, VMM_PAGE_SIZE);
	uint64_t half;

	fix->page[0] = page;
	fix->page[1] = page;
	fix->pages = 1;
	if (region == NULL || vmm_space_kind(region) != VMM_SPACE_RING ||
		!vmm_range_has(vmm_vmem_region_base(region),
			vmm_vmem_region_size(region), va))
		return;
	half = vmm_vmem_region_size(region) / 2;
	fix->pages = 2;
	if (page - vmm_vmem_region_base(region) < half)
		fix->page[1] = page + half;
	else
		fix->page[0] = page - half;
}

/*
 * Begin the call and look the region up. It may be a ring only once it was
 * looked at; so after queueing for a window, that is looked at again.
 */
static const struct vmm_vmem_region *begin(struct vmm_space *space,
	struct vmm_space_op *op, vmm_va_t va, struct vmm_space_fix *fix)
{
	const struct vmm_vmem_region *region;

	vmm_space_lock(space);
	for (;;) {
		vmm_va_t first;
		uint64_t size;

		region = vmm_space_at(space, va);
		find_pages(region, va, fix);
		first = fix->page[0];
		size = fix->page[1] - first + VMM_PAGE_SIZE;
		if (VMM_LIKELY(vmm_space_begin_now(space, op, first, size)))
			return region;
		vmm_space_unlock(space);
		vmm_space_begin(space, op, first, size);
		region = vmm_space_at(space, va);
		find_pages(region, va, fix);
		if (fix->page[0] == first &&
			fix->page[1] - first + VMM_PAGE_SIZE == size)
			return region;
		/* Another region is there since. */
		vmm_space_end(space, op);
		vmm_space_lock(space);
	}
}

/* Is it refused, whatever is mapped? VMM_FAULT_CAUSES: no. */
static enum vmm_fault_cause refuse(
	const struct vmm_vmem_region *region, vmm_va_t va, unsigned access)
{
	if (region == NULL ||
		(vmm_vmem_region_tags(region)->flags & VMM_SPACE_IS_GOING) != 0)
		return VMM_FAULT_NOBODY;
	if (!vmm_range_has(vmm_vmem_region_base(region),
		    vmm_vmem_region_size(region), va))
		return VMM_FAULT_GUARD;
	if (vmm_space_kind(region) == VMM_SPACE_RESERVED)
		return VMM_FAULT_RESERVED;
	if ((vmm_vmem_region_tags(region)->flags & VMM_SPACE_IS_UNLOADED) != 0)
		return VMM_FAULT_UNLOADED;
	if (!allows(vmm_space_prot(region), access))
		return VMM_FAULT_DENIED;
	return VMM_FAULT_CAUSES;
}

/* The page of zeros will do for an access that does not write. */
static bool zero_page_fits(
	const struct vmm_space *space, const struct vmm_space_fix *fix)
{
	return (fix->access & VMM_PT_WRITE) == 0 &&
	       space->hooks->frames->has_zero_page &&
	       /* It is mapped elsewhere, as plain memory. */
	       (fix->prot & VMM_PT_TYPE_MASK) == 0;
}

/* How many pages of a stack there are from @page up. */
static uint64_t depth_at(const struct vmm_vmem_region *region, vmm_va_t page)
{
	const uint64_t below = page - vmm_vmem_region_base(region);

	return (vmm_vmem_region_size(region) - below) >> VMM_PAGE_SHIFT;
}

static enum vmm_fault_cause decide_absent(const struct vmm_space *space,
	const struct vmm_vmem_region *region, const struct vmm_space_fix *fix)
{
	switch (fix->kind) {
	case VMM_SPACE_STACK:
		if (depth_at(region, fix->page[0]) >
			vmm_vmem_region_tags(region)->count)
			return VMM_FAULT_STACK;
		break;
	case VMM_SPACE_ZERO:
	case VMM_SPACE_RING:
		break;
	case VMM_SPACE_OBJECT:
		return fix->private && (fix->access & VMM_PT_WRITE) != 0
			       ? VMM_FAULT_COPY
			       : VMM_FAULT_OBJECT;
	default:
		/* What was mapped at once does not come back. */
		return VMM_FAULT_RESERVED;
	}
	return zero_page_fits(space, fix) ? VMM_FAULT_ZERO_PAGE
					  : VMM_FAULT_ZERO;
}

/* Does a leaf have all of these? Those that a format has no bit for, it has. */
static bool leaf_has(
	const struct vmm_pt_format *format, uint64_t leaf, unsigned flags)
{
	for (unsigned i = 0; flags >> i != 0; i++) {
		const struct vmm_pt_prot_bits *bits = &format->prot[i];

		if ((flags >> i & 1) != 0 && ((leaf & bits->set) != bits->set ||
						     (leaf & bits->unset) != 0))
			return false;
	}
	return true;
}

/* Something is mapped: does it do, may it do more, or is a copy due? */
static enum vmm_fault_cause decide_mapped(
	const struct vmm_space *space, struct vmm_space_fix *fix, uint64_t leaf)
{
	const struct vmm_pt_format *format = space->live->format;
	const struct vmm_frames *frames = space->hooks->frames;
	unsigned marks = 0;

	if (format->tracked != 0)
		marks = VMM_PT_ACCESSED |
			((fix->access & VMM_PT_WRITE) != 0 ? VMM_PT_DIRTY : 0);
	if (leaf_has(format, leaf, fix->access)) {
		fix->set = leaf_has(format, leaf, marks) ? 0 : marks;
		return VMM_FAULT_SPURIOUS;
	}
	fix->set = (fix->prot & (RWX | VMM_PT_USER)) | marks;
	if (!fix->private)
		return VMM_FAULT_SPURIOUS;
	if ((fix->access & VMM_PT_WRITE) == 0) {
		fix->set &= ~VMM_PT_WRITE;
		return VMM_FAULT_SPURIOUS;
	}
	/* Of what the region has, the entry lacks this alone. */
	fix->set = VMM_PT_WRITE | marks;
	if (frames->has_zero_page && fix->pa == frames->zero_page)
		return VMM_FAULT_ZERO;
	return VMM_FAULT_COPY;
}

static void decide(const struct vmm_space *space,
	const struct vmm_vmem_region *region, vmm_va_t va,
	struct vmm_space_fix *fix)
{
	const struct vmm_pt *live = space->live;
	struct vmm_pt_point point;
	uint64_t leaf;

	fix->is_mapped = false;
	fix->set = 0;
	fix->cause = refuse(region, va, fix->access);
	if (fix->cause != VMM_FAULT_CAUSES)
		return;
	fix->kind = vmm_space_kind(region);
	fix->private = vmm_space_is_private(fix->kind, vmm_space_flags(region));
	fix->prot = vmm_space_prot(region);
	if (fix->kind == VMM_SPACE_OBJECT) {
		fix->object = vmm_space_object(region);
		fix->offset = vmm_vmem_region_tags(region)->owner +
			      (fix->page[0] - vmm_vmem_region_base(region));
	}
	point = vmm_pt_walk(live, fix->page[0]);
	leaf = vmm_pt_load(point.entry);
	fix->is_mapped = vmm_pt_is_valid(live->format, leaf);
	if (!fix->is_mapped) {
		fix->cause = decide_absent(space, region, fix);
		return;
	}
	fix->pa = vmm_pt_leaf_pa(live->format, leaf, point.level, fix->page[0]);
	fix->cause = decide_mapped(space, fix, leaf);
}

/* Tell what it is, if anybody wants to know. */
static void tell(const struct vmm_vmem_region *region, vmm_va_t va,
	const struct vmm_space_fix *fix, struct vmm_fault *fault)
{
	if (fault == NULL)
		return;
	fault->va = va;
	fault->access = fix->access;
	fault->cause = fix->cause;
	fault->has_region = fix->cause != VMM_FAULT_NOBODY;
	if (fault->has_region)
		vmm_space_tell(region, &fault->region);
	else
		fault->region = (struct vmm_space_region){0};
}

static int error_of(enum vmm_fault_cause cause)
{
	if (cause < VMM_FAULT_NOBODY)
		return VMM_OK;
	return cause == VMM_FAULT_NOBODY ? VMM_ENOENT : VMM_EACCES;
}

/* Does anybody else have a page that is to be copied? Lock dropped meanwhile. */
static void refine(struct vmm_space *space, struct vmm_space_fix *fix)
{
	if (fix->cause != VMM_FAULT_COPY || !fix->is_mapped)
		return;
	vmm_space_unlock(space);
	vmm_space_count_holders(space, fix);
	vmm_space_lock(space);
}

/* Is what was told still there, wherever it begins and ends now? */
static bool is_as_told(
	const struct vmm_vmem_region *region, const struct vmm_fault *fault)
{
	const struct vmm_space_region *was = &fault->region;
	struct vmm_space_region now;

	/* The cause says whether there is one. */
	if (region == NULL || !fault->has_region)
		return true;
	vmm_space_tell(region, &now);
	return now.kind == was->kind && now.prot == was->prot &&
	       now.flags == was->flags && now.name == was->name &&
	       now.object == was->object && now.segment == was->segment &&
	       (now.object == NULL ||
		       now.offset - now.base == was->offset - was->base);
}

/*
 * Ask the policy, the call not in progress meanwhile. VMM_SPACE_THERE: it goes
 * on, begun and decided anew with the same result.
 */
static VMM_NOINLINE int ask(struct vmm_space *space, struct vmm_space_op *op,
	struct vmm_space_fix *fix, struct vmm_fault *fault)
{
	const struct vmm_space_hooks *hooks = space->hooks;
	const struct vmm_vmem_region *region;
	enum vmm_fault_cause cause;
	bool is_same;
	int result;

	refine(space, fix);
	cause = fix->cause;
	fault->cause = cause;
	vmm_space_end(space, op);
	result = hooks->policy(hooks->ctx, space, fault);
	VMM_ASSERT(result <= VMM_FAULT_DONE);
	if (result < 0)
		return result;
	if (result == VMM_FAULT_DONE)
		return VMM_SPACE_AGAIN;
	region = begin(space, op, fault->va, fix);
	decide(space, region, fault->va, fix);
	is_same = is_as_told(region, fault);
	refine(space, fix);
	if (is_same && fix->cause == cause)
		return VMM_SPACE_THERE;
	vmm_space_end(space, op);
	fault->cause = VMM_FAULT_SPURIOUS;
	return VMM_SPACE_AGAIN;
}

int vmm_space_fault_in(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, unsigned access, struct vmm_space_fix *fix,
	struct vmm_fault *fault)
{
	const struct vmm_vmem_region *region;
	int err;

	fix->access = access;
	region = begin(space, op, va, fix);
	decide(space, region, va, fix);
	tell(region, va, fix, fault);
	if (fix->cause == VMM_FAULT_SPURIOUS && fix->set == 0)
		return VMM_SPACE_THERE;
	if (space->hooks->policy != NULL && fix->cause != VMM_FAULT_SPURIOUS) {
		err = ask(space, op, fix, fault);
		if (err != VMM_SPACE_THERE)
			return err;
	}
	err = error_of(fix->cause);
	if (err == VMM_OK)
		err = vmm_space_resolve(space, op, fix);
	if (fault != NULL)
		fault->cause = fix->cause;
	if (err != VMM_OK)
		vmm_space_end(space, op);
	return err;
}

/* The entry allows it, and the hart did not know: have it look again. */
static void note_page(struct vmm_tlb_gather *gather, vmm_va_t page)
{
	if ((gather->flags & VMM_TLB_CHANGED) != 0)
		return;
	gather->first = page;
	gather->last = vmm_range_last(page, VMM_PAGE_SIZE);
	gather->shift = VMM_PAGE_SHIFT;
	gather->flags |= VMM_TLB_CHANGED;
}

int vmm_space_fault(struct vmm_space *space, vmm_va_t va, unsigned access,
	struct vmm_fault *fault_out)
{
	struct vmm_fault *fault = fault_out;
	struct vmm_space_op op;
	struct vmm_space_fix fix;
	struct vmm_fault own;
	int err;

	if (!vmm_space_access_ok(access))
		return VMM_EINVAL;
	if (fault == NULL && space->hooks->policy != NULL)
		fault = &own;
	err = vmm_space_fault_in(space, &op, va, access, &fix, fault);
	if (err == VMM_SPACE_AGAIN)
		return VMM_OK;
	if (err != VMM_SPACE_THERE)
		return err;
	if (fix.cause == VMM_FAULT_SPURIOUS)
		note_page(&op.gather, vmm_align_down(va, VMM_PAGE_SIZE));
	vmm_space_end(space, &op);
	return VMM_OK;
}

const char *vmm_fault_name(enum vmm_fault_cause cause)
{
	/* Text and not pointers to it, which would have to be relocated. */
	static const char names[VMM_FAULT_CAUSES + 1][24] = {
		[VMM_FAULT_SPURIOUS] = "spurious",
		[VMM_FAULT_ZERO] = "demand zero",
		[VMM_FAULT_ZERO_PAGE] = "zero page",
		[VMM_FAULT_STACK] = "stack growth",
		[VMM_FAULT_OBJECT] = "object's page",
		[VMM_FAULT_COPY] = "copy on write",
		[VMM_FAULT_LAST] = "last holder's write",
		[VMM_FAULT_NOBODY] = "nobody's address",
		[VMM_FAULT_GUARD] = "guard",
		[VMM_FAULT_RESERVED] = "reserved",
		[VMM_FAULT_DENIED] = "denied",
		[VMM_FAULT_UNLOADED] = "not loaded",
		[VMM_FAULT_CAUSES] = "unknown cause",
	};
	const unsigned at = (unsigned)cause;

	return names[at < VMM_FAULT_CAUSES ? at : VMM_FAULT_CAUSES];
}
