/* SPDX-License-Identifier: MIT */
/*
 * Break firmware memory maps systematically: cut at every length, and every
 * byte set to values that matter. The probe holds each result against a second
 * reading, so a break is either refused, with the map unchanged, or makes the
 * map that the broken bytes describe.
 */
#include "support/firmware_maps.h"
#include "support/firmware_probe.h"
#include "support/test.h"

static struct fw_info info;
static unsigned char bytes[FW_PROBE_MAX];

/* A good input of each format; the longer variant with @large. */
static struct fw_input make(enum fw_format format, bool large)
{
	struct fw_input input = {
		.format = format, .bytes = bytes, .version = 1};

	if (format == FW_UEFI) {
		input.unit = large ? 48 : 40;
		input.size =
			fw_put_uefi(bytes, fw_q35, fw_q35_count, input.unit);
	} else if (format == FW_E820) {
		input.unit = large ? 24 : 20;
		input.count = fw_pc_count;
		input.size = fw_put_e820(bytes, fw_pc, fw_pc_count, input.unit);
	} else if (format == FW_LIMINE) {
		input.size = 24 * fw_limine_count;
		for (size_t i = 0; i < fw_limine_count; i++) {
			fw_put64(bytes + 24 * i, fw_limine[i].base);
			fw_put64(bytes + 24 * i + 8, fw_limine[i].size);
			fw_put64(bytes + 24 * i + 16, fw_limine[i].type);
		}
	} else {
		input.size = fw_grub(&info, large);
		for (size_t i = 0; i < input.size; i++)
			bytes[i] = info.data[i];
	}
	CHECK_EQ(fw_probe(&input), VMM_OK);
	return input;
}

/*
 * Cut at every length. What is refused is exactly what does not end at an
 * entry's end, or has fewer than it claims.
 */
TEST(corrupt_firmware_truncated)
{
	for (unsigned i = 0; i < 2 * FW_FORMATS; i++) {
		struct fw_input input =
			make((enum fw_format)(i / 2), i % 2 != 0);
		const size_t size = input.size;

		while (input.size-- > 0) {
			int err = fw_probe(&input);

			if (input.size == 0 && input.format == FW_UEFI)
				CHECK_EQ(err, VMM_ENOENT);
			else if (input.format == FW_UEFI)
				CHECK_EQ(err, input.size % input.unit == 0
						      ? VMM_OK
						      : VMM_EINVAL);
			else if (input.format != FW_LIMINE)
				CHECK_EQ(err, VMM_ERANGE);
		}
		CHECK(size >= 400);
	}
}

/* Boot information that says itself that it is shorter. */
TEST(corrupt_firmware_truncated_info)
{
	struct fw_input input = make(FW_MULTIBOOT2, true);

	while (input.size-- > 8) {
		fw_put32(bytes, (uint32_t)input.size);
		CHECK_EQ(fw_probe(&input), VMM_EINVAL);
	}
}

/* Every byte, in five ways. */
TEST(corrupt_firmware_every_byte)
{
	for (unsigned i = 0; i < 2 * FW_FORMATS; i++) {
		const struct fw_input input =
			make((enum fw_format)(i / 2), i % 2 != 0);
		size_t refused = 0;

		for (size_t at = 0; at < input.size; at++) {
			const unsigned char good = bytes[at];
			const unsigned char bad[] = {0, 0xff,
				(unsigned char)(good + 1),
				(unsigned char)(good ^ 0x80),
				(unsigned char)(good ^ 8)};

			for (size_t k = 0; k < sizeof(bad); k++) {
				bytes[at] = bad[k];
				refused += fw_probe(&input) != VMM_OK;
			}
			bytes[at] = good;
		}
		/* One byte cannot make a range of E820 or Limine wrap. */
		CHECK_EQ(refused > 0, input.format == FW_UEFI ||
					      input.format == FW_MULTIBOOT2);
		CHECK(refused < input.size * 5 / 2);
		CHECK_EQ(fw_probe(&input), VMM_OK);
	}
}

/* Every aligned word at its largest: sums and products that wrap. */
TEST(corrupt_firmware_every_word)
{
	static const uint32_t words[] = {0, 1, 7, 0x7fffffff, 0x80000000,
		UINT32_MAX - 7, UINT32_MAX - 6, UINT32_MAX};

	for (unsigned i = 0; i < 2 * FW_FORMATS; i++) {
		struct fw_input input =
			make((enum fw_format)(i / 2), i % 2 != 0);

		for (size_t at = 0; at + 4 <= input.size; at += 4) {
			for (size_t k = 0; k < FW_ENTRIES(words); k++) {
				unsigned char good[4];

				for (size_t j = 0; j < 4; j++)
					good[j] = bytes[at + j];
				fw_put32(bytes + at, words[k]);
				(void)fw_probe(&input);
				for (size_t j = 0; j < 4; j++)
					bytes[at + j] = good[j];
			}
		}
		CHECK_EQ(fw_probe(&input), VMM_OK);
	}
}
