/* SPDX-License-Identifier: MIT */
/*
 * The ELF reader of examples/tasks, on files that lie: a good one, each of its
 * fields with a wrong value, every length that it may be cut off at, and random
 * bytes all over it.
 */
#include "support/test.h"

#include "../examples/tasks/elf.h"

#include <vmm/pt_format.h>

#define SIZE   0x3100u
#define PHOFF  64u
#define HEADER 56u

/* The file ends where the array does, so that a byte too far is noticed. */
static uint8_t file[SIZE];
static const struct elf_window window = {VMM_KIB(64), VMM_GIB(1)};

static void put(size_t at, unsigned count, uint64_t value)
{
	for (unsigned i = 0; i < count; i++)
		file[at + i] = (uint8_t)(value >> 8 * i);
}

/* A program header: type and flags; offset, address, bytes, memory. */
static void put_header(
	unsigned i, uint64_t type, uint64_t flags, const uint64_t range[4])
{
	const size_t at = PHOFF + i * HEADER;

	put(at, 4, type);
	put(at + 4, 4, flags);
	put(at + 8, 8, range[0]);
	put(at + 16, 8, range[1]);
	put(at + 24, 8, range[1]);
	put(at + 32, 8, range[2]);
	put(at + 40, 8, range[3]);
	put(at + 48, 8, VMM_PAGE_SIZE);
}

/* Text, constants, and data that begin inside a page and end in bss. */
static void good(void)
{
	static const uint64_t text[] = {0x1000, 0x10000, 0x800, 0x800};
	static const uint64_t constants[] = {0x2000, 0x11000, 0x20, 0x20};
	static const uint64_t data[] = {0x3010, 0x12010, 0xf0, 0x4000};
	static const uint64_t stack[] = {0, 0, 0, 0};

	for (size_t i = 0; i < SIZE; i++)
		file[i] = 0;
	put(0, 4, 0x464c457f);
	file[4] = 2;
	file[5] = 1;
	file[6] = 1;
	put(16, 2, 2);
	put(18, 2, 243);
	put(20, 4, 1);
	put(24, 8, 0x10004);
	put(32, 8, PHOFF);
	put(52, 2, 64);
	put(54, 2, HEADER);
	put(56, 2, 4);
	put_header(0, 1, 5, text);
	put_header(1, 1, 4, constants);
	put_header(2, 1, 6, data);
	put_header(3, 0x6474e551, 6, stack);
}

static int read(struct elf *elf)
{
	return elf_read(file, SIZE, &window, elf);
}

/* What must be true of a program that was taken, whatever the file said. */
static void check_taken(const struct elf *elf, uint64_t size)
{
	vmm_va_t end = window.base;
	bool entry = false;

	CHECK(elf->count >= 1 && elf->count <= ELF_PARTS);
	for (size_t i = 0; i < elf->count; i++) {
		const struct elf_part *part = &elf->parts[i];

		CHECK(part->va >= end && part->size > 0);
		CHECK(vmm_is_aligned(part->va, VMM_PAGE_SIZE));
		CHECK(vmm_is_aligned(part->size, VMM_PAGE_SIZE));
		CHECK(part->va - window.base < window.size);
		CHECK(part->size <= window.size - (part->va - window.base));
		CHECK(part->prot != 0);
		CHECK((part->prot & (VMM_PT_WRITE | VMM_PT_EXEC)) !=
			(VMM_PT_WRITE | VMM_PT_EXEC));
		CHECK(part->lead < VMM_PAGE_SIZE);
		if (part->bytes > 0) {
			CHECK(part->bytes <= part->size - part->lead);
			CHECK(part->offset <= size);
			CHECK(part->bytes <= size - part->offset);
		}
		if (vmm_range_has(part->va, part->size, elf->entry))
			entry = (part->prot & VMM_PT_EXEC) != 0;
		end = part->va + part->size;
	}
	CHECK(entry && elf->end == end);
}

/* The good file: three parts of the file and one of zeros behind the data. */
TEST(unit_elf_reads_parts)
{
	struct elf elf;

	good();
	CHECK_EQ(read(&elf), VMM_OK);
	check_taken(&elf, SIZE);
	CHECK_EQ(elf.entry, 0x10004);
	CHECK_EQ(elf.count, 4);
	CHECK_EQ(elf.parts[0].prot, VMM_PT_READ | VMM_PT_EXEC);
	CHECK_EQ(elf.parts[1].prot, VMM_PT_READ);
	CHECK_EQ(elf.parts[2].prot, VMM_PT_READ | VMM_PT_WRITE);
	CHECK_EQ(elf.parts[2].va, 0x12000);
	CHECK_EQ(elf.parts[2].size, 0x1000);
	CHECK_EQ(elf.parts[2].lead, 0x10);
	CHECK_EQ(elf.parts[2].offset, 0x3010);
	CHECK_EQ(elf.parts[2].bytes, 0xf0);
	CHECK_EQ(elf.parts[3].va, 0x13000);
	CHECK_EQ(elf.parts[3].size, 0x4000);
	CHECK_EQ(elf.parts[3].bytes, 0);
	CHECK_EQ(elf.end, 0x17000);
}

