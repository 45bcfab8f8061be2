/* SPDX-License-Identifier: MIT */
/*
 * Trees that are cut off, that lie, or that never end. Each must give an error
 * or be harmless; fdt_probe() checks what harmless means.
 */
#include <vmm/fdt.h>

#include "support/fdt_probe.h"
#include "support/fdt_writer.h"
#include "support/test.h"

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };

static struct fdt_writer writer;

static int init_error(size_t size)
{
	return fdt_probe(writer.blob, size);
}

/* The header of a sample tree with one word changed. */
static int header_error(size_t field, uint32_t value)
{
	size_t size = fdt_sample(&writer);

	fdt_poke(writer.blob, field, value);
	return init_error(size);
}

static uint32_t header(size_t field)
{
	(void)fdt_sample(&writer);
	return fdt_peek(writer.blob, field);
}

/* Open a structure of the test's making. */
static void begin(void)
{
	fdt_start(&writer);
	fdt_structure(&writer);
}

/* The truth first: nothing below is refused for a reason of its own. */
TEST(corrupt_fdt_sample_is_good)
{
	CHECK_EQ(init_error(fdt_sample(&writer)), VMM_OK);
}

/*
 * Cut the sample at every length. The header still tells the old size, so the
 * reader must see that bytes are missing.
 */
TEST(corrupt_fdt_every_truncation_with_honest_header)
{
	size_t size = fdt_sample(&writer);

	for (size_t cut = 0; cut < size; cut++)
		CHECK_EQ(init_error(cut), VMM_ERANGE);
}

/*
 * Cut it at every length and let the header agree: now a block is missing its
 * end. No such cut can pass, since the strings come last.
 */
TEST(corrupt_fdt_every_truncation_with_lying_header)
{
	size_t size = fdt_sample(&writer);

	for (size_t cut = 40; cut < size; cut++) {
		fdt_poke(writer.blob, FDT_TOTALSIZE, (uint32_t)cut);
		CHECK_EQ(init_error(cut), VMM_EINVAL);
	}
}

/* The structure block alone cut at every length: the end is missing. */
TEST(corrupt_fdt_every_truncated_structure)
{
	uint32_t size = header(FDT_SIZE_STRUCT);

	for (uint32_t cut = 0; cut < size; cut++)
		CHECK_EQ(header_error(FDT_SIZE_STRUCT, cut), VMM_EINVAL);
}

/* Flip every bit of the sample, one at a time. */
TEST(corrupt_fdt_every_bit)
{
	size_t size = fdt_sample(&writer);
	size_t good = 0;

	for (size_t bit = 0; bit < size * 8; bit++) {
		unsigned char mask = (unsigned char)(1 << (bit % 8));

		writer.blob[bit / 8] ^= mask;
		good += init_error(size) == VMM_OK;
		writer.blob[bit / 8] ^= mask;
	}
	/* Most bits are names and numbers, whose change is no error. */
	CHECK(good > size && good < size * 8);
}

/* Every byte replaced by each of a few nasty ones. */
TEST(corrupt_fdt_every_byte)
{
	static const unsigned char nasty[] = {
		0, 1, 2, 3, 4, 9, 0x2f, 0x40, 0x7f, 0x80, 0xff};
	size_t size = fdt_sample(&writer);

	for (size_t at = 0; at < size; at++) {
		unsigned char old = writer.blob[at];

		for (size_t i = 0; i < sizeof(nasty); i++) {
			writer.blob[at] = nasty[i];
			(void)init_error(size);
		}
		writer.blob[at] = old;
	}
}

/* Every word replaced by tokens, extremes and near-extremes. */
TEST(corrupt_fdt_every_word)
{
	static const uint32_t nasty[] = {0, BEGIN_NODE, END_NODE, PROP, NOP, 5,
		END, 40, 0x100, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffc,
		0xfffffffd, UINT32_MAX};
	size_t size = fdt_sample(&writer);

	for (size_t at = 0; at + 4 <= size; at += 4) {
		uint32_t old = fdt_peek(writer.blob, at);

		for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
			fdt_poke(writer.blob, at, nasty[i]);
			(void)init_error(size);
		}
		fdt_poke(writer.blob, at, old);
	}
}

/* Versions: the current one, a newer one that is compatible, all others. */
TEST(corrupt_fdt_versions)
{
	CHECK_EQ(header_error(FDT_VERSION, 18), VMM_OK);
	CHECK_EQ(header_error(FDT_VERSION, UINT32_MAX), VMM_OK);
	CHECK_EQ(header_error(FDT_LAST_COMP, 17), VMM_OK);
	CHECK_EQ(header_error(FDT_LAST_COMP, 0), VMM_OK);
	CHECK_EQ(header_error(FDT_VERSION, 16), VMM_ENOTSUP);
	CHECK_EQ(header_error(FDT_VERSION, 15), VMM_EINVAL);
	CHECK_EQ(header_error(FDT_LAST_COMP, 18), VMM_EINVAL);
	(void)fdt_sample(&writer);
	fdt_poke(writer.blob, FDT_VERSION, 18);
	fdt_poke(writer.blob, FDT_LAST_COMP, 18);
	CHECK_EQ(init_error(writer.used), VMM_ENOTSUP);
}

