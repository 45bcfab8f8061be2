/* SPDX-License-Identifier: MIT */
/*
 * Entries, tables and ranges: the small words in which the page-table
 * operations are written. Private to src/pt, but for what pt_walk.h has.
 */
#ifndef VMM_PT_ENTRY_H
#define VMM_PT_ENTRY_H

#include "pt/pt_walk.h"

/* Entries of one leaf of 64 KiB, and the address bits that say so in each. */
#define VMM_PT_NAPOT_ENTRIES (1u << (VMM_PT_NAPOT_SHIFT - VMM_PAGE_SHIFT))
#define VMM_PT_NAPOT_SIZE    (UINT64_C(1) << VMM_PT_NAPOT_SHIFT)
#define VMM_PT_NAPOT_ADDRESS (VMM_PT_NAPOT_SIZE >> 1)

static inline void vmm_pt_store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

/* Link a table: its content becomes visible before the link does. */
static inline void vmm_pt_publish(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* Number of entries of a table at @level. */
static inline unsigned vmm_pt_entries(const struct vmm_pt *pt, unsigned level)
{
	return level == vmm_pt_root_level(pt) ? 1u << pt->format->root_bits
					      : VMM_PT_ENTRIES;
}

static inline bool vmm_pt_is_leaf(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	return vmm_pt_is_valid(format, entry) &&
	       (level == 0 || (entry & format->leaf_mask) != 0);
}

/* Does a root entry belong to another table? */
static inline bool vmm_pt_is_borrowed(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return vmm_pt_is_valid(format, entry) &&
	       (entry & format->borrowed) != 0;
}

/* One of the 16 entries of a leaf of 64 KiB. */
static inline bool vmm_pt_is_napot(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	/* In a tag, the bit is part of the number. */
	return level == 0 && (entry & format->napot) != 0 &&
	       vmm_pt_is_valid(format, entry);
}

/* Bytes that a leaf translates as a whole. */
static inline uint64_t vmm_pt_leaf_span(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	return vmm_pt_is_napot(format, entry, level) ? VMM_PT_NAPOT_SIZE
						     : vmm_pt_leaf_size(level);
}

static inline uint64_t vmm_pt_table_make(
	const struct vmm_pt_format *format, vmm_pa_t pa)
{
	return (pa >> format->pa_shift) | format->table_bits;
}

/* A leaf for @pa; @bits are those of its protection at its level. */
static inline uint64_t vmm_pt_leaf_make(
	const struct vmm_pt_format *format, vmm_pa_t pa, uint64_t bits)
{
	return (pa >> format->pa_shift) | bits;
}

/* What a change of a leaf means for other address spaces. */
static inline uint32_t vmm_pt_global_note(
	const struct vmm_pt_format *format, uint64_t entry)
{
	uint64_t set = format->prot[VMM_PT_GLOBAL_INDEX].set;

	return (entry & set) != 0 ? VMM_TLB_GLOBAL : 0;
}

/*
 * The bits of @va that index the tables below the root, at the top of a word,
 * from where they come out level by level.
 */
static inline uint64_t vmm_pt_indices(const struct vmm_pt *pt, vmm_va_t va)
{
	return va << (64 - pt->format->root_shift);
}

/*
 * The entry where @indices lead in the table that @value points to; @pa_shift
 * is the format's. In that order, since all waits for @value.
 */
static inline uint64_t *vmm_pt_below(const struct vmm_pt *pt, uint64_t value,
	uint64_t indices, unsigned pa_shift)
{
	uint64_t index = indices >> (64 - VMM_PT_INDEX_BITS);
	uint64_t pa = (value & pt->format->pa_mask) << pa_shift;

	return (uint64_t *)(uintptr_t)(pa + (pt->offset + index * 8));
}

/*
 * x86-64 shifts slowly by a number that is not in the code: there, what is done
 * for single pages is compiled for each number that formats have.
 */
#if defined(__x86_64__)
#define VMM_PT_BY_SHIFT(format, function, ...)               \
	((format)->pa_shift == 2 ? function(__VA_ARGS__, 2u) \
				 : function(__VA_ARGS__, 0u))
#define VMM_PT_SHIFT_OK(format) \
	((format)->pa_shift == 2 || (format)->pa_shift == 0)
#else
#define VMM_PT_BY_SHIFT(format, function, ...) \
	function(__VA_ARGS__, (format)->pa_shift)
#define VMM_PT_SHIFT_OK(format) true
#endif

/*
 * The entry of a single page, if there is one, all of it @pt's own; or NULL.
 * @va may be any address. The marks are those of root entries, and no other
 * entry of a table has them.
 */
static VMM_ALWAYS_INLINE uint64_t *vmm_pt_page_entry(
	const struct vmm_pt *pt, vmm_va_t va, unsigned pa_shift)
{
	const struct vmm_pt_format *format = pt->format;
	const uint64_t valid = format->valid;
	const uint64_t mask = format->own_mask;
	unsigned level = format->levels - 1u;
	uint64_t *entry = vmm_pt_root_entry(pt, va);
	uint64_t indices = vmm_pt_indices(pt, va);

	if (!vmm_is_aligned(va, VMM_PAGE_SIZE) || !vmm_pt_canonical(format, va))
		return NULL;
	/* No format has less than two levels. */
	do {
		uint64_t value = vmm_pt_load(entry);

		if ((value & mask) != valid)
			return NULL;
		entry = vmm_pt_below(pt, value, indices, pa_shift);
		indices <<= VMM_PT_INDEX_BITS;
	} while (--level > 0);
	return entry;
}

/*
 * The largest level up to @max at which @where, an address or the union of the
 * bits of two, is aligned and @size is at least one entry.
 */
unsigned vmm_pt_fit(uint64_t where, uint64_t size, unsigned max);

enum vmm_pt_kind { VMM_PT_ABSENT, VMM_PT_TAG, VMM_PT_LEAF, VMM_PT_TABLE };

/*
 * A run: consecutive entries of one table that say the same thing, that is all
 * nothing, the same tag, or leaves of one protection to contiguous frames; or
 * a single entry that points to a table. It is what every operation works on,
 * so that a table of 512 pages costs one decision and not 512.
 */
struct vmm_pt_look {
	/* The range, from where the run starts. */
	const struct vmm_pt *pt;
	vmm_va_t va;
	uint64_t rest; /* bytes, the run's included */
	unsigned stop; /* go no lower than tables of this level */
	/* The run. */
	unsigned level;	 /* of the table that it is in */
	unsigned shift;	 /* log2 of the bytes of an entry there */
	uint64_t *entry; /* the first one */
	uint64_t value;	 /* what it holds */
	vmm_pa_t pa;	 /* what a leaf makes of va */
	uint64_t span;	 /* bytes that a leaf, or a tag, is for as a whole */
	uint64_t step;	 /* by how much each is more than the one before */
	uint64_t root;	 /* what the root's entry on the way holds */
	uint64_t size;	 /* bytes of the range that the run covers */
	unsigned count;	 /* entries */
	unsigned left;	 /* entries behind them in the same table */
	enum vmm_pt_kind kind;
	uint32_t note; /* VMM_TLB_GLOBAL: leaves are global, or lent */
	/* Behind a borrowed root entry, or a leaf that was lent: @pt must not
	   change it. */
	bool bound;
};

/*
 * Go on to the next run of the range, from its first entry at or above level
 * stop, and no longer than the range; false at the end. The entries of the run
 * before must still be there, and the table is not walked to again; or left
 * is 0.
 */
bool vmm_pt_look_next(struct vmm_pt_look *look);

/* Before the first run of a range that is not empty. */
static inline void vmm_pt_look_start(struct vmm_pt_look *look,
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size, unsigned stop)
{
	look->pt = pt;
	look->va = va;
	look->rest = size;
	look->stop = stop;
	look->size = 0;
	look->left = 0;
}

/* The first run of a range, and nothing else. */
void vmm_pt_look(struct vmm_pt_look *look, const struct vmm_pt *pt, vmm_va_t va,
	uint64_t size);

/* Set @count entries from @entry on to @first, @first + @step and so on. */
void vmm_pt_fill(
	uint64_t *entry, unsigned count, uint64_t first, uint64_t step);

/*
 * Take flags out of entries, which hardware may set at the same time; returns
 * what any of them had, or 0 if none had one of @bits.
 */
uint64_t vmm_pt_take_bits(uint64_t *entry, unsigned count, uint64_t bits);

/* "rwxug", accessed and dirty where they are tracked, and the memory type. */
void vmm_pt_text_prot(const struct vmm_sink *sink,
	const struct vmm_pt_format *format, unsigned prot);

/* What an entry's bits say of its protection; see pt_prot.c. */
unsigned vmm_pt_prot_decode(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level);

/* What map writes; what is left to be done of a range. */
struct vmm_pt_rest {
	vmm_va_t va;
	vmm_pa_t pa; /* with a tag, the same as va */
	uint64_t size;
	struct vmm_pt_leaf_bits bits;
	uint64_t tag;  /* or this instead: the whole entry, in every one */
	unsigned top;  /* the largest level for either */
	uint32_t note; /* VMM_TLB_GLOBAL if the leaves are */
};

/*
 * The two halves of mapping: refuse or count the missing tables (*@after: see
 * vmm_pt_map_tables()), and write, which uses @rest up. See pt_map.c.
 */
VMM_NODISCARD int vmm_pt_map_plan(const struct vmm_pt *pt,
	const struct vmm_pt_rest *rest, const vmm_va_t *after,
	uint64_t *tables_out);
void vmm_pt_map_commit(struct vmm_pt *pt, struct vmm_pt_rest *rest,
	struct vmm_tlb_gather *gather);
/*
 * Write @count entries of one table for the start of @rest: where the format
 * has leaves of 64 KiB and they fit, in groups of 16.
 */
void vmm_pt_fill_rest(const struct vmm_pt_format *format, uint64_t *entry,
	unsigned count, unsigned level, const struct vmm_pt_rest *rest);

/* An absent entry with a tag, and the tag in it. */
static inline uint64_t vmm_pt_tag_make(
	const struct vmm_pt_format *format, uint64_t tag)
{
	return tag << 1 | format->tag_bits;
}

static inline uint64_t vmm_pt_tag_of(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return (entry & ~format->tag_bits) >> 1;
}

/*
 * Take a page for a table; one is spare. All entries are 0 but @count from
 * number @at on, which are the caller's to write.
 */
vmm_pa_t vmm_pt_table_new(struct vmm_pt *pt, unsigned at, unsigned count);
/* Move a table that no entry points to any more to the gather. */
void vmm_pt_unlink(
	struct vmm_pt *pt, vmm_pa_t table, struct vmm_tlb_gather *gather);

/*
 * Do away with tables, lowest level first, all that a root entry has lent
 * excepted: with those whose whole span lies in the range, whatever they hold;
 * with empty ones; or with those that a leaf can replace. See pt_prune.c.
 */
enum vmm_pt_deed { VMM_PT_CLEAR, VMM_PT_PRUNE, VMM_PT_MERGE };
void vmm_pt_sweep(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	enum vmm_pt_deed deed, struct vmm_tlb_gather *gather);

/*
 * Split what sticks out of a range at its two ends. The pages that this takes
 * are in hand before the first change, or VMM_ENOMEM or the source's error is
 * returned. See pt_split.c.
 */
VMM_NODISCARD int vmm_pt_split(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

#endif /* VMM_PT_ENTRY_H */