/* One wrong field each, and the reason that is given. */
TEST(unit_elf_refuses_lies)
{
	static const struct {
		size_t at;
		unsigned count;
		uint64_t value;
		int err;
	} lies[] = {
		{0, 4, 0x464c457e, VMM_EINVAL},	 /* magic */
		{4, 1, 1, VMM_ENOTSUP},		 /* 32 bits */
		{5, 1, 2, VMM_ENOTSUP},		 /* big-endian */
		{6, 1, 0, VMM_EINVAL},		 /* version */
		{20, 4, 2, VMM_EINVAL},		 /* the other version */
		{16, 2, 3, VMM_ENOTSUP},	 /* position independent */
		{18, 2, 62, VMM_ENOTSUP},	 /* x86-64 */
		{24, 8, 0x10800, VMM_OK},	 /* entry behind the bytes */
		{24, 8, 0x11000, VMM_EINVAL},	 /* entry in constants */
		{24, 8, 0x10001, VMM_EINVAL},	 /* odd entry */
		{24, 8, UINT64_MAX, VMM_EINVAL}, /* entry nowhere */
		{32, 8, SIZE - 3 * HEADER, VMM_ERANGE},
		{32, 8, UINT64_MAX - 64, VMM_ERANGE}, /* wraps */
		{52, 2, 63, VMM_EINVAL}, {54, 2, 55, VMM_EINVAL},
		{54, 2, 64, VMM_EINVAL}, {56, 2, 0, VMM_EINVAL},
		{56, 2, 0xffff, VMM_ENOTSUP},
		{PHOFF, 4, 2, VMM_ENOTSUP}, /* dynamic */
		{PHOFF, 4, 3, VMM_ENOTSUP}, /* an interpreter */
		{PHOFF, 4, 7, VMM_ENOTSUP}, /* thread-local storage */
		{PHOFF, 4, 0, VMM_EINVAL},  /* no text: the entry is nowhere */
		{PHOFF + 4, 4, 7, VMM_ENOTSUP}, /* writable and executable */
		{PHOFF + 4, 4, 0, VMM_EINVAL},	/* no access */
		{PHOFF + 4, 4, 4, VMM_EINVAL},	/* entry not executable */
		{PHOFF + 8, 8, SIZE - 0x7ff, VMM_EINVAL}, /* not congruent */
		{PHOFF + 8, 8, 0x3000, VMM_ERANGE},	  /* past the file */
		{PHOFF + 8, 8, -UINT64_C(0x1000), VMM_ERANGE}, /* wraps */
		{PHOFF + 16, 8, 0, VMM_ERANGE},		 /* the null page */
		{PHOFF + 16, 8, VMM_GIB(2), VMM_ERANGE}, /* past the window */
		{PHOFF + 16, 8, 0x11000, VMM_EINVAL},	 /* over the next */
		{PHOFF + 16, 8, 0x20000, VMM_EINVAL},	 /* out of order */
		{PHOFF + 16, 8, -UINT64_C(0x1000), VMM_ERANGE},
		{PHOFF + 32, 8, 0x801, VMM_EINVAL}, /* bytes > memory */
		{PHOFF + 32, 8, UINT64_MAX, VMM_EINVAL},
		{PHOFF + 40, 8, 0, VMM_EINVAL},
		{PHOFF + 40, 8, 0x1001, VMM_EINVAL}, /* into the next */
		{PHOFF + 40, 8, VMM_GIB(1) + 1, VMM_ERANGE},
		{PHOFF + 40, 8, UINT64_MAX, VMM_ERANGE},
		{PHOFF + 48, 8, 3, VMM_EINVAL},	       /* alignment */
		{PHOFF + 48, 8, 0x100000, VMM_EINVAL}, /* not congruent */
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct elf elf = {.count = 77};

		good();
		put(lies[i].at, lies[i].count, lies[i].value);
		CHECK_EQ((int64_t)read(&elf), (int64_t)lies[i].err);
		CHECK((elf.count == 77) == (lies[i].err != VMM_OK));
	}
}

/* More parts than fit, by headers that are good each for itself. */
TEST(unit_elf_bounds_parts)
{
	struct elf elf;

	for (unsigned n = 1; n <= 12; n++) {
		good();
		put(56, 2, n);
		for (unsigned i = 0; i < n; i++) {
			const uint64_t range[] = {
				0x1000, 0x10000 + i * 0x1000, 0x10, 0x10};

			put_header(i, 1, 5, range);
		}
		CHECK_EQ(read(&elf), n <= ELF_PARTS ? VMM_OK : VMM_ENOTSUP);
	}
}

/* Cut off anywhere: refused, and nothing behind the end is read. */
TEST(unit_elf_cut_off)
{
	static uint8_t whole[SIZE];
	struct elf elf;

	good();
	for (size_t i = 0; i < SIZE; i++)
		whole[i] = file[i];
	for (size_t size = 0; size < SIZE; size += size < 0x200 ? 1 : 97) {
		uint8_t *at = file + SIZE - size;

		for (size_t i = 0; i < size; i++)
			at[i] = whole[i];
		CHECK(elf_read(at, size, &window, &elf) != VMM_OK);
	}
	good();
	CHECK_EQ(read(&elf), VMM_OK);
}

/* Whatever a few random bytes make of it: what is taken is well formed. */
TEST(unit_elf_random_bytes)
{
	struct rng rng = {test_seed};
	uint64_t taken = 0;

	for (uint64_t i = 0; i < 20000 * test_factor; i++) {
		struct elf elf;
		uint64_t changes = 1 + rng_next(&rng) % 4;

		good();
		while (changes-- > 0) {
			const uint64_t at =
				rng_next(&rng) % (PHOFF + 4 * HEADER);

			file[at] = (uint8_t)(1u << rng_next(&rng) % 8) ^
				   (rng_next(&rng) % 3 == 0 ? 0xff : file[at]);
		}
		if (read(&elf) != VMM_OK)
			continue;
		check_taken(&elf, SIZE);
		taken++;
	}
	/* Neither all nor none. */
	CHECK(taken > 100 && taken < 15000 * test_factor);
}
