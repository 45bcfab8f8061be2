/* SPDX-License-Identifier: MIT */
/*
 * Page tables: map, unmap, protect and look up ranges of virtual addresses.
 *
 * Around this header: pt_format.h has the formats, with protections and memory
 * types; tlb.h says what must be flushed after a change; pt_share.h lets tables
 * share what lies below their roots, and copies mappings (fork); pt_upkeep.h
 * merges, prunes and harvests; pt_bytes.h reads and writes another space.
 *
 * A table object holds its format (Sv39, Sv48, Sv57, their guest stages and
 * x86-64: data, not code; all live in one build), the address of its root, and
 * the offset at which table pages can be reached, so the same code runs before
 * and after paging is on. Ranges
 * are mapped with the largest leaves that fit; a superpage that is changed in
 * part is split first.
 *
 * All or nothing: every operation first reads the table and gets the pages it
 * will need, and reports whatever is wrong; only then does it write, and from
 * there on it cannot fail. An error leaves the table, the gather and the page
 * source as they were.
 *
 * Tables in use are the library's; the frames that entries point to are the
 * caller's, always. What a change makes stale goes into a gather (tlb.h).
 *
 * Levels are numbered as in the RISC-V specification: 0 is the table of 4 KiB
 * leaves, a leaf at level 1 is 2 MiB, at 2 1 GiB, at 3 512 GiB, at 4 256 TiB.
 *
 * Context. No function takes a lock or executes a fence instruction but to order
 * its own stores. The page source is called before the first change or, to give
 * pages back, after the last; vmm_pt_reap() and vmm_pt_fini() call it as well.
 * The caller serialises all calls that share a table, look-ups too. Hardware
 * may walk the table at any time: entries change by single 64-bit stores, and a
 * new table is linked only when it is complete. The code needs a 64-bit machine
 * to run on; the header compiles on any.
 */
#ifndef VMM_PT_H
#define VMM_PT_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/port.h>
#include <vmm/pt_format.h>
#include <vmm/tlb.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A protection as bits of a leaf: at level 0, and at the levels above. */
struct vmm_pt_leaf_bits {
	uint64_t at[2];
};

/*
 * A page table. The fields are the library's; kernels may read them.
 * vmm_pt_check() tests:
 *   I1  from the root, table_count - 1 entries point to tables, borrowed ones
 *       aside and not counted below
 *   I2  a table entry has no bits but those of the format: A, D, U, G are 0;
 *       only root entries are marked as borrowed or lent
 *   I3  a leaf is what vmm_pt_map() makes of its address, aligned to its size,
 *       of its protection and of its level, and the 16 entries of a leaf of
 *       64 KiB are alike; an entry that is not valid is 0 or a tag
 *   I4  the spare list has spare_count pages, each once
 * That two entries point to one table and another one is lost, it cannot see.
 */
struct vmm_pt {
	const struct vmm_pt_format *format;
	const struct vmm_pages *pages; /* NULL: donated pages only */
	uint64_t offset;      /* a table at pa is seen at pointer pa + offset */
	vmm_pa_t root;	      /* the root's address, for satp or the like */
	uint64_t table_count; /* tables in use, the root included */
	vmm_pa_t spare;	      /* list of pages in hand; ends in 0 */
	uint64_t spare_count;
	unsigned memo_prot;	      /* the last protection of vmm_pt_map(), */
	struct vmm_pt_leaf_bits memo; /* and what it was in entries */
};

/* The largest tag of an absent entry, and 0 is none. */
#define VMM_PT_TAG_MAX ((UINT64_C(1) << 40) - 1)

/* A run of mapped addresses: one leaf size, one protection, contiguous. */
struct vmm_pt_run {
	vmm_va_t va;
	vmm_pa_t pa;
	uint64_t size;	/* bytes */
	uint32_t prot;	/* VMM_PT_... */
	uint32_t level; /* of its leaves */
	uint32_t shift; /* log2 of their size: that of the level, or 16 */
	uint64_t tag;	/* not 0: nothing is mapped, but this was left */
};

