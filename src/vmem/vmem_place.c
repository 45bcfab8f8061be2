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

/* The sum, if it is below 2^64. */
static uint64_t sum_or_max(uint64_t a, uint64_t b)
{
	return add_up(&a, b) ? a : UINT64_MAX;
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

	/* Powers of two, or 0. */
	if ((request->align & (request->align - 1)) != 0 ||
		(request->nocross & (request->nocross - 1)) != 0)
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

static bool want_guards(struct vmm_vmem_want *want,
	const struct vmm_vmem *arena, const struct vmm_vmem_request *request)
{
	bool fits = true;

	for (unsigned i = 0; i < 2; i++)
		fits &= in_quanta(arena, request->guard[i], &want->guard[i]) &&
			want->guard[i] >> arena->shift <= UINT32_MAX;
	return fits;
}

int vmm_vmem_want_init(struct vmm_vmem_want *want, const struct vmm_vmem *arena,
	const struct vmm_vmem_request *request)
{
	int err = want_shape(want, arena, request);
	bool fits;

	if (err || request->size == 0)
		return VMM_EINVAL;
	fits = in_quanta(arena, request->size, &want->size);
	want->guard[0] = 0;
	want->guard[1] = 0;
	if (VMM_UNLIKELY((request->guard[0] | request->guard[1]) != 0))
		fits &= want_guards(want, arena, request);
	if (!fits)
		return VMM_ENOSPC;
	if (want->nocross != 0 && !boundary_ok(want))
		return VMM_EINVAL;

	/* Sums that wrap mean: larger than any region. */
	want->total = want->size;
	if (!add_up(&want->total, want->guard[0]) ||
		!add_up(&want->total, want->guard[1]))
		return VMM_ENOSPC;
	want->certain = sum_or_max(want->total, want->align - arena->quantum);
	/* Up to the boundary, and from there to the next aligned address. */
	if (want->nocross != 0)
		want->certain = sum_or_max(
			sum_or_max(want->certain, want->size), want->align);
	return VMM_OK;
}

static bool crosses(const struct vmm_vmem_want *want, vmm_va_t body)
{
	return want->nocross != 0 &&
	       (body ^ (body + (want->size - 1))) >= want->nocross;
}

/* The lowest body in [low, high] that is in phase and crosses no boundary. */
static bool lowest(const struct vmm_vmem_want *want, uint64_t phase,
	vmm_va_t low, vmm_va_t high, vmm_va_t *body)
{
	for (unsigned turn = 0; turn < 2; turn++) {
		*body = low + ((phase - low) & (want->align - 1));
		if (*body < low || *body > high)
			return false;
		if (!crosses(want, *body))
			return true;
		/* On at the boundary: it lies in the body, so is not 2^64. */
		low = (*body | (want->nocross - 1)) + 1;
	}
	return false;
}

/*
 * The body as one sees it who counts addresses from 2^64 down: its first byte
 * is the last one. Multiples of powers of two are such there too, so that the
 * highest body is the lowest one in the mirror. Twice, and all is as it was.
 */
static vmm_va_t mirror(const struct vmm_vmem_want *want, vmm_va_t body)
{
	return -(body + want->size);
}

bool vmm_vmem_place(const struct vmm_vmem_want *want, vmm_va_t first,
	vmm_va_t last, unsigned dir, vmm_va_t *base_out)
{
	uint64_t phase = want->phase;
	vmm_va_t low;
	vmm_va_t high;
	vmm_va_t body;

	first = first > want->min ? first : want->min;
	last = last < want->max ? last : want->max;
	if (first > last || last - first < want->total - 1)
		return false;
	low = first + want->guard[0];
	high = last - (want->size + want->guard[1] - 1);
	if (dir == BEFORE) {
		vmm_va_t most = mirror(want, low);

		phase = mirror(want, phase);
		low = mirror(want, high);
		high = most;
	}
	if (!lowest(want, phase, low, high, &body))
		return false;
	if (dir == BEFORE)
		body = mirror(want, body);
	*base_out = body - want->guard[0];
	return true;
}
