/* SPDX-License-Identifier: MIT */
/*
 * Threads as harts that use spaces, for race_space.c: frames and pages whose
 * holders are counted by atomics, user accesses, and flushes that wait for
 * them. Included by its source alone, for which the state is.
 */
#ifndef SPACE_HARTS_H
#define SPACE_HARTS_H

#include <vmm/space.h>
#include <vmm/space_fault.h>
#include <vmm/space_object.h>

#include "support/test.h"
#include "support/threads.h"

#define PAGE	VMM_PAGE_SIZE
#define RAM	UINT64_C(0x80000000)
#define PAGES	2048
#define WORDS	4 /* of each frame that are looked at */
#define BASE	UINT64_C(0x10000000)
#define THREADS 4
#define JUNK	UINT64_C(0x6a756e6b6a756e6b)
#define RWU	(VMM_PT_READ | VMM_PT_WRITE | VMM_PT_USER)

static _Alignas(4096) uint64_t ram[PAGES][PAGE / 8];
static uint64_t holders[PAGES]; /* a page for a table has one */
static uint32_t free_list[PAGES];
static uint32_t free_count;
static uint32_t free_mutex;
static uint32_t mutex;
static uint32_t busy[THREADS]; /* the hart is in an access */

static void spin(uint32_t *taken)
{
	while (__atomic_exchange_n(taken, 1, __ATOMIC_ACQUIRE) != 0)
		test_yield();
}

static void let_go(uint32_t *taken)
{
	__atomic_store_n(taken, 0, __ATOMIC_RELEASE);
}

/* Let others in where it hurts: in hooks, and in the midst of an access. */
static void stumble(void)
{
	static uint32_t count;

	if (__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED) % 3 == 0)
		test_yield();
}

static void acquire(void *ctx)
{
	spin(ctx);
}

static void release(void *ctx)
{
	let_go(ctx);
}

static uint64_t *word(vmm_pa_t pa, unsigned i)
{
	return &ram[(pa - RAM) / PAGE][i];
}

static void fill(vmm_pa_t pa, uint64_t value)
{
	for (unsigned i = 0; i < WORDS; i++)
		__atomic_store_n(word(pa, i), value, __ATOMIC_RELAXED);
}

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	int err = -1234;

	(void)ctx;
	spin(&free_mutex);
	if (free_count > 0) {
		const uint32_t at = free_list[--free_count];

		CHECK_EQ(__atomic_exchange_n(&holders[at], 1, __ATOMIC_RELAXED),
			0);
		*pa_out = RAM + at * PAGE;
		err = 0;
	}
	let_go(&free_mutex);
	return err;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	spin(&free_mutex);
	CHECK_EQ(__atomic_exchange_n(
			 &holders[(pa - RAM) / PAGE], 0, __ATOMIC_RELAXED),
		1);
	free_list[free_count++] = (uint32_t)((pa - RAM) / PAGE);
	let_go(&free_mutex);
}

static int frame_alloc(void *ctx, uint64_t count, bool zero, vmm_pa_t *pa_out)
{
	int err = page_alloc(ctx, pa_out);

	stumble();
	CHECK_EQ(count, 1);
	if (err == 0)
		fill(*pa_out, zero ? 0 : JUNK);
	return err;
}

static int frame_get(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	stumble();
	for (uint64_t i = 0; i < count; i++)
		CHECK(__atomic_fetch_add(&holders[(pa - RAM) / PAGE + i], 1,
			      __ATOMIC_RELAXED) != 0);
	return 0;
}

static void frame_put(void *ctx, vmm_pa_t pa, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		const vmm_pa_t at = pa + i * PAGE;
		uint64_t *many = &holders[(at - RAM) / PAGE];
		uint64_t now = __atomic_load_n(many, __ATOMIC_ACQUIRE);

		while (now > 1 &&
			!__atomic_compare_exchange_n(many, &now, now - 1, false,
				__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		}
		CHECK(now != 0);
		if (now > 1)
			continue;
		fill(at, JUNK);
		page_free(ctx, at);
	}
}

static uint64_t frame_holders(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	return __atomic_load_n(&holders[(pa - RAM) / PAGE], __ATOMIC_ACQUIRE);
}

static void frame_copy(void *ctx, vmm_pa_t to, vmm_pa_t from)
{
	(void)ctx;
	stumble();
	for (unsigned i = 0; i < WORDS; i++)
		__atomic_store_n(word(to, i),
			__atomic_load_n(word(from, i), __ATOMIC_RELAXED),
			__ATOMIC_RELAXED);
}

static void flush(
	void *ctx, struct vmm_space *space, const struct vmm_tlb_gather *gather)
{
	(void)ctx;
	(void)space;
	if ((gather->flags & VMM_TLB_RESTRICT) == 0)
		return;
	for (unsigned i = 0; i < THREADS; i++) {
		while (__atomic_load_n(&busy[i], __ATOMIC_SEQ_CST) != 0)
			test_yield();
	}
}

static void wait(void *ctx)
{
	(void)ctx;
	test_yield();
}

