/* SPDX-License-Identifier: MIT */
#include "trap.h"

#include "console.h"
#include "cpu.h"

const uint32_t instruction_ret = 0x00008067;

uint64_t trap_handle(
	uint64_t cause, uint64_t value, uint64_t pc, uint64_t return_address);
_Noreturn void trap_fatal(uint64_t cause, uint64_t value, uint64_t pc);

_Noreturn void trap_fatal(uint64_t cause, uint64_t value, uint64_t pc)
{
	fail("trap %u at pc %x, address %x", cause, pc, value);
}

/* Called from entry.S; returns where to continue. */
uint64_t trap_handle(
	uint64_t cause, uint64_t value, uint64_t pc, uint64_t return_address)
{
	struct cpu *cpu = cpu_self();
	uint16_t instruction;

	if (!cpu->probe_armed || value != cpu->probe_va)
		trap_fatal(cause, value, pc);
	cpu->probe_armed = false;
	cpu->probe_cause = cause;
	/* A fetch was a call: return from it. */
	if (cause == CAUSE_FETCH_PAGE_FAULT)
		return return_address;
	/* Over the access: 4 bytes, or 2 if it is a compressed instruction. */
	instruction = *(const volatile uint16_t *)(uintptr_t)pc;
	return pc + ((instruction & 3) == 3 ? 4 : 2);
}

static void arm(vmm_va_t va)
{
	struct cpu *cpu = cpu_self();

	cpu->probe_va = va;
	cpu->probe_cause = CAUSE_NONE;
	cpu->probe_armed = true;
	/* The compiler moves no access over this; the trap is on this hart. */
	__asm__ volatile("" : : : "memory");
}

static uint64_t disarm(void)
{
	__asm__ volatile("" : : : "memory");
	cpu_self()->probe_armed = false;
	return cpu_self()->probe_cause;
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
