/* SPDX-License-Identifier: MIT */
/*
 * Devicetrees: physical memory.
 *
 * The cursor goes through four stages, one per place where a tree speaks of
 * memory: memory nodes, /reserved-memory, the reservation block, the initrd.
 * A stage yields a statement or says that it has no more. Within a node the
 * cursor keeps its `reg` and the widths of the cells, so that a node with many
 * properties and many ranges does not cost their product.
 *
 * The map is filled in two passes over the cursor. The first finds every error
 * and counts; the second cannot fail. This is what keeps a refused tree from
 * leaving half of its claims behind.
 */
#include "boot/fdt_token.h"

enum stage { STAGE_RAM, STAGE_RESERVED, STAGE_BLOCK, STAGE_INITRD, STAGE_END };

static bool has_prop(const struct vmm_fdt *fdt, const struct vmm_fdt_node *node,
	const char *name)
{
	struct vmm_fdt_prop prop;

	return vmm_fdt_prop_find(fdt, node, name, &prop) == VMM_OK;
}

/* Start on the children of a node: those of the root, or the reservations. */
static int open_parent(
	const struct vmm_fdt *fdt, struct vmm_fdt_mem *mem, const char *path)
{
	struct vmm_fdt_prop ranges;
	int err;

	err = vmm_fdt_node_find(fdt, path, &mem->parent);
	if (err)
		return err;
	if (mem->stage == STAGE_RESERVED &&
		vmm_fdt_prop_find(fdt, &mem->parent, "ranges", &ranges) ==
			VMM_OK &&
		ranges.size != 0)
		return VMM_ENOTSUP;
	return vmm_fdt_cells(fdt, &mem->parent, &mem->cells);
}

/* May the child at the cursor say something in this stage, and what? */
static bool speaks(const struct vmm_fdt *fdt, struct vmm_fdt_mem *mem)
{
	struct vmm_fdt_prop type;

	if (!vmm_fdt_is_enabled(fdt, &mem->node))
		return false;
	if (mem->stage == STAGE_RAM) {
		mem->source = VMM_FDT_MEM_RAM;
		return vmm_fdt_prop_find(fdt, &mem->node, "device_type",
			       &type) == VMM_OK &&
		       vmm_fdt_prop_has_text(&type, "memory");
	}
	mem->source = VMM_FDT_MEM_RESERVED;
	if (has_prop(fdt, &mem->node, "reusable"))
		mem->source = VMM_FDT_MEM_REUSABLE;
	/* The binding forbids both together; the stricter one is safe. */
	if (has_prop(fdt, &mem->node, "no-map"))
		mem->source = VMM_FDT_MEM_NOMAP;
	return true;
}

/* The next pair of the `reg` at hand. A size of no cells means nothing here. */
static int reg_next(struct vmm_fdt_mem *mem)
{
	int err;

	if (mem->reg.name == NULL)
		return VMM_ENOENT;
	if (mem->cells.size == 0)
		return VMM_EINVAL;
	do {
		err = vmm_fdt_prop_range(&mem->reg, &mem->cells, mem->index++,
			&mem->base, &mem->size);
	} while (err == VMM_OK && mem->size == 0);
	return err;
}

/* The next range of the next child that has one. */
static int children_next(
	const struct vmm_fdt *fdt, struct vmm_fdt_mem *mem, const char *path)
{
	int err;

	if (mem->parent.name == NULL) {
		err = open_parent(fdt, mem, path);
		if (err)
			return err;
	}
	for (;;) {
		err = reg_next(mem);
		if (err != VMM_ENOENT)
			return err;
		mem->reg.name = NULL;
		mem->index = 0;
		if (!vmm_fdt_child_next(fdt, &mem->parent, &mem->node))
			return VMM_ENOENT;
		if (speaks(fdt, mem) && vmm_fdt_prop_find(fdt, &mem->node,
						"reg", &mem->reg) != VMM_OK)
			mem->reg.name = NULL;
	}
}

static int block_next(const struct vmm_fdt *fdt, struct vmm_fdt_mem *mem)
{
	mem->source = VMM_FDT_MEM_BLOCK;
	while (mem->index < fdt->reserve_count) {
		const unsigned char *entry =
			fdt->blob + fdt->reserve_at +
			(size_t)mem->index * FDT_RESERVE_ENTRY;

		mem->index++;
		mem->base = vmm_fdt_be64(entry);
		mem->size = vmm_fdt_be64(entry + 8);
		if (mem->size == 0)
			continue;
		return vmm_range_ok(mem->base, mem->size) ? VMM_OK : VMM_EINVAL;
	}
	return VMM_ENOENT;
}

