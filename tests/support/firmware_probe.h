/* SPDX-License-Identifier: MIT */
/*
 * Give any bytes to any reader of firmware memory maps, and hold the result
 * against a second reading of the same bytes, written apart from the first.
 */
#ifndef FIRMWARE_PROBE_H
#define FIRMWARE_PROBE_H

#include <vmm/firmware.h>

enum fw_format { FW_UEFI, FW_E820, FW_LIMINE, FW_MULTIBOOT2, FW_FORMATS };

/* No input given to fw_probe() is larger. */
#define FW_PROBE_MAX 8192

struct fw_input {
	enum fw_format format;
	const unsigned char *bytes;
	size_t size;
	size_t unit;	  /* UEFI, E820: size of an entry, as claimed */
	size_t count;	  /* E820: number of entries, as claimed */
	uint32_t version; /* UEFI */
};

/*
 * The bytes are copied to the very end of an array, so that reading one too
 * many is seen by the address sanitizer. Checked are: the error; that an error
 * changes nothing; on success, that the map is the one that the statements make
 * in reverse order; and that one range of room less is refused.
 *
 * Limine's entries are the input in pieces of 24 bytes; a rest is not used, and
 * an entry of base UINT64_MAX stands for a NULL pointer.
 *
 * Returns what the reader said.
 */
int fw_probe(const struct fw_input *input);

#endif /* FIRMWARE_PROBE_H */
