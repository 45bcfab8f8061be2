/* SPDX-License-Identifier: MIT */
/* The world of trace_world.h. */
#include "support/trace_world.h"

#define POOL 24576 /* pages */
#define RAM  UINT64_C(0x80000000)

static struct {
	uint8_t *ram;
	uint32_t holders[POOL]; /* 0: free */
	uint32_t free[POOL];
	size_t free_count;
} pool;

struct process trace_processes[PROCESSES];
struct file trace_files[FILES]; /* those of shared memory behind the others */
static unsigned file_count;
struct trace_did trace_did;
struct rng trace_rng;
/* The pool. */

static bool take(vmm_pa_t *pa_out)
{
	uint32_t at;

	if (pool.free_count == 0)
		return false;
	at = pool.free[--pool.free_count];
	pool.holders[at] = 1;
	*pa_out = RAM + at * PAGE;
	return true;
}

static uint32_t *holders_of(vmm_pa_t pa)
{
	const uint64_t at = (pa - RAM) / PAGE;

	CHECK(pa >= RAM && at < POOL && pool.holders[at] > 0);
	return &pool.holders[at];
}

static void give(vmm_pa_t pa)
{
	if (--*holders_of(pa) == 0)
		pool.free[pool.free_count++] = (uint32_t)((pa - RAM) / PAGE);
}

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	return take(pa_out) ? 0 : VMM_ENOMEM;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	give(pa);
}

uint8_t *trace_ram(vmm_pa_t pa)
{
	CHECK(pa - RAM < POOL * PAGE);
	return pool.ram + (pa - RAM);
}

static int frames_alloc(void *ctx, uint64_t count, bool zero, vmm_pa_t *pa_out)
{
	(void)ctx;
	CHECK_EQ(count, 1);
	if (!take(pa_out))
		return VMM_ENOMEM;
	memset(trace_ram(*pa_out), zero ? 0 : 0xa5, PAGE);
	return 0;
}

static int frames_get(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	for (uint64_t i = 0; i < count; i++)
		++*holders_of(pa + i * PAGE);
	return 0;
}

static void frames_put(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	for (uint64_t i = 0; i < count; i++)
		give(pa + i * PAGE);
}

static uint64_t frames_holders(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	return *holders_of(pa);
}

static void frames_copy(void *ctx, vmm_pa_t to, vmm_pa_t from)
{
	(void)ctx;
	CHECK(*holders_of(to) == 1 && *holders_of(from) > 0);
	memcpy(trace_ram(to), trace_ram(from), PAGE);
}

static const struct vmm_pages pages = {page_alloc, page_free, NULL};
static struct vmm_frames frames = {.alloc = frames_alloc,
	.get = frames_get,
	.put = frames_put,
	.holders = frames_holders,
	.copy = frames_copy,
	.has_zero_page = true};
static const struct vmm_space_hooks hooks = {
	.pages = &pages, .frames = &frames};

/* Files. */

static uint8_t file_byte(size_t file, uint64_t page)
{
	return (uint8_t)(1 + (file * 31 + page) % 250);
}

static int file_fill(
	void *ctx, struct vmm_object *object, uint64_t offset, vmm_pa_t pa)
{
	const struct file *file = ctx;

	(void)object;
	memset(trace_ram(pa),
		file_byte((size_t)(file - trace_files), offset / PAGE), PAGE);
	return 0;
}

static struct file *file_make(unsigned f, uint64_t size, bool filled)
{
	struct file *file = &trace_files[f];

	CHECK(f < FILES && !file->made);
	file->config = (struct vmm_object_config){.name = "file",
		.pages = &pages,
		.frames = &frames,
		.offset = (uint64_t)(uintptr_t)pool.ram - RAM,
		.fill = filled ? file_fill : NULL,
		.ctx = file};
	file->pages = size / PAGE;
	file->byte = calloc(file->pages, 1);
	CHECK(file->byte != NULL);
	for (uint64_t i = 0; i < file->pages && filled; i++)
		file->byte[i] = file_byte(f, i);
	CHECK_EQ(vmm_object_init(&file->object, &file->config, size), VMM_OK);
	file->made = true;
	return file;
}

/* Processes. */

struct process *trace_process_at(unsigned number)
{
	CHECK(number > 0 && number < PROCESSES);
	return &trace_processes[number];
}

void trace_make(struct process *it)
{
	CHECK(!it->is_space && take(&it->root));
	vmm_pt_init(&it->live, &vmm_pt_sv48, NULL,
		(uint64_t)(uintptr_t)pool.ram - RAM, it->root);
	vmm_space_init(&it->space, &it->live, &hooks);
	it->is_space = true;
}

void trace_begin(struct process *it)
{
	if (it->is_space) {
		vmm_space_purge(&it->space);
	} else {
		trace_make(it);
		CHECK_EQ(vmm_space_add(&it->space, PAGE,
				 (UINT64_C(1) << 47) - 2 * PAGE, 0),
			VMM_OK);
	}
	trace_clear(&it->model);
}