/**
 * vmm_pt_init() - Make an empty page table.
 * @pt:     Storage of the caller's.
 * @format: The format.
 * @pages:  Source of pages for tables, or NULL: then only pages given with
 *          vmm_pt_donate() are used. Must outlive @pt.
 * @offset: What to add to a table's physical address for the pointer at which
 *          this code can reach it: 0 before paging, later the direct map's
 *          base minus the address it maps. Wraps at 2^64.
 * @root:   Page of the caller's for the root; zeroed here. Aligned to its size
 *          of 8 << root_bits bytes, reached through @offset.
 *
 * Ownership: the root stays the caller's and is free again after
 *            vmm_pt_fini().
 */
void vmm_pt_init(struct vmm_pt *pt, const struct vmm_pt_format *format,
	const struct vmm_pages *pages, uint64_t offset, vmm_pa_t root);

/*
 * A table that somebody else made, to be looked at and not changed: for
 * vmm_pt_translate(), vmm_pt_next(), vmm_pt_dump() and vmm_pt_lint().
 */
static inline struct vmm_pt vmm_pt_view(
	const struct vmm_pt_format *format, uint64_t offset, vmm_pa_t root)
{
	struct vmm_pt pt = {format, NULL, offset, root, 0, 0, 0, 0, {{0, 0}}};

	return pt;
}

/**
 * vmm_pt_fini() - Give back every table and spare page.
 * @pt: A table that no hart uses and no TLB remembers: switch away from it,
 *      flush its address space, then call this.
 *
 * Frames are not touched. Pages go to the page source; without one they become
 * spare, for vmm_pt_spare_take(). The root is left zeroed.
 *
 * Cost: O(tables).
 */
void vmm_pt_fini(struct vmm_pt *pt);

/**
 * vmm_pt_donate() - Put a page in hand for later tables.
 * @pt: The table.
 * @pa: A page nobody uses, reachable through the offset.
 *
 * Ownership: the page is the table's until vmm_pt_spare_take() gives it back,
 *            or goes to the page source in the end.
 */
void vmm_pt_donate(struct vmm_pt *pt, vmm_pa_t pa);

/**
 * vmm_pt_reserve() - Have a number of spare pages in hand.
 * @pt:    The table.
 * @count: Pages wanted. As long as that many are spare, operations that need
 *         no more tables than that cannot fail for lack of memory.
 *
 * Return: VMM_OK, or
 *         VMM_ENOMEM     fewer are spare and there is no page source
 *         a hook's code  the source failed; pages it gave in this call were
 *                        given back
 */
VMM_NODISCARD int vmm_pt_reserve(struct vmm_pt *pt, uint64_t count);

/**
 * vmm_pt_spare_take() - Take one spare page back.
 * @pt:     The table.
 * @pa_out: Receives the page's address.
 *
 * Return: VMM_OK, or VMM_ENOENT if none is spare.
 */
VMM_NODISCARD int vmm_pt_spare_take(struct vmm_pt *pt, vmm_pa_t *pa_out);

/**
 * vmm_pt_map() - Map a physical range at a virtual range.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of VMM_PAGE_SIZE.
 * @pa:     First physical address; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE.
 * @prot:   VMM_PT_READ and so on, and a memory type.
 * @gather: Receives what became stale; NULL if no hart uses the table.
 *
 * Uses the largest leaf that alignment, size and the tables already there
 * allow. Mapping the same frames twice is nothing special: a ring buffer whose
 * end runs into its start is two calls with neighbouring ranges. A device's
 * registers are mapped with VMM_PT_IO; nothing of the library frees frames.
 * Accessed and dirty are preset, so hardware that faults instead of
 * setting them (Svade) never does. What was stored before the call, the content
 * of the frames included, is visible to other harts before the entries are.
 *
 * Cost:   O(leaves / 512 * levels + leaves); one page-hook call for each
 *         table that is missing and not spare.
 * Return: VMM_OK, or
 *         VMM_EINVAL     misaligned or empty, or @prot allows no access
 *         VMM_ENOTSUP    the format cannot express @prot
 *         VMM_ERANGE     the virtual range wraps or leaves the canonical
 *                        addresses, or the physical one leaves the format's
 *         VMM_EEXIST     part of the virtual range is mapped already, or
 *                        has a tag
 *         VMM_EBUSY      a root entry of the range is borrowed, or is a
 *                        leaf and lent
 *         VMM_ENOMEM     tables are missing, none spare, no page source
 *         a hook's code  the page source failed
 */
