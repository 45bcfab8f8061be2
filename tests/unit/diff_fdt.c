/* SPDX-License-Identifier: MIT */
/*
 * The same trees through libfdt and through our reader: every node, property
 * and reservation must agree. Host only; the trees are compiled from
 * tests/data by dtc.
 */
#include <vmm/fdt.h>

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "support/test.h"

#define BLOB_MAX  16384
#define MUTATIONS 20000

static const char names[][16] = {"edge", "virt-small", "virt-numa", "sifive-u"};
#define NAMES (sizeof(names) / sizeof(names[0]))

static uint64_t aligned[BLOB_MAX / 8]; /* libfdt wants 8-byte alignment */
static unsigned char *const blob = (unsigned char *)aligned;
static unsigned char good[BLOB_MAX];

static size_t load(const char *name)
{
	char path[1024];
	size_t size;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s.dtb", VMM_TEST_DATA, name);
	file = fopen(path, "rb");
	CHECK(file != NULL);
	size = fread(blob, 1, BLOB_MAX, file);
	CHECK(size > 0 && size < BLOB_MAX);
	(void)fclose(file);
	return size;
}

static void same_props(
	const struct vmm_fdt *fdt, const struct vmm_fdt_node *node, int at)
{
	struct vmm_fdt_prop prop = {0};
	int prop_at;

	fdt_for_each_property_offset(prop_at, blob, at)
	{
		const char *name;
		int size;
		const void *value =
			fdt_getprop_by_offset(blob, prop_at, &name, &size);

		CHECK(vmm_fdt_prop_next(fdt, node, &prop));
		CHECK(value != NULL);
		CHECK(strcmp(prop.name, name) == 0);
		CHECK_EQ(prop.size, size);
		CHECK(prop.value == value);
	}
	CHECK(!vmm_fdt_prop_next(fdt, node, &prop));
}

static void same_nodes(const struct vmm_fdt *fdt)
{
	struct vmm_fdt_node node = {0};
	int depth = -1;
	int at = -1;

	while ((at = fdt_next_node(blob, at, &depth)) >= 0 && depth >= 0) {
		CHECK(vmm_fdt_node_next(fdt, &node));
		CHECK_EQ(node.depth, depth);
		CHECK(strcmp(node.name, fdt_get_name(blob, at, NULL)) == 0);
		same_props(fdt, &node, at);
	}
	CHECK(!vmm_fdt_node_next(fdt, &node));
}

/* Cell counts where both sides have an opinion: libfdt refuses above 4. */
static void same_cells(const struct vmm_fdt *fdt)
{
	struct vmm_fdt_node node = {0};
	int at = -1;

	while (vmm_fdt_node_next(fdt, &node)) {
		struct vmm_fdt_cells cells;
		int address;
		int size;

		at = fdt_next_node(blob, at, NULL);
		CHECK(vmm_fdt_cells(fdt, &node, &cells) == VMM_OK);
		address = fdt_address_cells(blob, at);
		size = fdt_size_cells(blob, at);
		CHECK(address < 0 || cells.address == (uint32_t)address);
		CHECK(size < 0 || cells.size == (uint32_t)size);
	}
}

static void same_paths(const struct vmm_fdt *fdt)
{
	int at = -1;

	while ((at = fdt_next_node(blob, at, NULL)) >= 0) {
		struct vmm_fdt_node node;
		char path[256];

		CHECK(fdt_get_path(blob, at, path, sizeof(path)) == 0);
		CHECK(vmm_fdt_node_find(fdt, path, &node) == VMM_OK);
		CHECK(node.name == fdt_get_name(blob, at, NULL));
	}
}

static uint64_t number(const fdt32_t *cells, int count)
{
	uint64_t value = 0;

	while (count-- > 0)
		value = value << 32 | fdt32_to_cpu(*cells++);
	return value;
}

static bool enabled(int at)
{
	const char *status = fdt_getprop(blob, at, "status", NULL);

	return status == NULL || strcmp(status, "okay") == 0 ||
	       strcmp(status, "ok") == 0;
}

/* The ranges of one node's `reg` against the cursor. */
static void same_reg(
	const struct vmm_fdt *fdt, struct vmm_fdt_mem *mem, int parent, int at)
{
	int address = fdt_address_cells(blob, parent);
	int size = fdt_size_cells(blob, parent);
	int bytes = 0;
	const fdt32_t *reg = fdt_getprop(blob, at, "reg", &bytes);

	for (; bytes > 0; bytes -= 4 * (address + size)) {
		uint64_t base = number(reg, address);
		uint64_t length = number(reg + address, size);

		reg += address + size;
		if (length == 0)
			continue;
		CHECK(vmm_fdt_mem_next(fdt, mem) == VMM_OK);
		CHECK_EQ(mem->base, base);
		CHECK_EQ(mem->size, length);
		CHECK(mem->node.name == fdt_get_name(blob, at, NULL));
	}
}

