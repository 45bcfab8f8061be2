/* SPDX-License-Identifier: MIT */
/*
 * Real programs: their calls for memory, recorded with strace (see
 * bench/space/traces/README.md), on spaces and on a table of pages side by
 * side. What is mapped is touched here and there, read and written, and
 * compared: what is where, with which protection, with which bytes. In the end
 * every frame and page is back.
 *
 * Anonymous memory is ZERO, a file is an object that a hook fills, mapped
 * private or shared, and the stack is STACK. Children are forked by copy on
 * write.
 */
#include "support/trace_world.h"

/* Calls. */

/* Is a part of the range used, or all of it? */
static int judge_free(struct process *it, const struct trace_call *call)
{
	return trace_used(&it->model, call->va, call->size) == 0 ? VMM_OK
								 : VMM_EEXIST;
}

static void model_map(
	struct process *it, const struct trace_call *call, unsigned file)
{
	for (uint64_t i = 0; i < call->size / PAGE; i++) {
		struct trace_page *page =
			trace_page(&it->model, call->va + i * PAGE);

		it->model.used += !page->used;
		*page = (struct trace_page){.used = true,
			.stack = call->stack,
			.shared = call->shared,
			.prot = (uint16_t)call->prot,
			.file = file,
			.at = (uint32_t)(call->offset / PAGE + i)};
	}
}

static void call_map(struct process *it, const struct trace_call *call)
{
	struct vmm_space_request request = {.place = {.size = call->size,
						    .where = call->va,
						    .flags = VMM_VMEM_FIXED},
		.kind = call->stack ? VMM_SPACE_STACK : VMM_SPACE_ZERO,
		.prot = call->prot,
		.replace = call->replace};
	unsigned file = call->anonymous ? 0 : call->other;
	const int want = call->replace ? VMM_OK : judge_free(it, call);
	vmm_va_t va;
	int err;

	if (call->anonymous && call->shared) {
		file = trace_share(call->size);
	}
	if (file != 0) {
		request.kind = VMM_SPACE_OBJECT;
		request.object = &trace_files[file].object;
		request.offset = call->offset;
		request.flags = call->shared ? VMM_SPACE_SHARED : 0;
	}
	err = vmm_space_map(&it->space, &request, &va);
	CHECK_EQ(err, want);
	trace_did.refused += err != VMM_OK;
	if (err != VMM_OK)
		return;
	CHECK_EQ(va, call->va);
	model_map(it, call, file);
	trace_touch_some(it, call->va, call->size);
}

static void call_unmap(struct process *it, const struct trace_call *call)
{
	CHECK_EQ(vmm_space_unmap(&it->space, call->va, call->size), VMM_OK);
	trace_unmap(&it->model, call->va, call->size);
	trace_touch(it, call->va, false);
	trace_touch(it, call->va + call->size - PAGE, true);
}

static void call_protect(struct process *it, const struct trace_call *call)
{
	const uint64_t count = call->size / PAGE;
	const bool whole =
		trace_used(&it->model, call->va, call->size) == count;
	const int err =
		vmm_space_protect(&it->space, call->va, call->size, call->prot);

	CHECK_EQ(err, whole ? VMM_OK : VMM_ENOENT);
	trace_did.refused += err != VMM_OK;
	for (uint64_t i = 0; i < count && err == VMM_OK; i++)
		trace_look(&it->model, call->va + i * PAGE)->prot =
			(uint16_t)call->prot;
	trace_touch_some(it, call->va, call->size);
}

static void call_discard(struct process *it, const struct trace_call *call)
{
	CHECK_EQ(vmm_space_discard(&it->space, call->va, call->size), VMM_OK);
	for (uint64_t at = 0; at < call->size; at += PAGE) {
		struct trace_page *page = trace_look(&it->model, call->va + at);

		if (page != NULL)
			page->own = false;
	}
	trace_touch_some(it, call->va, call->size);
}

