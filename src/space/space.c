/* SPDX-License-Identifier: MIT */
/*
 * A space's life, who uses it, and what is in it.
 */
#include "space/space_internal.h"

#include <vmm/pt_upkeep.h>

#include "pt/pt_walk.h"

void vmm_space_init(struct vmm_space *space, struct vmm_pt *live,
	const struct vmm_space_hooks *hooks)
{
	VMM_ASSERT(hooks->pages != NULL);
	*space = (struct vmm_space){.hooks = hooks, .live = live};
	space->end = &space->ops;
	vmm_vmem_init(&space->arena, VMM_PAGE_SIZE);
}

/*
 * Can the live table translate a range, and are all root entries for it such as
 * may be changed? This only looks: in a table that several spaces have, what is
 * there is the others', superpages that reach over an end of the range too.
 */
static int check_table(const struct vmm_pt *pt, vmm_va_t base, uint64_t size)
{
	const struct vmm_pt_format *format = pt->format;
	int err = vmm_pt_range_check(pt, base, size, VMM_PAGE_SIZE);
	const uint64_t *entry;
	const uint64_t *last;

	if (err)
		return err;
	/* The range lies in one half of the root. */
	last = vmm_pt_root_entry(pt, vmm_range_last(base, size));
	for (entry = vmm_pt_root_entry(pt, base); entry <= last; entry++) {
		uint64_t value = vmm_pt_load(entry);
		uint64_t bound = format->borrowed;

		/* A leaf that is lent cannot change for all who have it. */
		if (!vmm_pt_is_table(format, value, vmm_pt_root_level(pt)))
			bound |= format->lent;
		if (vmm_pt_is_valid(format, value) && (value & bound) != 0)
			return VMM_EBUSY;
	}
	return VMM_OK;
}

int vmm_space_add(
	struct vmm_space *space, vmm_va_t base, uint64_t size, unsigned flags)
{
	struct vmm_space_op op;
	int err;

	vmm_space_lock(space);
	err = check_table(space->live, base, size);
	if (err == VMM_OK) {
		do {
			err = vmm_vmem_add_flags(
				&space->arena, base, size, flags);
		} while (vmm_space_more(space, &op, VMM_SPACE_FOR_ARENA, &err));
	}
	vmm_space_unlock(space);
	return err;
}

/* Unlink the empty tables of a table under all spans. */
static void prune(struct vmm_space *space, struct vmm_pt *pt,
	struct vmm_tlb_gather *gather)
{
	const struct vmm_vmem *arena = &space->arena;
	const struct vmm_vmem_region *region = vmm_vmem_region_first(arena);

	while (region != NULL) {
		vmm_va_t base = region->base;
		uint64_t size = 0;
		int err;

		/* Regions without a gap between them, which has a hole in it
		   perhaps that cannot be translated. */
		do {
			size += region->size;
			region = vmm_vmem_region_next(arena, region);
		} while (region != NULL && region->base == base + size);
		err = vmm_pt_prune(pt, base, size, gather);
		VMM_ASSERT(err == VMM_OK);
		(void)err;
	}
}

uint64_t vmm_space_trim(struct vmm_space *space)
{
	struct vmm_tlb_gather stored;
	struct vmm_space_op op;
	uint64_t count;

	vmm_space_begin_all(space, &op);
	if (space->has_store) {
		vmm_tlb_gather_init(&stored, NULL, 0);
		prune(space, &space->store, &stored);
		vmm_pt_reap(&space->store, &stored);
	}
	prune(space, space->live, &op.gather);
	/* A source of the table's own gets them back from it. */
	count = space->live->pages != NULL ? op.gather.dead_count : 0;
	vmm_space_settle(space, &op);
	count += vmm_space_shed(space);
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
	return count;
}

static void fini_store(struct vmm_space *space)
{
	const struct vmm_pages *pages = space->hooks->pages;
	vmm_pa_t pa;

	if (!space->has_store)
		return;
	vmm_pt_fini(&space->store);
	while (vmm_pt_spare_take(&space->store, &pa) == VMM_OK)
		pages->free(pages->ctx, pa);
	pages->free(pages->ctx, space->store.root);
	space->has_store = false;
}

static void fini_arena(struct vmm_space *space)
{
	const struct vmm_pages *pages = space->hooks->pages;
	void *memory;
	size_t size;
	int err = vmm_vmem_fini(&space->arena);

	VMM_ASSERT(err == VMM_OK);
	(void)err;
	while (vmm_vmem_take_back(&space->arena, &memory, &size) == VMM_OK) {
		pages->free(pages->ctx,
			(uint64_t)(uintptr_t)memory - space->live->offset);
		space->node_pages--;
	}
	VMM_ASSERT(space->node_pages == 0);
}

