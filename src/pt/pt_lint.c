/* SPDX-License-Identifier: MIT */
/*
 * The linter: what is wrong with the entries of a table, whoever wrote it.
 *
 * A leaf is compared with the one that the library would make of the same
 * address and protection; the bits that differ say what is wrong. Bits that
 * hardware ignores are the writer's business.
 */
#include "core/text.h"
#include "pt/pt_lint.h"

/* Characters, not pointers to them: see error.c. */
static const char reasons[][64] = {
	[VMM_PT_FINE] = "",
	[VMM_PT_TOO_LARGE] = "a leaf at a level that has none",
	[VMM_PT_TOO_FAR] = "an address that the format or the machine has not",
	[VMM_PT_NO_ACCESS] = "valid, but neither a leaf nor a table",
	[VMM_PT_WRITE_ONLY] = "W without R is reserved",
	[VMM_PT_MISALIGNED] =
		"a superpage whose address is not aligned to its size",
	[VMM_PT_NAPOT_FORM] = "N with a size that is reserved",
	[VMM_PT_NAPOT_GROUP] = "the 16 entries of a 64 KiB leaf differ",
	[VMM_PT_MEMORY_TYPE] =
		"a memory type that is reserved or not switched on",
	[VMM_PT_NOT_USER] = "a guest's leaf without U faults always",
	[VMM_PT_NOT_EXPRESSED] = "G is reserved in a guest's stage",
	[VMM_PT_NOT_PRESET] = "A or D is 0: faults where hardware sets neither",
	[VMM_PT_RESERVED] = "reserved bits are set",
	[VMM_PT_USER_GLOBAL] =
		"global, and the user's: seen by every address space",
	[VMM_PT_TABLE_BITS] =
		"reserved bits are set in a table's entry (A, D, U?)",
	[VMM_PT_TABLE_GLOBAL] = "G in a table's entry: all below is global",
	[VMM_PT_TABLE_TOO_FAR] =
		"a table at an address that the machine has not",
	[VMM_PT_TABLE_LOOP] = "the table is above itself",
};

static enum vmm_pt_reason lint_table(
	const struct vmm_pt_walker *w, uint64_t entry)
{
	const struct vmm_pt_format *format = w->pt->format;
	vmm_pa_t pa = vmm_pt_entry_pa(format, entry);
	uint64_t extra = entry & ~(format->pa_mask | format->table_bits |
					 format->table_ignored);

	if (pa >> format->pa_bits != 0)
		return VMM_PT_TABLE_TOO_FAR;
	for (unsigned l = w->level; l <= vmm_pt_root_level(w->pt); l++) {
		if (w->path[l].pa == pa)
			return VMM_PT_TABLE_LOOP;
	}
	if (extra != 0 && extra == format->prot[VMM_PT_GLOBAL_INDEX].set)
		return VMM_PT_TABLE_GLOBAL;
	return extra != 0 ? VMM_PT_TABLE_BITS : VMM_PT_FINE;
}

/* A leaf's form: is it what it says, where it says? */
static enum vmm_pt_reason lint_shape(
	const struct vmm_pt_walker *w, uint64_t entry)
{
	const struct vmm_pt_format *format = w->pt->format;
	unsigned level = w->level;
	bool napot = vmm_pt_is_napot(format, entry, level);
	uint64_t size = vmm_pt_leaf_span(format, entry, level);
	vmm_pa_t low =
		vmm_pt_entry_pa(format, entry & ~format->type_mask[level > 0]) &
		(size - 1);
	uint64_t writes = format->prot[1].set & ~format->prot[0].set;

	if (level > format->leaf_level_max)
		return VMM_PT_TOO_LARGE;
	if (vmm_pt_leaf_pa(format, entry, level, size - 1) >> format->pa_bits !=
		0)
		return VMM_PT_TOO_FAR;
	if ((entry & writes) != 0 &&
		(entry & format->prot[0].set) != format->prot[0].set)
		return VMM_PT_WRITE_ONLY;
	if ((vmm_pt_prot_decode(format, entry, level) &
		    (VMM_PT_READ | VMM_PT_EXEC)) == 0)
		return VMM_PT_NO_ACCESS;
	if (napot && low != VMM_PT_NAPOT_ADDRESS)
		return VMM_PT_NAPOT_FORM;
	if (level > 0 && (entry & format->napot) != 0)
		return VMM_PT_NAPOT_FORM;
	return !napot && low != 0 ? VMM_PT_MISALIGNED : VMM_PT_FINE;
}

