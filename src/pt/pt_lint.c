/* SPDX-License-Identifier: MIT */
/*
 * The linter: what is wrong with the entries of a table, whoever wrote it.
 *
 * A leaf is compared with the one that the library would make of the same
 * address and protection; the bits that differ say what is wrong. Bits that
 * hardware ignores are the writer's business.
 */
#include "core/text.h"
#include "pt/pt_walker.h"

/* In the order in which they are looked for; the first one is named. */
enum reason {
	FINE,
	TOO_LARGE,
	TOO_FAR,
	NO_ACCESS,
	WRITE_ONLY,
	MISALIGNED,
	NAPOT_FORM,
	NAPOT_GROUP,
	MEMORY_TYPE,
	NOT_USER,
	NOT_EXPRESSED,
	NOT_PRESET,
	RESERVED,
	USER_GLOBAL,
	TABLE_BITS,
	TABLE_GLOBAL,
	TABLE_TOO_FAR,
	TABLE_LOOP,
};

/* Characters, not pointers to them: see error.c. */
static const char reasons[][64] = {
	[FINE] = "",
	[TOO_LARGE] = "a leaf at a level that has none",
	[TOO_FAR] = "an address that the format or the machine has not",
	[NO_ACCESS] = "valid, but neither a leaf nor a table",
	[WRITE_ONLY] = "W without R is reserved",
	[MISALIGNED] = "a superpage whose address is not aligned to its size",
	[NAPOT_FORM] = "N with a size that is reserved",
	[NAPOT_GROUP] = "the 16 entries of a 64 KiB leaf differ",
	[MEMORY_TYPE] = "a memory type that is reserved or not switched on",
	[NOT_USER] = "a guest's leaf without U faults always",
	[NOT_EXPRESSED] = "G is reserved in a guest's stage",
	[NOT_PRESET] = "A or D is 0: faults where hardware sets neither",
	[RESERVED] = "reserved bits are set",
	[USER_GLOBAL] = "global, and the user's: seen by every address space",
	[TABLE_BITS] = "reserved bits are set in a table's entry (A, D, U?)",
	[TABLE_GLOBAL] = "G in a table's entry: all below is global",
	[TABLE_TOO_FAR] = "a table at an address that the machine has not",
	[TABLE_LOOP] = "the table is above itself",
};

static enum reason lint_table(const struct vmm_pt_walker *w, uint64_t entry)
{
	const struct vmm_pt_format *format = w->pt->format;
	vmm_pa_t pa = vmm_pt_entry_pa(format, entry);
	uint64_t extra = entry & ~(format->pa_mask | format->table_bits |
					 format->table_ignored);

	if (pa >> format->pa_bits != 0)
		return TABLE_TOO_FAR;
	for (unsigned l = w->level; l <= vmm_pt_root_level(w->pt); l++) {
		if (w->path[l].pa == pa)
			return TABLE_LOOP;
	}
	if (extra != 0 && extra == format->prot[VMM_PT_GLOBAL_INDEX].set)
		return TABLE_GLOBAL;
	return extra != 0 ? TABLE_BITS : FINE;
}

/* A leaf's form: is it what it says, where it says? */
static enum reason lint_shape(const struct vmm_pt_walker *w, uint64_t entry)
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
		return TOO_LARGE;
	if (vmm_pt_leaf_pa(format, entry, level, size - 1) >> format->pa_bits !=
		0)
		return TOO_FAR;
	if ((entry & writes) != 0 &&
		(entry & format->prot[0].set) != format->prot[0].set)
		return WRITE_ONLY;
	if ((vmm_pt_prot_decode(format, entry, level) &
		    (VMM_PT_READ | VMM_PT_EXEC)) == 0)
		return NO_ACCESS;
	if (napot && low != VMM_PT_NAPOT_ADDRESS)
		return NAPOT_FORM;
	if (level > 0 && (entry & format->napot) != 0)
		return NAPOT_FORM;
	return !napot && low != 0 ? MISALIGNED : FINE;
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
static enum reason lint_bits(const struct vmm_pt_walker *w, uint64_t entry)
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
		return MEMORY_TYPE;
	if (missing != 0)
		return (missing & format->user) != 0 ? NOT_USER : NOT_PRESET;
	if (vmm_pt_prot_encode(format, prot, &bits) != VMM_OK)
		return RESERVED;
	extra = entry & ~(bits.at[above] | format->napot | format->pa_mask |
				format->type_mask[above]);
	if (extra != 0)
		return (extra & format->global) == extra ? NOT_EXPRESSED
							 : RESERVED;
	if ((prot & VMM_PT_GLOBAL) != 0 && (prot & VMM_PT_USER) != 0)
		return USER_GLOBAL;
	return FINE;
}

static enum reason lint_leaf(const struct vmm_pt_walker *w, uint64_t entry)
{
	enum reason reason = lint_shape(w, entry);

	if (reason == FINE && group_differs(w))
		reason = NAPOT_GROUP;
	return reason == FINE ? lint_bits(w, entry) : reason;
}

static void report(const struct vmm_sink *sink, const struct vmm_pt_walker *w,
	enum reason reason)
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
	enum reason reason;

	if (!vmm_pt_is_valid(format, entry))
		return false;
	reason = table ? lint_table(w, entry) : lint_leaf(w, entry);
	if (reason != FINE) {
		++*wrong;
		report(sink, w, reason);
	}
	return table && reason != TABLE_LOOP && reason != TABLE_TOO_FAR;
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
