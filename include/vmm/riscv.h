/* SPDX-License-Identifier: MIT */
/*
 * The few RISC-V instructions that go with page tables, as inline functions
 * for the kernel to call: the library itself executes none of them. Sources:
 * RISC-V Privileged 1.13, 12.1.11 (satp) and 12.2.1 (sfence.vma).
 */
#ifndef VMM_RISCV_H
#define VMM_RISCV_H

#include <vmm/config.h>
#include <vmm/pt.h>
#include <vmm/tlb.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* satp: MODE in bits 63..60, ASID in 59..44, PPN of the root in 43..0. */
#define VMM_RISCV_SATP_MODE_SHIFT 60
#define VMM_RISCV_SATP_ASID_SHIFT 44
#define VMM_RISCV_SATP_MODE_SV39  UINT64_C(8)
#define VMM_RISCV_SATP_MODE_SV48  UINT64_C(9)
#define VMM_RISCV_SATP_MODE_SV57  UINT64_C(10)

/* The value of satp that turns @pt on under address-space id @asid. */
static inline uint64_t vmm_riscv_satp(const struct vmm_pt *pt, unsigned asid)
{
	VMM_ASSERT(asid >> 16 == 0);
	return (uint64_t)pt->format->satp_mode << VMM_RISCV_SATP_MODE_SHIFT |
	       (uint64_t)asid << VMM_RISCV_SATP_ASID_SHIFT |
	       vmm_pa_to_pfn(pt->root);
}

#if defined(__riscv) && __riscv_xlen == 64

static inline uint64_t vmm_riscv_satp_read(void)
{
	uint64_t satp;

	__asm__ volatile("csrr %0, satp" : "=r"(satp));
	return satp;
}

/*
 * Write satp and fence everything. The stores that built the table come
 * before; the code that runs next must be mapped at its address in the new
 * table too.
 */
static inline void vmm_riscv_satp_write(uint64_t satp)
{
	__asm__ volatile("sfence.vma zero, zero\n\t"
			 "csrw satp, %0\n\t"
			 "sfence.vma zero, zero"
			 :
			 : "r"(satp)
			 : "memory");
}

/**
 * vmm_riscv_flush() - Flush on this hart what a gather says.
 * @gather: The gather; not changed.
 * @asid:   Address-space id of the table that was changed.
 *
 * Other harts that run on the table need the same: through an inter-processor
 * interrupt or the SBI's remote fence (vmm_tlb_plan_make() has the numbers).
 */
static inline void vmm_riscv_flush(
	const struct vmm_tlb_gather *gather, uint64_t asid)
{
	struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);
	uint64_t i;

	if (!plan.needed)
		return;
	if (plan.all_addresses && plan.all_spaces) {
		__asm__ volatile("sfence.vma zero, zero" : : : "memory");
	} else if (plan.all_addresses) {
		__asm__ volatile("sfence.vma zero, %0"
				 :
				 : "r"(asid)
				 : "memory");
	} else {
		for (i = 0; i < plan.count; i++) {
			vmm_va_t va = plan.first + (i << plan.shift);

			if (plan.all_spaces)
				__asm__ volatile("sfence.vma %0, zero"
						 :
						 : "r"(va)
						 : "memory");
			else
				__asm__ volatile("sfence.vma %0, %1"
						 :
						 : "r"(va), "r"(asid)
						 : "memory");
		}
	}
}

#endif /* __riscv */

#ifdef __cplusplus
}
#endif

#endif /* VMM_RISCV_H */
