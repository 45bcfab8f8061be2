/* SPDX-License-Identifier: MIT */
/*
 * The walk by the letter, with no TLB: RISC-V Privileged 1.13, 12.3.2, and for
 * two stages 15.5 "Two-Stage Address Translation"; Intel SDM 3A, 4.5.4. Reads
 * memory and writes nothing; whoever makes the access sets A and D.
 */
#include "mmu_internal.h"

#define PPN_MASK ((UINT64_C(1) << 44) - 1)
#define CR3_MASK (((UINT64_C(1) << 40) - 1) << 12)

const uint64_t *mmu_memory(const struct vmm_mmu_config *config, uint64_t pa)
{
	const uint64_t page = pa & ~(PAGE - 1);
	const char *at;

	if (config->page != NULL) {
		at = config->page(config->ctx, page);
		if (at == NULL)
			return NULL;
	} else {
		if (page < config->ram_base ||
			page - config->ram_base >= config->ram_size ||
			config->ram_size - (page - config->ram_base) < PAGE)
			return NULL;
		at = (const char *)config->ram + (page - config->ram_base);
	}
	return (const uint64_t *)(const void *)(at + (pa & (PAGE - 8)));
}

bool mmu_is_reserved(enum vmm_mmu_reason reason)
{
	return reason >= VMM_MMU_NO_LEAF;
}

static void fault(struct walk *walk, enum vmm_mmu_status status,
	enum vmm_mmu_reason reason)
{
	walk->result = (struct vmm_mmu_result){status, reason, 0, 0};
}

/* One stage, on its way down from the root. */
struct descent {
	const struct vmm_mmu_config *config;
	const struct format *format;
	enum vmm_mmu_status page_fault;
	unsigned how;
	uint64_t va;
	uint64_t table;
	unsigned level;
	struct entry path;
};

/* To the root; false: the address is none of the format's. */
static bool begin(struct descent *d, uint64_t root, struct walk *walk)
{
	d->table = root;
	d->level = d->format->levels - 1;
	mmu_path_start(&d->path);
	if (mmu_canonical(d->format, d->va))
		return true;
	fault(walk, d->page_fault, VMM_MMU_NOT_CANONICAL);
	return false;
}

/* The address of the next entry; guest-physical in a guest's tables. */
static uint64_t entry_at(const struct descent *d)
{
	return d->table + UINT64_C(8) * mmu_index(d->format, d->level, d->va);
}

static void conclude(const struct descent *d, struct walk *walk)
{
	if (walk->entry.kind != ENTRY_LEAF) {
		fault(walk, d->page_fault, walk->entry.reason);
		return;
	}
	walk->result.reason = mmu_permit(
		d->format, d->config->features, &walk->entry, d->how);
	if (walk->result.reason != VMM_MMU_NO_REASON) {
		fault(walk, d->page_fault, walk->result.reason);
		return;
	}
	walk->result.pa = mmu_leaf_pa(&walk->entry, walk->level, d->va);
	walk->result.type = walk->entry.type;
}

/* Read the entry at @pa: false when the walk has come to its end. */
static bool step(struct descent *d, uint64_t pa, struct walk *walk)
{
	const uint64_t *memory = mmu_memory(d->config, pa);

	walk->level = d->level;
	if (memory == NULL) {
		fault(walk, VMM_MMU_ACCESS_FAULT, VMM_MMU_NO_MEMORY);
		return false;
	}
	walk->entry_pa[walk->levels++] = pa;
	walk->raw = *memory;
	mmu_decode(d->format, d->config->features, d->level, walk->raw,
		&walk->entry);
	if (walk->entry.kind == ENTRY_TABLE || walk->entry.kind == ENTRY_LEAF)
		mmu_inherit(d->format, &d->path, &walk->entry);
	if (walk->entry.kind == ENTRY_TABLE && d->level > 0) {
		d->path = walk->entry;
		d->table = walk->entry.pa;
		d->level--;
		return true;
	}
	conclude(d, walk);
	return false;
}

