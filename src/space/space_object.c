/* SPDX-License-Identifier: MIT */
/*
 * Objects: theory of operation
 *
 * 1. An object's frames are in a page table of a format of its own: Sv39's row
 *    with as few levels as the size takes, its "addresses" offsets. No hart
 *    ever uses it; it is a radix tree that is there already, checked and cheap.
 *
 * 2. The object holds each of its frames once. A frame comes in and stays until
 *    the last user leaves, so whoever is a user may look one up under the lock
 *    and hold it after: it cannot have gone meanwhile.
 *
 * 3. The lock is held for looking and for entering a frame; frames, pages and
 *    the kernel's fill are called without it. Two harts that touch a page at
 *    the same time may both fill a frame. The first to enter its own wins, the
 *    other gives back what it has and takes the winner's.
 *
 * 4. Pages for the table are got before, without the lock, and donated. Another
 *    call may take them: then there is another round, each of which was
 *    another call's progress. No call leaves a spare page behind.
 */
#include "space/space_internal.h"

/* Sv39 has three levels; the others differ in this. */
#define ROOT_SHIFT(levels) (VMM_PAGE_SHIFT + VMM_PT_INDEX_BITS * ((levels)-1u))
#define LEVELS_MAX	   4
#define SIZE_MAX_OBJECT	   VMM_TIB(128)

static void lock(const struct vmm_object *object)
{
	const struct vmm_lock *with = object->config->lock;

	if (with != NULL)
		with->acquire(with->ctx);
}

static void unlock(const struct vmm_object *object)
{
	const struct vmm_lock *with = object->config->lock;

	if (with != NULL)
		with->release(with->ctx);
}

static void format_init(struct vmm_pt_format *format, uint64_t size)
{
	unsigned levels = 2;

	/* No format has less than two. */
	while (levels < LEVELS_MAX && (size - 1) >> ROOT_SHIFT(levels + 1) != 0)
		levels++;
	*format = vmm_pt_sv39;
	__builtin_memcpy(format->name, "object", sizeof("object"));
	format->levels = (uint8_t)levels;
	format->root_shift = (uint8_t)ROOT_SHIFT(levels);
	format->va_bits = (uint8_t)ROOT_SHIFT(levels + 1);
	format->sign_extended = 0;
	format->half_bits = format->va_bits;
	format->va_bias = 0;
	format->va_limit = UINT64_C(1) << format->va_bits;
	format->leaf_level_max = (uint8_t)(levels - 1);
	format->satp_mode = 0;
}