/* All entries of a group are alike, but for A and D. */
static bool group_differs(const struct vmm_pt_walker *w)
{
	const struct vmm_pt_format *format = w->pt->format;
	const uint64_t *group = vmm_pt_table(w->pt, w->path[0].pa) +
				(w->index & ~(VMM_PT_NAPOT_ENTRIES - 1));
	uint64_t mask = ~(format->tracked | format->soft);

	if (!vmm_pt_is_napot(format, w->entry, w->level))
		return false;
	for (unsigned i = 0; i < VMM_PT_NAPOT_ENTRIES; i++) {
		if (((vmm_pt_load(&group[i]) ^ w->entry) & mask) != 0)
			return true;
	}
	return false;
}

/* A leaf's bits beside its address. */
static enum vmm_pt_reason lint_bits(
	const struct vmm_pt_walker *w, uint64_t entry)
{
	const struct vmm_pt_format *format = w->pt->format;
	unsigned above = w->level > 0 ? 1 : 0;
	unsigned prot = vmm_pt_prot_decode(format, entry, w->level);
	uint64_t type = format->type[above][(prot & VMM_PT_TYPE_MASK) >>
					    VMM_PT_TYPE_SHIFT];
	uint64_t missing = format->leaf_bits[above] & ~entry;
	struct vmm_pt_leaf_bits bits;
	uint64_t extra;

	if ((entry & format->type_mask[above]) != type)
		return VMM_PT_MEMORY_TYPE;
	if (missing != 0)
		return (missing & format->user) != 0 ? VMM_PT_NOT_USER
						     : VMM_PT_NOT_PRESET;
	if (vmm_pt_prot_encode(format, prot, &bits) != VMM_OK)
		return VMM_PT_RESERVED;
	extra = entry & ~(bits.at[above] | format->napot | format->pa_mask |
				format->type_mask[above]);
	if (extra != 0)
		return (extra & format->global) == extra ? VMM_PT_NOT_EXPRESSED
							 : VMM_PT_RESERVED;
	if ((prot & VMM_PT_GLOBAL) != 0 && (prot & VMM_PT_USER) != 0)
		return VMM_PT_USER_GLOBAL;
	return VMM_PT_FINE;
}

static enum vmm_pt_reason lint_leaf(
	const struct vmm_pt_walker *w, uint64_t entry)
{
	enum vmm_pt_reason reason = lint_shape(w, entry);

	if (reason == VMM_PT_FINE)
		reason = lint_bits(w, entry);
	if (reason == VMM_PT_FINE && group_differs(w))
		reason = VMM_PT_NAPOT_GROUP;
	return reason;
}

enum vmm_pt_reason vmm_pt_reason_of(const struct vmm_pt_walker *w)
{
	const struct vmm_pt_format *format = w->pt->format;
	uint64_t entry = w->entry & ~format->soft;

	return vmm_pt_is_table(format, entry, w->level) ? lint_table(w, entry)
							: lint_leaf(w, entry);
}

const char *vmm_pt_reason_text(enum vmm_pt_reason reason)
{
	return reasons[reason];
}

static void report(const struct vmm_sink *sink, const struct vmm_pt_walker *w,
	enum vmm_pt_reason reason)
{
	vmm_text_range(sink, w->va, vmm_pt_leaf_size(w->level));
	vmm_text_str(sink, " level ");
	vmm_text_dec(sink, w->level, 0);
	vmm_text_str(sink, " entry ");
	vmm_text_addr(sink, w->entry);
	vmm_text_str(sink, ": ");
	vmm_text_str(sink, reasons[reason]);
	vmm_text_str(sink, "\n");
}

/* Look at one entry; true if it is a table's that can be entered. */
static bool lint_entry(const struct vmm_pt_walker *w,
	const struct vmm_sink *sink, uint64_t *wrong)
{
	const struct vmm_pt_format *format = w->pt->format;
	uint64_t entry = w->entry & ~format->soft;
	bool table = vmm_pt_is_table(format, entry, w->level);
	enum vmm_pt_reason reason;

	if (!vmm_pt_is_valid(format, entry))
		return false;
	reason = vmm_pt_reason_of(w);
	if (reason != VMM_PT_FINE) {
		++*wrong;
		report(sink, w, reason);
	}
	return table && reason != VMM_PT_TABLE_LOOP &&
	       reason != VMM_PT_TABLE_TOO_FAR;
}

uint64_t vmm_pt_lint(const struct vmm_pt *pt, uint64_t tables_max,
	const struct vmm_sink *sink)
{
	struct vmm_pt_walker walker;
	uint64_t tables = 1;
	uint64_t wrong = 0;

	vmm_pt_walker_init(&walker, pt);
	for (;;) {
		if (!vmm_pt_walker_next(&walker)) {
			if (!vmm_pt_walker_leave(&walker))
				return wrong;
			continue;
		}
		if (!lint_entry(&walker, sink, &wrong))
			continue;
		if (tables++ == tables_max) {
			vmm_text_str(sink, "more tables than asked\n");
			return wrong + 1;
		}
		vmm_pt_walker_enter(&walker);
	}
}
