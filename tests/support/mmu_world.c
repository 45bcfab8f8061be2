/* SPDX-License-Identifier: MIT */
#include "support/mmu_pages.h"

#include <vmm/pt_share.h>
#include <vmm/pt_upkeep.h>

#define HARTS	 3
#define SPACES	 4 /* the first is the kernel's */
#define RUNS_MAX 64
#define DEVICE	 UINT64_C(0x400000000) /* no memory; superpages */

struct space {
	struct vmm_pt pt;
	vmm_pa_t root;
	uint64_t id; /* ASID, PCID or VMID */
	bool live;
};

static struct space spaces[SPACES];
static unsigned running[HARTS];
static struct vmm_tlb_frames runs[RUNS_MAX];

struct mmu_done mmu_done;
static bool alone; /* the kernel's space only, and nothing shared */

static uint64_t register_value(const struct space *space)
{
	if (kind->arch == VMM_MMU_X86_64)
		return space->root | space->id | UINT64_C(1) << 63;
	return mmu_satp(
		kind->format->satp_mode, (unsigned)space->id, space->root);
}

/* No fence: the spaces have IDs of their own. */
static void switch_to(unsigned hart, unsigned to)
{
	const uint64_t value = register_value(&spaces[to]);

	running[hart] = to;
	if (kind->arch == VMM_MMU_X86_64)
		vmm_mmu_cr3(rig.mmu, hart, value);
	else if (kind->guest)
		vmm_mmu_hgatp(rig.mmu, hart, value);
	else
		vmm_mmu_satp(rig.mmu, hart, value);
}

/* Where a space maps things: three windows of 4 MiB. */
#define WINDOW	(UINT64_C(4) << 20)
#define WINDOWS 3

static vmm_va_t upper_half(void)
{
	return ~UINT64_C(0) << (kind->format->va_bits - 1);
}

static vmm_va_t window(unsigned which, unsigned index)
{
	const uint64_t span = vmm_pt_root_span(kind->format);

	if (which == 0 && !kind->guest)
		return index == 0   ? upper_half()
		       : index == 1 ? upper_half() + span - WINDOW / 2
				    : upper_half() + 2 * span - WINDOW;
	return index == 0   ? 0
	       : index == 1 ? span - WINDOW / 2
			    : (UINT64_C(1) << (kind->format->va_bits -
					       kind->format->sign_extended)) -
				      WINDOW;
}

static void space_open(unsigned which)
{
	struct space *space = &spaces[which];

	space->root = MMU_RAM + 4 * PAGE * which;
	space->id = which + 1;
	space->live = true;
	for (unsigned i = 0; i < 4; i++)
		junk(space->root + PAGE * i);
	vmm_pt_init(&space->pt, kind->format, &source,
		(uint64_t)(uintptr_t)mmu_word(MMU_RAM) - MMU_RAM, space->root);
	if (kind->guest || alone)
		return;
	if (which == 0)
		CHECK_EQ(vmm_pt_prefill(&space->pt, upper_half(),
				 2 * vmm_pt_root_span(kind->format), NULL),
			VMM_OK);
	else
		CHECK_EQ(vmm_pt_share(&space->pt, &spaces[0].pt, upper_half(),
				 2 * vmm_pt_root_span(kind->format)),
			VMM_OK);
}

static unsigned some_live(void)
{
	unsigned which;

	do
		which = (unsigned)rng_below(&rng, SPACES);
	while (!spaces[which].live);
	return which;
}

static void flush_all(unsigned which, const struct vmm_tlb_gather *gather)
{
	struct vmm_tlb_gather asked = *gather;

	if (defect == NO_FENCE)
		return;
	if (defect == NO_NON_LEAF)
		asked.flags &= ~VMM_TLB_NON_LEAF;
	if (defect == NO_GLOBAL)
		asked.flags &= ~VMM_TLB_GLOBAL;
	if (defect == ONE_PAGE)
		asked.last = asked.first;
	for (unsigned h = 0; h < HARTS; h++) {
		if (defect != NO_REMOTE_FENCE || h < HARTS - 1)
			kind->flush(rig.mmu, h, &asked, spaces[which].id);
	}
}

