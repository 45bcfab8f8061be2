/* SPDX-License-Identifier: MIT */
#include "support/fdt_probe.h"
#include "support/test.h"

#define RANGES_MAX 64

static unsigned char room[FDT_PROBE_MAX];
static struct vmm_mem_range ranges[RANGES_MAX];

/* A text that a tree gave away ends inside the blob. */
static void probe_text(const struct vmm_fdt *fdt, const char *text)
{
	const char *end = (const char *)fdt->blob + fdt->size;

	CHECK((const unsigned char *)text >= fdt->blob);
	while (text < end && *text != '\0')
		text++;
	CHECK(text < end);
}

static void probe_prop(
	const struct vmm_fdt *fdt, const struct vmm_fdt_prop *prop)
{
	const char *text;
	uint64_t number;

	probe_text(fdt, prop->name);
	CHECK(prop->value >= fdt->blob);
	CHECK(prop->value + prop->size <= fdt->blob + fdt->size);
	if (vmm_fdt_prop_text(prop, 0, &text) == VMM_OK)
		probe_text(fdt, text);
	if (vmm_fdt_prop_number(prop, &number) == VMM_OK)
		CHECK(prop->size == 4 || number >> 32 <= UINT32_MAX);
	for (uint32_t i = 0; i < 2; i++) {
		const struct vmm_fdt_cells cells = {2, 1 + i};
		uint64_t base;
		uint64_t size;

		if (vmm_fdt_prop_range(prop, &cells, i, &base, &size) == VMM_OK)
			CHECK(size == 0 || vmm_range_ok(base, size));
	}
	CHECK(!vmm_fdt_prop_has_text(prop, "no such text"));
}

/* Walk the whole tree in both ways: they see the same nodes. */
static void probe_nodes(const struct vmm_fdt *fdt)
{
	struct vmm_fdt_node node = {0};
	uint32_t nodes = 0;
	uint32_t children = 1; /* the root is nobody's child */

	while (vmm_fdt_node_next(fdt, &node)) {
		struct vmm_fdt_node child = {0};
		struct vmm_fdt_prop prop = {0};
		struct vmm_fdt_cells cells;

		nodes++;
		CHECK(node.depth < VMM_FDT_DEPTH_MAX);
		probe_text(fdt, node.name);
		while (vmm_fdt_prop_next(fdt, &node, &prop))
			probe_prop(fdt, &prop);
		while (vmm_fdt_child_next(fdt, &node, &child))
			children++;
		(void)vmm_fdt_is_enabled(fdt, &node);
		(void)!vmm_fdt_cells(fdt, &node, &cells);
	}
	CHECK_EQ(nodes, fdt->node_count);
	CHECK_EQ(children, fdt->node_count);
}

/* What vmm_fdt_memmap() promises to be content with, for a map of two. */
static size_t probe_room(const struct vmm_fdt *fdt)
{
	struct vmm_fdt_mem mem = {0};
	size_t count = 1; /* the tree */

	while (count < RANGES_MAX && vmm_fdt_mem_next(fdt, &mem) == VMM_OK)
		count++;
	return 2 + 1 + 2 * count + 1;
}

/* A map is filled whole or not touched, and in the room that was promised. */
static void probe_memmap(const struct vmm_fdt *fdt)
{
	size_t room_max = probe_room(fdt);
	struct vmm_memmap map;
	uint64_t before;
	int err;

	vmm_memmap_init(
		&map, ranges, room_max < RANGES_MAX ? room_max : RANGES_MAX);
	CHECK(vmm_memmap_add(&map, 0x40000000, 0x123) == VMM_OK);
	CHECK(vmm_memmap_reserve(&map, 0x84000800, 0x800, VMM_MEM_MMIO) ==
		VMM_OK);
	before = test_digest(TEST_DIGEST_INIT, ranges, sizeof(ranges));
	err = vmm_fdt_memmap(fdt, 0x88800000, &map);
	if (err == VMM_OK) {
		CHECK(map.count >= 3);
	} else {
		CHECK(err == VMM_EINVAL || err == VMM_ENOTSUP ||
			room_max > RANGES_MAX);
		CHECK_EQ(map.count, 2);
		CHECK_EQ(before,
			test_digest(TEST_DIGEST_INIT, ranges, sizeof(ranges)));
	}
	CHECK(vmm_memmap_check(&map) == VMM_OK);
}

static void probe_tree(const struct vmm_fdt *fdt)
{
	struct vmm_fdt_node node;
	const char *text;
	unsigned va_bits = 99;
	uint32_t harts;
	int err;

	probe_nodes(fdt);
	probe_memmap(fdt);
	err = vmm_fdt_mmu_type(fdt, &va_bits, &harts);
	if (err == VMM_OK)
		CHECK(va_bits <= 57 && harts >= 1 && harts < fdt->node_count);
	else
		CHECK(va_bits == 99);
	if (vmm_fdt_find_text(fdt, "/chosen", "bootargs", &text) == VMM_OK)
		probe_text(fdt, text);
	CHECK(vmm_fdt_node_find(fdt, "/cpus/none", &node) != VMM_OK);
}

int fdt_probe(const unsigned char *blob, size_t size)
{
	unsigned char *copy = room + sizeof(room) - size;
	struct vmm_fdt fdt;
	size_t claimed;
	int err;

	CHECK(size <= sizeof(room));
	for (size_t i = 0; i < size; i++)
		copy[i] = blob[i];
	err = vmm_fdt_size(copy, size, &claimed);
	if (err == VMM_OK)
		CHECK(claimed <= size);
	err = vmm_fdt_init(&fdt, copy, size);
	if (err == VMM_OK)
		probe_tree(&fdt);
	else
		CHECK(err == VMM_EINVAL || err == VMM_ERANGE ||
			err == VMM_ENOTSUP);
	return err;
}
