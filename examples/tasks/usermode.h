/* SPDX-License-Identifier: MIT */
/*
 * Into user mode and out of it. The kernel runs on the hart's own root (cpu.h),
 * user mode on the root of the task; both have the kernel's half, so the few
 * instructions between two roots run on either. Going to user mode is a call
 * that returns at the next trap: a hart needs one stack, and a task none in the
 * kernel.
 */
#ifndef TASKS_USERMODE_H
#define TASKS_USERMODE_H

#include <vmm/types.h>

/*
 * Registers of a task while it is not running, and of the kernel while it is;
 * in memory that both roots have. usermode.S knows the offsets.
 */
struct usermode {
	uint64_t x[32]; /* x[0] is pc */
	uint64_t satp;	/* the task's root and address-space id */
	uint64_t fence; /* 1: that id is the kernel's, too */
	uint64_t kernel_satp;
	uint64_t kernel_sp;
	uint64_t kernel_scratch;
};

/* Some of x[], by their names. */
#define REG_PC 0
#define REG_SP 2
#define REG_A0 10
#define REG_A1 11
#define REG_A2 12
#define REG_A7 17

/* Why the task is not running any more: scause and stval. */
struct usermode_trap {
	uint64_t cause;
	uint64_t value;
};

#define USERMODE_INTERRUPT (UINT64_C(1) << 63)
#define USERMODE_SOFTWARE  (USERMODE_INTERRUPT | 1)
#define USERMODE_TIMER	   (USERMODE_INTERRUPT | 5)
#define USERMODE_CALL	   8

struct usermode_trap usermode_run(struct usermode *task);

#endif /* TASKS_USERMODE_H */
