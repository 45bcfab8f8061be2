/* SPDX-License-Identifier: MIT */
/* The library. */
#include "space/contender.h"

#include <string.h>

#include <vmm/space_fault.h>

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	machine_acquire(NULL);
	*pa_out = machine_take();
	machine_release(NULL);
	return 0;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	machine_acquire(NULL);
	machine_put(pa);
	machine_release(NULL);
}

static int frames_alloc(void *ctx, uint64_t count, bool zero, vmm_pa_t *pa_out)
{
	int err = count == 1 ? page_alloc(ctx, pa_out) : VMM_ENOTSUP;

	if (err == 0 && zero)
		memset((void *)(uintptr_t)*pa_out, 0, PAGE);
	return err;
}

static int frames_get(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	machine_acquire(NULL);
	for (uint64_t i = 0; i < count; i++)
		machine_get(pa + i * PAGE);
	machine_release(NULL);
	return 0;
}

static void frames_put(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	machine_acquire(NULL);
	for (uint64_t i = 0; i < count; i++)
		machine_put(pa + i * PAGE);
	machine_release(NULL);
}

static uint64_t frames_holders(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	return machine_holders(pa);
}

static void frames_copy(void *ctx, vmm_pa_t to, vmm_pa_t from)
{
	(void)ctx;
	memcpy((void *)(uintptr_t)to, (const void *)(uintptr_t)from, PAGE);
}

/* Spaces have a lock of their own, which this program never contends. */
static int space_lock;

static void lock_acquire(void *ctx)
{
	(void)ctx;
	while (__atomic_exchange_n(&space_lock, 1, __ATOMIC_ACQUIRE) != 0)
		;
}

static void lock_release(void *ctx)
{
	(void)ctx;
	__atomic_store_n(&space_lock, 0, __ATOMIC_RELEASE);
}

static void flush(
	void *ctx, struct vmm_space *space, const struct vmm_tlb_gather *gather)
{
	(void)ctx;
	(void)space;
	(void)gather;
}

static const struct vmm_pages pages = {page_alloc, page_free, NULL};
static const struct vmm_frames frames = {.alloc = frames_alloc,
	.get = frames_get,
	.put = frames_put,
	.holders = frames_holders,
	.copy = frames_copy};
static const struct vmm_lock lock = {lock_acquire, lock_release, NULL};
static const struct vmm_space_hooks hooks = {
	.pages = &pages, .frames = &frames, .lock = &lock, .flush = flush};

static void ours_empty(struct task *task)
{
	task->root = machine_take();
	vmm_pt_init(&task->live, &vmm_pt_sv48, NULL, 0, task->root);
	vmm_space_init(&task->space, &task->live, &hooks);
}

static void ours_open(struct task *task)
{
	ours_empty(task);
	if (vmm_space_add(&task->space, PAGE, (UINT64_C(1) << 47) - 2 * PAGE,
		    0) != VMM_OK)
		__builtin_trap();
}

static void ours_close(struct task *task)
{
	vmm_space_fini(&task->space);
	vmm_pt_fini(&task->live);
	machine_put(task->root);
}

static int ours_map(
	struct task *task, uint64_t va, uint64_t size, unsigned prot)
{
	const struct vmm_space_request request = {
		.place = {.size = size, .where = va, .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_ZERO,
		.prot = prot,
		.replace = true};

	return vmm_space_map(&task->space, &request, &va);
}

static int ours_map_any(struct task *task, uint64_t size, uint64_t *va_out)
{
	const struct vmm_space_request request = {
		.place = {.size = size, .min = VMM_GIB(64)},
		.kind = VMM_SPACE_ZERO,
		.prot = VMM_PT_READ | VMM_PT_WRITE | VMM_PT_USER};

	return vmm_space_map(&task->space, &request, va_out);
}

static int ours_unmap(struct task *task, uint64_t va, uint64_t size)
{
	return vmm_space_unmap(&task->space, va, size);
}

static int ours_protect(
	struct task *task, uint64_t va, uint64_t size, unsigned prot)
{
	return vmm_space_protect(&task->space, va, size, prot);
}

static int ours_discard(struct task *task, uint64_t va, uint64_t size)
{
	return vmm_space_discard(&task->space, va, size);
}

static int ours_move(struct task *task, uint64_t va, uint64_t size, uint64_t to,
	uint64_t to_size)
{
	const struct vmm_vmem_request place = {
		.where = to, .flags = VMM_VMEM_FIXED};

	(void)size;
	return vmm_space_move(&task->space, va, to_size, VMM_SPACE_MAY_MOVE,
		to == va ? NULL : &place, &to);
}

static int ours_fault(struct task *task, uint64_t va, bool write)
{
	return vmm_space_fault(&task->space, va,
		(write ? VMM_PT_WRITE : VMM_PT_READ) | VMM_PT_USER, NULL);
}

static bool ours_find(struct task *task, uint64_t va)
{
	struct vmm_space_region region;

	return vmm_space_find(&task->space, va, false, &region) == VMM_OK;
}

static int ours_fork(struct task *child, struct task *parent)
{
	ours_empty(child);
	return vmm_space_fork(&child->space, &parent->space, VMM_FORK_COW);
}

const struct contender bench_ours = {"ours", true, ours_open, ours_close,
	ours_map, ours_map_any, ours_unmap, ours_protect, ours_discard,
	ours_move, ours_fault, ours_find, ours_fork};
