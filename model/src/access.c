/* SPDX-License-Identifier: MIT */
/*
 * Accesses: all the ways in which one could end, against the one that the
 * tables have.
 */
#include "mmu_internal.h"

#include <stdlib.h>
#include <string.h>

static bool sets_bits(const struct vmm_mmu *mmu)
{
	return mmu->config.arch == VMM_MMU_X86_64 ||
	       (mmu->config.features & VMM_MMU_SVADU) != 0;
}

static enum vmm_mmu_status page_fault(const struct candidate *c)
{
	return c->space->stage == STAGE_TWO ? VMM_MMU_GUEST_PAGE_FAULT
					    : VMM_MMU_PAGE_FAULT;
}

/* The leaf that is at the candidate's place now, if one is. */
static bool leaf_now(
	const struct vmm_mmu *mmu, const struct candidate *c, struct entry *out)
{
	const uint64_t *memory = mmu_memory(&mmu->config, c->entry_pa);

	if (memory == NULL)
		return false;
	mmu_decode(
		c->space->format, mmu->config.features, c->level, *memory, out);
	return out->kind == ENTRY_LEAF && out->pa == c->entry.pa;
}

bool mmu_outcome(const struct vmm_mmu *mmu, const struct candidate *c,
	uint64_t va, unsigned how, struct outcome *out)
{
	struct entry now;

	out->result =
		(struct vmm_mmu_result){page_fault(c), c->entry.reason, 0, 0};
	if (c->entry.kind == ENTRY_HOLE)
		out->result.status = VMM_MMU_ACCESS_FAULT;
	if (c->entry.kind == ENTRY_GUEST)
		out->result.status = VMM_MMU_GUEST_PAGE_FAULT;
	if (c->entry.kind != ENTRY_LEAF)
		return true;
	out->result.reason = mmu_permit(
		c->space->format, mmu->config.features, &c->entry, how);
	if (out->result.reason != VMM_MMU_NO_REASON)
		return true;
	/* 12.3.2: what is held cannot serve to set A or D; the entry in memory
	 * is compared first, and on a difference the walk starts anew. */
	if (!c->now && sets_bits(mmu) &&
		(!c->entry.a || ((how & VMM_MMU_WRITE) != 0 && !c->entry.d)))
		return false;
	out->result.status = VMM_MMU_OK;
	out->result.pa = mmu_leaf_pa(&c->entry, c->level, va);
	out->result.type = c->entry.type;
	if (!c->now && leaf_now(mmu, c, &now)) {
		out->lost_access = out->lost_access || !now.a;
		out->lost_dirty = out->lost_dirty ||
				  ((how & VMM_MMU_WRITE) != 0 && !now.d);
	}
	return true;
}

/* The kind of report that an outcome deserves; VMM_MMU_KINDS: none. */
enum vmm_mmu_kind mmu_judge(
	const struct walk *walk, const struct outcome *outcome)
{
	const struct vmm_mmu_result *now = &walk->result;
	const struct vmm_mmu_result *may = &outcome->result;

	if (may->status != VMM_MMU_OK)
		return may->status == now->status ? VMM_MMU_KINDS
						  : VMM_MMU_SPURIOUS;
	if (now->status != VMM_MMU_OK) {
		if (now->reason == VMM_MMU_A_CLEAR && outcome->lost_access)
			return VMM_MMU_LOST_ACCESS;
		if (now->reason == VMM_MMU_D_CLEAR && outcome->lost_dirty)
			return VMM_MMU_LOST_DIRTY;
		return VMM_MMU_STALE;
	}
	if (may->pa != now->pa)
		return VMM_MMU_STALE;
	if (may->type != now->type)
		return VMM_MMU_STALE_TYPE;
	if (outcome->lost_dirty)
		return VMM_MMU_LOST_DIRTY;
	return outcome->lost_access ? VMM_MMU_LOST_ACCESS : VMM_MMU_KINDS;
}

/* What one access found: at most one outcome to report of each kind. */
struct finding {
	struct vmm_mmu *mmu;
	struct hart *hart;
	unsigned number;
	uint64_t va;
	unsigned how;
	struct walk walk;
	bool found[VMM_MMU_KINDS];
	struct vmm_mmu_report reports[VMM_MMU_KINDS];
	/* One of the other outcomes, each with the same chance. */
	uint64_t others;
	struct vmm_mmu_result other;
};

