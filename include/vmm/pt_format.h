/* SPDX-License-Identifier: MIT */
/*
 * Page-table formats: what an entry looks like, as data.
 *
 * A format is a row of constants. Every operation of pt.h reads the row and has
 * no other knowledge of an architecture, so all formats live in one build. The
 * rows below fit every machine of their kind; what only some machines have, and
 * how accesses are tracked, is switched on in a copy, vmm_pt_format_init().
 */
#ifndef VMM_PT_FORMAT_H
#define VMM_PT_FORMAT_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Protection of a mapping. At least one of READ, WRITE and EXEC is needed;
 * WRITE implies READ, since no format can express the one without the other.
 * What a format cannot express is refused, never weakened: EXEC without READ
 * in x86-64, USER and GLOBAL in a guest stage, where every access counts as
 * the user's.
 *
 * ACCESSED and DIRTY are preset in every leaf and cannot be asked for, unless
 * the format was made with VMM_PT_TRACK: then they are what the caller gives,
 * and what hardware or a fault handler adds.
 */
#define VMM_PT_READ	  (1u << 0)
#define VMM_PT_WRITE	  (1u << 1)
#define VMM_PT_EXEC	  (1u << 2)
#define VMM_PT_USER	  (1u << 3) /* for user mode, and not for the kernel */
#define VMM_PT_GLOBAL	  (1u << 4) /* the same in every address space */
#define VMM_PT_ACCESSED	  (1u << 5) /* has been used */
#define VMM_PT_DIRTY	  (1u << 6) /* has been written to */
#define VMM_PT_PROT_COUNT 7

/*
 * Memory type of a mapping, one value beside the flags.
 *
 *            RISC-V             with Svpbmt   T-Head         x86-64
 *   NORMAL   as the platform    as the        cacheable,     write-back
 *            says (PMAs)        platform says shareable
 *   NC       refused            NC            not cacheable  write-combining
 *   IO       as the platform    IO            strongly       uncacheable
 *            says: I/O                        ordered
 *
 * Where a RISC-V machine has no types in its entries, device addresses have
 * that of their physical memory attributes, which is I/O: so IO is accepted
 * everywhere, and a driver needs no second way. NC could not be kept, and is
 * refused. In x86-64, NC is PAT entry 6: see vmm/x86.h. Frames that are mapped
 * twice need the same type in both places.
 */
#define VMM_PT_TYPE_SHIFT 8
#define VMM_PT_TYPE_MASK  (3u << VMM_PT_TYPE_SHIFT)
#define VMM_PT_NC	  (1u << VMM_PT_TYPE_SHIFT) /* not cached, idempotent */
#define VMM_PT_IO	  (2u << VMM_PT_TYPE_SHIFT) /* device, strongly ordered */
#define VMM_PT_TYPES	  3

/* All that a protection can hold. */
#define VMM_PT_ALL (((1u << VMM_PT_PROT_COUNT) - 1) | VMM_PT_TYPE_MASK)

/* No format has more levels, and so no walk takes more steps. */
#define VMM_PT_LEVELS_MAX  5
/* Every table but a guest's root has 512 entries of 8 bytes. */
#define VMM_PT_INDEX_BITS  9
/* A leaf of Svnapot: 16 entries of 4 KiB that are cached as one. */
#define VMM_PT_NAPOT_SHIFT 16

/* How one protection flag looks in a leaf entry. */
struct vmm_pt_prot_bits {
	uint64_t set;	/* bits that are 1 if the flag is given */
	uint64_t unset; /* bits that are 1 if it is not (x86-64: XD) */
};

/*
 * A page-table format. Holds no pointer, so that it can be used before
 * relocation. In a copy, leaf_level_max and pa_bits may be lowered to what a
 * machine has (x86-64: MAXPHYADDR), before the first use.
 *
 * Where there are two of a kind, [0] is for level 0 and [1] for those above.
 */
