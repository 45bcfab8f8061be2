/* SPDX-License-Identifier: MIT */
/*
 * Layouts: which virtual address is for what, as a table that can be checked.
 *
 * A kernel decides once where user space, its image, the direct map and the
 * devices go. Written as #defines, such a decision is checked by nobody: an
 * area of 256 GiB at -242 GiB runs through the end of the address space, and
 * the compiler is content. Here it is a constant table of areas, and
 * vmm_layout_check() names each row that cannot be, and why.
 *
 *	static const struct vmm_layout_area areas[] = {
 *		{"user", 0, VMM_GIB(255), VMM_GIB(1), 0, VMM_AREA_USER, 0},
 *		{"direct", -VMM_GIB(256), VMM_GIB(255), VMM_GIB(1), 0,
 *			VMM_AREA_DIRECT, VMM_AREA_LINEAR},
 *		{"io", -VMM_GIB(1), VMM_GIB(1), VMM_GIB(1), 0,
 *			VMM_AREA_IO, 0},
 *	};
 *	struct vmm_layout layout = vmm_layout_make(areas, 3, 39);
 *
 * The same table classifies pointers, translates those in linear areas, and
 * finds room for what is not in it yet. Rows may stand in any order.
 *
 * Nothing here touches memory but the table. There is no pointer in a row, so
 * a constant table needs no relocation and can be used from the first
 * instruction on; struct vmm_layout has one: make it on the stack, as above,
 * not as a constant.
 *
 * Every function may run in any context, takes no lock and changes nothing.
 * Costs are given for n rows. Some are quadratic, which is meant: a layout has
 * tens of rows and no memory to sort them in.
 */
#ifndef VMM_LAYOUT_H
#define VMM_LAYOUT_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/port.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of an area's name with the zero that ends it. */
#define VMM_LAYOUT_NAME_SIZE 16

/* What an area is for. The library attaches no behaviour to a kind. */
enum vmm_area_kind {
	VMM_AREA_OTHER,	  /* whatever the name says */
	VMM_AREA_USER,	  /* tasks */
	VMM_AREA_IMAGE,	  /* the kernel's code and data */
	VMM_AREA_DIRECT,  /* all physical memory, at a constant distance */
	VMM_AREA_IO,	  /* device registers */
	VMM_AREA_META,	  /* descriptors of frames */
	VMM_AREA_HEAP,	  /* addresses that an arena hands out */
	VMM_AREA_STACK,	  /* call stacks */
	VMM_AREA_CPU,	  /* the hart's own, at one address on every hart */
	VMM_AREA_MODULES, /* code that is loaded later, near the image */
	VMM_AREA_GUARD	  /* never mapped, so that wrong pointers fault */
};

/* Flags of an area. */
#define VMM_AREA_LINEAR 1u /* va - base + pa is the physical address */

/* A row. All of it is data; there is no pointer, on purpose. */
struct vmm_layout_area {
	char name[VMM_LAYOUT_NAME_SIZE]; /* for people; ends in 0 if shorter */
	vmm_va_t base;
	uint64_t size;	/* bytes; base + size may be 2^64 */
	uint64_t align; /* base and size are multiples of it, a power of two;
			   0 stands for VMM_PAGE_SIZE */
	vmm_pa_t pa;	/* of base, if VMM_AREA_LINEAR; a multiple of align */
	uint32_t kind;	/* enum vmm_area_kind */
	uint32_t flags; /* VMM_AREA_LINEAR or 0 */
};

/*
 * A table, and how wide virtual addresses are. Of @va_bits bits the highest is
 * copied into all above, as Sv39, Sv48, Sv57 and x86-64 have it: there is a
 * lower half, an upper half, and a hole between that no address can name.
 */
struct vmm_layout {
	const struct vmm_layout_area *areas;
	size_t count;
	unsigned va_bits; /* 39, 48, 57; 13 to 64 */
};

/*
 * What vmm_layout_check() finds. Every kind below VMM_LAYOUT_UNCLAIMED makes
 * the table unusable; that one is a remark.
 */
