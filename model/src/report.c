/* SPDX-License-Identifier: MIT */
/*
 * Reports: what was held, which change should have ended it, and which fence
 * came closest to doing so.
 */
#include "mmu_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void mmu_report(struct vmm_mmu *mmu, struct vmm_mmu_report *report)
{
	if ((mmu->config.tolerate >> report->kind & 1) != 0)
		return;
	mmu->counts[report->kind]++;
	if (mmu->config.report != NULL)
		mmu->config.report(mmu->config.ctx, report);
}

uint64_t vmm_mmu_count(const struct vmm_mmu *mmu, enum vmm_mmu_kind kind)
{
	return mmu->counts[kind];
}

uint64_t vmm_mmu_count_all(const struct vmm_mmu *mmu)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < VMM_MMU_KINDS; i++)
		all += mmu->counts[i];
	return all;
}

/* Why a fence that came after the change did not take the entry. */
static enum vmm_mmu_why why_not(
	const struct fence *fence, const struct held *held)
{
	struct fence wider = *fence;

	if (fence->stage != held->space->stage)
		return VMM_MMU_WHY_NONE;
	wider.by_va = false;
	if (!mmu_fence_takes(&wider, held))
		return held->global_after && held->space->stage != STAGE_TWO &&
				       fence->by_asid
			       ? VMM_MMU_WHY_NOT_GLOBAL
			       : VMM_MMU_WHY_OTHER_SPACE;
	if (!held->leaf_after && held->va <= fence->va &&
		fence->va <= held->last)
		return VMM_MMU_WHY_LEAF_ONLY;
	return VMM_MMU_WHY_OTHER_ADDRESS;
}

/* The nearer a fence came, the more it explains. */
static unsigned rank(enum vmm_mmu_why why)
{
	switch (why) {
	case VMM_MMU_WHY_LEAF_ONLY:
		return 6;
	case VMM_MMU_WHY_NOT_GLOBAL:
		return 5;
	case VMM_MMU_WHY_UNFINISHED:
		return 4;
	case VMM_MMU_WHY_OTHER_HART:
		return 3;
	case VMM_MMU_WHY_OTHER_SPACE:
		return 2;
	case VMM_MMU_WHY_OTHER_ADDRESS:
		return 1;
	default:
		return 0;
	}
}

static void suggest(struct vmm_mmu_report *report, enum vmm_mmu_why why,
	const struct fence *fence, unsigned hart)
{
	if (rank(why) <= rank(report->why))
		return;
	report->why = why;
	report->fence_hart = hart;
	report->fence_va = fence->va;
	report->fence_space =
		fence->stage == STAGE_TWO ? fence->vmid : fence->asid;
}

static void explain(const struct vmm_mmu *mmu, unsigned number,
	const struct held *held, uint64_t since, struct vmm_mmu_report *report)
{
	report->why = VMM_MMU_WHY_NO_FENCE;
	for (unsigned h = 0; h < mmu->config.harts; h++) {
		const struct hart *hart = &mmu->harts[h];

		for (size_t i = 0; i < hart->fences.count; i++) {
			const struct fence *fence = &hart->fences.item[i];

			if (fence->covers < since)
				continue;
			if (h == number)
				suggest(report, why_not(fence, held), fence, h);
			else if (mmu_fence_takes(fence, held))
				suggest(report, VMM_MMU_WHY_OTHER_HART, fence,
					h);
		}
	}
	for (size_t i = 0; i < mmu->harts[number].pending.count; i++) {
		struct fence fence = mmu->harts[number].pending.item[i];

		fence.epoch = fence.covers = FOREVER;
		if (mmu_fence_takes(&fence, held))
			suggest(report, VMM_MMU_WHY_UNFINISHED, &fence, number);
	}
}

