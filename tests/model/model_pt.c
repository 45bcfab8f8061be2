/* SPDX-License-Identifier: MIT */
/*
 * Random maps, unmaps, protects and prunes against a model that knows nothing
 * of tables: an array with the frame and the protection of every page in a few
 * windows. The windows lie at the edges where walkers go wrong: both ends of
 * both canonical halves and around a 1 GiB border. After each operation one
 * address per page is translated by the words of the specification.
 */
#include "support/pt_rig.h"
#include "support/test.h"

/* 2 MiB and a bit on either side of the point of interest. */
#define WINDOW_PAGES 1280
#define WINDOWS	     5

struct page {
	vmm_pa_t pa;
	unsigned prot; /* 0: not mapped */
	uint64_t tag;
};

/* A and D come and go with every look of this test's MMU. */
#define STATE (VMM_PT_ACCESSED | VMM_PT_DIRTY)

static struct pt_rig rig;
static struct page model[WINDOWS][WINDOW_PAGES];
static vmm_va_t base[WINDOWS];
static struct vmm_tlb_frames frames[WINDOW_PAGES];

static void open_windows(const struct rig_machine *machine)
{
	const struct vmm_pt_format *format = machine->base;
	uint64_t bytes = WINDOW_PAGES * VMM_PAGE_SIZE;

	rig_open_with(&rig, format, machine->features);
	base[0] = 0;
	base[1] = rig_low_end(format) - bytes;
	base[2] = rig_high(format);
	base[3] = rig_last(format) - bytes + 1;
	base[4] = VMM_GIB(1) - VMM_MIB(3);
	for (int w = 0; w < WINDOWS; w++) {
		for (int i = 0; i < WINDOW_PAGES; i++)
			model[w][i] = (struct page){0, 0, 0};
	}
}

static void check_page(int w, size_t i)
{
	static const char access[3] = {'r', 'w', 'x'};
	vmm_va_t va = base[w] + i * VMM_PAGE_SIZE + (i * 37 & 0xfff);
	unsigned prot = model[w][i].prot;
	vmm_pa_t pa = 0;

	for (int a = 0; a < 3; a++) {
		bool user = (prot & VMM_PT_USER) != 0 || rig_is_guest(rig.base);
		bool ok = rig_mmu(&rig, va, access[a], user, &pa);

		CHECK(ok == ((prot & (1u << a)) != 0));
		if (ok)
			CHECK_EQ(pa, model[w][i].pa + (va & 0xfff));
	}
	if (prot != 0) {
		uint64_t entry = 0;
		unsigned level = 0;

		CHECK(rig_leaf(&rig, va, &entry, &level));
		CHECK_EQ(rig_type(&rig, entry, level),
			"mni"[(prot & VMM_PT_TYPE_MASK) >> VMM_PT_TYPE_SHIFT]);
	}
	CHECK_EQ(vmm_pt_tag_get(&rig.pt, va), model[w][i].tag);
}

static void check_all(void)
{
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	for (int w = 0; w < WINDOWS; w++) {
		for (size_t i = 0; i < WINDOW_PAGES; i++)
			check_page(w, i);
	}
}

/* A page that is often the last or the first of a superpage. */
static size_t random_page(struct rng *rng, int w)
{
	size_t i = (size_t)rng_below(rng, WINDOW_PAGES);

	if (rng_below(rng, 2) == 0) {
		vmm_va_t va = base[w] + i * VMM_PAGE_SIZE;
		uint64_t skip = (va & (VMM_MIB(2) - 1)) / VMM_PAGE_SIZE;

		if (skip <= i)
			i -= (size_t)skip;
	}
	return i;
}

static size_t random_count(struct rng *rng, size_t first)
{
	static const size_t usual[] = {1, 2, 7, 511, 512, 513, 600, 1024};
	size_t left = WINDOW_PAGES - first;
	size_t n = usual[rng_below(rng, 8)];

	return n < left ? n : left;
}

