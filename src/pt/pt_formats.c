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
 * 60..54 are 0 as long as Svnapot and Svpbmt are not in use; vmm_pt_format_init()
 * puts them into a copy. RSW belongs to the supervisor's software.
 *
 * A and D are part of every leaf: where the hardware does not set them (Svade)
 * an entry without them faults, and not every kernel expects it to.
 *
 * A guest's stage (15.5.1 "Guest Physical Address Translation") has the same
 * entries under a root of 2048. All its accesses count as the user's, so U is
 * 1 in every leaf; G is reserved for future use and must be 0. Guest-physical
 * addresses are not sign-extended.
 *
 * Intel SDM volume 3A, 4.5 "4-Level Paging and 5-Level Paging". An entry of
 * x86-64:
 *
 *    63 62..59 58..52   51 ...... 12  11..9 8  7  6 5  4   3   2  1  0
 *   +--+------+-------+--------------+-----+-+---+-+-+---+---+---+--+-+
 *   |XD| PKEY |ignored|   address    |ignor|G|PS |D|A|PCD|PWT|U/S|RW|P|
 *   +--+------+-------+--------------+-----+-+---+-+-+---+---+---+--+-+
 *
 * PS makes an entry of 2 MiB or 1 GiB a leaf and is reserved above; in an
 * entry of 4 KiB it is PAT, which the larger leaves have in bit 12. RW and U/S
 * of a table's entry take away from all below it, so they are always set, and
 * the leaf alone decides. The processor sets A in them.
 *
 * PAT, PCD and PWT, in this order, are the number of an entry of the PAT, which
 * holds the memory type (3A, 12.12). NC is entry 6: uncacheable after reset,
 * write-combining once the kernel has said so, so that forgetting it is slow
 * and not wrong. IO is entry 3, uncacheable, and NORMAL is entry 0.
 *
 * An absent entry may hold a tag. Processors with the L1 terminal fault guess
 * at the address in it and look the cache up; so a tag comes with an address
 * that no memory has.
 */
#include <vmm/pt_format.h>

#define PTE_V	     (UINT64_C(1) << 0)
#define PTE_R	     (UINT64_C(1) << 1)
#define PTE_W	     (UINT64_C(1) << 2)
#define PTE_X	     (UINT64_C(1) << 3)
#define PTE_U	     (UINT64_C(1) << 4)
#define PTE_G	     (UINT64_C(1) << 5)
#define PTE_A	     (UINT64_C(1) << 6)
#define PTE_D	     (UINT64_C(1) << 7)
/* RSW, the software's: the library's, in root entries only. */
#define PTE_BORROWED (UINT64_C(1) << 8)
#define PTE_LENT     (UINT64_C(1) << 9)

/* An absent entry is the software's; this bit tells a tag from a leaf that has
 * lost its V. */
#define PTE_TAG (UINT64_C(1) << 58)

/* 44 bits of page number from bit 10: physical addresses of 56 bits. */
#define PTE_PPN (((UINT64_C(1) << 44) - 1) << 10)

#define ROOT_SHIFT(levels) (VMM_PAGE_SHIFT + VMM_PT_INDEX_BITS * ((levels)-1))
/* Half of what a root of 512 entries covers: where the sign bit is. */
#define HALF(levels)	   (UINT64_C(1) << (ROOT_SHIFT(levels) + 8))

/*
 * The modes of a stage differ in the number of levels and in nothing else; the
 * guest's stage has @wide = 2 more bits of address, and @leaf and @allowed.
 */
/* clang-format off */
#define RISCV_FORMAT(format_name, level_count, mode, wide, leaf, allowed)	\
	{									\
		.name = format_name,						\
		.levels = (level_count),					\
		.root_bits = VMM_PT_INDEX_BITS + (wide),			\
		.root_shift = ROOT_SHIFT(level_count),				\
		.root_mask = (1u << (VMM_PT_INDEX_BITS + (wide))) - 1,		\
		.va_bits = VMM_PAGE_SHIFT +					\
			VMM_PT_INDEX_BITS * (level_count) + (wide),		\
		.sign_extended = (wide) == 0,					\
		.half_bits = ROOT_SHIFT(level_count) + ((wide) == 0 ? 8 : 11),	\
		.va_bias = (wide) == 0 ? HALF(level_count) : 0,			\
		.va_limit = HALF(level_count) << ((wide) == 0 ? 1 : 3),		\
		.pa_bits = 56,							\
		.pa_shift = 2,							\
		.leaf_level_max = (level_count) - 1,				\
		.satp_mode = (mode),						\
		.exec_only = 1,							\
		.pa_mask = PTE_PPN,						\
		.valid = PTE_V,							\
		.leaf_mask = PTE_R | PTE_W | PTE_X,				\
		.table_mask = PTE_V | PTE_R | PTE_W | PTE_X,			\
		.own_mask = PTE_V | PTE_R | PTE_W | PTE_X | PTE_BORROWED |	\
			PTE_LENT,						\
		.table_bits = PTE_V,						\
		.leaf_bits = {(leaf), (leaf)},					\
		.types_allowed = 1u << 0 | 1u << (VMM_PT_IO >> VMM_PT_TYPE_SHIFT),	\
		.tag_bits = PTE_TAG,						\
		.user = PTE_U,							\
		.global = PTE_G,						\
		.soft = PTE_BORROWED | PTE_LENT,				\
		.borrowed = PTE_BORROWED,					\
		.lent = PTE_LENT,						\
		.prot_allowed = (allowed),					\
		.prot = {							\
			{.set = PTE_R},						\
			{.set = PTE_R | PTE_W},					\
			{.set = PTE_X},						\
			{.set = (allowed) & VMM_PT_USER ? PTE_U : 0},		\
			{.set = (allowed) & VMM_PT_GLOBAL ? PTE_G : 0},		\
		},								\
	}
