/* SPDX-License-Identifier: MIT */
#include <vmm/dmap.h>

void vmm_dmap_init(struct vmm_dmap *dmap, vmm_dmap_remap_fn remap, void *ctx)
{
	dmap->count = 0;
	dmap->remap = remap;
	dmap->remap_ctx = ctx;
}

/* The window that starts at @va, or count if none does. */
static size_t find(const struct vmm_dmap *dmap, vmm_va_t va)
{
	size_t i = 0;

	while (i < dmap->count && dmap->windows[i].va != va)
		i++;
	return i;
}

/* Does the range overlap a window other than number @self? */
static bool overlaps(
	const struct vmm_dmap *dmap, vmm_va_t va, uint64_t size, size_t self)
{
	for (size_t i = 0; i < dmap->count; i++) {
		const struct vmm_dmap_window *window = &dmap->windows[i];

		if (i != self &&
			vmm_range_overlaps(window->va, window->size, va, size))
			return true;
	}
	return false;
}

int vmm_dmap_add(struct vmm_dmap *dmap, vmm_pa_t pa, uint64_t size, vmm_va_t va)
{
	struct vmm_dmap_window *window;

	if (!vmm_range_ok(pa, size) || !vmm_range_ok(va, size))
		return VMM_EINVAL;
	if (overlaps(dmap, va, size, dmap->count))
		return VMM_EEXIST;
	if (dmap->count == VMM_DMAP_WINDOWS_MAX)
		return VMM_ENOSPC;
	window = &dmap->windows[dmap->count];
	window->pa = pa;
	window->va = va;
	window->size = size;
	/* Look-ups on other harts see the window whole or not at all. */
	__atomic_store_n(&dmap->count, dmap->count + 1, __ATOMIC_RELEASE);
	return VMM_OK;
}

int vmm_dmap_grow(struct vmm_dmap *dmap, vmm_va_t va, uint64_t size)
{
	size_t i = find(dmap, va);

	if (i == dmap->count)
		return VMM_ENOENT;
	if (size < dmap->windows[i].size ||
		!vmm_range_ok(dmap->windows[i].pa, size) ||
		!vmm_range_ok(va, size))
		return VMM_EINVAL;
	if (overlaps(dmap, va, size, i))
		return VMM_EEXIST;
	dmap->windows[i].size = size;
	return VMM_OK;
}

int vmm_dmap_remove(struct vmm_dmap *dmap, vmm_va_t va)
{
	size_t i = find(dmap, va);

	if (i == dmap->count)
		return VMM_ENOENT;
	/* The order of the others says which comes first: keep it. */
	for (dmap->count--; i < dmap->count; i++)
		dmap->windows[i] = dmap->windows[i + 1];
	return VMM_OK;
}

void *vmm_dmap_miss(struct vmm_dmap *dmap, vmm_pa_t pa, uint64_t size)
{
	VMM_ASSERT(size != 0);
	if (dmap->remap == NULL || !vmm_range_ok(pa, size) ||
		dmap->remap(dmap->remap_ctx, dmap, pa, size) != 0)
		return NULL;
	/* Once more, and only once, even if the hook mapped elsewhere. */
	for (size_t i = 0; i < dmap->count; i++) {
		const struct vmm_dmap_window *window = &dmap->windows[i];
		uint64_t inside = pa - window->pa;

		if (inside < window->size && size - 1 < window->size - inside)
			return (void *)(uintptr_t)(window->va + inside);
	}
	return NULL;
}

int vmm_dmap_check(const struct vmm_dmap *dmap)
{
	if (dmap->count > VMM_DMAP_WINDOWS_MAX)
		return VMM_ECORRUPT;
	for (size_t i = 0; i < dmap->count; i++) {
		const struct vmm_dmap_window *a = &dmap->windows[i];

		if (!vmm_range_ok(a->pa, a->size) ||
			!vmm_range_ok(a->va, a->size))
			return VMM_ECORRUPT;
		for (size_t j = 0; j < i; j++) {
			const struct vmm_dmap_window *b = &dmap->windows[j];

			if (vmm_range_overlaps(a->va, a->size, b->va, b->size))
				return VMM_ECORRUPT;
		}
	}
	return VMM_OK;
}