static void weigh(struct finding *f, const struct outcome *outcome,
	const struct candidate *c)
{
	const enum vmm_mmu_kind kind = mmu_judge(&f->walk, outcome);
	struct vmm_mmu_report *report;

	if (kind == VMM_MMU_KINDS)
		return;
	if (mmu_random(f->mmu) % ++f->others == 0)
		f->other = outcome->result;
	if (f->found[kind])
		return;
	f->found[kind] = true;
	report = &f->reports[kind];
	*report = (struct vmm_mmu_report){.kind = kind,
		.va = f->va,
		.how = f->how,
		.now = f->walk.result,
		.may = outcome->result};
	mmu_report_candidate(f->mmu, f->number, c, report);
}

/* Through the second stage, from what the first one gave. */
static void weigh_second(struct finding *f, uint64_t gpa,
	const struct outcome *first, const struct candidate *c)
{
	const struct question question = {
		STAGE_TWO, f->hart->regs.hgatp >> 44 & 0x3fff, gpa, gpa, false};
	struct candidates list = {0};

	mmu_may(f->mmu, f->hart, &question, &list);
	for (size_t i = 0; i < list.count; i++) {
		const struct candidate *second = &list.item[i];
		struct outcome outcome = *first;

		if (!mmu_usable(f->mmu, f->hart, second) ||
			!mmu_outcome(f->mmu, second, gpa, f->how, &outcome) ||
			(second->now && (c == NULL || c->now)))
			continue;
		if (first->result.type != 0)
			outcome.result.type = first->result.type;
		weigh(f, &outcome, second->now && c != NULL ? c : second);
	}
	candidates_free(&list);
}

static void weigh_all(struct finding *f)
{
	const bool guest = f->hart->regs.virt;
	const bool second =
		mmu_space_active(f->hart, STAGE_TWO) != NULL && guest;
	const struct question question = {guest ? STAGE_GUEST : STAGE_ONE,
		guest ? f->hart->regs.hgatp >> 44 & 0x3fff : 0, f->va, f->va,
		false};
	struct candidates list = {0};

	if (mmu_space_active(f->hart, question.stage) == NULL) {
		const struct outcome bare = {.result = {.pa = f->va}};

		if (second)
			weigh_second(f, f->va, &bare, NULL);
		return;
	}
	mmu_may(f->mmu, f->hart, &question, &list);
	for (size_t i = 0; i < list.count; i++) {
		const struct candidate *c = &list.item[i];
		struct outcome outcome = {0};

		if (!mmu_usable(f->mmu, f->hart, c) ||
			!mmu_outcome(f->mmu, c, f->va, f->how, &outcome))
			continue;
		if (second && outcome.result.status == VMM_MMU_OK)
			weigh_second(f, outcome.result.pa, &outcome, c);
		else if (!c->now)
			weigh(f, &outcome, c);
	}
	candidates_free(&list);
}

/* Entries that are wrong, or need software to set A and D. */
static void report_entry(struct finding *f)
{
	const enum vmm_mmu_reason reason = f->walk.result.reason;
	struct vmm_mmu_report report = {.kind = VMM_MMU_BAD_ENTRY,
		.hart = f->number,
		.va = f->va,
		.how = f->how,
		.now = f->walk.result,
		.may = f->walk.result};

	if (reason == VMM_MMU_A_CLEAR || reason == VMM_MMU_D_CLEAR)
		report.kind = VMM_MMU_AD_FAULT;
	else if (!mmu_is_reserved(reason))
		return;
	report.entry = f->walk.raw;
	report.level = f->walk.level;
	if (f->walk.levels > 0)
		report.entry_pa = f->walk.entry_pa[f->walk.levels - 1];
	mmu_report(f->mmu, &report);
}

static void set_bits_second(struct finding *f, uint64_t gpa, unsigned how)
{
	struct walk walk;
	uint64_t bits = UINT64_C(1) << 6;

	if ((how & VMM_MMU_WRITE) != 0)
		bits |= UINT64_C(1) << 7;
	mmu_walk_second(&f->mmu->config, f->hart->regs.hgatp, gpa, how, &walk);
	if (walk.result.status == VMM_MMU_OK && walk.levels > 0)
		mmu_hardware_store(f->mmu, walk.entry_pa[walk.levels - 1],
			walk.raw | bits);
}

