/* SPDX-License-Identifier: MIT */
/*
 * Bit tricks that never become a call into a compiler's run-time library. On
 * rv64 without Zbb, gcc turns __builtin_ctzll and __builtin_popcountll into
 * libgcc calls, which a freestanding kernel does not link; clang expands them.
 */
#ifndef VMM_CORE_BITS_H
#define VMM_CORE_BITS_H

#include <vmm/config.h>
#include <vmm/types.h>

#if defined(__clang__) || defined(__x86_64__) || defined(__riscv_zbb)
#define VMM_BITS_BUILTIN 1
#else
#define VMM_BITS_BUILTIN 0
#endif

/* Number of one bits. */
static inline unsigned vmm_popcount(uint64_t x)
{
	x -= (x >> 1) & UINT64_C(0x5555555555555555);
	x = (x & UINT64_C(0x3333333333333333)) +
	    ((x >> 2) & UINT64_C(0x3333333333333333));
	x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned)((x * UINT64_C(0x0101010101010101)) >> 56);
}

/* Index of the lowest one bit; @x is not 0. */
static inline unsigned vmm_ctz(uint64_t x)
{
	VMM_ASSERT(x != 0);
#if defined(__clang__) && defined(__x86_64__)
	/*
	 * BSF, which clang chooses, waits for the old content of its destination,
	 * and that may be on its way from memory. TZCNT does not on processors
	 * of today; one that lacks it takes its encoding for BSF, and both give
	 * the same if @x is not 0.
	 */
	uint64_t index;

	__asm__("rep bsfq %1, %0" : "=r"(index) : "r"(x) : "cc");
	return (unsigned)index;
#elif VMM_BITS_BUILTIN
	return (unsigned)__builtin_ctzll(x);
#else
	return vmm_popcount((x & -x) - 1);
#endif
}

/* Index of the highest one bit; @x is not 0. */
static inline unsigned vmm_log2(uint64_t x)
{
	VMM_ASSERT(x != 0);
#if VMM_BITS_BUILTIN
	return 63 - (unsigned)__builtin_clzll(x);
#else
	x |= x >> 1;
	x |= x >> 2;
	x |= x >> 4;
	x |= x >> 8;
	x |= x >> 16;
	x |= x >> 32;
	return vmm_popcount(x) - 1;
#endif
}

#endif /* VMM_CORE_BITS_H */
