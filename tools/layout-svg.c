/* SPDX-License-Identifier: MIT */
/*
 * layout-svg NAME
 *
 * Draw a standard layout as an SVG picture on standard output. NAME is sv39,
 * sv48, sv57 or x86_64. The committed pictures in docs/ come from here, and a
 * test compares them.
 *
 * The highest address is on top. Heights grow with the logarithm of the size:
 * in proportion, only two of twelve areas would be visible. All coordinates are
 * integers, so that every machine draws the same bytes.
 */
#include <vmm/layouts.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WIDTH	  860
#define TOP	  104 /* below title and subtitle */
#define BOTTOM	  58  /* for the footer */
#define BOX_X	  238
#define BOX_W	  190
#define SIZE_X	  446
#define NOTE_X	  536
#define BRACKET_X 58

#define GAP_FREE 34 /* heights of what has no size to speak of */
#define GAP_HOLE 64

struct picture {
	char name[8];
	char title[32];
	char note[96];
	unsigned va_bits;
};

static const struct picture pictures[] = {
	{"sv39", "RISC-V Sv39",
		"three levels of tables, 39-bit virtual addresses", 39},
	{"sv48", "RISC-V Sv48",
		"four levels of tables, 48-bit virtual addresses", 48},
	{"sv57", "RISC-V Sv57",
		"five levels of tables, 57-bit virtual addresses", 57},
	{"x86_64", "x86-64",
		"four levels of tables, 48-bit virtual addresses as in Sv48",
		48},
};

/* A kind of area: its colours, light for the box and dark for the edge. */
struct colour {
	uint32_t kind;
	char fill[16];
	char edge[8];
};

static const struct colour colours[] = {
	{VMM_AREA_OTHER, "#eceff1", "#78909c"},
	{VMM_AREA_USER, "#dcedc8", "#7cb342"},
	{VMM_AREA_IMAGE, "#ffcdd2", "#e53935"},
	{VMM_AREA_DIRECT, "#bbdefb", "#1e88e5"},
	{VMM_AREA_IO, "#ffe0b2", "#fb8c00"},
	{VMM_AREA_META, "#d1c4e9", "#7e57c2"},
	{VMM_AREA_HEAP, "#b2dfdb", "#00897b"},
	{VMM_AREA_STACK, "#fff3c4", "#e0a800"},
	{VMM_AREA_CPU, "#f8bbd0", "#d81b60"},
	{VMM_AREA_MODULES, "#ffe4e1", "#ef7f78"},
	{VMM_AREA_GUARD, "url(#guard)", "#607d8b"},
};

/* What each row is for, in a few words. */
static const char notes[VMM_ROW_COUNT][64] = {
	[VMM_ROW_NULL_GUARD] = "null pointers and small offsets fault",
	[VMM_ROW_USER] = "tasks",
	[VMM_ROW_USER_GUARD] = "what runs off the end of user space faults",
	[VMM_ROW_DIRECT] = "all physical memory: pa = va \xe2\x88\x92 base",
	[VMM_ROW_FRAMES] = "64 bytes for each frame of the direct map",
	[VMM_ROW_IO] = "device registers and PCIe windows",
	[VMM_ROW_HEAP] = "addresses that an arena hands out",
	[VMM_ROW_STACKS] = "call stacks between guard pages",
	[VMM_ROW_CPU] = "the hart\xe2\x80\x99s own memory, at one address",
	[VMM_ROW_IMAGE] = "the kernel, linked here for every mode",
	[VMM_ROW_MODULES] = "code loaded later, in reach of the image",
	[VMM_ROW_ERROR_GUARD] = "error codes taken for pointers fault",
};

static const struct colour *colour_of(uint32_t kind)
{
	for (size_t i = 1; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (colours[i].kind == kind)
			return &colours[i];
	}
	return &colours[0];
}

/* 32 pixels for anything small, then 2 for each doubling beyond a MiB. */
static int height_of(uint64_t size)
{
	int height = 32;

	for (; size > VMM_MIB(1); size >>= 1)
		height += 2;
	return height;
}

