/* SPDX-License-Identifier: MIT */
/*
 * One address through a table, in words.
 *
 * The walk is the linter's, told which entry to take at each level: it makes one
 * step down for each level of the format and then ends, wherever the entries
 * lead. What the linter says of an entry is shown; but only what makes hardware
 * refuse it is a verdict.
 *
 * What an access may do is what the leaf allows, less what the tables' entries
 * above take away: in x86-64, RW and U/S have to be set, and XD clear, all the
 * way. In RISC-V those bits of a table's entry are none.
 */
#include <vmm/pt_explain.h>

#include "core/text.h"
#include "pt/pt_lint.h"

#define ACCESSES (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)
#define RIGHTS	 (ACCESSES | VMM_PT_USER)

struct explainer {
	struct vmm_pt_walker walker;
	uint64_t seen[VMM_PT_LEVELS_MAX]; /* entries, by level */
	uint8_t taken[VMM_PT_LEVELS_MAX]; /* rights that each has not */
};

static bool is_riscv(const struct vmm_pt_format *format)
{
	return format->satp_mode != 0;
}

/* Does hardware fault for it? */
static bool is_refused(
	const struct vmm_pt_format *format, enum vmm_pt_reason reason)
{
	const uint64_t svpbmt = UINT64_C(3) << 61;

	switch (reason) {
	case VMM_PT_FINE:
	case VMM_PT_NAPOT_GROUP:   /* one of the 16 is used, any */
	case VMM_PT_NOT_EXPRESSED: /* ignored, as long as it means nothing */
	case VMM_PT_NOT_PRESET:
	case VMM_PT_USER_GLOBAL:
	case VMM_PT_TABLE_GLOBAL:
	case VMM_PT_TABLE_LOOP:
		return false;
	case VMM_PT_MEMORY_TYPE:
		/* T-Head's bits and the PAT have no value that faults. */
		return format->type_mask[0] == svpbmt;
	case VMM_PT_TABLE_BITS:
		/* x86-64 ignores them, but for XD, PCD and PWT. */
		return is_riscv(format);
	default:
		return true;
	}
}

/*
 * What is wrong with the entry: something that is refused, if there is, even
 * where A or D are clear as well.
 */
static enum vmm_pt_reason look(const struct vmm_pt_walker *walker)
{
	const struct vmm_pt_format *format = walker->pt->format;
	struct vmm_pt_walker preset = *walker;
	enum vmm_pt_reason reason;

	if (vmm_pt_is_leaf(format, preset.entry, preset.level))
		preset.entry |=
			format->leaf_bits[0] & ~(format->valid | format->user);
	reason = vmm_pt_reason_of(&preset);
	return is_refused(format, reason) ? reason : vmm_pt_reason_of(walker);
}

/* The rights that a table's entry takes from all below. */
static unsigned table_takes(const struct vmm_pt_format *format, uint64_t entry)
{
	unsigned taken = 0;

	for (unsigned i = 0; RIGHTS >> i != 0; i++) {
		const struct vmm_pt_prot_bits *bits = &format->prot[i];
		uint64_t needs =
			bits->set & format->table_bits & ~format->valid;

		if ((entry & needs) != needs || (entry & bits->unset) != 0)
			taken |= 1u << i;
	}
	return taken & RIGHTS;
}

static void say_wrong(const struct vmm_sink *sink, enum vmm_pt_reason reason)
{
	if (reason == VMM_PT_FINE)
		return;
	vmm_text_str(sink, ", wrong: ");
	vmm_text_str(sink, vmm_pt_reason_text(reason));
}

static void say_entry(const struct vmm_sink *sink,
	const struct vmm_pt_walker *w, enum vmm_pt_reason reason)
{
	const struct vmm_pt_format *format = w->pt->format;
	const uint64_t entry = w->entry;
	uint64_t size = vmm_pt_leaf_span(format, entry, w->level);

	if (vmm_pt_is_table(format, entry, w->level)) {
		vmm_text_str(sink, "table at ");
		vmm_text_addr(sink, vmm_pt_entry_pa(format, entry));
	} else if (vmm_pt_is_leaf(format, entry, w->level)) {
		vmm_text_str(sink, "leaf ");
		vmm_text_size(sink, size, 0);
		vmm_text_str(sink, " ");
		vmm_pt_text_prot(sink, format,
			vmm_pt_prot_decode(format, entry, w->level));
		vmm_text_str(sink, " at ");
		vmm_text_addr(sink, vmm_pt_leaf_pa(format, entry, w->level, 0));
	} else if (entry == 0) {
		vmm_text_str(sink, "absent");
	} else {
		vmm_text_str(sink, "absent, not 0");
	}
	say_wrong(sink, reason);
	vmm_text_str(sink, "\n");
}

