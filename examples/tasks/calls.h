/* SPDX-License-Identifier: MIT */
/* What the kernel does for tasks: system calls and page faults. */
#ifndef TASKS_CALLS_H
#define TASKS_CALLS_H

#include <vmm/space_fault.h>

/* The scenario that runs, for messages; quiet ones expect that tasks die. */
void calls_scenario(const char *name, bool quiet);

#endif /* TASKS_CALLS_H */
