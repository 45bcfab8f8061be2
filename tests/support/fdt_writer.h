/* SPDX-License-Identifier: MIT */
/*
 * A writer of flattened devicetrees for tests. It writes what it is told,
 * nonsense included: nodes that never end, raw words, lengths that lie. The
 * header is patched afterwards by fdt_poke().
 */
#ifndef FDT_WRITER_H
#define FDT_WRITER_H

#include "support/test.h"

#define FDT_WRITER_MAX	       16384
#define FDT_WRITER_STRINGS_MAX 1024

/* Header fields, as byte offsets for fdt_poke(). */
enum {
	FDT_MAGIC = 0,
	FDT_TOTALSIZE = 4,
	FDT_OFF_STRUCT = 8,
	FDT_OFF_STRINGS = 12,
	FDT_OFF_RESERVE = 16,
	FDT_VERSION = 20,
	FDT_LAST_COMP = 24,
	FDT_BOOT_CPU = 28,
	FDT_SIZE_STRINGS = 32,
	FDT_SIZE_STRUCT = 36
};

struct fdt_writer {
	size_t used; /* of blob */
	size_t struct_at;
	size_t strings_used;
	uint64_t align; /* the blob starts on 8 bytes */
	unsigned char blob[FDT_WRITER_MAX];
	char strings[FDT_WRITER_STRINGS_MAX];
};

/* Start a tree. Reservations come first, then one fdt_structure(). */
void fdt_start(struct fdt_writer *w);
void fdt_reserve(struct fdt_writer *w, uint64_t base, uint64_t size);
void fdt_structure(struct fdt_writer *w); /* ends the reservations */
/* Close the structure block, append the strings, fill the header. */
size_t fdt_finish(struct fdt_writer *w);

void fdt_begin(struct fdt_writer *w, const char *name);
void fdt_end(struct fdt_writer *w);
void fdt_word(struct fdt_writer *w, uint32_t word);
void fdt_prop(
	struct fdt_writer *w, const char *name, const void *value, size_t size);
void fdt_text(struct fdt_writer *w, const char *name, const char *text);
/* A property of @count cells: 1 to 8 of them, the rest is ignored. */
void fdt_cells(struct fdt_writer *w, const char *name, size_t count,
	const uint32_t *cells);
#define FDT_CELLS(w, name, ...)                                   \
	fdt_cells(w, name, sizeof((uint32_t[]){__VA_ARGS__}) / 4, \
		(const uint32_t[]){__VA_ARGS__})

/* Overwrite, or read, a big-endian word of a blob. */
void fdt_poke(unsigned char *blob, size_t at, uint32_t word);
uint32_t fdt_peek(const unsigned char *blob, size_t at);

/*
 * A small tree that has one of everything: three banks in two memory nodes,
 * a disabled one, reservations of all sorts, an initrd, boot arguments, three
 * harts of which one is disabled, NOPs, empty values, a list of strings.
 */
size_t fdt_sample(struct fdt_writer *w);

#endif /* FDT_WRITER_H */
