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
#include <vmm/pt_share.h>

#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

/* The range's root entries: from *@first_out on, that many. 0 if it is none. */
static unsigned root_entries(const struct vmm_pt *pt, vmm_va_t va,
	uint64_t size, uint64_t **first_out, int *err_out)
{
	*err_out =
		vmm_pt_range_check(pt, va, size, vmm_pt_root_span(pt->format));
	if (*err_out != VMM_OK)
		return 0;
	*first_out = vmm_pt_root_entry(pt, va);
	return (unsigned)(size >> pt->format->root_shift);
}

VMM_RARE int vmm_pt_prefill(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t tables = 0;
	uint64_t *root;
	int err;
	unsigned count = root_entries(pt, va, size, &root, &err);

	for (unsigned i = 0; i < count; i++) {
		uint64_t entry = vmm_pt_load(&root[i]);

		if (vmm_pt_is_borrowed(format, entry))
			return VMM_EBUSY;
		if (vmm_pt_is_valid(format, entry))
			continue;
		if (entry != 0)
			return VMM_EEXIST;
		tables++;
	}
	if (err == VMM_OK)
		err = vmm_pt_reserve(pt, tables);
	if (err != VMM_OK)
		return err;
	for (unsigned i = 0; i < count; i++) {
		if (vmm_pt_load(&root[i]) == 0)
			vmm_pt_publish(
				&root[i], vmm_pt_table_make(format,
						  vmm_pt_table_new(pt, 0, 0)));
	}
	if (tables > 0)
		vmm_tlb_note(
			gather, va, size, VMM_PAGE_SHIFT, VMM_TLB_NON_LEAF);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

VMM_RARE int vmm_pt_share(
	struct vmm_pt *pt, struct vmm_pt *from, vmm_va_t va, uint64_t size)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t *root;
	uint64_t *owned;
	unsigned count;
	int err;

	if (pt == from || format != from->format || pt->offset != from->offset)
		return VMM_EINVAL;
	count = root_entries(pt, va, size, &root, &err);
	owned = vmm_pt_root_entry(from, va);
	for (unsigned i = 0; i < count; i++) {
		uint64_t entry = vmm_pt_load(&owned[i]);

		if (vmm_pt_load(&root[i]) != 0)
			return VMM_EEXIST;
		if (!vmm_pt_is_valid(format, entry))
			return VMM_ENOENT;
		/* Whose is it? The loan would outlive this lender's. */
		if (vmm_pt_is_borrowed(format, entry))
			return VMM_EBUSY;
	}
	for (unsigned i = 0; i < count; i++) {
		uint64_t entry = vmm_pt_load(&owned[i]);

		/* Hardware ignores the mark, so a live owner may get it. */
		vmm_pt_store(&owned[i], entry | format->lent);
		vmm_pt_publish(
			&root[i], (entry & ~format->lent) | format->borrowed);
	}
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return err;
}

VMM_RARE int vmm_pt_unshare(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	uint64_t *root;
	int err;
	unsigned count = root_entries(pt, va, size, &root, &err);

	VMM_ASSERT(gather != NULL);
	if (err != VMM_OK)
		return err;
	for (unsigned i = 0; i < count; i++) {
		if (!vmm_pt_is_borrowed(pt->format, vmm_pt_load(&root[i])))
			return VMM_ENOENT;
	}
	vmm_pt_fill(root, count, 0, 0);
	/* What lies below may be global. */
	vmm_tlb_note(gather, va, size, VMM_PAGE_SHIFT,
		VMM_TLB_RESTRICT | VMM_TLB_NON_LEAF | VMM_TLB_GLOBAL |
			VMM_TLB_VALID);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}