/* "64 KiB", "1022 MiB"; with a decimal where no unit divides it: "63.8 PiB". */
static void put_size(uint64_t size)
{
	static const char units[][4] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t tenths;
	unsigned unit = 0;
	unsigned exact = 0;

	while (exact < 6 && size >> (10 * exact) << (10 * exact) == size &&
		(size >> (10 * exact)) % 1024 == 0)
		exact++;
	if (size >> (10 * exact) < 10000) {
		printf("%" PRIu64 " %s", size >> (10 * exact), units[exact]);
		return;
	}
	while (size >> (10 * unit) >= 1024)
		unit++;
	/* Half a tenth is a 20th: (size * 10 + half a unit) / unit. */
	tenths = ((size >> (10 * unit - 10)) * 10 + 512) / 1024;
	if (tenths % 10 == 0)
		printf("~%" PRIu64 " %s", tenths / 10, units[unit]);
	else
		printf("~%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
			units[unit]);
}

/* An address in groups of four digits beside a border of two boxes. */
static void put_address(int y, vmm_va_t va)
{
	printf("<path class=\"tick\" d=\"M%d %dh-7\"/>", BOX_X, y);
	printf("<text class=\"va\" x=\"%d\" y=\"%d\">%04" PRIx64, BOX_X - 11,
		y + 4, va >> 48);
	for (int shift = 32; shift >= 0; shift -= 16)
		printf("<tspan dx=\"4\">%04" PRIx64 "</tspan>",
			va >> shift & 0xffff);
	printf("</text>\n");
}

/* The text right of a box: how much, and what for. */
static void put_note(int y, uint64_t size, const char *note)
{
	printf("<text class=\"size\" x=\"%d\" y=\"%d\">", SIZE_X, y + 4);
	put_size(size);
	printf("</text><text class=\"note\" x=\"%d\" y=\"%d\">%s</text>\n",
		NOTE_X, y + 4, note);
}

static int draw_area(int y, const struct vmm_layout_area *area, size_t row)
{
	const struct colour *colour = colour_of(area->kind);
	int height = height_of(area->size);
	int middle = y + height / 2;

	printf("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
	       "fill=\"%s\" stroke=\"%s\"/>",
		BOX_X, y, BOX_W, height, colour->fill, colour->edge);
	printf("<rect x=\"%d\" y=\"%d\" width=\"6\" height=\"%d\" "
	       "fill=\"%s\"/>",
		BOX_X, y, height, colour->edge);
	printf("<text class=\"name\" x=\"%d\" y=\"%d\">%.*s</text>\n",
		BOX_X + BOX_W / 2 + 3, middle + 5, VMM_LAYOUT_NAME_SIZE,
		area->name);
	put_note(middle, area->size, notes[row]);
	return y + height;
}

static int draw_free(int y, uint64_t size)
{
	printf("<rect class=\"free\" x=\"%d\" y=\"%d\" width=\"%d\" "
	       "height=\"%d\"/>\n",
		BOX_X, y, BOX_W, GAP_FREE);
	put_note(y + GAP_FREE / 2, size, "free");
	return y + GAP_FREE;
}

/* Both edges of the hole are torn: what is between does not exist. */
static void draw_tear(int y, int direction)
{
	printf("<path class=\"tear\" d=\"M%d %d", BOX_X, y);
	for (int i = 0; i < 19; i++)
		printf("l5 %dl5 %d", 7 * direction, -7 * direction);
	printf("\"/>\n");
}

static int draw_hole(int y, unsigned va_bits)
{
	draw_tear(y, 1);
	draw_tear(y + GAP_HOLE, -1);
	printf("<text class=\"hole\" x=\"%d\" y=\"%d\">no %u-bit "
	       "addresses</text>\n",
		BOX_X + BOX_W / 2, y + GAP_HOLE / 2 + 4, va_bits);
	return y + GAP_HOLE;
}

/* One of the two halves, named along its side. */
static void draw_bracket(int top, int bottom, const char *text)
{
	int middle = (top + bottom) / 2;

	printf("<path class=\"bracket\" d=\"M%d %dh-8V%dh8\"/>", BRACKET_X, top,
		bottom);
	printf("<text class=\"half\" x=\"%d\" y=\"%d\" "
	       "transform=\"rotate(-90 %d %d)\">%s</text>\n",
		BRACKET_X - 18, middle, BRACKET_X - 18, middle, text);
}