static unsigned random_prot(struct rng *rng)
{
	unsigned prot = (unsigned)rng_below(rng, 32);
	unsigned type = (unsigned)rng_below(rng, 6);

	/* Legal ones only; unit_pt_map has the others. */
	if ((prot & 7) == 0 || rig.pt.format->exec_only == 0)
		prot |= VMM_PT_READ;
	prot &= rig.pt.format->prot_allowed;
	/* Where types are in entries, so that they can be read back. */
	if (type < 3 && rig.pt.format->type_mask[0] != 0)
		prot |= type << VMM_PT_TYPE_SHIFT;
	return prot;
}

static void random_map(struct rng *rng, int w, size_t first, size_t count)
{
	unsigned prot = random_prot(rng);
	vmm_va_t va = base[w] + first * VMM_PAGE_SIZE;
	vmm_pa_t pa = rng_below(rng, 1 << 20) * VMM_PAGE_SIZE;
	bool conflict = false;
	int err;

	/* In step with the virtual address, so that superpages fit. */
	if (rng_below(rng, 2) == 0)
		pa = vmm_align_down(pa, VMM_MIB(2)) + (va & (VMM_MIB(2) - 1));
	for (size_t i = first; i < first + count; i++)
		conflict |= model[w][i].prot != 0 || model[w][i].tag != 0;
	err = vmm_pt_map(&rig.pt, va, pa, count * VMM_PAGE_SIZE, prot, NULL);
	CHECK_EQ(err, conflict ? VMM_EEXIST : VMM_OK);
	for (size_t i = 0; err == VMM_OK && i < count; i++) {
		model[w][first + i].pa = pa + i * VMM_PAGE_SIZE;
		model[w][first + i].prot =
			(prot & VMM_PT_WRITE) != 0 ? prot | VMM_PT_READ : prot;
	}
}

static bool has_hole(int w, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++) {
		if (model[w][i].prot == 0)
			return true;
	}
	return false;
}

/* The reported frames are the model's, page by page, in order. */
static void check_frames(
	const struct vmm_tlb_gather *gather, int w, size_t first, size_t count)
{
	size_t i = first;

	for (size_t run = 0; run < gather->frames_count; run++) {
		vmm_pa_t pa = gather->frames[run].pa;
		uint64_t left = gather->frames[run].size;

		for (; left > 0; left -= VMM_PAGE_SIZE) {
			CHECK(i < first + count);
			CHECK_EQ(model[w][i].pa, pa);
			pa += VMM_PAGE_SIZE;
			i++;
		}
	}
	CHECK_EQ(i, first + count);
}

static void random_unmap(int w, size_t first, size_t count)
{
	struct vmm_tlb_gather gather;
	bool hole = has_hole(w, first, count);
	int err;

	vmm_tlb_gather_init(&gather, frames, WINDOW_PAGES);
	err = vmm_pt_unmap(&rig.pt, base[w] + first * VMM_PAGE_SIZE,
		count * VMM_PAGE_SIZE, &gather);
	CHECK_EQ(err, hole ? VMM_ENOENT : VMM_OK);
	if (err == VMM_OK) {
		check_frames(&gather, w, first, count);
		for (size_t i = first; i < first + count; i++)
			model[w][i].prot = 0;
	}
	rig_reap(&rig, &gather);
}

/* Whatever is there; the frames are those that were mapped. */
static void random_unmap_any(int w, size_t first, size_t count)
{
	struct vmm_tlb_gather gather;
	uint64_t bytes = 0;

	vmm_tlb_gather_init(&gather, frames, WINDOW_PAGES);
	CHECK_EQ(vmm_pt_unmap_any(&rig.pt, base[w] + first * VMM_PAGE_SIZE,
			 count * VMM_PAGE_SIZE, &gather),
		VMM_OK);
	for (size_t run = 0; run < gather.frames_count; run++)
		bytes += gather.frames[run].size;
	for (size_t i = first; i < first + count; i++) {
		bytes -= model[w][i].prot != 0 ? VMM_PAGE_SIZE : 0;
		model[w][i] = (struct page){0, 0, 0};
	}
	CHECK_EQ(bytes, 0);
	rig_reap(&rig, &gather);
}

