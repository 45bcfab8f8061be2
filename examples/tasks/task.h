/* SPDX-License-Identifier: MIT */
/*
 * Tasks: registers, a process to run in, a parent that waits for the end. All
 * harts take them from one queue, in turns.
 */
#ifndef TASKS_TASK_H
#define TASKS_TASK_H

#include "process.h"
#include "usermode.h"

struct task {
	struct usermode user; /* first: usermode.S */
	struct process *process;
	uint64_t number;
	vmm_va_t stack;	   /* its own, if it is not the process's; else 0 */
	uint64_t hart;	   /* the only one that may run it; or TASK_ANY */
	struct task *next; /* in the queue */
	struct task *parent;
	struct task *children;
	struct task *sibling;
	uint64_t waits_for; /* a child's number; 0: any one */
	bool waits;
	bool kept; /* for the kernel, which starts it: task_collect() */
	bool over;
	long code; /* when it is */
};

#define TASK_ANY UINT64_MAX

/* What is to become of a task after a trap. */
enum task_next {
	TASK_GOES_ON,
	TASK_YIELDS,
	TASK_WAITS,
	TASK_ENDS,
};

/*
 * A task that takes over one user of @process, to begin at @pc; not in the queue
 * yet. VMM_ENOMEM.
 */
int task_new(struct process *process, struct task *parent, vmm_va_t pc,
	vmm_va_t sp, struct task **task_out);
/* Registers as at the start of a program, but for its argument. */
void task_begin(struct task *task, vmm_va_t pc, vmm_va_t sp);
/* Put it into the queue. Returns its number: it may be over by then. */
int64_t task_start(struct task *task);

/*
 * Run tasks until there are none; on all harts. Tasks without a parent that
 * are over stay if they are kept.
 */
uint64_t tasks_run(uint64_t arg);

/* The code of a task that has no parent; its page is free then. */
long task_collect(struct task *task);

/* How many there were since the start. */
uint64_t tasks_started(void);

/* What a trap means; calls.c. */
enum task_next task_trap(struct task *task, struct usermode_trap trap);

#endif /* TASKS_TASK_H */