/* The rows of one half, [first, count) downwards. Returns the lowest y. */
static int draw_half(int y, const struct vmm_layout *layout, size_t first,
	size_t count, vmm_va_t last, const char *name)
{
	int top = y;

	put_address(y, last);
	for (size_t row = first + count; row-- > first;) {
		const struct vmm_layout_area *area = &layout->areas[row];
		vmm_va_t area_last = vmm_range_last(area->base, area->size);

		if (area_last != last) {
			y = draw_free(y, last - area_last);
			put_address(y, area_last + 1);
		}
		y = draw_area(y, area, row);
		put_address(y, area->base);
		last = area->base - 1;
	}
	draw_bracket(top, y, name);
	return y;
}

/* All rows, which are sorted: the direct map is the first of its half. */
static int draw_rows(const struct vmm_layout *layout)
{
	const size_t low = VMM_ROW_DIRECT;
	int y;

	y = draw_half(TOP, layout, low, layout->count - low, UINT64_MAX,
		"upper half: the kernel");
	y = draw_hole(y, layout->va_bits);
	return draw_half(y, layout, 0, low, -layout->areas[low].base - 1,
		"lower half: the task");
}

/* The picture's height, which has to be known before it is drawn. */
static int height_of_rows(const struct vmm_layout *layout)
{
	int height = GAP_HOLE + 2 * GAP_FREE; /* as in every standard layout */

	for (size_t row = 0; row < layout->count; row++)
		height += height_of(layout->areas[row].size);
	return height;
}

static void put_head(const struct picture *picture, int height)
{
	printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
	       "height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n",
		WIDTH, height, WIDTH, height);
	printf("<title>Address space layout for %s</title>\n", picture->title);
	fputs("<defs><pattern id=\"guard\" width=\"9\" height=\"9\" "
	      "patternUnits=\"userSpaceOnUse\" "
	      "patternTransform=\"rotate(45)\"><rect width=\"9\" height=\"9\" "
	      "fill=\"#f5f7f8\"/><rect width=\"3\" height=\"9\" "
	      "fill=\"#dde3e6\"/></pattern></defs>\n"
	      "<style>\n"
	      "text { font: 13px 'Segoe UI', Helvetica, Arial, "
	      "'DejaVu Sans', sans-serif; fill: #263238 }\n"
	      ".title { font-size: 24px; font-weight: 600 }\n"
	      ".sub { font-size: 14px; fill: #607d8b }\n"
	      ".name { font-weight: 600; text-anchor: middle }\n"
	      ".va, .size { font-family: ui-monospace, Menlo, Consolas, "
	      "'DejaVu Sans Mono', monospace; font-size: 12px }\n"
	      ".va { text-anchor: end; fill: #546e7a }\n"
	      ".note { fill: #546e7a }\n"
	      ".half { text-anchor: middle; fill: #607d8b; "
	      "letter-spacing: 1px }\n"
	      ".hole { text-anchor: middle; fill: #90a4ae; "
	      "font-style: italic }\n"
	      ".tick, .bracket { stroke: #b0bec5; fill: none }\n"
	      ".tear { stroke: #b0bec5; fill: none }\n"
	      ".free { fill: #fff; stroke: #b0bec5; "
	      "stroke-dasharray: 4 4 }\n"
	      "</style>\n",
		stdout);
	printf("<rect x=\"0\" y=\"0\" width=\"%d\" height=\"%d\" rx=\"12\" "
	       "fill=\"#fff\"/>\n",
		WIDTH, height);
}

static void draw(const struct picture *picture)
{
	struct vmm_layout layout = vmm_layout_standard(picture->va_bits);
	int height = TOP + height_of_rows(&layout) + BOTTOM;
	int y;

	put_head(picture, height);
	printf("<text class=\"title\" x=\"40\" y=\"48\">%s</text>\n",
		picture->title);
	printf("<text class=\"sub\" x=\"40\" y=\"72\">%s; 512 root slots of ",
		picture->note);
	put_size(UINT64_C(1) << (picture->va_bits - 9));
	printf("</text>\n");
	y = draw_rows(&layout);
	printf("<text class=\"sub\" x=\"40\" y=\"%d\">Heights are logarithmic. "
	       "Each area begins at the address beside its lower "
	       "border.</text>\n</svg>\n",
		y + 36);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
		if (argc == 2 && strcmp(argv[1], pictures[i].name) == 0) {
			draw(&pictures[i]);
			return fflush(stdout) == 0 ? 0 : 1;
		}
	}
	fputs("usage: layout-svg sv39|sv48|sv57|x86_64\n", stderr);
	return 2;
}
