/* SPDX-License-Identifier: MIT */
#include "support/fdt_diff.h"
#include "support/test.h"

#include <libfdt.h>
#include <string.h>

#define PATH_MAX_SIZE 4096
#define SPOTS_MAX     4096

static void same_props(
	const struct vmm_fdt *fdt, const struct vmm_fdt_node *node, int at)
{
	struct vmm_fdt_prop prop = {0};
	int prop_at;

	fdt_for_each_property_offset(prop_at, fdt->blob, at)
	{
		const char *name;
		int size;
		const void *value =
			fdt_getprop_by_offset(fdt->blob, prop_at, &name, &size);

		CHECK(vmm_fdt_prop_next(fdt, node, &prop));
		CHECK(value != NULL);
		CHECK(strcmp(prop.name, name) == 0);
		CHECK_EQ(prop.size, size);
		CHECK(prop.value == value);
	}
	CHECK(!vmm_fdt_prop_next(fdt, node, &prop));
}

/* A property that is found by its name is the first one of that name. */
static void same_named(
	const struct vmm_fdt *fdt, const struct vmm_fdt_node *node, int at)
{
	static const char names[][20] = {"reg", "compatible", "status",
		"device_type", "#address-cells", "ranges"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct vmm_fdt_prop prop = {0};
		int size = -1;
		const void *value = fdt_getprop(fdt->blob, at, names[i], &size);
		int err = vmm_fdt_prop_find(fdt, node, names[i], &prop);

		CHECK_EQ(err == VMM_OK, value != NULL);
		CHECK(prop.value == value);
		CHECK(value == NULL || prop.size == (uint32_t)size);
	}
}

/* The strings of a list, where it ends as it should. */
static void same_strings(
	const struct vmm_fdt *fdt, const struct vmm_fdt_node *node, int at)
{
	int count = fdt_stringlist_count(fdt->blob, at, "compatible");
	struct vmm_fdt_prop prop;
	const char *text;

	if (count < 0)
		return;
	CHECK(vmm_fdt_prop_find(fdt, node, "compatible", &prop) == VMM_OK);
	for (int i = 0; i < count; i++) {
		const char *other = fdt_stringlist_get(
			fdt->blob, at, "compatible", i, NULL);

		CHECK(vmm_fdt_prop_text(&prop, (uint32_t)i, &text) == VMM_OK);
		CHECK(text == other);
		CHECK(vmm_fdt_prop_has_text(&prop, other));
	}
	CHECK(vmm_fdt_prop_text(&prop, (uint32_t)count, &text) == VMM_ENOENT);
}

/*
 * Widths, at every level. libfdt refuses more than 4 cells, and takes a
 * missing #size-cells beside a present #address-cells for 1 as we do.
 */
static void same_cells(
	const struct vmm_fdt *fdt, const struct vmm_fdt_node *node, int at)
{
	struct vmm_fdt_cells cells;
	int address = fdt_address_cells(fdt->blob, at);
	int size = fdt_size_cells(fdt->blob, at);
	int err = vmm_fdt_cells(fdt, node, &cells);

	if (err != VMM_OK) {
		CHECK(address < 0 || size < 0);
		return;
	}
	if (address >= 0)
		CHECK_EQ(cells.address, address);
	else /* libfdt has no use for 0 addresses, and none for many */
		CHECK(cells.address == 0 || cells.address > FDT_MAX_NCELLS);
	if (size >= 0)
		CHECK_EQ(cells.size, size);
	else
		CHECK(cells.size > FDT_MAX_NCELLS);
}

/* Children in their order; the walk over all nodes has shown their content. */
static void same_children(
	const struct vmm_fdt *fdt, const struct vmm_fdt_node *node, int at)
{
	struct vmm_fdt_node child = {0};
	int child_at;

	fdt_for_each_subnode(child_at, fdt->blob, at)
	{
		CHECK(vmm_fdt_child_next(fdt, node, &child));
		CHECK(child.name == fdt_get_name(fdt->blob, child_at, NULL));
		CHECK_EQ(child.depth, node->depth + 1);
	}
	CHECK(!vmm_fdt_child_next(fdt, node, &child));
}

static void same_nodes(const struct vmm_fdt *fdt)
{
	struct vmm_fdt_node node = {0};
	uint32_t count = 0;
	int depth = -1;
	int at = -1;

	while ((at = fdt_next_node(fdt->blob, at, &depth)) >= 0 && depth >= 0) {
		CHECK(vmm_fdt_node_next(fdt, &node));
		CHECK_EQ(node.depth, depth);
		CHECK(node.name == fdt_get_name(fdt->blob, at, NULL));
		same_props(fdt, &node, at);
		same_named(fdt, &node, at);
		same_strings(fdt, &node, at);
		same_cells(fdt, &node, at);
		same_children(fdt, &node, at);
		count++;
	}
	CHECK(!vmm_fdt_node_next(fdt, &node));
	CHECK_EQ(fdt->node_count, count);
}

/*
 * The path of each node leads both to the same one, which need not be the node
 * itself: "/soc/uart" means the first uart with any address. So does the path
 * cut off before its last address.
 */
