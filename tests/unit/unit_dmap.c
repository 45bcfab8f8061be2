/* SPDX-License-Identifier: MIT */
/* The direct map: what has a pointer, what has none, and who is asked. */
#include "support/test.h"

#define VMM_DMAP (&dmap)
#include <vmm/dmap.h>

static struct vmm_dmap dmap;

/* A pointer as a number, so that NULL and addresses compare alike. */
static uint64_t va_of(vmm_pa_t pa, uint64_t size)
{
	return (uintptr_t)vmm_dmap_va(&dmap, pa, size);
}

static int pa_of(uint64_t va, vmm_pa_t *pa_out)
{
	return vmm_dmap_pa(&dmap, (const void *)(uintptr_t)va, pa_out);
}

/* Image, RAM that holds the image, and registers at the top of both spaces. */
static void open_windows(void)
{
	vmm_dmap_init(&dmap, NULL, NULL);
	CHECK_EQ(vmm_dmap_add(&dmap, 0x80200000, 0x100000, 0xffffffff80200000),
		VMM_OK);
	CHECK_EQ(
		vmm_dmap_add(&dmap, 0x80000000, 0x10000000, 0xffffffc080000000),
		VMM_OK);
	CHECK_EQ(vmm_dmap_add(
			 &dmap, UINT64_MAX - 0xfff, 0x1000, UINT64_MAX - 0xfff),
		VMM_OK);
	CHECK_EQ(vmm_dmap_check(&dmap), VMM_OK);
}

TEST(unit_dmap_both_ways)
{
	vmm_pa_t pa = 0;

	open_windows();
	/* In image and RAM: the window that was added first. */
	CHECK_EQ(va_of(0x80200010, 1), 0xffffffff80200010);
	CHECK_EQ(va_of(0x80000000, 1), 0xffffffc080000000);
	CHECK_EQ(va_of(0x8fffffff, 1), 0xffffffc08fffffff);
	CHECK_EQ(va_of(UINT64_MAX, 1), UINT64_MAX);
	/* Both aliases lead back. */
	CHECK_EQ(pa_of(0xffffffff80200010, &pa), VMM_OK);
	CHECK_EQ(pa, 0x80200010);
	CHECK_EQ(pa_of(0xffffffc080200010, &pa), VMM_OK);
	CHECK_EQ(pa, 0x80200010);
	CHECK_EQ(pa_of(UINT64_MAX, &pa), VMM_OK);
	CHECK_EQ(pa, UINT64_MAX);
}

/* One byte outside is outside, at either end, and so is a range that begins
 * inside and ends outside. A range across two windows takes the one that holds
 * all of it. */
TEST(unit_dmap_says_no)
{
	vmm_pa_t pa = 7;

	open_windows();
	CHECK_EQ(va_of(0x7fffffff, 1), 0);
	CHECK_EQ(va_of(0x90000000, 1), 0);
	CHECK_EQ(va_of(0x8ffff000, 0x1001), 0);
	CHECK_EQ(va_of(0x8ffff000, UINT64_MAX), 0);
	CHECK_EQ(va_of(UINT64_MAX, 2), 0);
	CHECK_EQ(va_of(0x802ff000, 0x2000), 0xffffffc0802ff000);
	CHECK_EQ(pa_of(0xffffffc07fffffff, &pa), VMM_ERANGE);
	CHECK_EQ(pa_of(0xffffffc090000000, &pa), VMM_ERANGE);
	CHECK_EQ(pa_of(0, &pa), VMM_ERANGE);
	CHECK_EQ(pa, 7);
}

TEST(unit_dmap_windows)
{
	open_windows();
	CHECK_EQ(vmm_dmap_add(&dmap, 0, 0, 0), VMM_EINVAL);
	CHECK_EQ(vmm_dmap_add(&dmap, UINT64_MAX, 2, 0x1000), VMM_EINVAL);
	CHECK_EQ(vmm_dmap_add(&dmap, 0, 2, UINT64_MAX), VMM_EINVAL);
	CHECK_EQ(
		vmm_dmap_add(&dmap, 0, 0x1001, 0xffffffc07ffff000), VMM_EEXIST);
	CHECK_EQ(vmm_dmap_remove(&dmap, 0xffffffc080000001), VMM_ENOENT);
	CHECK_EQ(vmm_dmap_remove(&dmap, 0xffffffff80200000), VMM_OK);
	/* Without the image's window the same memory is seen as RAM. */
	CHECK_EQ(va_of(0x80200010, 1), 0xffffffc080200010);
	CHECK_EQ(dmap.count, 2);
	for (uint64_t i = 2; i < VMM_DMAP_WINDOWS_MAX; i++)
		CHECK_EQ(vmm_dmap_add(&dmap, i << 12, 4096, i << 12), VMM_OK);
	CHECK_EQ(vmm_dmap_add(&dmap, 0, 4096, 0), VMM_ENOSPC);
	CHECK_EQ(vmm_dmap_check(&dmap), VMM_OK);
}

