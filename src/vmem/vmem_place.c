/* SPDX-License-Identifier: MIT */
/*
 * Where in a range does a request fit? The place is given by the body, the part
 * between the guards: alignment, phase and boundary are about its first byte.
 *
 *      first                                              last
 *        | guard[0] | body ................ | guard[1] |   |
 *                   ^ = phase (mod align), and no multiple of nocross inside
 */
#include "vmem/vmem_want.h"

/* Round up to the quantum; false if that is 2^64. */
static bool in_quanta(
	const struct vmm_vmem *arena, uint64_t bytes, uint64_t *out)
{
	*out = vmm_align_up(bytes, arena->quantum);
	return *out >= bytes;
}

static bool add_up(uint64_t *sum, uint64_t more)
{
	*sum += more;
	return *sum >= more;
}

/* Is there any address at which the body does not cross a boundary? */
static bool boundary_ok(const struct vmm_vmem_want *want)
{
	uint64_t period =
		want->align < want->nocross ? want->align : want->nocross;
	uint64_t lowest = want->phase & (period - 1);

	/* Size is checked first: the sum cannot wrap. */
	return want->size <= want->nocross &&
	       lowest <= want->nocross - want->size;
}

static int want_shape(struct vmm_vmem_want *want, const struct vmm_vmem *arena,
	const struct vmm_vmem_request *request)
{
	const uint64_t quantum = arena->quantum;

	if ((request->align != 0 && !vmm_is_pow2(request->align)) ||
		(request->nocross != 0 && !vmm_is_pow2(request->nocross)))
		return VMM_EINVAL;
	want->align = request->align > quantum ? request->align : quantum;
	want->phase = request->phase;
	if (want->phase >= want->align || !vmm_is_aligned(want->phase, quantum))
		return VMM_EINVAL;
	want->nocross = request->nocross;
	want->min = request->min;
	want->max = request->max != 0 ? request->max : UINT64_MAX;
	return want->min <= want->max ? VMM_OK : VMM_EINVAL;
}

int vmm_vmem_want_init(struct vmm_vmem_want *want, const struct vmm_vmem *arena,
	const struct vmm_vmem_request *request)
{
	int err = want_shape(want, arena, request);
	bool fits;

	if (err || request->size == 0)
		return VMM_EINVAL;
	fits = in_quanta(arena, request->size, &want->size);
	for (unsigned i = 0; i < 2; i++)
		fits &= in_quanta(arena, request->guard[i], &want->guard[i]) &&
			want->guard[i] >> arena->shift <= UINT32_MAX;
	if (!fits)
		return VMM_ENOSPC;
	if (want->nocross != 0 && !boundary_ok(want))
		return VMM_EINVAL;

	/* Sums that wrap mean: larger than any region. */
	want->total = want->size;
	if (!add_up(&want->total, want->guard[0]) ||
		!add_up(&want->total, want->guard[1]))
		return VMM_ENOSPC;
	want->certain = want->total;
	fits = add_up(&want->certain, want->align - arena->quantum);
	/* Up to the boundary, and from there to the next aligned address. */
	if (want->nocross != 0)
		fits = add_up(&want->certain, want->size) &&
		       add_up(&want->certain, want->align) && fits;
	if (!fits)
		want->certain = UINT64_MAX;
	return VMM_OK;
}

static bool crosses(const struct vmm_vmem_want *want, vmm_va_t body)
{
	return want->nocross != 0 &&
	       (body ^ (body + (want->size - 1))) >= want->nocross;
}

/* The lowest body in [low, high] that is in phase. */
static bool lowest_body(const struct vmm_vmem_want *want, vmm_va_t low,
	vmm_va_t high, vmm_va_t *body)
{
	*body = low + ((want->phase - low) & (want->align - 1));
	return *body >= low && *body <= high;
}

static bool highest_body(const struct vmm_vmem_want *want, vmm_va_t low,
	vmm_va_t high, vmm_va_t *body)
{
	*body = high - ((high - want->phase) & (want->align - 1));
	return *body <= high && *body >= low;
}

static bool place_up(const struct vmm_vmem_want *want, vmm_va_t low,
	vmm_va_t high, vmm_va_t *body)
{
	if (!lowest_body(want, low, high, body))
		return false;
	if (!crosses(want, *body))
		return true;
	/* Go on at the boundary, which lies in the body and so is not 2^64. */
	low = (*body | (want->nocross - 1)) + 1;
	return low <= high && lowest_body(want, low, high, body) &&
	       !crosses(want, *body);
}

static bool place_down(const struct vmm_vmem_want *want, vmm_va_t low,
	vmm_va_t high, vmm_va_t *body)
{
	vmm_va_t boundary;

	if (!highest_body(want, low, high, body))
		return false;
	if (!crosses(want, *body))
		return true;
	/* End right below the boundary. */
	boundary = vmm_align_down(*body + (want->size - 1), want->nocross);
	if (boundary < want->size)
		return false;
	high = boundary - want->size;
	return low <= high && highest_body(want, low, high, body) &&
	       !crosses(want, *body);
}

bool vmm_vmem_place(const struct vmm_vmem_want *want, vmm_va_t first,
	vmm_va_t last, unsigned dir, vmm_va_t *base_out)
{
	vmm_va_t low;
	vmm_va_t high;
	vmm_va_t body;
	bool found;

	first = first > want->min ? first : want->min;
	last = last < want->max ? last : want->max;
	if (first > last || last - first < want->total - 1)
		return false;
	low = first + want->guard[0];
	high = last - (want->size + want->guard[1] - 1);
	found = dir == AFTER ? place_up(want, low, high, &body)
			     : place_down(want, low, high, &body);
	if (found)
		*base_out = body - want->guard[0];
	return found;
}
