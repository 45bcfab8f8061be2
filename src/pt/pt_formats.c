/* SPDX-License-Identifier: MIT */
/*
 * The formats, as rows of constants.
 *
 * RISC-V Privileged 1.13, 12.4 to 12.6. An entry of Sv39, Sv48 and Sv57:
 *
 *    63 62..61 60..54   53 ...... 10  9 8  7 6 5 4 3 2 1 0
 *   +--+------+--------+-------------+----+-+-+-+-+-+-+-+-+
 *   |N | PBMT |reserved|     PPN     |RSW |D|A|G|U|X|W|R|V|
 *   +--+------+--------+-------------+----+-+-+-+-+-+-+-+-+
 *
 * A valid entry with R = W = X = 0 points to the next table, and its D, A and
 * U are reserved and must be 0. W = 1 with R = 0 is reserved. N, PBMT and bits
 * 60..54 are 0 as long as Svnapot and Svpbmt are not in use. RSW belongs to
 * the supervisor's software.
 *
 * A and D are part of every leaf: where the hardware does not set them (Svade)
 * an entry without them faults, and not every kernel expects it to.
 */
#include <vmm/pt.h>

#define PTE_V	     (UINT64_C(1) << 0)
#define PTE_R	     (UINT64_C(1) << 1)
#define PTE_W	     (UINT64_C(1) << 2)
#define PTE_X	     (UINT64_C(1) << 3)
#define PTE_U	     (UINT64_C(1) << 4)
#define PTE_G	     (UINT64_C(1) << 5)
#define PTE_A	     (UINT64_C(1) << 6)
#define PTE_D	     (UINT64_C(1) << 7)
/* RSW: the library's, in root entries only. */
#define PTE_BORROWED (UINT64_C(1) << 8)
#define PTE_LENT     (UINT64_C(1) << 9)

/* 44 bits of page number from bit 10: physical addresses of 56 bits. */
#define PTE_PPN	     (((UINT64_C(1) << 44) - 1) << 10)
#define PTE_RESERVED (~UINT64_C(0) << 54)

/* Sv39, Sv48 and Sv57 differ in the number of levels and in nothing else. */
/* clang-format off */
#define RISCV_FORMAT(format_name, level_count, mode)				\
	{									\
		.name = format_name,						\
		.levels = (level_count),					\
		.root_bits = VMM_PT_INDEX_BITS,					\
		.va_bits = VMM_PAGE_SHIFT + VMM_PT_INDEX_BITS * (level_count),	\
		.sign_extended = 1,						\
		.pa_bits = 56,							\
		.pa_shift = 2,							\
		.leaf_level_max = (level_count) - 1,				\
		.satp_mode = (mode),						\
		.pa_mask = PTE_PPN,						\
		.valid = PTE_V,							\
		.leaf_mask = PTE_R | PTE_W | PTE_X,				\
		.table_bits = PTE_V,						\
		.leaf_bits = {PTE_V | PTE_A | PTE_D, PTE_V | PTE_A | PTE_D},	\
		.leaf_forbidden = PTE_RESERVED,					\
		.borrowed = PTE_BORROWED,					\
		.lent = PTE_LENT,						\
		.prot_allowed = (1u << VMM_PT_PROT_COUNT) - 1,			\
		.prot = {							\
			{.set = PTE_R},						\
			{.set = PTE_R | PTE_W},					\
			{.set = PTE_X},						\
			{.set = PTE_U},						\
			{.set = PTE_G},						\
		},								\
	}
/* clang-format on */

const struct vmm_pt_format vmm_pt_sv39 = RISCV_FORMAT("sv39", 3, 8);
const struct vmm_pt_format vmm_pt_sv48 = RISCV_FORMAT("sv48", 4, 9);
const struct vmm_pt_format vmm_pt_sv57 = RISCV_FORMAT("sv57", 5, 10);
