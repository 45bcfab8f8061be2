/* SPDX-License-Identifier: MIT */
#include "support/test.h"
#include "support/vmem_model.h"

static void compare_region(
	const struct vmm_vmem_region *region, const struct seg *seg)
{
	CHECK(region != NULL);
	CHECK_EQ(vmm_vmem_region_base(region), seg_place(seg));
	CHECK_EQ(vmm_vmem_region_size(region), seg_body(seg));
	CHECK_EQ(vmm_vmem_region_is_used(region), seg->used);
	if (!seg->used)
		return;
	CHECK(region == seg->handle);
	CHECK_EQ(vmm_vmem_region_guard(region, false), seg->guard[0]);
	CHECK_EQ(vmm_vmem_region_guard(region, true), seg->guard[1]);
	CHECK_EQ(vmm_vmem_region_tags(region)->owner, seg->owner);
	CHECK_EQ(vmm_vmem_region_use(region), seg->use);
}

static void compare_stat(
	const struct model *model, const struct vmm_vmem *arena)
{
	uint64_t use_size[VMM_VMEM_USE_COUNT] = {0};
	struct vmm_vmem_stat stat;
	uint64_t free = 0;
	uint64_t largest = 0;
	size_t used = 0;
	size_t embedded = 0;

	for (size_t i = 0; i < model->count; i++) {
		const struct seg *seg = &model->segs[i];

		used += seg->used;
		embedded += seg->embedded;
		if (seg->used)
			use_size[seg->use] += seg->size;
		else
			free += seg->size;
		if (!seg->used && !seg->held && seg->size > largest)
			largest = seg->size;
	}
	vmm_vmem_stat(arena, &stat);
	CHECK_EQ(stat.used_count, used);
	CHECK_EQ(stat.free_count, model->count - used);
	CHECK_EQ(stat.span_count, model_spans_in(model));
	CHECK_EQ(stat.free_size, free);
	CHECK_EQ(stat.used_size, stat.size - free);
	for (unsigned use = 0; use < VMM_VMEM_USE_COUNT; use++)
		CHECK_EQ(stat.use_size[use], use_size[use]);
	CHECK_EQ(stat.largest_free, largest);
	CHECK_EQ(stat.node_count - stat.spare_count,
		model_spans_in(model) + model->count - embedded +
			stat.run_count);
	CHECK(model_spans_in(model) + model->count + stat.run_count <=
		VMM_VMEM_NODES_FOR(model_spans_in(model) + model->count));
}

void model_compare(const struct model *model, const struct vmm_vmem *arena)
{
	const struct vmm_vmem_region *region = vmm_vmem_region_first(arena);

	CHECK_EQ(vmm_vmem_check(arena), VMM_OK);
	for (size_t i = 0; i < model->count; i++) {
		compare_region(region, &model->segs[i]);
		region = vmm_vmem_region_next(arena, region);
	}
	CHECK(region == NULL);
	compare_stat(model, arena);
}

/* What compares with NULL where the model has nothing. */
static void compare_found(const struct model *model,
	const struct vmm_vmem_region *region, size_t at)
{
	CHECK_EQ(region != NULL, at != NO_SEG);
	if (region != NULL)
		compare_region(region, &model->segs[at]);
}

void model_compare_lookups(
	const struct model *model, const struct vmm_vmem *arena, uint64_t addr)
{
	const struct vmm_vmem_region *floor = vmm_vmem_floor(arena, addr);
	const struct vmm_vmem_region *ceiling = vmm_vmem_ceiling(arena, addr);
	size_t at = model_seg_of(model, addr);
	size_t below = NO_SEG;
	size_t above = NO_SEG;
	size_t before = NO_SEG;

	for (size_t i = 0; i < model->count; i++) {
		const struct seg *seg = &model->segs[i];

		if (!seg->used)
			continue;
		if (seg->base <= addr) {
			before = below;
			below = i;
		}
		if (seg->base >= addr && above == NO_SEG)
			above = i;
	}
	compare_found(model, floor, below);
	compare_found(model, ceiling, above);
	if (floor != NULL)
		compare_found(model, vmm_vmem_prev(arena, floor), before);
	if (floor != NULL && floor != ceiling)
		CHECK(vmm_vmem_next(arena, floor) == ceiling);
	if (ceiling != NULL && floor != ceiling)
		CHECK(vmm_vmem_prev(arena, ceiling) == floor);
	compare_found(model, vmm_vmem_region_find(arena, addr), at);
	if (at != NO_SEG && !model->segs[at].used)
		at = NO_SEG;
	compare_found(model, vmm_vmem_find_containing(arena, addr), at);
	compare_found(
		model, vmm_vmem_find(arena, addr), model_place_of(model, addr));
}
