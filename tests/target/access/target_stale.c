/* SPDX-License-Identifier: MIT */
/*
 * Nothing stale is left after the fence that a gather asks for. A window of
 * pages is mapped, unmapped, protected and merged at random, in small pages, in
 * leaves of 64 KiB, and in superpages that are split under it. All pages of the range are used before
 * each change, so that the TLB knows them, and after it: each access has to end
 * as it must by now.
 */
#include "rules.h"
#include <vmm/pt_upkeep.h>

#define WINDOW	(FRAMES_SIZE / VMM_PAGE_SIZE)
#define CHANGES 150 /* of each window; times the factor */

struct page {
	vmm_pa_t pa;
	unsigned prot; /* 0: not mapped */
};

struct window {
	struct vmm_pt pt;
	struct rng rng;
	vmm_va_t va;
	struct page pages[WINDOW];
	uint64_t accesses;
	uint64_t done; /* changes that were not refused */
};

struct span {
	size_t first;
	size_t count;
};

/*
 * Any span; of ten, nine end where what is mapped ends, or what is not, since
 * others can only be refused.
 */
static struct span choose_span(struct window *window)
{
	const struct page *pages = window->pages;
	struct rng *rng = &window->rng;
	struct span span;

	span.first = rng_below(rng, WINDOW);
	/* Half of them at superpages. */
	if (rng_below(rng, 2) == 0)
		span.first &= WINDOW / 2;
	span.count = 1 + rng_below(rng, WINDOW - span.first);
	if (rng_below(rng, 2) == 0)
		span.count = 1 + rng_below(rng, span.count) / 32;
	if (rng_below(rng, 10) == 0)
		return span;
	for (size_t i = 1; i < span.count; i++) {
		if ((pages[span.first].prot == 0) !=
			(pages[span.first + i].prot == 0))
			span.count = i;
	}
	return span;
}

static void use(struct window *window, struct span span)
{
	for (size_t i = span.first; i < span.first + span.count; i++) {
		const uint64_t r = rng_next(&window->rng);
		/* QEMU flushes its TLB when MXR changes. */
		const struct access access = {
			(enum access_kind)(r % ACCESS_KINDS), (r >> 8 & 1) != 0,
			(r >> 9 & 1) != 0, false};

		rules_try(&window->pt, window->va + i * VMM_PAGE_SIZE,
			window->pages[i].pa, window->pages[i].prot, access);
		window->accesses++;
	}
}

static size_t mapped_in(const struct window *window, struct span span)
{
	size_t count = 0;

	for (size_t i = span.first; i < span.first + span.count; i++)
		count += window->pages[i].prot != 0;
	return count;
}

static unsigned choose_prot(struct window *window)
{
	const struct vmm_pt_format *format = window->pt.format;
	const unsigned access = VMM_PT_READ | VMM_PT_WRITE |
				(format->exec_only ? VMM_PT_EXEC : 0);
	unsigned prot;

	do
		prot = (unsigned)rng_next(&window->rng) & format->prot_allowed;
	while ((prot & access) == 0);
	return prot;
}

/* Map to the frames that lie as the pages do; or @apart, to some further on. */
static int map(struct window *window, struct span span, bool apart,
	struct vmm_tlb_gather *gather)
{
	const unsigned prot = choose_prot(window);
	const size_t room = WINDOW - span.first - span.count;
	size_t frame = span.first;
	int err;

	if (apart)
		frame += rng_below(&window->rng, room + 1);
	err = vmm_pt_map(&window->pt, window->va + span.first * VMM_PAGE_SIZE,
		GUEST_FRAMES + frame * VMM_PAGE_SIZE,
		span.count * VMM_PAGE_SIZE, prot, gather);
	CHECK_EQ(err, mapped_in(window, span) != 0 ? VMM_EEXIST : VMM_OK);
	for (size_t i = 0; err == VMM_OK && i < span.count; i++)
		window->pages[span.first + i] = (struct page){
			GUEST_FRAMES + (frame + i) * VMM_PAGE_SIZE, prot};
	return err;
}

/* Unmap if @prot is 0, else protect. */
static int change(struct window *window, struct span span, unsigned prot,
	struct vmm_tlb_gather *gather)
{
	const vmm_va_t va = window->va + span.first * VMM_PAGE_SIZE;
	const uint64_t size = span.count * VMM_PAGE_SIZE;
	int err = prot == 0
			  ? vmm_pt_unmap(&window->pt, va, size, gather)
			  : vmm_pt_protect(&window->pt, va, size, prot, gather);

	CHECK_EQ(err,
		mapped_in(window, span) != span.count ? VMM_ENOENT : VMM_OK);
	for (size_t i = 0; err == VMM_OK && i < span.count; i++)
		window->pages[span.first + i].prot = prot;
	return err;
}

/* Set and clear a flag of what is there; pages may be missing. */
static int modify(
	struct window *window, struct span span, struct vmm_tlb_gather *gather)
{
	static const unsigned flags[] = {VMM_PT_WRITE, VMM_PT_USER};
	const unsigned flag = flags[rng_below(&window->rng, 2)] &
			      window->pt.format->prot_allowed;
	const bool set = rng_below(&window->rng, 2) == 0;
	const int err = vmm_pt_modify(&window->pt,
		window->va + span.first * VMM_PAGE_SIZE,
		span.count * VMM_PAGE_SIZE, set ? flag : 0, set ? 0 : flag,
		gather);

