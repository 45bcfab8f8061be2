/* SPDX-License-Identifier: MIT */
/*
 * The table object: its pages, in use, spare and unlinked.
 *
 * A page is in one of four places: linked into the tree (table_count), spare
 * (spare_count, a list through the first word of each page), unlinked in a
 * gather (dead_count, a list through the first entry of each table), or with
 * the page source. The first word of an unlinked table is an address and has
 * bit 0 clear, so that a hart which still walks it through a stale pointer
 * finds an invalid entry there.
 */
#include "pt/pt_entry.h"
#include "pt/pt_gather.h"

VMM_RARE void vmm_pt_init(struct vmm_pt *pt, const struct vmm_pt_format *format,
	const struct vmm_pages *pages, uint64_t offset, vmm_pa_t root)
{
	int err;

	VMM_ASSERT(format->levels <= VMM_PT_LEVELS_MAX);
	VMM_ASSERT(VMM_PT_SHIFT_OK(format));
	VMM_ASSERT(vmm_is_aligned(root, UINT64_C(8) << format->root_bits));
	pt->format = format;
	pt->pages = pages;
	pt->offset = offset;
	pt->root = root;
	pt->table_count = 1;
	pt->spare = 0;
	pt->spare_count = 0;
	/* Some protection that is real. */
	pt->memo_prot = VMM_PT_READ;
	err = vmm_pt_prot_encode(format, pt->memo_prot, &pt->memo);
	VMM_ASSERT(err == VMM_OK);
	vmm_pt_fill(vmm_pt_table(pt, root), 1u << format->root_bits, 0, 0);
}

void vmm_pt_donate(struct vmm_pt *pt, vmm_pa_t pa)
{
	VMM_ASSERT(vmm_is_aligned(pa, VMM_PAGE_SIZE));
	VMM_ASSERT(pa != pt->root);
	vmm_pt_store(vmm_pt_table(pt, pa), pt->spare);
	pt->spare = pa;
	pt->spare_count++;
}

/* One page off the list, which is not empty. */
static vmm_pa_t take(struct vmm_pt *pt)
{
	vmm_pa_t pa = pt->spare;

	VMM_ASSERT(pt->spare_count > 0);
	pt->spare = vmm_pt_load(vmm_pt_table(pt, pa));
	pt->spare_count--;
	return pa;
}

int vmm_pt_spare_take(struct vmm_pt *pt, vmm_pa_t *pa_out)
{
	if (pt->spare_count == 0)
		return VMM_ENOENT;
	*pa_out = take(pt);
	return VMM_OK;
}

/* Give a page back to where pages come from. */
static VMM_NOINLINE void page_free(struct vmm_pt *pt, vmm_pa_t pa)
{
	if (pt->pages != NULL)
		pt->pages->free(pt->pages->ctx, pa);
	else
		vmm_pt_donate(pt, pa);
}

/* Give spare pages back until no more than @count are left. */
static VMM_RARE VMM_NOINLINE void trim(struct vmm_pt *pt, uint64_t count)
{
	while (pt->spare_count > count)
		page_free(pt, take(pt));
}

VMM_RARE int vmm_pt_reserve(struct vmm_pt *pt, uint64_t count)
{
	uint64_t before = pt->spare_count;

	while (pt->spare_count < count) {
		vmm_pa_t pa;
		int err = pt->pages == NULL
				  ? VMM_ENOMEM
				  : pt->pages->alloc(pt->pages->ctx, &pa);

		if (err != 0) {
			trim(pt, before);
			return err;
		}
		vmm_pt_donate(pt, pa);
	}
	return VMM_OK;
}

vmm_pa_t vmm_pt_table_new(struct vmm_pt *pt, unsigned at, unsigned count)
{
	vmm_pa_t pa = take(pt);
	uint64_t *table = vmm_pt_table(pt, pa);

	pt->table_count++;
	/* Nobody sees the page yet, so any kind of store will do. */
	for (unsigned i = 0; i < at; i++)
		table[i] = 0;
	for (unsigned i = at + count; i < VMM_PT_ENTRIES; i++)
		table[i] = 0;
	return pa;
}

void vmm_pt_unlink(
	struct vmm_pt *pt, vmm_pa_t table, struct vmm_tlb_gather *gather)
{
	VMM_ASSERT(pt->table_count > 1);
	vmm_pt_store(vmm_pt_table(pt, table), gather->dead);
	gather->dead = table;
	gather->dead_count++;
	/* Until the flush a hart may walk the table: it must not be late. */
	gather->flags |= VMM_TLB_NON_LEAF | VMM_TLB_RESTRICT | VMM_TLB_VALID;
	pt->table_count--;
}

static VMM_NOINLINE void free_tables(
	struct vmm_pt *pt, struct vmm_tlb_gather *gather)
{
	for (; gather->dead_count > 0; gather->dead_count--) {
		vmm_pa_t pa = gather->dead;

		gather->dead = vmm_pt_load(vmm_pt_table(pt, pa));
		page_free(pt, pa);
	}
}

void vmm_pt_reap(struct vmm_pt *pt, struct vmm_tlb_gather *gather)
{
	gather->flags = 0;
	gather->frames_count = 0;
	if (gather->dead_count > 0)
		free_tables(pt, gather);
}

VMM_RARE void vmm_pt_fini(struct vmm_pt *pt)
{
	const struct vmm_pt_format *format = pt->format;
	uint64_t *root = vmm_pt_table(pt, pt->root);
	unsigned count = 1u << format->root_bits;
	uint64_t half = UINT64_C(1) << format->half_bits;
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	/* Own tables only: what is lent is one, and what is borrowed is not. */
	for (unsigned i = 0; i < count; i++) {
		uint64_t entry = vmm_pt_load(&root[i]) & ~format->lent;

		vmm_pt_store(&root[i],
			(entry & format->own_mask) == format->valid ? entry
								    : 0);
	}
	vmm_pt_sweep(pt, 0, half, VMM_PT_CLEAR, &gather);
	if (format->sign_extended != 0)
		vmm_pt_sweep(pt, -half, half, VMM_PT_CLEAR, &gather);
	VMM_ASSERT(pt->table_count == 1);
	vmm_pt_reap(pt, &gather);
	/* Without a source the spares are the caller's to take. */
	if (pt->pages != NULL)
		trim(pt, 0);
}
