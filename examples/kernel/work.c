/* SPDX-License-Identifier: MIT */
/*
 * The kernel works for its living: regions, frames, mappings, faults. At the
 * end everything is given back and every counter is what it was.
 */
#include "console.h"
#include "frames.h"
#include "harts.h"
#include "kernel.h"
#include "superpage.h"
#include "trap.h"

#include <vmm/pt_upkeep.h>
#include <vmm/vmem.h>

#define REGIONS 64
/* The same on all harts, so global. */
#define RO	(VMM_PT_READ | VMM_PT_GLOBAL)
#define RW	(RO | VMM_PT_WRITE)

/* Nodes for the first regions; more come from frames when they run out. */
#define BOOT_NODES 8

struct counters {
	uint64_t frames_free;
	uint64_t frames_used;
	uint64_t tables;
	uint64_t spare_tables;
};

static struct vmm_vmem arena;
static _Alignas(64) char boot_nodes[VMM_VMEM_NODES_SIZE(BOOT_NODES)];
static vmm_va_t region[REGIONS];

/* Region i has i + 1 pages. */
static uint64_t region_size(size_t i)
{
	return (i + 1) * VMM_PAGE_SIZE;
}

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

static struct counters count(void)
{
	struct counters counters;
	struct vmm_pmem_stat stat;

	frames_drain();
	vmm_pmem_stat(&kernel.pmem, &stat);
	counters.frames_free = stat.free;
	counters.frames_used = stat.used;
	counters.tables = kernel.pt.table_count;
	counters.spare_tables = kernel.pt.spare_count;
	return counters;
}

/* A region; when the arena is out of nodes, a frame makes new ones. */
static vmm_va_t region_alloc(uint64_t size, uint64_t align)
{
	const struct vmm_vmem_request request = {.size = size, .align = align};
	const struct vmm_vmem_region *got;
	vmm_pa_t pa;
	int err = vmm_vmem_xalloc(&arena, &request, &got);

	if (err == VMM_ENOMEM) {
		check(frame_alloc(0, &pa), "frame for nodes");
		check(vmm_vmem_donate(&arena, __va(pa), VMM_PAGE_SIZE),
			"donate");
		err = vmm_vmem_xalloc(&arena, &request, &got);
	}
	check(err, "region");
	return vmm_vmem_region_base(got);
}

static void init_arena(void)
{
	const struct vmm_layout_area *area = kernel_area(VMM_ROW_HEAP);

	vmm_vmem_init(&arena, VMM_PAGE_SIZE);
	check(vmm_vmem_donate(&arena, boot_nodes, sizeof(boot_nodes)),
		"static nodes");
	check(vmm_vmem_add(&arena, area->base, area->size), "span");
}

/* Map each page of a region to a frame of its own. */
static void back_with_frames(vmm_va_t base, uint64_t size)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	for (uint64_t at = 0; at < size; at += VMM_PAGE_SIZE) {
		vmm_pa_t pa;

		check(frame_alloc(0, &pa), "frame");
		check(vmm_pt_map(&kernel.pt, base + at, pa, VMM_PAGE_SIZE, RW,
			      &gather),
			"map");
	}
	harts_flush(&gather);
	vmm_pt_reap(&kernel.pt, &gather);
}

/* Loads from every page of the range end with @cause on this hart. */
static void expect_loads(vmm_va_t base, uint64_t size, uint64_t cause)
{
	for (uint64_t at = 0; at < size; at += VMM_PAGE_SIZE)
		expect(probe_load(base + at) == cause,
			cause == CAUSE_NONE
				? "address %x is not readable"
				: "address %x is readable after unmap",
			base + at);
}

/*
 * Unmap, flush, and only then free. The frames come back through the gather;
 * eight runs at a time, to show what a kernel with little stack does.
 */
static void unback(vmm_va_t base, uint64_t size)
{
	struct vmm_tlb_frames frames[8];
	struct vmm_tlb_gather gather;
	uint64_t left = size;

	vmm_tlb_gather_init(&gather, frames, 8);
	while (left > 0) {
		uint64_t part = left;
		int err;

		/* Into the TLB with it, so that a lost flush is seen. */
		expect_loads(base, part, CAUSE_NONE);
		err = vmm_pt_unmap(&kernel.pt, base, part, &gather);
		while (err == VMM_ENOSPC && part > VMM_PAGE_SIZE) {
			part = vmm_align_up(part / 2, VMM_PAGE_SIZE);
			err = vmm_pt_unmap(&kernel.pt, base, part, &gather);
		}
		check(err, "unmap");
		harts_flush(&gather);
		expect_loads(base, part, CAUSE_LOAD_PAGE_FAULT);
		for (size_t i = 0; i < gather.frames_count; i++)
			check(frames_free(frames[i].pa,
				      frames[i].size >> VMM_PAGE_SHIFT),
				"free frames");
		vmm_pt_reap(&kernel.pt, &gather);
		base += part;
		left -= part;
	}
}

