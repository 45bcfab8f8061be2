/* SPDX-License-Identifier: MIT */
#include "support/firmware_probe.h"
#include "support/test.h"

#define STATEMENTS_MAX (FW_PROBE_MAX / 8)
#define INFO_PA	       0x12340
#define BEFORE	       2 /* entries in the map beforehand, with a gap */
#define RANGES_MAX     (BEFORE + 2 + 2 * STATEMENTS_MAX)

struct statement {
	uint64_t base;
	uint64_t size;
	int kind;
	int ram;
};

/* What the second reading has found. */
struct reading {
	struct statement list[STATEMENTS_MAX];
	size_t count;
	int err;
};

static unsigned char room[FW_PROBE_MAX];
static const struct vmm_limine_entry *pointers[FW_PROBE_MAX / 24];
static struct vmm_mem_range ranges[RANGES_MAX];
static struct vmm_mem_range again[RANGES_MAX];
static struct reading reading;

/* Any little-endian number, in a way of its own. */
static uint64_t number(const unsigned char *at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value * 256 + at[bytes];
	return value;
}

/* False: the range is none, and the reading is over. */
static bool say(uint64_t base, uint64_t size, int kind, int ram)
{
	if (size == 0)
		return true;
	if (base != 0 && size > (0 - base)) {
		reading.err = VMM_EINVAL;
		return false;
	}
	CHECK(reading.count < STATEMENTS_MAX);
	reading.list[reading.count++] =
		(struct statement){base, size, kind, ram};
	return true;
}

static bool said_ram(void)
{
	for (size_t i = 0; i < reading.count; i++) {
		if (reading.list[i].ram != 0)
			return true;
	}
	return false;
}

/* One descriptor: type by type, in the order of the specification. */
static bool say_uefi(const unsigned char *at)
{
	static const char letters[] = "xLLLLppfxapmmpnx";
	const uint64_t type = number(at, 4);
	const uint64_t pages = number(at + 24, 8);
	const uint64_t attributes = number(at + 32, 8);
	char letter = type < 16 ? letters[type] : 'x';
	int kind = VMM_MEM_NOMAP;
	int ram = letter != 'x' && letter != 'm';

	if (type >= 0x70000000) {
		letter = 'p';
		ram = 1;
	}
	if (pages >> 52 != 0) {
		reading.err = VMM_EINVAL;
		return false;
	}
	if (letter == 'f')
		kind = VMM_MEM_FREE;
	if (letter == 'L')
		kind = VMM_MEM_LOADER;
	if ((attributes & 0x40000) != 0 && (letter == 'f' || letter == 'L'))
		letter = 'p';
	if (letter == 'a')
		kind = VMM_MEM_ACPI;
	if (letter == 'n' ||
		((attributes & 0x8000) != 0 &&
			(letter == 'f' || letter == 'L' || letter == 'a')))
		kind = VMM_MEM_NVRAM;
	if (letter == 'p' || (attributes >> 63 != 0 && letter != 'x'))
		kind = VMM_MEM_PERMANENT;
	if (letter == 'm')
		kind = VMM_MEM_MMIO;
	if ((attributes & 8) == 0) {
		ram = 0;
		if (kind == VMM_MEM_FREE)
			kind = VMM_MEM_NOMAP;
	}
	return say(number(at + 8, 8), pages * 4096, kind, ram);
}

static void read_uefi(
	const unsigned char *at, size_t size, uint64_t unit, uint64_t version)
{
	if (version != 1)
		reading.err = VMM_ENOTSUP;
	else if (unit < 40 || unit % 8 != 0)
		reading.err = VMM_EINVAL;
	if (reading.err != VMM_OK)
		return;
	for (; size >= unit; at += unit, size -= unit) {
		if (!say_uefi(at))
			return;
	}
	if (size != 0)
		reading.err = VMM_EINVAL;
}

