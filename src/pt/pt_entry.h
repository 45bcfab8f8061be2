/* SPDX-License-Identifier: MIT */
/*
 * Entries, tables and ranges: the small words in which the page-table
 * operations are written. Private to src/pt.
 *
 * Entries of a live table are read and written by hardware at any time, so
 * they are only ever accessed as whole, aligned 64-bit words: the
 * specification gives no meaning to a narrower store, and a memset() may do
 * one.
 */
#ifndef VMM_PT_ENTRY_H
#define VMM_PT_ENTRY_H

#include <vmm/pt.h>

#define VMM_PT_ENTRIES (1u << VMM_PT_INDEX_BITS)

/* The row of a format's protection table that stands for VMM_PT_GLOBAL. */
#define VMM_PT_GLOBAL_INDEX 4

/* log2 of the bytes that one entry of a table at @level covers. */
static inline unsigned vmm_pt_shift(unsigned level)
{
	return VMM_PAGE_SHIFT + VMM_PT_INDEX_BITS * level;
}

static inline uint64_t vmm_pt_load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void vmm_pt_store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

/* Link a table: its content becomes visible before the link does. */
static inline void vmm_pt_publish(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
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

/* Number of entries of a table at @level. */
static inline unsigned vmm_pt_entries(const struct vmm_pt *pt, unsigned level)
{
	return level == vmm_pt_root_level(pt) ? 1u << pt->format->root_bits
					      : VMM_PT_ENTRIES;
}

static inline unsigned vmm_pt_index(
	const struct vmm_pt *pt, vmm_va_t va, unsigned level)
{
	return (unsigned)(va >> vmm_pt_shift(level)) &
	       (vmm_pt_entries(pt, level) - 1);
}

static inline bool vmm_pt_is_valid(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return (entry & format->valid) == format->valid;
}

/* A valid entry that points to a table; the opposite of a leaf. */
static inline bool vmm_pt_is_table(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	return level > 0 && vmm_pt_is_valid(format, entry) &&
	       (entry & format->leaf_mask) == 0;
}

/* Does a root entry belong to another table? */
static inline bool vmm_pt_is_borrowed(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return vmm_pt_is_valid(format, entry) &&
	       (entry & format->borrowed) != 0;
}

/* Do other tables use this root entry too? */
static inline bool vmm_pt_is_lent(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return vmm_pt_is_valid(format, entry) && (entry & format->lent) != 0;
}

static inline vmm_pa_t vmm_pt_entry_pa(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return (entry & format->pa_mask) << format->pa_shift;
}

static inline uint64_t vmm_pt_table_make(
	const struct vmm_pt_format *format, vmm_pa_t pa)
{
	return (pa >> format->pa_shift) | format->table_bits;
}

/* A leaf at @level; @bits are its protection. */
static inline uint64_t vmm_pt_leaf_make(const struct vmm_pt_format *format,
	vmm_pa_t pa, uint64_t bits, unsigned level)
{
	return (pa >> format->pa_shift) | bits | format->leaf_bits[level > 0];
}

static inline bool vmm_pt_is_global(
	const struct vmm_pt_format *format, uint64_t entry)
{
	uint64_t set = format->prot[VMM_PT_GLOBAL_INDEX].set;

	return set != 0 && (entry & set) == set;
}

/*
 * The entry for @va: walk from the root down to a table at level @stop, or to
 * the first entry that does not point to a table. *@level_out is the level of
 * the table that the returned entry is in.
 */
static inline uint64_t *vmm_pt_walk(const struct vmm_pt *pt, vmm_va_t va,
	unsigned stop, unsigned *level_out)
{
	unsigned level = vmm_pt_root_level(pt);
	uint64_t *entry =
		vmm_pt_table(pt, pt->root) + vmm_pt_index(pt, va, level);

	while (level > stop) {
		uint64_t value = vmm_pt_load(entry);

		if (!vmm_pt_is_table(pt->format, value, level))
			break;
		level--;
		entry = vmm_pt_table(pt, vmm_pt_entry_pa(pt->format, value)) +
			vmm_pt_index(pt, va, level);
	}
	*level_out = level;
	return entry;
}

/* How far @va is from the end of the span of its entry at @level. */
static inline uint64_t vmm_pt_rest(vmm_va_t va, unsigned level)
{
	uint64_t span = vmm_pt_leaf_size(level);

	return span - (va & (span - 1));
}

/*
 * The largest level up to @max at which @where, an address or the union of the
 * bits of two, is aligned and @size is at least one entry.
 */
static inline unsigned vmm_pt_fit(uint64_t where, uint64_t size, unsigned max)
{
	unsigned level = max;

	while (level > 0 &&
		(size < vmm_pt_leaf_size(level) ||
			!vmm_is_aligned(where, vmm_pt_leaf_size(level))))
		level--;
	return level;
}

/* Protection to entry bits and back; see pt_prot.c. */
VMM_NODISCARD int vmm_pt_prot_encode(
	const struct vmm_pt_format *format, unsigned prot, uint64_t *bits_out);
unsigned vmm_pt_prot_decode(const struct vmm_pt_format *format, uint64_t entry);
/* All bits that a protection can set or clear. */
uint64_t vmm_pt_prot_mask(const struct vmm_pt_format *format);

/*
 * Is (va, size), a multiple of @align, a range that @pt can translate?
 * VMM_EINVAL or VMM_ERANGE.
 */
VMM_NODISCARD int vmm_pt_range_check(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size, uint64_t align);
/*
 * May @pt change the range? The same in pages, and VMM_EBUSY where a root entry
 * is borrowed, or is a leaf that was lent.
 */
VMM_NODISCARD int vmm_pt_change_check(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size);

/*
 * After a change of the range: where a root entry is lent, the change is one of
 * other address spaces too, and a fence for one of them is not enough.
 */
void vmm_pt_note_lent(const struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

/* Take one zeroed page for a table; one is spare. */
vmm_pa_t vmm_pt_table_new(struct vmm_pt *pt);
/*
 * Move a table that no entry points to any more, and all tables below it, to
 * the gather, and report the frames of their leaves in ascending order.
 */
void vmm_pt_retire(struct vmm_pt *pt, vmm_pa_t table, unsigned level,
	struct vmm_tlb_gather *gather);

/*
 * Tables that splitting at the two ends of a range takes, counted before the
 * first change, and the split itself, which takes them. See pt_split.c.
 */
uint64_t vmm_pt_split_count(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size);
void vmm_pt_split(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

#endif /* VMM_PT_ENTRY_H */