static void random_tag(struct rng *rng, int w, size_t first, size_t count)
{
	vmm_va_t va = base[w] + first * VMM_PAGE_SIZE;
	uint64_t tag = rng_below(rng, 3);
	struct vmm_tlb_gather gather;
	bool page = false;
	bool any = false;
	int err;

	vmm_tlb_gather_init(&gather, NULL, 0);
	for (size_t i = first; i < first + count; i++) {
		page |= model[w][i].prot != 0;
		any |= model[w][i].prot != 0 || model[w][i].tag != 0;
	}
	if (tag == 0) {
		err = vmm_pt_untag(&rig.pt, va, count * VMM_PAGE_SIZE, &gather);
		CHECK_EQ(err, page ? VMM_EEXIST : VMM_OK);
	} else {
		err = vmm_pt_tag(&rig.pt, va, count * VMM_PAGE_SIZE, tag, NULL);
		CHECK_EQ(err, any ? VMM_EEXIST : VMM_OK);
	}
	for (size_t i = first; err == VMM_OK && i < first + count; i++)
		model[w][i].tag = tag;
	rig_reap(&rig, &gather);
}

/* As it reads back. */
static unsigned normal(unsigned prot)
{
	return (prot & VMM_PT_WRITE) != 0 ? prot | VMM_PT_READ : prot;
}

static void random_protect(struct rng *rng, int w, size_t first, size_t count)
{
	unsigned prot = random_prot(rng);
	unsigned type = prot & VMM_PT_TYPE_MASK;
	bool hole = has_hole(w, first, count);
	int err = vmm_pt_protect(&rig.pt, base[w] + first * VMM_PAGE_SIZE,
		count * VMM_PAGE_SIZE, prot, NULL);

	CHECK_EQ(err, hole ? VMM_ENOENT : VMM_OK);
	for (size_t i = first; err == VMM_OK && i < first + count; i++)
		model[w][i].prot =
			normal(prot) |
			(type == 0 ? model[w][i].prot & VMM_PT_TYPE_MASK : 0);
}

/* Set some flags and clear some others, over holes. */
static void random_modify(struct rng *rng, int w, size_t first, size_t count)
{
	unsigned set = random_prot(rng);
	unsigned clear = (unsigned)rng_below(rng, 32);
	bool ok = true;
	int err;

	set &= (unsigned)rng_below(rng, 32);
	for (size_t i = first; i < first + count; i++) {
		unsigned prot = (model[w][i].prot & ~clear) | set;

		if (model[w][i].prot != 0 &&
			((prot & 7) == 0 ||
				((prot & 3) == 0 &&
					rig.pt.format->exec_only == 0)))
			ok = false;
	}
	err = vmm_pt_modify(&rig.pt, base[w] + first * VMM_PAGE_SIZE,
		count * VMM_PAGE_SIZE, set, clear, NULL);
	CHECK((err == VMM_OK) == ok);
	for (size_t i = first; ok && i < first + count; i++) {
		if (model[w][i].prot != 0)
			model[w][i].prot =
				normal((model[w][i].prot & ~clear) | set);
	}
}

/* From one window to another, without write access. */
static void random_copy(struct rng *rng, int w, size_t first, size_t count)
{
	int from = (int)rng_below(rng, WINDOWS);
	size_t at = (size_t)rng_below(rng, WINDOW_PAGES - count + 1);
	const struct vmm_pt_source source = {
		&rig.pt, base[from] + at * VMM_PAGE_SIZE, VMM_PT_WRITE};
	bool conflict = false;
	int err;

	if (from == w)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct page *old = &model[w][first + i];
		const struct page *new = &model[from][at + i];

		conflict |= (old->prot != 0 || old->tag != 0) &&
			    (new->prot != 0 || new->tag != 0);
	}
	err = vmm_pt_copy(&rig.pt, base[w] + first * VMM_PAGE_SIZE,
		count * VMM_PAGE_SIZE, &source, NULL);
	CHECK_EQ(err, conflict ? VMM_EEXIST : VMM_OK);
	for (size_t i = 0; err == VMM_OK && i < count; i++) {
		const struct page *new = &model[from][at + i];

		if (new->prot == 0 && new->tag == 0)
			continue;
		model[w][first + i] = *new;
		model[w][first + i].prot &= ~VMM_PT_WRITE;
	}
}