VMM_NODISCARD int vmm_pt_map(struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa,
	uint64_t size, unsigned prot, struct vmm_tlb_gather *gather);

/**
 * vmm_pt_map_tables() - Count the tables that a mapping needs.
 * @pt:    The table; not changed.
 * @va, @pa, @size: As for vmm_pt_map().
 * @after: Last address of the range that was counted before this one, which
 *         lies below @va; NULL for none. Tables that the two share are counted
 *         once, so that the sum over ascending ranges is exact.
 * @tables_out: Receives the number of tables that are missing.
 *
 * After vmm_pt_reserve() of that many pages, mapping the range (or all of the
 * ranges) cannot fail.
 *
 * Cost:   As the first half of vmm_pt_map().
 * Return: VMM_OK, or as vmm_pt_map(), but for the errors of @prot and of memory
 */
VMM_NODISCARD int vmm_pt_map_tables(const struct vmm_pt *pt, vmm_va_t va,
	vmm_pa_t pa, uint64_t size, const vmm_va_t *after,
	uint64_t *tables_out);

/**
 * vmm_pt_unmap() - Remove the mapping of a virtual range.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE. All of it is mapped.
 * @gather: Receives what became stale, the unlinked tables, and the frames
 *          that lost their mapping if it has an array for them. Never NULL.
 *
 * Superpages that stick out of the range are split. A table whose whole span
 * lies in the range is unlinked and waits in the gather for vmm_pt_reap(); one
 * that is merely empty afterwards stays until vmm_pt_prune(), since looking
 * for emptiness on each unmap makes unmapping many times slower.
 *
 * Cost:   O(leaves / 512 * levels + leaves), twice.
 * Return: VMM_OK, or
 *         VMM_EINVAL     misaligned or empty
 *         VMM_ERANGE     the range wraps or leaves the canonical addresses
 *         VMM_EBUSY      a root entry of the range is borrowed, or is a
 *                        leaf and lent
 *         VMM_ENOENT     part of the range is not mapped
 *         VMM_ENOSPC     the gather's array has no room for the frames
 *         VMM_ENOMEM     a split needs a table, none spare, no page source
 *         a hook's code  the page source failed
 */