/* Types 1 to 5, and what the callers make of others. */
static bool say_e820(const unsigned char *at, int kind, int ram)
{
	const uint64_t type = number(at + 16, 4);

	if (type == 1 && kind == VMM_MEM_NOMAP)
		kind = VMM_MEM_FREE;
	if (type == 3 && kind == VMM_MEM_NOMAP)
		kind = VMM_MEM_ACPI;
	if (type == 4)
		kind = VMM_MEM_PERMANENT;
	if (type == 1 || type == 3 || type == 4)
		ram = 1;
	return say(number(at, 8), number(at + 8, 8), kind, ram);
}

static void read_e820(
	const unsigned char *at, size_t size, size_t unit, size_t count)
{
	if (unit != 20 && unit != 24) {
		reading.err = VMM_EINVAL;
		return;
	}
	if (count > size / unit) {
		reading.err = VMM_ERANGE;
		return;
	}
	for (; count > 0; count--, at += unit) {
		const uint64_t type = number(at + 16, 4);
		const uint64_t bits = unit == 24 ? number(at + 20, 4) : 1;
		const bool memory = type == 1 || type == 3;
		int kind = VMM_MEM_NOMAP;

		if (bits % 2 == 0)
			continue;
		if (type == 7 || type == 12 || (memory && (bits & 2) != 0))
			kind = VMM_MEM_NVRAM;
		if ((memory || kind == VMM_MEM_NVRAM) && (bits & 8) != 0)
			kind = VMM_MEM_PERMANENT;
		if (!say_e820(at, kind, type == 7 || type == 12))
			return;
	}
}

static void read_limine(const unsigned char *at, size_t size)
{
	static const int kinds[] = {VMM_MEM_FREE, VMM_MEM_NOMAP, VMM_MEM_ACPI,
		VMM_MEM_PERMANENT, VMM_MEM_NOMAP, VMM_MEM_LOADER,
		VMM_MEM_PERMANENT, VMM_MEM_MMIO, VMM_MEM_PERMANENT};

	for (; size >= 24; at += 24, size -= 24) {
		const uint64_t type = number(at + 16, 8);
		const int kind = type < 9 ? kinds[type] : VMM_MEM_NOMAP;

		if (number(at, 8) == UINT64_MAX) {
			reading.err = VMM_EINVAL;
			return;
		}
		if (!say(number(at, 8), number(at + 8, 8), kind,
			    kind != VMM_MEM_NOMAP && kind != VMM_MEM_MMIO))
			return;
	}
}

static void read_memory(const unsigned char *tag, size_t size)
{
	uint64_t unit;

	if (size < 16) {
		reading.err = VMM_EINVAL;
		return;
	}
	unit = number(tag + 8, 4);
	if (unit < 24 || unit % 8 != 0 || (size - 16) % unit != 0)
		reading.err = VMM_EINVAL;
	if (reading.err != VMM_OK)
		return;
	for (size_t at = 16; at < size; at += unit) {
		if (!say_e820(tag + at, VMM_MEM_NOMAP, 0))
			return;
	}
}

static void read_tag(const unsigned char *tag, uint64_t map_type)
{
	const uint64_t type = number(tag, 4);
	const size_t size = number(tag + 4, 4);
	const size_t least = type == 8	  ? 31
			     : type == 3  ? 16
			     : type == 17 ? 16
					  : 8;
	uint64_t lower;

	if (type != 3 && type != 8 && type != map_type)
		return;
	if (size < least) {
		reading.err = VMM_EINVAL;
	} else if (type == 3) {
		const uint64_t start = number(tag + 8, 4);
		const uint64_t end = number(tag + 12, 4);

		if (end < start)
			reading.err = VMM_EINVAL;
		else
			say(start, end - start, VMM_MEM_LOADER, 0);
	} else if (type == 8) {
		say(number(tag + 8, 8),
			number(tag + 16, 4) * number(tag + 24, 4), VMM_MEM_MMIO,
			0);
	} else if (type == 6) {
		read_memory(tag, size);
	} else if (type == 17) {
		read_uefi(tag + 16, size - 16, number(tag + 8, 4),
			number(tag + 12, 4));
	} else if (size < 16) {
		reading.err = VMM_EINVAL;
	} else {
		lower = number(tag + 8, 4);
		say(0, (lower < 640 ? lower : 640) * 1024, VMM_MEM_FREE, 1);
		say(1 << 20, number(tag + 12, 4) * 1024, VMM_MEM_FREE, 1);
	}
}

