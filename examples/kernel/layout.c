/* SPDX-License-Identifier: MIT */
/*
 * The kernel's layouts, one for each mode. The image is in the top 2 GiB of
 * all three, so one link address serves; the other areas grow with the mode. The
 * arena and the harts' own area are made of whole root entries: the first is
 * shared by all harts' roots, the second by none.
 * The rows stand in the order of enum kernel_area.
 */
#include "kernel.h"

#define IMAGE                                                    \
	{                                                        \
		"image", -VMM_GIB(2), VMM_GIB(2), VMM_GIB(1), 0, \
			VMM_AREA_IMAGE, 0                        \
	}

static const struct vmm_layout_area sv39[AREA_COUNT] = {
	{"user", 0, VMM_GIB(256), VMM_GIB(1), 0, VMM_AREA_USER, 0},
	{"direct map", -VMM_GIB(256), VMM_GIB(128), VMM_GIB(1), 0,
		VMM_AREA_DIRECT, VMM_AREA_LINEAR},
	{"arena", -VMM_GIB(128), VMM_GIB(64), VMM_GIB(1), 0, VMM_AREA_HEAP, 0},
	{"hart", -VMM_GIB(64), VMM_GIB(1), VMM_GIB(1), 0, VMM_AREA_CPU, 0},
	IMAGE,
};

static const struct vmm_layout_area sv48[AREA_COUNT] = {
	{"user", 0, VMM_TIB(128), VMM_GIB(1), 0, VMM_AREA_USER, 0},
	{"direct map", -VMM_TIB(128), VMM_TIB(64), VMM_GIB(1), 0,
		VMM_AREA_DIRECT, VMM_AREA_LINEAR},
	{"arena", -VMM_TIB(64), VMM_TIB(32), VMM_GIB(512), 0, VMM_AREA_HEAP, 0},
	{"hart", -VMM_TIB(32), VMM_GIB(512), VMM_GIB(512), 0, VMM_AREA_CPU, 0},
	IMAGE,
};

static const struct vmm_layout_area sv57[AREA_COUNT] = {
	{"user", 0, VMM_TIB(65536), VMM_GIB(1), 0, VMM_AREA_USER, 0},
	{"direct map", -VMM_TIB(65536), VMM_TIB(32768), VMM_GIB(1), 0,
		VMM_AREA_DIRECT, VMM_AREA_LINEAR},
	{"arena", -VMM_TIB(32768), VMM_TIB(16384), VMM_TIB(256), 0,
		VMM_AREA_HEAP, 0},
	{"hart", -VMM_TIB(16384), VMM_TIB(256), VMM_TIB(256), 0, VMM_AREA_CPU,
		0},
	IMAGE,
};

/*
 * Called before the jump to the higher half too, so the tables are chosen by
 * code: a constant array of pointers would hold link addresses.
 */
struct vmm_layout kernel_layout(unsigned va_bits)
{
	if (va_bits == 39)
		return vmm_layout_make(sv39, AREA_COUNT, 39);
	if (va_bits == 48)
		return vmm_layout_make(sv48, AREA_COUNT, 48);
	return vmm_layout_make(sv57, AREA_COUNT, 57);
}

const struct vmm_layout_area *kernel_area(
	unsigned va_bits, enum kernel_area area)
{
	return &kernel_layout(va_bits).areas[area];
}
