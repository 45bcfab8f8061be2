/* SPDX-License-Identifier: MIT */
#include "trap.h"

#include "console.h"
#include "kernel.h"
#include "tables.h"
#include "x86.h"

#define PAGE_FAULT     14
/* Its error code (Intel SDM 3A, 4.7). */
#define FAULT_WRITE    (1u << 1)
#define FAULT_RESERVED (1u << 3)
#define FAULT_FETCH    (1u << 4)

/* What trap_common of entry.S and the processor push. */
struct trap_frame {
	uint64_t saved[9];
	uint64_t vector;
	uint64_t error;
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};

void trap_handle(struct trap_frame *frame);
void probe_read(vmm_va_t va);
void probe_write(vmm_va_t va);
void probe_call(vmm_va_t va);
extern SYMBOL char probe_resume[];

const uint32_t instruction_ret = 0xc3;

/* An access that may fault, and how it went. */
static volatile bool armed;
static volatile vmm_va_t probe_va;
static volatile uint64_t probe_cause;

static uint64_t cause_of(uint64_t error)
{
	if ((error & FAULT_FETCH) != 0)
		return CAUSE_FETCH_PAGE_FAULT;
	return (error & FAULT_WRITE) != 0 ? CAUSE_STORE_PAGE_FAULT
					  : CAUSE_LOAD_PAGE_FAULT;
}

void trap_handle(struct trap_frame *frame)
{
	const uint64_t address = x86_read_cr2();

	if (frame->vector != PAGE_FAULT || !armed || address != probe_va ||
		(frame->error & FAULT_RESERVED) != 0)
		fail("trap %u, error %u at pc %x, address %x", frame->vector,
			frame->error, frame->rip, address);
	armed = false;
	probe_cause = cause_of(frame->error);
	if (probe_cause == CAUSE_FETCH_PAGE_FAULT) {
		/* It was a call: return from it. */
		frame->rip = *(const uint64_t *)(uintptr_t)frame->rsp;
		frame->rsp += 8;
	} else {
		frame->rip = (uintptr_t)probe_resume;
	}
}

static uint64_t probe(void (*access)(vmm_va_t va), vmm_va_t va)
{
	probe_va = va;
	probe_cause = CAUSE_NONE;
	armed = true;
	access(va);
	armed = false;
	return probe_cause;
}

uint64_t probe_load(vmm_va_t va)
{
	return probe(probe_read, va);
}

uint64_t probe_store(vmm_va_t va)
{
	return probe(probe_write, va);
}

uint64_t probe_fetch(vmm_va_t va)
{
	return probe(probe_call, va);
}
