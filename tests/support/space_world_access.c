/* SPDX-License-Identifier: MIT */
/* Random accesses, for the world of space_world.h. */
#include "support/space_world.h"

#define RIGHTS (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)

/* What must come of an access. */
static int judge(
	unsigned s, vmm_va_t va, unsigned how, enum vmm_fault_cause *cause_out)
{
	const uint32_t i = va_page(va);
	const struct model_page *page;

	*cause_out = VMM_FAULT_NOBODY;
	if (i == NO_PAGE || !model_at(s, i)->used)
		return VMM_ENOENT;
	page = model_at(s, i);
	*cause_out = page->guard != 0			? VMM_FAULT_GUARD
		     : page->kind == VMM_SPACE_RESERVED ? VMM_FAULT_RESERVED
							: VMM_FAULT_DENIED;
	if (page->guard != 0 || page->kind == VMM_SPACE_RESERVED ||
		(how & ~page->prot) != 0)
		return VMM_EACCES;
	return VMM_OK;
}

/* A page that may be accessed so, mostly. */
static uint32_t some_page(unsigned s, unsigned how)
{
	uint32_t i = 0;

	for (unsigned tries = 0; tries < 12; tries++) {
		const struct model_page *page;

		i = (uint32_t)rng_below(&world.rng, SPACE_PAGES);
		page = model_at(s, i);
		if (page->used && page->guard == 0 && (how & ~page->prot) == 0)
			break;
	}
	return i;
}

static unsigned object_bit(unsigned s, uint32_t i)
{
	const struct model_page *page = model_at(s, i);

	if (page->used && page->kind == VMM_SPACE_PHYS)
		return DEVICE_BIT;
	if (page->used && page->kind == VMM_SPACE_OBJECT && !page->own)
		return 1u << page->object;
	return 0;
}

/* A call that accesses pages; false: others are at it. */
static bool access_begin(unsigned s, uint32_t first, uint32_t count, bool write)
{
	struct world_call call = {
		.space = s, .first = first, .last = first + count - 1};

	for (uint32_t i = first; i < first + count; i++) {
		const struct model_page *page = model_at(s, i);
		const bool there =
			write && (page->kind == VMM_SPACE_PHYS ||
					 (page->flags & VMM_SPACE_SHARED));

		*(there ? &call.writes : &call.reads) |= object_bit(s, i);
	}
	model_widen(s, &call.first, &call.last);
	if (!call_begin(&call))
		return false;
	refuse_maybe();
	return true;
}

void model_learn(unsigned s, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		const struct model_page *page = model_at(s, i);
		const uint8_t *at;
		vmm_pa_t pa;

		if (!page->used || page->guard != 0 || page->own ||
			page->kind != VMM_SPACE_OBJECT ||
			(page->flags & VMM_SPACE_SHARED) != 0)
			continue;
		at = peek(s, i);
		if (at == NULL)
			continue;
		if (vmm_pt_translate(&world.object[page->object].object.table,
			    page->at * PAGE, &pa, NULL) != VMM_OK ||
			ram_at(pa) != at)
			model_own(s, i);
	}
}

static void count_fault(const struct vmm_fault *fault)
{
	if (fault->cause == VMM_FAULT_COPY)
		world.did[DID_COPY]++;
	if (fault->cause == VMM_FAULT_LAST)
		world.did[DID_LAST]++;
}

/* One byte, as an instruction accesses it. */
void do_access(unsigned s)
{
	static const unsigned ways[] = {VMM_PT_READ, VMM_PT_READ, VMM_PT_WRITE,
		VMM_PT_WRITE, VMM_PT_EXEC};
	unsigned how = ways[rng_below(&world.rng, 5)];
	const uint32_t i = some_page(s, how);
	const unsigned which = (unsigned)rng_below(&world.rng, 2);
	const vmm_va_t va = page_va(i) + which * (PAGE - 1);
	struct vmm_fault fault = {.cause = VMM_FAULT_SPURIOUS};
	enum vmm_fault_cause cause;
	uint8_t byte = world.next_byte++;
	uint8_t bytes[2];
	int want;
	int err;

	if (!access_begin(s, i, 1, how == VMM_PT_WRITE))
		return;
	if ((model_at(s, i)->prot & VMM_PT_USER) != 0 || chance(8))
		how |= VMM_PT_USER;
	want = judge(s, va, how, &cause);
	world_say((how & VMM_PT_WRITE) != 0 ? "store" : "load", s, i, 1);
	err = world.access(s, va, how, &byte, &fault);
	if (!call_worked(err, want)) {
		if (err == want && !world.spoiled)
			CHECK_EQ(fault.cause, cause);
		world.did[DID_DENIED] += err == want;
		model_learn(s, i, 1);
		call_end();
		return;
	}
	count_fault(&fault);
	if ((how & VMM_PT_WRITE) != 0) {
		model_write(s, i, which, byte);
		world.did[DID_WRITE]++;
	} else {
		model_bytes(s, i, bytes);
		CHECK_EQ(byte, bytes[which]);
		world.did[DID_READ]++;
	}
	call_end();
}