static void give_back(unsigned which, struct vmm_tlb_gather *gather)
{
	for (size_t i = 0; i < gather->frames_count; i++) {
		for (uint64_t at = 0; at < runs[i].size; at += PAGE) {
			if (in_ram(runs[i].pa + at))
				page_give(runs[i].pa + at, FRAME);
		}
	}
	vmm_pt_reap(&spaces[which].pt, gather);
}

/* Flush, and only then give frames and tables back. */
static void finish(unsigned which, struct vmm_tlb_gather *gather)
{
	const struct vmm_tlb_gather copy = *gather;

	if (defect == FREE_FIRST)
		give_back(which, gather);
	flush_all(which, &copy);
	for (unsigned h = 0; h < HARTS; h++)
		clean(vmm_mmu_audit(rig.mmu, h));
	if (defect != FREE_FIRST)
		give_back(which, gather);
	clean(vmm_mmu_count_all(rig.mmu));
}

static unsigned some_prot(unsigned which)
{
	static const unsigned rights[] = {VMM_PT_READ,
		VMM_PT_READ | VMM_PT_WRITE, VMM_PT_READ | VMM_PT_EXEC,
		VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC};
	unsigned prot = rights[rng_below(&rng, 4)];

	if (kind->guest)
		return prot;
	/* The kernel's are global, but for some; the others' never. */
	if (which == 0 && rng_below(&rng, 4) != 0)
		prot |= VMM_PT_GLOBAL;
	if (rng_below(&rng, 2) != 0)
		prot |= VMM_PT_USER;
	return prot;
}

/* A page or a few, anywhere in a window; at times aligned, and large. */
static uint64_t some_range(unsigned which, vmm_va_t *va_out)
{
	const vmm_va_t base = window(which, (unsigned)rng_below(&rng, WINDOWS));
	const uint64_t big = UINT64_C(2) << 20;
	uint64_t size = PAGE * (1 + rng_below(&rng, 20));

	if (rng_below(&rng, 5) == 0) {
		*va_out = vmm_align_up(base, big);
		return *va_out - base + big <= WINDOW ? big : WINDOW / 4;
	}
	*va_out = base + PAGE * rng_below(&rng, (WINDOW - size) / PAGE);
	if (rng_below(&rng, 3) == 0)
		*va_out = base + WINDOW / 2 - PAGE * rng_below(&rng, 10);
	return size;
}

static void map_frame(unsigned which, vmm_va_t va, unsigned prot,
	struct vmm_tlb_gather *gather)
{
	vmm_pa_t pa;
	size_t at;

	if (!page_take(FRAME, &pa))
		return;
	at = page_index(pa);
	stamps[at] = rng_next(&rng);
	*mmu_word(pa + 8 * (at % 512)) = stamps[at];
	if (vmm_pt_map(&spaces[which].pt, va, pa, PAGE, prot, gather) != 0)
		uses[at] = FREE; /* nobody has seen it */
}

static void change_map(unsigned which, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	const unsigned prot = some_prot(which);

	if (size % (UINT64_C(2) << 20) == 0 || rng_below(&rng, 8) == 0) {
		int err = vmm_pt_map(&spaces[which].pt, va,
			DEVICE + (va & 0xffffff) + PAGE * rng_below(&rng, 2),
			size, prot, gather);

		CHECK(err == VMM_OK || err == VMM_EEXIST || err == -1);
		return;
	}
	for (uint64_t at = 0; at < size; at += PAGE)
		map_frame(which, va + at, prot, gather);
}