/* The heap is one region: its end moves. */
static void call_brk(struct process *it, const struct trace_call *call)
{
	struct trace_call part = *call;
	uint64_t size = 0;
	struct trace_page *page;

	while ((page = trace_look(&it->model, call->va + size)) != NULL &&
		page->used)
		size += PAGE;
	part.prot = VMM_PT_READ | VMM_PT_WRITE | VMM_PT_USER;
	part.anonymous = true;
	part.va = call->va + (size < call->size ? size : call->size);
	part.size = size < call->size ? call->size - size : size - call->size;
	if (size < call->size)
		call_map(it, &part);
	else if (size > call->size)
		call_unmap(it, &part);
}

static void model_move(struct process *it, const struct trace_call *call)
{
	const uint64_t count = call->to_size / PAGE;
	const uint64_t keep = call->size / PAGE;
	struct trace_page *moved = calloc(count, sizeof(*moved));

	CHECK(moved != NULL);
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t from = i < keep ? i : keep - 1;

		moved[i] = *trace_look(&it->model, call->va + from * PAGE);
		moved[i].at += (uint32_t)(i - from);
		moved[i].own = moved[i].own && i < keep;
	}
	trace_unmap(&it->model, call->va, call->size);
	for (uint64_t i = 0; i < count; i++) {
		*trace_page(&it->model, call->to + i * PAGE) = moved[i];
		it->model.used++;
	}
	free(moved);
}

static void call_move(struct process *it, const struct trace_call *call)
{
	const struct vmm_vmem_request place = {
		.where = call->to, .flags = VMM_VMEM_FIXED};
	struct vmm_space_region region;
	vmm_va_t va;

	CHECK_EQ(vmm_space_find(&it->space, call->va, false, &region), VMM_OK);
	CHECK(region.base == call->va && region.size == call->size);
	CHECK_EQ(vmm_space_move(&it->space, call->va, call->to_size,
			 VMM_SPACE_MAY_MOVE,
			 call->to == call->va ? NULL : &place, &va),
		VMM_OK);
	CHECK_EQ(va, call->to);
	model_move(it, call);
	trace_touch_some(it, call->to, call->to_size);
}

static void call_fork(struct process *child, struct process *parent)
{
	trace_make(child);
	CHECK_EQ(vmm_space_fork(&child->space, &parent->space, VMM_FORK_COW),
		VMM_OK);
	trace_copy(&child->model, &parent->model);
	/* Each of the two writes to some of what they have in common. */
	for (unsigned i = 0; i < 200; i++) {
		struct process *it = i % 2 == 0 ? child : parent;
		const struct trace_chunk *chunk = it->model.chunks;
		const uint64_t skip = rng_below(&trace_rng, 40);

		for (uint64_t k = 0; k < skip && chunk != NULL; k++)
			chunk = chunk->next;
		if (chunk != NULL)
			trace_touch(it,
				chunk->base + rng_below(&trace_rng, 512) * PAGE,
				i % 3 != 0);
	}
}

static void replay_call(const struct trace_call *call)
{
	struct process *it = trace_process_at(call->process);

	switch (call->verb) {
	case 'x':
		trace_begin(it);
		break;
	case '+':
		call_fork(it, trace_process_at(call->other));
		break;
	case '-':
		trace_end(it);
		break;
	case 'm':
		call_map(it, call);
		break;
	case 'u':
		call_unmap(it, call);
		break;
	case 'p':
		call_protect(it, call);
		break;
	case 'd':
		call_discard(it, call);
		break;
	case 'b':
		call_brk(it, call);
		break;
	case 'r':
		call_move(it, call);
		break;
	default:
		test_fail(__FILE__, __LINE__, "a verb that is not known");
	}
}

/* Comparing. */