/* What next yields, page by page, is exactly the model. */
static void check_next(int w)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(
		base[w], base[w] + (WINDOW_PAGES * VMM_PAGE_SIZE - 1));
	struct vmm_pt_run run;
	size_t i = 0;

	while (vmm_pt_next(&rig.pt, &cursor, &run)) {
		size_t at = (size_t)((run.va - base[w]) / VMM_PAGE_SIZE);

		for (; i < at; i++)
			CHECK_EQ(model[w][i].prot, 0);
		for (; run.size > 0; run.size -= VMM_PAGE_SIZE) {
			CHECK_EQ(model[w][i].prot, run.prot & ~STATE);
			CHECK_EQ(model[w][i].pa, run.pa);
			run.pa += VMM_PAGE_SIZE;
			i++;
		}
	}
	for (; i < WINDOW_PAGES; i++)
		CHECK_EQ(model[w][i].prot, 0);
}

static void prune_everything(bool merge)
{
	struct vmm_tlb_gather gather;
	struct vmm_pt_usage usage;

	vmm_tlb_gather_init(&gather, NULL, 0);
	for (int w = 0; w < WINDOWS; w++) {
		uint64_t bytes = WINDOW_PAGES * VMM_PAGE_SIZE;

		if (merge)
			CHECK_EQ(vmm_pt_merge(&rig.pt, base[w], bytes, &gather),
				VMM_OK);
		CHECK_EQ(
			vmm_pt_prune(&rig.pt, base[w], bytes, &gather), VMM_OK);
	}
	CHECK_EQ(vmm_pt_usage(&rig.pt, &usage), VMM_OK);
	CHECK_EQ(usage.empty, 0);
	rig_reap(&rig, &gather);
}

static void random_step(struct rng *rng)
{
	int w = (int)rng_below(rng, WINDOWS);
	size_t first = random_page(rng, w);
	size_t count = random_count(rng, first);

	switch (rng_below(rng, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		random_map(rng, w, first, count);
		break;
	case 5:
	case 6:
		random_unmap(w, first, count);
		break;
	case 7:
		random_unmap_any(w, first, count);
		break;
	case 8:
	case 9:
		random_protect(rng, w, first, count);
		break;
	case 10:
		random_modify(rng, w, first, count);
		break;
	case 11:
		random_tag(rng, w, first, count);
		break;
	case 12:
	case 13:
		random_copy(rng, w, first, count);
		break;
	default:
		prune_everything(rng_below(rng, 2) == 0);
		break;
	}
	check_next(w);
	for (int i = 0; i < 64; i++)
		check_page(w, (size_t)rng_below(rng, WINDOW_PAGES));
}

static void run_script(const struct rig_machine *machine, uint64_t seed)
{
	struct rng rng = {seed};

	open_windows(machine);
	for (uint64_t op = 0; op < 250 * test_factor; op++) {
		random_step(&rng);
		if (op % 16 == 0)
			check_all();
	}
	check_all();
	/* Everything out page by page: nothing but the root is left. */
	for (int w = 0; w < WINDOWS; w++) {
		for (size_t i = 0; i < WINDOW_PAGES; i++) {
			if (model[w][i].prot != 0)
				random_unmap(w, i, 1);
			else
				random_unmap_any(w, i, 1);
		}
	}
	prune_everything(false);
	CHECK_EQ(rig.pt.table_count, 1);
	rig_close(&rig);
}

TEST(model_pt_random_scripts)
{
	for (int m = 0; m < RIG_MACHINES; m++)
		run_script(&rig_machines[m], test_seed + (uint64_t)m);
}
