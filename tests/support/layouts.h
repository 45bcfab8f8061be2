/* SPDX-License-Identifier: MIT */
/*
 * The layouts of four systems, two of which have flaws that their authors did
 * not see.
 */
#ifndef LAYOUTS_H
#define LAYOUTS_H

#include <vmm/layout.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Sv39 as first written down: offsets from 2^64 in GiB. */
static const struct vmm_layout_area sv39_table[] = {
	{"userspace", -VMM_GIB(242), VMM_GIB(256), VMM_GIB(1), 0, VMM_AREA_USER,
		0},
	{"direct mapping", -VMM_GIB(246), VMM_GIB(4), VMM_GIB(1), 0,
		VMM_AREA_DIRECT, VMM_AREA_LINEAR},
	{"vmemmap", -VMM_GIB(254), VMM_GIB(8), VMM_GIB(1), 0, VMM_AREA_META, 0},
	{"kernel io", -VMM_GIB(255), VMM_GIB(1), VMM_GIB(1), 0, VMM_AREA_IO, 0},
	{"kernel", -VMM_GIB(256), VMM_GIB(1), VMM_GIB(1), 0, VMM_AREA_IMAGE, 0},
};

/* The same for Sv48. */
static const struct vmm_layout_area sv48_table[] = {
	{"userspace", -VMM_GIB(58368), VMM_GIB(65536), VMM_GIB(512), 0,
		VMM_AREA_USER, 0},
	{"direct mapping", -VMM_GIB(60416), VMM_GIB(2048), VMM_GIB(512), 0,
		VMM_AREA_DIRECT, VMM_AREA_LINEAR},
	{"vmemmap", -VMM_GIB(64512), VMM_GIB(4096), VMM_GIB(512), 0,
		VMM_AREA_META, 0},
	{"kernel io", -VMM_GIB(65024), VMM_GIB(512), VMM_GIB(512), 0,
		VMM_AREA_IO, 0},
	{"kernel", -VMM_GIB(65536), VMM_GIB(512), VMM_GIB(512), 0,
		VMM_AREA_IMAGE, 0},
};

/* The base of root slot @n of an Sv39 table; slots from 256 on are upper. */
#define SLOT(n) ((n) < 256 ? VMM_GIB(n) : VMM_GIB(n) - VMM_GIB(512))

/* Sv39 as finally decided, in root slots: 0-254, 255, 256-510, 511. */
static const struct vmm_layout_area sv39_final[] = {
	{"user", SLOT(0), VMM_GIB(255), VMM_GIB(1), 0, VMM_AREA_USER, 0},
	{"call stack", SLOT(255), VMM_GIB(1), VMM_GIB(1), 0, VMM_AREA_STACK, 0},
	{"direct mapping", SLOT(256), VMM_GIB(255), VMM_GIB(1), 0,
		VMM_AREA_DIRECT, VMM_AREA_LINEAR},
	{"kernel io", SLOT(511), VMM_GIB(1), VMM_GIB(1), 0, VMM_AREA_IO, 0},
};

/*
 * The hypervisor's map. Its last row gives no address for the devices, only
 * that they are mapped to themselves: whatever lies in the lower half is a
 * device at the same physical address. So the row is the whole lower half.
 */
static const struct vmm_layout_area hypervisor[] = {
	{"kernel image", UINT64_C(0xffffffc000000000), VMM_GIB(1), VMM_GIB(1),
		0x80000000, VMM_AREA_IMAGE, VMM_AREA_LINEAR},
	{"cpu struct", UINT64_C(0xffffffc040000000), VMM_GIB(1), VMM_GIB(1), 0,
		VMM_AREA_CPU, 0},
	{"linear mapping", UINT64_C(0xffffffe000000000), VMM_GIB(128),
		VMM_GIB(1), 0x80000000, VMM_AREA_DIRECT, VMM_AREA_LINEAR},
	{"devices", 0, VMM_GIB(256), VMM_GIB(1), 0, VMM_AREA_IO,
		VMM_AREA_LINEAR},
};

#endif /* LAYOUTS_H */
