/* SPDX-License-Identifier: MIT */
/*
 * What x86-64 wants to go with page tables: register values, and flushes as
 * inline functions for the kernel to call (the library itself executes none of
 * them). tlb.h says when which is needed. Source: Intel SDM volume 3A, 2.5
 * (control registers), 4.10 (caches), 12.12 (PAT); volume 2 (INVPCID).
 *
 * They reach this processor only: the others that run on the table need the
 * same, after an interrupt to each (a TLB shootdown).
 */
#ifndef VMM_X86_H
#define VMM_X86_H

#include <vmm/config.h>
#include <vmm/pt.h>
#include <vmm/tlb.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The PAT as the formats use it, for MSR 277h of every processor before the
 * first VMM_PT_NC: entries 0 to 5 and 7 as after reset, and 6 write-combining.
 */
#define VMM_X86_PAT_MSR 0x277u
#define VMM_X86_PAT	UINT64_C(0x0001040600070406)

/* The value of CR3 for @pt: the root, and the PCID in bits 11..0. */
static inline uint64_t vmm_x86_cr3(const struct vmm_pt *pt, unsigned pcid)
{
	VMM_ASSERT(pcid >> 12 == 0);
	return pt->root | pcid;
}

/* How a plan is carried out; VMM_X86_NOTHING to VMM_X86_EVERYTHING. */
enum vmm_x86_flush {
	VMM_X86_NOTHING,
	VMM_X86_PAGES,	   /* INVLPG for each address of the plan */
	VMM_X86_SPACE,	   /* MOV to CR3: all of the current PCID, not global */
	VMM_X86_EVERYTHING /* all PCIDs and global entries */
};

/**
 * vmm_x86_flush_kind() - What a plan takes.
 * @plan:  From vmm_tlb_plan_make().
 * @pcids: CR4.PCIDE is set: entries of other address spaces stay in the TLB
 *         when CR3 changes.
 *
 * Entries that become present need nothing. INVLPG reaches global entries, but
 * of the others only those of the current PCID.
 */
static inline enum vmm_x86_flush vmm_x86_flush_kind(
	const struct vmm_tlb_plan *plan, bool pcids)
{
	if (!plan->needed || plan->fresh)
		return VMM_X86_NOTHING;
	if (plan->all_spaces && (plan->all_addresses || pcids))
		return VMM_X86_EVERYTHING;
	return plan->all_addresses ? VMM_X86_SPACE : VMM_X86_PAGES;
}

#if defined(__x86_64__)

static inline uint64_t vmm_x86_cr3_read(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	return cr3;
}

/* Bit 63 keeps what the TLB holds for the PCID; clear, it is flushed. */
static inline void vmm_x86_cr3_write(uint64_t cr3)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

static inline void vmm_x86_invlpg(vmm_va_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"((uintptr_t)va) : "memory");
}

/* @type 0: an address of a PCID; 1: a PCID; 2: everything; 3: all but global. */
static inline void vmm_x86_invpcid(unsigned type, uint64_t pcid, vmm_va_t va)
{
	const uint64_t descriptor[2] = {pcid, va};

	__asm__ volatile("invpcid (%0), %1"
			 :
			 : "r"(descriptor), "r"((uint64_t)type)
			 : "memory");
}

/* Everything without INVPCID: writing CR4.PGE, bit 7, flushes all. */
static inline void vmm_x86_flush_everything(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4\n\t"
			 "mov %1, %%cr4"
			 :
			 : "r"(cr4 ^ UINT64_C(0x80)), "r"(cr4)
			 : "memory");
}

/**
 * vmm_x86_flush() - Flush on this processor what a gather says.
 * @gather: The gather of changes of the table in CR3; not changed.
 * @pcids:  CR4.PCIDE is set.
 */
static inline void vmm_x86_flush(
	const struct vmm_tlb_gather *gather, bool pcids)
{
	struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);
	uint64_t i;

	switch (vmm_x86_flush_kind(&plan, pcids)) {
	case VMM_X86_NOTHING:
		break;
	case VMM_X86_PAGES:
		for (i = 0; i < plan.count; i++)
			vmm_x86_invlpg(plan.first + (i << plan.shift));
		break;
	case VMM_X86_SPACE:
		vmm_x86_cr3_write(vmm_x86_cr3_read());
		break;
	case VMM_X86_EVERYTHING:
		vmm_x86_flush_everything();
		break;
	}
}

#endif /* __x86_64__ */

#ifdef __cplusplus
}
#endif

#endif /* VMM_X86_H */
