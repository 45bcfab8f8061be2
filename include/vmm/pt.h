/* SPDX-License-Identifier: MIT */
/*
 * Page tables: map, unmap, protect and look up ranges of virtual addresses.
 *
 * A table object holds its format (Sv39, Sv48, Sv57, their guest stages and
 * x86-64: data, not code; all live in one build), the address of its root, and the offset at which table pages
 * can be reached, so the same code runs before and after paging is on. Ranges
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
#include <vmm/tlb.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Protection of a mapping. At least one of READ, WRITE and EXEC is needed;
 * WRITE implies READ, since no format can express the one without the other.
 * What a format cannot express is refused, never weakened: EXEC without READ
 * in x86-64, USER and GLOBAL in a guest stage, where every access counts as
 * the user's.
 */
#define VMM_PT_READ	  (1u << 0)
#define VMM_PT_WRITE	  (1u << 1)
#define VMM_PT_EXEC	  (1u << 2)
#define VMM_PT_USER	  (1u << 3) /* for user mode, and not for the kernel */
#define VMM_PT_GLOBAL	  (1u << 4) /* the same in every address space */
#define VMM_PT_PROT_COUNT 5

/* No format has more levels, and so no walk takes more steps. */
#define VMM_PT_LEVELS_MAX 5
/* Every table but a guest's root has 512 entries of 8 bytes. */
#define VMM_PT_INDEX_BITS 9

/* How one protection flag looks in a leaf entry. */
struct vmm_pt_prot_bits {
	uint64_t set;	/* bits that are 1 if the flag is given */
	uint64_t unset; /* bits that are 1 if it is not (x86-64: NX) */
};

/*
 * A page-table format. One row of constants each; the walker reads them and
 * has no other knowledge of an architecture. Holds no pointer, so that it can
 * be used before relocation.
 */
struct vmm_pt_format {
	char name[8];		 /* "sv39" */
	uint8_t levels;		 /* tables on a full walk, root included */
	uint8_t root_bits;	 /* index bits of the root */
	uint8_t va_bits;	 /* significant bits of a virtual address */
	uint8_t sign_extended;	 /* 1: bits above repeat bit va_bits - 1;
				   0: they are zero */
	uint8_t pa_bits;	 /* bits of a physical address */
	uint8_t pa_shift;	 /* an entry holds pa >> pa_shift */
	uint8_t leaf_level_max;	 /* the largest leaf: level 0 to this one */
	uint8_t satp_mode;	 /* RISC-V: MODE field of satp or hgatp */
	uint8_t exec_only;	 /* 1: EXEC without READ can be expressed */
	uint64_t pa_mask;	 /* entry bits that hold the address */
	uint64_t valid;		 /* entry is valid if these are set */
	uint64_t leaf_mask;	 /* above level 0, a leaf if any of these is */
	uint64_t table_bits;	 /* all non-address bits of a table entry */
	uint64_t table_ignored;	 /* bits of a table entry that hardware may
				   set by itself (x86-64: A) */
	uint64_t leaf_bits[2];	 /* bits of every leaf: at level 0, above it */
	uint64_t leaf_forbidden; /* bits that must be 0 in a leaf */
	/* Two bits for software, in root entries only. */
	uint64_t borrowed;     /* the entry belongs to another table */
	uint64_t lent;	       /* other tables use the entry too */
	unsigned prot_allowed; /* VMM_PT_... flags that can be expressed */
	struct vmm_pt_prot_bits prot[VMM_PT_PROT_COUNT];
};

extern VMM_DATA const struct vmm_pt_format vmm_pt_sv39; /* 3 levels, 512 GiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv48; /* 4 levels, 256 TiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv57; /* 5 levels, 128 PiB */

/*
 * Guest-physical to physical addresses, for hgatp: zero-extended, with two more
 * bits of address and a root of 16 KiB, aligned to that.
 */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv39x4; /* 2 TiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv48x4; /* 1 PiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv57x4; /* 512 PiB */

