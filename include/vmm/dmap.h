/* SPDX-License-Identifier: MIT */
/*
 * The direct map: from a physical address to a pointer and back.
 *
 * A kernel sees physical memory through windows, ranges of virtual addresses
 * that map a physical range with a constant difference: its image, RAM,
 * device registers. A direct map is a short list of them. The look-ups check
 * ranges: an address outside every window has no pointer, and a pointer
 * outside every window no physical address.
 *
 * The names that kernels know, __va() and __pa(), are macros over an instance
 * of the kernel's:
 *
 *     #define VMM_DMAP (&kernel_dmap)
 *     #include <vmm/dmap.h>
 *
 * The windows only describe mappings. Entries in the page table are made with
 * vmm_pt_map(), or for all RAM at once with vmm_boot_map_ram().
 *
 * Context. The caller serialises changes. Look-ups take no lock and may run
 * beside vmm_dmap_add() and vmm_dmap_grow(), not beside vmm_dmap_remove().
 */
#ifndef VMM_DMAP_H
#define VMM_DMAP_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Image, RAM below and above a hole, devices, and room for a few more. */
#define VMM_DMAP_WINDOWS_MAX 8

/* One window: [va, va + size) maps [pa, pa + size). */
struct vmm_dmap_window {
	vmm_pa_t pa;
	vmm_va_t va;
	uint64_t size; /* bytes; no range may pass 2^64 */
};

struct vmm_dmap;

/*
 * Called when a physical range lies in no window. May map it and add or move a
 * window of @dmap, then return 0: the look-up is done once more. Any other
 * value: the range has no pointer.
 */
typedef int (*vmm_dmap_remap_fn)(
	void *ctx, struct vmm_dmap *dmap, vmm_pa_t pa, uint64_t size);

/*
 * A direct map. Invariant, which vmm_dmap_check() tests: windows are ranges
 * and do not overlap in virtual addresses. They may in physical ones (the
 * image is RAM too): then vmm_dmap_va() takes the one that was added first.
 */
struct vmm_dmap {
	struct vmm_dmap_window windows[VMM_DMAP_WINDOWS_MAX];
	size_t count;
	vmm_dmap_remap_fn remap; /* NULL: none */
	void *remap_ctx;
};

/**
 * vmm_dmap_init() - Make a direct map without windows.
 * @dmap:  Storage of the caller's.
 * @remap: Called for addresses outside all windows; NULL for none.
 * @ctx:   Handed to @remap.
 */
void vmm_dmap_init(struct vmm_dmap *dmap, vmm_dmap_remap_fn remap, void *ctx);

/**
 * vmm_dmap_add() - Add a window.
 * @dmap: The direct map. Windows that are looked up often come first.
 * @pa:   First physical address.
 * @size: Bytes.
 * @va:   First virtual address.
 *
 * Return: VMM_OK, or
 *         VMM_EINVAL  empty, or either range wraps
 *         VMM_EEXIST  the virtual range overlaps another window's
 *         VMM_ENOSPC  there are VMM_DMAP_WINDOWS_MAX windows already
 */
VMM_NODISCARD int vmm_dmap_add(
	struct vmm_dmap *dmap, vmm_pa_t pa, uint64_t size, vmm_va_t va);

/**
 * vmm_dmap_grow() - Extend a window upwards.
 * @dmap: The direct map.
 * @va:   First virtual address of the window.
 * @size: Its new size in bytes; not smaller than the old one.
 *
 * For memory that was added behind what the window shows. Map it first: from
 * here on vmm_dmap_va() hands out pointers to it.
 *
 * Return: VMM_OK, or
 *         VMM_ENOENT  no window starts there
 *         VMM_EINVAL  smaller than it is, or either range wraps
 *         VMM_EEXIST  the virtual range would overlap another window's
 */
VMM_NODISCARD int vmm_dmap_grow(
	struct vmm_dmap *dmap, vmm_va_t va, uint64_t size);

/**
 * vmm_dmap_remove() - Remove the window that starts at a virtual address.
 *
 * Return: VMM_OK, or VMM_ENOENT if none starts there.
 */
VMM_NODISCARD int vmm_dmap_remove(struct vmm_dmap *dmap, vmm_va_t va);

/* The slow path of vmm_dmap_va(): ask the hook, then look once more. */
void *vmm_dmap_miss(struct vmm_dmap *dmap, vmm_pa_t pa, uint64_t size);

/**
 * vmm_dmap_va() - The pointer at which a physical range can be reached.
 * @dmap: The direct map.
 * @pa:   First physical address.
 * @size: Bytes, all of which must lie in one window; not 0.
 *
 * Cost:   O(windows): a subtraction and two compares for each.
 * Return: The pointer, or NULL if no window holds the whole range.
 */
static inline void *vmm_dmap_va(
	struct vmm_dmap *dmap, vmm_pa_t pa, uint64_t size)
{
	for (size_t i = 0; i < dmap->count; i++) {
		const struct vmm_dmap_window *window = &dmap->windows[i];
		uint64_t inside = pa - window->pa;

		if (VMM_LIKELY(inside < window->size &&
			       size - 1 < window->size - inside))
			return (void *)(uintptr_t)(window->va + inside);
	}
	return vmm_dmap_miss(dmap, pa, size);
}

/**
 * vmm_dmap_pa() - The physical address behind a pointer.
 * @dmap:    The direct map.
 * @pointer: Any pointer.
 * @pa_out:  Receives the physical address of the byte at @pointer.
 *
 * Return: VMM_OK, or VMM_ERANGE if the pointer lies in no window.
 */
VMM_NODISCARD static inline int vmm_dmap_pa(
	const struct vmm_dmap *dmap, const void *pointer, vmm_pa_t *pa_out)
{
	for (size_t i = 0; i < dmap->count; i++) {
		const struct vmm_dmap_window *window = &dmap->windows[i];
		uint64_t inside = (uintptr_t)pointer - window->va;

		if (VMM_LIKELY(inside < window->size)) {
			*pa_out = window->pa + inside;
			return VMM_OK;
		}
	}
	return VMM_ERANGE;
}

/* As vmm_dmap_pa(), for pointers that are known to lie in a window. */
static inline vmm_pa_t vmm_dmap_pa_known(
	const struct vmm_dmap *dmap, const void *pointer)
{
	vmm_pa_t pa = 0;
	int err = vmm_dmap_pa(dmap, pointer, &pa);

	VMM_ASSERT(err == VMM_OK);
	(void)err;
	return pa;
}

/**
 * vmm_dmap_check() - Test the invariant.
 * Return: VMM_OK or VMM_ECORRUPT.
 */
VMM_NODISCARD int vmm_dmap_check(const struct vmm_dmap *dmap);

#ifdef VMM_DMAP
/* The pointer for a physical address, NULL outside all windows. */
#define __va(pa)      (vmm_dmap_va(VMM_DMAP, (pa), 1))
/* The physical address of a pointer; outside all windows it is a bug. */
#define __pa(pointer) (vmm_dmap_pa_known(VMM_DMAP, (pointer)))
#endif

#ifdef __cplusplus
}
#endif

#endif /* VMM_DMAP_H */