struct vmm_pt_format {
	char name[8];		/* "sv39" */
	uint8_t levels;		/* tables on a full walk, root included */
	uint8_t root_bits;	/* index bits of the root */
	uint8_t va_bits;	/* significant bits of a virtual address */
	uint8_t sign_extended;	/* 1: bits above repeat bit va_bits - 1;
				   0: they are zero */
	uint8_t pa_bits;	/* bits of a physical address */
	uint8_t pa_shift;	/* an entry holds pa >> pa_shift */
	uint8_t leaf_level_max; /* the largest leaf: level 0 to this one */
	uint8_t satp_mode;	/* RISC-V: MODE field of satp or hgatp */
	uint8_t exec_only;	/* 1: EXEC without READ can be expressed */
	uint8_t types_allowed;	/* bit n: memory type n can be expressed */
	uint8_t half_bits;	/* va_bits - sign_extended: of half the space */
	uint8_t root_shift;	/* va >> this is the root's index, and more */
	uint16_t root_mask;	/* the index alone */
	uint64_t va_bias;    /* a virtual address is canonical if it is less */
	uint64_t va_limit;   /* than va_limit, once va_bias is added */
	uint64_t pa_mask;    /* entry bits that hold the address */
	uint64_t valid;	     /* entry is valid if these are set */
	uint64_t leaf_mask;  /* above level 0, a leaf if any of these is */
	uint64_t table_bits; /* all non-address bits of a table entry */
	uint64_t table_ignored; /* bits of a table entry that hardware may
				   set by itself (x86-64: A) */
	uint64_t leaf_bits[2];	/* bits of every leaf */
	uint64_t napot;		/* marks a leaf of Svnapot; 0: has none */
	uint64_t tracked;	/* A and D, if they change by themselves */
	uint64_t tag_bits;	/* bits of every absent entry with a tag */
	uint64_t user;	 /* the bit of a user's leaf, and of a global one, */
	uint64_t global; /* even where prot_allowed has them not */
	uint64_t soft;	 /* bits that hardware leaves to software */
	/* Two of those, which the library uses in root entries only. */
	uint64_t borrowed;     /* the entry belongs to another table */
	uint64_t lent;	       /* other tables use the entry too */
	uint64_t type_mask[2]; /* bits that hold the memory type */
	uint64_t type[2][VMM_PT_TYPES];
	/* For walks, what the bits above come to. */
	uint64_t table_mask;   /* a table's, if of these an entry has valid */
	uint64_t own_mask;     /* the same, and in the root not shared */
	uint64_t special_mask; /* a leaf that is not a plain 4 KiB page, if it
				  has any of these */
	unsigned prot_allowed; /* VMM_PT_... flags that can be expressed */
	struct vmm_pt_prot_bits prot[VMM_PT_PROT_COUNT];
};

extern VMM_DATA const struct vmm_pt_format vmm_pt_sv39; /* 3 levels, 512 GiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv48; /* 4 levels, 256 TiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv57; /* 5 levels, 128 PiB */

/*
 * Guest-physical to physical addresses, for hgatp: zero-extended, with two more
 * bits of address and a root of 16 KiB, aligned to that.
 */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv39x4; /* 2 TiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv48x4; /* 1 PiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_sv57x4; /* 512 PiB */

/*
 * x86-64 with 4 levels, and with 5 (CR4.LA57). EFER.NXE has to be set, and
 * leaf_level_max to be lowered to 1 in a copy where CPUID 80000001h:EDX[26]
 * says that there are no pages of 1 GiB.
 */
extern VMM_DATA const struct vmm_pt_format vmm_pt_x86_64; /* 256 TiB */
extern VMM_DATA const struct vmm_pt_format vmm_pt_la57;	  /* 128 PiB */

/*
 * What a machine has, or a kernel wants, beyond a format's row.
 *
 *   SVPBMT   memory types in entries; needs menvcfg.PBMTE, or henvcfg's for a
 *            guest's own tables (RISC-V Privileged 1.13, "Svpbmt")
 *   THEAD    the memory types of T-Head's C9xx cores, in bits 63..59: there,
 *            without them memory is not cached
 *   SVNAPOT  leaves of 64 KiB where 16 pages are aligned and contiguous
 *            (ratified 1.0; devicetree: svnapot)
 *   NO_GIGA  no leaf above 2 MiB
 *   TRACK    A and D are not preset but asked for: for kernels that look at
 *            them, where hardware sets them (Svadu, x86-64) or the kernel's
 *            fault handler does, with vmm_pt_modify()
 */
#define VMM_PT_SVPBMT  1u
#define VMM_PT_THEAD   2u
#define VMM_PT_SVNAPOT 4u
#define VMM_PT_NO_GIGA 8u
#define VMM_PT_TRACK   16u

/**
 * vmm_pt_format_init() - A format as one machine has it.
 * @format:   Storage of the caller's; has to outlive the tables that use it.
 * @base:     One of the rows above.
 * @features: VMM_PT_SVPBMT and so on.
 *
 * Return: VMM_OK, or
 *         VMM_EINVAL   no such feature, or two kinds of memory types
 *         VMM_ENOTSUP  @base is not a format of RISC-V, and @features has one
 *                      of RISC-V's
 */
VMM_NODISCARD int vmm_pt_format_init(struct vmm_pt_format *format,
	const struct vmm_pt_format *base, unsigned features);

/* Is @va an address that the format can translate? */
static inline bool vmm_pt_canonical(
	const struct vmm_pt_format *format, vmm_va_t va)
{
	return va + format->va_bias < format->va_limit;
}

/* Size in bytes of a leaf at @level. */
static inline uint64_t vmm_pt_leaf_size(unsigned level)
{
	return UINT64_C(1) << (VMM_PAGE_SHIFT + VMM_PT_INDEX_BITS * level);
}

/* Bytes that one root entry covers: 1 GiB in Sv39, 512 GiB in Sv48. */
static inline uint64_t vmm_pt_root_span(const struct vmm_pt_format *format)
{
	return vmm_pt_leaf_size(format->levels - 1u);
}

#ifdef __cplusplus
}
#endif

#endif /* VMM_PT_FORMAT_H */
