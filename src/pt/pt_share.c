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

/* What there is among the root entries of a range. */
#define ABSENT	 1u
#define TAG	 2u
#define OWN	 4u
#define BORROWED 8u

struct entries {
	uint64_t *first;
	unsigned count;
	unsigned absent; /* of them */
	unsigned kinds;	 /* ABSENT and so on */
};

static VMM_RARE VMM_NOINLINE int look_at(const struct vmm_pt *pt, vmm_va_t va,
	uint64_t size, struct entries *entries)
{
	const struct vmm_pt_format *format = pt->format;
	int err = vmm_pt_range_check(pt, va, size, vmm_pt_root_span(format));

	if (err != VMM_OK)
		return err;
	entries->first = vmm_pt_root_entry(pt, va);
	entries->count = (unsigned)(size >> format->root_shift);
	entries->absent = 0;
	entries->kinds = 0;
	for (unsigned i = 0; i < entries->count; i++) {
		uint64_t entry = vmm_pt_load(&entries->first[i]);

		if (vmm_pt_is_valid(format, entry)) {
			entries->kinds |= (entry & format->borrowed) != 0
						  ? BORROWED
						  : OWN;
		} else if (entry != 0) {
			entries->kinds |= TAG;
		} else {
			entries->kinds |= ABSENT;
			entries->absent++;
		}
	}
	return VMM_OK;
}

VMM_RARE int vmm_pt_prefill(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	struct entries own;
	int err = look_at(pt, va, size, &own);

	if (err != VMM_OK)
		return err;
	if ((own.kinds & BORROWED) != 0)
		return VMM_EBUSY;
	if ((own.kinds & TAG) != 0)
		return VMM_EEXIST;
	err = vmm_pt_reserve(pt, own.absent);
	if (err != VMM_OK || own.absent == 0)
		return err;
	for (unsigned i = 0; i < own.count; i++) {
		if (vmm_pt_load(&own.first[i]) == 0)
			vmm_pt_publish(&own.first[i],
				vmm_pt_table_make(pt->format,
					vmm_pt_table_new(pt, 0, 0)));
	}
	vmm_tlb_note(gather, va, size, VMM_PAGE_SHIFT, VMM_TLB_NON_LEAF);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

VMM_RARE int vmm_pt_share(
	struct vmm_pt *pt, struct vmm_pt *from, vmm_va_t va, uint64_t size)
{
	const struct vmm_pt_format *format = pt->format;
	struct entries own;
	struct entries lender;
	int err;

	if (pt == from || format != from->format || pt->offset != from->offset)
		return VMM_EINVAL;
	err = look_at(pt, va, size, &own);
	if (err == VMM_OK)
		err = look_at(from, va, size, &lender);
	if (err != VMM_OK)
		return err;
	if (own.kinds != ABSENT)
		return VMM_EEXIST;
	if ((lender.kinds & (ABSENT | TAG)) != 0)
		return VMM_ENOENT;
	/* Whose is it? The loan would outlive this lender's. */
	if (lender.kinds != OWN)
		return VMM_EBUSY;
	for (unsigned i = 0; i < own.count; i++) {
		uint64_t entry = vmm_pt_load(&lender.first[i]);

		/* Hardware ignores the mark, so a live owner may get it. */
		vmm_pt_store(&lender.first[i], entry | format->lent);
		vmm_pt_publish(&own.first[i],
			(entry & ~format->lent) | format->borrowed);
	}
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}

VMM_RARE int vmm_pt_unshare(struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	struct entries own;
	int err = look_at(pt, va, size, &own);

	VMM_ASSERT(gather != NULL);
	if (err != VMM_OK)
		return err;
	if (own.kinds != BORROWED)
		return VMM_ENOENT;
	vmm_pt_fill(own.first, own.count, 0, 0);
	/* What lies below may be global. */
	vmm_tlb_note(gather, va, size, VMM_PAGE_SHIFT,
		VMM_TLB_RESTRICT | VMM_TLB_NON_LEAF | VMM_TLB_GLOBAL |
			VMM_TLB_VALID);
	VMM_ASSERT_SLOW(vmm_pt_check(pt) == VMM_OK);
	return VMM_OK;
}
