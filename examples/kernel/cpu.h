/* SPDX-License-Identifier: MIT */
/*
 * What each hart has for itself: a struct, a stack for traps, a guard page and a
 * stack, in an area at one address that is the same for all of them and mapped
 * to other frames on each. A hart needs no number to find its own, and running
 * out of stack is a page fault that can be told.
 *
 *      area + 0             + 1 page       + 2 pages
 *     +---------+----------+--------------+---------------------+
 *     |  struct |   traps, |    guard     |  stack, downwards   |
 *     |   cpu   |downwards |              |                     |
 *     +---------+----------+--------------+---------------------+
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include <vmm/types.h>

#define CPU_TRAP_STACK VMM_PAGE_SIZE /* its top */
#define CPU_GUARD      VMM_PAGE_SIZE
#define CPU_STACK      (2 * VMM_PAGE_SIZE)
#define CPU_STACK_SIZE (4 * VMM_PAGE_SIZE)

struct cpu {
	uint64_t hart;	/* as the firmware numbers them */
	uint32_t index; /* in the order in which they came up; magazines */
	/* trap.c: an access that may fault, and how it went. */
	bool probe_armed;
	vmm_va_t probe_va;
	uint64_t probe_cause;
	/* harts.c: what the boot hart asks for, and its outcome. The request
	 * is done when both numbers are the same. */
	uint64_t asked;
	uint64_t answered;
	uint64_t (*job)(uint64_t arg);
	uint64_t arg;
	uint64_t answer;
};

/* This hart's own struct. */
struct cpu *cpu_self(void);

#endif /* KERNEL_CPU_H */