static vmm_pa_t entry_pa(const struct vmm_pt_walker *w, unsigned level)
{
	const struct vmm_pt_step *step = &w->path[level];

	return step->pa + (step->at - 1) * sizeof(uint64_t);
}

static void say_level(const struct vmm_sink *sink,
	const struct vmm_pt_walker *w, enum vmm_pt_reason reason)
{
	vmm_text_str(sink, "  level ");
	vmm_text_dec(sink, w->level, 0);
	vmm_text_str(sink, "  ");
	vmm_text_addr(sink, entry_pa(w, w->level));
	vmm_text_str(sink, ": ");
	vmm_text_addr(sink, w->entry);
	vmm_text_str(sink, ", ");
	say_entry(sink, w, reason);
}

/* The answer rests on the entry at @level. */
static void rest_on(const struct explainer *e, unsigned level,
	enum vmm_pt_verdict verdict, struct vmm_pt_answer *answer)
{
	answer->verdict = verdict;
	answer->level = level;
	answer->entry_pa = entry_pa(&e->walker, level);
	answer->entry = e->seen[level];
}

static void judge_absent(
	const struct explainer *e, struct vmm_pt_answer *answer)
{
	const struct vmm_pt_format *format = e->walker.pt->format;
	const uint64_t entry = e->walker.entry;

	rest_on(e, e->walker.level, VMM_PT_VERDICT_ABSENT, answer);
	if (entry == 0 || (entry & format->tag_bits) != format->tag_bits)
		return;
	answer->verdict = VMM_PT_VERDICT_TAG;
	answer->tag = vmm_pt_tag_of(format, entry);
}

/* The walk has come to a leaf that hardware takes for one. */
static void judge_leaf(const struct explainer *e, unsigned access,
	struct vmm_pt_answer *answer)
{
	const struct vmm_pt_format *format = e->walker.pt->format;
	const unsigned level = e->walker.level;
	const uint64_t entry = e->seen[level];
	const bool guest = (format->prot_allowed & VMM_PT_USER) == 0;
	/* A and D, in this order, whether preset or tracked. */
	const uint64_t marks =
		(format->leaf_bits[0] & ~(format->valid | format->user)) |
		format->tracked;
	unsigned wanted = guest ? access & ACCESSES : access & RIGHTS;
	unsigned taken = 0;

	answer->pa = vmm_pt_leaf_pa(format, entry, level, answer->pa);
	for (unsigned l = level; l <= vmm_pt_root_level(e->walker.pt); l++)
		taken |= e->taken[l];
	answer->lacks = wanted & taken;
	if (answer->lacks != 0) {
		unsigned l = vmm_pt_root_level(e->walker.pt);

		while ((e->taken[l] & answer->lacks) == 0)
			l--;
		rest_on(e, l, VMM_PT_VERDICT_DENIED, answer);
		return;
	}
	rest_on(e, level, VMM_PT_VERDICT_ALLOWED, answer);
	if (!guest && ((access | taken) & VMM_PT_USER) == 0)
		answer->verdict = VMM_PT_VERDICT_USERS;
	else if (is_riscv(format) && (entry & marks & (0 - marks)) == 0)
		answer->verdict = VMM_PT_VERDICT_ACCESSED;
	else if (is_riscv(format) && (access & VMM_PT_WRITE) != 0 &&
		 (entry & marks) != marks)
		answer->verdict = VMM_PT_VERDICT_DIRTY;
}

/* One level down; false if that was the last entry. */
static bool step(struct explainer *e, vmm_va_t va, const struct vmm_sink *sink,
	struct vmm_pt_answer *answer)
{
	struct vmm_pt_walker *w = &e->walker;
	const struct vmm_pt_format *format = w->pt->format;
	enum vmm_pt_reason reason = VMM_PT_FINE;
	bool valid;

	vmm_pt_walker_step(w)->at = (unsigned)(va >> vmm_pt_shift(w->level)) &
				    (vmm_pt_entries(w->pt, w->level) - 1);
	valid = vmm_pt_walker_next(w) && vmm_pt_is_valid(format, w->entry);
	e->seen[w->level] = w->entry;
	if (valid)
		reason = look(w);
	if (sink != NULL)
		say_level(sink, w, reason);
	if (!valid) {
		judge_absent(e, answer);
		return false;
	}
	if (is_refused(format, reason)) {
		rest_on(e, w->level, VMM_PT_VERDICT_RESERVED, answer);
		answer->reason = reason;
		return false;
	}
	if (vmm_pt_is_leaf(format, w->entry, w->level)) {
		e->taken[w->level] =
			(uint8_t)(RIGHTS & ~vmm_pt_prot_decode(
						   format, w->entry, w->level));
		answer->pa = va;
		judge_leaf(e, answer->access, answer);
		return false;
	}
	e->taken[w->level] = (uint8_t)table_takes(format, w->entry);
	vmm_pt_walker_enter(w);
	return true;
}