VMM_NODISCARD int vmm_pt_unmap(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

/**
 * vmm_pt_unmap_any() - Remove whatever a virtual range holds.
 * @pt, @va, @size, @gather: As for vmm_pt_unmap(), but the range may have holes
 *         and tags, or nothing at all: as munmap() has it. It is absent
 *         afterwards.
 *
 * Cost:   As vmm_pt_unmap().
 * Return: VMM_OK, or as vmm_pt_unmap(), but never VMM_ENOENT
 */
VMM_NODISCARD int vmm_pt_unmap_any(struct vmm_pt *pt, vmm_va_t va,
	uint64_t size, struct vmm_tlb_gather *gather);

/**
 * vmm_pt_protect() - Change the protection of a mapped range.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE. All of it is mapped.
 * @prot:   The new protection, whole: flags not given are taken away.
 * @gather: Receives what became stale; NULL if no hart uses the table.
 *
 * The memory type stays, unless @prot has another one than NORMAL; and so do A
 * and D where they are tracked, unless @prot has them. Superpages that stick
 * out of the range are split, even if the protection is the one they had.
 *
 * Cost:   O(leaves / 512 * levels + leaves), twice.
 * Return: VMM_OK, or as vmm_pt_unmap(); VMM_EINVAL also if @prot allows no
 *         access, VMM_ENOTSUP if the format cannot express it. Never
 *         VMM_ENOSPC.
 */
VMM_NODISCARD int vmm_pt_protect(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	unsigned prot, struct vmm_tlb_gather *gather);

/**
 * vmm_pt_modify() - Set and clear flags on what is mapped in a range.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE. It may have holes.
 * @set:    Flags to add; a memory type in it replaces the old one.
 * @clear:  Flags to take away before. VMM_PT_TYPE_MASK for the type NORMAL.
 * @gather: Receives what became stale; NULL if no hart uses the table.
 *
 * With WRITE in @clear: copy on write. With ACCESSED or DIRTY in @set: how a
 * page-fault handler stands in for hardware that sets neither (VMM_PT_TRACK).
 *
 * Cost:   O(leaves / 512 * levels + leaves), twice.
 * Return: VMM_OK, or as vmm_pt_protect(), but never VMM_ENOENT; VMM_EINVAL also
 *         if a page would be left without any access
 */
VMM_NODISCARD int vmm_pt_modify(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	unsigned set, unsigned clear, struct vmm_tlb_gather *gather);

/**
 * vmm_pt_tag() - Leave a number where nothing is mapped.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE.
 * @tag:    1 to VMM_PT_TAG_MAX; the caller's to make sense of.
 * @gather: As for vmm_pt_map(): new tables may be needed.
 *
 * Gravestones: an access faults as before, and the fault handler asks
 * vmm_pt_tag_get() what was there: freed, swapped out, an emulated device, a
 * guard page. Tags are as cheap as leaves, one entry for the largest piece that
 * is aligned. Map refuses to write over them; vmm_pt_untag() first.
 *
 * Cost, Return: as vmm_pt_map(); VMM_EINVAL also for a tag out of range
 */
VMM_NODISCARD int vmm_pt_tag(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	uint64_t tag, struct vmm_tlb_gather *gather);

/**
 * vmm_pt_untag() - Remove the tags of a range.
 * @pt, @va, @size, @gather: As for vmm_pt_unmap(). Nothing in the range is
 *         mapped; it may have holes.
 *
 * Return: VMM_OK, or as vmm_pt_unmap(), but VMM_EEXIST if a page is mapped
 */
VMM_NODISCARD int vmm_pt_untag(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

/* The tag that covers @va; 0 if there is none, or something is mapped. */
uint64_t vmm_pt_tag_get(const struct vmm_pt *pt, vmm_va_t va);

/**
 * vmm_pt_reap() - Free the unlinked tables of a gather and empty it.
 * @pt:     The table that the gather was used with.
 * @gather: A gather whose flush has been done on every hart, and whose frames
 *          the caller has read. Left empty, with the same frame array.
 *
 * Pages go to the page source, or become spare where there is none.
 */
void vmm_pt_reap(struct vmm_pt *pt, struct vmm_tlb_gather *gather);

/**
 * vmm_pt_translate() - Look one address up.
 * @pt:       The table.
 * @va:       Any address.
 * @pa_out:   Receives the physical address of the byte at @va. May be NULL.
 * @prot_out: Receives the protection. May be NULL.
 *
 * Cost:   O(levels).
 * Return: VMM_OK, or
 *         VMM_ENOENT  not mapped
 *         VMM_ERANGE  not a canonical address
 */
VMM_NODISCARD int vmm_pt_translate(const struct vmm_pt *pt, vmm_va_t va,
	vmm_pa_t *pa_out, unsigned *prot_out);

/* A position in a walk over mapped addresses. */
struct vmm_pt_cursor {
	vmm_va_t va;   /* next address to look at */
	vmm_va_t last; /* last address of the walk */
	bool done;
	bool tags; /* stop at absent entries with a tag as well */
};

/* A walk over the range from @va to @last, both included. */
static inline struct vmm_pt_cursor vmm_pt_cursor_range(
	vmm_va_t va, vmm_va_t last)
{
	struct vmm_pt_cursor cursor = {va, last, va > last, false};

	return cursor;
}

/* A walk over all addresses. */
static inline struct vmm_pt_cursor vmm_pt_cursor_all(void)
{
	return vmm_pt_cursor_range(0, UINT64_MAX);
}

/**
 * vmm_pt_next() - The next mapped run of a walk.
 * @pt:      The table; not changed between the calls of a walk, or only
 *           behind the cursor.
 * @cursor:  Position; moves behind the run.
 * @run_out: Receives the longest run of leaves of one size and protection
 *           that are contiguous in both spaces, clipped to the walk's range.
 *           Untouched at the end.
 *
 * Dumps, checks and copies are loops around this call:
 *
 *     struct vmm_pt_cursor c = vmm_pt_cursor_all();
 *     while (vmm_pt_next(&pt, &c, &run))
 *             ...
 *
 * Cost:   O(entries of the tables passed).
 * Return: true, or false when nothing more is mapped in the range.
 */
bool vmm_pt_next(const struct vmm_pt *pt, struct vmm_pt_cursor *cursor,
	struct vmm_pt_run *run_out);

/*
 * What a table is made of. The number of tables is a function of the mappings:
 * with empty = 0, as vmm_pt_prune() leaves it, it is exactly what
 * vmm_pt_map_tables() says that the same mappings need in an empty table of the
 * same leaf sizes.
 */
struct vmm_pt_usage {
	uint64_t tables;   /* the root included */
	uint64_t empty;	   /* of these, tables with nothing in them */
	uint64_t tags;	   /* absent entries with a tag */
	uint64_t borrowed; /* root entries that are another table's */
	uint64_t size;	   /* bytes mapped, without what is borrowed */
	uint64_t leaves[VMM_PT_LEVELS_MAX]; /* entries, by level */
};

/**
 * vmm_pt_usage() - Count what a table is made of, and test every invariant.
 *
 * Cost, Return: as vmm_pt_check(); @usage_out is written on success only
 */
VMM_NODISCARD int vmm_pt_usage(
	const struct vmm_pt *pt, struct vmm_pt_usage *usage_out);

/**
 * vmm_pt_check() - Test every invariant.
 *
 * Cost:   O(tables * 512); ends even if tables form a loop.
 * Return: VMM_OK or VMM_ECORRUPT.
 */
VMM_NODISCARD int vmm_pt_check(const struct vmm_pt *pt);

/**
 * vmm_pt_lint() - Name every wrong entry of a table, whoever made it.
 * @pt:         The table, or a vmm_pt_view() of any.
 * @tables_max: Give up after that many tables: ones that contain each other
 *              have no end.
 * @sink:       Receives one line for each wrong entry:
 *
 *     [0x0000000040000000-0x000000007fffffff] level 2 entry
 *     0x0000000020000407: a superpage whose address is not aligned to its size
 *
 * Looks for what the specifications reserve, for what faults on some machines
 * and not on others (A and D under Svade), for memory types that are not
 * switched on in the format, and for loops. Bits for software are ignored.
 *
 * Cost:   O(tables * 512).
 * Return: The number of wrong entries.
 */
uint64_t vmm_pt_lint(const struct vmm_pt *pt, uint64_t tables_max,
	const struct vmm_sink *sink);

/**
 * vmm_pt_dump() - Print what is mapped, a run a line, in address order.
 *
 *     [0xffffffc000000000-0xffffffc0000fffff]    1M -> 0x0000000080200000   4K r-x-g
 *
 * The last column is r, w, x, user, global, then accessed and dirty where they
 * are tracked, then nc or io. A run of tags says so.
 */
void vmm_pt_dump(const struct vmm_pt *pt, const struct vmm_sink *sink);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PT_H */
