/* SPDX-License-Identifier: MIT */
#include "support/fdt_writer.h"

#define HEADER_SIZE 40

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n] != '\0')
		n++;
	return n;
}

void fdt_poke(unsigned char *blob, size_t at, uint32_t word)
{
	for (unsigned i = 0; i < 4; i++)
		blob[at + i] = (unsigned char)(word >> (24 - 8 * i));
}

uint32_t fdt_peek(const unsigned char *blob, size_t at)
{
	uint32_t word = 0;

	for (unsigned i = 0; i < 4; i++)
		word = word << 8 | blob[at + i];
	return word;
}

void fdt_word(struct fdt_writer *w, uint32_t word)
{
	CHECK(w->used + 4 <= sizeof(w->blob));
	fdt_poke(w->blob, w->used, word);
	w->used += 4;
}

static void bytes(struct fdt_writer *w, const void *data, size_t size)
{
	const unsigned char *from = data;

	CHECK(w->used + size + 4 <= sizeof(w->blob));
	for (size_t i = 0; i < size; i++)
		w->blob[w->used++] = from[i];
	while (w->used % 4 != 0)
		w->blob[w->used++] = 0;
}

void fdt_start(struct fdt_writer *w)
{
	w->used = HEADER_SIZE;
	w->strings_used = 0;
}

void fdt_reserve(struct fdt_writer *w, uint64_t base, uint64_t size)
{
	fdt_word(w, (uint32_t)(base >> 32));
	fdt_word(w, (uint32_t)base);
	fdt_word(w, (uint32_t)(size >> 32));
	fdt_word(w, (uint32_t)size);
}

void fdt_structure(struct fdt_writer *w)
{
	fdt_reserve(w, 0, 0);
	w->struct_at = w->used;
}

void fdt_begin(struct fdt_writer *w, const char *name)
{
	fdt_word(w, BEGIN_NODE);
	bytes(w, name, length(name) + 1);
}

void fdt_end(struct fdt_writer *w)
{
	fdt_word(w, END_NODE);
}

/* The offset of a name among the strings; each is stored once. */
static uint32_t string_at(struct fdt_writer *w, const char *name)
{
	size_t size = length(name) + 1;
	size_t at = 0;

	while (at < w->strings_used) {
		size_t i = 0;

		while (i < size && w->strings[at + i] == name[i])
			i++;
		if (i == size)
			return (uint32_t)at;
		at += length(w->strings + at) + 1;
	}
	CHECK(at + size <= sizeof(w->strings));
	for (size_t i = 0; i < size; i++)
		w->strings[w->strings_used++] = name[i];
	return (uint32_t)at;
}

void fdt_prop(
	struct fdt_writer *w, const char *name, const void *value, size_t size)
{
	fdt_word(w, PROP);
	fdt_word(w, (uint32_t)size);
	fdt_word(w, string_at(w, name));
	bytes(w, value, size);
}

void fdt_text(struct fdt_writer *w, const char *name, const char *text)
{
	fdt_prop(w, name, text, length(text) + 1);
}

void fdt_cells(struct fdt_writer *w, const char *name, size_t count,
	const uint32_t *cells)
{
	fdt_word(w, PROP);
	fdt_word(w, (uint32_t)(4 * count));
	fdt_word(w, string_at(w, name));
	for (size_t i = 0; i < count; i++)
		fdt_word(w, cells[i]);
}

size_t fdt_finish(struct fdt_writer *w)
{
	size_t strings_at;

	fdt_word(w, END);
	strings_at = w->used;
	bytes(w, w->strings, w->strings_used);
	w->used = strings_at + w->strings_used;
	fdt_poke(w->blob, FDT_MAGIC, 0xd00dfeed);
	fdt_poke(w->blob, FDT_TOTALSIZE, (uint32_t)w->used);
	fdt_poke(w->blob, FDT_OFF_STRUCT, (uint32_t)w->struct_at);
	fdt_poke(w->blob, FDT_OFF_STRINGS, (uint32_t)strings_at);
	fdt_poke(w->blob, FDT_OFF_RESERVE, HEADER_SIZE);
	fdt_poke(w->blob, FDT_VERSION, 17);
	fdt_poke(w->blob, FDT_LAST_COMP, 16);
	fdt_poke(w->blob, FDT_BOOT_CPU, 1);
	fdt_poke(w->blob, FDT_SIZE_STRINGS, (uint32_t)w->strings_used);
	fdt_poke(w->blob, FDT_SIZE_STRUCT,
		(uint32_t)(strings_at - w->struct_at));
	return w->used;
}

