/* SPDX-License-Identifier: MIT */
/*
 * The tables of four systems, two of which have flaws that their authors did
 * not see, and then each kind of fault by itself.
 */
#include <vmm/layout.h>

#include "support/layouts.h"
#include "support/test.h"

#define FAULTS_MAX 16

static struct vmm_layout_fault faults[FAULTS_MAX];
static char text[4096];

/* Check a layout and compare the findings, none of which may be missing. */
static void expect(const struct vmm_layout *layout, int err,
	const struct vmm_layout_fault *expected, size_t count)
{
	size_t found = 99;

	CHECK_EQ(vmm_layout_check(layout, faults, FAULTS_MAX, &found), err);
	CHECK_EQ(found, count);
	for (size_t i = 0; i < count; i++) {
		CHECK_EQ(faults[i].kind, expected[i].kind);
		CHECK_EQ(faults[i].row, expected[i].row);
		CHECK_EQ(faults[i].other, expected[i].other);
		CHECK_EQ(faults[i].address, expected[i].address);
		CHECK_EQ(faults[i].size, expected[i].size);
	}
}

static void expect_line(const struct vmm_layout *layout,
	const struct vmm_layout_fault *fault, const char *line)
{
	struct test_text into;
	struct vmm_sink sink = test_text_sink(&into, text, sizeof(text));
	size_t n = 0;

	vmm_layout_fault_dump(layout, fault, &sink);
	while (line[n] != '\0')
		n++;
	if (into.used != n || !test_text_has(&into, line))
		test_puts(text);
	CHECK(into.used == n && test_text_has(&into, line));
}

/*
 * 256 GiB of user space at -242 GiB runs through 2^64 by 14 GiB; nothing else
 * is wrong with that table.
 */
TEST(unit_layout_sv39_table_wraps)
{
	const struct vmm_layout layout =
		vmm_layout_make(sv39_table, LEN(sv39_table), 39);
	static const struct vmm_layout_fault expected[] = {
		{VMM_LAYOUT_WRAPS, 0, 0, UINT64_C(0xffffffc380000000),
			VMM_GIB(14)},
	};

	expect(&layout, VMM_EINVAL, expected, LEN(expected));
	expect_line(&layout, &faults[0],
		"userspace: 256 GiB at 0xffffffc380000000 runs past 2^64 by "
		"14 GiB\n");
}

/*
 * The table for Sv48 wraps in the same way, and it starts at -64 TiB although
 * the upper half starts at -128 TiB: it was made for 47 bits.
 */
TEST(unit_layout_sv48_table_wraps_and_starts_late)
{
	const struct vmm_layout layout =
		vmm_layout_make(sv48_table, LEN(sv48_table), 48);
	static const struct vmm_layout_fault expected[] = {
		{VMM_LAYOUT_WRAPS, 0, 0, -VMM_TIB(57), VMM_TIB(7)},
		{VMM_LAYOUT_UNCLAIMED, 4, 4, -VMM_TIB(128), VMM_TIB(64)},
	};

	expect(&layout, VMM_EINVAL, expected, LEN(expected));
	expect_line(&layout, &faults[0],
		"userspace: 64 TiB at 0xffffc70000000000 runs past 2^64 by "
		"7 TiB\n");
	expect_line(&layout, &faults[1],
		"kernel: 512 GiB at 0xffffc00000000000 is the lowest area of "
		"the upper half, which starts 64 TiB below, at "
		"0xffff800000000000\n");
}

/* The table read as what it was made for has only the wrap left. */
TEST(unit_layout_sv48_table_fits_47_bits)
{
	const struct vmm_layout layout =
		vmm_layout_make(sv48_table, LEN(sv48_table), 47);
	static const struct vmm_layout_fault expected[] = {
		{VMM_LAYOUT_WRAPS, 0, 0, -VMM_TIB(57), VMM_TIB(7)},
	};

	expect(&layout, VMM_EINVAL, expected, LEN(expected));
}