/* Many bytes, for the kernel. */

struct copy {
	unsigned s;
	uint32_t first; /* pages */
	uint32_t count;
	vmm_va_t va;
	uint64_t size;
	bool user;
	uint8_t byte;
	uint8_t *buffer;
};

static uint8_t buffers[CALLS_MAX + 1][4 * PAGE];

/* Does the copy have the first (or last) byte of a page? */
static bool covers(const struct copy *copy, uint32_t i, unsigned which)
{
	return vmm_range_has(
		copy->va, copy->size, page_va(i) + which * (PAGE - 1));
}

static void read_done(const struct copy *copy, uint32_t i)
{
	uint8_t bytes[2];

	model_bytes(copy->s, i, bytes);
	for (unsigned which = 0; which < 2; which++) {
		const vmm_va_t va = page_va(i) + which * (PAGE - 1);

		if (covers(copy, i, which))
			CHECK_EQ(copy->buffer[va - copy->va], bytes[which]);
	}
}

static void write_done(const struct copy *copy, uint32_t i)
{
	model_own(copy->s, i);
	for (unsigned which = 0; which < 2; which++) {
		if (covers(copy, i, which))
			model_write(copy->s, i, which, copy->byte);
	}
}

/* After an error of a hook's: how far did it come? */
static bool was_written(const struct copy *copy, uint32_t i)
{
	const uint8_t *at = peek(copy->s, i);

	for (unsigned which = 0; which < 2 && at != NULL; which++) {
		if (covers(copy, i, which))
			return at[which * (PAGE - 1)] == copy->byte;
	}
	return false;
}

static void copy_done(const struct copy *copy, bool write, int err, int want)
{
	bool more = true;

	for (uint32_t i = copy->first; i < copy->first + copy->count; i++) {
		enum vmm_fault_cause cause;
		const unsigned how = (write ? VMM_PT_WRITE : VMM_PT_READ) |
				     (copy->user ? VMM_PT_USER : 0);

		if (judge(copy->s, page_va(i), how, &cause) != VMM_OK)
			return;
		if (err != want)
			more = more && write && was_written(copy, i);
		if (!more)
			model_learn(copy->s, i, 1);
		else if (write)
			write_done(copy, i);
		else
			read_done(copy, i);
	}
}

static int judge_copy(const struct copy *copy, bool write)
{
	const unsigned how = (write ? VMM_PT_WRITE : VMM_PT_READ) |
			     (copy->user ? VMM_PT_USER : 0);
	enum vmm_fault_cause cause;
	int err = VMM_OK;

	for (uint32_t i = 0; i < copy->count && err == VMM_OK; i++)
		err = judge(copy->s, page_va(copy->first + i), how, &cause);
	return err;
}

void do_bytes(unsigned s)
{
	const uint64_t starts[] = {0, 0, 100, PAGE - 1};
	const bool write = chance(2);
	struct copy copy = {.s = s,
		.first = some_page(s, write ? VMM_PT_WRITE : VMM_PT_READ)};
	struct vmm_space *space = &world.space[s].space;
	int want;
	int err;

	copy.count = 1 + (uint32_t)rng_below(&world.rng, 4);
	if (!in_window(copy.first, copy.count))
		copy.count = 1;
	copy.va = page_va(copy.first) + starts[rng_below(&world.rng, 4)];
	copy.size = page_va(copy.first) + copy.count * PAGE - copy.va;
	if (chance(2) && copy.size > 5000)
		copy.size -= 90;
	if (!access_begin(s, copy.first, copy.count, write))
		return;
	copy.user = chance(2);
	copy.byte = world.next_byte++;
	copy.buffer = buffers[world.calls];
	for (uint64_t i = 0; i < copy.size; i++)
		copy.buffer[i] = copy.byte;
	want = judge_copy(&copy, write);
	world_say(write ? "write" : "read", s, copy.first, copy.count);
	err = write ? vmm_space_write(
			      space, copy.va, copy.buffer, copy.size, copy.user)
		    : vmm_space_read(space, copy.va, copy.buffer, copy.size,
			      copy.user);
	if (call_worked(err, want))
		world.did[write ? DID_WRITE : DID_READ]++;
	if (!world.spoiled)
		copy_done(&copy, write, err, want);
	call_end();
}
