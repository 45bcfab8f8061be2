/* SPDX-License-Identifier: MIT */
/*
 * From boot tables to the kernel's own memory: the same on every machine. Call
 * them in this order; between setup_table() and setup_check() switch to
 * kernel.pt.
 */
#ifndef KERNEL_SETUP_H
#define KERNEL_SETUP_H

struct vmm_pt;

/* __va() and __pa(), by the memory map and the layout. */
void setup_dmap(void);

/* The layout, checked and printed. */
void setup_layout(void);

/* The frame allocator. */
void setup_frames(void);

/* The final page table, without what the boot needed. */
void setup_table(void);

/*
 * Borrow the kernel's half for another table, but for what each hart has for
 * itself (cpu.h).
 */
void setup_borrow(struct vmm_pt *pt);

/* What must not be possible is tried, and must fault. */
void setup_check(void);

/* Boot tables and what the boot loader left are not needed any more. */
void setup_release(void);

#endif /* KERNEL_SETUP_H */
