/* SPDX-License-Identifier: MIT */
/*
 * Devicetrees: what the boot loader hands over, read in place.
 *
 * Firmware passes a kernel one block of bytes, the flattened devicetree of the
 * Devicetree Specification v0.4, chapter 5. This reader treats every byte of
 * it as a claim. vmm_fdt_init() walks the whole tree once and refuses anything
 * malformed; after that the cursors below cannot meet a surprise, and still
 * check every offset, so that no content leads to a read outside the blob.
 *
 * No heap, no globals, no recursion, no alignment needed, position independent:
 * all of this works on the first stack of the first hart, before the MMU is on.
 *
 *	struct vmm_fdt fdt;
 *	size_t size;
 *	const char *args;
 *
 *	err = vmm_fdt_size(blob, VMM_MIB(2), &size);
 *	if (!err)
 *		err = vmm_fdt_init(&fdt, blob, size);
 *	if (!err)
 *		err = vmm_fdt_memmap(&fdt, blob_pa, &map);
 *	if (!err && !vmm_fdt_find_text(&fdt, "/chosen", "bootargs", &args))
 *		parse(args);
 *
 * Most kernels need no more than that, and vmm_fdt_mmu_type(). The cursors are
 * for finding the devices.
 *
 * Words. A node has a name and a depth (the root's is 0), properties and
 * children. A property has a name and a value of some bytes. A cell is a
 * big-endian 32-bit number; how many cells make an address or a size is said
 * by the parent of the node that uses them.
 *
 * Lifetime. Nothing is copied. Names and values point into the blob, which
 * must neither move nor change while they are in use; see vmm_fdt_moved() for
 * the day when the MMU is turned on.
 *
 * Every function here may run in any context and takes no lock; none changes
 * the tree, so several harts may read it at once. No name or text in a tree
 * can be trusted to be sensible, only to be terminated.
 */
#ifndef VMM_FDT_H
#define VMM_FDT_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/memmap.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the header of version 17, the least a blob can have. */
#define VMM_FDT_HEADER_SIZE 40

/*
 * The deepest nesting that is accepted: depths 0 to 31. The library needs no
 * limit, since it keeps no stack; this is a promise to callers who do, with an
 * array indexed by the depth. Trees of real boards stay below 10.
 */
#define VMM_FDT_DEPTH_MAX 32

/*
 * A checked tree. Filled by vmm_fdt_init(), read-only afterwards. Offsets
 * count from the start of the blob, sizes are bytes.
 */
struct vmm_fdt {
	const unsigned char *blob;
	uint32_t size;	    /* all of the tree, from its header */
	uint32_t struct_at; /* nodes and properties */
	uint32_t struct_size;
	uint32_t strings_at; /* names of properties */
	uint32_t strings_size;
	uint32_t reserve_at;	/* memory reservation block */
	uint32_t reserve_count; /* its entries, without the terminator */
	uint32_t node_count;
	uint32_t boot_cpu; /* the id of the cpu that started the system */
};

/* A node, and a cursor over nodes: zero it before the first step. */
struct vmm_fdt_node {
	const char *name; /* "uart@10000000"; the root's is ""; ends in 0 */
	uint32_t depth;	  /* 0 for the root, below VMM_FDT_DEPTH_MAX */
	uint32_t body;	  /* private: where its properties start */
};

/* A property, and a cursor over those of a node: zero it at first. */
struct vmm_fdt_prop {
	const char *name; /* ends in 0 */
	const unsigned char *value;
	uint32_t size; /* bytes of the value; 0 is usual for flags */
	uint32_t next; /* private */
};

/* How wide the numbers in the `reg` of a node's children are, in cells. */
struct vmm_fdt_cells {
	uint32_t address;
	uint32_t size;
};

/*
 * Opening a tree
 */

