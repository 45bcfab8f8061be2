/* SPDX-License-Identifier: MIT */
#include "shared.h"

#include "kernel.h"
#include "lock.h"
#include "supply.h"

#include <vmm/space_object.h>

#define KEYS 16

static struct {
	struct vmm_object object;
	bool lives;
	bool has_key;
} shared[KEYS];

/* Two locks: the objects' own is taken by the library. */
static uint32_t objects_taken;
static uint32_t keys_taken;

/* The last user has left. */
static void end(void *ctx, struct vmm_object *object)
{
	bool *lives = object->user;

	(void)ctx;
	__atomic_store_n(lives, false, __ATOMIC_RELEASE);
}

static const struct vmm_lock lock = {
	lock_acquire, lock_release, &objects_taken};
static struct vmm_object_config config;

void shared_init(void)
{
	config = (struct vmm_object_config){.name = "shared memory",
		.pages = &supply.pages,
		.frames = &supply.frames,
		.lock = &lock,
		.offset = kernel.dmap_base,
		.end = end};
}

int64_t shared_new(uint64_t size)
{
	size_t key = 0;
	int err;

	lock_acquire(&keys_taken);
	while (key < KEYS &&
		__atomic_load_n(&shared[key].lives, __ATOMIC_ACQUIRE))
		key++;
	if (key < KEYS)
		shared[key].lives = true;
	lock_release(&keys_taken);
	if (key == KEYS)
		return VMM_ENOSPC;
	err = vmm_object_init(&shared[key].object, &config, size);
	if (err) {
		shared[key].lives = false;
		return err;
	}
	shared[key].object.user = &shared[key].lives;
	__atomic_store_n(&shared[key].has_key, true, __ATOMIC_RELEASE);
	return (int64_t)key;
}

/* One more user for a moment, so that nobody ends it meanwhile; or NULL. */
static struct vmm_object *get(uint64_t key)
{
	struct vmm_object *object = NULL;

	lock_acquire(&keys_taken);
	if (key < KEYS && shared[key].has_key) {
		object = &shared[key].object;
		vmm_object_get(object);
	}
	lock_release(&keys_taken);
	return object;
}

int64_t shared_attach(struct vmm_space *space, uint64_t key, unsigned prot)
{
	struct vmm_object *object = get(key);
	struct vmm_space_request request = {
		.place = {.flags = VMM_VMEM_LAST_FIT},
		.kind = VMM_SPACE_OBJECT,
		.prot = prot,
		.flags = VMM_SPACE_SHARED,
		.object = object};
	vmm_va_t va;
	int err;

	if (object == NULL)
		return VMM_ENOENT;
	request.place.size = object->size;
	err = vmm_space_map(space, &request, &va);
	vmm_object_put(object);
	return err ? err : (int64_t)va;
}

int shared_drop(uint64_t key)
{
	bool had = false;

	lock_acquire(&keys_taken);
	if (key < KEYS) {
		had = shared[key].has_key;
		shared[key].has_key = false;
	}
	lock_release(&keys_taken);
	if (!had)
		return VMM_ENOENT;
	vmm_object_put(&shared[key].object);
	return VMM_OK;
}

uint64_t shared_count(void)
{
	uint64_t count = 0;

	for (size_t i = 0; i < KEYS; i++)
		count += shared[i].lives ? 1 : 0;
	return count;
}