/* Offset behind the tag at @at, or 0 if it is malformed. */
static size_t behind(const unsigned char *info, size_t at, size_t total)
{
	uint64_t size;

	if (at + 8 > total)
		return 0;
	size = number(info + at + 4, 4);
	if (size < 8 || (number(info + at, 4) == 0 && size != 8))
		return 0;
	size = (size + 7) / 8 * 8;
	return at + size > total ? 0 : at + size;
}

static void read_multiboot2(const unsigned char *info, size_t size)
{
	size_t total = size < 8 ? 0 : number(info, 4);
	uint64_t map_type = 0;
	bool active = false;
	size_t at;

	reading.err = VMM_OK;
	if (size < 8)
		reading.err = VMM_ERANGE;
	else if (total < 16)
		reading.err = VMM_EINVAL;
	else if (total > size)
		reading.err = VMM_ERANGE;
	if (reading.err != VMM_OK)
		return;
	for (at = 8; at != 0 && (at + 8 > total || number(info + at, 4) != 0);
		at = behind(info, at, total)) {
		const uint64_t type = at + 8 > total ? 0 : number(info + at, 4);

		active |= type == 18;
		if ((type == 4 || type == 6 || type == 17) && type > map_type)
			map_type = type;
	}
	if (at == 0 || behind(info, at, total) == 0) {
		reading.err = VMM_EINVAL;
		return;
	}
	if (active || map_type == 0) {
		reading.err = active ? VMM_EBUSY : VMM_ENOENT;
		return;
	}
	for (at = 8; number(info + at, 4) != 0 && reading.err == VMM_OK;
		at = behind(info, at, total))
		read_tag(info + at, map_type);
	if (reading.err == VMM_OK && !said_ram())
		reading.err = VMM_ENOENT;
	if (reading.err == VMM_OK)
		say(INFO_PA, total, VMM_MEM_LOADER, 0);
}

static void read_again(const struct fw_input *input)
{
	reading.count = 0;
	reading.err = VMM_OK;
	if (input->format == FW_UEFI)
		read_uefi(
			input->bytes, input->size, input->unit, input->version);
	else if (input->format == FW_E820)
		read_e820(input->bytes, input->size, input->unit, input->count);
	else if (input->format == FW_LIMINE)
		read_limine(input->bytes, input->size);
	else
		read_multiboot2(input->bytes, input->size);
	if (reading.err == VMM_OK && reading.count == 0)
		reading.err = VMM_ENOENT;
}

static int run_limine(const struct fw_input *input, const unsigned char *at,
	struct vmm_memmap *map)
{
	const size_t count = input->size / 24;

	for (size_t i = 0; i < count; i++, at += 24) {
		pointers[i] = NULL;
		if (number(at, 8) != UINT64_MAX)
			pointers[i] = (const void *)at;
	}
	return vmm_limine_memmap(pointers, count, map);
}

static int run_multiboot2(const struct fw_input *input, const unsigned char *at,
	struct vmm_memmap *map)
{
	struct vmm_multiboot2_tag tag = {0};
	struct vmm_multiboot2 mb;
	int err = vmm_multiboot2_init(&mb, at, input->size);

	if (err)
		return err;
	while (vmm_multiboot2_tag_next(&mb, &tag)) {
		CHECK(tag.data >= at + 8);
		CHECK(tag.size >= 8);
		CHECK(tag.data + tag.size <= at + input->size - 8);
	}
	return vmm_multiboot2_memmap(&mb, INFO_PA, map);
}