void vmm_space_fini(struct vmm_space *space)
{
	vmm_space_purge(space);
	(void)vmm_space_trim(space);
	VMM_ASSERT(space->ops == NULL);
	fini_store(space);
	fini_arena(space);
}

/*
 * A hart that comes in sets its bit and then fences and walks the table; one
 * that changes the table looks at the bits afterwards. Either the first sees
 * the change, or the second sees the bit.
 */
bool vmm_space_enter(struct vmm_space *space, unsigned hart)
{
	uint64_t bit = UINT64_C(1) << hart;

	VMM_ASSERT(hart < 64);
	return (__atomic_fetch_or(&space->harts, bit, __ATOMIC_SEQ_CST) &
		       bit) == 0;
}

void vmm_space_leave(struct vmm_space *space, unsigned hart)
{
	VMM_ASSERT(hart < 64);
	__atomic_fetch_and(
		&space->harts, ~(UINT64_C(1) << hart), __ATOMIC_SEQ_CST);
}

uint64_t vmm_space_harts(const struct vmm_space *space)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&space->harts, __ATOMIC_SEQ_CST);
}

/* The next region that is no call's business; a guard's address is its own. */
static const struct vmm_vmem_region *find(
	const struct vmm_space *space, vmm_va_t va, bool next)
{
	const struct vmm_vmem_region *region = vmm_space_at(space, va);

	if (region != NULL && !vmm_space_has(region, VMM_SPACE_IS_GOING))
		return region;
	if (!next)
		return NULL;
	region = vmm_vmem_ceiling(&space->arena, va);
	while (region != NULL && vmm_space_has(region, VMM_SPACE_IS_GOING))
		region = vmm_vmem_next(&space->arena, region);
	return region;
}

int vmm_space_find(struct vmm_space *space, vmm_va_t va, bool next,
	struct vmm_space_region *region_out)
{
	const struct vmm_vmem_region *region;

	vmm_space_lock(space);
	region = find(space, va, next);
	if (region != NULL)
		vmm_space_tell(region, region_out);
	vmm_space_unlock(space);
	return region != NULL ? VMM_OK : VMM_ENOENT;
}

int vmm_space_phys(struct vmm_space *space, vmm_va_t va, vmm_pa_t *pa_out)
{
	const struct vmm_vmem_region *region;
	int err = VMM_ENOENT;

	vmm_space_lock(space);
	region = find(space, va, false);
	/* Where it is stored, another space may show something. */
	if (region != NULL && !vmm_space_is_stored(region))
		err = vmm_pt_translate(space->live, va, pa_out, NULL);
	vmm_space_unlock(space);
	return err;
}

static uint64_t mapped(const struct vmm_pt *pt, vmm_va_t va, vmm_va_t last)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(va, last);
	struct vmm_pt_run run;
	uint64_t size = 0;

	while (vmm_pt_next(pt, &cursor, &run))
		size += run.size;
	return size;
}

static void stat_region(struct vmm_space *space,
	const struct vmm_vmem_region *region, struct vmm_space_stat *stat)
{
	vmm_va_t base = vmm_vmem_region_base(region);

	stat->regions++;
	stat->size += vmm_vmem_region_size(region);
	if (!vmm_space_is_stored(region))
		stat->resident +=
			mapped(space->live, base, vmm_space_last(region));
	else if (space->has_store)
		stat->stored +=
			mapped(&space->store, base, vmm_space_last(region));
}

void vmm_space_stat(struct vmm_space *space, struct vmm_space_stat *stat_out)
{
	const struct vmm_vmem_region *region;
	struct vmm_space_stat stat = {0};

	vmm_space_lock(space);
	region = vmm_vmem_ceiling(&space->arena, 0);
	for (; region != NULL; region = vmm_vmem_next(&space->arena, region)) {
		if (!vmm_space_has(region, VMM_SPACE_IS_GOING))
			stat_region(space, region, &stat);
	}
	stat.tables = space->live->table_count - 1 + space->live->spare_count;
	if (space->has_store)
		stat.tables +=
			space->store.table_count + space->store.spare_count;
	stat.node_pages = space->node_pages;
	vmm_space_unlock(space);
	*stat_out = stat;
}
