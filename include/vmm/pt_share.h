/* SPDX-License-Identifier: MIT */
/*
 * Page tables that have something in common: whole root entries that lead to
 * the same lower tables (the kernel's half of every address space), and
 * mappings that are copied (fork, shared memory).
 *
 * Context: as in pt.h; the caller serialises calls that share either table.
 */
#ifndef VMM_PT_SHARE_H
#define VMM_PT_SHARE_H

#include <vmm/pt.h>

#ifdef __cplusplus
extern "C" {
#endif

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
 *         VMM_EEXIST     an entry has a tag
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

/* Where vmm_pt_copy() takes mappings from. */
struct vmm_pt_source {
	const struct vmm_pt *pt;
	vmm_va_t va;	/* a multiple of VMM_PAGE_SIZE */
	unsigned clear; /* flags that the copies do not get */
};

/**
 * vmm_pt_copy() - Map what another range maps: the same frames, not copies.
 * @pt:     The table to change.
 * @va:     First virtual address in it; a multiple of VMM_PAGE_SIZE.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE.
 * @source: Where from. It may have holes, which stay holes, and tags, which
 *          are copied. It may be another range of @pt.
 * @gather: Receives what became stale in @pt; NULL if no hart uses it.
 *
 * All or nothing. Pages stay pages; larger leaves are as large as they fit at
 * the new address. To share
 * a range, this is all. For fork with copy on write, clear WRITE in the copy,
 * then in the source:
 *
 *     source = {parent, va, VMM_PT_WRITE};
 *     err = vmm_pt_copy(child, va, size, &source, NULL);
 *     if (err == VMM_OK)
 *             err = vmm_pt_modify(parent, va, size, 0, VMM_PT_WRITE, &gather);
 *
 * where modify cannot fail unless the range cuts a superpage, for which
 * vmm_pt_reserve() of 2 * (levels - 1) pages beforehand is enough. The frames
 * have one more user each: counting them is the caller's.
 *
 * Cost:   O(runs * levels + pages), twice.
 * Return: VMM_OK, or
 *         VMM_EINVAL     misaligned or empty; the ranges overlap in one table;
 *                        a page would be left without any access
 *         VMM_ENOTSUP    @pt's format cannot express a protection
 *         VMM_ERANGE     a range wraps or leaves the canonical addresses, or
 *                        a frame has no address in @pt's format
 *         VMM_EEXIST     something is where a copy belongs
 *         VMM_EBUSY      a root entry of the new range is borrowed
 *         VMM_ENOMEM     tables are missing, none spare, no page source
 *         a hook's code  the page source failed
 */
VMM_NODISCARD int vmm_pt_copy(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	const struct vmm_pt_source *source, struct vmm_tlb_gather *gather);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PT_SHARE_H */