static int run(const struct fw_input *input, struct vmm_memmap *map)
{
	unsigned char *at = room + sizeof(room) - input->size;

	for (size_t i = 0; i < input->size; i++)
		at[i] = input->bytes[i];
	if (input->format == FW_UEFI) {
		struct vmm_uefi_map uefi = {
			at, input->size, input->unit, input->version};

		return vmm_uefi_memmap(&uefi, map);
	}
	if (input->format == FW_E820) {
		struct vmm_e820_map e820 = {
			at, input->size, input->count, input->unit};

		return vmm_e820_memmap(&e820, map);
	}
	if (input->format == FW_LIMINE)
		return run_limine(input, at, map);
	return run_multiboot2(input, at, map);
}

/* A map of @max entries that holds RAM and a device apart from it. */
static void open_map(
	struct vmm_memmap *map, struct vmm_mem_range *array, size_t max)
{
	vmm_memmap_init(map, array, max);
	CHECK_EQ(vmm_memmap_add(map, 0x9f000, 0x62001), VMM_OK);
	CHECK_EQ(vmm_memmap_reserve(map, 0xfec00000, 0x400, VMM_MEM_MMIO),
		VMM_OK);
	CHECK_EQ(map->count, BEFORE);
}

/* The map that the statements make, from the last to the first. */
static void check_same(const struct vmm_memmap *map)
{
	struct vmm_memmap other;

	open_map(&other, again, RANGES_MAX);
	for (size_t i = reading.count; i-- > 0;) {
		const struct statement *s = &reading.list[i];

		if (s->kind != VMM_MEM_FREE)
			CHECK_EQ(vmm_memmap_reserve(&other, s->base, s->size,
					 (enum vmm_mem_kind)s->kind),
				VMM_OK);
		if (s->ram != 0)
			CHECK_EQ(vmm_memmap_add(&other, s->base, s->size),
				VMM_OK);
	}
	CHECK_EQ(map->count, other.count);
	for (size_t i = 0; i < other.count; i++) {
		CHECK_EQ(map->ranges[i].base, other.ranges[i].base);
		CHECK_EQ(map->ranges[i].size, other.ranges[i].size);
		CHECK_EQ(map->ranges[i].kind, other.ranges[i].kind);
		CHECK_EQ(map->ranges[i].ram, other.ranges[i].ram);
	}
}

/* Run the reader, which must fail and leave every byte of the map alone. */
static void check_refused(const struct fw_input *input, size_t max, int err)
{
	struct vmm_memmap map;
	uint64_t digest;

	open_map(&map, ranges, max);
	digest = test_digest(TEST_DIGEST_INIT, ranges, max * sizeof(ranges[0]));
	CHECK_EQ(run(input, &map), err);
	CHECK_EQ(map.count, BEFORE);
	CHECK_EQ(test_digest(TEST_DIGEST_INIT, ranges, max * sizeof(ranges[0])),
		digest);
}

int fw_probe(const struct fw_input *input)
{
	struct vmm_memmap map;
	size_t count;
	size_t max;

	CHECK(input->size <= FW_PROBE_MAX);
	read_again(input);
	/* Limine's reader counts entries before it reads them. */
	count = input->format == FW_LIMINE ? input->size / 24 : reading.count;
	max = BEFORE + 2 + 2 * count;
	if (reading.err != VMM_OK) {
		check_refused(input, max, reading.err);
		return reading.err;
	}
	check_refused(input, max - 1, VMM_ENOMEM);
	open_map(&map, ranges, max);
	CHECK_EQ(vmm_memmap_room(&map), count);
	CHECK_EQ(run(input, &map), VMM_OK);
	CHECK_EQ(vmm_memmap_check(&map), VMM_OK);
	check_same(&map);
	return VMM_OK;
}
