/* SPDX-License-Identifier: MIT */
/*
 * Memory that tasks share by a key. The key has one user of the object, each
 * region that shows it another one; the last to go ends it.
 */
#ifndef TASKS_SHARED_H
#define TASKS_SHARED_H

#include <vmm/space.h>

void shared_init(void);

/* New memory: its key, or an error. */
int64_t shared_new(uint64_t size);

/* Show it in a space: the address, or an error. */
int64_t shared_attach(struct vmm_space *space, uint64_t key, unsigned prot);

/* The key is nothing from now on; those who show the memory keep it. */
int shared_drop(uint64_t key);

/* How many there are, with a key or without. */
uint64_t shared_count(void);

#endif /* TASKS_SHARED_H */
