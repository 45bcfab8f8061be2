/* SPDX-License-Identifier: MIT */
/* Random requests. */
#include "support/vmem_driver.h"

/* An address in no span. */
#define NOWHERE UINT64_C(0x5a5a5a5a5a5a5a5a)

static struct vmm_vmem_region *pick_object(
	struct driver *d, struct driver_object **object)
{
	*object = &d->objects[rng_below(&d->rng, DRIVER_OBJECTS)];
	if (!driver_chance(d, 4) || (*object)->taken) {
		*object = NULL;
		return NULL;
	}
	return &(*object)->node;
}

static unsigned pick_flags(struct driver *d)
{
	static const unsigned ways[] = {0, 0, 0, VMM_VMEM_FIXED, VMM_VMEM_FIXED,
		VMM_VMEM_FIRST_FIT, VMM_VMEM_LAST_FIT, VMM_VMEM_NEXT_FIT,
		VMM_VMEM_RANDOM};
	unsigned flags = ways[rng_below(&d->rng, 9)];

	if (driver_chance(d, 6))
		flags |= VMM_VMEM_HINT;
	if (driver_chance(d, 6))
		flags |= VMM_VMEM_USE_RESERVE;
	if (driver_chance(d, 300))
		flags |= 1u << rng_below(&d->rng, 32);
	return flags;
}

static void pick_shape(struct driver *d, struct vmm_vmem_request *request)
{
	const uint64_t q = d->model.quantum;

	if (driver_chance(d, 3))
		request->align = q << rng_below(&d->rng, 6);
	if (driver_chance(d, 100))
		request->align = rng_next(&d->rng);
	if (request->align > q && driver_chance(d, 2))
		request->phase = rng_below(&d->rng, request->align / q) *
				 (driver_chance(d, 30) ? 1 : q);
	if (driver_chance(d, 4))
		request->nocross = d->unit << rng_below(&d->rng, 6);
	if (driver_chance(d, 200))
		request->nocross = UINT64_C(1) << rng_below(&d->rng, 64);
	for (unsigned i = 0; i < 2; i++) {
		if (driver_chance(d, 5))
			request->guard[i] = rng_below(&d->rng, 2 * q + 1);
		if (driver_chance(d, 1000))
			request->guard[i] = -rng_below(&d->rng, 2 * q) - 1;
	}
}

static void pick_window(struct driver *d, struct vmm_vmem_request *request)
{
	if (driver_chance(d, 2))
		request->min = driver_addr(d);
	if (driver_chance(d, 2))
		request->max = driver_addr(d) - 1;
	if (request->min > request->max && !driver_chance(d, 10)) {
		uint64_t min = request->max;

		request->max = request->min;
		request->min = min;
	}
}

static void applied(struct driver *d, size_t at,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_region *region)
{
	struct seg *seg = &d->model.segs[at];

	seg->handle = region;
	seg->owner = request->tags.owner;
	for (unsigned i = 0; i < 2; i++)
		seg->guard[i] = d->out.want.guard[i];
	if (request->flags & VMM_VMEM_NEXT_FIT)
		d->model.cursor = seg->base + seg->size;
}

/* The answer to a request is one of those that the model allows. */
static void check_answer(struct driver *d,
	const struct vmm_vmem_request *request, size_t nodes, int err,
	const struct vmm_vmem_region *region)
{
	uint64_t base = err == VMM_OK ? region->base : 0;
	size_t at;

	if (!model_accepts(&d->model, &d->out, nodes, err, base))
		CHECK_EQ(err == VMM_OK ? base : (uint64_t)err,
			d->out.count != 0 ? d->out.at[0].base
					  : (uint64_t)d->out.err);
	CHECK(model_accepts(&d->model, &d->out, nodes, err, base));
	if (err != VMM_OK)
		return;
	at = model_take(&d->model, model_seg_of(&d->model, base), base,
		d->out.want.total);
	applied(d, at, request, region);
}

void driver_request(struct driver *d, struct vmm_vmem_request *request)
{
	*request = (struct vmm_vmem_request){
		.size = rng_below(&d->rng, 6 * d->unit),
		.where = driver_addr(d),
		.entropy = rng_next(&d->rng),
		.flags = pick_flags(d),
		.tags = {.owner = rng_next(&d->rng)},
	};
	if (driver_chance(d, 500))
		request->size = -rng_below(&d->rng, 2 * d->model.quantum);
	pick_shape(d, request);
	if (driver_chance(d, 3))
		pick_window(d, request);
}

const struct vmm_vmem_region *driver_try(
	struct driver *d, struct vmm_vmem_request *request)
{
	const struct vmm_vmem_region *region = NULL;
	size_t nodes = driver_nodes(d, request->flags);
	struct driver_object *object;
	uint64_t before = 0;
	bool look = driver_chance(d, 64);
	int err;

	request->embed = pick_object(d, &object);
	model_outcomes(&d->model, request, nodes, &d->out);
	if (look)
		before = d->digest();
	err = vmm_vmem_xalloc(d->arena, request, &region);
	CHECK_EQ(region != NULL, err == VMM_OK);
	check_answer(d, request, nodes, err, region);
	if (look && err != VMM_OK)
		CHECK_EQ(d->digest(), before);
	if (err == VMM_OK && object != NULL) {
		CHECK(region == request->embed);
		object->taken = true;
		object->born = vmm_vmem_region_base(region);
		d->model.segs[model_seg_of(&d->model, region->base)].embedded =
			true;
	}
	return region;
}

void driver_xalloc(struct driver *d)
{
	struct vmm_vmem_request request;

	driver_request(d, &request);
	(void)driver_try(d, &request);
}

void driver_alloc(struct driver *d)
{
	const struct vmm_vmem_request request = {
		.size = driver_chance(d, 50)
				? 0
				: 1 + rng_below(&d->rng, 3 * d->unit)};
	const struct vmm_vmem_region *region = NULL;
	size_t nodes = driver_nodes(d, 0);
	vmm_va_t base = NOWHERE;
	int err;

	model_outcomes(&d->model, &request, nodes, &d->out);
	if (driver_chance(d, 2)) {
		err = vmm_vmem_alloc_region(d->arena, request.size, &region);
	} else {
		err = vmm_vmem_alloc(d->arena, request.size, &base);
		CHECK_EQ(base == NOWHERE, err != VMM_OK);
		if (err == VMM_OK)
			region = vmm_vmem_find(d->arena, base);
	}
	CHECK_EQ(region != NULL, err == VMM_OK);
	check_answer(d, &request, nodes, err, region);
}

void driver_alloc_at(struct driver *d)
{
	const struct vmm_vmem_request request = {
		.size = rng_below(&d->rng, 4 * d->unit),
		.where = driver_addr(d),
		.flags = VMM_VMEM_FIXED};
	size_t nodes = driver_nodes(d, 0);
	int err;

	model_outcomes(&d->model, &request, nodes, &d->out);
	err = vmm_vmem_alloc_at(d->arena, request.where, request.size);
	check_answer(d, &request, nodes, err,
		err == VMM_OK ? vmm_vmem_find(d->arena, request.where) : NULL);
}
