/* SPDX-License-Identifier: MIT */
/*
 * Processes: a space, and the table that it is seen through. One or more tasks
 * (task.h) run in each.
 */
#ifndef TASKS_PROCESS_H
#define TASKS_PROCESS_H

#include <vmm/segment.h>
#include <vmm/space.h>

#include "image.h"
#include "table.h"

struct process {
	struct vmm_space space;
	struct vmm_segment heap;
	vmm_va_t stack; /* of the first task */
	struct table *table;
	bool unloaded; /* another process has the table */
	struct image *image;
	uint64_t tasks; /* atomic */
};

#define STACK_SIZE  VMM_KIB(256)
#define STACK_GUARD VMM_KIB(64)
#define HEAP_MAX    VMM_GIB(64)

/*
 * A process without memory, for one task; on the table of another process, or
 * with NULL on a table of its own. Errors as table_new() and vmm_space_add().
 */
int process_new(struct process *beside, struct process **process_out);
/* One more task runs in it, and one less; the last one frees it. */
void process_get(struct process *process);
void process_put(struct process *process);

/* Give it a program's memory. If that fails, it has a part of it. */
int process_load(struct process *process, struct image *image);
/* A copy of a process, for one task. */
int process_fork(struct process *parent, struct process **child_out);
/* Another program instead of the one that is there. */
int process_exec(struct process *process, struct image *image);
/* A stack for one more task: its lowest address. */
int process_add_stack(struct process *process, vmm_va_t *va_out);

/* Before and after user mode on this hart. */
void process_enter(struct process *process);
void process_leave(struct process *process);

#endif /* TASKS_PROCESS_H */