void mmu_report_candidate(const struct vmm_mmu *mmu, unsigned hart,
	const struct candidate *c, struct vmm_mmu_report *report)
{
	const struct space *active =
		mmu_space_active(&mmu->harts[hart], c->space->stage);
	const struct change *change;
	struct held held = {.space = c->space,
		.leaf_after = c->blame.leaf,
		.global_after = c->blame.global || c->entry.g};

	report->hart = hart;
	report->entry = c->raw;
	report->entry_pa = c->entry_pa;
	report->level = c->level;
	report->global = c->entry.g;
	report->root = c->space->root;
	report->asid = c->space->asid;
	report->vmid = c->space->vmid;
	if (c->now)
		return;
	if (active != NULL && c->space != active) {
		report->why = c->space->asid == active->asid
				      ? VMM_MMU_WHY_ASID_REUSED
				      : VMM_MMU_WHY_GLOBAL;
		if (c->blame.change == NO_CHANGE)
			return;
	}
	if (c->blame.change == NO_CHANGE) {
		report->why = VMM_MMU_WHY_NAPOT;
		return;
	}
	change = &mmu->changes.item[c->blame.change];
	report->change = (struct vmm_mmu_change){change->number, change->pa,
		change->from, change->to, change->label};
	report->change_level = c->blame.level;
	if (report->why != VMM_MMU_WHY_NONE)
		return;
	/* What the changed entry stands for, at its own level. */
	held.va = c->va & ~((UINT64_C(1) << mmu_shift(c->blame.level)) - 1);
	held.last = held.va + ((UINT64_C(1) << mmu_shift(c->blame.level)) - 1);
	explain(mmu, hart, &held, change->epoch, report);
}

/* Text. */

struct text {
	char *at;
	size_t size;
	size_t used; /* as if there were room */
};

__attribute__((format(printf, 2, 3))) static void put(
	struct text *text, const char *format, ...)
{
	const size_t at = text->used < text->size ? text->used : text->size;
	va_list args;
	int count;

	va_start(args, format);
	count = vsnprintf(text->size == 0 ? NULL : text->at + at,
		text->size - at, format, args);
	va_end(args);
	text->used += count > 0 ? (size_t)count : 0;
}

static const char *reason_text(enum vmm_mmu_reason reason)
{
	static const char *const texts[] = {
		[VMM_MMU_NO_REASON] = "no reason",
		[VMM_MMU_NOT_CANONICAL] = "not a canonical address",
		[VMM_MMU_ABSENT] = "not valid",
		[VMM_MMU_DENIED] = "not permitted",
		[VMM_MMU_PRIVILEGE] = "not for this privilege",
		[VMM_MMU_A_CLEAR] = "A is clear",
		[VMM_MMU_D_CLEAR] = "D is clear",
		[VMM_MMU_NO_MEMORY] = "no memory there",
		[VMM_MMU_NO_LEAF] = "the last level points to a table",
		[VMM_MMU_W_WITHOUT_R] = "W without R is reserved",
		[VMM_MMU_RESERVED_BITS] = "reserved bits are set",
		[VMM_MMU_RESERVED_PBMT] = "reserved PBMT",
		[VMM_MMU_RESERVED_NAPOT] = "reserved use of N",
		[VMM_MMU_TABLE_ADU] = "A, D or U in an entry of a table",
		[VMM_MMU_MISALIGNED] = "misaligned superpage",
	};

	return texts[reason];
}

static void put_result(struct text *text, const struct vmm_mmu_result *result)
{
	static const char *const texts[] = {
		[VMM_MMU_PAGE_FAULT] = "page fault",
		[VMM_MMU_GUEST_PAGE_FAULT] = "guest-page fault",
		[VMM_MMU_ACCESS_FAULT] = "access fault",
	};

	if (result->status == VMM_MMU_OK && result->type != 0)
		put(text, "physical 0x%" PRIx64 ", memory type %u", result->pa,
			result->type);
	else if (result->status == VMM_MMU_OK)
		put(text, "physical 0x%" PRIx64, result->pa);
	else
		put(text, "%s, %s", texts[result->status],
			reason_text(result->reason));
}

static const char *verb(unsigned how)
{
	if ((how & VMM_MMU_WRITE) != 0)
		return "write";
	return (how & VMM_MMU_EXEC) != 0 ? "execute" : "read";
}