#define STAGE(name, levels, mode)						\
	RISCV_FORMAT(name, levels, mode, 0, PTE_V | PTE_A | PTE_D, ALL)
#define GUEST_STAGE(name, levels, mode)						\
	RISCV_FORMAT(name, levels, mode, 2, PTE_V | PTE_A | PTE_D | PTE_U, RWX)
/* clang-format on */

#define RWX (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)
#define ALL (RWX | VMM_PT_USER | VMM_PT_GLOBAL)

const struct vmm_pt_format vmm_pt_sv39 = STAGE("sv39", 3, 8);
const struct vmm_pt_format vmm_pt_sv48 = STAGE("sv48", 4, 9);
const struct vmm_pt_format vmm_pt_sv57 = STAGE("sv57", 5, 10);
const struct vmm_pt_format vmm_pt_sv39x4 = GUEST_STAGE("sv39x4", 3, 8);
const struct vmm_pt_format vmm_pt_sv48x4 = GUEST_STAGE("sv48x4", 4, 9);
const struct vmm_pt_format vmm_pt_sv57x4 = GUEST_STAGE("sv57x4", 5, 10);

#define X86_P	      (UINT64_C(1) << 0)
#define X86_RW	      (UINT64_C(1) << 1)
#define X86_US	      (UINT64_C(1) << 2)
#define X86_PWT	      (UINT64_C(1) << 3)
#define X86_PCD	      (UINT64_C(1) << 4)
#define X86_A	      (UINT64_C(1) << 5)
#define X86_D	      (UINT64_C(1) << 6)
#define X86_PS	      (UINT64_C(1) << 7)
#define X86_PAT	      (UINT64_C(1) << 7)
#define X86_PAT_LARGE (UINT64_C(1) << 12)
#define X86_G	      (UINT64_C(1) << 8)
/* Ignored by the processor: the library's, in root entries only. */
#define X86_BORROWED  (UINT64_C(1) << 9)
#define X86_LENT      (UINT64_C(1) << 10)
#define X86_XD	      (UINT64_C(1) << 63)

/* 40 bits of page number from bit 12: physical addresses of 52 bits. */
#define X86_ADDRESS (((UINT64_C(1) << 40) - 1) << 12)
/* Ignored, or a protection key. */
#define X86_SOFT    ((UINT64_C(0x7ff) << 52) | (UINT64_C(7) << 9))
/* The highest bit of all addresses: no memory is cached behind it (L1TF). */
#define X86_NOWHERE (UINT64_C(1) << 51)

/* clang-format off */
#define X86_FORMAT(format_name, level_count)					\
	{									\
		.name = format_name,						\
		.levels = (level_count),					\
		.root_bits = VMM_PT_INDEX_BITS,					\
		.root_shift = ROOT_SHIFT(level_count),				\
		.root_mask = (1u << VMM_PT_INDEX_BITS) - 1,			\
		.va_bits = VMM_PAGE_SHIFT + VMM_PT_INDEX_BITS * (level_count),	\
		.sign_extended = 1,						\
		.half_bits = ROOT_SHIFT(level_count) + 8,			\
		.va_bias = HALF(level_count),					\
		.va_limit = HALF(level_count) << 1,				\
		.pa_bits = 52,							\
		.leaf_level_max = 2,						\
		.pa_mask = X86_ADDRESS,						\
		.valid = X86_P,							\
		.leaf_mask = X86_PS,						\
		.table_mask = X86_P | X86_PS,					\
		.own_mask = X86_P | X86_PS | X86_BORROWED | X86_LENT,		\
		.table_bits = X86_P | X86_RW | X86_US,				\
		.table_ignored = X86_A,						\
		.leaf_bits = {X86_P | X86_A | X86_D,				\
			X86_P | X86_A | X86_D | X86_PS},			\
		.tag_bits = X86_NOWHERE,					\
		.types_allowed = (1u << VMM_PT_TYPES) - 1,			\
		.type_mask = {X86_PWT | X86_PCD | X86_PAT,			\
			X86_PWT | X86_PCD | X86_PAT_LARGE},			\
		.type = {{0, X86_PAT | X86_PCD, X86_PCD | X86_PWT},		\
			{0, X86_PAT_LARGE | X86_PCD, X86_PCD | X86_PWT}},	\
		.user = X86_US,							\
		.global = X86_G,						\
		.soft = X86_SOFT,						\
		.borrowed = X86_BORROWED,					\
		.lent = X86_LENT,						\
		.prot_allowed = ALL,						\
		.prot = {							\
			{.set = X86_P},						\
			{.set = X86_P | X86_RW},				\
			{.unset = X86_XD},					\
			{.set = X86_US},					\
			{.set = X86_G},						\
		},								\
	}
/* clang-format on */

const struct vmm_pt_format vmm_pt_x86_64 = X86_FORMAT("x86_64", 4);
const struct vmm_pt_format vmm_pt_la57 = X86_FORMAT("la57", 5);