/* The final Sv39 answer and the hypervisor's map are clean. */
TEST(unit_layout_clean_tables)
{
	struct vmm_layout layout =
		vmm_layout_make(sv39_final, LEN(sv39_final), 39);

	expect(&layout, VMM_OK, NULL, 0);
	layout = vmm_layout_make(hypervisor, LEN(hypervisor), 39);
	expect(&layout, VMM_OK, NULL, 0);
	layout = vmm_layout_make(NULL, 0, 39);
	expect(&layout, VMM_OK, NULL, 0);
}

/* A clean table stays clean in any order of its rows, a faulty one faulty. */
TEST(unit_layout_any_order)
{
	struct vmm_layout_area rows[5];
	struct rng rng = {test_seed};

	for (unsigned round = 0; round < 200; round++) {
		struct vmm_layout layout = vmm_layout_make(rows, 4, 39);
		size_t found;

		for (size_t i = 0; i < 4; i++)
			rows[i] = hypervisor[i];
		for (size_t i = 4; i-- > 1;) {
			size_t k = rng_below(&rng, i + 1);
			struct vmm_layout_area swap = rows[i];

			rows[i] = rows[k];
			rows[k] = swap;
		}
		expect(&layout, VMM_OK, NULL, 0);
		rows[4] = rows[rng_below(&rng, 4)];
		layout.count = 5;
		CHECK(vmm_layout_check(&layout, faults, FAULTS_MAX, &found) ==
			VMM_EINVAL);
		CHECK_EQ(found, 1);
		CHECK_EQ(faults[0].kind, VMM_LAYOUT_OVERLAP);
		CHECK_EQ(faults[0].row, 4);
	}
}

/*
 * A table for 48 bits in a machine that has 39: all of the upper half is out
 * of reach but for its end. One for 39 bits in 48 is only late.
 */
TEST(unit_layout_wrong_width)
{
	static const struct vmm_layout_area rows[] = {
		{"low", VMM_GIB(255), VMM_GIB(2), 0, 0, VMM_AREA_USER, 0},
		{"high", -VMM_GIB(300), VMM_GIB(300), 0, 0, VMM_AREA_OTHER, 0},
	};
	static const struct vmm_layout_fault expected[] = {
		{VMM_LAYOUT_NONCANONICAL, 0, 0, VMM_GIB(256), VMM_GIB(1)},
		{VMM_LAYOUT_NONCANONICAL, 1, 1, -VMM_GIB(300), VMM_GIB(44)},
	};
	static const struct vmm_layout_fault late[] = {
		{VMM_LAYOUT_UNCLAIMED, 1, 1, -VMM_TIB(128),
			VMM_TIB(128) - VMM_GIB(300)},
	};
	struct vmm_layout layout = vmm_layout_make(rows, LEN(rows), 39);

	expect(&layout, VMM_EINVAL, expected, LEN(expected));
	expect_line(&layout, &faults[0],
		"low: 2 GiB at 0x0000003fc0000000 has 1 GiB from "
		"0x0000004000000000 on that are no 39-bit addresses\n");
	layout.va_bits = 48;
	expect(&layout, VMM_OK, late, LEN(late));
	/* With 64 bits there is no hole to fall into. */
	layout.va_bits = 64;
	CHECK(vmm_layout_check(&layout, NULL, 0, &(size_t){0}) == VMM_OK);
}