static void same_memory(const struct vmm_fdt *fdt)
{
	struct vmm_fdt_mem mem = {0};
	int parent;
	int at;

	fdt_for_each_subnode(at, blob, 0)
	{
		const char *type = fdt_getprop(blob, at, "device_type", NULL);

		if (type != NULL && strcmp(type, "memory") == 0 && enabled(at))
			same_reg(fdt, &mem, 0, at);
	}
	parent = fdt_path_offset(blob, "/reserved-memory");
	if (parent >= 0) {
		fdt_for_each_subnode(at, blob, parent)
		{
			if (enabled(at))
				same_reg(fdt, &mem, parent, at);
		}
	}
	CHECK_EQ(fdt->reserve_count, fdt_num_mem_rsv(blob));
	for (int i = 0; i < fdt_num_mem_rsv(blob); i++) {
		uint64_t base;
		uint64_t size;

		CHECK(fdt_get_mem_rsv(blob, i, &base, &size) == 0);
		CHECK(vmm_fdt_mem_next(fdt, &mem) == VMM_OK);
		CHECK(mem.base == base && mem.size == size);
	}
	if (fdt_path_offset(blob, "/chosen") >= 0 &&
		fdt_getprop(blob, fdt_path_offset(blob, "/chosen"),
			"linux,initrd-start", NULL) != NULL)
		CHECK(vmm_fdt_mem_next(fdt, &mem) == VMM_OK);
	CHECK(vmm_fdt_mem_next(fdt, &mem) == VMM_ENOENT);
}

/* Nothing in a tree reads differently here and there. */
TEST(diff_fdt_real_trees)
{
	for (size_t i = 0; i < NAMES; i++) {
		size_t size = load(names[i]);
		struct vmm_fdt fdt;

		CHECK(fdt_check_full(blob, size) == 0);
		CHECK(vmm_fdt_init(&fdt, blob, size) == VMM_OK);
		CHECK_EQ(fdt.boot_cpu, fdt_boot_cpuid_phys(aligned));
		same_nodes(&fdt);
		same_cells(&fdt);
		same_paths(&fdt);
		same_memory(&fdt);
	}
}

/* What the sources in tests/data say about harts, told by a person. */
TEST(diff_fdt_harts_of_real_trees)
{
	static const unsigned bits[NAMES] = {39, 48, 48, 48};
	static const uint32_t harts[NAMES] = {2, 1, 4, 4};

	for (size_t i = 0; i < NAMES; i++) {
		size_t size = load(names[i]);
		struct vmm_fdt fdt;
		unsigned found_bits;
		uint32_t found;

		CHECK(vmm_fdt_init(&fdt, blob, size) == VMM_OK);
		CHECK(vmm_fdt_mmu_type(&fdt, &found_bits, &found) == VMM_OK);
		CHECK_EQ(found_bits, bits[i]);
		CHECK_EQ(found, harts[i]);
	}
}

static void mutate(struct rng *rng, size_t size)
{
	for (uint64_t n = 1 + rng_below(rng, 3); n > 0; n--) {
		size_t at = rng_below(rng, size - 3) & ~(size_t)3;

		if (rng_below(rng, 2) == 0)
			blob[at + rng_below(rng, 4)] ^=
				(unsigned char)(1 << rng_below(rng, 8));
		else
			blob[at + 3] = (unsigned char)rng_below(rng, 12);
	}
}

/*
 * Damage the trees. We are the stricter reader: what we accept, libfdt accepts
 * as well, and then both read the same.
 */
TEST(diff_fdt_damaged_trees)
{
	struct rng rng = {test_seed};

	for (size_t i = 0; i < NAMES; i++) {
		size_t size = load(names[i]);
		uint64_t accepted = 0;
		uint64_t refused = 0;

		memcpy(good, blob, size);
		for (uint64_t n = 0; n < MUTATIONS * test_factor; n++) {
			struct vmm_fdt fdt;

			memcpy(blob, good, size);
			mutate(&rng, size);
			if (vmm_fdt_init(&fdt, blob, size) != VMM_OK) {
				refused++;
				continue;
			}
			CHECK(fdt_check_full(blob, size) == 0);
			same_nodes(&fdt);
			accepted++;
		}
		CHECK(accepted > MUTATIONS / 20 && refused > MUTATIONS / 20);
	}
}
