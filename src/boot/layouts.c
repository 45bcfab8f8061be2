/* SPDX-License-Identifier: MIT */
/*
 * The standard layouts: one plan in root slots, written out for three widths.
 * vmm/layouts.h has the plan and its reasons.
 */
#include <vmm/layouts.h>

/*
 * The base of root slot @n in a table for @bits of address. Slots from 256 on
 * are the upper half: 512 slots would end at 2^bits, and end at 2^64 instead.
 */
#define SLOTS(bits, n) ((uint64_t)(n) << ((bits)-9))
#define SLOT(bits, n) \
	((n) < 256 ? SLOTS(bits, n) : SLOTS(bits, n) - SLOTS(bits, 512))

/* A row of @count whole root slots from @first on. */
#define ROW(bits, name, first, count, kind)                                  \
	{                                                                    \
		name, SLOT(bits, first), SLOTS(bits, count), SLOTS(bits, 1), \
			0, kind, 0                                           \
	}

#define NULL_GUARD  VMM_KIB(64)
#define ERROR_GUARD VMM_MIB(2)
#define IMAGE	    VMM_GIB(1)
#define MODULES	    (VMM_GIB(1) - ERROR_GUARD)

#define ROWS(bits)                                                           \
	{                                                                    \
		{"null guard", 0, NULL_GUARD, NULL_GUARD, 0, VMM_AREA_GUARD, \
			0},                                                  \
			{"user", NULL_GUARD, SLOTS(bits, 255) - NULL_GUARD,  \
				NULL_GUARD, 0, VMM_AREA_USER, 0},            \
			ROW(bits, "user guard", 255, 1, VMM_AREA_GUARD),     \
			{"direct map", SLOT(bits, 256), SLOTS(bits, 128),    \
				SLOTS(bits, 128), 0, VMM_AREA_DIRECT,        \
				VMM_AREA_LINEAR},                            \
			ROW(bits, "frames", 384, 2, VMM_AREA_META),          \
			ROW(bits, "io", 400, 16, VMM_AREA_IO),               \
			ROW(bits, "heap", 416, 64, VMM_AREA_HEAP),           \
			ROW(bits, "stacks", 480, 16, VMM_AREA_STACK),        \
			ROW(bits, "cpu", 496, 1, VMM_AREA_CPU),              \
			{"image", -VMM_GIB(2), IMAGE, IMAGE, 0,              \
				VMM_AREA_IMAGE, 0},                          \
			{"modules", -VMM_GIB(1), MODULES, ERROR_GUARD, 0,    \
				VMM_AREA_MODULES, 0},                        \
			{"error guard", -ERROR_GUARD, ERROR_GUARD,           \
				ERROR_GUARD, 0, VMM_AREA_GUARD, 0},          \
	}

const struct vmm_layout_area vmm_layout_sv39[VMM_ROW_COUNT] = ROWS(39);
const struct vmm_layout_area vmm_layout_sv48[VMM_ROW_COUNT] = ROWS(48);
const struct vmm_layout_area vmm_layout_sv57[VMM_ROW_COUNT] = ROWS(57);
