/* SPDX-License-Identifier: MIT */
/*
 * The first page tables: from a machine with the MMU off to the kernel's own
 * address space.
 *
 * Boot tables are built by code that runs at its physical address, before
 * there is an allocator, from a handful of pages that the kernel sets aside:
 * gigapages only, so a root and a table or two. They hold what the jump to the
 * higher half needs: the code where it is now (identity), the image where it
 * will run, and a first direct map. Once up there, the kernel builds its final
 * tables with pt.h, switches, and gives the scratch pages to the frame
 * allocator; with the boot tables the identity map is gone.
 *
 * Everything here and all it calls works before relocation: code and constants
 * are reached relative to pc, and no constant holds a pointer.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/memmap.h>
#include <vmm/pt.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A range that the boot tables are to map. */
struct vmm_boot_map {
	vmm_va_t va;
	vmm_pa_t pa; /* equal to va modulo 1 GiB */
	uint64_t size;
	unsigned prot; /* VMM_PT_... */
};

/**
 * vmm_boot_tables() - Build boot tables out of scratch pages.
 * @pt:      Storage of the caller's; receives the table. vmm_riscv_satp() has
 *           the value that turns it on.
 * @format:  The format.
 * @scratch: Physical address of the pages, which is also the pointer at which
 *           this code sees them: the MMU is off. Page-aligned.
 * @count:   Number of pages, 1 or more. 1 + 2 * @maps_count suffice for any
 *           ranges that lie within 512 GiB borders; Sv39 takes 1.
 * @maps:    What to map. Each range is widened to whole gigapages. Ranges may
 *           share a gigapage if they map it alike.
 * @maps_count: Their number.
 *
 * Ownership: the pages belong to the table; those unused are in its spare
 *            list (vmm_pt_spare_take()). All are the caller's again when the
 *            table is no longer in use; nothing needs to be undone.
 * Cost:      O(gigapages).
 * Return:    VMM_OK, or
 *            VMM_EINVAL  @count is 0, @scratch is misaligned, a range is
 *                        empty, its addresses differ modulo 1 GiB, or its
 *                        protection allows no access
 *            VMM_ERANGE  a range wraps or the format cannot translate it
 *            VMM_EEXIST  two ranges want one gigapage differently
 *            VMM_ENOMEM  more pages are needed
 */
VMM_NODISCARD int vmm_boot_tables(struct vmm_pt *pt,
	const struct vmm_pt_format *format, vmm_pa_t scratch, size_t count,
	const struct vmm_boot_map *maps, size_t maps_count);

/* A physical range that a direct map treats apart. */
struct vmm_boot_carve {
	vmm_pa_t base; /* page-aligned */
	uint64_t size; /* a multiple of the page size, not 0 */
	unsigned prot; /* how to map it; 0: not at all */
};

/**
 * vmm_boot_map_ram() - Map all RAM of a memory map at a constant distance.
 * @pt:     The table; no hart may be using it yet. Nothing is mapped where the
 *          RAM is to appear.
 * @map:    The memory map. Whole frames of RAM of any kind but VMM_MEM_NOMAP
 *          and VMM_MEM_MMIO are mapped.
 * @offset: Virtual minus physical address; wraps at 2^64.
 * @prot:   Protection.
 * @carves: Ranges to leave out or to map otherwise, ascending and apart: the
 *          kernel's text must have no writable alias. May be NULL.
 * @carves_count: Their number.
 *
 * Uses leaves of 1 GiB and more where RAM and carve-outs allow, 2 MiB and
 * 4 KiB at their edges. All or nothing.
 *
 * Cost:   O(entries of the map + leaves).
 * Return: VMM_OK, or
 *         VMM_EINVAL     a carve-out is misaligned, empty or out of order, or
 *                        a protection allows no access
 *         VMM_ERANGE     RAM does not fit at @offset in the format's addresses
 *         VMM_EEXIST     something is mapped there
 *         VMM_ENOMEM     no pages for tables
 *         a hook's code  the page source failed
 */
VMM_NODISCARD int vmm_boot_map_ram(struct vmm_pt *pt,
	const struct vmm_memmap *map, uint64_t offset, unsigned prot,
	const struct vmm_boot_carve *carves, size_t carves_count);

#ifdef __cplusplus
}
#endif

#endif /* VMM_BOOT_H */