/* Blocks outside the tree, inside the header, misaligned, or that wrap. */
TEST(corrupt_fdt_blocks)
{
	static const size_t offsets[] = {
		FDT_OFF_STRUCT, FDT_OFF_STRINGS, FDT_OFF_RESERVE};
	static const uint32_t bad[] = {
		0, 36, 39, 0x7fffffff, 0x80000000, 0xfffffff8, UINT32_MAX};
	uint32_t total = header(FDT_TOTALSIZE);

	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
			CHECK_EQ(header_error(offsets[i], bad[k]), VMM_EINVAL);
		CHECK_EQ(header_error(offsets[i], total), VMM_EINVAL);
		CHECK_EQ(header_error(offsets[i], total + 1), VMM_EINVAL);
	}
	CHECK_EQ(header_error(FDT_OFF_RESERVE, 44), VMM_EINVAL);
	CHECK_EQ(header_error(FDT_OFF_STRUCT, header(FDT_OFF_STRUCT) + 1),
		VMM_EINVAL);
	CHECK_EQ(header_error(FDT_SIZE_STRUCT, UINT32_MAX), VMM_EINVAL);
	CHECK_EQ(header_error(FDT_SIZE_STRINGS, UINT32_MAX), VMM_EINVAL);
	CHECK_EQ(header_error(FDT_SIZE_STRINGS, 0), VMM_EINVAL);
	/* One byte less: the last name lost its terminator. */
	CHECK_EQ(header_error(FDT_SIZE_STRINGS, header(FDT_SIZE_STRINGS) - 1),
		VMM_EINVAL);
}

/*
 * Blocks that would read well at an offset that the format forbids: zeros from
 * 40 to 71 hold a terminator at 44 too, and a structure of three words and an
 * end starts one byte late.
 */
TEST(corrupt_fdt_misaligned_blocks)
{
	size_t size;

	fdt_start(&writer);
	fdt_reserve(&writer, 0, 0);
	fdt_structure(&writer);
	fdt_begin(&writer, "");
	fdt_end(&writer);
	size = fdt_finish(&writer);
	CHECK_EQ(init_error(size), VMM_OK);
	fdt_poke(writer.blob, FDT_OFF_RESERVE, 44);
	CHECK_EQ(init_error(size), VMM_EINVAL);

	begin();
	writer.blob[writer.used++] = 0;
	writer.struct_at = writer.used;
	fdt_word(&writer, BEGIN_NODE);
	fdt_word(&writer, 0);
	fdt_word(&writer, END_NODE);
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);
}

/* Blocks on top of each other read as nonsense, within their bounds. */
TEST(corrupt_fdt_overlapping_blocks)
{
	uint32_t at = header(FDT_OFF_STRUCT);
	uint32_t total = header(FDT_TOTALSIZE);

	/* The names of the properties come out of the structure. */
	(void)fdt_sample(&writer);
	fdt_poke(writer.blob, FDT_OFF_STRINGS, at);
	fdt_poke(writer.blob, FDT_SIZE_STRINGS, total - at);
	CHECK_EQ(init_error(writer.used), VMM_OK);
	/* The reservations come out of the structure, and do not end. */
	CHECK_EQ(header_error(FDT_OFF_RESERVE, at), VMM_EINVAL);
	/* The structure comes out of the strings. */
	CHECK_EQ(header_error(FDT_OFF_STRUCT, header(FDT_OFF_STRINGS)),
		VMM_EINVAL);
}

/* The reservation block runs into the structure and never ends. */
TEST(corrupt_fdt_endless_reservations)
{
	fdt_start(&writer);
	for (unsigned i = 0; i < 8; i++)
		fdt_reserve(&writer, 0x1000, 0x1000);
	writer.struct_at = writer.used;
	fdt_begin(&writer, "");
	fdt_end(&writer);
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);
}

/* An END_NODE is missing, one is too many, or the END is missing. */
TEST(corrupt_fdt_unbalanced)
{
	begin();
	fdt_begin(&writer, "");
	fdt_begin(&writer, "a");
	fdt_end(&writer);
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);

	begin();
	fdt_begin(&writer, "");
	fdt_end(&writer);
	fdt_end(&writer);
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);

	begin();
	fdt_end(&writer);
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);

	begin();
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);

	begin();
	fdt_begin(&writer, "");
	fdt_end(&writer);
	(void)fdt_finish(&writer);
	fdt_poke(writer.blob, writer.used - 4, NOP);
	CHECK_EQ(init_error(writer.used), VMM_EINVAL);
}

