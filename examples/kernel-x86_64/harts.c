/* SPDX-License-Identifier: MIT */
/*
 * One processor: what harts.h promises for many is a flush and a stack with a
 * guard page, in the area that would be each processor's own.
 */
#include "harts.h"

#include "console.h"
#include "frames.h"
#include "kernel.h"
#include "trap.h"

#include <vmm/x86.h>

#define GUARD	   VMM_PAGE_SIZE
#define STACK_SIZE (4 * VMM_PAGE_SIZE)

_Noreturn void stack_switch(vmm_va_t stack_top, void (*then)(void));

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

void harts_init(uint64_t hart, void (*then)(void))
{
	const vmm_va_t guard = kernel_area(VMM_ROW_CPU)->base;
	const vmm_va_t stack = guard + GUARD;

	(void)hart;
	for (uint64_t at = 0; at < STACK_SIZE; at += VMM_PAGE_SIZE) {
		vmm_pa_t pa;

		check(frame_alloc(0, &pa), "stack's frame");
		check(vmm_pt_map(&kernel.pt, stack + at, pa, VMM_PAGE_SIZE,
			      VMM_PT_READ | VMM_PT_WRITE, NULL),
			"stack's page");
	}
	expect(probe_store(guard) == CAUSE_STORE_PAGE_FAULT,
		"the stack has no guard page");
	stack_switch(stack + STACK_SIZE, then);
}

void harts_start(void)
{
}

uint64_t harts_count(void)
{
	return 1;
}

uint64_t harts_self(void)
{
	return 0;
}

/* There is nobody to ask. */
void harts_ask(uint64_t index, uint64_t (*job)(uint64_t arg), uint64_t arg)
{
	(void)job;
	(void)arg;
	fail("there is no hart %u", index);
}

uint64_t harts_answer(uint64_t index)
{
	fail("there is no hart %u", index);
}

uint64_t harts_load(uint64_t index, vmm_va_t va)
{
	expect(index == 0, "there is no hart %u", index);
	return probe_load(va);
}

void harts_flush(const struct vmm_tlb_gather *gather)
{
	vmm_x86_flush(gather, false);
}
