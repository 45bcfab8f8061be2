/* SPDX-License-Identifier: MIT */
/*
 * What only some machines have, written into a copy of a format's row.
 *
 * Svpbmt: bits 62..61 of a leaf are its memory type: 0 as the PMAs say, 1 NC
 * (not cacheable, idempotent, weakly ordered), 2 IO (not cacheable, strongly
 * ordered), 3 reserved. In an entry that points to a table they are 0.
 *
 * T-Head C906, C910: bit 63 strong order, 62 cacheable, 61 bufferable, 60
 * shareable, 59 trustable; memory needs 62 to 60 set, and a device 63 and 60
 * (C906 user manual, "Page table attributes"; these cores came before Svpbmt).
 *
 * Svnapot: bit 63 of a leaf at level 0 with 1000 in the last four bits of its
 * page number stands for 64 KiB; all other patterns are reserved.
 */
#include <vmm/pt_format.h>

#define BIT(n) (UINT64_C(1) << (n))

#define RISCV_FEATURES (VMM_PT_SVPBMT | VMM_PT_THEAD | VMM_PT_SVNAPOT)

struct types {
	uint64_t mask;
	uint64_t type[VMM_PT_TYPES];
};

static const struct types svpbmt = {BIT(62) | BIT(61), {0, BIT(61), BIT(62)}};
static const struct types thead = {
	BIT(63) | BIT(62) | BIT(61) | BIT(60) | BIT(59),
	{BIT(62) | BIT(61) | BIT(60), BIT(61) | BIT(60), BIT(63) | BIT(60)}};

static void set_types(struct vmm_pt_format *format, const struct types *types)
{
	format->types_allowed = (1u << VMM_PT_TYPES) - 1;
	for (unsigned i = 0; i < 2; i++) {
		format->type_mask[i] = types->mask;
		for (unsigned t = 0; t < VMM_PT_TYPES; t++)
			format->type[i][t] = types->type[t];
	}
}

/* A and D leave what is preset, and become flags like any other. */
static void set_tracking(struct vmm_pt_format *format, bool riscv)
{
	/* Bits 6 and 7 of an entry of RISC-V, 5 and 6 of one of x86-64. */
	const uint64_t accessed = riscv ? BIT(6) : BIT(5);
	const uint64_t dirty = accessed << 1;

	format->tracked = accessed | dirty;
	format->special_mask = format->valid;
	format->leaf_bits[0] &= ~format->tracked;
	format->leaf_bits[1] &= ~format->tracked;
	format->prot[5].set = accessed;
	format->prot[6].set = dirty;
	format->prot_allowed |= VMM_PT_ACCESSED | VMM_PT_DIRTY;
}

VMM_RARE int vmm_pt_format_init(struct vmm_pt_format *format,
	const struct vmm_pt_format *base, unsigned features)
{
	bool riscv = base->satp_mode != 0;

	if (features >= VMM_PT_TRACK << 1 ||
		((features & VMM_PT_THEAD) != 0 &&
			(features & (VMM_PT_SVPBMT | VMM_PT_SVNAPOT)) != 0))
		return VMM_EINVAL;
	if (!riscv && (features & RISCV_FEATURES) != 0)
		return VMM_ENOTSUP;
	*format = *base;
	if ((features & VMM_PT_SVPBMT) != 0)
		set_types(format, &svpbmt);
	if ((features & VMM_PT_THEAD) != 0)
		set_types(format, &thead);
	if ((features & VMM_PT_SVNAPOT) != 0)
		format->special_mask = format->napot = BIT(63);
	if ((features & VMM_PT_NO_GIGA) != 0)
		format->leaf_level_max = 1;
	if ((features & VMM_PT_TRACK) != 0)
		set_tracking(format, riscv);
	return VMM_OK;
}
