/* SPDX-License-Identifier: MIT */
/*
 * Entries, as the specifications describe them. RISC-V Privileged 1.13, 12.3
 * to 12.6; Svnapot; Svpbmt; 15.5.1 (guest stage). Intel
 * SDM 3A, 4.5.4 "Linear-Address Translation with 4-Level Paging and 5-Level
 * Paging", tables 4-14 to 4-20; 4.6 "Access Rights".
 */
#include "mmu_internal.h"

static const struct format sv39 = {"sv39", 3, 9, 39, true, false, false};
static const struct format sv48 = {"sv48", 4, 9, 48, true, false, false};
static const struct format sv57 = {"sv57", 5, 9, 57, true, false, false};
static const struct format sv39x4 = {"sv39x4", 3, 11, 41, false, false, true};
static const struct format sv48x4 = {"sv48x4", 4, 11, 50, false, false, true};
static const struct format sv57x4 = {"sv57x4", 5, 11, 59, false, false, true};
static const struct format level4 = {"4-level", 4, 9, 48, true, true, false};
static const struct format level5 = {"5-level", 5, 9, 57, true, true, false};

/* MODE is bits 63..60: 0 bare, 8, 9, 10 (table "Encoding of satp MODE"). */
const struct format *mmu_format_riscv(uint64_t satp, bool guest_stage)
{
	switch (satp >> 60) {
	case 8:
		return guest_stage ? &sv39x4 : &sv39;
	case 9:
		return guest_stage ? &sv48x4 : &sv48;
	case 10:
		return guest_stage ? &sv57x4 : &sv57;
	default:
		return NULL;
	}
}

const struct format *mmu_format_x86(unsigned features)
{
	return (features & VMM_MMU_LA57) != 0 ? &level5 : &level4;
}

bool mmu_canonical(const struct format *format, uint64_t va)
{
	uint64_t above;

	if (!format->sign)
		return va >> format->va_bits == 0;
	above = va >> (format->va_bits - 1);
	return above == 0 || above == UINT64_MAX >> (format->va_bits - 1);
}

unsigned mmu_shift(unsigned level)
{
	return 12 + 9 * level;
}

unsigned mmu_index(const struct format *format, unsigned level, uint64_t va)
{
	unsigned bits = level == format->levels - 1 ? format->root_bits : 9;

	return (unsigned)(va >> mmu_shift(level)) & ((1u << bits) - 1);
}

static bool bit(uint64_t raw, unsigned at)
{
	return (raw >> at & 1) != 0;
}

static void reserved(struct entry *out, enum vmm_mmu_reason reason)
{
	out->kind = ENTRY_RESERVED;
	out->reason = reason;
}

/*
 *    63 62..61 60..54   53 ...... 10  9 8  7 6 5 4 3 2 1 0
 *   |N | PBMT |reserved|     PPN     |RSW |D|A|G|U|X|W|R|V|
 */
