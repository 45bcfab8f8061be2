/* SPDX-License-Identifier: MIT */
/*
 * Firmware memory maps: Multiboot2 Specification 2.0, 3.6 Boot information.
 *
 * The information is a size, then tags, each at a multiple of 8 from the
 * start, the last one of type 0:
 *
 *	+------------+----------+------+------+-----------+-----+------+------+
 *	| total size | reserved | type | size | data  pad | ... |   0  |   8  |
 *	+------------+----------+------+------+-----------+-----+------+------+
 *	0            4          8
 *
 * tag_at() decodes one tag and is the only code that finds out where a tag
 * lies. Sizes are compared by subtraction from what is left, which cannot
 * wrap. A tag takes at least 8 bytes, so every walk ends.
 */
#include "boot/firmware_internal.h"

#define INFO_HEADER 8  /* bytes before the first tag */
#define INFO_MIN    16 /* the header and the last tag */

#define TAG_TYPE   0
#define TAG_SIZE   4
#define TAG_HEADER 8

/* Decode the tag at an offset. VMM_OK, or VMM_EINVAL if it does not fit. */
static int tag_at(const struct vmm_multiboot2 *mb, uint32_t at,
	struct vmm_multiboot2_tag *tag)
{
	const uint32_t left = mb->size - at;
	const unsigned char *data = mb->info + at;
	uint32_t size;
	uint32_t pad;

	VMM_ASSERT(at <= mb->size);
	VMM_ASSERT((at & 7) == 0);

	if (left < TAG_HEADER)
		return VMM_EINVAL;
	size = vmm_firmware_le32(data + TAG_SIZE);
	if (size < TAG_HEADER || size > left)
		return VMM_EINVAL;
	pad = (8 - (size & 7)) & 7;
	if (pad > left - size)
		return VMM_EINVAL;
	tag->data = data;
	tag->type = vmm_firmware_le32(data + TAG_TYPE);
	tag->size = size;
	tag->next = at + size + pad;
	return VMM_OK;
}

int vmm_multiboot2_size(const void *info, size_t max, size_t *size_out)
{
	uint32_t size;

	VMM_ASSERT(info != NULL);
	VMM_ASSERT(size_out != NULL);

	if (max < INFO_HEADER)
		return VMM_ERANGE;
	size = vmm_firmware_le32(info);
	if (size < INFO_MIN)
		return VMM_EINVAL;
	if (size > max)
		return VMM_ERANGE;
	*size_out = size;
	return VMM_OK;
}

int vmm_multiboot2_init(
	struct vmm_multiboot2 *mb, const void *info, size_t size)
{
	struct vmm_multiboot2_tag tag = {.next = INFO_HEADER};
	struct vmm_multiboot2 found;
	size_t total;
	int err;

	VMM_ASSERT(mb != NULL);

	err = vmm_multiboot2_size(info, size, &total);
	if (err)
		return err;
	found.info = info;
	found.size = (uint32_t)total;
	do {
		err = tag_at(&found, tag.next, &tag);
		if (err)
			return err;
	} while (tag.type != VMM_MULTIBOOT2_END);
	if (tag.size != TAG_HEADER)
		return VMM_EINVAL;
	*mb = found;
	return VMM_OK;
}

bool vmm_multiboot2_tag_next(
	const struct vmm_multiboot2 *mb, struct vmm_multiboot2_tag *tag)
{
	struct vmm_multiboot2_tag found;

	VMM_ASSERT(mb->size >= INFO_MIN);

	if (tag_at(mb, tag->data == NULL ? INFO_HEADER : tag->next, &found) !=
		VMM_OK)
		return false;
	if (found.type == VMM_MULTIBOOT2_END)
		return false;
	*tag = found;
	return true;
}
