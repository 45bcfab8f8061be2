/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory, its table, and the accesses that it makes.
 */
#ifndef GUEST_H
#define GUEST_H

#include "support/test.h"

#include <vmm/pt.h>

#if defined(__riscv)
#define GUEST_RAM      UINT64_C(0x80000000)
/* What a page holds to be executed, and ends in a trap: ecall. */
#define GUEST_TRAP     UINT64_C(0x00000073)
/* What the machine has beside the plain formats. */
#define GUEST_FEATURES (VMM_PT_SVPBMT | VMM_PT_SVNAPOT)
#else
#define GUEST_RAM      UINT64_C(0)
#define GUEST_TRAP     UINT64_C(0x00000b0f) /* ud2 */
#define GUEST_FEATURES VMM_PT_NO_GIGA
#endif

/* The root, and behind it pages for tables. */
#define GUEST_TABLES (GUEST_RAM + VMM_MIB(4))
#define TABLES_MAX   512
/* Frames to be mapped: 4 MiB, of which each page holds what page_word() says. */
#define GUEST_FRAMES (GUEST_RAM + VMM_MIB(8))
#define FRAMES_SIZE  VMM_MIB(4)

/* A page fault at the outcome's value, or none. */
enum cause { CAUSE_NONE, CAUSE_LOAD, CAUSE_STORE, CAUSE_FETCH };

/* How an access ended: with a fault's address, or the word that was loaded. */
struct outcome {
	uint64_t cause; /* enum cause */
	uint64_t value;
};

/* Who makes an access, and how. */
enum access_kind { LOAD, STORE, FETCH, ACCESS_KINDS };
struct access {
	enum access_kind kind;
	bool user; /* else the kernel; in a guest stage, the guest's */
	bool sum;  /* the kernel may use the user's data (x86-64: AC) */
	bool mxr;  /* what can be executed can be read (x86-64: always) */
};

/* The formats that the machine translates by, one after the other, then NULL. */
const struct vmm_pt_format *guest_format(size_t index);

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

/* A table that is in use and has nothing but what the guest itself needs. */
void guest_table_on(struct vmm_pt *pt, const struct vmm_pt_format *format);

/* Turn it off, and see that nothing else is left in it. */
void guest_table_off(struct vmm_pt *pt);

/* Fence what a gather says, not more, and give its tables back. */
void guest_flush(struct vmm_pt *pt, struct vmm_tlb_gather *gather);

/* The first word of a frame: an instruction, and which frame it is. */
static inline uint64_t page_word(vmm_pa_t pa)
{
	return vmm_pa_to_pfn(pa) << 32 | GUEST_TRAP;
}

/* RISC-V: let hardware set A and D (Svadu), or have it fault (Svade). */
void guest_set_adue(bool on);

#endif /* GUEST_H */
