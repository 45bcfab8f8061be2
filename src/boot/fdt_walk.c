/* SPDX-License-Identifier: MIT */
/*
 * Devicetrees: the cursors over nodes and properties, and values. fdt.c has
 * the theory.
 *
 * A cursor is an offset into the structure block plus, for nodes, a depth.
 * Steps decode tokens until the next thing of interest; there is no index and
 * no stack. Every loop ends because each token moves the offset forward and
 * the decoder reports an error at the end of the block.
 */
#include "boot/fdt_token.h"

/* The widths that hold where a node does not say: DTSpec v0.4, 2.3.5. */
#define DEFAULT_ADDRESS_CELLS 2
#define DEFAULT_SIZE_CELLS    1

#define CELL_SIZE 4 /* bytes */

bool vmm_fdt_node_next(const struct vmm_fdt *fdt, struct vmm_fdt_node *node)
{
	struct vmm_fdt_token token = {.next = node->body};
	uint32_t open = node->name == NULL ? 0 : node->depth + 1;

	while (vmm_fdt_token(fdt, token.next, &token) == VMM_OK) {
		if (token.tag == FDT_BEGIN_NODE) {
			node->name = token.name;
			node->depth = open;
			node->body = token.next;
			return true;
		}
		if (token.tag == FDT_END_NODE)
			open--;
		if (token.tag == FDT_END)
			return false;
	}
	return false;
}

bool vmm_fdt_child_next(const struct vmm_fdt *fdt,
	const struct vmm_fdt_node *parent, struct vmm_fdt_node *child)
{
	struct vmm_fdt_token token = {0};
	/* Nodes below the parent that are open where the search starts. */
	uint32_t open = child->name == NULL ? 0 : 1;

	VMM_ASSERT(parent->name != NULL);

	token.next = open == 0 ? parent->body : child->body;
	while (vmm_fdt_token(fdt, token.next, &token) == VMM_OK) {
		if (token.tag == FDT_BEGIN_NODE && open++ == 0) {
			child->name = token.name;
			child->depth = parent->depth + 1;
			child->body = token.next;
			return true;
		}
		if (token.tag == FDT_END_NODE && open-- == 0)
			return false;
	}
	return false;
}

/*
 * Does a node's name match a part of a path, @size bytes long? A part without
 * an address matches any address.
 */
static bool name_matches(const char *name, const char *part, size_t size)
{
	bool address = false;

	for (size_t i = 0; i < size; i++) {
		if (name[i] != part[i])
			return false;
		address |= part[i] == '@';
	}
	return name[size] == '\0' || (name[size] == '@' && !address);
}

int vmm_fdt_node_find(const struct vmm_fdt *fdt, const char *path,
	struct vmm_fdt_node *node_out)
{
	struct vmm_fdt_node node = {0};

	VMM_ASSERT(path != NULL);

	if (path[0] != '/')
		return VMM_EINVAL;
	if (!vmm_fdt_node_next(fdt, &node))
		return VMM_ENOENT;
	for (;;) {
		struct vmm_fdt_node child = {0};
		size_t size = 0;

		while (*path == '/')
			path++;
		if (*path == '\0')
			break;
		while (path[size] != '/' && path[size] != '\0')
			size++;
		do {
			if (!vmm_fdt_child_next(fdt, &node, &child))
				return VMM_ENOENT;
		} while (!name_matches(child.name, path, size));
		node = child;
		path += size;
	}
	*node_out = node;
	return VMM_OK;
}

bool vmm_fdt_prop_next(const struct vmm_fdt *fdt,
	const struct vmm_fdt_node *node, struct vmm_fdt_prop *prop)
{
	struct vmm_fdt_token token = {0};

	VMM_ASSERT(node->name != NULL);

	token.next = prop->name == NULL ? node->body : prop->next;
	do {
		if (vmm_fdt_token(fdt, token.next, &token) != VMM_OK)
			return false;
	} while (token.tag == FDT_NOP);
	if (token.tag != FDT_PROP)
		return false;
	prop->name = token.name;
	prop->value = token.value;
	prop->size = token.size;
	prop->next = token.next;
	return true;
}

int vmm_fdt_prop_find(const struct vmm_fdt *fdt,
	const struct vmm_fdt_node *node, const char *name,
	struct vmm_fdt_prop *prop_out)
{
	struct vmm_fdt_prop prop = {0};

	while (vmm_fdt_prop_next(fdt, node, &prop)) {
		if (vmm_fdt_same(prop.name, name)) {
			*prop_out = prop;
			return VMM_OK;
		}
	}
	return VMM_ENOENT;
}