static void decode_riscv(const struct format *format, unsigned features,
	unsigned level, uint64_t raw, struct entry *out)
{
	const uint64_t ppn = raw >> 10 & ((UINT64_C(1) << 44) - 1);
	const unsigned pbmt = (unsigned)(raw >> 61) & 3;

	out->pa = ppn << 12;
	out->r = bit(raw, 1);
	out->w = bit(raw, 2);
	out->x = bit(raw, 3);
	out->u = bit(raw, 4);
	/* 15.5.1: in the second stage G must be ignored by hardware. */
	out->g = bit(raw, 5) && !format->guest_stage;
	out->a = bit(raw, 6);
	out->d = bit(raw, 7);
	out->type = pbmt;
	/* 12.3.2 step 3. */
	if (out->w && !out->r) {
		reserved(out, VMM_MMU_W_WITHOUT_R);
	} else if ((raw >> 54 & 0x7f) != 0 ||
		   (bit(raw, 63) && (features & VMM_MMU_SVNAPOT) == 0) ||
		   (pbmt != 0 && (features & VMM_MMU_SVPBMT) == 0)) {
		reserved(out, VMM_MMU_RESERVED_BITS);
	} else if (!out->r && !out->x) {
		/* Step 4, and the reserved bits of non-leaf entries: 12.3.1. */
		out->kind = ENTRY_TABLE;
		if (pbmt != 0)
			reserved(out, VMM_MMU_RESERVED_PBMT);
		else if (bit(raw, 63))
			reserved(out, VMM_MMU_RESERVED_NAPOT);
		else if (out->u || out->a || out->d)
			reserved(out, VMM_MMU_TABLE_ADU);
		else if (level == 0)
			reserved(out, VMM_MMU_NO_LEAF);
	} else if (pbmt == 3) {
		reserved(out, VMM_MMU_RESERVED_PBMT);
	} else if (bit(raw, 63)) {
		/* Table "encodings when pte.N=1": ppn[0] ends in 1000. */
		out->kind = ENTRY_LEAF;
		out->napot = true;
		if (level != 0 || (ppn & 15) != 8)
			reserved(out, VMM_MMU_RESERVED_NAPOT);
	} else {
		out->kind = ENTRY_LEAF;
		/* Step 6. */
		if ((ppn & ((UINT64_C(1) << 9 * level) - 1)) != 0)
			reserved(out, VMM_MMU_MISALIGNED);
	}
}

/*
 *    63 62..59 58..52   51 ...... 12  11..9 8  7  6 5  4   3   2  1  0
 *   |XD| PKEY |ignored|   address    |ignor|G|PS |D|A|PCD|PWT|US|RW|P|
 */
static void decode_x86(
	unsigned features, unsigned level, uint64_t raw, struct entry *out)
{
	const uint64_t address = raw & (((UINT64_C(1) << 40) - 1) << 12);
	const bool large = level > 0 && bit(raw, 7);
	const bool leaf = level == 0 || large;
	const uint64_t inside = (UINT64_C(1) << mmu_shift(level)) - 1;

	out->r = true;
	out->w = bit(raw, 1);
	out->u = bit(raw, 2);
	out->x = !bit(raw, 63);
	out->a = bit(raw, 5);
	out->kind = leaf ? ENTRY_LEAF : ENTRY_TABLE;
	out->pa = address;
	if (leaf) {
		/* PAT is bit 7 of a small page, bit 12 of a large one. */
		out->type = (unsigned)(raw >> 3 & 3);
		out->type |= (unsigned)(raw >> (large ? 12 : 7) & 1) << 2;
		out->g = bit(raw, 8) && (features & VMM_MMU_PGE) != 0;
		out->d = bit(raw, 6);
	}
	if ((bit(raw, 63) && (features & VMM_MMU_NXE) == 0) ||
		(large && level > 2)) {
		reserved(out, VMM_MMU_RESERVED_BITS);
	} else if (large) {
		/* Bits from 13 up to the size are reserved. */
		out->pa &= ~(UINT64_C(1) << 12);
		if ((out->pa & inside) != 0)
			reserved(out, VMM_MMU_MISALIGNED);
	}
}

void mmu_decode(const struct format *format, unsigned features, unsigned level,
	uint64_t raw, struct entry *out)
{
	*out = (struct entry){.kind = ENTRY_ABSENT, .reason = VMM_MMU_ABSENT};
	/* V and P are both bit 0; without it nothing else has a meaning. */
	if (!bit(raw, 0))
		return;
	out->reason = VMM_MMU_NO_REASON;
	if (format->x86)
		decode_x86(features, level, raw, out);
	else
		decode_riscv(format, features, level, raw, out);
}

void mmu_path_start(struct entry *path)
{
	*path = (struct entry){.kind = ENTRY_TABLE,
		.r = true,
		.w = true,
		.x = true,
		.u = true,
		.a = true};
}

/*
 * RISC-V: G of a table holds for all below it (12.3.1), other bits have no
 * effect. x86-64: R/W, U/S and XD count in every entry (4.6).
 */
