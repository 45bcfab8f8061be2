/* SPDX-License-Identifier: MIT */
/*
 * Any bytes at all as a devicetree. With VMM_FUZZ this file is a libFuzzer
 * target; without, it replays seeded mutations of good trees.
 */
#include <vmm/fdt.h>

#include "support/fdt_probe.h"
#include "support/fdt_writer.h"
#include "support/test.h"

#ifdef VMM_FUZZ

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= FDT_PROBE_MAX)
		(void)fdt_probe(data, size);
	return 0;
}

#else

#define ROUNDS 200000

static struct fdt_writer writer;
static unsigned char mutant[FDT_WRITER_MAX];

/* Words that mean something somewhere in a tree. */
static uint32_t odd_word(struct rng *rng)
{
	static const uint32_t words[] = {0, 1, 2, 3, 4, 8, 9, 16, 17, 40,
		0x7fffffff, 0x80000000, 0xfffffff8, 0xfffffffc, UINT32_MAX};
	uint64_t pick = rng_below(rng, 24);

	if (pick < sizeof(words) / sizeof(words[0]))
		return words[pick];
	return (uint32_t)(pick < 20 ? rng_below(rng, 2048) : rng_next(rng));
}

static void mutate(struct rng *rng, size_t size)
{
	size_t at = rng_below(rng, size);
	size_t word = at & ~(size_t)3;

	switch (rng_below(rng, 4)) {
	case 0:
		mutant[at] ^= (unsigned char)(1 << rng_below(rng, 8));
		break;
	case 1:
		mutant[at] = (unsigned char)rng_next(rng);
		break;
	case 2:
		if (word + 4 <= size)
			fdt_poke(mutant, word, odd_word(rng));
		break;
	default: {
		/* Copy a piece elsewhere: tokens in the wrong place. */
		size_t from = rng_below(rng, size) & ~(size_t)3;
		size_t count = 4 * (1 + rng_below(rng, 8));

		for (size_t i = 0; i < count; i++) {
			if (word + i < size && from + i < size)
				mutant[word + i] = mutant[from + i];
		}
	}
	}
}

/* One to four mutations of the sample, and now and then a cut. */
TEST(fuzz_fdt_mutations)
{
	struct rng rng = {test_seed};
	size_t total = fdt_sample(&writer);
	size_t good = 0;

	for (uint64_t round = 0; round < ROUNDS * test_factor; round++) {
		uint64_t count = 1 + rng_below(&rng, 4);
		size_t size = total;

		for (size_t i = 0; i < total; i++)
			mutant[i] = writer.blob[i];
		while (count-- > 0)
			mutate(&rng, total);
		if (rng_below(&rng, 16) == 0) {
			size = rng_below(&rng, total);
			fdt_poke(mutant, FDT_TOTALSIZE, (uint32_t)size);
		}
		good += fdt_probe(mutant, size) == VMM_OK;
	}
	/* The mutations are neither all fatal nor all without effect. */
	CHECK(good > ROUNDS / 20 && good < ROUNDS * test_factor * 19 / 20);
}

/* Trees made of random tokens: the grammar is met from the other side. */
TEST(fuzz_fdt_random_tokens)
{
	struct rng rng = {test_seed};
	size_t good = 0;

	for (uint64_t round = 0; round < ROUNDS / 4 * test_factor; round++) {
		uint64_t count = rng_below(&rng, 12);
		uint64_t open = 0;

		fdt_start(&writer);
		fdt_structure(&writer);
		while (count-- > 0 || open > 0) {
			uint64_t pick = rng_below(&rng, 32);

			if (count > 12)
				pick = 31;
			if (pick < 12) {
				fdt_begin(&writer, open == 0 ? "" : "n@1");
				open++;
			} else if (pick < 18) {
				fdt_text(&writer, "device_type", "memory");
			} else if (pick < 20) {
				fdt_word(&writer, 4);
			} else if (pick == 20) {
				fdt_word(&writer, odd_word(&rng));
			} else {
				fdt_end(&writer);
				open -= open > 0;
			}
			if (writer.used > 1024)
				break;
		}
		good += fdt_probe(writer.blob, fdt_finish(&writer)) == VMM_OK;
	}
	CHECK(good > 100);
}

#endif
