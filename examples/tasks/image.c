/* SPDX-License-Identifier: MIT */
/*
 * Files as memory: an object for each part of a program, which the library asks
 * for pages one by one. What a process writes to is a copy of its own, so the
 * objects stay as the file is.
 */
#include "image.h"

#include "console.h"
#include "kernel.h"
#include "lock.h"
#include "sbi.h"
#include "supply.h"

/* In programs.S, in the order of enum program. */
#define ALL(DO)     \
	DO(abuse)   \
	DO(cow)     \
	DO(deep)    \
	DO(exec)    \
	DO(faults)  \
	DO(heap)    \
	DO(image)   \
	DO(kinds)   \
	DO(protect) \
	DO(race)    \
	DO(share)   \
	DO(swap)    \
	DO(tree)

#define DECLARE(name) \
	extern SYMBOL const uint8_t program_##name[], program_##name##_end[];
ALL(DECLARE)

/* A program's name, and where it is. */
struct program_file {
	const char *name;
	const uint8_t *start;
	const uint8_t *end;
};

#define FILE(name) {#name, program_##name, program_##name##_end},
static const struct program_file files[PROGRAMS] = {ALL(FILE)};

static struct image images[PROGRAMS];
static uint32_t taken;

/* A page of a part: zeros, the file's bytes as far as it has any, zeros. */
static int fill(
	void *ctx, struct vmm_object *object, uint64_t offset, vmm_pa_t pa)
{
	const struct image *image = ctx;
	const struct elf_part *part =
		&image->elf.parts[object - image->objects];
	uint8_t *page = __va(pa);

	for (uint64_t i = 0; i < VMM_PAGE_SIZE; i++) {
		const uint64_t at = offset + i - part->lead;

		if (at < part->bytes)
			page[i] = image->file[part->offset + at];
	}
	/* What was data is fetched from now on, by any hart. */
	if ((part->prot & VMM_PT_EXEC) != 0)
		sbi_fence_instructions();
	return VMM_OK;
}

static void check(int err, const char *name)
{
	expect(err == VMM_OK, "program %s: %s", name, vmm_err_name(err));
}

static void open(struct image *image, const struct program_file *file)
{
	static const struct vmm_lock lock = {
		lock_acquire, lock_release, &taken};
	const struct vmm_layout_area *user = kernel_area(VMM_ROW_USER);
	const struct elf_window window = {user->base, user->size};

	image->name = file->name;
	image->file = file->start;
	image->config = (struct vmm_object_config){.name = file->name,
		.pages = &supply.pages,
		.frames = &supply.frames,
		.lock = &lock,
		.offset = kernel.dmap_base,
		.fill = fill,
		.ctx = image};
	check(elf_read(file->start, (uint64_t)(file->end - file->start),
		      &window, &image->elf),
		file->name);
	for (size_t i = 0; i < image->elf.count; i++) {
		if (image->elf.parts[i].bytes > 0)
			check(vmm_object_init(&image->objects[i],
				      &image->config, image->elf.parts[i].size),
				file->name);
	}
}

void images_open(void)
{
	for (size_t i = 0; i < PROGRAMS; i++)
		open(&images[i], &files[i]);
}

void images_close(void)
{
	for (size_t i = 0; i < PROGRAMS; i++) {
		for (size_t k = 0; k < images[i].elf.count; k++) {
			if (images[i].elf.parts[k].bytes > 0)
				vmm_object_put(&images[i].objects[k]);
		}
	}
}

struct image *image_find(uint64_t program)
{
	return program < PROGRAMS ? &images[program] : NULL;
}