/* Every kind of fault in one table, in the order that the header states. */
TEST(unit_layout_every_fault)
{
	static const struct vmm_layout_area rows[] = {
		{"nothing", VMM_GIB(1), 0, 0, 0, 0, 0},
		{"odd", VMM_GIB(2), VMM_GIB(1), 0x3000, 0, 0, 0},
		{"fine grain", VMM_GIB(4), VMM_GIB(1), 0x800, 0, 0, 0},
		{"start", VMM_GIB(6) + 0x1000, VMM_GIB(1), VMM_MIB(2), 0, 0, 0},
		{"end", VMM_GIB(8), VMM_GIB(1) + 1, 0, 0, 0, 0},
		{"physical", VMM_GIB(10), VMM_GIB(1), VMM_MIB(2), 0x1000, 0,
			VMM_AREA_LINEAR},
		{"far", VMM_GIB(12), VMM_GIB(2), VMM_GIB(1), -VMM_GIB(1), 0,
			VMM_AREA_LINEAR},
		{"a name of 16 !!!", VMM_GIB(12) + VMM_MIB(1), VMM_GIB(10), 0,
			1, 0, 0},
	};
	static const struct vmm_layout_fault expected[] = {
		{VMM_LAYOUT_EMPTY, 0, 0, VMM_GIB(1), 0},
		{VMM_LAYOUT_BAD_ALIGN, 1, 1, VMM_GIB(2), 0},
		{VMM_LAYOUT_BAD_ALIGN, 2, 2, VMM_GIB(4), 0},
		{VMM_LAYOUT_MISALIGNED, 3, 3, VMM_GIB(6) + 0x1000, 0},
		{VMM_LAYOUT_MISALIGNED, 4, 4, VMM_GIB(9) + 1, 0},
		{VMM_LAYOUT_PA_MISALIGNED, 5, 5, 0x1000, 0},
		{VMM_LAYOUT_PA_WRAPS, 6, 6, -VMM_GIB(1), VMM_GIB(1)},
		{VMM_LAYOUT_OVERLAP, 7, 6, VMM_GIB(12) + VMM_MIB(1),
			VMM_GIB(2) - VMM_MIB(1)},
	};
	static const char lines[][128] = {
		"nothing: 0 bytes at 0x0000000040000000 is empty\n",
		"odd: 1 GiB at 0x0000000080000000 asks for an alignment of "
		"12 KiB, no power of two from a page up\n",
		"fine grain: 1 GiB at 0x0000000100000000 asks for an alignment "
		"of 2 KiB, no power of two from a page up\n",
		"start: 1 GiB at 0x0000000180001000 does not start at a "
		"multiple of 2 MiB\n",
		"end: 1073741825 bytes at 0x0000000200000000 does not end at a "
		"multiple of 4 KiB\n",
		"physical: 1 GiB at 0x0000000280000000 maps physical "
		"0x0000000000001000, no multiple of 2 MiB\n",
		"far: 2 GiB at 0x0000000300000000 maps physical "
		"0xffffffffc0000000 and on, which runs past 2^64 by 1 GiB\n",
		"a name of 16 !!!: 10 GiB at 0x0000000300100000 shares 2047 "
		"MiB from 0x0000000300100000 on with far\n",
	};
	const struct vmm_layout layout = vmm_layout_make(rows, LEN(rows), 39);
	size_t found = 0;

	expect(&layout, VMM_EINVAL, expected, LEN(expected));
	for (size_t i = 0; i < LEN(expected); i++)
		expect_line(&layout, &faults[i], lines[i]);

	/* An array that is too small gets the first ones, and the number. */
	for (size_t i = 0; i < FAULTS_MAX; i++)
		faults[i].kind = 99;
	CHECK(vmm_layout_check(&layout, faults, 2, &found) == VMM_EINVAL);
	CHECK_EQ(found, 8);
	CHECK_EQ(faults[1].kind, VMM_LAYOUT_BAD_ALIGN);
	CHECK_EQ(faults[2].kind, 99);
}