int vmm_fdt_find_text(const struct vmm_fdt *fdt, const char *path,
	const char *name, const char **text_out)
{
	struct vmm_fdt_node node;
	struct vmm_fdt_prop prop;
	int err;

	err = vmm_fdt_node_find(fdt, path, &node);
	if (!err)
		err = vmm_fdt_prop_find(fdt, &node, name, &prop);
	if (!err)
		err = vmm_fdt_prop_text(&prop, 0, text_out);
	return err;
}

bool vmm_fdt_is_enabled(
	const struct vmm_fdt *fdt, const struct vmm_fdt_node *node)
{
	struct vmm_fdt_prop prop;
	const char *status;

	if (vmm_fdt_prop_find(fdt, node, "status", &prop) != VMM_OK)
		return true;
	if (vmm_fdt_prop_text(&prop, 0, &status) != VMM_OK)
		return false;
	return vmm_fdt_same(status, "okay") || vmm_fdt_same(status, "ok");
}

/* One cell of a node, or @value unchanged if the node does not have it. */
static int read_cell(const struct vmm_fdt *fdt, const struct vmm_fdt_node *node,
	const char *name, uint32_t *value)
{
	struct vmm_fdt_prop prop;

	if (vmm_fdt_prop_find(fdt, node, name, &prop) != VMM_OK)
		return VMM_OK;
	if (prop.size != CELL_SIZE)
		return VMM_EINVAL;
	*value = vmm_fdt_be32(prop.value);
	return VMM_OK;
}

int vmm_fdt_cells(const struct vmm_fdt *fdt, const struct vmm_fdt_node *node,
	struct vmm_fdt_cells *cells_out)
{
	struct vmm_fdt_cells cells = {
		DEFAULT_ADDRESS_CELLS, DEFAULT_SIZE_CELLS};
	int err;

	err = read_cell(fdt, node, "#address-cells", &cells.address);
	if (!err)
		err = read_cell(fdt, node, "#size-cells", &cells.size);
	if (!err)
		*cells_out = cells;
	return err;
}

int vmm_fdt_prop_number(const struct vmm_fdt_prop *prop, uint64_t *value_out)
{
	if (prop->size == CELL_SIZE)
		*value_out = vmm_fdt_be32(prop->value);
	else if (prop->size == 2 * CELL_SIZE)
		*value_out = vmm_fdt_be64(prop->value);
	else
		return VMM_EINVAL;
	return VMM_OK;
}

int vmm_fdt_prop_text(
	const struct vmm_fdt_prop *prop, uint32_t index, const char **text_out)
{
	uint32_t start = 0;

	for (uint32_t at = 0; at < prop->size; at++) {
		if (prop->value[at] != 0)
			continue;
		if (index == 0) {
			*text_out = (const char *)prop->value + start;
			return VMM_OK;
		}
		index--;
		start = at + 1;
	}
	return start == prop->size ? VMM_ENOENT : VMM_EINVAL;
}

bool vmm_fdt_prop_has_text(const struct vmm_fdt_prop *prop, const char *text)
{
	uint32_t start = 0;

	/* Each terminator shows that the string before it may be read. */
	for (uint32_t at = 0; at < prop->size; at++) {
		if (prop->value[at] != 0)
			continue;
		if (vmm_fdt_same((const char *)prop->value + start, text))
			return true;
		start = at + 1;
	}
	return false;
}

/* A number of 0, 1 or 2 cells. */
static uint64_t read_cells(const unsigned char *at, uint32_t cells)
{
	if (cells == 0)
		return 0;
	return cells == 1 ? vmm_fdt_be32(at) : vmm_fdt_be64(at);
}

int vmm_fdt_prop_range(const struct vmm_fdt_prop *prop,
	const struct vmm_fdt_cells *cells, uint32_t index, vmm_pa_t *base_out,
	uint64_t *size_out)
{
	const unsigned char *pair;
	uint32_t pair_size;
	uint64_t base;
	uint64_t size;

	if (cells->address < 1 || cells->address > 2 || cells->size > 2)
		return VMM_EINVAL;
	pair_size = (cells->address + cells->size) * CELL_SIZE;
	if (prop->size % pair_size != 0)
		return VMM_EINVAL;
	if (index >= prop->size / pair_size)
		return VMM_ENOENT;
	pair = prop->value + (size_t)index * pair_size;
	base = read_cells(pair, cells->address);
	size = read_cells(
		pair + (size_t)cells->address * CELL_SIZE, cells->size);
	if (size != 0 && !vmm_range_ok(base, size))
		return VMM_EINVAL;
	*base_out = base;
	*size_out = size;
	return VMM_OK;
}
