/* SPDX-License-Identifier: MIT */
/*
 * What spaces live on: frames whose holders are counted, and pages for tables
 * and regions. Both are vmm/pmem_frames.h on top of the kernel's magazines,
 * with a note about each frame: who has it, and how many hold it.
 */
#ifndef TASKS_SUPPLY_H
#define TASKS_SUPPLY_H

#include <vmm/space_types.h>

#include "kernel.h"

/* Who has a frame. */
enum owner {
	OWNER_SPACE,  /* memory of tasks, and of objects */
	OWNER_TABLE,  /* page tables, and nodes of regions */
	OWNER_KERNEL, /* the books about tasks */
	OWNERS
};

struct supply {
	struct vmm_pages pages;	  /* of OWNER_TABLE */
	struct vmm_frames frames; /* of OWNER_SPACE */
};

extern SYMBOL struct supply supply;

void supply_init(void);

/* A page of the kernel's own, zeroed; NULL: there is none. */
void *supply_page(void);
void supply_page_free(void *page);

/* How many frames an owner has. */
uint64_t supply_owned(enum owner owner);

/* Print who has what. */
void supply_leaks(void);

#endif /* TASKS_SUPPLY_H */