static void sample_memory(struct fdt_writer *w)
{
	fdt_begin(w, "memory@80000000");
	fdt_text(w, "device_type", "memory");
	FDT_CELLS(w, "reg", 0, 0x80000000, 0, 0x10000000, 0, 0x90000000, 0, 0,
		0, 0xa0000000, 0, 0x100000);
	fdt_end(w);
	fdt_begin(w, "memory@100000000");
	FDT_CELLS(w, "reg", 1, 0, 0, 0x40000000);
	fdt_text(w, "device_type", "memory");
	fdt_text(w, "status", "okay");
	fdt_end(w);
	fdt_begin(w, "memory@200000000");
	fdt_text(w, "device_type", "memory");
	FDT_CELLS(w, "reg", 2, 0, 0, 0x40000000);
	fdt_text(w, "status", "disabled");
	fdt_end(w);
}

static void sample_reserved(struct fdt_writer *w)
{
	fdt_begin(w, "reserved-memory");
	FDT_CELLS(w, "#address-cells", 2);
	FDT_CELLS(w, "#size-cells", 1);
	fdt_prop(w, "ranges", "", 0);
	fdt_begin(w, "mmode@80000000");
	FDT_CELLS(w, "reg", 0, 0x80000000, 0x80000);
	fdt_prop(w, "no-map", "", 0);
	fdt_end(w);
	fdt_begin(w, "frame@88000000");
	FDT_CELLS(w, "reg", 0, 0x88000000, 0x200000, 0, 0x89000000, 0x1000);
	fdt_end(w);
	fdt_begin(w, "cma");
	fdt_prop(w, "reusable", "", 0);
	FDT_CELLS(w, "reg", 0, 0x8a000000, 0x400000);
	fdt_end(w);
	fdt_begin(w, "anywhere");
	FDT_CELLS(w, "size", 0x400000);
	fdt_end(w);
	fdt_end(w);
}

static void sample_cpu(
	struct fdt_writer *w, uint32_t id, const char *mode, const char *status)
{
	char name[] = "cpu@0";

	name[4] = (char)('0' + id);
	fdt_begin(w, name);
	fdt_text(w, "device_type", "cpu");
	FDT_CELLS(w, "reg", id);
	fdt_text(w, "mmu-type", mode);
	fdt_text(w, "status", status);
	fdt_begin(w, "interrupt-controller");
	fdt_prop(w, "interrupt-controller", "", 0);
	fdt_end(w);
	fdt_end(w);
}

size_t fdt_sample(struct fdt_writer *w)
{
	fdt_start(w);
	fdt_reserve(w, 0x8fff0000, 0x10000);
	fdt_reserve(w, 0x8fe00000, 0);
	fdt_reserve(w, 0x81000000, 0x1234);
	fdt_structure(w);
	fdt_word(w, NOP);
	fdt_begin(w, "");
	FDT_CELLS(w, "#address-cells", 2);
	fdt_word(w, NOP);
	FDT_CELLS(w, "#size-cells", 2);
	fdt_prop(w, "compatible", "acme,board\0acme,family", 23);
	fdt_begin(w, "chosen");
	fdt_text(w, "bootargs", "mode=sv39 quiet");
	FDT_CELLS(w, "linux,initrd-start", 0x84000000);
	FDT_CELLS(w, "linux,initrd-end", 0, 0x84100001);
	fdt_end(w);
	sample_memory(w);
	fdt_word(w, NOP);
	sample_reserved(w);
	fdt_begin(w, "cpus");
	FDT_CELLS(w, "#address-cells", 1);
	FDT_CELLS(w, "#size-cells", 0);
	sample_cpu(w, 0, "riscv,sv32", "disabled");
	sample_cpu(w, 1, "riscv,sv57", "okay");
	sample_cpu(w, 3, "riscv,sv48", "okay");
	fdt_begin(w, "cpu-map");
	fdt_end(w);
	fdt_end(w);
	fdt_end(w);
	fdt_word(w, NOP);
	return fdt_finish(w);
}
