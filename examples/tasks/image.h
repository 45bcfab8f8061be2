/* SPDX-License-Identifier: MIT */
/*
 * Programs that are in the kernel's image, as ELF files. While images are open,
 * each part of a file is an object, whose pages are read when they are first
 * touched. All processes show the same objects, so text is in memory once.
 */
#ifndef TASKS_IMAGE_H
#define TASKS_IMAGE_H

#include <vmm/space_object.h>

#include "abi.h"
#include "elf.h"

struct image {
	const char *name;
	const uint8_t *file;
	struct elf elf;
	struct vmm_object_config config;
	struct vmm_object objects[ELF_PARTS]; /* of parts with bytes */
};

/* All programs, and the end of them. */
void images_open(void);
void images_close(void);

/* An open image; NULL: there is no such program. */
struct image *image_find(uint64_t program);

#endif /* TASKS_IMAGE_H */