static void same_paths(const struct vmm_fdt *fdt)
{
	static char path[PATH_MAX_SIZE];
	int at = -1;

	while ((at = fdt_next_node(fdt->blob, at, NULL)) >= 0) {
		struct vmm_fdt_node node;
		char *last;

		CHECK(fdt_get_path(fdt->blob, at, path, PATH_MAX_SIZE) == 0);
		CHECK(vmm_fdt_node_find(fdt, path, &node) == VMM_OK);
		CHECK(node.name == fdt_get_name(fdt->blob,
					   fdt_path_offset(fdt->blob, path),
					   NULL));
		last = strrchr(path, '@');
		if (last == NULL || last < strrchr(path, '/'))
			continue;
		*last = '\0';
		CHECK(vmm_fdt_node_find(fdt, path, &node) == VMM_OK);
		CHECK(node.name == fdt_get_name(fdt->blob,
					   fdt_path_offset(fdt->blob, path),
					   NULL));
	}
}

static void same_header(const struct vmm_fdt *fdt)
{
	const void *blob = fdt->blob;

	CHECK_EQ(fdt->size, fdt_totalsize(blob));
	CHECK_EQ(fdt->boot_cpu, fdt_boot_cpuid_phys(blob));
	CHECK_EQ(fdt->struct_at, fdt_off_dt_struct(blob));
	CHECK_EQ(fdt->struct_size, fdt_size_dt_struct(blob));
	CHECK_EQ(fdt->strings_at, fdt_off_dt_strings(blob));
	CHECK_EQ(fdt->strings_size, fdt_size_dt_strings(blob));
}

int fdt_diff(const void *blob, size_t size)
{
	struct vmm_fdt fdt;
	int err = vmm_fdt_init(&fdt, blob, size);

	CHECK(((uintptr_t)blob & 7) == 0);
	if (err != VMM_OK)
		return err;
	CHECK(fdt_check_full(blob, size) == 0);
	same_header(&fdt);
	same_nodes(&fdt);
	fdt_diff_memory(&fdt);
	fdt_diff_harts(&fdt);
	return VMM_OK;
}

void fdt_diff_good(const void *blob, size_t size)
{
	struct vmm_fdt fdt;

	CHECK(fdt_check_full(blob, size) == 0);
	CHECK(fdt_diff(blob, size) == VMM_OK);
	CHECK(vmm_fdt_init(&fdt, blob, size) == VMM_OK);
	same_paths(&fdt); /* quadratic, so only here */
}

/* Where the words stand that decide something, as offsets into the blob. */
struct spots {
	uint32_t at[SPOTS_MAX];
	size_t count;
	uint32_t cells[SPOTS_MAX]; /* values of #address-cells, #size-cells */
	size_t cell_count;
};

static void add_words(struct spots *spots, uint32_t first, uint32_t size)
{
	for (uint32_t at = first; at + 4 <= first + size; at += 4) {
		if (spots->count < SPOTS_MAX)
			spots->at[spots->count++] = at;
	}
}

/* All of a node that counts: its tag and its properties with their headers. */
static void add_node(struct spots *spots, const void *blob, int at)
{
	uint32_t base = (uint32_t)fdt_off_dt_struct(blob);
	int prop_at;

	add_words(spots, base + (uint32_t)at, 4);
	fdt_for_each_property_offset(prop_at, blob, at)
	{
		const char *name;
		int size = 0;

		(void)fdt_getprop_by_offset(blob, prop_at, &name, &size);
		if (name[0] == '#' && size == 4 &&
			spots->cell_count < SPOTS_MAX)
			spots->cells[spots->cell_count++] =
				base + (uint32_t)prop_at + 12;
		add_words(spots, base + (uint32_t)prop_at,
			12 + (size < 64 ? (uint32_t)size : 64));
	}
}

static void find_spots(struct spots *spots, const void *blob)
{
	int parent;
	int at;

	spots->count = 0;
	spots->cell_count = 0;
	add_words(spots, 0, VMM_FDT_HEADER_SIZE);
	add_words(spots, (uint32_t)fdt_off_mem_rsvmap(blob),
		16 * (1 + (uint32_t)fdt_num_mem_rsv(blob)));
	add_node(spots, blob, 0);
	fdt_for_each_subnode(parent, blob, 0)
	{
		const char *name = fdt_get_name(blob, parent, NULL);

		if (strncmp(name, "memory", 6) != 0 &&
			strcmp(name, "reserved-memory") != 0 &&
			strcmp(name, "chosen") != 0 &&
			strcmp(name, "cpus") != 0)
			continue;
		add_node(spots, blob, parent);
		fdt_for_each_subnode(at, blob, parent)
			add_node(spots, blob, at);
	}
}

/* Flip a bit, put a small number, or as many ones as there are. */
static void damage_word(unsigned char *word, struct rng *rng)
{
	uint64_t way = rng_below(rng, 8);

	if (way < 4)
		word[rng_below(rng, 4)] ^=
			(unsigned char)(1 << rng_below(rng, 8));
	else if (way < 7)
		word[3] = (unsigned char)rng_below(rng, 12);
	else
		memset(word, 0xff, 4);
}

void fdt_diff_mutate(void *blob, const void *good, size_t size, struct rng *rng)
{
	static struct spots spots;
	static const void *known;
	unsigned char *bytes = blob;

	if (known != good || rng_below(rng, 64) == 0)
		find_spots(&spots, good);
	known = good;
	memcpy(blob, good, size);
	/* Other widths are worth a try by themselves: they come in pairs. */
	if (rng_below(rng, 8) == 0) {
		for (size_t i = 0; i < spots.cell_count; i++)
			bytes[spots.cells[i] + 3] =
				(unsigned char)rng_below(rng, 5);
		return;
	}
	for (uint64_t n = 1 + rng_below(rng, 3); n > 0; n--) {
		size_t at = rng_below(rng, 8) != 0
				    ? spots.at[rng_below(rng, spots.count)]
				    : rng_below(rng, size - 3) & ~(size_t)3;

		damage_word(bytes + at, rng);
	}
}