/**
 * vmm_fdt_size() - How large does a tree say it is?
 * @blob:     Where a tree should be; VMM_FDT_HEADER_SIZE bytes are read.
 * @max:      The most that the caller would accept, e.g. what is mapped.
 * @size_out: Receives the size in bytes, at most @max.
 *
 * For kernels that were given a pointer and no size. The result is safe to
 * pass on if @max bytes from @blob can be read.
 *
 * Return: VMM_OK, or
 *         VMM_EINVAL  there is no tree: wrong magic number or absurd size
 *         VMM_ERANGE  larger than @max
 */
VMM_NODISCARD int vmm_fdt_size(const void *blob, size_t max, size_t *size_out);

/**
 * vmm_fdt_init() - Check a tree from end to end.
 * @fdt:  Storage of the caller's; written only on success.
 * @blob: The first byte, at any alignment.
 * @size: Bytes that can be read there. The tree may be smaller.
 *
 * Accepts version 17 and what is compatible with it. Checked are: the header;
 * that all blocks lie inside the tree; that the reservation block ends; that
 * nodes nest, every name is terminated, properties stand before child nodes,
 * there is one root, without a name, and an end. Not checked is meaning, as in
 * the length of a `reg`: the function that uses a property does that.
 * Duplicate names are accepted, and the first one counts. Blocks that overlap
 * one another are odd, but harmless.
 *
 * Ownership: @blob stays the caller's and is used as long as @fdt is.
 * Cost:      O(size).
 * Return:    VMM_OK, or
 *            VMM_EINVAL   malformed
 *            VMM_ERANGE   larger than @size: truncated, or not all mapped
 *            VMM_ENOTSUP  another version of the format, or nested deeper
 *                         than VMM_FDT_DEPTH_MAX
 */
VMM_NODISCARD int vmm_fdt_init(
	struct vmm_fdt *fdt, const void *blob, size_t size);

/**
 * vmm_fdt_moved() - Say that the same bytes are now at another address.
 * @fdt:  A checked tree.
 * @blob: Where the blob is seen from now on, e.g. in the direct map.
 *
 * The content must be the same. Nodes and properties obtained before, and
 * their names and values, still point to the old place: get them anew.
 */
static inline void vmm_fdt_moved(struct vmm_fdt *fdt, const void *blob)
{
	fdt->blob = (const unsigned char *)blob;
}

/*
 * Nodes
 */

/**
 * vmm_fdt_node_next() - Step through all nodes, parents before children.
 * @fdt:  A checked tree.
 * @node: The cursor. Zeroed, it steps to the root.
 *
 * Where the depth grows by one, the node is a child of the one before it.
 *
 * Cost:   O(bytes stepped over).
 * Return: true with the next node, false at the end (the cursor stays).
 */
bool vmm_fdt_node_next(const struct vmm_fdt *fdt, struct vmm_fdt_node *node);

/**
 * vmm_fdt_child_next() - Step through the children of one node.
 * @fdt:    A checked tree.
 * @parent: The node.
 * @child:  The cursor. Zeroed, it steps to the first child.
 *
 * Cost:   O(bytes stepped over), that is all below @child.
 * Return: true with the next child, false at the end (the cursor stays).
 */
bool vmm_fdt_child_next(const struct vmm_fdt *fdt,
	const struct vmm_fdt_node *parent, struct vmm_fdt_node *child);

/**
 * vmm_fdt_node_find() - Find a node by its path.
 * @fdt:      A checked tree.
 * @path:     Absolute: "/", "/cpus", "/soc/uart@10000000". A part without an
 *            address finds the first node of that name with any: "/memory"
 *            finds "memory@80000000". Aliases are not looked up.
 * @node_out: Receives the node.
 *
 * Cost:   O(size of the tree) for each part of the path.
 * Return: VMM_OK, or
 *         VMM_EINVAL  @path does not start with a slash
 *         VMM_ENOENT  there is no such node
 */
VMM_NODISCARD int vmm_fdt_node_find(const struct vmm_fdt *fdt, const char *path,
	struct vmm_fdt_node *node_out);