static volatile uint64_t *word(vmm_va_t va)
{
	return (volatile uint64_t *)(uintptr_t)va;
}

/* The same memory through its mapping and through the direct map. */
static void check_both_mappings(vmm_va_t base, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += VMM_PAGE_SIZE) {
		vmm_va_t va = base + at;
		volatile uint64_t *alias;
		vmm_pa_t pa;

		check(vmm_pt_translate(&kernel.pt, va, &pa, NULL), "translate");
		alias = __va(pa);
		expect(alias != NULL && __pa((void *)(uintptr_t)alias) == pa,
			"frame %x is not in the direct map", pa);
		*word(va) = va;
		expect(*alias == va, "page %x: the frame has other data", va);
		*alias = ~va;
		expect(*word(va) == ~va, "page %x: a write got lost", va);
	}
}

static void set_prot(vmm_va_t base, uint64_t size, unsigned prot)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	check(vmm_pt_protect(&kernel.pt, base, size, prot, &gather), "protect");
	harts_flush(&gather);
	vmm_pt_reap(&kernel.pt, &gather);
}

/* Read-only must refuse a store to each page, and writable again take it. */
static void check_protect(vmm_va_t base, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += VMM_PAGE_SIZE)
		*word(base + at) = instruction_ret;
	set_prot(base, size, RO);
	for (uint64_t at = 0; at < size; at += VMM_PAGE_SIZE) {
		expect(probe_store(base + at) == CAUSE_STORE_PAGE_FAULT,
			"address %x is writable after protect", base + at);
		expect(*word(base + at) == instruction_ret,
			"a refused store changed memory");
		expect(probe_fetch(base + at) == CAUSE_FETCH_PAGE_FAULT,
			"address %x is executable", base + at);
	}
	set_prot(base, size, RW);
	for (uint64_t at = 0; at < size; at += VMM_PAGE_SIZE)
		expect(probe_store(base + at) == CAUSE_NONE,
			"address %x is not writable again", base + at);
}

/*
 * A page that all harts have in their TLBs is unmapped by one of them. Each
 * hart must fault from then on; and before, it must appear in each root.
 */
static void check_harts(void)
{
	vmm_va_t base = region_alloc(VMM_PAGE_SIZE, 0);
	struct vmm_tlb_gather gather;
	vmm_pa_t pa;

	back_with_frames(base, VMM_PAGE_SIZE);
	for (uint64_t i = 0; i < harts_count(); i++)
		expect(harts_load(i, base) == CAUSE_NONE,
			"hart %u: the kernel's new page is not there", i);
	check(vmm_pt_translate(&kernel.pt, base, &pa, NULL), "translate");
	vmm_tlb_gather_init(&gather, NULL, 0);
	check(vmm_pt_unmap(&kernel.pt, base, VMM_PAGE_SIZE, &gather), "unmap");
	harts_flush(&gather);
	for (uint64_t i = 0; i < harts_count(); i++)
		expect(harts_load(i, base) == CAUSE_LOAD_PAGE_FAULT,
			"hart %u: address %x is readable after unmap", i, base);
	check(frame_free(pa, 0), "free frame");
	vmm_pt_reap(&kernel.pt, &gather);
	check(vmm_vmem_free(&arena, base), "free region");
}

/*
 * A hart gets and puts frames, some of which it holds for a while, and writes
 * its name into each: if two had the same one, one of them would notice.
 */
#define HELD   48
#define ROUNDS 2000

static uint64_t use_frames(uint64_t name)
{
	vmm_pa_t held[HELD];
	uint64_t have = 0;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		const bool get = have == 0 || (have < HELD && i % 5 < 3);

		if (get) {
			if (frame_alloc(0, &held[have]) != VMM_OK)
				return 1;
			*(volatile uint64_t *)__va(held[have++]) = name;
			continue;
		}
		if (*(volatile uint64_t *)__va(held[--have]) != name)
			return 2;
		if (frame_free(held[have], 0) != VMM_OK)
			return 3;
	}
	while (have > 0) {
		if (frame_free(held[--have], 0) != VMM_OK)
			return 3;
	}
	return 0;
}

/* All harts at the same time, each out of its own magazines. */
static void check_magazines(void)
{
	for (uint64_t i = 1; i < harts_count(); i++)
		harts_ask(i, use_frames, i);
	expect(use_frames(0) == 0, "the boot hart lost a frame");
	for (uint64_t i = 1; i < harts_count(); i++)
		expect(harts_answer(i) == 0, "hart %u lost a frame", i);
	check(frames_check(), "frame check");
	frames_drain();
}

/*
 * A 2 MiB page is split and merged, and then loses one page out of its middle;
 * its neighbours stay.
 */
