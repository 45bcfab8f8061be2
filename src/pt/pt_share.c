/* SPDX-License-Identifier: MIT */
/*
 * Sharing lower tables between roots.
 *
 *      owner's root             borrower's root
 *     +-----------+             +-----------+
 *     |    ...    |             |  its own  |
 *     +-----------+             +-----------+
 *     |   entry --|--> table <--|-- entry   |
 *     |  is lent  |             |is borrowed|
 *     +-----------+             +-----------+
 *
 * The marks are bits of the entries that hardware ignores, so a root says by
 * itself what it owns and what it must not take away, and nothing else has to
 * be kept in step.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/* The root entry for @va. */
static uint64_t *root_entry(const struct vmm_pt *pt, vmm_va_t va)
{
	return vmm_pt_table(pt, pt->root) +
	       vmm_pt_index(pt, va, vmm_pt_root_level(pt));
}

int vmm_pt_prefill(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t span = vmm_pt_root_span(format);
	uint64_t tables = 0;
	int err;

	err = vmm_pt_range_check(pt, va, size, span);
	if (err != VMM_OK)
		return err;
	for (uint64_t at = 0; at < size; at += span) {
		uint64_t entry = vmm_pt_load(root_entry(pt, va + at));

		if (vmm_pt_is_borrowed(format, entry))
			return VMM_EBUSY;
		if (!vmm_pt_is_valid(format, entry))
			tables++;
	}
	err = vmm_pt_reserve(pt, tables);
	if (err != VMM_OK)
		return err;
	for (uint64_t at = 0; at < size; at += span) {
		uint64_t *entry = root_entry(pt, va + at);

		if (vmm_pt_is_valid(format, vmm_pt_load(entry)))
			continue;
		vmm_pt_publish(
			entry, vmm_pt_table_make(format, vmm_pt_table_new(pt)));
		vmm_tlb_note(gather, va + at, span, VMM_PAGE_SHIFT,
			VMM_TLB_NON_LEAF);
	}
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

int vmm_pt_share(
	struct vmm_pt *pt, struct vmm_pt *from, vmm_va_t va, uint64_t size)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t span = vmm_pt_root_span(format);
	uint64_t entry;
	int err;

	if (pt == from || format != from->format || pt->offset != from->offset)
		return VMM_EINVAL;
	err = vmm_pt_range_check(pt, va, size, span);
	if (err != VMM_OK)
		return err;
	for (uint64_t at = 0; at < size; at += span) {
		if (vmm_pt_load(root_entry(pt, va + at)) != 0)
			return VMM_EEXIST;
		entry = vmm_pt_load(root_entry(from, va + at));
		if (!vmm_pt_is_valid(format, entry))
			return VMM_ENOENT;
		/* Whose is it? The loan would outlive this lender's. */
		if (vmm_pt_is_borrowed(format, entry))
			return VMM_EBUSY;
	}
	for (uint64_t at = 0; at < size; at += span) {
		uint64_t *owned = root_entry(from, va + at);

		entry = vmm_pt_load(owned);

		/* Hardware ignores the mark, so a live owner may get it. */
		vmm_pt_store(owned, entry | format->lent);
		vmm_pt_publish(root_entry(pt, va + at),
			(entry & ~format->lent) | format->borrowed);
	}
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

int vmm_pt_unshare(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	uint64_t span = vmm_pt_root_span(pt->format);
	int err;

	VMM_ASSERT(gather != NULL);
	err = vmm_pt_range_check(pt, va, size, span);
	if (err != VMM_OK)
		return err;
	for (uint64_t at = 0; at < size; at += span) {
		if (!vmm_pt_is_borrowed(
			    pt->format, vmm_pt_load(root_entry(pt, va + at))))
			return VMM_ENOENT;
	}
	for (uint64_t at = 0; at < size; at += span) {
		vmm_pt_store(root_entry(pt, va + at), 0);
		/* What lies below may be global. */
		vmm_tlb_note(gather, va + at, span, VMM_PAGE_SHIFT,
			VMM_TLB_RESTRICT | VMM_TLB_NON_LEAF | VMM_TLB_GLOBAL);
	}
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}
