/* SPDX-License-Identifier: MIT */
/* The instructions that C has no words for. */
#ifndef KERNEL_X86_H
#define KERNEL_X86_H

#include <stdint.h>

/* Intel SDM 3A, 2.5. */
#define X86_CR4_PGE  (UINT64_C(1) << 7)
#define X86_CR4_LA57 (UINT64_C(1) << 12)

static inline void x86_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t x86_in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint64_t x86_read_cr2(void)
{
	uint64_t value;

	__asm__ volatile("movq %%cr2, %0" : "=r"(value));
	return value;
}

static inline uint64_t x86_read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("movq %%cr4, %0" : "=r"(value));
	return value;
}

static inline void x86_write_cr4(uint64_t value)
{
	__asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

/* EDX of a CPUID leaf without a subleaf. */
static inline uint32_t x86_cpuid_edx(uint32_t leaf)
{
	uint32_t ebx;
	uint32_t ecx = 0;
	uint32_t edx;

	__asm__ volatile("cpuid" : "+a"(leaf), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return edx;
}

#endif /* KERNEL_X86_H */