/* Neighbours may touch; one byte more is an overlap of one byte. */
TEST(unit_layout_overlap_of_a_byte)
{
	struct vmm_layout_area rows[] = {
		{"one", 0x2000, 0x1000, 0, 0, 0, 0},
		{"two", 0x1000, 0x1000, 0, 0, 0, 0},
	};
	const struct vmm_layout layout = vmm_layout_make(rows, 2, 39);
	static const struct vmm_layout_fault expected[] = {
		{VMM_LAYOUT_MISALIGNED, 1, 1, 0x2001, 0},
		{VMM_LAYOUT_OVERLAP, 1, 0, 0x2000, 1},
	};

	expect(&layout, VMM_OK, NULL, 0);
	rows[1].size = 0x1001;
	expect(&layout, VMM_EINVAL, expected, LEN(expected));
}

/* A name that fills its array is not read on into the base behind it. */
TEST(unit_layout_name_without_end)
{
	static const struct vmm_layout_area rows[] = {
		{"0123456789abcdef", UINT64_C(0x4142434445), 0, 0, 0, 0, 0},
	};
	const struct vmm_layout layout = vmm_layout_make(rows, 1, 39);
	size_t found;

	CHECK(vmm_layout_check(&layout, faults, FAULTS_MAX, &found) ==
		VMM_EINVAL);
	expect_line(&layout, &faults[0],
		"0123456789abcdef: 0 bytes at 0x0000004142434445 is empty\n");
}

/* The first and the last byte of an area are in it, their neighbours not. */
TEST(unit_layout_find)
{
	const struct vmm_layout layout =
		vmm_layout_make(hypervisor, LEN(hypervisor), 39);
	uint64_t offset = 7;
	size_t row = 7;

	CHECK(vmm_layout_find(&layout, 0, &row, &offset) == VMM_OK);
	CHECK(row == 3 && offset == 0);
	CHECK(vmm_layout_find(&layout, VMM_GIB(256) - 1, &row, &offset) ==
		VMM_OK);
	CHECK(row == 3 && offset == VMM_GIB(256) - 1);
	CHECK(vmm_layout_find(&layout, VMM_GIB(256), &row, &offset) ==
		VMM_ENOENT);
	CHECK(vmm_layout_find(&layout, -VMM_GIB(256) - 1, &row, &offset) ==
		VMM_ENOENT);
	CHECK(row == 3 && offset == VMM_GIB(256) - 1);
	CHECK(vmm_layout_find(&layout, UINT64_MAX, &row, &offset) == VMM_OK);
	CHECK(row == 2 && offset == VMM_GIB(128) - 1);
	CHECK(vmm_layout_find(&layout, -VMM_GIB(254), &row, &offset) ==
		VMM_ENOENT);
	CHECK(vmm_layout_find(&layout, -VMM_GIB(254) - 1, &row, &offset) ==
		VMM_OK);
	CHECK(row == 1);

	CHECK(vmm_layout_find_kind(&layout, VMM_AREA_DIRECT, &row) == VMM_OK);
	CHECK_EQ(row, 2);
	CHECK(vmm_layout_find_kind(&layout, VMM_AREA_HEAP, &row) == VMM_ENOENT);
	CHECK_EQ(row, 2);
}

/* What wraps ends at 2^64: a user pointer of 1 GiB is not "in" it. */
TEST(unit_layout_find_does_not_wrap)
{
	const struct vmm_layout layout =
		vmm_layout_make(sv39_table, LEN(sv39_table), 39);
	uint64_t offset;
	size_t row;

	CHECK(vmm_layout_find(&layout, UINT64_MAX, &row, &offset) == VMM_OK);
	CHECK(row == 0 && offset == VMM_GIB(242) - 1);
	CHECK(vmm_layout_find(&layout, 0, &row, &offset) == VMM_ENOENT);
	CHECK(vmm_layout_find(&layout, VMM_GIB(1), &row, &offset) ==
		VMM_ENOENT);
}

