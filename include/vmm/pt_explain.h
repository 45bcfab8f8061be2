/* SPDX-License-Identifier: MIT */
/*
 * Why does an access do what it does? A page table read for one address as
 * hardware reads it, level by level, in words, with a verdict.
 *
 * For kernels that are dying: nothing is allocated, no lock is taken, and no
 * more is read than one entry at each level (and the 15 beside it of a leaf of
 * 64 KiB), whatever the entries hold. Tables that somebody else made are as
 * good as ours, see vmm_pt_view(); one at an address where no memory is cannot
 * be told from others and is read all the same.
 *
 *	write by the user at 0x0000003fffffdff8: sv39, root 0x0000000080000000
 *	  level 2  0x00000000800007f8: 0x0000000020000401, table at 0x0000000080001000
 *	  level 1  0x0000000080001ff8: 0x0000000020000801, table at 0x0000000080002000
 *	  level 0  0x0000000080002fe8: 0x00000000200040d3, leaf 4K r--u- at 0x0000000080010000
 *	  verdict  not allowed: the entry at level 0 has no write
 */
#ifndef VMM_PT_EXPLAIN_H
#define VMM_PT_EXPLAIN_H

#include <vmm/pt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of an access. */
enum vmm_pt_verdict {
	/* Works, or will after a fence. */
	VMM_PT_VERDICT_ALLOWED,
	/* The format cannot translate the address: its upper bits are wrong. */
	VMM_PT_VERDICT_RANGE,
	/* The entry is not valid; 0, or something else without a tag. */
	VMM_PT_VERDICT_ABSENT,
	/* The same, with a tag of vmm_pt_tag(). */
	VMM_PT_VERDICT_TAG,
	/* An entry on the way is one that hardware refuses. */
	VMM_PT_VERDICT_RESERVED,
	/* A permission is missing. */
	VMM_PT_VERDICT_DENIED,
	/* The user's page, wanted by the kernel: only with SUM (x86-64: AC). */
	VMM_PT_VERDICT_USERS,
	/*
	 * A is clear; or for a write, D. Faults on a machine without Svadu.
	 * Never for x86-64, where hardware sets them.
	 */
	VMM_PT_VERDICT_ACCESSED,
	VMM_PT_VERDICT_DIRTY,
	VMM_PT_VERDICTS
};

/* A verdict, and the entry that it rests on. */
struct vmm_pt_answer {
	enum vmm_pt_verdict verdict;
	unsigned access;   /* as asked */
	unsigned level;	   /* of the entry's table; not for RANGE */
	vmm_pa_t entry_pa; /* where it lies */
	uint64_t entry;	   /* what it holds */
	uint64_t tag;	   /* TAG */
	unsigned lacks;	   /* DENIED: of VMM_PT_READ, _WRITE, _EXEC, _USER */
	vmm_pa_t pa;	   /* of the byte, if a leaf was reached; else 0 */
	unsigned reason;   /* RESERVED: what is wrong, as the linter knows it */
};

/**
 * vmm_pt_explain() - Say what becomes of an access, and why.
 * @pt:     The table, or a vmm_pt_view() of any.
 * @va:     The address.
 * @access: VMM_PT_READ, VMM_PT_WRITE or VMM_PT_EXEC, and VMM_PT_USER. In a
 *          guest's stage all accesses are the user's.
 * @sink:   Receives the lines above.
 *
 * The verdict is that of the table alone, with x86-64's WP and NXE on.
 * While others change the table, it may be that of no moment.
 *
 * Cost:   O(levels).
 * Return: The verdict.
 */
enum vmm_pt_verdict vmm_pt_explain(const struct vmm_pt *pt, vmm_va_t va,
	unsigned access, const struct vmm_sink *sink);

/**
 * vmm_pt_explain_levels() - The lines of the levels alone, for explanations
 *	that know more than the table.
 * @pt, @va, @access: As for vmm_pt_explain().
 * @sink:       NULL: nothing is written.
 * @answer_out: Receives the answer.
 *
 * Cost: O(levels).
 */
void vmm_pt_explain_levels(const struct vmm_pt *pt, vmm_va_t va,
	unsigned access, const struct vmm_sink *sink,
	struct vmm_pt_answer *answer_out);

/*
 * "write by the user", and the verdict of an answer for a table of @format in
 * words. Neither ends the line.
 */
void vmm_pt_explain_access(const struct vmm_sink *sink, unsigned access);
void vmm_pt_explain_verdict(const struct vmm_sink *sink,
	const struct vmm_pt_format *format, const struct vmm_pt_answer *answer);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PT_EXPLAIN_H */
