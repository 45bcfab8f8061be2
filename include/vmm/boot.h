/* SPDX-License-Identifier: MIT */
/*
 * The first page tables: from a machine with the MMU off to the kernel's own
 * address space.
 *
 * Boot tables are built by code that runs at its physical address, before
 * there is an allocator, from a handful of pages that the kernel sets aside.
 * They hold what the jump to the higher half needs: the code where it is now
 * (identity), the image where it will run, and a first direct map. With
 * gigapages that is a root and a table or two; with exact rows the sections of
 * the image get their own rights from the first instruction on, and
 * vmm_boot_map_ram() leaves the image out of the direct map. Once up there, the
 * kernel builds its final tables with pt.h, switches, and gives the scratch
 * pages to the frame allocator; with the boot tables the identity map is gone.
 *
 * A mistake in all this has no symptom but silence: the hart faults at the next
 * instruction, the trap vector is not mapped either, and so on for ever.
 * vmm_boot_check() walks the tables by the rules of the hardware before they
 * are turned on, and says what would happen.
 *
 * Everything here and all it calls works before relocation: code and constants
 * are reached relative to pc (on RISC-V: -mcmodel=medany), no constant holds a
 * pointer, and there are no jump tables (-fno-jump-tables).
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/memmap.h>
#include <vmm/port.h>
#include <vmm/pt.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Flag of a row: map these pages and no others, in leaves of any size. Without
 * it the row is widened to gigapages.
 */
#define VMM_BOOT_EXACT 1u

/* A range that the boot tables are to map. */
struct vmm_boot_map {
	vmm_va_t va;
	vmm_pa_t pa;	/* equal to va modulo 1 GiB; exact: both page-aligned */
	uint64_t size;	/* exact: a multiple of the page size */
	unsigned prot;	/* VMM_PT_... */
	uint32_t flags; /* VMM_BOOT_... */
};

/**
 * vmm_boot_tables() - Build boot tables out of scratch pages.
 * @pt:      Storage of the caller's; receives the table. vmm_riscv_satp() has
 *           the value that turns it on.
 * @format:  The format.
 * @scratch: Physical address of the pages, which is also the pointer at which
 *           this code sees them: the MMU is off. Aligned to the size of the
 *           root, which is a page but for the guest-stage formats.
 * @count:   Number of pages, enough for the root at least. With L the format's
 *           levels, a widened row within 512 GiB borders takes at most L - 3
 *           pages, an exact one within 2 MiB borders L - 1, and one more for
 *           each border; rows that are near each other share them. The root is
 *           one more.
 * @maps:    What to map. Widened rows may share a gigapage if they map it
 *           alike; no other rows may overlap.
 * @maps_count: Their number.
 *
 * Ownership: the pages belong to the table; those unused are in its spare
 *            list (vmm_pt_spare_take()). All are the caller's again when the
 *            table is no longer in use; nothing needs to be undone.
 * Cost:      O(gigapages).
 * Return:    VMM_OK, or
 *            VMM_EINVAL  @count is too small for the root, @scratch is
 *                        misaligned, a range is empty, its addresses differ
 *                        modulo 1 GiB or, exact, are no pages, or its
 *                        protection allows no access
 *            VMM_ERANGE  a range wraps or the format cannot translate it
 *            VMM_EEXIST  two ranges want one page differently
 *            VMM_ENOMEM  more pages are needed
 */
VMM_NODISCARD int vmm_boot_tables(struct vmm_pt *pt,
	const struct vmm_pt_format *format, vmm_pa_t scratch, size_t count,
	const struct vmm_boot_map *maps, size_t maps_count);

/*
 * Looking before leaping
 */

/* What the hart will do right after the tables are turned on. */
struct vmm_boot_state {
	vmm_va_t pc;	  /* address of the next instruction */
	vmm_pa_t pc_pa;	  /* where it is in memory: pc, if the MMU is off */
	vmm_va_t sp;	  /* the stack pointer; the stack ends below it */
	vmm_pa_t sp_pa;	  /* where that is in memory */
	uint64_t stack;	  /* bytes below sp that will be used, 16 or more */
	vmm_va_t trap;	  /* the trap vector: bits 63..2 of stvec */
	vmm_pa_t trap_pa; /* where its code is in memory */
};

