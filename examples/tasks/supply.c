/* SPDX-License-Identifier: MIT */
/*
 * Frames of tasks are filled with junk when the last holder puts them. A hart
 * that reads one through a translation that should have been flushed reads
 * that, and the tasks notice.
 */
#include "supply.h"

#include "console.h"
#include "frames.h"
#include "harts.h"

#include <vmm/pmem_frames.h>

#define JUNK 0xdd

struct supply supply;

static struct vmm_pmem_zones zones;
static struct vmm_pmem_zone zone[1];
static uint32_t zone_order[VMM_PMEM_ZONES_ORDER(1, 1)];
static struct vmm_pmem_frames front;

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

static uint32_t self(void)
{
	return (uint32_t)harts_self();
}

static void fill(void *ctx, vmm_pa_t pa, uint64_t size, uint8_t byte)
{
	uint64_t *word = __va(pa);

	(void)ctx;
	for (uint64_t i = 0; i < size / sizeof(*word); i++)
		word[i] = byte * UINT64_C(0x0101010101010101);
}

/* A double free is refused, and this kernel goes no further. */
static void report(void *ctx, const struct vmm_pmem_report *what)
{
	(void)ctx;
	fail("frame %x: %s", what->pa, vmm_err_name(what->err));
}

static int alloc(enum owner owner, unsigned order, bool zero, vmm_pa_t *pa_out)
{
	const struct vmm_pmem_want want = {
		.cpu = self(), .order = order, .owner = owner, .zero = zero};

	return vmm_pmem_frames_alloc(&front, &want, pa_out);
}

static void put(vmm_pa_t pa)
{
	check(vmm_pmem_frames_put(&front, self(), pa, 0, NULL), "put");
}

/* struct vmm_frames. */

static int frames_alloc_hook(
	void *ctx, uint64_t count, bool zero, vmm_pa_t *pa_out)
{
	unsigned order = 0;
	int err;

	(void)ctx;
	while (order <= VMM_PMEM_ORDER_MAX && UINT64_C(1) << order < count)
		order++;
	err = alloc(OWNER_SPACE, order, zero, pa_out);
	/* What is too much of a power of two. */
	for (uint64_t i = count; !err && i < UINT64_C(1) << order; i++)
		put(*pa_out + vmm_pfn_to_pa(i));
	return err;
}

static void frames_put_hook(void *ctx, vmm_pa_t pa, uint64_t count)
{
	(void)ctx;
	for (uint64_t i = 0; i < count; i++)
		put(pa + vmm_pfn_to_pa(i));
}

static int frames_get_hook(void *ctx, vmm_pa_t pa, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		int err = vmm_pmem_frames_get(&front, pa + vmm_pfn_to_pa(i));

		if (err) {
			frames_put_hook(ctx, pa, i);
			return err;
		}
	}
	return VMM_OK;
}

static uint64_t frames_holders_hook(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	return vmm_pmem_frames_shares(&front, pa);
}

static void frames_copy_hook(void *ctx, vmm_pa_t to, vmm_pa_t from)
{
	(void)ctx;
	__builtin_memcpy(__va(to), __va(from), VMM_PAGE_SIZE);
}

/* struct vmm_pages. */

static int pages_alloc_hook(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	return alloc(OWNER_TABLE, 0, false, pa_out);
}

static void pages_free_hook(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	put(pa);
}

/* Zeroed words, one for each frame of the zone. */
static uint32_t *notes(void)
{
	const uint64_t size = kernel.pmem.count * sizeof(uint32_t);
	const struct vmm_pmem_request request = {
		.count = vmm_pa_to_pfn(vmm_align_up(size, VMM_PAGE_SIZE))};
	uint32_t *words;
	vmm_pa_t pa;

	check(vmm_pmem_cache_xalloc(frames_cache(), &request, &pa, NULL),
		"notes about frames");
	words = __va(pa);
	__builtin_memset(words, 0, size);
	return words;
}

void supply_init(void)
{
	static struct vmm_pmem_hooks hooks;
	vmm_pa_t zeros;

	hooks = (struct vmm_pmem_hooks){.report = report,
		.fill = fill,
		.poison = JUNK,
		.poison_freed = true};
	vmm_pmem_zones_init(&zones, zone, 1, zone_order, 1, NULL);
	check(vmm_pmem_zones_add(
		      &zones, &(struct vmm_pmem_zone){.cache = frames_cache(),
				      .owners = notes(),
				      .shares = notes()}),
		"zone");
	vmm_pmem_frames_init(&front, &zones, &hooks);
	check(alloc(OWNER_KERNEL, 0, true, &zeros), "the page of zeros");
	supply.pages =
		(struct vmm_pages){pages_alloc_hook, pages_free_hook, NULL};
	supply.frames = (struct vmm_frames){.alloc = frames_alloc_hook,
		.get = frames_get_hook,
		.put = frames_put_hook,
		.holders = frames_holders_hook,
		.copy = frames_copy_hook,
		.zero_page = zeros,
		.has_zero_page = true};
}

void *supply_page(void)
{
	vmm_pa_t pa;

	if (alloc(OWNER_KERNEL, 0, true, &pa) != VMM_OK)
		return NULL;
	return __va(pa);
}

void supply_page_free(void *page)
{
	put(__pa(page));
}

uint64_t supply_owned(enum owner owner)
{
	return vmm_pmem_frames_owned(&front, owner);
}

void supply_leaks(void)
{
	struct vmm_sink sink = console();

	vmm_pmem_frames_leaks(&front, &sink);
}
