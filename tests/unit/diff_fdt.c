/* SPDX-License-Identifier: MIT */
/*
 * The same trees through libfdt and through our reader: every node, property,
 * width, statement about memory and hart must agree. Host only; the trees are
 * compiled from tests/data by dtc.
 */
#include "support/fdt_diff.h"
#include "support/test.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define BLOB_MAX  16384
#define MUTATIONS 8000

/* A tree, and what its source says, told by a person. */
struct tree {
	char name[16];
	unsigned bits;
	uint32_t harts;
	uint64_t ram; /* bytes of all memory nodes */
};

static const struct tree trees[] = {
	{"edge", 39, 2, 0},
	{"virt-small", 48, 1, 0},
	{"virt-numa", 48, 4, VMM_GIB(4)},
	{"sifive-u", 48, 4, 0},
	{"visionfive2", 39, 4, VMM_GIB(8)},
	{"unmatched", 39, 4, VMM_GIB(16)},
	{"d1", 39, 1, VMM_MIB(512)},
	{"k210", 0, 2, VMM_MIB(8)},
	{"rpi4", 0, 4, VMM_MIB(3984)},
};
#define TREES (sizeof(trees) / sizeof(trees[0]))

static uint64_t aligned[BLOB_MAX / 8]; /* libfdt wants 8-byte alignment */
static uint64_t good[BLOB_MAX / 8];

static size_t load(const char *name)
{
	char path[1024];
	size_t size;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s.dtb", VMM_TEST_DATA, name);
	file = fopen(path, "rb");
	CHECK(file != NULL);
	size = fread(aligned, 1, BLOB_MAX, file);
	CHECK(size > 0 && size < BLOB_MAX);
	(void)fclose(file);
	return size;
}

/* Nothing in a tree reads differently here and there. */
TEST(diff_fdt_real_trees)
{
	for (size_t i = 0; i < TREES; i++)
		fdt_diff_good(aligned, load(trees[i].name));
}

/* What the sources in tests/data say about harts and memory. */
TEST(diff_fdt_facts_of_real_trees)
{
	for (size_t i = 0; i < TREES; i++) {
		size_t size = load(trees[i].name);
		struct vmm_fdt_mem mem = {0};
		struct vmm_fdt fdt;
		uint64_t ram = 0;
		unsigned bits;
		uint32_t harts;

		CHECK(vmm_fdt_init(&fdt, aligned, size) == VMM_OK);
		CHECK(vmm_fdt_mmu_type(&fdt, &bits, &harts) == VMM_OK);
		CHECK_EQ(bits, trees[i].bits);
		CHECK_EQ(harts, trees[i].harts);
		while (vmm_fdt_mem_next(&fdt, &mem) == VMM_OK)
			ram += mem.source == VMM_FDT_MEM_RAM ? mem.size : 0;
		CHECK(trees[i].ram == 0 || ram == trees[i].ram);
	}
}

/*
 * Damage the trees. We are the stricter reader: what we accept, libfdt accepts
 * as well, and then both read the same.
 */
TEST(diff_fdt_damaged_trees)
{
	struct rng rng = {test_seed};

	for (size_t i = 0; i < TREES; i++) {
		size_t size = load(trees[i].name);
		uint64_t accepted = 0;
		uint64_t refused = 0;

		memcpy(good, aligned, size);
		for (uint64_t n = 0; n < MUTATIONS * test_factor; n++) {
			fdt_diff_mutate(aligned, good, size, &rng);
			if (fdt_diff(aligned, size) == VMM_OK)
				accepted++;
			else
				refused++;
		}
		CHECK(accepted > MUTATIONS / 20 && refused > MUTATIONS / 20);
	}
}

/*
 * The name of a property may be the last byte of the strings, which is an
 * empty name, but not one further. Random damage rarely hits that exactly.
 */
TEST(diff_fdt_names_end_with_the_strings)
{
	size_t size = load("d1");
	int prop_at;
	int at = -1;

	memcpy(good, aligned, size);
	while ((at = fdt_next_node(good, at, NULL)) >= 0) {
		fdt_for_each_property_offset(prop_at, good, at)
		{
			fdt32_t *name_at = (fdt32_t *)aligned +
					   (fdt_off_dt_struct(good) +
						   (uint32_t)prop_at + 8) /
						   4;

			memcpy(aligned, good, size);
			*name_at = cpu_to_fdt32(fdt_size_dt_strings(good));
			CHECK(fdt_diff(aligned, size) == VMM_EINVAL);
			*name_at = cpu_to_fdt32(fdt_size_dt_strings(good) - 1);
			CHECK(fdt_diff(aligned, size) == VMM_OK);
		}
	}
}