static void compare_region(
	struct process *it, const struct vmm_space_region *region)
{
	for (uint64_t at = 0; at < region->size; at += PAGE) {
		const struct trace_page *page =
			trace_look(&it->model, region->base + at);

		CHECK(page != NULL && page->used);
		CHECK_EQ(region->prot, page->prot);
		CHECK_EQ(region->kind, page->file != 0 ? VMM_SPACE_OBJECT
				       : page->stack   ? VMM_SPACE_STACK
						       : VMM_SPACE_ZERO);
		if (page->file == 0)
			continue;
		CHECK(region->object == &trace_files[page->file].object);
		CHECK_EQ(region->offset + at, page->at * PAGE);
		CHECK_EQ((region->flags & VMM_SPACE_SHARED) != 0, page->shared);
	}
}

/* What a table maps; the pages of it that have bytes of their own. */
static uint64_t compare_table(struct process *it, const struct vmm_pt *pt)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_pt_run run;
	uint64_t own = 0;

	while (vmm_pt_next(pt, &cursor, &run)) {
		for (uint64_t at = 0; at < run.size; at += PAGE) {
			const struct trace_page *page =
				trace_look(&it->model, run.va + at);

			CHECK(page != NULL && page->used);
			CHECK_EQ(*trace_ram(run.pa + at), trace_byte(page));
			CHECK_EQ(trace_ram(run.pa + at)[PAGE - 1],
				trace_last_byte(page));
			own += page->own;
		}
		trace_did.pages += run.size / PAGE;
	}
	return own;
}

static void compare(struct process *it)
{
	struct vmm_space_region region;
	struct trace_chunk *chunk;
	uint64_t used = 0;
	uint64_t own = 0;
	vmm_va_t va = 0;

	CHECK_EQ(vmm_space_check(&it->space), VMM_OK);
	while (vmm_space_find(&it->space, va, true, &region) == VMM_OK) {
		compare_region(it, &region);
		used += region.size / PAGE;
		va = region.base + region.size;
	}
	CHECK_EQ(used, it->model.used);
	/* What was written is there. */
	for (chunk = it->model.chunks; chunk != NULL; chunk = chunk->next) {
		for (unsigned i = 0; i < CHUNK_PAGES; i++)
			own += chunk->page[i].used && chunk->page[i].own;
	}
	own -= compare_table(it, &it->live);
	if (it->space.has_store)
		own -= compare_table(it, &it->space.store);
	CHECK_EQ(own, 0);
}

static void compare_all(void)
{
	for (unsigned p = 0; p < PROCESSES; p++) {
		if (trace_processes[p].is_space)
			compare(&trace_processes[p]);
	}
}

static void replay(const char *name, const char *path)
{
	/* Comparing all is slow under sanitizers. */
	const size_t every = VMM_ASSERT_LEVEL < 2 ? 10 : 60;
	struct trace trace;

	if (!trace_read(path, &trace))
		test_fail(__FILE__, __LINE__, "the trace cannot be read");
	trace_open(&trace);
	for (size_t i = 0; i < trace.count; i++) {
		replay_call(&trace.calls[i]);
		if (i % every == 0 || i + 1 == trace.count)
			compare_all();
	}
	/* What the trace's programs trace_did is right. */
	CHECK_EQ(trace_did.refused, 0);
	CHECK(trace_did.pages > 0);
	trace_close();
	test_puts("   ");
	test_puts(name);
	test_puts(": calls ");
	test_put_dec(trace.count);
	test_puts(", accesses ");
	test_put_dec(trace_did.touches);
	test_puts(", copies on write ");
	test_put_dec(trace_did.copies);
	test_puts(", pages compared ");
	test_put_dec(trace_did.pages);
	test_puts("\n");
	free(trace.calls);
}

TEST(model_space_traces_of_a_compiler)
{
	replay("clang", VMM_TEST_TRACES "/clang.txt");
	replay("gcc", VMM_TEST_TRACES "/gcc.txt");
}

TEST(model_space_traces_of_python)
{
	replay("python", VMM_TEST_TRACES "/python.txt");
}

TEST(model_space_traces_of_node)
{
	replay("node", VMM_TEST_TRACES "/node.txt");
}

TEST(model_space_traces_of_a_shell)
{
	replay("shell", VMM_TEST_TRACES "/shell.txt");
}