static const struct vmm_pages pages = {page_alloc, page_free, NULL};
static struct vmm_frames frames = {.alloc = frame_alloc,
	.get = frame_get,
	.put = frame_put,
	.holders = frame_holders,
	.copy = frame_copy};
static const struct vmm_lock lock = {acquire, release, &mutex};
static const struct vmm_space_hooks hooks = {.pages = &pages,
	.frames = &frames,
	.lock = &lock,
	.flush = flush,
	.wait = wait};

/* A space, its table and the table's root. */
struct task {
	struct vmm_space space;
	struct vmm_pt pt;
};

/* A thread. */
struct hart {
	unsigned number;
	struct rng rng;
};

static struct task tasks[2];

static void task_open(struct task *task)
{
	vmm_pa_t root;

	CHECK_EQ(page_alloc(NULL, &root), 0);
	vmm_pt_init(&task->pt, &vmm_pt_sv39, NULL,
		(uint64_t)(uintptr_t)ram - RAM, root);
	vmm_space_init(&task->space, &task->pt, &hooks);
}

static void task_close(struct task *task)
{
	CHECK_EQ(vmm_space_check(&task->space), VMM_OK);
	vmm_space_fini(&task->space);
	vmm_pt_fini(&task->pt);
	page_free(NULL, task->pt.root);
}

static void open(void)
{
	free_count = 0;
	for (uint32_t i = 0; i < PAGES; i++) {
		holders[i] = 0;
		free_list[free_count++] = i;
	}
	CHECK_EQ(page_alloc(NULL, &frames.zero_page), 0);
	fill(frames.zero_page, 0);
	frames.has_zero_page = true;
	for (unsigned i = 0; i < 2; i++) {
		task_open(&tasks[i]);
		CHECK_EQ(vmm_space_add(&tasks[i].space, PAGE, VMM_GIB(2), 0),
			VMM_OK);
	}
}

static void close(void)
{
	task_close(&tasks[0]);
	task_close(&tasks[1]);
	page_free(NULL, frames.zero_page);
	CHECK_EQ(free_count, PAGES);
	CHECK_EQ(mutex, 0);
}

static int map(struct task *task, enum vmm_space_kind kind, vmm_va_t va,
	uint64_t size, struct vmm_object *object)
{
	const struct vmm_space_request request = {
		.place = {.size = size, .where = va, .flags = VMM_VMEM_FIXED},
		.kind = kind,
		.prot = RWU,
		.object = object,
		.flags = object != NULL && va == BASE ? VMM_SPACE_SHARED : 0};
	vmm_va_t out;

	return vmm_space_map(&task->space, &request, &out);
}

/*
 * What a page holds names its address, or nothing was written yet. Somebody
 * else's page, or one that was freed, does not.
 */
static uint64_t value_of(vmm_va_t va, uint64_t number)
{
	return va << 16 | number;
}

static void check_value(vmm_va_t va, uint64_t value)
{
	CHECK(value == 0 || value >> 16 == va);
}

/* One access of the user's. False: it faults. */
static bool access_once(const struct hart *hart, struct task *task, vmm_va_t va,
	bool write, uint64_t *value)
{
	const unsigned want = write ? VMM_PT_WRITE : VMM_PT_READ;
	unsigned prot = 0;
	vmm_pa_t pa = 0;
	int err;

	__atomic_store_n(&busy[hart->number], 1, __ATOMIC_SEQ_CST);
	/* Tables change by whole entries; the lock is for the sanitizer. */
	spin(&mutex);
	err = vmm_pt_translate(&task->pt, va, &pa, &prot);
	let_go(&mutex);
	if (err == VMM_OK && (prot & want) != 0) {
		stumble();
		if (write)
			__atomic_store_n(word(pa, 0), *value, __ATOMIC_RELAXED);
		else
			*value = __atomic_load_n(word(pa, 0), __ATOMIC_RELAXED);
	} else {
		err = VMM_EACCES;
	}
	__atomic_store_n(&busy[hart->number], 0, __ATOMIC_SEQ_CST);
	return err == VMM_OK;
}

/* The same, with faults; and an error where there is nothing to be had. */
static int access_page(const struct hart *hart, struct task *task, vmm_va_t va,
	bool write, uint64_t *value)
{
	while (!access_once(hart, task, va, write, value)) {
		const int err = vmm_space_fault(&task->space, va,
			(write ? VMM_PT_WRITE : VMM_PT_READ) | VMM_PT_USER,
			NULL);

		if (err != VMM_OK)
			return err;
	}
	return VMM_OK;
}

static int read_or_write(struct task *task, vmm_va_t va, struct hart *hart)
{
	const bool write = rng_below(&hart->rng, 2) != 0;
	uint64_t value = value_of(va, rng_below(&hart->rng, 1000));
	const int err = access_page(hart, task, va, write, &value);

	if (err == VMM_OK && !write)
		check_value(va, value);
	return err;
}

static struct hart start(unsigned number)
{
	return (struct hart){number, {test_seed * 1000 + number}};
}

static vmm_va_t some_page(struct hart *hart, unsigned count)
{
	return BASE + rng_below(&hart->rng, count) * PAGE;
}

#endif /* SPACE_HARTS_H */
