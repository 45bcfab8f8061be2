/* SPDX-License-Identifier: MIT */
/* The services of the firmware that the kernel uses (RISC-V SBI 2.0). */
#ifndef KERNEL_SBI_H
#define KERNEL_SBI_H

#include <vmm/riscv.h>

#define SBI_EXT_PUTCHAR 0x01
#define SBI_EXT_IPI	0x735049
#define SBI_EXT_RFENCE	0x52464e43
#define SBI_EXT_TIME	0x54494d45
#define SBI_EXT_HSM	0x48534d
#define SBI_EXT_SRST	0x53525354

#define SBI_HSM_HART_START    0
#define SBI_IPI_SEND	      0
#define SBI_RFENCE_FENCE_I    0
#define SBI_RFENCE_SFENCE_VMA 1
#define SBI_TIME_SET_TIMER    0
#define SBI_SRST_SYSTEM_RESET 0
#define SBI_SRST_SHUTDOWN     0
#define SBI_SRST_OK	      0
#define SBI_SRST_FAILURE      1

/* Returns the error code: 0, or negative. */
static inline long sbi_call(long ext, long function, uint64_t arg0,
	uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
	register uint64_t a0 __asm__("a0") = arg0;
	register uint64_t a1 __asm__("a1") = arg1;
	register uint64_t a2 __asm__("a2") = arg2;
	register uint64_t a3 __asm__("a3") = arg3;
	register long a6 __asm__("a6") = function;
	register long a7 __asm__("a7") = ext;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a6), "r"(a7)
			 : "memory");
	return (long)a0;
}

static inline void sbi_putchar(char c)
{
	(void)sbi_call(SBI_EXT_PUTCHAR, 0, (unsigned char)c, 0, 0, 0);
}

/* Start a stopped hart at a physical address, which gets @opaque in a1. */
static inline long sbi_hart_start(
	uint64_t hart, uint64_t start, uint64_t opaque)
{
	return sbi_call(
		SBI_EXT_HSM, SBI_HSM_HART_START, hart, start, opaque, 0);
}

/* Wake one hart. */
static inline long sbi_send_ipi(uint64_t hart)
{
	return sbi_call(SBI_EXT_IPI, SBI_IPI_SEND, 1, hart, 0, 0);
}

/* sfence.vma on all harts; @size of all ones stands for every address. */
static inline long sbi_remote_fence(uint64_t first, uint64_t size)
{
	const uint64_t all_harts = UINT64_MAX;

	return sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 0, all_harts,
		first, size);
}

/* fence.i on all harts: what was written before is fetched after. */
static inline void sbi_fence_instructions(void)
{
	const uint64_t all_harts = UINT64_MAX;

	__asm__ volatile(".4byte 0x0000100f" : : : "memory");
	(void)sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 0, all_harts, 0, 0);
}

/* What vmm_riscv_sbi() made of a gather, on harts of a mask. */
static inline long sbi_fence(
	uint64_t harts, const struct vmm_riscv_sbi_fence *fence)
{
	register uint64_t a0 __asm__("a0") = harts;
	register uint64_t a1 __asm__("a1") = 0; /* the mask's first hart */
	register uint64_t a2 __asm__("a2") = fence->start;
	register uint64_t a3 __asm__("a3") = fence->size;
	register uint64_t a4 __asm__("a4") = fence->id;
	register uint64_t a6 __asm__("a6") = fence->function;
	register uint64_t a7 __asm__("a7") = SBI_EXT_RFENCE;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
			 : "memory");
	return (long)a0;
}

/* Interrupt this hart when the time is there; what was set before is off. */
static inline void sbi_set_timer(uint64_t time)
{
	(void)sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, time, 0, 0, 0);
}

_Noreturn static inline void sbi_shutdown(uint64_t reason)
{
	for (;;)
		(void)sbi_call(SBI_EXT_SRST, SBI_SRST_SYSTEM_RESET,
			SBI_SRST_SHUTDOWN, reason, 0, 0);
}

#endif /* KERNEL_SBI_H */