enum vmm_layout_fault_kind {
	VMM_LAYOUT_EMPTY,      /* size 0 */
	VMM_LAYOUT_BAD_ALIGN,  /* align is no power of two, or below a page */
	VMM_LAYOUT_MISALIGNED, /* base or size is no multiple of align */
	VMM_LAYOUT_PA_MISALIGNED, /* pa is no multiple of align */
	VMM_LAYOUT_WRAPS,	  /* runs past 2^64 */
	VMM_LAYOUT_PA_WRAPS,	  /* its physical range does */
	VMM_LAYOUT_NONCANONICAL,  /* reaches into the hole */
	VMM_LAYOUT_OVERLAP,	  /* shares addresses with an earlier row */
	VMM_LAYOUT_UNCLAIMED /* the upper half starts below its lowest area:
				    often a table made for fewer bits */
};

/* A fault: which row, where, how much. */
struct vmm_layout_fault {
	uint32_t kind;	  /* enum vmm_layout_fault_kind */
	uint32_t row;	  /* the row at fault; for UNCLAIMED the lowest area of
			     the upper half */
	uint32_t other;	  /* OVERLAP: the earlier row; else equal to row */
	vmm_va_t address; /* the first address concerned: WRAPS, EMPTY and
			     BAD_ALIGN: base; MISALIGNED: base, or base + size
			     if only that is; PA_*: pa; NONCANONICAL: the first
			     such address inside; OVERLAP: the first shared;
			     UNCLAIMED: where the upper half starts */
	uint64_t size; /* bytes concerned: past 2^64, inside the hole, shared,
			     unclaimed; 0 where it has no meaning */
};

/**
 * vmm_layout_make() - Put a table and a width together.
 * @areas:   The table; stays the caller's and is used as long as the layout.
 * @count:   Number of rows.
 * @va_bits: Width of virtual addresses: 39 for Sv39, and so on; 13 to 64.
 *
 * Return: The layout, unchecked.
 */
static inline struct vmm_layout vmm_layout_make(
	const struct vmm_layout_area *areas, size_t count, unsigned va_bits)
{
	struct vmm_layout layout = {areas, count, va_bits};

	return layout;
}

/**
 * vmm_layout_check() - Find everything that is wrong with a layout.
 * @layout:    The layout.
 * @faults:    Array for the findings, in the order of the rows and, within a
 *             row, of the kinds; the remark comes last. NULL if @max is 0.
 * @max:       Entries in @faults. Findings above that are only counted.
 * @count_out: Receives the number of findings, remarks included. Written
 *             always; it may exceed @max.
 *
 * An area that runs past 2^64 is taken to end there: for the other tests it
 * does not go on at 0. Empty areas overlap nothing.
 *
 * Cost:   O(n^2).
 * Return: VMM_OK if there is nothing, or at most a remark;
 *         VMM_EINVAL otherwise.
 */
VMM_NODISCARD int vmm_layout_check(const struct vmm_layout *layout,
	struct vmm_layout_fault *faults, size_t max, size_t *count_out);

/**
 * vmm_layout_find() - Which area is an address in?
 * @layout:     The layout; it need not be free of faults. Where two areas
 *              share the address, the earlier row is found.
 * @va:         Any address.
 * @row_out:    Receives the row.
 * @offset_out: Receives the distance from the area's base in bytes.
 *
 * Cost:   O(n).
 * Return: VMM_OK, or VMM_ENOENT if it is in none.
 */
VMM_NODISCARD int vmm_layout_find(const struct vmm_layout *layout, vmm_va_t va,
	size_t *row_out, uint64_t *offset_out);

/**
 * vmm_layout_find_kind() - The first area of a kind.
 * @layout:  The layout.
 * @kind:    What it is for.
 * @row_out: Receives the row.
 *
 * Cost:   O(n).
 * Return: VMM_OK, or VMM_ENOENT if there is none.
 */
VMM_NODISCARD int vmm_layout_find_kind(const struct vmm_layout *layout,
	enum vmm_area_kind kind, size_t *row_out);