void mmu_inherit(const struct format *format, const struct entry *table,
	struct entry *below)
{
	if (format->x86) {
		below->w = below->w && table->w;
		below->x = below->x && table->x;
		below->u = below->u && table->u;
		/* 4.10.2.3: nothing is cached unless A is set on all of it. */
		below->a = below->a && table->a;
	} else {
		below->g = below->g || table->g;
	}
}

/* 12.3.1; 15.5.1: the second stage takes every access for the user's. */
static enum vmm_mmu_reason permit_riscv(
	const struct format *format, const struct entry *leaf, unsigned how)
{
	unsigned mxr = VMM_MMU_HS_MXR;

	if (format->guest_stage) {
		if (!leaf->u)
			return VMM_MMU_PRIVILEGE;
	} else {
		mxr |= VMM_MMU_MXR;
		if ((how & VMM_MMU_USER) != 0) {
			if (!leaf->u)
				return VMM_MMU_PRIVILEGE;
		} else if (leaf->u && ((how & VMM_MMU_EXEC) != 0 ||
					      (how & VMM_MMU_SUM) == 0)) {
			return VMM_MMU_PRIVILEGE;
		}
	}
	if (((how & VMM_MMU_READ) != 0 && !leaf->r &&
		    !((how & mxr) != 0 && leaf->x)) ||
		((how & VMM_MMU_WRITE) != 0 && !leaf->w) ||
		((how & VMM_MMU_EXEC) != 0 && !leaf->x))
		return VMM_MMU_DENIED;
	return VMM_MMU_NO_REASON;
}

static enum vmm_mmu_reason permit_x86(
	unsigned features, const struct entry *leaf, unsigned how)
{
	if ((how & VMM_MMU_USER) != 0) {
		if (!leaf->u)
			return VMM_MMU_PRIVILEGE;
		if ((how & VMM_MMU_WRITE) != 0 && !leaf->w)
			return VMM_MMU_DENIED;
	} else {
		if (leaf->u && (how & VMM_MMU_EXEC) != 0 &&
			(features & VMM_MMU_SMEP) != 0)
			return VMM_MMU_PRIVILEGE;
		if (leaf->u && (how & VMM_MMU_EXEC) == 0 &&
			(how & VMM_MMU_SUM) == 0 &&
			(features & VMM_MMU_SMAP) != 0)
			return VMM_MMU_PRIVILEGE;
		if ((how & VMM_MMU_WRITE) != 0 && !leaf->w &&
			(features & VMM_MMU_WP) != 0)
			return VMM_MMU_DENIED;
	}
	if ((how & VMM_MMU_EXEC) != 0 && !leaf->x)
		return VMM_MMU_DENIED;
	return VMM_MMU_NO_REASON;
}

enum vmm_mmu_reason mmu_permit(const struct format *format, unsigned features,
	const struct entry *leaf, unsigned how)
{
	enum vmm_mmu_reason reason = format->x86
					     ? permit_x86(features, leaf, how)
					     : permit_riscv(format, leaf, how);

	if (reason != VMM_MMU_NO_REASON)
		return reason;
	/* 12.3.2 step 7. x86-64 and Svadu set the bits. */
	if (format->x86 || (features & VMM_MMU_SVADU) != 0)
		return VMM_MMU_NO_REASON;
	if (!leaf->a)
		return VMM_MMU_A_CLEAR;
	if ((how & VMM_MMU_WRITE) != 0 && !leaf->d)
		return VMM_MMU_D_CLEAR;
	return VMM_MMU_NO_REASON;
}

uint64_t mmu_leaf_pa(const struct entry *leaf, unsigned level, uint64_t va)
{
	/* Svnapot: the low four bits of the page number come from the address.
	 */
	const unsigned shift = leaf->napot ? 16 : mmu_shift(level);
	const uint64_t inside = (UINT64_C(1) << shift) - 1;

	return (leaf->pa & ~inside) | (va & inside);
}

/*
 * A NAPOT entry may be held as sixteen, and then a fence by address takes one
 * of them (Svnapot); so it counts as what one page of it is.
 */
uint64_t mmu_span(const struct entry *entry, unsigned level)
{
	return entry->napot ? PAGE : UINT64_C(1) << mmu_shift(level);
}
