/* SPDX-License-Identifier: MIT */
#include "trap.h"

#include "console.h"

uint64_t trap_handle(
	uint64_t cause, uint64_t value, uint64_t pc, uint64_t return_address);

static struct {
	bool armed;
	vmm_va_t va;
	uint64_t cause;
} probe;

/* Called from entry.S; returns where to continue. */
uint64_t trap_handle(
	uint64_t cause, uint64_t value, uint64_t pc, uint64_t return_address)
{
	uint16_t instruction;

	if (!probe.armed || value != probe.va)
		fail("trap %u at pc %x, address %x", cause, pc, value);
	probe.armed = false;
	probe.cause = cause;
	/* A fetch was a call: return from it. */
	if (cause == CAUSE_FETCH_PAGE_FAULT)
		return return_address;
	/* Over the access: 4 bytes, or 2 if it is a compressed instruction. */
	instruction = *(const volatile uint16_t *)(uintptr_t)pc;
	return pc + ((instruction & 3) == 3 ? 4 : 2);
}

static void arm(vmm_va_t va)
{
	probe.va = va;
	probe.cause = CAUSE_NONE;
	__asm__ volatile("" : : : "memory");
	probe.armed = true;
	__asm__ volatile("" : : : "memory");
}

static uint64_t disarm(void)
{
	__asm__ volatile("" : : : "memory");
	probe.armed = false;
	return probe.cause;
}

uint64_t probe_load(vmm_va_t va)
{
	arm(va);
	(void)*(const volatile uint8_t *)(uintptr_t)va;
	return disarm();
}

uint64_t probe_store(vmm_va_t va)
{
	arm(va);
	*(volatile uint8_t *)(uintptr_t)va = 0xee;
	return disarm();
}

uint64_t probe_fetch(vmm_va_t va)
{
	arm(va);
	((void (*)(void))(uintptr_t)va)();
	return disarm();
}
