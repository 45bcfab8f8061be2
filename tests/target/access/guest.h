/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory, its table, and the accesses that it makes.
 */
#ifndef GUEST_H
#define GUEST_H

#include "support/test.h"

#include <vmm/pt.h>

#define GUEST_RAM    UINT64_C(0x80000000)
/* The root, and behind it pages for tables. */
#define GUEST_TABLES (GUEST_RAM + VMM_MIB(2))
#define TABLES_MAX   512
/* Frames to be mapped: 4 MiB, of which each page holds what page_word() says. */
#define GUEST_FRAMES (GUEST_RAM + VMM_MIB(4))
#define FRAMES_SIZE  VMM_MIB(4)

/* mcause (RISC-V Privileged 1.13, table of causes). */
#define CAUSE_ECALL_U	  8
#define CAUSE_ECALL_S	  9
#define CAUSE_ECALL_VS	  10
#define CAUSE_FETCH	  12 /* page faults */
#define CAUSE_LOAD	  13
#define CAUSE_STORE	  15
#define CAUSE_GUEST_FETCH 20 /* guest-page faults */
#define CAUSE_GUEST_LOAD  21
#define CAUSE_GUEST_STORE 23
/* No trap. */
#define CAUSE_NONE	  UINT64_MAX

/* How an access ended: the trap's mcause and mtval, or CAUSE_NONE and the word
 * that was loaded. */
struct outcome {
	uint64_t cause;
	uint64_t value;
};

struct outcome access_load(vmm_va_t va, uint64_t mstatus);
struct outcome access_store(vmm_va_t va, uint64_t mstatus, uint64_t value);
struct outcome access_fetch(vmm_va_t va, uint64_t mstatus);

/* Who makes an access, and how. */
enum access_kind { LOAD, STORE, FETCH, ACCESS_KINDS };
struct access {
	enum access_kind kind;
	bool user; /* U-mode or VU-mode; else S-mode or VS-mode */
	bool sum;
	bool mxr;
};

/*
 * Access a page of the table that is on. A fetch that was executed ends with
 * CAUSE_NONE as well.
 */
struct outcome guest_access(
	const struct vmm_pt *pt, vmm_va_t va, struct access access);

/* Does the format translate guest-physical addresses (hgatp)? */
static inline bool guest_stage(const struct vmm_pt_format *format)
{
	return !format->sign_extended;
}

/* An empty table, in use: satp or hgatp is its root. */
void guest_table_on(struct vmm_pt *pt, const struct vmm_pt_format *format);

/* See that the table is empty, and turn it off. */
void guest_table_off(struct vmm_pt *pt);

/* Fence what a gather says, not more, and give its tables back. */
void guest_flush(struct vmm_pt *pt, struct vmm_tlb_gather *gather);

/*
 * What the first word of a frame holds: an ecall, and which frame it is.
 */
static inline uint64_t page_word(vmm_pa_t pa)
{
	return vmm_pa_to_pfn(pa) << 32 | 0x00000073;
}

/* Let hardware set A and D (Svadu), or have it fault (Svade). */
void guest_set_adue(bool on);

#endif /* GUEST_H */