void trace_end(struct process *it)
{
	/* A child that never ran a program: of vfork(). */
	if (!it->is_space)
		return;
	vmm_space_fini(&it->space);
	CHECK_EQ(it->live.table_count, 1);
	vmm_pt_fini(&it->live);
	give(it->root);
	it->is_space = false;
	trace_clear(&it->model);
}

/* Accesses. */

uint8_t trace_byte(const struct trace_page *page)
{
	if (page->own || page->file == 0)
		return page->own ? page->byte : 0;
	return trace_files[page->file].byte[page->at];
}

uint8_t trace_last_byte(const struct trace_page *page)
{
	return page->file != 0 && trace_files[page->file].config.fill != NULL
		       ? file_byte(page->file, page->at)
		       : 0;
}

/* As a hart without a TLB: the table, and else a fault. */
static int hart(struct process *it, vmm_va_t va, unsigned how, uint8_t *byte)
{
	struct vmm_fault fault;
	unsigned prot;
	vmm_pa_t pa;
	int err;

	for (unsigned tries = 0; tries < 3; tries++) {
		if (vmm_pt_translate(&it->live, va, &pa, &prot) == VMM_OK &&
			(how & ~prot) == 0) {
			if ((how & VMM_PT_WRITE) != 0)
				*trace_ram(pa) = *byte;
			*byte = *trace_ram(pa);
			return VMM_OK;
		}
		err = vmm_space_fault(&it->space, va, how, &fault);
		if (err != VMM_OK)
			return err;
		trace_did.copies += fault.cause == VMM_FAULT_COPY;
	}
	test_fail(__FILE__, __LINE__, "a fault comes again");
}

void trace_touch(struct process *it, vmm_va_t va, bool write)
{
	struct trace_page *page = trace_look(&it->model, va);
	const unsigned how = (write ? VMM_PT_WRITE : VMM_PT_READ) | VMM_PT_USER;
	uint8_t byte = (uint8_t)rng_next(&trace_rng);
	int want = VMM_OK;

	if (page == NULL || !page->used)
		want = VMM_ENOENT;
	else if ((how & ~page->prot) != 0)
		want = VMM_EACCES;
	CHECK_EQ(hart(it, va, how, &byte), want);
	trace_did.touches++;
	if (want != VMM_OK)
		return;
	if (!write) {
		CHECK_EQ(byte, trace_byte(page));
	} else if (page->shared) {
		trace_files[page->file].byte[page->at] = byte;
	} else {
		page->own = true;
		page->byte = byte;
	}
}

/* The ends of a range, what is beside them, and some pages inside. */
void trace_touch_some(struct process *it, vmm_va_t va, uint64_t size)
{
	trace_touch(it, va, rng_below(&trace_rng, 2) != 0);
	trace_touch(it, va + size - PAGE, rng_below(&trace_rng, 2) != 0);
	for (unsigned i = 0; i < 6; i++)
		trace_touch(it, va + rng_below(&trace_rng, size / PAGE) * PAGE,
			rng_below(&trace_rng, 2) != 0);
	if (va > PAGE)
		trace_touch(it, va - PAGE, false);
	trace_touch(it, va + size, false);
}

/* An object for memory that processes share without a file. */
unsigned trace_share(uint64_t size)
{
	file_make(++file_count, size, false);
	return file_count;
}

void trace_open(const struct trace *trace)
{
	memset(&trace_did, 0, sizeof(trace_did));
	memset(trace_files, 0, sizeof(trace_files));
	trace_rng.state = test_seed;
	pool.ram = calloc(POOL, PAGE);
	CHECK(pool.ram != NULL);
	pool.free_count = 0;
	for (uint32_t i = POOL; i-- > 0;) {
		pool.holders[i] = 0;
		pool.free[pool.free_count++] = i;
	}
	CHECK(take(&frames.zero_page));
	CHECK(trace->files < FILES && trace->processes < PROCESSES);
	file_count = trace->files;
	for (unsigned f = 1; f <= trace->files; f++) {
		uint64_t size = PAGE;

		for (size_t i = 0; i < trace->count; i++) {
			const struct trace_call *call = &trace->calls[i];

			if (call->verb == 'm' && call->other == f &&
				call->offset + call->size > size)
				size = call->offset + call->size;
		}
		file_make(f, size, true);
	}
}

void trace_close(void)
{
	for (unsigned p = 0; p < PROCESSES; p++)
		trace_end(&trace_processes[p]);
	for (unsigned f = 0; f < FILES; f++) {
		if (!trace_files[f].made)
			continue;
		/* Nobody else has it any more. */
		CHECK_EQ(trace_files[f].object.users, 1);
		vmm_object_put(&trace_files[f].object);
		free(trace_files[f].byte);
	}
	for (size_t i = 0; i < PAGE; i++)
		CHECK_EQ(trace_ram(frames.zero_page)[i], 0);
	give(frames.zero_page);
	CHECK_EQ(pool.free_count, POOL);
	free(pool.ram);
}