/* The mapped runs of a range, each for itself. */
static void change_mapped(unsigned which, vmm_va_t va, uint64_t size,
	bool unmap, struct vmm_tlb_gather *gather)
{
	struct vmm_pt *pt = &spaces[which].pt;
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(va, va + (size - 1));
	const unsigned prot = some_prot(which);
	struct vmm_pt_run run;

	while (vmm_pt_next(pt, &cursor, &run)) {
		int err = unmap ? vmm_pt_unmap(pt, run.va, run.size, gather)
				: vmm_pt_protect(
					  pt, run.va, run.size, prot, gather);

		CHECK(err == VMM_OK || err == VMM_ENOSPC || err == -1);
	}
}

static void change(unsigned which)
{
	struct vmm_tlb_gather gather;
	unsigned count = 1 + (unsigned)rng_below(&rng, 3);

	vmm_tlb_gather_init(&gather, runs, RUNS_MAX);
	while (count-- > 0) {
		vmm_va_t va;
		uint64_t size = some_range(which, &va);

		switch (rng_below(&rng, 9)) {
		case 0:
		case 1:
		case 2:
			change_map(which, va, size, &gather);
			break;
		case 3:
		case 4:
			change_mapped(which, va, size, false, &gather);
			break;
		case 5:
		case 6:
			change_mapped(which, va, size, true, &gather);
			break;
		case 7:
			/* All of a window, so that its tables are empty. */
			change_mapped(which, va & ~(WINDOW - 1), WINDOW, true,
				&gather);
			break;
		default:
			CHECK_EQ(vmm_pt_prune(&spaces[which].pt,
					 window(which, (unsigned)rng_below(
							       &rng, WINDOWS)),
					 WINDOW, &gather),
				VMM_OK);
		}
	}
	finish(which, &gather);
}

/* All of a space's own frames; with the pages of its tables it is gone. */
static void space_close(unsigned which)
{
	const struct space *space = &spaces[which];
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(
		0, (UINT64_C(1) << (kind->format->va_bits -
				    kind->format->sign_extended)) -
			   1);
	struct vmm_pt_run run;
	struct vmm_tlb_gather all;

	for (unsigned h = 0; h < HARTS; h++) {
		if (running[h] == which)
			switch_to(h, 0);
	}
	/* The whole space: any address, no global entries. */
	vmm_tlb_gather_init(&all, NULL, 0);
	all.flags = VMM_TLB_NON_LEAF;
	flush_all(which, &all);
	while (vmm_pt_next(&space->pt, &cursor, &run)) {
		for (uint64_t at = 0; at < run.size; at += PAGE) {
			if (in_ram(run.pa + at))
				page_give(run.pa + at, FRAME);
		}
	}
	vmm_pt_fini(&spaces[which].pt);
	spaces[which].live = false;
	for (unsigned i = 0; i < 4; i++)
		clean(vmm_mmu_freed(rig.mmu, space->root + PAGE * i, PAGE));
	clean(vmm_mmu_count_all(rig.mmu));
}

static bool permits(unsigned prot, unsigned how)
{
	if (!kind->guest &&
		((how & VMM_MMU_USER) != 0) != ((prot & VMM_PT_USER) != 0))
		return false;
	return !((how & VMM_MMU_READ) != 0 && (prot & VMM_PT_READ) == 0) &&
	       !((how & VMM_MMU_WRITE) != 0 && (prot & VMM_PT_WRITE) == 0) &&
	       !((how & VMM_MMU_EXEC) != 0 && (prot & VMM_PT_EXEC) == 0);
}

static void check_content(unsigned hart, vmm_va_t va, vmm_pa_t pa, unsigned how)
{
	const size_t at = page_index(pa);
	const vmm_va_t word = (va & ~(PAGE - 1)) + 8 * (at % 512);
	struct vmm_mmu_result result;
	uint64_t value = 0;

	CHECK_EQ(uses[at], FRAME);
	result = vmm_mmu_read(
		rig.mmu, hart, word, how & VMM_MMU_USER, &value, sizeof(value));
	CHECK_EQ(result.status, VMM_MMU_OK);
	CHECK_EQ(value, stamps[at]);
}

