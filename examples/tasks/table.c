/* SPDX-License-Identifier: MIT */
/*
 * What the library asks of a kernel that runs one space on many harts: a lock,
 * and a flush that reaches every hart which may hold translations. Each table has
 * an address-space id, so a hart keeps those of several tables; when it comes
 * back to one it was not told of changes meanwhile, and fences the id.
 */
#include "table.h"

#include "console.h"
#include "harts.h"
#include "kernel.h"
#include "lock.h"
#include "sbi.h"
#include "setup.h"
#include "supply.h"

#include <vmm/riscv.h>
#include <vmm/space.h>

/* Of the ids that harts have; 0 is the kernel's. */
#define ASIDS 4096

static uint64_t asids_used[ASIDS / 64];
static unsigned asids; /* 1: there are none */
static uint32_t asids_taken;

/* Bits of the id that do not exist read as 0. */
void tables_init(bool without_asids)
{
	const uint64_t satp = vmm_riscv_satp_read();
	uint64_t all;

	vmm_riscv_satp_write(
		satp | UINT64_C(0xffff) << VMM_RISCV_SATP_ASID_SHIFT);
	all = vmm_riscv_satp_read() >> VMM_RISCV_SATP_ASID_SHIFT & 0xffff;
	vmm_riscv_satp_write(satp);
	asids = all + 1 < ASIDS ? (unsigned)all + 1 : ASIDS;
	if (without_asids)
		asids = 1;
	print("tasks: %u address-space ids are used\n", (uint64_t)asids - 1);
}

/* Without ids, all have the kernel's, and usermode.S fences. */
static int asid_alloc(unsigned *asid_out)
{
	int err = VMM_ENOSPC;

	if (asids == 1)
		return VMM_OK;
	lock_acquire(&asids_taken);
	for (unsigned i = 1; err && i < asids; i++) {
		if ((asids_used[i / 64] >> i % 64 & 1) != 0)
			continue;
		asids_used[i / 64] |= UINT64_C(1) << i % 64;
		*asid_out = i;
		err = VMM_OK;
	}
	lock_release(&asids_taken);
	return err;
}

static void asid_free(unsigned asid)
{
	lock_acquire(&asids_taken);
	asids_used[asid / 64] &= ~(UINT64_C(1) << asid % 64);
	lock_release(&asids_taken);
}

/* By the firmware's numbers, which are below 64 here. */
static uint64_t firmware_mask(uint64_t harts)
{
	uint64_t mask = 0;

	for (uint64_t i = 0; i < HARTS_MAX; i++) {
		if ((harts >> i & 1) != 0)
			mask |= UINT64_C(1) << harts_id(i);
	}
	return mask;
}

/*
 * The hook. Where nothing was taken away, the other harts need no fence: what
 * they do not know yet is a spurious fault, which fences there.
 */
static void flush(
	void *ctx, struct vmm_space *space, const struct vmm_tlb_gather *gather)
{
	const struct table *table = ctx;
	const uint64_t self = UINT64_C(1) << harts_self();
	const uint64_t others = vmm_space_harts(space) & ~self;
	struct vmm_riscv_sbi_fence fence;

	vmm_riscv_flush(gather, table->asid);
	if (others == 0 || (gather->flags & VMM_TLB_RESTRICT) == 0)
		return;
	if (vmm_riscv_sbi(gather, VMM_RISCV_OWN, table->asid, &fence) &&
		sbi_fence(firmware_mask(others), &fence) != 0)
		fail("the firmware has no remote fence");
}

int table_new(struct table **table_out)
{
	struct table *table = supply_page();
	vmm_pa_t root;
	int err;

	_Static_assert(sizeof(*table) <= VMM_PAGE_SIZE, "fits a page");
	if (table == NULL)
		return VMM_ENOMEM;
	err = supply.pages.alloc(NULL, &root);
	if (!err) {
		err = asid_alloc(&table->asid);
		if (err)
			supply.pages.free(NULL, root);
	}
	if (err) {
		supply_page_free(table);
		return err;
	}
	table->users = 1;
	table->lock =
		(struct vmm_lock){lock_acquire, lock_release, &table->taken};
	table->hooks = (struct vmm_space_hooks){.pages = &supply.pages,
		.frames = &supply.frames,
		.lock = &table->lock,
		.flush = flush,
		.ctx = table};
	/* Without a page source: spaces give it pages. */
	vmm_pt_init(&table->pt, kernel.format, NULL, kernel.dmap_base, root);
	setup_borrow(&table->pt);
	*table_out = table;
	return VMM_OK;
}

void table_get(struct table *table)
{
	__atomic_fetch_add(&table->users, 1, __ATOMIC_RELAXED);
}

void table_put(struct table *table)
{
	const vmm_pa_t root = table->pt.root;
	vmm_pa_t spare;

	if (__atomic_sub_fetch(&table->users, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	/* No hart is on it, and who gets its id fences first. */
	vmm_pt_fini(&table->pt);
	while (vmm_pt_spare_take(&table->pt, &spare) == VMM_OK)
		supply.pages.free(NULL, spare);
	supply.pages.free(NULL, root);
	asid_free(table->asid);
	supply_page_free(table);
}

uint64_t table_satp(const struct table *table)
{
	return vmm_riscv_satp(&table->pt, table->asid);
}

void table_fence(const struct table *table)
{
	const uint64_t asid = table->asid;

	VMM_RISCV_FENCE(0x09, "zero", "%0", "r"(asid));
}