/* There is one initrd: the second call finds that index is 1. */
static int initrd_next(const struct vmm_fdt *fdt, struct vmm_fdt_mem *mem)
{
	struct vmm_fdt_prop start = {0};
	struct vmm_fdt_prop end = {0};
	uint64_t end_pa;
	bool has_start;
	bool has_end;

	if (mem->index++ != 0 ||
		vmm_fdt_node_find(fdt, "/chosen", &mem->node) != VMM_OK)
		return VMM_ENOENT;
	mem->source = VMM_FDT_MEM_INITRD;
	has_start = vmm_fdt_prop_find(fdt, &mem->node, "linux,initrd-start",
			    &start) == VMM_OK;
	has_end = vmm_fdt_prop_find(
			  fdt, &mem->node, "linux,initrd-end", &end) == VMM_OK;
	if (!has_start && !has_end)
		return VMM_ENOENT;
	/* One that is missing has size 0 and is no number. */
	if (vmm_fdt_prop_number(&start, &mem->base) != VMM_OK ||
		vmm_fdt_prop_number(&end, &end_pa) != VMM_OK)
		return VMM_EINVAL;
	/* The end is the first byte after it; equal ends mean no initrd. */
	if (end_pa < mem->base)
		return VMM_EINVAL;
	mem->size = end_pa - mem->base;
	return mem->size == 0 ? VMM_ENOENT : VMM_OK;
}

static int stage_next(const struct vmm_fdt *fdt, struct vmm_fdt_mem *mem)
{
	if (mem->stage == STAGE_RAM)
		return children_next(fdt, mem, "/");
	if (mem->stage == STAGE_RESERVED)
		return children_next(fdt, mem, "/reserved-memory");
	if (mem->stage == STAGE_BLOCK)
		return block_next(fdt, mem);
	return initrd_next(fdt, mem);
}

int vmm_fdt_mem_next(const struct vmm_fdt *fdt, struct vmm_fdt_mem *mem)
{
	int err = VMM_ENOENT;

	while (mem->stage < STAGE_END) {
		uint32_t stage = mem->stage;

		err = stage_next(fdt, mem);
		if (err != VMM_ENOENT)
			break;
		/* A stage starts with nothing from the one before. */
		*mem = (struct vmm_fdt_mem){.stage = stage + 1};
	}
	return err;
}

static enum vmm_mem_kind kind_of(uint32_t source)
{
	if (source == VMM_FDT_MEM_INITRD)
		return VMM_MEM_LOADER;
	if (source == VMM_FDT_MEM_NOMAP)
		return VMM_MEM_NOMAP;
	return VMM_MEM_PERMANENT;
}

/* The second pass: nothing in it can fail. */
static void fill(
	const struct vmm_fdt *fdt, vmm_pa_t blob_pa, struct vmm_memmap *map)
{
	struct vmm_fdt_mem mem = {0};
	int err;

	while (vmm_fdt_mem_next(fdt, &mem) == VMM_OK) {
		if (mem.source == VMM_FDT_MEM_RAM)
			err = vmm_memmap_add(map, mem.base, mem.size);
		else
			err = vmm_memmap_reserve(
				map, mem.base, mem.size, kind_of(mem.source));
		VMM_ASSERT(err == VMM_OK);
		(void)err;
	}
	err = vmm_memmap_reserve(map, blob_pa, fdt->size, VMM_MEM_LOADER);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
}

int vmm_fdt_memmap(
	const struct vmm_fdt *fdt, vmm_pa_t blob_pa, struct vmm_memmap *map)
{
	struct vmm_fdt_mem mem = {0};
	uint64_t count = 1; /* the tree itself */
	int err;

	VMM_ASSERT(fdt->size != 0);
	VMM_ASSERT(map != NULL);

	if (!vmm_range_ok(blob_pa, fdt->size))
		return VMM_EINVAL;
	for (;;) {
		err = vmm_fdt_mem_next(fdt, &mem);
		if (err)
			break;
		count++;
	}
	if (err != VMM_ENOENT)
		return err;
	if (count > vmm_memmap_room(map))
		return VMM_ENOMEM;
	fill(fdt, blob_pa, map);
	return VMM_OK;
}