	CHECK_EQ(err, VMM_OK);
	for (size_t i = span.first; i < span.first + span.count; i++) {
		unsigned *prot = &window->pages[i].prot;

		if (*prot == 0)
			continue;
		/* What can be written to can be read, then and later. */
		*prot |= (*prot & VMM_PT_WRITE) != 0 ? VMM_PT_READ : 0;
		*prot = set ? *prot | flag : *prot & ~flag;
	}
	return err;
}

/* Make larger leaves of small ones; no address may notice. */
static int merge(struct window *window, struct vmm_tlb_gather *gather)
{
	const int err =
		vmm_pt_merge(&window->pt, window->va, FRAMES_SIZE, gather);

	CHECK_EQ(err, VMM_OK);
	return err;
}

static int unmap_any(
	struct window *window, struct span span, struct vmm_tlb_gather *gather)
{
	const int err = vmm_pt_unmap_any(&window->pt,
		window->va + span.first * VMM_PAGE_SIZE,
		span.count * VMM_PAGE_SIZE, gather);

	CHECK_EQ(err, VMM_OK);
	for (size_t i = 0; i < span.count; i++)
		window->pages[span.first + i].prot = 0;
	return err;
}

static void one_change(struct window *window)
{
	const struct span span = choose_span(window);
	bool mapped = window->pages[span.first].prot != 0;
	struct vmm_tlb_gather gather;
	uint64_t what;
	int err;

	vmm_tlb_gather_init(&gather, NULL, 0);
	use(window, span);
	if (rng_below(&window->rng, 10) == 0)
		mapped = !mapped;
	what = rng_below(&window->rng, 10);
	if (what == 0)
		err = merge(window, &gather);
	else if (what == 1)
		err = unmap_any(window, span, &gather);
	else if (what < 4)
		err = modify(window, span, &gather);
	else if (!mapped)
		err = map(
			window, span, rng_below(&window->rng, 3) == 0, &gather);
	else
		err = change(window, span,
			rng_below(&window->rng, 2) ? choose_prot(window) : 0,
			&gather);
	window->done += err == VMM_OK;
	CHECK(err == VMM_OK || gather.flags == 0);
	guest_flush(&window->pt, &gather);
	use(window, span);
	/* Some that had nothing to do with it. */
	use(window, choose_span(window));
}

/* Take a part of the window out, whatever there is of it. */
static void empty(struct window *window, struct span span)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(unmap_any(window, span, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_prune(&window->pt,
			 window->va + span.first * VMM_PAGE_SIZE,
			 span.count * VMM_PAGE_SIZE, &gather),
		VMM_OK);
	guest_flush(&window->pt, &gather);
	use(window, span);
}

/* A superpage anew, where small changes have left only small pages. */
static void renew(struct window *window)
{
	const struct span half = {
		rng_below(&window->rng, 2) * (WINDOW / 2), WINDOW / 2};
	const vmm_va_t va = window->va + half.first * VMM_PAGE_SIZE;
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(va, va);
	struct vmm_tlb_gather gather;
	struct vmm_pt_run run;

	empty(window, half);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(map(window, half, false, &gather), VMM_OK);
	guest_flush(&window->pt, &gather);
	CHECK(vmm_pt_next(&window->pt, &cursor, &run));
	CHECK_EQ(run.level, 1);
	use(window, half);
}

static void try_window(
	const struct vmm_pt_format *base, unsigned features, vmm_va_t va)
{
	struct vmm_pt_format own;
	const struct vmm_pt_format *format = &own;
	static struct window window;

	CHECK_EQ(vmm_pt_format_init(&own, base, features), VMM_OK);
	window.va = va;
	window.rng.state = test_seed ^ va ^ format->levels;
	window.accesses = 0;
	window.done = 0;
	guest_table_on(&window.pt, format);
	for (uint64_t i = 0; i < CHANGES * test_factor; i++) {
		if (i % 8 == 0)
			renew(&window);
		one_change(&window);
		CHECK_EQ(vmm_pt_check(&window.pt), VMM_OK);
	}
	empty(&window, (struct span){0, WINDOW});
	guest_table_off(&window.pt);
	test_puts(format->name);
	test_puts(": ");
	test_put_dec(window.accesses);
	test_puts(" accesses, ");
	test_put_dec(window.done);
	test_puts(" changes\n");
	CHECK(window.done * 2 > CHANGES * test_factor);
}

TEST(target_access_nothing_stale)
{
	for (size_t i = 0; guest_format(i) != NULL; i++) {
		const struct vmm_pt_format *format = guest_format(i);
		const vmm_va_t end = guest_stage(format)
					     ? UINT64_C(1) << format->va_bits
					     : 0;

		/* Across two tables of small pages, and at the end. */
		try_window(format, 0, VMM_GIB(3) - VMM_MIB(2));
		try_window(format, GUEST_FEATURES, end - FRAMES_SIZE);
	}
}