void mmu_walk_second(const struct vmm_mmu_config *config, uint64_t hgatp,
	uint64_t gpa, unsigned how, struct walk *walk)
{
	struct descent d = {.config = config,
		.format = mmu_format_riscv(hgatp, true),
		.page_fault = VMM_MMU_GUEST_PAGE_FAULT,
		.how = how,
		.va = gpa};

	*walk = (struct walk){.result = {.pa = gpa}};
	if (d.format == NULL || !begin(&d, (hgatp & PPN_MASK) << 12, walk))
		return;
	while (step(&d, entry_at(&d), walk))
		continue;
}

/* A table's or a page's guest-physical address, through the second stage. */
static bool through_second(const struct vmm_mmu_config *config,
	const struct vmm_mmu_regs *regs, uint64_t gpa, unsigned how,
	struct walk *walk, uint64_t *pa_out)
{
	struct walk second;

	*pa_out = gpa;
	if (!regs->virt)
		return true;
	walk->gpa[walk->stages].gpa = gpa;
	walk->gpa[walk->stages++].how = how;
	mmu_walk_second(config, regs->hgatp, gpa, how, &second);
	*pa_out = second.result.pa;
	if (second.result.status == VMM_MMU_OK) {
		walk->result.type = second.result.type;
		return true;
	}
	walk->result = second.result;
	return false;
}

/* Must the walk set A or D in its leaf? */
static bool sets_bits(const struct vmm_mmu_config *config,
	const struct walk *walk, unsigned how)
{
	return walk->levels > 0 && (config->features & VMM_MMU_SVADU) != 0 &&
	       (!walk->entry.a ||
		       ((how & VMM_MMU_WRITE) != 0 && !walk->entry.d));
}

/* The page itself, through the second stage; and the entry, if it is set. */
static void finish_guest(const struct vmm_mmu_config *config,
	const struct vmm_mmu_regs *regs, uint64_t entry_gpa, unsigned how,
	struct walk *walk)
{
	const uint64_t gpa = walk->result.pa;
	const unsigned type = walk->result.type;
	uint64_t pa;

	if (sets_bits(config, walk, how) &&
		!through_second(
			config, regs, entry_gpa, VMM_MMU_WRITE, walk, &pa))
		return;
	if (!through_second(config, regs, gpa, how, walk, &pa))
		return;
	walk->result.pa = pa;
	/* Svpbmt: a first-stage type overrides the second stage's. */
	if (type != 0)
		walk->result.type = type;
}

void mmu_walk_first(const struct vmm_mmu_config *config,
	const struct vmm_mmu_regs *regs, uint64_t va, unsigned how,
	struct walk *walk)
{
	const bool riscv = config->arch == VMM_MMU_RISCV;
	const uint64_t satp = regs->virt ? regs->vsatp : regs->satp;
	struct descent d = {.config = config,
		.page_fault = VMM_MMU_PAGE_FAULT,
		.how = how,
		.va = va};
	uint64_t at = 0;
	uint64_t pa;
	bool on;

	*walk = (struct walk){.result = {.pa = va}};
	if (riscv)
		d.format = mmu_format_riscv(satp, false);
	else if (regs->cr3 != 0)
		d.format = mmu_format_x86(config->features);
	on = d.format != NULL &&
	     begin(&d, riscv ? (satp & PPN_MASK) << 12 : regs->cr3 & CR3_MASK,
		     walk);
	while (on) {
		at = entry_at(&d);
		walk->level = d.level;
		/* 15.5.1: checked as an implicit load, whatever the access. */
		on = through_second(
			     config, regs, at, VMM_MMU_READ, walk, &pa) &&
		     step(&d, pa, walk);
	}
	if (walk->result.status == VMM_MMU_OK && regs->virt)
		finish_guest(config, regs, at, how, walk);
}

struct vmm_mmu_result vmm_mmu_translate(const struct vmm_mmu_config *config,
	const struct vmm_mmu_regs *regs, uint64_t va, unsigned how)
{
	struct walk walk;

	mmu_walk_first(config, regs, va, how, &walk);
	return walk.result;
}