/* x86-64 with 4 levels, and with 5 (CR4.LA57). EFER.NXE has to be set. */
extern VMM_DATA const struct vmm_pt_format vmm_pt_x86_64; /* 256 TiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_la57;	  /* 128 PiB */

/*
 * A page table. The fields are the library's; kernels may read them.
 * vmm_pt_check() tests:
 *   I1  from the root, table_count - 1 entries point to tables, borrowed ones
 *       aside and not counted below
 *   I2  a table entry has no bits but those of the format: A, D, U, G are 0;
 *       only root entries are marked as borrowed or lent
 *   I3  a leaf is at an allowed level, its address is aligned to its size,
 *       its protection is one that vmm_pt_map() could have written, and
 *       reserved bits are 0; an entry that is not valid is all 0
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
};

/* A run of mapped addresses: one leaf size, one protection, contiguous. */
struct vmm_pt_run {
	vmm_va_t va;
	vmm_pa_t pa;
	uint64_t size;	/* bytes */
	uint32_t prot;	/* VMM_PT_... */
	uint32_t level; /* of its leaves */
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
 * @prot:   VMM_PT_READ and so on.
 * @gather: Receives what became stale; NULL if no hart uses the table.
 *
 * Uses the largest leaf that alignment, size and the tables already there
 * allow. Accessed and dirty are preset, so hardware that faults instead of
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
 *         VMM_EEXIST     part of the virtual range is mapped already
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
 * vmm_pt_protect() - Change the protection of a mapped range.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE. All of it is mapped.
 * @prot:   The new protection, whole: flags not given are taken away.
 * @gather: Receives what became stale; NULL if no hart uses the table.
 *
 * Superpages that stick out of the range are split, even if the protection is
 * the one they had.
 *
 * Cost:   O(leaves / 512 * levels + leaves), twice.
 * Return: VMM_OK, or as vmm_pt_unmap(); VMM_EINVAL also if @prot allows no
 *         access, VMM_ENOTSUP if the format cannot express it. Never
 *         VMM_ENOSPC.
 */
VMM_NODISCARD int vmm_pt_protect(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	unsigned prot, struct vmm_tlb_gather *gather);

/**
 * vmm_pt_prune() - Unlink the empty tables of a range.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE.
 * @gather: Receives the tables; never NULL. A fence for all address spaces is
 *          asked for, since an empty table cannot say what it once held.
 *
 * After it, no table under the range is empty, those aside that root entries
 * have lent: the number of tables is again a function of the mappings alone.
 *
 * Cost:   O(512 * tables under the range).
 * Return: VMM_OK, or VMM_EINVAL, VMM_ERANGE or VMM_EBUSY as for
 *         vmm_pt_unmap().
 */
VMM_NODISCARD int vmm_pt_prune(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

/**
 * vmm_pt_prefill() - Give every root entry of a range its table now.
 * @pt:     The table.
 * @va:     First virtual address; a multiple of vmm_pt_root_span().
 * @size:   Bytes; a non-zero multiple of vmm_pt_root_span().
 * @gather: Receives what became stale; NULL if no hart uses the table.
 *
 * Entries that hold a table or a leaf stay as they are. Afterwards a mapping
 * of small pages in the range changes no root entry, so that spaces which
 * share these entries see it. Until they are shared, the new tables are empty
 * ones like any other, and vmm_pt_prune() takes them.
 *
 * Cost:   O(root entries); one page for each entry that was absent.
 * Return: VMM_OK, or
 *         VMM_EINVAL     misaligned or empty
 *         VMM_ERANGE     the range wraps or leaves the canonical addresses
 *         VMM_EBUSY      an entry is borrowed
 *         VMM_ENOMEM     no pages for tables
 *         a hook's code  the page source failed
 */
VMM_NODISCARD int vmm_pt_prefill(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

/**
 * vmm_pt_share() - Borrow the root entries of another table.
 * @pt:   The borrower. Nothing is mapped in the range. If a hart is using it,
 *        fence all addresses afterwards: absent entries may be cached.
 * @from: The owner: same format, same offset. Must outlive the loan. Its
 *        entries are marked as lent, for good.
 * @va:   First virtual address; a multiple of vmm_pt_root_span().
 * @size: Bytes; a non-zero multiple of vmm_pt_root_span().
 *
 * From now on both tables lead through the same lower tables: what the owner
 * maps and unmaps there appears in the borrower too. Its gathers then ask for a
 * fence in all address spaces, which has to reach the harts of all borrowers.
 * The borrower only reads: its operations refuse ranges with borrowed entries,
 * and neither vmm_pt_fini() nor vmm_pt_check() look below them.
 *
 * The owner never unlinks a table that it has lent, be it empty. A leaf in a
 * root entry (a gigapage in Sv39) is lent as well; as a change of it could not
 * appear in the borrowers, the owner's operations refuse it from now on. An
 * absent entry is refused, since what is mapped there later could not appear
 * either: see vmm_pt_prefill().
 *
 * This is how every space gets the kernel's half, and how each hart gets a
 * root of its own: all of the kernel's root shared, but for the one entry that
 * holds the hart's private area, mapped without VMM_PT_GLOBAL.
 *
 * Cost:   O(root entries).
 * Return: VMM_OK, or
 *         VMM_EINVAL  misaligned or empty, or the tables do not match
 *         VMM_ERANGE  the range wraps or leaves the canonical addresses
 *         VMM_EEXIST  the borrower has something there
 *         VMM_ENOENT  the owner has an absent entry there
 *         VMM_EBUSY   @from has borrowed the entry itself: ask its owner
 */
VMM_NODISCARD int vmm_pt_share(
	struct vmm_pt *pt, struct vmm_pt *from, vmm_va_t va, uint64_t size);

/**
 * vmm_pt_unshare() - Give borrowed root entries back.
 * @pt:     The borrower.
 * @va:     First virtual address; a multiple of vmm_pt_root_span().
 * @size:   Bytes; a non-zero multiple of vmm_pt_root_span(). Every entry in
 *          the range is borrowed.
 * @gather: Receives what became stale; never NULL.
 *
 * Where global leaves lie below, every space that shares them may bring them
 * back into the TLB for all: use these addresses again in this space only after
 * no hart runs on another one, or never.
 *
 * Return: VMM_OK, or
 *         VMM_EINVAL  misaligned or empty
 *         VMM_ERANGE  the range wraps or leaves the canonical addresses
 *         VMM_ENOENT  an entry is not borrowed
 */
VMM_NODISCARD int vmm_pt_unshare(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather);

/* Bytes that one root entry covers: 1 GiB in Sv39, 512 GiB in Sv48. */
static inline uint64_t vmm_pt_root_span(const struct vmm_pt_format *format)
{
	return UINT64_C(1) << (VMM_PAGE_SHIFT +
			       VMM_PT_INDEX_BITS * (format->levels - 1u));
}

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
};

/* A walk over the range from @va to @last, both included. */
static inline struct vmm_pt_cursor vmm_pt_cursor_range(
	vmm_va_t va, vmm_va_t last)
{
	struct vmm_pt_cursor cursor = {va, last, va > last};

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

/* Is @va an address that the format can translate? */
bool vmm_pt_canonical(const struct vmm_pt_format *format, vmm_va_t va);

/* Size in bytes of a leaf at @level. */
static inline uint64_t vmm_pt_leaf_size(unsigned level)
{
	return UINT64_C(1) << (VMM_PAGE_SHIFT + VMM_PT_INDEX_BITS * level);
}

/**
 * vmm_pt_check() - Test every invariant.
 *
 * Cost:   O(tables * 512); ends even if tables form a loop.
 * Return: VMM_OK or VMM_ECORRUPT.
 */
VMM_NODISCARD int vmm_pt_check(const struct vmm_pt *pt);

/**
 * vmm_pt_dump() - Print what is mapped, a run a line, in address order.
 *
 *     [0xffffffc000000000-0xffffffc0000fffff]    1M -> 0x0000000080200000   4K r-x-g
 */
void vmm_pt_dump(const struct vmm_pt *pt, const struct vmm_sink *sink);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PT_H */