VMM_RARE void vmm_pt_explain_levels(const struct vmm_pt *pt, vmm_va_t va,
	unsigned access, const struct vmm_sink *sink,
	struct vmm_pt_answer *answer_out)
{
	struct vmm_pt_answer answer = {
		.verdict = VMM_PT_VERDICT_RANGE, .access = access};
	struct explainer e;

	vmm_pt_walker_init(&e.walker, pt);
	e.walker.entry = 0;
	if (vmm_pt_canonical(pt->format, va)) {
		while (step(&e, va, sink, &answer))
			;
	}
	*answer_out = answer;
}

VMM_RARE void vmm_pt_explain_access(
	const struct vmm_sink *sink, unsigned access)
{
	if ((access & VMM_PT_WRITE) != 0)
		vmm_text_str(sink, "write");
	else if ((access & VMM_PT_EXEC) != 0)
		vmm_text_str(sink, "execution");
	else
		vmm_text_str(sink, "read");
	vmm_text_str(sink, (access & VMM_PT_USER) != 0 ? " by the user"
						       : " by the kernel");
}

static void say_denied(
	const struct vmm_sink *sink, const struct vmm_pt_answer *answer)
{
	static const char names[4][8] = {"read", "write", "execute", "user"};

	vmm_text_str(sink, "not allowed: the entry at level ");
	vmm_text_dec(sink, answer->level, 0);
	vmm_text_str(sink, " has no");
	for (unsigned i = 0; i < 4; i++) {
		if ((answer->lacks >> i & 1) != 0) {
			vmm_text_str(sink, " ");
			vmm_text_str(sink, names[i]);
		}
	}
}

static void say_users(const struct vmm_sink *sink,
	const struct vmm_pt_format *format, unsigned access)
{
	vmm_text_str(sink, "the user's page: the kernel ");
	if (is_riscv(format))
		vmm_text_str(sink, (access & VMM_PT_EXEC) != 0
					   ? "never executes it"
					   : "needs SUM for it");
	else
		vmm_text_str(sink, (access & VMM_PT_EXEC) != 0
					   ? "does not execute it under SMEP"
					   : "needs AC for it under SMAP");
}

/* In the order of enum vmm_pt_verdict; characters, see error.c. */
static const char verdicts[VMM_PT_VERDICTS][64] = {
	[VMM_PT_VERDICT_ALLOWED] =
		"the entry allows this: if it faulted, a fence is missing",
	[VMM_PT_VERDICT_RANGE] = "not a canonical address of ",
	[VMM_PT_VERDICT_ABSENT] = "absent: nothing is mapped there",
	[VMM_PT_VERDICT_TAG] = "absent, with tag ",
	[VMM_PT_VERDICT_RESERVED] = "refused by hardware: ",
	[VMM_PT_VERDICT_ACCESSED] = "A is clear: faults without Svadu",
	[VMM_PT_VERDICT_DIRTY] = "D is clear: a write faults without Svadu",
};

VMM_RARE void vmm_pt_explain_verdict(const struct vmm_sink *sink,
	const struct vmm_pt_format *format, const struct vmm_pt_answer *answer)
{
	vmm_text_str(sink, verdicts[answer->verdict]);
	if (answer->verdict == VMM_PT_VERDICT_RANGE)
		vmm_text_str(sink, format->name);
	else if (answer->verdict == VMM_PT_VERDICT_TAG)
		vmm_text_dec(sink, answer->tag, 0);
	else if (answer->verdict == VMM_PT_VERDICT_RESERVED)
		vmm_text_str(sink,
			vmm_pt_reason_text((enum vmm_pt_reason)answer->reason));
	else if (answer->verdict == VMM_PT_VERDICT_DENIED)
		say_denied(sink, answer);
	else if (answer->verdict == VMM_PT_VERDICT_USERS)
		say_users(sink, format, answer->access);
}

VMM_RARE enum vmm_pt_verdict vmm_pt_explain(const struct vmm_pt *pt,
	vmm_va_t va, unsigned access, const struct vmm_sink *sink)
{
	struct vmm_pt_answer answer;

	vmm_pt_explain_access(sink, access);
	vmm_text_str(sink, " at ");
	vmm_text_addr(sink, va);
	vmm_text_str(sink, ": ");
	vmm_text_str(sink, pt->format->name);
	vmm_text_str(sink, ", root ");
	vmm_text_addr(sink, pt->root);
	vmm_text_str(sink, "\n");
	vmm_pt_explain_levels(pt, va, access, sink, &answer);
	vmm_text_str(sink, "  verdict  ");
	vmm_pt_explain_verdict(sink, pt->format, &answer);
	vmm_text_str(sink, "\n");
	return answer.verdict;
}
