/* SPDX-License-Identifier: MIT */
#include "superpage.h"

#include "console.h"
#include "frames.h"
#include "harts.h"
#include "kernel.h"
#include "trap.h"

#include <vmm/pt_upkeep.h>

/* As superpages are mapped in the arena and in the direct map. */
#define RO (VMM_PT_READ | VMM_PT_GLOBAL)
#define RW (RO | VMM_PT_WRITE)

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

static struct vmm_pt_run run_at(vmm_va_t va)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(va, va);
	struct vmm_pt_run run = {0};

	expect(vmm_pt_next(&kernel.pt, &cursor, &run), "%x is not mapped", va);
	return run;
}

static void flush(struct vmm_tlb_gather *gather)
{
	harts_flush(gather);
	vmm_pt_reap(&kernel.pt, gather);
}

/* The page at @va takes no stores, its neighbours do; all harts see all. */
static void check_split(vmm_va_t va)
{
	expect(run_at(va).level == 0, "%x is still a superpage", va);
	expect(probe_store(va) == CAUSE_STORE_PAGE_FAULT,
		"address %x is writable after protect", va);
	for (vmm_va_t at = va - VMM_PAGE_SIZE; at != va + 2 * VMM_PAGE_SIZE;
		at += VMM_PAGE_SIZE) {
		expect(at == va || probe_store(at) == CAUSE_NONE,
			"the split took the neighbour %x", at);
		for (uint64_t i = 0; i < harts_count(); i++)
			expect(harts_load(i, at) == CAUSE_NONE,
				"hart %u: the split took %x", i, at);
	}
}

void superpage_round(vmm_va_t va)
{
	const unsigned level = run_at(va).level;
	const uint64_t size = vmm_pt_leaf_size(level);
	const uint64_t tables = kernel.pt.table_count;
	struct vmm_tlb_gather gather;

	expect(level > 0, "%x is in no superpage", va);
	expect(probe_store(va) == CAUSE_NONE, "%x is not writable", va);
	vmm_tlb_gather_init(&gather, NULL, 0);
	check(vmm_pt_protect(&kernel.pt, va, VMM_PAGE_SIZE, RO, &gather),
		"protect");
	flush(&gather);
	check_split(va);
	check(vmm_pt_protect(&kernel.pt, va, VMM_PAGE_SIZE, RW, &gather),
		"protect");
	check(vmm_pt_merge(&kernel.pt, vmm_align_down(va, size), size, &gather),
		"merge");
	flush(&gather);
	expect(run_at(va).level == level, "%x is no superpage again", va);
	expect(kernel.pt.table_count == tables, "the merge kept a table");
	for (uint64_t i = 0; i < harts_count(); i++)
		expect(harts_load(i, va) == CAUSE_NONE,
			"hart %u: the merge took %x", i, va);
	expect(probe_store(va) == CAUSE_NONE,
		"address %x is not writable again", va);
}

void superpage_direct_map(void)
{
	struct vmm_tlb_gather gather;
	vmm_pa_t pa;
	vmm_va_t va;

	/* A page in the middle of what nobody uses. */
	check(frame_alloc(9, &pa), "2 MiB frame");
	va = kernel.dmap_base + pa + VMM_MIB(1);
	if (run_at(va).level + 1 < kernel.format->levels) {
		superpage_round(va);
	} else {
		/* A gigapage in the root, which every hart has a copy of. */
		vmm_tlb_gather_init(&gather, NULL, 0);
		expect(vmm_pt_protect(&kernel.pt, va, VMM_PAGE_SIZE, RO,
			       &gather) == VMM_EBUSY,
			"a leaf that harts have borrowed was split");
	}
	check(frame_free(pa, 9), "free 2 MiB frame");
}