static void check_superpage(void)
{
	const uint64_t size = VMM_MIB(2);
	vmm_va_t base = region_alloc(size, size);
	vmm_va_t hole = base + VMM_MIB(1);
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(base, base);
	struct vmm_tlb_gather gather;
	struct vmm_pt_run run;
	vmm_pa_t pa;

	vmm_tlb_gather_init(&gather, NULL, 0);
	check(frame_alloc(9, &pa), "2 MiB frame");
	check(vmm_pt_map(&kernel.pt, base, pa, size, RW, &gather), "map");
	harts_flush(&gather);
	expect(vmm_pt_next(&kernel.pt, &cursor, &run) && run.level == 1,
		"no superpage where one fits");
	superpage_round(hole);
	*word(hole - 8) = 1;
	*word(hole) = 2;
	*word(hole + VMM_PAGE_SIZE) = 3;
	check(vmm_pt_unmap(&kernel.pt, hole, VMM_PAGE_SIZE, &gather), "unmap");
	harts_flush(&gather);
	vmm_pt_reap(&kernel.pt, &gather);
	expect(probe_load(hole) == CAUSE_LOAD_PAGE_FAULT,
		"address %x is readable after unmap", hole);
	expect(*word(hole - 8) == 1 && *word(hole + VMM_PAGE_SIZE) == 3,
		"the split lost a neighbour");
	/* The frame of the hole is free on its own, out of the 512. */
	check(frame_free(pa + VMM_MIB(1), 0), "free in part");
	unback(base, VMM_MIB(1));
	unback(hole + VMM_PAGE_SIZE, VMM_MIB(1) - VMM_PAGE_SIZE);
	check(vmm_vmem_free(&arena, base), "free region");
}

/* Tables that are merely empty go now. */
static void prune_arena(void)
{
	const struct vmm_layout_area *area = kernel_area(VMM_ROW_HEAP);
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	check(vmm_pt_prune(&kernel.pt, area->base, area->size, &gather),
		"prune");
	harts_flush(&gather);
	vmm_pt_reap(&kernel.pt, &gather);
}

/* The arena's spans, then the memory of its nodes. */
static void fini_arena(void)
{
	void *memory;
	size_t size;

	check(vmm_vmem_check(&arena), "arena check");
	check(vmm_vmem_fini(&arena), "arena still in use");
	while (vmm_vmem_take_back(&arena, &memory, &size) == VMM_OK) {
		if (memory != boot_nodes)
			check(frame_free(__pa(memory), 0), "free nodes");
	}
}

static void compare(struct counters start, struct counters end)
{
	print("counters, start and end: frames free %u %u, used %u %u, "
	      "page tables %u %u\n",
		start.frames_free, end.frames_free, start.frames_used,
		end.frames_used, start.tables, end.tables);
	expect(end.frames_free == start.frames_free &&
			end.frames_used == start.frames_used,
		"lost frames: %u free at the start, %u at the end",
		start.frames_free, end.frames_free);
	expect(end.tables == start.tables &&
			end.spare_tables == start.spare_tables,
		"lost page tables: %u at the start, %u at the end",
		start.tables, end.tables);
}

void kernel_work(void)
{
	struct counters start = count();
	struct vmm_vmem_stat stat;

	init_arena();
	for (size_t i = 0; i < REGIONS; i++) {
		region[i] = region_alloc(region_size(i), 0);
		back_with_frames(region[i], region_size(i));
	}
	vmm_vmem_stat(&arena, &stat);
	print("work: %u regions of %u KiB, each page with a frame of its own\n",
		(uint64_t)stat.used_count, stat.used_size >> 10);
	for (size_t i = 0; i < REGIONS; i++)
		check_both_mappings(region[i], region_size(i));
	print("work: written and read through both mappings\n");
	for (size_t i = 0; i < REGIONS; i++)
		check_protect(region[i], region_size(i));
	print("work: read-only pages refuse stores, data refuses fetches\n");
	check_harts();
	print("work: a page appeared on %u harts, and went on all of them\n",
		harts_count());
	check_magazines();
	print("work: %u harts used frames at the same time, and lost none\n",
		harts_count());
	check_superpage();
	superpage_direct_map();
	print("work: superpages were split and merged, here and in the direct "
	      "map\n");
	check(vmm_pt_check(&kernel.pt), "page table check");
	check(vmm_vmem_check(&arena), "arena check");
	check(frames_check(), "frame check");
	/* Every second region first, so that merging has work to do. */
	for (size_t i = 0; i < REGIONS; i++) {
		size_t at = i < REGIONS / 2 ? 2 * i : 2 * i + 1 - REGIONS;

		unback(region[at], region_size(at));
		check(vmm_vmem_free(&arena, region[at]), "free region");
	}
	print("work: every page faults after it was unmapped\n");
	prune_arena();
	fini_arena();
	check(vmm_pt_check(&kernel.pt), "page table check");
	check(frames_check(), "frame check");
	compare(start, count());
}