/**
 * vmm_fdt_is_enabled() - May this node be used?
 * @fdt:  A checked tree.
 * @node: The node.
 *
 * Cost:   O(properties of the node).
 * Return: true if it has no `status`, or the status is "okay" or "ok".
 */
bool vmm_fdt_is_enabled(
	const struct vmm_fdt *fdt, const struct vmm_fdt_node *node);

/**
 * vmm_fdt_cells() - How wide are addresses and sizes in a node's children?
 * @fdt:       A checked tree.
 * @node:      The parent of the nodes whose `reg` is to be read.
 * @cells_out: Receives #address-cells and #size-cells; 2 and 1 where a node
 *             does not say, as the specification has it. Any number can come
 *             out: PCI has 3, and vmm_fdt_prop_range() refuses what it cannot
 *             express.
 *
 * Cost:   O(properties of the node).
 * Return: VMM_OK, or VMM_EINVAL if one of the two is not a 4-byte number.
 */
VMM_NODISCARD int vmm_fdt_cells(const struct vmm_fdt *fdt,
	const struct vmm_fdt_node *node, struct vmm_fdt_cells *cells_out);

/*
 * Properties
 */

/**
 * vmm_fdt_prop_next() - Step through the properties of a node.
 * @fdt:  A checked tree.
 * @node: The node.
 * @prop: The cursor. Zeroed, it steps to the first property.
 *
 * Cost:   O(bytes stepped over).
 * Return: true with the next property, false at the end (the cursor stays).
 */
bool vmm_fdt_prop_next(const struct vmm_fdt *fdt,
	const struct vmm_fdt_node *node, struct vmm_fdt_prop *prop);

/**
 * vmm_fdt_prop_find() - Find a property of a node by its name.
 * @fdt:      A checked tree.
 * @node:     The node.
 * @name:     The exact name.
 * @prop_out: Receives the property.
 *
 * Cost:   O(properties of the node).
 * Return: VMM_OK, or VMM_ENOENT if there is none.
 */
VMM_NODISCARD int vmm_fdt_prop_find(const struct vmm_fdt *fdt,
	const struct vmm_fdt_node *node, const char *name,
	struct vmm_fdt_prop *prop_out);

/**
 * vmm_fdt_find_text() - The string in a property, by path.
 * @fdt:      A checked tree.
 * @path:     As in vmm_fdt_node_find().
 * @name:     The property's exact name.
 * @text_out: Receives the first string in the value; ends in 0.
 *
 * Return: VMM_OK, or
 *         VMM_ENOENT  no such node or property, or an empty value
 *         VMM_EINVAL  bad path, or the value is not terminated
 */
VMM_NODISCARD int vmm_fdt_find_text(const struct vmm_fdt *fdt, const char *path,
	const char *name, const char **text_out);

/**
 * vmm_fdt_prop_number() - Read a value of one or two cells.
 * @prop:      The property.
 * @value_out: Receives the number.
 *
 * Cost:   O(1).
 * Return: VMM_OK, or VMM_EINVAL if the value has neither 4 nor 8 bytes.
 */
VMM_NODISCARD int vmm_fdt_prop_number(
	const struct vmm_fdt_prop *prop, uint64_t *value_out);

/**
 * vmm_fdt_prop_text() - Read one string of a value that is a list of strings.
 * @prop:     The property.
 * @index:    Which one; 0 is the first, and often the only one.
 * @text_out: Receives a pointer into the blob; the string ends in 0 inside
 *            the value.
 *
 * Cost:   O(bytes of the value up to the string's end).
 * Return: VMM_OK, or
 *         VMM_ENOENT  the list has no more than @index strings
 *         VMM_EINVAL  the value ends before that string does
 */
VMM_NODISCARD int vmm_fdt_prop_text(
	const struct vmm_fdt_prop *prop, uint32_t index, const char **text_out);

/**
 * vmm_fdt_prop_has_text() - Is a string in a value that is a list of strings?
 * @prop: The property, e.g. `compatible`.
 * @text: The exact string.
 *
 * Cost:   O(bytes of the value).
 * Return: true if so. An unterminated string at the end equals nothing.
 */
