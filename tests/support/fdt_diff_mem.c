/* SPDX-License-Identifier: MIT */
/*
 * What a tree says about memory and harts, written a second time: as lists,
 * filled by plain loops over libfdt, from the contracts in vmm/fdt.h.
 */
#include "support/fdt_diff.h"
#include "support/test.h"

#include <libfdt.h>
#include <string.h>

#define CLAIMS_MAX 512

struct claim {
	uint64_t base;
	uint64_t size;
	uint32_t source; /* enum vmm_fdt_mem_source */
	const char *name;
};

struct claims {
	struct claim at[CLAIMS_MAX];
	size_t count;
};

static void claim(struct claims *claims, uint64_t base, uint64_t size,
	uint32_t source, const char *name)
{
	CHECK(claims->count < CLAIMS_MAX);
	claims->at[claims->count++] = (struct claim){base, size, source, name};
}

static uint64_t number(const fdt32_t *cells, uint32_t count)
{
	uint64_t value = 0;

	while (count-- > 0)
		value = value << 32 | fdt32_to_cpu(*cells++);
	return value;
}

/* Is @text one of the terminated strings in a property? */
static bool has_string(
	const void *blob, int at, const char *name, const char *text)
{
	int left;
	const char *list = fdt_getprop(blob, at, name, &left);

	while (list != NULL && left > 0) {
		const char *end = memchr(list, '\0', (size_t)left);

		if (end == NULL)
			return false;
		if (strcmp(list, text) == 0)
			return true;
		left -= (int)(end + 1 - list);
		list = end + 1;
	}
	return false;
}

