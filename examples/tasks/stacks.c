/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own space, on the kernel's table. What the kernel runs on must not
 * fault, so the stacks are contiguous frames, mapped when they are made; guards
 * on either side are addresses and nothing else.
 */
#include "stacks.h"

#include "console.h"
#include "harts.h"
#include "kernel.h"
#include "lock.h"
#include "supply.h"

#include <vmm/space.h>

#define SIZE VMM_KIB(16)

uint64_t stack_call(
	uint64_t (*function)(uint64_t arg), uint64_t arg, vmm_va_t top);

static struct vmm_space space;
static struct vmm_space_hooks hooks;
static struct vmm_lock lock;
static uint32_t taken;
static vmm_va_t stacks[HARTS_MAX];

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

/* All harts use the kernel's half, whatever they run. */
static void flush(
	void *ctx, struct vmm_space *of, const struct vmm_tlb_gather *gather)
{
	(void)ctx;
	(void)of;
	harts_flush(gather);
}

/* The kernel's stack must not fault: frames at once, and no demand zero. */
void stacks_init(void)
{
	const struct vmm_layout_area *area = kernel_area(VMM_ROW_HEAP);
	const struct vmm_space_request request = {.kind = VMM_SPACE_CONTIGUOUS,
		.place = {.size = SIZE,
			.guard = {VMM_PAGE_SIZE, VMM_PAGE_SIZE}},
		.prot = VMM_PT_READ | VMM_PT_WRITE | VMM_PT_GLOBAL,
		.name = "stack of a hart"};

	lock = (struct vmm_lock){lock_acquire, lock_release, &taken};
	hooks = (struct vmm_space_hooks){.pages = &supply.pages,
		.frames = &supply.frames,
		.lock = &lock,
		.flush = flush};
	vmm_space_init(&space, &kernel.pt, &hooks);
	check(vmm_space_add(&space, area->base, area->size, 0),
		"the kernel's space");
	for (uint64_t i = 0; i < harts_count(); i++)
		check(vmm_space_map(&space, &request, &stacks[i]),
			"a hart's stack");
}

uint64_t stacks_call(uint64_t (*function)(uint64_t arg), uint64_t arg)
{
	return stack_call(function, arg, stacks[harts_self()] + SIZE);
}