bool vmm_fdt_prop_has_text(const struct vmm_fdt_prop *prop, const char *text);

/**
 * vmm_fdt_prop_range() - Read one (address, size) pair of a `reg`.
 * @prop:     The property.
 * @cells:    The widths, from vmm_fdt_cells() of the node's PARENT. Addresses
 *            of 1 or 2 cells and sizes of 0, 1 or 2 cells can be read.
 * @index:    Which pair; 0 is the first.
 * @base_out: Receives the address, as the parent's bus sees it. No `ranges`
 *            are applied.
 * @size_out: Receives the bytes; 0 where the tree says 0 or has no size cells.
 *
 * Return: VMM_OK, or
 *         VMM_ENOENT  no more than @index pairs
 *         VMM_EINVAL  other widths, a length that is no multiple of a pair,
 *                     or a range past 2^64
 */
VMM_NODISCARD int vmm_fdt_prop_range(const struct vmm_fdt_prop *prop,
	const struct vmm_fdt_cells *cells, uint32_t index, vmm_pa_t *base_out,
	uint64_t *size_out);

/*
 * Physical memory
 */

/* Where in a tree a statement about memory stands, and what it means. */
enum vmm_fdt_mem_source {
	VMM_FDT_MEM_RAM,      /* `reg` of a memory node below the root */
	VMM_FDT_MEM_RESERVED, /* child of /reserved-memory */
	VMM_FDT_MEM_NOMAP,    /* the same with `no-map`: firmware's. It must not
				 even be mapped, lest the hart speculate there */
	VMM_FDT_MEM_REUSABLE, /* the same with `reusable`: the kernel may use it
				 if it can vacate it when the driver asks */
	VMM_FDT_MEM_BLOCK,    /* an entry of the memory reservation block */
	VMM_FDT_MEM_INITRD    /* linux,initrd-start to -end in /chosen */
};

/* A statement about memory, and the cursor over all of them: zero it. */
struct vmm_fdt_mem {
	vmm_pa_t base;		  /* bytes, any alignment */
	uint64_t size;		  /* bytes, not 0; base + size may be 2^64 */
	uint32_t source;	  /* enum vmm_fdt_mem_source */
	struct vmm_fdt_node node; /* where it stands; name == NULL for BLOCK */

	/* Private: where the cursor is. */
	struct vmm_fdt_node parent;
	struct vmm_fdt_prop reg;
	struct vmm_fdt_cells cells;
	uint32_t stage;
	uint32_t index;
};

/**
 * vmm_fdt_mem_next() - Step through all that a tree says about memory.
 * @fdt: A checked tree.
 * @mem: The cursor; undefined after an error.
 *
 * Yields the sources in the order of the enum's groups: RAM, the children of
 * /reserved-memory, the reservation block, the initrd. Disabled nodes and
 * ranges of size 0 are passed over. So are children of /reserved-memory
 * without a `reg`: they ask the kernel to find room, and forbid nothing.
 * Addresses in /reserved-memory are taken as physical ones; a `ranges` there
 * that would translate them is refused.
 *
 * For kernels that treat `reusable` ranges in their own way; all others call
 * vmm_fdt_memmap().
 *
 * Cost:   O(bytes stepped over); all steps together O(size).
 * Return: VMM_OK with a statement, or
 *         VMM_ENOENT   that was all
 *         VMM_EINVAL   a malformed `reg`, #address-cells of 0 or above 2,
 *                      #size-cells likewise, a range past 2^64, an initrd
 *                      that ends before it starts or lacks one of its ends
 *         VMM_ENOTSUP  /reserved-memory has a non-empty `ranges`
 */
VMM_NODISCARD int vmm_fdt_mem_next(
	const struct vmm_fdt *fdt, struct vmm_fdt_mem *mem);

