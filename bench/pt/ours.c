/* SPDX-License-Identifier: MIT */
/*
 * The library. Pages of 2 MiB need no word from the caller, those of 4 KiB come
 * from frames that are out of step with the addresses.
 */
#include "pt/contender.h"

#include <vmm/pt_share.h>
#include <vmm/pt_upkeep.h>

#define RW (VMM_PT_READ | VMM_PT_WRITE)

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	struct space *space = ctx;

	*pa_out = table_take(space->memory);
	return *pa_out == 0 ? VMM_ENOMEM : 0;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	struct space *space = ctx;

	table_give(space->memory, pa);
}

static void ours_open(struct space *space)
{
	space->pages = (struct vmm_pages){page_alloc, page_free, space};
	vmm_tlb_gather_init(&space->gather, space->frames, 2);
	vmm_pt_init(&space->pt, &vmm_pt_sv39, &space->pages, 0, space->root);
}

static void ours_close(struct space *space)
{
	vmm_pt_fini(&space->pt);
}

static int ours_map(struct space *space, uint64_t va, uint64_t pa,
	uint64_t size, unsigned shift)
{
	(void)shift;
	return vmm_pt_map(&space->pt, va, pa, size, RW, &space->gather);
}

static int ours_unmap(
	struct space *space, uint64_t va, uint64_t size, unsigned shift)
{
	int err = vmm_pt_unmap(&space->pt, va, size, &space->gather);

	(void)shift;
	vmm_pt_reap(&space->pt, &space->gather);
	return err;
}

static int ours_protect(
	struct space *space, uint64_t va, uint64_t size, unsigned shift)
{
	(void)shift;
	return vmm_pt_protect(
		&space->pt, va, size, VMM_PT_READ, &space->gather);
}

static int ours_translate(struct space *space, uint64_t va, uint64_t *pa_out)
{
	return vmm_pt_translate(&space->pt, va, pa_out, NULL);
}

static int ours_fork(
	struct space *child, struct space *parent, uint64_t va, uint64_t size)
{
	const struct vmm_pt_source source = {&parent->pt, va, VMM_PT_WRITE};
	int err = vmm_pt_copy(&child->pt, va, size, &source, NULL);

	if (err == VMM_OK)
		err = vmm_pt_modify(&parent->pt, va, size, 0, VMM_PT_WRITE,
			&parent->gather);
	return err;
}

const struct contender bench_ours = {"ours", ours_open, ours_close, ours_map,
	ours_unmap, ours_protect, ours_translate, ours_fork};