int vmm_object_init(struct vmm_object *object,
	const struct vmm_object_config *config, uint64_t size)
{
	vmm_pa_t root;
	int err;

	if (size == 0 || size > SIZE_MAX_OBJECT ||
		!vmm_is_aligned(size, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	err = config->pages->alloc(config->pages->ctx, &root);
	if (err != VMM_OK)
		return err;
	object->config = config;
	object->size = size;
	object->resident = 0;
	object->users = 1;
	format_init(&object->format, size);
	vmm_pt_init(
		&object->table, &object->format, NULL, config->offset, root);
	object->user = NULL;
	return VMM_OK;
}

void vmm_object_get(struct vmm_object *object)
{
	uint64_t before =
		__atomic_fetch_add(&object->users, 1, __ATOMIC_RELAXED);

	VMM_ASSERT(before != 0);
	(void)before;
}

/* Give back all spare pages; called without the lock. */
static void shed(struct vmm_object *object)
{
	const struct vmm_pages *pages = object->config->pages;

	for (;;) {
		vmm_pa_t pa;
		int err;

		lock(object);
		err = vmm_pt_spare_take(&object->table, &pa);
		unlock(object);
		if (err != VMM_OK)
			return;
		pages->free(pages->ctx, pa);
	}
}

/* Nobody else is there any more. */
static void end(struct vmm_object *object)
{
	const struct vmm_object_config *config = object->config;
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_pt_run run;

	while (vmm_pt_next(&object->table, &cursor, &run))
		config->frames->put(
			config->frames->ctx, run.pa, vmm_pa_to_pfn(run.size));
	vmm_pt_fini(&object->table);
	shed(object);
	config->pages->free(config->pages->ctx, object->table.root);
	if (config->end != NULL)
		config->end(config->ctx, object);
}

void vmm_object_put(struct vmm_object *object)
{
	/* What each user did to the object comes before the last one's end. */
	uint64_t before =
		__atomic_fetch_sub(&object->users, 1, __ATOMIC_ACQ_REL);

	VMM_ASSERT(before != 0);
	if (before == 1)
		end(object);
}

/*
 * Pages for what is to be mapped, with the lock held, which is dropped for each
 * of them. VMM_OK: there are as many now, or somebody has taken them again; so
 * ask the table.
 */
static int supply(struct vmm_object *object, uint64_t count)
{
	const struct vmm_pages *pages = object->config->pages;

	while (object->table.spare_count < count) {
		vmm_pa_t pa;
		int err;

		unlock(object);
		err = pages->alloc(pages->ctx, &pa);
		lock(object);
		if (err != VMM_OK)
			return err;
		vmm_pt_donate(&object->table, pa);
	}
	return VMM_OK;
}

/* Enter frames, with the lock held, which may be dropped meanwhile. */
static int enter(
	struct vmm_object *object, uint64_t offset, vmm_pa_t pa, uint64_t size)
{
	for (;;) {
		uint64_t tables;
		int err = vmm_pt_map(
			&object->table, offset, pa, size, VMM_PT_READ, NULL);

		if (err == VMM_OK)
			object->resident += size;
		if (err != VMM_ENOMEM)
			return err;
		err = vmm_pt_map_tables(
			&object->table, offset, pa, size, NULL, &tables);
		if (err == VMM_OK)
			err = supply(object, tables);
		if (err != VMM_OK)
			return err;
	}
}

bool vmm_object_find(
	struct vmm_object *object, uint64_t offset, vmm_pa_t *pa_out)
{
	int err;

	lock(object);
	err = vmm_pt_translate(&object->table, offset, pa_out, NULL);
	unlock(object);
	return err == VMM_OK;
}

/* One more holder for a page that is there: the caller. */
static int hold(const struct vmm_object *object, vmm_pa_t pa, vmm_pa_t *pa_out)
{
	const struct vmm_frames *frames = object->config->frames;
	int err = frames->get(frames->ctx, pa, 1);

	if (err == VMM_OK)
		*pa_out = pa;
	return err;
}

/* A new frame with the page's content, held by the object and the caller. */
static int make(struct vmm_object *object, uint64_t offset, vmm_pa_t *pa_out)
{
	const struct vmm_object_config *config = object->config;
	const struct vmm_frames *frames = config->frames;
	vmm_pa_t pa;
	int err;

	err = frames->alloc(frames->ctx, 1, true, &pa);
	if (err != VMM_OK)
		return err;
	if (config->fill != NULL)
		err = config->fill(config->ctx, object, offset, pa);
	if (err == VMM_OK)
		err = frames->get(frames->ctx, pa, 1);
	if (err == VMM_OK)
		*pa_out = pa;
	else
		frames->put(frames->ctx, pa, 1);
	return err;
}

/* The same with the lock around, and no spare page left behind. */
static int enter_now(
	struct vmm_object *object, uint64_t offset, vmm_pa_t pa, uint64_t size)
{
	bool spares;
	int err;

	lock(object);
	err = enter(object, offset, pa, size);
	spares = object->table.spare_count != 0;
	unlock(object);
	if (spares)
		shed(object);
	return err;
}

int vmm_object_page(
	struct vmm_object *object, uint64_t offset, vmm_pa_t *pa_out)
{
	const struct vmm_frames *frames = object->config->frames;
	vmm_pa_t pa;
	int err;

	VMM_ASSERT(vmm_is_aligned(offset, VMM_PAGE_SIZE));
	if (offset >= object->size)
		return VMM_ERANGE;
	if (vmm_object_find(object, offset, &pa))
		return hold(object, pa, pa_out);
	err = make(object, offset, &pa);
	if (err != VMM_OK)
		return err;
	err = enter_now(object, offset, pa, VMM_PAGE_SIZE);
	if (err == VMM_OK) {
		*pa_out = pa;
		return VMM_OK;
	}
	frames->put(frames->ctx, pa, 1);
	frames->put(frames->ctx, pa, 1);
	/* Somebody else may have been faster; that page stays. */
	if (err == VMM_EEXIST && vmm_object_find(object, offset, &pa))
		return hold(object, pa, pa_out);
	return err;
}

int vmm_object_give(
	struct vmm_object *object, uint64_t offset, vmm_pa_t pa, uint64_t size)
{
	if (!vmm_is_aligned(offset | pa | size, VMM_PAGE_SIZE) || size == 0)
		return VMM_EINVAL;
	if (offset >= object->size || size > object->size - offset)
		return VMM_ERANGE;
	return enter_now(object, offset, pa, size);
}

uint64_t vmm_object_resident(struct vmm_object *object)
{
	uint64_t size;

	lock(object);
	size = object->resident;
	unlock(object);
	return size;
}

int vmm_object_check(const struct vmm_object *object)
{
	struct vmm_pt_cursor beyond =
		vmm_pt_cursor_range(object->size, UINT64_MAX);
	struct vmm_pt_usage usage;
	struct vmm_pt_run run;

	if (object->users == 0 || object->size == 0 ||
		!vmm_is_aligned(object->size, VMM_PAGE_SIZE))
		return VMM_ECORRUPT;
	if (vmm_pt_usage(&object->table, &usage) != VMM_OK)
		return VMM_ECORRUPT;
	if (usage.size != object->resident || usage.tags != 0 ||
		vmm_pt_next(&object->table, &beyond, &run))
		return VMM_ECORRUPT;
	return VMM_OK;
}