/**
 * vmm_fdt_memmap() - Enter all that a tree says about memory into a map.
 * @fdt:     A checked tree.
 * @blob_pa: Physical address of the tree itself, which becomes a reservation.
 * @map:     The map; may hold entries already. All or nothing: an error
 *           leaves it as it was.
 *
 * Memory nodes become RAM. Reservations with `no-map` become VMM_MEM_NOMAP, all
 * others VMM_MEM_PERMANENT, also the `reusable` ones, since vacating memory
 * takes a driver's word that this layer does not hear. The initrd and the tree
 * become VMM_MEM_LOADER, to be released when the kernel has read them. The
 * kernel's own image is in no tree: reserve it as well.
 *
 * A tree may name no RAM at all (under UEFI the memory map comes from
 * elsewhere and only the reservations count); see vmm_memmap_ram().
 *
 * To keep its promise, the function asks for the room of the worst case
 * before it starts, as vmm_memmap_room() has it: 2 n + 1 free entries for n
 * statements (the tree itself is one), and one more for each gap in what the
 * map holds. QEMU's `virt` with OpenSBI and an initrd makes 5 statements or
 * so: 11 entries. In the end most of them are free again, since neighbours
 * merge.
 *
 * Cost:   O(size + statements * entries).
 * Return: VMM_OK, or
 *         VMM_EINVAL   as in vmm_fdt_mem_next(), or the tree at @blob_pa
 *                      would wrap
 *         VMM_ENOTSUP  as in vmm_fdt_mem_next()
 *         VMM_ENOMEM   the map's array is too small
 */
VMM_NODISCARD int vmm_fdt_memmap(
	const struct vmm_fdt *fdt, vmm_pa_t blob_pa, struct vmm_memmap *map);

/*
 * Harts
 */

/* A hart that may be used, and the cursor over them: zero it. */
struct vmm_fdt_cpu {
	struct vmm_fdt_node node;
	uint64_t id; /* the first address in `reg`: on RISC-V the hart id */
	uint32_t va_bits;	    /* from `mmu-type`: 57, 48, 39 or 32;
			     0 if it has no MMU or does not say */
	struct vmm_fdt_node parent; /* private: the node /cpus */
};

/**
 * vmm_fdt_cpu_next() - Step through the harts that are not disabled.
 * @fdt: A checked tree.
 * @cpu: The cursor; undefined after an error.
 *
 * Harts are the children of /cpus with the `device_type` "cpu". One without an
 * MMU is yielded too.
 *
 * Return: VMM_OK with a hart, or
 *         VMM_ENOENT  that was all
 *         VMM_EINVAL  a hart without a `reg` of 1 or 2 cells
 */
VMM_NODISCARD int vmm_fdt_cpu_next(
	const struct vmm_fdt *fdt, struct vmm_fdt_cpu *cpu);

/**
 * vmm_fdt_mmu_type() - Which paging mode do all harts have?
 * @fdt:         A checked tree.
 * @va_bits_out: Receives 57, 48 or 39 for Sv57, Sv48 and Sv39 (32 for Sv32):
 *               the lowest over all harts that are not disabled and name a
 *               mode. A mode implies the narrower ones. 0: no hart names one.
 * @harts_out:   Receives the number of these harts; at least 1. Where none
 *               names a mode, all that are not disabled.
 *
 * A hart without a mode beside others that have one cannot run the kernel: the
 * monitor core of SiFive's boards is such a hart, and not every tree disables
 * it.
 *
 * The tree says what the hart offers; writing satp and reading it back says
 * what it does. A careful kernel takes the smaller of the two.
 *
 * Return: VMM_OK, or
 *         VMM_ENOENT  the tree names no hart
 *         VMM_EINVAL  as in vmm_fdt_cpu_next()
 */
VMM_NODISCARD int vmm_fdt_mmu_type(
	const struct vmm_fdt *fdt, unsigned *va_bits_out, uint32_t *harts_out);

#ifdef __cplusplus
}
#endif

#endif /* VMM_FDT_H */