/* Two roots, one with a name; a property outside a node, or after a child. */
TEST(corrupt_fdt_wrong_order)
{
	begin();
	fdt_begin(&writer, "");
	fdt_end(&writer);
	fdt_begin(&writer, "");
	fdt_end(&writer);
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);

	begin();
	fdt_begin(&writer, "root");
	fdt_end(&writer);
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);

	begin();
	fdt_text(&writer, "a", "b");
	fdt_begin(&writer, "");
	fdt_end(&writer);
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);

	begin();
	fdt_begin(&writer, "");
	fdt_begin(&writer, "child");
	fdt_end(&writer);
	fdt_text(&writer, "a", "b");
	fdt_end(&writer);
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);

	begin();
	fdt_begin(&writer, "");
	fdt_end(&writer);
	fdt_text(&writer, "a", "b");
	CHECK_EQ(init_error(fdt_finish(&writer)), VMM_EINVAL);
}

/* A value of every length around what the block holds, and of 2^32 - 1. */
TEST(corrupt_fdt_value_lengths)
{
	for (uint32_t size = 0; size < 64; size++) {
		bool fits;

		begin();
		fdt_begin(&writer, "");
		fdt_word(&writer, PROP);
		fdt_word(&writer, size);
		fdt_word(&writer, 0);
		fdt_reserve(&writer, 0, 0);
		fdt_end(&writer);
		writer.strings_used = 2;
		writer.strings[0] = 'x';
		writer.strings[1] = '\0';
		/* 16 bytes of value, then END_NODE and END. */
		fits = (size + 3) / 4 == 4;
		CHECK_EQ(init_error(fdt_finish(&writer)) == VMM_OK, fits);
	}
	for (uint32_t size = 0xffffffe0; size != 0; size++) {
		fdt_poke(writer.blob, writer.struct_at + 12, size);
		CHECK_EQ(init_error(writer.used), VMM_EINVAL);
	}
}

/* A name of a node that runs out of the block: no byte of it is zero. */
TEST(corrupt_fdt_endless_node_name)
{
	begin();
	fdt_begin(&writer, "");
	fdt_word(&writer, BEGIN_NODE);
	for (unsigned i = 0; i < 8; i++)
		fdt_word(&writer, 0x41414141);
	(void)fdt_finish(&writer);
	/* FDT_END has zero bytes: make it part of the name as well. */
	fdt_poke(writer.blob, writer.used - 4, 0x41414141);
	CHECK_EQ(init_error(writer.used), VMM_EINVAL);
	/* A terminator in the very last byte, and then no more room. */
	writer.blob[writer.used - 1] = 0;
	CHECK_EQ(init_error(writer.used), VMM_EINVAL);
}

/* Nesting up to the limit is read, one deeper and a thousand are refused. */
TEST(corrupt_fdt_depth)
{
	static const unsigned depths[] = {VMM_FDT_DEPTH_MAX - 1,
		VMM_FDT_DEPTH_MAX, VMM_FDT_DEPTH_MAX + 1, 1000};

	for (size_t i = 0; i < 4; i++) {
		begin();
		for (unsigned k = 0; k < depths[i]; k++)
			fdt_begin(&writer, k == 0 ? "" : "n");
		for (unsigned k = 0; k < depths[i]; k++)
			fdt_end(&writer);
		CHECK_EQ(init_error(fdt_finish(&writer)),
			depths[i] <= VMM_FDT_DEPTH_MAX ? VMM_OK : VMM_ENOTSUP);
	}
}

/*
 * After a good check somebody overwrites the blob. What the cursors find is
 * undefined, but they must come to an end and stay inside.
 */
TEST(corrupt_fdt_changed_behind_our_back)
{
	struct rng rng = {test_seed};

	for (unsigned round = 0; round < 2000; round++) {
		struct vmm_fdt_node node = {0};
		struct vmm_fdt_mem mem = {0};
		size_t size = fdt_sample(&writer);
		struct vmm_fdt fdt;
		uint32_t harts;
		unsigned bits;
		size_t steps = 0;

		CHECK(vmm_fdt_init(&fdt, writer.blob, size) == VMM_OK);
		for (unsigned k = 0; k < 8; k++)
			writer.blob[fdt.struct_at +
				    rng_below(&rng, size - fdt.struct_at)] =
				(unsigned char)rng_below(&rng, 10);
		while (vmm_fdt_node_next(&fdt, &node))
			CHECK(steps++ < size);
		while (vmm_fdt_mem_next(&fdt, &mem) == VMM_OK)
			CHECK(steps++ < 2 * size);
		(void)!vmm_fdt_mmu_type(&fdt, &bits, &harts);
	}
}