/**
 * vmm_layout_pa() - The physical address behind a linear area's address.
 * @layout: A layout that vmm_layout_check() has passed: in a faulty one, areas
 *          may share the address, and physical ranges may wrap.
 * @va:     Any address.
 * @pa_out: Receives the physical address.
 *
 * By the table alone: no page table is looked at, and a direct map may be
 * mapped only in part.
 *
 * Cost:   O(n).
 * Return: VMM_OK, or
 *         VMM_ENOENT   the address is in no area
 *         VMM_ENOTSUP  the area is not linear
 */
VMM_NODISCARD int vmm_layout_pa(
	const struct vmm_layout *layout, vmm_va_t va, vmm_pa_t *pa_out);

/**
 * vmm_layout_find_room() - Find addresses that no area claims.
 * @layout: The layout.
 * @size:   Bytes; not 0.
 * @align:  Of the result; a power of two.
 * @first:  The range starts at or above this address,
 * @last:   and its last byte is at or below this one. 0 and UINT64_MAX for
 *          anywhere.
 * @va_out: Receives the lowest such address. It is canonical all along, so
 *          never across the hole.
 *
 * Cost:   O(n^2).
 * Return: VMM_OK, or
 *         VMM_EINVAL  @size is 0 or @align is no power of two
 *         VMM_ENOSPC  there is no such gap
 */
VMM_NODISCARD int vmm_layout_find_room(const struct vmm_layout *layout,
	uint64_t size, uint64_t align, vmm_va_t first, vmm_va_t last,
	vmm_va_t *va_out);

/**
 * vmm_layout_fault_dump() - Say in words what a fault is.
 * @layout: The layout that was checked.
 * @fault:  One of its faults.
 * @sink:   Receives one line, such as
 *
 *   userspace: 256 GiB at 0xffffffc380000000 runs past 2^64 by 14 GiB
 */
void vmm_layout_fault_dump(const struct vmm_layout *layout,
	const struct vmm_layout_fault *fault, const struct vmm_sink *sink);

/**
 * vmm_layout_dump() - Print a layout in the order of its addresses.
 * @layout: The layout; it need not be free of faults.
 * @sink:   Receives a line for each area, each gap and the hole:
 *
 *   39-bit addresses, 3 areas
 *   [0x0000000000000000-0x0000003fbfffffff] 255 GiB   user
 *   [0x0000003fc0000000-0x0000003fffffffff] 1 GiB     (free)
 *   [0x0000004000000000-0xffffffbfffffffff]           (no address)
 *   [0xffffffc000000000-0xffffffffbfffffff] 255 GiB   direct -> 0x0...
 *   [0xffffffffc0000000-0xffffffffffffffff] 1 GiB     io
 *
 * Cost: O(n^2).
 */
void vmm_layout_dump(
	const struct vmm_layout *layout, const struct vmm_sink *sink);

/**
 * vmm_layout_map_dump() - Draw a layout, the highest address on top.
 * @layout: The layout; it need not be free of faults.
 * @sink:   Receives the picture. Heights grow with the logarithm of an area's
 *          size. A ruler has the first address of what is above it:
 *
 *   0xffffffffffffffff +------------------+
 *                      |        io        | 1 GiB
 *                      |                  |
 *   0xffffffffc0000000 +------------------+
 *                      |                  |
 *                      |      direct      | 255 GiB -> pa 0x0...
 *                      |                  |
 *   0xffffffc000000000 +------------------+
 *                      :   no addresses   :
 *   0x0000004000000000 +------------------+
 *                      :                  : 256 GiB free
 *   0x0000000000000000 +------------------+
 *
 * Cost: O(n^2).
 */
void vmm_layout_map_dump(
	const struct vmm_layout *layout, const struct vmm_sink *sink);

/**
 * vmm_layout_describe() - Say what an address is.
 * @layout: The layout; it need not be free of faults.
 * @va:     Any address, for instance the one that faulted.
 * @sink:   Receives a few words, without an end of line:
 *
 *   direct map + 0x80001234 = pa 0x80001234
 *   null guard + 0x10
 *   nothing, 0x8 behind heap
 *   no 39-bit address
 *
 * Cost: O(n).
 */
void vmm_layout_describe(const struct vmm_layout *layout, vmm_va_t va,
	const struct vmm_sink *sink);

#ifdef __cplusplus
}
#endif

#endif /* VMM_LAYOUT_H */
