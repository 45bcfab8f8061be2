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

/* The rows of a format's protection table that stand for these flags. */
#define VMM_PT_GLOBAL_INDEX   4
#define VMM_PT_ACCESSED_INDEX 5
#define VMM_PT_DIRTY_INDEX    6

/* Entries of one leaf of 64 KiB, and the address bits that say so in each. */
#define VMM_PT_NAPOT_ENTRIES (1u << (VMM_PT_NAPOT_SHIFT - VMM_PAGE_SHIFT))
#define VMM_PT_NAPOT_SIZE    (UINT64_C(1) << VMM_PT_NAPOT_SHIFT)
#define VMM_PT_NAPOT_ADDRESS (VMM_PT_NAPOT_SIZE >> 1)

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
	return (entry & format->valid) != 0;
}

/* A valid entry that points to a table; the opposite of a leaf. */
static inline bool vmm_pt_is_table(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	return level > 0 && vmm_pt_is_valid(format, entry) &&
	       (entry & format->leaf_mask) == 0;
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

/* Do other tables use this root entry too? */
static inline bool vmm_pt_is_lent(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return vmm_pt_is_valid(format, entry) && (entry & format->lent) != 0;
}

/* One of the 16 entries of a leaf of 64 KiB. */
static inline bool vmm_pt_is_napot(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	/* In a tag, the bit is part of the number. */
	return level == 0 && (entry & format->napot) != 0 &&
	       vmm_pt_is_valid(format, entry);
}

/* The address of the table that an entry points to. */
static inline vmm_pa_t vmm_pt_entry_pa(
	const struct vmm_pt_format *format, uint64_t entry)
{
	return (entry & format->pa_mask) << format->pa_shift;
}

/* Bytes that a leaf translates as a whole. */
static inline uint64_t vmm_pt_leaf_span(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	return vmm_pt_is_napot(format, entry, level) ? VMM_PT_NAPOT_SIZE
						     : vmm_pt_leaf_size(level);
}

/*
 * What a leaf makes of @va. The address bits below the leaf's size are not the
 * address's (x86-64: PAT, Svnapot: the size).
 */
vmm_pa_t vmm_pt_leaf_pa(const struct vmm_pt_format *format, uint64_t entry,
	unsigned level, vmm_va_t va);

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

/* The root's entry for @va. */
static inline uint64_t *vmm_pt_root_entry(const struct vmm_pt *pt, vmm_va_t va)
{
	return vmm_pt_table(pt, pt->root) +
	       ((va >> pt->format->root_shift) & pt->format->root_mask);
}

/* Where a walk has come to. */
struct vmm_pt_point {
	uint64_t *entry;
	uint64_t level; /* of the table that it is in */
};

/*
 * The entry for @va: walk from the root down to a table at level @stop, or to
 * the first entry that does not point to a table. See pt_look.c.
 */
struct vmm_pt_point vmm_pt_walk(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t stop);

/*
 * The entry of a single page, if there is one, all of it @pt's own; or NULL.
 */
static inline uint64_t *vmm_pt_page_entry(const struct vmm_pt *pt, vmm_va_t va)
{
	const struct vmm_pt_format *format = pt->format;
	struct vmm_pt_point point;

	if (!vmm_is_aligned(va, VMM_PAGE_SIZE) || !vmm_pt_canonical(format, va))
		return NULL;
	point = vmm_pt_walk(pt, va, 0);
	if (point.level != 0 || (vmm_pt_load(vmm_pt_root_entry(pt, va)) &
					(format->borrowed | format->lent)) != 0)
		return NULL;
	return point.entry;
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
unsigned vmm_pt_fit(uint64_t where, uint64_t size, unsigned max);

enum vmm_pt_kind { VMM_PT_ABSENT, VMM_PT_TAG, VMM_PT_LEAF, VMM_PT_TABLE };

/*
 * A run: consecutive entries of one table that say the same thing, that is all
 * nothing, the same tag, or leaves of one protection to contiguous frames; or
 * a single entry that points to a table. It is what every operation works on,
 * so that a table of 512 pages costs one decision and not 512.
 */
struct vmm_pt_look {
	uint64_t *entry; /* the first one */
	uint64_t value;	 /* what it holds */
	vmm_pa_t pa;	 /* what a leaf makes of the start of the range */
	uint64_t step;	 /* by how much each is more than the one before */
	uint64_t root;	 /* what the root's entry on the way holds */
	uint64_t size;	 /* bytes of the range that the run covers */
	unsigned count;	 /* entries */
	unsigned left;	 /* entries behind them in the same table */
	unsigned level;	 /* of the table that they are in */
	enum vmm_pt_kind kind;
};

/*
 * The run at the start of the range (@va, @size), from its first entry at or
 * above level @stop, and no longer than the range. @look holds the run that ends
 * at @va, with all of its entries still there, and the table is not walked to
 * again; or its left is 0.
 */
void vmm_pt_look_on(const struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	unsigned stop, struct vmm_pt_look *look);

static inline void vmm_pt_look(const struct vmm_pt *pt, vmm_va_t va,
	uint64_t size, unsigned stop, struct vmm_pt_look *look)
{
	look->left = 0;
	vmm_pt_look_on(pt, va, size, stop, look);
}

/* Set @count entries from @entry on to @first, @first + @step and so on. */
void vmm_pt_fill(
	uint64_t *entry, unsigned count, uint64_t first, uint64_t step);

/* Protection to entry bits and back; see pt_prot.c. */
VMM_NODISCARD int vmm_pt_prot_encode(const struct vmm_pt_format *format,
	unsigned prot, struct vmm_pt_leaf_bits *bits_out);
unsigned vmm_pt_prot_decode(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level);

/*
 * Is (va, size), a multiple of @align, a range that @pt can translate?
 * VMM_EINVAL or VMM_ERANGE.
 */
VMM_NODISCARD int vmm_pt_range_check(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size, uint64_t align);

/*
 * May @pt change the range? The same in pages, and VMM_EBUSY where a root entry
 * is borrowed, or is a leaf that was lent. For operations that look at tables;
 * the others find out run by run.
 */
VMM_NODISCARD int vmm_pt_change_check(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size);

/*
 * Is the run behind a borrowed root entry, or in a leaf that was lent, so that
 * @pt must not change it?
 */
bool vmm_pt_is_bound(const struct vmm_pt *pt, const struct vmm_pt_look *look);

/* A change behind a lent entry is one of other address spaces too. */
static inline uint32_t vmm_pt_lent_note(const struct vmm_pt *pt, uint64_t root)
{
	return vmm_pt_is_lent(pt->format, root) ? VMM_TLB_GLOBAL : 0;
}

/* Leaves as map writes them; what is left to be done of a range. */
struct vmm_pt_rest {
	vmm_va_t va;
	vmm_pa_t pa;
	uint64_t size;
	struct vmm_pt_leaf_bits bits;
	uint64_t tag;  /* or this instead: the whole entry, in every one */
	uint32_t note; /* VMM_TLB_GLOBAL if the leaves are */
};

/*
 * The two halves of mapping: refuse or count the missing tables (*@after: see
 * vmm_pt_map_tables(); *@first receives the first run), and write. See
 * pt_map.c.
 */
VMM_NODISCARD int vmm_pt_map_plan(const struct vmm_pt *pt,
	const struct vmm_pt_rest *range, const vmm_va_t *after,
	struct vmm_pt_look *first, uint64_t *tables_out);
void vmm_pt_map_commit(struct vmm_pt *pt, struct vmm_pt_rest rest,
	struct vmm_pt_look look, struct vmm_tlb_gather *gather);
/* Checks of a range for mapping, but for what is there already. */
VMM_NODISCARD int vmm_pt_map_check(
	const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, uint64_t size);
/*
 * Write leaves of one table: where the format has leaves of 64 KiB and they
 * fit, in groups of 16.
 */
void vmm_pt_fill_leaves(const struct vmm_pt_format *format, uint64_t *entry,
	unsigned count, unsigned level, uint64_t first);

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
/*
 * Move a table that no entry points to any more, and all tables below it, to
 * the gather. Their leaves are not looked at.
 */
void vmm_pt_retire(struct vmm_pt *pt, vmm_pa_t table, unsigned level,
	struct vmm_tlb_gather *gather);
/* The same for one table alone; nothing is read in it. */
void vmm_pt_unlink(
	struct vmm_pt *pt, vmm_pa_t table, struct vmm_tlb_gather *gather);

/*
 * Tables that splitting at the two ends of a range takes, counted before the
 * first change, and the split itself, which takes them. See pt_split.c.
 */
uint64_t vmm_pt_split_count(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size);
void vmm_pt_split(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

#endif /* VMM_PT_ENTRY_H */