/* Memory was added behind a window: it grows, and no further than it can. */
TEST(unit_dmap_grow)
{
	const vmm_va_t ram = 0xffffffc080000000;

	open_windows();
	CHECK_EQ(va_of(0x90000000, 1), 0);
	CHECK_EQ(vmm_dmap_grow(&dmap, ram, 0x20000000), VMM_OK);
	CHECK_EQ(va_of(0x90000000, 1), 0xffffffc090000000);
	CHECK_EQ(va_of(0x8ffff000, 0x2000), 0xffffffc08ffff000);
	CHECK_EQ(va_of(0xa0000000, 1), 0);
	CHECK_EQ(vmm_dmap_grow(&dmap, ram, 0x1fffffff), VMM_EINVAL);
	CHECK_EQ(vmm_dmap_grow(&dmap, ram + 1, 0x30000000), VMM_ENOENT);
	CHECK_EQ(vmm_dmap_grow(&dmap, ram, UINT64_MAX), VMM_EINVAL);
	CHECK_EQ(vmm_dmap_grow(&dmap, UINT64_MAX - 0xfff, 0x1001), VMM_EINVAL);
	/* Up to the image's window, and not one byte into it. */
	CHECK_EQ(vmm_dmap_grow(&dmap, ram, 0xffffffff80200000 - ram + 1),
		VMM_EEXIST);
	CHECK_EQ(vmm_dmap_grow(&dmap, ram, 0xffffffff80200000 - ram), VMM_OK);
	CHECK_EQ(vmm_dmap_check(&dmap), VMM_OK);
}

/* The on-demand window of the microkernel's notes: the hook moves it to where
 * it is needed. */
struct remap {
	unsigned calls;
	int answer;
	bool elsewhere;
};

static int remap(void *ctx, struct vmm_dmap *map, vmm_pa_t pa, uint64_t size)
{
	struct remap *state = ctx;

	(void)size;
	state->calls++;
	if (state->answer != 0)
		return state->answer;
	if (map->count == 4)
		CHECK_EQ(vmm_dmap_remove(map, 0x700000), VMM_OK);
	return vmm_dmap_add(map,
		vmm_align_down(pa, 0x10000) + (state->elsewhere ? 0x10000 : 0),
		0x10000, 0x700000);
}

TEST(unit_dmap_remap_hook)
{
	struct remap state = {0, 0, false};
	vmm_pa_t pa = 0;

	open_windows();
	dmap.remap = remap;
	dmap.remap_ctx = &state;
	CHECK_EQ(va_of(0x80000000, 4), 0xffffffc080000000);
	CHECK_EQ(state.calls, 0);
	CHECK_EQ(va_of(0x12345678, 4), 0x705678);
	CHECK_EQ(state.calls, 1);
	CHECK_EQ(va_of(0x1234ffff, 1), 0x70ffff);
	CHECK_EQ(state.calls, 1);
	CHECK_EQ(va_of(0x22345678, 4), 0x705678);
	CHECK_EQ(pa_of(0x705678, &pa), VMM_OK);
	CHECK_EQ(pa, 0x22345678);
	CHECK_EQ(state.calls, 2);
	/* A hook that cannot, and one that maps something else: asked once. */
	state.answer = VMM_ENOSPC;
	CHECK_EQ(va_of(0x32345678, 4), 0);
	CHECK_EQ(state.calls, 3);
	state.answer = 0;
	state.elsewhere = true;
	CHECK_EQ(va_of(0x32345678, 4), 0);
	CHECK_EQ(state.calls, 4);
	/* A range past 2^64 is nobody's. */
	CHECK_EQ(va_of(UINT64_MAX, 2), 0);
	CHECK_EQ(state.calls, 4);
}

/* The names that kernels know. */
TEST(unit_dmap_kernel_names)
{
	open_windows();
	CHECK_EQ((uintptr_t)__va(0x80001234), 0xffffffc080001234);
	CHECK(__va(0x1234) == NULL);
	CHECK_EQ(__pa(__va(0x80001234)), 0x80001234);
}

TEST(corrupt_dmap)
{
	open_windows();
	dmap.windows[1].size = 0;
	CHECK_EQ(vmm_dmap_check(&dmap), VMM_ECORRUPT);
	open_windows();
	dmap.windows[1].pa = UINT64_MAX;
	CHECK_EQ(vmm_dmap_check(&dmap), VMM_ECORRUPT);
	open_windows();
	dmap.windows[2].va = dmap.windows[0].va + 0xfffff;
	CHECK_EQ(vmm_dmap_check(&dmap), VMM_ECORRUPT);
	open_windows();
	dmap.count = VMM_DMAP_WINDOWS_MAX + 1;
	CHECK_EQ(vmm_dmap_check(&dmap), VMM_ECORRUPT);
}
