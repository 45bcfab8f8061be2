/* SPDX-License-Identifier: MIT */
/*
 * The direct map's entries. The RAM of the memory map is walked as a sequence
 * of pieces: as long as possible, so that kinds which are mapped alike share
 * superpages, and cut where a carve-out begins or ends.
 */
#include <vmm/boot.h>

#include "pt/pt_walk.h"

/* The state of a walk over pieces; zero it, but for the parameters. */
struct pieces {
	const struct vmm_memmap *map;
	const struct vmm_boot_carve *carves;
	size_t carves_count;
	unsigned prot; /* outside the carve-outs */

	struct vmm_mem_frames frames; /* one run ahead of base, size */
	bool ahead;		      /* frames holds a run not used yet */
	vmm_pa_t base;		      /* what is left of the joined runs */
	uint64_t size;

	vmm_pa_t piece_base; /* the result */
	uint64_t piece_size;
	unsigned piece_prot;
};

static bool is_mapped(enum vmm_mem_kind kind)
{
	return kind != VMM_MEM_NOMAP && kind != VMM_MEM_MMIO;
}

static bool next_frames(struct pieces *pieces)
{
	if (pieces->ahead) {
		pieces->ahead = false;
		return true;
	}
	while (vmm_memmap_frames_next(pieces->map, &pieces->frames)) {
		if (is_mapped(pieces->frames.kind))
			return true;
	}
	return false;
}

/* Fill base and size with the next runs of frames, joined while they touch. */
static bool refill(struct pieces *pieces)
{
	if (!next_frames(pieces))
		return false;
	pieces->base = vmm_pfn_to_pa(pieces->frames.first);
	pieces->size = pieces->frames.count << VMM_PAGE_SHIFT;
	while (next_frames(pieces)) {
		vmm_pa_t next = vmm_pfn_to_pa(pieces->frames.first);

		if (next - pieces->base != pieces->size) {
			pieces->ahead = true;
			break;
		}
		pieces->size += pieces->frames.count << VMM_PAGE_SHIFT;
	}
	return true;
}

/* Cut the next piece off base and size, at the edges of the carve-outs. */
static void cut(struct pieces *pieces)
{
	uint64_t size = pieces->size;
	unsigned prot = pieces->prot;

	for (size_t i = 0; i < pieces->carves_count; i++) {
		const struct vmm_boot_carve *carve = &pieces->carves[i];
		uint64_t inside = pieces->base - carve->base;
		uint64_t before = carve->base - pieces->base;

		if (inside < carve->size) {
			prot = carve->prot;
			if (carve->size - inside < size)
				size = carve->size - inside;
			break;
		}
		if (carve->base > pieces->base && before < size) {
			size = before;
			break;
		}
	}
	pieces->piece_base = pieces->base;
	pieces->piece_size = size;
	pieces->piece_prot = prot;
	pieces->base += size;
	pieces->size -= size;
}

/* The next piece that is to be mapped. */
static bool next_piece(struct pieces *pieces)
{
	do {
		if (pieces->size == 0 && !refill(pieces))
			return false;
		cut(pieces);
	} while (pieces->piece_prot == 0);
	return true;
}

static bool carves_ok(const struct vmm_boot_carve *carves, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!vmm_range_ok(carves[i].base, carves[i].size) ||
			!vmm_is_aligned(
				carves[i].base | carves[i].size, VMM_PAGE_SIZE))
			return false;
		if (i > 0 &&
			carves[i].base <= vmm_range_last(carves[i - 1].base,
						  carves[i - 1].size))
			return false;
	}
	return true;
}

/* Can the format express every protection? */
static int check_prots(const struct vmm_pt *pt, unsigned prot,
	const struct vmm_boot_carve *carves, size_t count)
{
	struct vmm_pt_leaf_bits bits;
	int err = vmm_pt_prot_encode(pt->format, prot, &bits);

	for (size_t i = 0; i < count && err == VMM_OK; i++) {
		if (carves[i].prot != 0)
			err = vmm_pt_prot_encode(
				pt->format, carves[i].prot, &bits);
	}
	return err;
}

/* Find conflicts, and count the tables of all pieces together. */
static int plan(const struct vmm_pt *pt, struct pieces pieces, uint64_t offset,
	uint64_t *tables_out)
{
	const vmm_va_t *after = NULL;
	vmm_va_t last = 0;
	uint64_t sum = 0;

	while (next_piece(&pieces)) {
		vmm_va_t va = pieces.piece_base + offset;
		uint64_t tables;
		int err;

		/* Past 2^64 and on from 0: no ascending sequence any more. */
		if (after != NULL && va <= last)
			return VMM_ERANGE;
		err = vmm_pt_map_tables(pt, va, pieces.piece_base,
			pieces.piece_size, after, &tables);
		if (err != VMM_OK)
			return err;
		sum += tables;
		last = vmm_range_last(va, pieces.piece_size);
		after = &last;
	}
	*tables_out = sum;
	return VMM_OK;
}

int vmm_boot_map_ram(struct vmm_pt *pt, const struct vmm_memmap *map,
	uint64_t offset, unsigned prot, const struct vmm_boot_carve *carves,
	size_t carves_count)
{
	struct pieces pieces = {.map = map,
		.carves = carves,
		.carves_count = carves_count,
		.prot = prot};
	uint64_t tables;
	int err;

	if (!vmm_is_aligned(offset, VMM_PAGE_SIZE) ||
		!carves_ok(carves, carves_count))
		return VMM_EINVAL;
	err = check_prots(pt, prot, carves, carves_count);
	if (err == VMM_OK)
		err = plan(pt, pieces, offset, &tables);
	if (err == VMM_OK)
		err = vmm_pt_reserve(pt, tables);
	while (err == VMM_OK && next_piece(&pieces))
		err = vmm_pt_map(pt, pieces.piece_base + offset,
			pieces.piece_base, pieces.piece_size, pieces.piece_prot,
			NULL);
	/* Planned and reserved: nothing was left that could fail. */
	VMM_ASSERT(err == VMM_OK || pieces.piece_size == 0);
	return err;
}
