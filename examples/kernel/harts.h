/* SPDX-License-Identifier: MIT */
/*
 * The harts: each runs on a root of its own, which borrows the kernel's entries
 * and differs in one, the area of cpu.h.
 */
#ifndef KERNEL_HARTS_H
#define KERNEL_HARTS_H

#include <vmm/tlb.h>
#include <vmm/types.h>

#define HARTS_MAX 8

/*
 * Move the boot hart to a root and a stack of its own, and go on there with
 * @then, which does not return.
 */
_Noreturn void harts_init(uint64_t hart, void (*then)(void));

/*
 * Start the others that the devicetree names, up to HARTS_MAX in all, and wait
 * until they run.
 */
void harts_start(void);

/* How many run. */
uint64_t harts_count(void);

/* The index of the one that asks: 0 is the boot hart. */
uint64_t harts_self(void);

/* How the firmware numbers one of them. */
uint64_t harts_id(uint64_t index);

/* This hart has noticed that another one woke it. */
void harts_heard(void);

/* Let hart @index, 1 to harts_count() - 1, do a job; it may take its time. */
void harts_ask(uint64_t index, uint64_t (*job)(uint64_t arg), uint64_t arg);

/* What came of it, once it is done. */
uint64_t harts_answer(uint64_t index);

/* Let hart @index, 0 to harts_count() - 1, load from @va: CAUSE_... */
uint64_t harts_load(uint64_t index, vmm_va_t va);

/* Flush on all harts what a gather says. */
void harts_flush(const struct vmm_tlb_gather *gather);

#endif /* KERNEL_HARTS_H */