/* Addresses of one byte in the image, the direct map, and as a device. */
TEST(unit_layout_pa)
{
	const struct vmm_layout layout =
		vmm_layout_make(hypervisor, LEN(hypervisor), 39);
	vmm_pa_t pa = 1;

	CHECK(vmm_layout_pa(&layout, UINT64_C(0xffffffc000001234), &pa) ==
		VMM_OK);
	CHECK_EQ(pa, 0x80001234);
	CHECK(vmm_layout_pa(&layout, UINT64_C(0xffffffe000001234), &pa) ==
		VMM_OK);
	CHECK_EQ(pa, 0x80001234);
	CHECK(vmm_layout_pa(&layout, 0x10000000, &pa) == VMM_OK);
	CHECK_EQ(pa, 0x10000000);
	CHECK(vmm_layout_pa(&layout, UINT64_C(0xffffffc040000000), &pa) ==
		VMM_ENOTSUP);
	CHECK(vmm_layout_pa(&layout, VMM_GIB(256), &pa) == VMM_ENOENT);
	CHECK_EQ(pa, 0x10000000);
}

/*
 * The hypervisor's map has one gap, of 126 GiB between the cpu struct and the
 * linear mapping. The final Sv39 table has none.
 */
TEST(unit_layout_room)
{
	struct vmm_layout layout =
		vmm_layout_make(hypervisor, LEN(hypervisor), 39);
	const vmm_va_t gap = -VMM_GIB(254);
	vmm_va_t va = 7;

	CHECK(vmm_layout_find_room(&layout, VMM_GIB(126), VMM_GIB(1), 0,
		      UINT64_MAX, &va) == VMM_OK);
	CHECK_EQ(va, gap);
	CHECK(vmm_layout_find_room(&layout, 1, 1, gap + 1, gap + 1, &va) ==
		VMM_OK);
	CHECK_EQ(va, gap + 1);
	CHECK(vmm_layout_find_room(
		      &layout, 1, VMM_GIB(4), 0, UINT64_MAX, &va) == VMM_OK);
	CHECK_EQ(va, -VMM_GIB(252));

	va = 7;
	CHECK(vmm_layout_find_room(&layout, VMM_GIB(126) + 1, 1, 0, UINT64_MAX,
		      &va) == VMM_ENOSPC);
	CHECK(vmm_layout_find_room(&layout, 2, 1, 0, gap, &va) == VMM_ENOSPC);
	CHECK(vmm_layout_find_room(&layout, 1, VMM_GIB(4), gap, gap, &va) ==
		VMM_ENOSPC);
	CHECK(vmm_layout_find_room(&layout, 1, UINT64_C(1) << 63, 1, UINT64_MAX,
		      &va) == VMM_ENOSPC);
	CHECK(vmm_layout_find_room(&layout, 0, 1, 0, UINT64_MAX, &va) ==
		VMM_EINVAL);
	CHECK(vmm_layout_find_room(&layout, 1, 3, 0, UINT64_MAX, &va) ==
		VMM_EINVAL);
	CHECK(vmm_layout_find_room(&layout, 1, 0, 0, UINT64_MAX, &va) ==
		VMM_EINVAL);
	layout = vmm_layout_make(sv39_final, LEN(sv39_final), 39);
	CHECK(vmm_layout_find_room(&layout, 1, 1, 0, UINT64_MAX, &va) ==
		VMM_ENOSPC);
	CHECK_EQ(va, 7);

	/* An empty layout: either half as a whole, and never across. */
	layout.count = 0;
	CHECK(vmm_layout_find_room(
		      &layout, VMM_GIB(256), 1, 1, UINT64_MAX, &va) == VMM_OK);
	CHECK_EQ(va, -VMM_GIB(256));
	CHECK(vmm_layout_find_room(&layout, VMM_GIB(256) + 1, 1, 0, UINT64_MAX,
		      &va) == VMM_ENOSPC);
	/* With 64 bits there is nothing to keep clear of. */
	layout.va_bits = 64;
	CHECK(vmm_layout_find_room(
		      &layout, UINT64_MAX, 1, 0, UINT64_MAX, &va) == VMM_OK);
	CHECK_EQ(va, 0);
}
