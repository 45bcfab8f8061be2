/* SPDX-License-Identifier: MIT */
/*
 * Addresses, ranges and alignment: the words every other header speaks.
 *
 * Three kinds of number are never mixed without a helper: a virtual address
 * (va), a physical address (pa) and a page frame number (pfn). All are 64 bits
 * wide on every host, so that Sv57 or x86-64 tables can be built and tested on
 * any machine; a pointer appears only where memory is really touched.
 *
 * A range is (base, size) in bytes and stands for [base, base + size). The sum
 * base + size may be 2^64 and is therefore never stored or compared; code uses
 * vmm_range_last() or counts size down.
 */
#ifndef VMM_TYPES_H
#define VMM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t vmm_va_t;  /* virtual address, bytes */
typedef uint64_t vmm_pa_t;  /* physical address, bytes */
typedef uint64_t vmm_pfn_t; /* page frame number, pa >> VMM_PAGE_SHIFT */

/* The base page of every supported format: RISC-V Sv39/48/57 and x86-64. */
#define VMM_PAGE_SHIFT 12
#define VMM_PAGE_SIZE  (UINT64_C(1) << VMM_PAGE_SHIFT)

/* 2^64 bytes in pages: one past the last frame that an address can name. */
#define VMM_PFN_END (UINT64_C(1) << (64 - VMM_PAGE_SHIFT))

#define VMM_KIB(n) ((uint64_t)(n) << 10)
#define VMM_MIB(n) ((uint64_t)(n) << 20)
#define VMM_GIB(n) ((uint64_t)(n) << 30)
#define VMM_TIB(n) ((uint64_t)(n) << 40)

/* Is @n a power of two? 0 is not. */
static inline bool vmm_is_pow2(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* Is @value a multiple of @align, a power of two? */
static inline bool vmm_is_aligned(uint64_t value, uint64_t align)
{
	return (value & (align - 1)) == 0;
}

/* Round down to a multiple of @align, a power of two. */
static inline uint64_t vmm_align_down(uint64_t value, uint64_t align)
{
	return value & ~(align - 1);
}

/*
 * Round up to a multiple of @align, a power of two. A value above the last
 * multiple below 2^64 wraps to 0, which is smaller than @value: the caller's
 * test for overflow.
 */
static inline uint64_t vmm_align_up(uint64_t value, uint64_t align)
{
	return (value + (align - 1)) & ~(align - 1);
}

/*
 * Shift by a number that comes from memory, below 64. For x86-64, clang loads one
 * byte of it, into CL; the instruction then waits for whatever the register had
 * before, and calls that follow one another for each other.
 */
static inline uint64_t vmm_shift_right(uint64_t value, unsigned shift)
{
#if defined(__clang__) && defined(__x86_64__)
	__asm__("" : "+r"(shift)); /* the whole of it, in a register */
#endif
	return value >> shift;
}

static inline uint64_t vmm_shift_left(uint64_t value, unsigned shift)
{
#if defined(__clang__) && defined(__x86_64__)
	__asm__("" : "+r"(shift));
#endif
	return value << shift;
}

/* Is (base, size) a range: not empty, and not past 2^64? */
static inline bool vmm_range_ok(uint64_t base, uint64_t size)
{
	return size != 0 && size - 1 <= UINT64_MAX - base;
}

/* The last byte of a range. */
static inline uint64_t vmm_range_last(uint64_t base, uint64_t size)
{
	return base + (size - 1);
}

/* Does @addr lie inside the range (base, size)? */
static inline bool vmm_range_has(uint64_t base, uint64_t size, uint64_t addr)
{
	return addr - base < size;
}

/* Do two ranges share a byte? */
static inline bool vmm_range_overlaps(
	uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a - b < b_size || b - a < a_size;
}

static inline vmm_pfn_t vmm_pa_to_pfn(vmm_pa_t pa)
{
	return pa >> VMM_PAGE_SHIFT;
}

static inline vmm_pa_t vmm_pfn_to_pa(vmm_pfn_t pfn)
{
	return pfn << VMM_PAGE_SHIFT;
}

#ifdef __cplusplus
}
#endif

#endif /* VMM_TYPES_H */
