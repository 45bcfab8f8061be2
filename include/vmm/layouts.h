/* SPDX-License-Identifier: MIT */
/*
 * Layouts to start from: Sv39, Sv48, Sv57 and x86-64, as tables.
 *
 * A kernel needs no more than one line to have a layout that is checked, fits
 * its paging mode and has room for everything a kernel comes to need:
 *
 *	struct vmm_layout layout = vmm_layout_standard(va_bits);
 *
 * where va_bits is 39, 48 or 57, as probed. A kernel with plans of its own
 * copies the rows that it likes; nothing in the library asks for these.
 *
 * One plan serves all modes. It is made in root slots, the 512 entries of the
 * root table, of which each spans 1 GiB with Sv39, 512 GiB with Sv48 and
 * 256 TiB with Sv57. x86-64 with four levels translates as Sv48 does and takes
 * its table, with five levels that of Sv57.
 *
 *    slots    row          Sv39     Sv48       Sv57      why this much
 *    0-254    null guard   64 KiB   64 KiB     64 KiB    null + small offset
 *             user         255 GiB  127.5 TiB  63.7 PiB  the rest of 0-254
 *    255      user guard   1 GiB    512 GiB    256 TiB   see below
 *    256-383  direct map   128 GiB  64 TiB     32 PiB    a quarter of all
 *    384-385  frames       2 GiB    1 TiB      512 TiB   64 bytes a frame
 *    386-399  (free)       14 GiB   7 TiB      3.5 PiB   for rows of yours
 *    400-415  io           16 GiB   8 TiB      4 PiB     with PCIe windows
 *    416-479  heap         64 GiB   32 TiB     16 PiB    for arenas: vmem.h
 *    480-495  stacks       16 GiB   8 TiB      4 PiB     with guard pages
 *    496      cpu          1 GiB    512 GiB    256 TiB   the hart's own
 *    497-     (free)       13 GiB   7.5 TiB    3.7 PiB   for rows of yours
 *    the last image        1 GiB    1 GiB      1 GiB     same addresses in
 *    2 GiB    modules      1 GiB less 2 MiB              every mode
 *             error guard  2 MiB    2 MiB      2 MiB
 *
 * Why it is so:
 *
 * - The image is linked once and runs in every mode, so it cannot move with
 *   the width; the last 2 GiB are in the upper half of them all. They are also
 *   what x86-64's kernel code model demands and what auipc reaches from either
 *   end, so modules can call the kernel without a detour.
 * - All other rows of the upper half are whole root slots. Address spaces share
 *   them by copying root entries, and no two rows share a table.
 * - The cpu row has a root slot to itself: per-hart roots differ in that one
 *   and in nothing else.
 * - The direct map starts the upper half, is linear from physical 0 and aligned
 *   to more than any leaf, so that the largest leaves fit. With Sv39 it holds
 *   what lies below 128 GiB, as the RAM of nearly all such boards does; what
 *   lies beyond needs a window (dmap.h) in one of the free slots.
 * - One descriptor of 64 bytes for each frame that the direct map can hold fits
 *   the frames row exactly: 128 slots / 4096 * 64 = 2 slots.
 * - The user guard keeps a user copy that runs off the end of the lower half
 *   out of the addresses that do not exist, and user code out of the place
 *   where x86-64's SYSRET would return to one of them.
 * - The null guard has the size that Linux gives it and that linkers for RISC-V
 *   start programs behind. The error guard makes small negative numbers, which
 *   is what error codes cast to pointers are, fault like null pointers; and
 *   nothing that is mapped ends at 2^64.
 *
 * The places are round in hexadecimal, so that a pointer in a log says what it
 * points to:
 *
 *	             Sv39                 Sv48                 Sv57
 *	direct map   ffff ffc0 ...        ffff 8000 ...        ff00 ...
 *	frames       ffff ffe0 ...        ffff c000 ...        ff80 ...
 *	io           ffff ffe4 ...        ffff c800 ...        ff90 ...
 *	heap         ffff ffe8 ...        ffff d000 ...        ffa0 ...
 *	stacks       ffff fff8 ...        ffff f000 ...        ffe0 ...
 *	cpu          ffff fffc ...        ffff f800 ...        fff0 ...
 *	image        ffff ffff 8000 0000 in all of them
 */
#ifndef VMM_LAYOUTS_H
#define VMM_LAYOUTS_H

#include <vmm/layout.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The rows of a standard layout, in the order of their addresses. */
enum vmm_layout_row {
	VMM_ROW_NULL_GUARD,
	VMM_ROW_USER,
	VMM_ROW_USER_GUARD,
	VMM_ROW_DIRECT,
	VMM_ROW_FRAMES,
	VMM_ROW_IO,
	VMM_ROW_HEAP,
	VMM_ROW_STACKS,
	VMM_ROW_CPU,
	VMM_ROW_IMAGE,
	VMM_ROW_MODULES,
	VMM_ROW_ERROR_GUARD,
	VMM_ROW_COUNT
};

/* The tables, for the rows of a width that is known when compiling. */
extern VMM_DATA const struct vmm_layout_area vmm_layout_sv39[VMM_ROW_COUNT];
extern VMM_DATA const struct vmm_layout_area vmm_layout_sv48[VMM_ROW_COUNT];
extern VMM_DATA const struct vmm_layout_area vmm_layout_sv57[VMM_ROW_COUNT];

/**
 * vmm_layout_standard() - The standard layout for a width.
 * @va_bits: 39, 48 or 57.
 *
 * Works before relocation: code chooses the table, no pointer does.
 *
 * Return: A layout that vmm_layout_check() finds nothing in. Rows are in the
 *         order of enum vmm_layout_row: layout.areas[VMM_ROW_HEAP].base.
 */
static inline struct vmm_layout vmm_layout_standard(unsigned va_bits)
{
	VMM_ASSERT(va_bits == 39 || va_bits == 48 || va_bits == 57);

	if (va_bits == 39)
		return vmm_layout_make(vmm_layout_sv39, VMM_ROW_COUNT, 39);
	if (va_bits == 48)
		return vmm_layout_make(vmm_layout_sv48, VMM_ROW_COUNT, 48);
	return vmm_layout_make(vmm_layout_sv57, VMM_ROW_COUNT, 57);
}

#ifdef __cplusplus
}
#endif

#endif /* VMM_LAYOUTS_H */