static void put_head(struct text *text, const struct vmm_mmu_report *r)
{
	static const char *const kinds[] = {
		[VMM_MMU_STALE] = "an old translation may be used",
		[VMM_MMU_LOST_DIRTY] = "a store may go without setting D",
		[VMM_MMU_LOST_ACCESS] = "an access may go without setting A",
		[VMM_MMU_STALE_TYPE] = "an old memory type may be used",
		[VMM_MMU_SPURIOUS] = "it may fault though the table allows it",
		[VMM_MMU_BAD_ENTRY] = "the entry is wrong",
		[VMM_MMU_AD_FAULT] = "A and D are left to software",
	};

	if (r->kind == VMM_MMU_FREED_FRAME || r->kind == VMM_MMU_FREED_TABLE)
		put(text,
			"hart %u: page 0x%" PRIx64
			" was freed, but may still be %s 0x%" PRIx64 "\n",
			r->hart, r->may.pa,
			r->kind == VMM_MMU_FREED_FRAME
				? "reached at"
				: "walked as a table for",
			r->va);
	else
		put(text, "hart %u: %s 0x%" PRIx64 "%s: %s\n", r->hart,
			verb(r->how), r->va,
			(r->how & VMM_MMU_USER) != 0 ? " as user" : "",
			kinds[r->kind]);
}

static void put_why(struct text *text, const struct vmm_mmu_report *r)
{
	switch (r->why) {
	case VMM_MMU_WHY_NO_FENCE:
		put(text, "no fence since the change\n");
		break;
	case VMM_MMU_WHY_OTHER_HART:
		put(text, "hart %u fenced, hart %u did not\n", r->fence_hart,
			r->hart);
		break;
	case VMM_MMU_WHY_LEAF_ONLY:
		put(text,
			"the fence for address 0x%" PRIx64
			" orders leaf entries only, and this is none\n",
			r->fence_va);
		break;
	case VMM_MMU_WHY_NOT_GLOBAL:
		put(text,
			"the fence for space %" PRIu64
			" leaves global entries, and this is one\n",
			r->fence_space);
		break;
	case VMM_MMU_WHY_OTHER_SPACE:
		put(text,
			"the fence was for space %" PRIu64
			", the entry is of space %" PRIu64 "\n",
			r->fence_space, r->asid);
		break;
	case VMM_MMU_WHY_OTHER_ADDRESS:
		put(text, "the fence was for address 0x%" PRIx64 " only\n",
			r->fence_va);
		break;
	case VMM_MMU_WHY_UNFINISHED:
		put(text, "sinval without sfence.inval.ir\n");
		break;
	case VMM_MMU_WHY_ASID_REUSED:
		put(text,
			"ASID %" PRIu64 " was that of root 0x%" PRIx64
			", and was not fenced when it changed hands\n",
			r->asid, r->root);
		break;
	case VMM_MMU_WHY_GLOBAL:
		put(text,
			"root 0x%" PRIx64 " (ASID %" PRIu64
			") marks it global, and this space has another\n",
			r->root, r->asid);
		break;
	case VMM_MMU_WHY_NAPOT:
		put(text, "the entries of this 64 KiB differ\n");
		break;
	default:
		put(text, "it is linked still\n");
		break;
	}
}

static void put_fence(struct text *text, const struct vmm_mmu_report *r)
{
	const bool freed = r->kind == VMM_MMU_FREED_FRAME ||
			   r->kind == VMM_MMU_FREED_TABLE;

	if (!freed) {
		put(text, "  the table says  ");
		put_result(text, &r->now);
		put(text, "\n  it may also be  ");
		put_result(text, &r->may);
		put(text, "\n");
	}
	put(text,
		"  by the entry    0x%" PRIx64 " at 0x%" PRIx64
		", level %u%s\n",
		r->entry, r->entry_pa, r->level, r->global ? ", global" : "");
	if (r->change.number != 0) {
		put(text,
			"  the change      0x%" PRIx64 " -> 0x%" PRIx64
			" at 0x%" PRIx64 ", level %u",
			r->change.from, r->change.to, r->change.pa,
			r->change_level);
		if (r->change.label != NULL)
			put(text, " (%s)", r->change.label);
		put(text, "\n");
	}
	put(text, "  why             ");
	put_why(text, r);
}

size_t vmm_mmu_text(
	const struct vmm_mmu_report *report, char *text, size_t size)
{
	struct text out = {text, size, 0};

	if (size > 0)
		text[0] = '\0';
	put_head(&out, report);
	if (report->kind == VMM_MMU_BAD_ENTRY ||
		report->kind == VMM_MMU_AD_FAULT) {
		put(&out,
			"  %s: entry 0x%" PRIx64 " at 0x%" PRIx64
			", level %u\n",
			reason_text(report->now.reason), report->entry,
			report->entry_pa, report->level);
		return out.used;
	}
	put_fence(&out, report);
	return out.used;
}
