/* SPDX-License-Identifier: MIT */
/*
 * Boot tables. vmm_pt_map() does the work, and its pages are the donated ones.
 * Rows that are widened to gigapages give it no use for smaller leaves.
 */
#include <vmm/boot.h>

#define GIGAPAGE VMM_GIB(1)

/*
 * Map one gigapage, unless it is there already in the very same form: the
 * image and the direct map of a small machine are often one gigapage.
 */
static int map_gigapage(
	struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, unsigned prot)
{
	int err = vmm_pt_map(pt, va, pa, GIGAPAGE, prot, NULL);
	unsigned old_prot;
	vmm_pa_t old_pa;

	if (err != VMM_EEXIST)
		return err;
	if (vmm_pt_translate(pt, va, &old_pa, &old_prot) != VMM_OK ||
		old_pa != pa || old_prot != prot)
		return VMM_EEXIST;
	return VMM_OK;
}

static int map_widened(struct vmm_pt *pt, const struct vmm_boot_map *map)
{
	uint64_t inside = map->va & (GIGAPAGE - 1);
	/* As it is read back from an entry. */
	unsigned prot = (map->prot & VMM_PT_WRITE) != 0
				? map->prot | VMM_PT_READ
				: map->prot;
	uint64_t pages;
	int err = VMM_OK;

	if (map->size == 0 || ((map->va ^ map->pa) & (GIGAPAGE - 1)) != 0)
		return VMM_EINVAL;
	if (!vmm_range_ok(map->va, map->size) ||
		!vmm_range_ok(map->pa, map->size))
		return VMM_ERANGE;
	pages = (inside + (map->size - 1)) / GIGAPAGE + 1;
	for (uint64_t i = 0; i < pages && err == VMM_OK; i++)
		err = map_gigapage(pt, map->va - inside + i * GIGAPAGE,
			map->pa - inside + i * GIGAPAGE, prot);
	return err;
}

static int map_row(struct vmm_pt *pt, const struct vmm_boot_map *map)
{
	if ((map->flags & VMM_BOOT_EXACT) != 0)
		return vmm_pt_map(
			pt, map->va, map->pa, map->size, map->prot, NULL);
	return map_widened(pt, map);
}

int vmm_boot_tables(struct vmm_pt *pt, const struct vmm_pt_format *format,
	vmm_pa_t scratch, size_t count, const struct vmm_boot_map *maps,
	size_t maps_count)
{
	const uint64_t root_size = UINT64_C(8) << format->root_bits;
	const size_t root_pages = (size_t)(root_size / VMM_PAGE_SIZE);
	int err = VMM_OK;

	if (count < root_pages || !vmm_is_aligned(scratch, root_size))
		return VMM_EINVAL;
	vmm_pt_init(pt, format, NULL, 0, scratch);
	/* Downwards, so that tables are taken in ascending order. */
	for (size_t i = count; i-- > root_pages;)
		vmm_pt_donate(pt, scratch + i * VMM_PAGE_SIZE);
	for (size_t i = 0; i < maps_count && err == VMM_OK; i++)
		err = map_row(pt, &maps[i]);
	return err;
}
