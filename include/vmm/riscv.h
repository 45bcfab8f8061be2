/* SPDX-License-Identifier: MIT */
/*
 * What RISC-V wants to go with page tables: register values, fences as inline
 * functions for the kernel to call (the library itself executes none of them),
 * and the SBI's remote fences as data. tlb.h says when which fence is needed.
 *
 * The assembler need not know the extensions: instructions are given by their
 * encoding. Sources: RISC-V Privileged 1.13, 12.1.11 (satp), 12.2.1
 * (sfence.vma), "Svinval" (sinval.vma and its two companions), 15.2.10 (hgatp),
 * 15.3.2 (hfence); SBI 2.0, chapter 8 (RFENCE).
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

/* The value of hgatp for a guest's stage; VMID in bits 57..44. */
static inline uint64_t vmm_riscv_hgatp(const struct vmm_pt *pt, unsigned vmid)
{
	VMM_ASSERT(vmid >> 14 == 0);
	return vmm_riscv_satp(pt, vmid);
}

/* Which tables a fence is for. */
enum vmm_riscv_stage {
	VMM_RISCV_OWN,	  /* satp: the id is an ASID */
	VMM_RISCV_GUEST,  /* hgatp: the id is a VMID */
	VMM_RISCV_GUESTS, /* vsatp, a guest's own: an ASID of the guest in
			     hgatp */
};

/*
 * A remote fence of the SBI: a7 = VMM_RISCV_SBI_RFENCE, a6 = function, a0 and
 * a1 the harts (mask and its first), a2 = start, a3 = size, a4 = id.
 */
#define VMM_RISCV_SBI_RFENCE UINT64_C(0x52464e43)

struct vmm_riscv_sbi_fence {
	uint64_t function;
	uint64_t start;
	uint64_t size;
	uint64_t id;
};

/**
 * vmm_riscv_sbi() - A gather as a remote fence.
 * @gather:    The gather; not changed.
 * @stage:     Which tables were changed.
 * @id:        ASID or VMID of the table.
 * @fence_out: Receives the call's arguments.
 *
 * A size of 2^64 - 1 stands for all addresses; start and size of 0 do as well,
 * which is why a fence of page 0 must not be rounded down to nothing. For a
 * guest's stage, start is a guest-physical address, not shifted.
 *
 * Return: false if no fence is needed.
 */
static inline bool vmm_riscv_sbi(const struct vmm_tlb_gather *gather,
	enum vmm_riscv_stage stage, uint64_t id,
	struct vmm_riscv_sbi_fence *fence_out)
{
	struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);

	if (!plan.needed)
		return false;
	fence_out->start = plan.all_addresses ? 0 : plan.first;
	fence_out->size =
		plan.all_addresses ? UINT64_MAX : plan.count << plan.shift;
	fence_out->id = id;
	/* For all ids, for one: sfence.vma 1, 2; hfence.gvma 4, 3;
	 * hfence.vvma 6, 5. */
	if (stage == VMM_RISCV_OWN)
		fence_out->function = plan.all_spaces ? 1 : 2;
	else if (stage == VMM_RISCV_GUEST)
		fence_out->function = plan.all_spaces ? 4 : 3;
	else
		fence_out->function = plan.all_spaces ? 6 : 5;
	return true;
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

/*
 * One instruction, with a register or "zero" for each operand: a register that
 * holds 0 is address 0 or ASID 0, and only the register zero means all.
 */
#define VMM_RISCV_FENCE(funct7, rs1, rs2, ...)                               \
	__asm__ volatile(".insn r 0x73, 0, " #funct7 ", zero, " rs1 ", " rs2 \
			 :                                                   \
			 : __VA_ARGS__                                       \
			 : "memory")

/* All fences of a plan; addresses are shifted right by @shift_right. */
#define VMM_RISCV_FENCES(funct7, plan, id, shift_right)                      \
	do {                                                                 \
		uint64_t vmm_i,                                              \
			vmm_n = (plan).all_addresses ? 0 : (plan).count;     \
                                                                             \
		for (vmm_i = 0; vmm_i < vmm_n; vmm_i++) {                    \
			vmm_va_t vmm_va =                                    \
				((plan).first + (vmm_i << (plan).shift)) >>  \
				(shift_right);                               \
                                                                             \
			if ((plan).all_spaces)                               \
				VMM_RISCV_FENCE(                             \
					funct7, "%0", "zero", "r"(vmm_va));  \
			else                                                 \
				VMM_RISCV_FENCE(funct7, "%0", "%1",          \
					"r"(vmm_va), "r"(id));               \
		}                                                            \
		if ((plan).all_addresses && (plan).all_spaces)               \
			VMM_RISCV_FENCE(funct7, "zero", "zero", "r"(vmm_n)); \
		else if ((plan).all_addresses)                               \
			VMM_RISCV_FENCE(funct7, "zero", "%0", "r"(id));      \
	} while (0)

/**
 * vmm_riscv_flush() - Flush on this hart what a gather says.
 * @gather: The gather; not changed.
 * @asid:   Address-space id of the table that was changed.
 *
 * Other harts that run on the table need the same: through an inter-processor
 * interrupt or the SBI's remote fence, vmm_riscv_sbi().
 */
static inline void vmm_riscv_flush(
	const struct vmm_tlb_gather *gather, uint64_t asid)
{
	struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);

	if (plan.needed)
		VMM_RISCV_FENCES(0x09, plan, asid, 0);
}

/*
 * The same with Svinval, where many addresses cost one wait: sfence.w.inval,
 * then sinval.vma for each, then sfence.inval.ir.
 */
static inline void vmm_riscv_flush_svinval(
	const struct vmm_tlb_gather *gather, uint64_t asid)
{
	struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);

	if (!plan.needed)
		return;
	__asm__ volatile(".4byte 0x18000073" : : : "memory");
	VMM_RISCV_FENCES(0x0b, plan, asid, 0);
	__asm__ volatile(".4byte 0x18100073" : : : "memory");
}

/*
 * A guest's stage, in HS mode: hfence.gvma takes guest-physical addresses,
 * shifted right by 2 so that all 59 bits fit.
 */
static inline void vmm_riscv_flush_guest(
	const struct vmm_tlb_gather *gather, uint64_t vmid)
{
	struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);

	if (plan.needed)
		VMM_RISCV_FENCES(0x31, plan, vmid, 2);
}

/*
 * Tables that the hypervisor keeps for a guest in vsatp; the guest's VMID has to
 * be in hgatp.
 */
static inline void vmm_riscv_flush_guests_own(
	const struct vmm_tlb_gather *gather, uint64_t asid)
{
	struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);

	if (plan.needed)
		VMM_RISCV_FENCES(0x11, plan, asid, 0);
}

#endif /* __riscv */

#ifdef __cplusplus
}
#endif

#endif /* VMM_RISCV_H */
