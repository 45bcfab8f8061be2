/* SPDX-License-Identifier: MIT */
/*
 * Reading a table, entry by entry: what the library's other modules may use of
 * src/pt beyond its public headers, and all that they may. They only read, and
 * only where a call for each page would cost as much as what is done there, or
 * would change something: a fault decides by one entry, a fork lists the 512 of
 * a table in one loop, a new span asks whose the root's entries are.
 *
 * Entries of a live table are read and written by hardware at any time, so
 * they are only ever accessed as whole, aligned 64-bit words: the
 * specification gives no meaning to a narrower store, and a memset() may do
 * one.
 */
#ifndef VMM_PT_WALK_H
#define VMM_PT_WALK_H

#include <vmm/pt.h>

#define VMM_PT_ENTRIES (1u << VMM_PT_INDEX_BITS)

/* The rows of a format's protection table that stand for these flags. */
#define VMM_PT_WRITE_INDEX    1
#define VMM_PT_GLOBAL_INDEX   4
#define VMM_PT_ACCESSED_INDEX 5
#define VMM_PT_DIRTY_INDEX    6

/* log2 of the bytes that one entry of a table at @level covers. */
static inline unsigned vmm_pt_shift(unsigned level)
{
	return VMM_PAGE_SHIFT + VMM_PT_INDEX_BITS * level;
}

static inline uint64_t vmm_pt_load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

/* The table at a physical address, as a pointer. */
static inline uint64_t *vmm_pt_table(const struct vmm_pt *pt, vmm_pa_t pa)
{
	return (uint64_t *)(uintptr_t)(pa + pt->offset);
}

static inline unsigned vmm_pt_root_level(const struct vmm_pt *pt)
{
	return pt->format->levels - 1u;
}

/* The index of @va in a table below the root; in a root of 512 as well. */
static inline unsigned vmm_pt_index(vmm_va_t va, unsigned level)
{
	return (unsigned)(va >> vmm_pt_shift(level)) & (VMM_PT_ENTRIES - 1);
}

static inline bool vmm_pt_is_valid(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return (entry & format->valid) != 0;
}

/* A valid entry that points to a table; the opposite of a leaf. */
static inline bool vmm_pt_is_table(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	return level > 0 && vmm_pt_is_valid(format, entry) &&
	       (entry & format->leaf_mask) == 0;
}

/* The address of the table that an entry points to. */
static inline vmm_pa_t vmm_pt_entry_pa(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return (entry & format->pa_mask) << format->pa_shift;
}

/*
 * What a leaf makes of @va. The address bits below the leaf's size are not the
 * address's (x86-64: PAT, Svnapot: the size).
 */
vmm_pa_t vmm_pt_leaf_pa(const struct vmm_pt_format *format, uint64_t entry,
	unsigned level, vmm_va_t va);

/* The root's entry for @va. */
static inline uint64_t *vmm_pt_root_entry(const struct vmm_pt *pt, vmm_va_t va)
{
	return vmm_pt_table(pt, pt->root) +
	       ((va >> pt->format->root_shift) & pt->format->root_mask);
}

/* Where a walk has come to. */
struct vmm_pt_point {
	uint64_t *entry;
	unsigned level; /* of the table that it is in */
};

/*
 * The entry that says what @va is: a leaf, an absent one, or a tag; whoever's
 * the table is. @va is canonical.
 */
static inline struct vmm_pt_point vmm_pt_walk(
	const struct vmm_pt *pt, vmm_va_t va)
{
	const struct vmm_pt_format *format = pt->format;
	struct vmm_pt_point point = {
		vmm_pt_root_entry(pt, va), vmm_pt_root_level(pt)};

	while (point.level > 0) {
		uint64_t value = vmm_pt_load(point.entry);

		if (!vmm_pt_is_table(format, value, point.level))
			break;
		point.level--;
		point.entry = vmm_pt_table(pt, vmm_pt_entry_pa(format, value)) +
			      vmm_pt_index(va, point.level);
	}
	return point;
}

/* How far @va is from the end of the span of its entry at @level. */
static inline uint64_t vmm_pt_span_left(vmm_va_t va, unsigned level)
{
	uint64_t span = vmm_pt_leaf_size(level);

	return span - (va & (span - 1));
}

/*
 * Is (va, size), a multiple of @align, a range that @pt can translate?
 * VMM_EINVAL or VMM_ERANGE.
 */
VMM_NODISCARD int vmm_pt_range_check(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size, uint64_t align);

/* The bits of a protection, for leaves at level 0 and above; see pt_prot.c. */
VMM_NODISCARD int vmm_pt_prot_encode(const struct vmm_pt_format *format,
	unsigned prot, struct vmm_pt_leaf_bits *bits_out);

#endif /* VMM_PT_WALK_H */
