/* SPDX-License-Identifier: MIT */
/*
 * Page tables for user mode: a root that borrows the kernel's half, an
 * address-space id, and what spaces ask of the kernel (vmm/space_types.h).
 */
#ifndef TASKS_TABLE_H
#define TASKS_TABLE_H

#include <vmm/space_types.h>

struct process;

struct table {
	struct vmm_pt pt;
	unsigned asid;
	uint64_t users;		/* processes; atomic */
	struct process *loaded; /* the one that is in it now; or NULL */
	struct vmm_space_hooks hooks;
	struct vmm_lock lock;
	uint32_t taken;
};

/*
 * Find out how many address-space ids this hart has, before the first table. Some
 * have none, and any can be used as if it had.
 */
void tables_init(bool without_asids);

/*
 * A table with one user. VMM_ENOMEM: no memory for it; VMM_ENOSPC: no
 * address-space id.
 */
int table_new(struct table **table_out);
void table_get(struct table *table);
/* The last user frees it. */
void table_put(struct table *table);

/* The value of satp that turns it on. */
uint64_t table_satp(const struct table *table);

/* This hart may have missed what changed: forget all of its translations. */
void table_fence(const struct table *table);

#endif /* TASKS_TABLE_H */