/* Unlike a list, the status is the first string alone. */
static bool enabled(const void *blob, int at)
{
	int size;
	const char *status = fdt_getprop(blob, at, "status", &size);

	if (status == NULL)
		return true;
	if (memchr(status, '\0', (size_t)size) == NULL)
		return false;
	return strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

/* One of the two cell counts; false where it is no number of 4 bytes. */
static bool cells_of(
	const void *blob, int at, const char *name, uint32_t *cells)
{
	int size;
	const fdt32_t *value = fdt_getprop(blob, at, name, &size);

	if (value == NULL)
		return true;
	if (size != 4)
		return false;
	*cells = fdt32_to_cpu(*value);
	return true;
}

/* All ranges of one `reg`. */
static int claim_reg(struct claims *claims, const void *blob, int at,
	const uint32_t cells[2], uint32_t source)
{
	int left;
	const fdt32_t *reg = fdt_getprop(blob, at, "reg", &left);
	uint32_t words = cells[0] + cells[1];

	if (reg == NULL)
		return VMM_OK;
	if (cells[0] < 1 || cells[0] > 2 || cells[1] < 1 || cells[1] > 2 ||
		left % (int)(4 * words) != 0)
		return VMM_EINVAL;
	for (; left > 0; left -= (int)(4 * words)) {
		uint64_t base = number(reg, cells[0]);
		uint64_t size = number(reg + cells[0], cells[1]);

		reg += words;
		if (size == 0)
			continue;
		if (size - 1 > UINT64_MAX - base)
			return VMM_EINVAL;
		claim(claims, base, size, source, fdt_get_name(blob, at, NULL));
	}
	return VMM_OK;
}

static uint32_t source_of(const void *blob, int at)
{
	if (fdt_getprop(blob, at, "no-map", NULL) != NULL)
		return VMM_FDT_MEM_NOMAP;
	if (fdt_getprop(blob, at, "reusable", NULL) != NULL)
		return VMM_FDT_MEM_REUSABLE;
	return VMM_FDT_MEM_RESERVED;
}

static int claim_children(
	struct claims *claims, const void *blob, int parent, bool ram)
{
	uint32_t cells[2] = {2, 1};
	int at;
	int err;

	if (!cells_of(blob, parent, "#address-cells", &cells[0]) ||
		!cells_of(blob, parent, "#size-cells", &cells[1]))
		return VMM_EINVAL;
	fdt_for_each_subnode(at, blob, parent)
	{
		if (!enabled(blob, at) ||
			(ram && !has_string(blob, at, "device_type", "memory")))
			continue;
		err = claim_reg(claims, blob, at, cells,
			ram ? VMM_FDT_MEM_RAM : source_of(blob, at));
		if (err)
			return err;
	}
	return VMM_OK;
}

static int claim_reserved(struct claims *claims, const void *blob)
{
	int parent = fdt_path_offset(blob, "/reserved-memory");
	int size;

	if (parent < 0)
		return VMM_OK;
	if (fdt_getprop(blob, parent, "ranges", &size) != NULL && size != 0)
		return VMM_ENOTSUP;
	return claim_children(claims, blob, parent, false);
}

/*
 * libfdt takes an entry of size 0 for the end of the block, whatever its base;
 * the specification wants both to be 0, and so do we.
 */
static int claim_block(struct claims *claims, const void *blob)
{
	uint64_t base;
	uint64_t size;
	int i = 0;

	while (fdt_get_mem_rsv(blob, i++, &base, &size) == 0) {
		if (base == 0 && size == 0)
			break;
		if (size == 0)
			continue;
		if (size - 1 > UINT64_MAX - base)
			return VMM_EINVAL;
		claim(claims, base, size, VMM_FDT_MEM_BLOCK, NULL);
	}
	CHECK(i > fdt_num_mem_rsv(blob));
	return VMM_OK;
}

static int claim_initrd(struct claims *claims, const void *blob)
{
	int at = fdt_path_offset(blob, "/chosen");
	const fdt32_t *ends[2];
	int sizes[2];
	uint64_t start;
	uint64_t end;

	if (at < 0)
		return VMM_OK;
	ends[0] = fdt_getprop(blob, at, "linux,initrd-start", &sizes[0]);
	ends[1] = fdt_getprop(blob, at, "linux,initrd-end", &sizes[1]);
	if (ends[0] == NULL && ends[1] == NULL)
		return VMM_OK;
	for (int i = 0; i < 2; i++) {
		if (ends[i] == NULL || (sizes[i] != 4 && sizes[i] != 8))
			return VMM_EINVAL;
	}
	start = number(ends[0], (uint32_t)sizes[0] / 4);
	end = number(ends[1], (uint32_t)sizes[1] / 4);
	if (end < start)
		return VMM_EINVAL;
	if (end > start)
		claim(claims, start, end - start, VMM_FDT_MEM_INITRD,
			fdt_get_name(blob, at, NULL));
	return VMM_OK;
}

/* Everything in order, up to the first error. */
static int claim_all(struct claims *claims, const void *blob)
{
	int err = claim_children(claims, blob, 0, true);

	if (!err)
		err = claim_reserved(claims, blob);
	if (!err)
		err = claim_block(claims, blob);
	if (!err)
		err = claim_initrd(claims, blob);
	return err;
}

/* The kind that an address has in the map: that of the strongest claim. */
static void same_place(const struct claims *claims,
	const struct vmm_memmap *map, const struct vmm_fdt *fdt, vmm_pa_t blob,
	vmm_pa_t pa)
{
	uint32_t kind = VMM_MEM_FREE;
	uint32_t ram = 0;

	if (vmm_range_has(blob, fdt->size, pa))
		kind = VMM_MEM_LOADER;
	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *c = &claims->at[i];
		uint32_t own = VMM_MEM_PERMANENT;

		if (!vmm_range_has(c->base, c->size, pa))
			continue;
		if (c->source == VMM_FDT_MEM_RAM) {
			ram = 1;
			continue;
		}
		if (c->source == VMM_FDT_MEM_NOMAP)
			own = VMM_MEM_NOMAP;
		if (c->source == VMM_FDT_MEM_INITRD)
			own = VMM_MEM_LOADER;
		kind = own > kind ? own : kind;
	}
	for (size_t i = 0; i < map->count; i++) {
		const struct vmm_mem_range *range = &map->ranges[i];

		if (!vmm_range_has(range->base, range->size, pa))
			continue;
		CHECK_EQ(range->kind, kind);
		CHECK_EQ(range->ram, ram);
		return;
	}
	CHECK(kind == VMM_MEM_FREE && ram == 0);
}

/* Whatever the map says changes only at the ends of claims: look there. */
static void same_map(const struct claims *claims, const struct vmm_fdt *fdt)
{
	static struct vmm_mem_range ranges[2 * CLAIMS_MAX + 4];
	const vmm_pa_t blob = 0x82345678;
	struct vmm_memmap map;

	vmm_memmap_init(&map, ranges, sizeof(ranges) / sizeof(ranges[0]));
	CHECK(vmm_fdt_memmap(fdt, blob, &map) == VMM_OK);
	CHECK(vmm_memmap_check(&map) == VMM_OK);
	same_place(claims, &map, fdt, blob, blob);
	same_place(claims, &map, fdt, blob, blob - 1);
	same_place(claims, &map, fdt, blob, blob + fdt->size);
	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *c = &claims->at[i];
		vmm_pa_t last = vmm_range_last(c->base, c->size);

		/* The neighbours of 0 and of the last byte are each other. */
		same_place(claims, &map, fdt, blob, c->base);
		same_place(claims, &map, fdt, blob, c->base - 1);
		same_place(claims, &map, fdt, blob, last);
		same_place(claims, &map, fdt, blob, last + 1);
	}
}