/* What is wrong at an address. */
enum vmm_boot_flaw {
	VMM_BOOT_FINE,
	VMM_BOOT_BAD_ROOT,	  /* misaligned, or above the physical range */
	VMM_BOOT_BAD_MODE,	  /* satp's mode has another number of levels */
	VMM_BOOT_NONCANONICAL,	  /* the address has no translation at all */
	VMM_BOOT_UNMAPPED,	  /* an entry on the way is not valid */
	VMM_BOOT_BAD_ENTRY,	  /* reserved bits or encodings, or no leaf even
				    at the last level */
	VMM_BOOT_MISALIGNED_LEAF, /* a superpage not aligned to its size */
	VMM_BOOT_USER,		  /* for user mode: a kernel cannot run there */
	VMM_BOOT_NOT_EXECUTABLE,
	VMM_BOOT_NOT_READABLE,
	VMM_BOOT_NOT_WRITABLE,
	VMM_BOOT_NOT_ACCESSED, /* A, or D for a store, is 0: harts that do not
				  set them by themselves fault */
	VMM_BOOT_ELSEWHERE     /* mapped to other memory than it is in */
};

/* The first flaw that was found. */
struct vmm_boot_verdict {
	uint32_t flaw;	/* enum vmm_boot_flaw */
	char what[16];	/* "pc", "stack" or "trap vector" */
	vmm_va_t va;	/* the address that cannot be used */
	uint32_t level; /* of the table whose entry says so */
	uint64_t entry; /* that entry */
	vmm_pa_t pa;	/* ELSEWHERE: where it leads; BAD_ROOT: the root */
};

/**
 * vmm_boot_check() - Would the hart survive turning these tables on?
 * @pt:      The table; only its root, format and offset are used, so it may
 *           also be one that somebody else has built.
 * @state:   What comes right after.
 * @verdict: Receives the first flaw, or VMM_BOOT_FINE. Written always.
 *
 * For the formats of RISC-V. Looks at the next instruction (fetch), the stack
 * from @state->sp down (store), and the trap vector (fetch), page by page, in
 * the kernel's mode with SUM = 0. Table addresses are believed: an entry that
 * points to a table where no memory is cannot be told from a good one, and is
 * read. Svpbmt and Svnapot count as reserved, and an instruction as 4 bytes.
 *
 * Cost:   O(levels * pages of the stack).
 * Return: VMM_OK, or
 *         VMM_EINVAL    the stack is empty or wraps
 *         VMM_ECORRUPT  there is a flaw, and @verdict says which
 */
VMM_NODISCARD int vmm_boot_check(const struct vmm_pt *pt,
	const struct vmm_boot_state *state, struct vmm_boot_verdict *verdict);

/**
 * vmm_boot_verdict_dump() - Say in words what a verdict means.
 * @verdict: From vmm_boot_check().
 * @sink:    Receives one line without an end, such as
 *
 *   stack at 0x0000000080210ff0 is not writable: level 2 entry 0x00...0cb
 */
void vmm_boot_verdict_dump(
	const struct vmm_boot_verdict *verdict, const struct vmm_sink *sink);

/*
 * The direct map
 */

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
 * 4 KiB at their edges; for hardware without gigapages use a copy of the format
 * with a lower leaf_level_max. All or nothing: the tables of all pieces are
 * counted and in hand before the first entry is written.
 *
 * Cost:   O((entries of the map + carve-outs) * carve-outs + leaves).
 * Return: VMM_OK, or
 *         VMM_EINVAL     a carve-out is misaligned, empty or out of order,
 *                        @offset is no multiple of the page size, or a
 *                        protection allows no access
 *         VMM_ENOTSUP    the format cannot express a protection
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