/* A page of a mapped run in the window, if there is one from here on. */
static void some_mapped(const struct vmm_pt *pt, vmm_va_t *va)
{
	struct vmm_pt_cursor cursor =
		vmm_pt_cursor_range(*va, *va | (WINDOW - 1));
	struct vmm_pt_run run;

	if (vmm_pt_next(pt, &cursor, &run))
		*va = run.va + PAGE * rng_below(&rng, run.size / PAGE);
}

static void check_access(unsigned hart)
{
	static const unsigned ways[] = {
		VMM_MMU_READ, VMM_MMU_WRITE, VMM_MMU_EXEC};
	const unsigned from = rng_below(&rng, 3) == 0 ? 0 : running[hart];
	const unsigned how =
		ways[rng_below(&rng, 3)] |
		(rng_below(&rng, 2) != 0 ? (unsigned)VMM_MMU_USER : 0);
	const struct vmm_pt *pt = &spaces[running[hart]].pt;
	struct vmm_mmu_result result;
	unsigned prot = 0;
	vmm_pa_t pa = 0;
	vmm_va_t va;
	bool ok;

	some_range(from, &va);
	if (rng_below(&rng, 4) != 0)
		some_mapped(pt, &va);
	va += rng_below(&rng, PAGE);
	ok = vmm_pt_translate(pt, va, &pa, &prot) == VMM_OK &&
	     permits(prot, how);
	result = vmm_mmu_access(rig.mmu, hart, va, how);
	if (defect != NO_DEFECT)
		return;
	CHECK_EQ(result.status == VMM_MMU_OK, ok);
	CHECK_EQ(vmm_mmu_count_all(rig.mmu), 0);
	*(ok ? &mmu_done.accesses : &mmu_done.faults) += 1;
	if (!ok)
		return;
	CHECK_EQ(result.pa, pa);
	if (in_ram(pa) && permits(prot, VMM_MMU_READ | (how & VMM_MMU_USER)))
		check_content(hart, va, pa, how);
}

void mmu_world_step(void)
{
	const unsigned hart = (unsigned)rng_below(&rng, HARTS);
	const unsigned which = 1 + (unsigned)rng_below(&rng, SPACES - 1);

	switch (rng_below(&rng, 20)) {
	case 0:
	case 1:
	case 2:
		switch_to(hart, some_live());
		break;
	case 3:
		if (alone)
			break;
		if (spaces[which].live)
			space_close(which);
		else
			space_open(which);
		break;
	default:
		change(some_live());
	}
	for (unsigned i = 0; i < 8; i++)
		check_access((unsigned)rng_below(&rng, HARTS));
	mmu_done.steps++;
}

void mmu_world_start(
	const struct mmu_kind *with, enum mmu_defect how, uint64_t seed)
{
	kind = with;
	defect = how;
	alone = !kind->guest && seed % 2 == 1;
	rng.state = seed;
	mmu_open(&rig, kind->arch, kind->features, HARTS);
	rig.config.seed = seed;
	rig.loud = defect == NO_DEFECT;
	mmu_reopen(&rig);
	for (size_t i = 0; i < MMU_PAGES; i++)
		uses[i] = FREE;
	for (unsigned i = 0; i < SPACES; i++) {
		spaces[i].live = false;
		if (i == 0 || !alone)
			space_open(i);
	}
	for (unsigned h = 0; h < HARTS; h++) {
		if (kind->guest)
			vmm_mmu_virt(rig.mmu, h, true);
		switch_to(h, alone ? 0 : h);
	}
}

uint64_t mmu_world_reports(void)
{
	return vmm_mmu_count_all(rig.mmu);
}

/* A defect may have left anything behind. */
void mmu_world_end(void)
{
	for (unsigned i = 1; i < SPACES && defect == NO_DEFECT; i++) {
		if (spaces[i].live)
			space_close(i);
	}
	clean(vmm_mmu_count_all(rig.mmu));
	mmu_close(&rig);
}
