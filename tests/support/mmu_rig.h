/* SPDX-License-Identifier: MIT */
/*
 * A machine of the MMU model for tests: a static array is its RAM, reports are
 * counted and the last one is kept in words. Host only.
 */
#ifndef MMU_RIG_H
#define MMU_RIG_H

#include "support/test.h"

#include <vmm/pt.h>
#include <vmm_model/mmu.h>

#define MMU_RAM	  UINT64_C(0x80000000)
#define MMU_PAGES 1024

/* Bits of RISC-V entries, for tables written by hand. */
#define E_V  1u
#define E_R  2u
#define E_W  4u
#define E_X  8u
#define E_U  16u
#define E_G  32u
#define E_A  64u
#define E_D  128u
#define E_AD (E_A | E_D)

struct mmu_rig {
	struct vmm_mmu_config config;
	struct vmm_mmu *mmu;
	struct vmm_mmu_report last; /* report */
	char text[1024];	    /* in words */
	bool loud;		    /* print reports as they come */
};

/* Start a machine; RAM is zeroed. A zero in @config: the rig's choice. */
void mmu_open(struct mmu_rig *rig, enum vmm_mmu_arch arch, unsigned features,
	unsigned harts);
/* Start again, with what the test changed in rig->config. */
void mmu_reopen(struct mmu_rig *rig);
void mmu_close(struct mmu_rig *rig);

/* The word at a physical address. */
uint64_t *mmu_word(uint64_t pa);
/* A RISC-V entry. */
uint64_t mmu_pte(uint64_t pa, uint64_t bits);
/* satp for an Sv39 table; @mode is 8, 9 or 10. */
uint64_t mmu_satp(unsigned mode, unsigned asid, uint64_t root);

/* Forget the reports so far, and look how many of a kind came since. */
uint64_t mmu_new(struct mmu_rig *rig, enum vmm_mmu_kind kind);
uint64_t mmu_new_all(struct mmu_rig *rig);

/*
 * The adapter: execute on one hart of the model what a gather asks for, as
 * vmm_riscv_flush() and its like do on hardware. @space is the ASID, PCID or
 * VMID of the table that was changed, whatever the hart is running.
 */
typedef void mmu_flush_fn(struct vmm_mmu *mmu, unsigned hart,
	const struct vmm_tlb_gather *gather, uint64_t space);
mmu_flush_fn mmu_flush;	      /* sfence.vma */
mmu_flush_fn mmu_flush_inval; /* sinval.vma */
mmu_flush_fn mmu_flush_x86;   /* INVPCID */
mmu_flush_fn mmu_flush_guest; /* hfence.gvma, for a second stage */

/* A format, and the machine that reads it. */
struct mmu_kind {
	const struct vmm_pt_format *format;
	enum vmm_mmu_arch arch;
	unsigned features;
	bool guest;
	mmu_flush_fn *flush;
};

#define MMU_KINDS 8
extern const struct mmu_kind mmu_kinds[MMU_KINDS];

#endif /* MMU_RIG_H */
