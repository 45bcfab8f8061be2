/* SPDX-License-Identifier: MIT */
/*
 * Any bytes at all as firmware memory maps of all four formats. With VMM_FUZZ
 * this file is a libFuzzer target; without, it replays seeded mutations of good
 * maps.
 *
 * An input of libFuzzer starts with four bytes that say what the caller would:
 * the format, the size of an entry, their number, the version.
 */
#include "support/firmware_maps.h"
#include "support/firmware_probe.h"
#include "support/test.h"

#ifdef VMM_FUZZ

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fw_input input;

	if (size < 4 || size - 4 > FW_PROBE_MAX)
		return 0;
	input.format = (enum fw_format)(data[0] % FW_FORMATS);
	input.bytes = data + 4;
	input.size = size - 4;
	input.unit = data[1];
	input.count = data[2];
	input.version = data[3];
	(void)fw_probe(&input);
	return 0;
}

#else

#define ROUNDS 30000

static struct fw_info info;
static unsigned char mutant[FW_PROBE_MAX];

/* Numbers that mean something somewhere in a map. */
static uint64_t odd_number(struct rng *rng)
{
	static const uint64_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16,
		17, 18, 20, 24, 40, 48, 0x1000, 0x70000000, 0x80000000,
		UINT32_MAX, UINT32_MAX - 6, UINT64_C(1) << 32,
		UINT64_C(1) << 52, UINT64_C(1) << 63, UINT64_MAX - 0xfff,
		UINT64_MAX};
	uint64_t pick = rng_below(rng, 40);

	if (pick < sizeof(numbers) / sizeof(numbers[0]))
		return numbers[pick];
	return pick < 36 ? rng_below(rng, 4096) : rng_next(rng);
}

static void mutate(struct rng *rng, size_t size)
{
	size_t at = rng_below(rng, size);
	size_t word = at & ~(size_t)3;
	size_t from = rng_below(rng, size) & ~(size_t)3;
	size_t count = 4 * (1 + rng_below(rng, 12));

	switch (rng_below(rng, 5)) {
	case 0:
		mutant[at] ^= (unsigned char)(1 << rng_below(rng, 8));
		break;
	case 1:
		mutant[at] = (unsigned char)rng_next(rng);
		break;
	case 2:
		if (word + 4 <= size)
			fw_put32(mutant + word, (uint32_t)odd_number(rng));
		break;
	case 3:
		if (word + 8 <= size)
			fw_put64(mutant + word, odd_number(rng));
		break;
	default:
		/* Copy a piece elsewhere: overlaps, tags in wrong places. */
		for (size_t i = 0; i < count; i++) {
			if (word + i < size && from + i < size)
				mutant[word + i] = mutant[from + i];
		}
	}
}

/* A good map of the format, to start from. */
static void good_input(struct rng *rng, struct fw_input *input)
{
	const uint64_t pick = rng_below(rng, 2);

	*input = (struct fw_input){.bytes = mutant, .version = 1};
	input->format = (enum fw_format)rng_below(rng, FW_FORMATS);
	if (input->format == FW_UEFI) {
		input->unit = pick == 0 ? 40 : 48;
		input->size =
			fw_put_uefi(mutant, fw_q35, fw_q35_count, input->unit);
	} else if (input->format == FW_E820) {
		input->unit = pick == 0 ? 20 : 24;
		input->count = fw_pc_count;
		input->size =
			fw_put_e820(mutant, fw_pc, fw_pc_count, input->unit);
	} else if (input->format == FW_LIMINE) {
		input->size = 24 * fw_limine_count;
		for (size_t i = 0; i < fw_limine_count; i++) {
			fw_put64(mutant + 24 * i, fw_limine[i].base);
			fw_put64(mutant + 24 * i + 8, fw_limine[i].size);
			fw_put64(mutant + 24 * i + 16, fw_limine[i].type);
		}
	} else {
		input->size = fw_grub(&info, pick == 0);
		for (size_t i = 0; i < input->size; i++)
			mutant[i] = info.data[i];
	}
}

/* One to eight mutations of a good map, and now and then a cut or a lie. */
TEST(fuzz_firmware_mutations)
{
	struct rng rng = {test_seed};
	size_t good[FW_FORMATS] = {0};
	size_t all[FW_FORMATS] = {0};

	for (uint64_t round = 0; round < ROUNDS * test_factor; round++) {
		uint64_t mutations = 1 + rng_below(&rng, 8);
		struct fw_input input;

		good_input(&rng, &input);
		while (mutations-- > 0)
			mutate(&rng, input.size);
		if (rng_below(&rng, 16) == 0)
			input.size = rng_below(&rng, input.size);
		if (rng_below(&rng, 16) == 0)
			input.unit = odd_number(&rng);
		if (rng_below(&rng, 16) == 0)
			input.count = odd_number(&rng);
		if (rng_below(&rng, 32) == 0)
			input.version = (uint32_t)odd_number(&rng);
		good[input.format] += fw_probe(&input) == VMM_OK;
		all[input.format]++;
	}
	/* The mutations are neither all fatal nor all without effect. */
	for (unsigned i = 0; i < FW_FORMATS; i++)
		CHECK(good[i] > all[i] / 10 && good[i] < all[i] * 99 / 100);
}

/* Tags and entries from nothing: the formats are met from the other side. */
TEST(fuzz_firmware_random_tags)
{
	static const uint32_t types[] = {0, 1, 3, 3, 4, 6, 6, 8, 17, 17, 18};
	struct rng rng = {test_seed};
	size_t good = 0;

	for (uint64_t round = 0; round < ROUNDS * test_factor; round++) {
		uint64_t count = rng_below(&rng, 6);
		struct fw_input input = {.format = FW_MULTIBOOT2};

		fw_start(&info);
		while (count-- > 0) {
			uint32_t type = types[rng_below(
				&rng, sizeof(types) / sizeof(types[0]) -
					      (rng_below(&rng, 8) != 0))];
			size_t size = rng_below(&rng, 26) * 8;
			unsigned char *data;

			if (type == 0 && rng_below(&rng, 8) != 0)
				type = 2;
			if (rng_below(&rng, 4) == 0)
				size += rng_below(&rng, 8);
			data = fw_tag(&info, type, size);
			for (size_t i = 0; i + 8 <= size; i += 8)
				fw_put64(data + i, odd_number(&rng));
			if (size >= 8 && (type == 6 || type == 17))
				fw_put32(data, type == 6 ? 24 : 48);
			if (size >= 8 && type == 17)
				fw_put32(data + 4, 1);
		}
		input.size = fw_finish(&info);
		input.bytes = info.data;
		good += fw_probe(&input) == VMM_OK;
	}
	CHECK(good > ROUNDS / 100);
}

#endif
