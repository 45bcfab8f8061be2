/* SPDX-License-Identifier: MIT */
/*
 * Stacks that all harts see at one address, with guards, in a space of the
 * kernel's own. Calls of a space link what they are doing through structs on
 * their stacks, so those that work for tasks cannot run on the one that each
 * hart has for itself (cpu.h).
 */
#ifndef TASKS_STACKS_H
#define TASKS_STACKS_H

#include <vmm/types.h>

/* One for each hart; once all of them run. */
void stacks_init(void);

/* Call a function on this hart's. */
uint64_t stacks_call(uint64_t (*function)(uint64_t arg), uint64_t arg);

#endif /* TASKS_STACKS_H */