void fdt_diff_memory(const struct vmm_fdt *fdt)
{
	static struct claims claims;
	struct vmm_fdt_mem mem = {0};
	int err;

	claims.count = 0;
	err = claim_all(&claims, fdt->blob);
	for (size_t i = 0; i < claims.count; i++) {
		const struct claim *c = &claims.at[i];

		CHECK(vmm_fdt_mem_next(fdt, &mem) == VMM_OK);
		CHECK_EQ(mem.base, c->base);
		CHECK_EQ(mem.size, c->size);
		CHECK_EQ(mem.source, c->source);
		CHECK(mem.node.name == c->name);
	}
	CHECK_EQ(vmm_fdt_mem_next(fdt, &mem), err ? err : VMM_ENOENT);
	if (!err) {
		same_map(&claims, fdt);
		return;
	}
	/* A tree that is refused leaves nothing behind. */
	CHECK_EQ(vmm_fdt_memmap(
			 fdt, 0x80000000, &(struct vmm_memmap){NULL, 0, 0}),
		err);
}

static uint32_t mmu_bits(const void *blob, int at)
{
	int size;
	const char *type = fdt_getprop(blob, at, "mmu-type", &size);

	if (type == NULL || memchr(type, '\0', (size_t)size) == NULL ||
		strncmp(type, "riscv,sv", 8) != 0)
		return 0;
	if (strcmp(type + 8, "32") == 0)
		return 32;
	if (strcmp(type + 8, "39") == 0)
		return 39;
	if (strcmp(type + 8, "48") == 0)
		return 48;
	return strcmp(type + 8, "57") == 0 ? 57 : 0;
}

/* The id of a hart; false if its `reg` does not say. */
static bool hart_id(const void *blob, int parent, int at, uint64_t *id)
{
	uint32_t cells = 2;
	uint32_t unused;
	int size;
	const fdt32_t *reg = fdt_getprop(blob, at, "reg", &size);

	if (!cells_of(blob, parent, "#address-cells", &cells) ||
		!cells_of(blob, parent, "#size-cells", &unused) || cells < 1 ||
		cells > 2 || reg == NULL || size == 0 ||
		size % (int)(4 * cells) != 0)
		return false;
	*id = number(reg, cells);
	return true;
}

/* Harts that page, and the least that they can; of the others the number. */
struct harts {
	uint32_t paging;
	uint32_t others;
	uint32_t va_bits;
};

static int same_harts(const struct vmm_fdt *fdt, struct harts *harts)
{
	struct vmm_fdt_cpu cpu = {0};
	int parent = fdt_path_offset(fdt->blob, "/cpus");
	int at;

	if (parent < 0)
		return vmm_fdt_cpu_next(fdt, &cpu);
	fdt_for_each_subnode(at, fdt->blob, parent)
	{
		uint32_t bits = mmu_bits(fdt->blob, at);
		uint64_t id;

		if (!has_string(fdt->blob, at, "device_type", "cpu") ||
			!enabled(fdt->blob, at))
			continue;
		if (!hart_id(fdt->blob, parent, at, &id)) {
			CHECK(vmm_fdt_cpu_next(fdt, &cpu) == VMM_EINVAL);
			return VMM_EINVAL;
		}
		CHECK(vmm_fdt_cpu_next(fdt, &cpu) == VMM_OK);
		CHECK(cpu.node.name == fdt_get_name(fdt->blob, at, NULL));
		CHECK_EQ(cpu.id, id);
		CHECK_EQ(cpu.va_bits, bits);
		if (bits == 0)
			harts->others++;
		else if (harts->paging++ == 0 || bits < harts->va_bits)
			harts->va_bits = bits;
	}
	return vmm_fdt_cpu_next(fdt, &cpu);
}

void fdt_diff_harts(const struct vmm_fdt *fdt)
{
	struct harts harts = {0};
	int expected = same_harts(fdt, &harts);
	unsigned va_bits = 99;
	uint32_t count = 99;
	int err = vmm_fdt_mmu_type(fdt, &va_bits, &count);

	if (expected == VMM_ENOENT && harts.paging + harts.others != 0) {
		CHECK(err == VMM_OK);
		CHECK_EQ(va_bits, harts.va_bits);
		CHECK_EQ(count, harts.paging ? harts.paging : harts.others);
	} else {
		CHECK_EQ(err, expected);
		CHECK(va_bits == 99 && count == 99);
	}
}