/* The access went through the tables as they are: A and D are set. */
static void set_bits(struct finding *f)
{
	const bool x86 = f->mmu->config.arch == VMM_MMU_X86_64;
	const uint64_t a = UINT64_C(1) << (x86 ? 5 : 6);
	const struct walk *walk = &f->walk;
	const unsigned first = x86 || walk->levels == 0 ? 0 : walk->levels - 1;

	for (unsigned i = first; i < walk->levels; i++) {
		const uint64_t *entry =
			mmu_memory(&f->mmu->config, walk->entry_pa[i]);
		uint64_t bits = a;

		if (i == walk->levels - 1 && (f->how & VMM_MMU_WRITE) != 0)
			bits |= a << 1;
		mmu_hardware_store(f->mmu, walk->entry_pa[i], *entry | bits);
	}
	for (unsigned i = 0; i < walk->stages; i++)
		set_bits_second(f, walk->gpa[i].gpa, walk->gpa[i].how);
}

/*
 * Intel SDM 3A, 4.10.4.1: a page fault takes what is held for the address in
 * the current PCID, and the entries on the way to it.
 */
static void forget_address(struct finding *f)
{
	mmu_fence_add(f->mmu, f->hart,
		(struct fence){.stage = STAGE_ONE,
			.by_va = true,
			.by_asid = true,
			.path = true,
			.va = f->va,
			.asid = (f->mmu->config.features & VMM_MMU_PCID) != 0
					? f->hart->regs.cr3 & 0xfff
					: 0});
}

struct vmm_mmu_result vmm_mmu_access(
	struct vmm_mmu *mmu, unsigned hart, uint64_t va, unsigned how)
{
	struct finding f = {.mmu = mmu,
		.hart = mmu_hart(mmu, hart),
		.number = hart,
		.va = va,
		.how = how};
	struct vmm_mmu_result result;

	vmm_mmu_sync(mmu);
	mmu_walk_first(&mmu->config, &f.hart->regs, va, how, &f.walk);
	weigh_all(&f);
	report_entry(&f);
	for (unsigned kind = 0; kind < VMM_MMU_KINDS; kind++) {
		if (f.found[kind])
			mmu_report(mmu, &f.reports[kind]);
	}
	result = f.walk.result;
	if (f.others > 0 && mmu_random(mmu) % 100 < mmu->config.stale_percent)
		result = f.other;
	else if (result.status == VMM_MMU_OK && sets_bits(mmu))
		set_bits(&f);
	if (result.status != VMM_MMU_OK && mmu->config.arch == VMM_MMU_X86_64)
		forget_address(&f);
	return result;
}

/* Bytes from @va to the end of its page, at most @size. */
static size_t part(uint64_t va, size_t size)
{
	const uint64_t rest = PAGE - (va & (PAGE - 1));

	return rest < size ? (size_t)rest : size;
}

static char *bytes_at(const struct vmm_mmu *mmu, uint64_t pa)
{
	const uint64_t *page = mmu_memory(&mmu->config, pa & ~(PAGE - 1));

	return page == NULL ? NULL
			    : (char *)(uintptr_t)page + (pa & (PAGE - 1));
}

/* Access as many bytes as one page has of the range, and find them. */
static struct vmm_mmu_result reach(struct vmm_mmu *mmu, unsigned hart,
	uint64_t va, unsigned how, char **bytes_out)
{
	struct vmm_mmu_result result = vmm_mmu_access(mmu, hart, va, how);

	if (result.status != VMM_MMU_OK)
		return result;
	*bytes_out = bytes_at(mmu, result.pa);
	if (*bytes_out == NULL) {
		result.status = VMM_MMU_ACCESS_FAULT;
		result.reason = VMM_MMU_NO_MEMORY;
	}
	return result;
}

struct vmm_mmu_result vmm_mmu_read(struct vmm_mmu *mmu, unsigned hart,
	uint64_t va, unsigned how, void *into, size_t size)
{
	struct vmm_mmu_result result = {.status = VMM_MMU_OK};

	for (size_t done = 0; done < size;) {
		const size_t count = part(va + done, size - done);
		char *bytes;

		result =
			reach(mmu, hart, va + done, how | VMM_MMU_READ, &bytes);
		if (result.status != VMM_MMU_OK)
			break;
		memcpy((char *)into + done, bytes, count);
		done += count;
	}
	return result;
}

struct vmm_mmu_result vmm_mmu_write(struct vmm_mmu *mmu, unsigned hart,
	uint64_t va, unsigned how, const void *from, size_t size)
{
	struct vmm_mmu_result result = {.status = VMM_MMU_OK};

	for (size_t done = 0; done < size;) {
		const size_t count = part(va + done, size - done);
		char *bytes;

		result = reach(
			mmu, hart, va + done, how | VMM_MMU_WRITE, &bytes);
		if (result.status != VMM_MMU_OK)
			break;
		memcpy(bytes, (const char *)from + done, count);
		done += count;
	}
	return result;
}
