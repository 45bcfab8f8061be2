/* SPDX-License-Identifier: MIT */
/*
 * A page table on memory that only looks physical: a static array stands for
 * RAM from RIG_RAM on, and a page source counts, fails on demand and fills
 * pages with junk when it gives and when it takes.
 */
#ifndef PT_RIG_H
#define PT_RIG_H

#include "support/test.h"

#include <vmm/pt.h>
#include <vmm/pt_bytes.h>
#include <vmm/pt_share.h>
#include <vmm/pt_upkeep.h>

#define RIG_RAM	  UINT64_C(0x80000000)
#define RIG_PAGES 512

struct pt_rig {
	struct vmm_pt pt;
	struct vmm_pages pages;
	uint64_t offset; /* pointer minus physical address */
	long live;	 /* pages given and not taken back, without the root */
	long fail_in;	 /* fail that many calls from now; negative: never */
	bool sticky;	 /* once failed, fail for good */
	/* The machine: a row, and what it has beside it. */
	const struct vmm_pt_format *base;
	unsigned features;
	struct vmm_pt_format format; /* the two together */
	uint8_t used[RIG_PAGES];
};

/*
 * The formats, so that tests can run over all of them: first those for satp,
 * then those of x86-64, then those of a guest's stage.
 */
#define RIG_SATP_FORMATS  3
#define RIG_PLAIN_FORMATS 5
#define RIG_FORMATS	  8
extern const struct vmm_pt_format *const rig_formats[RIG_FORMATS];

/* The formats again, and some with what only some machines have. */
#define RIG_MACHINES 15
extern const struct rig_machine {
	const struct vmm_pt_format *base;
	unsigned features;
} rig_machines[RIG_MACHINES];

/* Is it a guest's stage: every access the user's, no global leaves? */
bool rig_is_guest(const struct vmm_pt_format *format);
/*
 * Where a format's addresses end and begin again: the first address past the
 * lower half, the first of the upper half (the same without a hole), and the
 * last of all.
 */
vmm_va_t rig_low_end(const struct vmm_pt_format *format);
vmm_va_t rig_high(const struct vmm_pt_format *format);
vmm_va_t rig_last(const struct vmm_pt_format *format);

void rig_open(struct pt_rig *rig, const struct vmm_pt_format *format);
void rig_open_with(struct pt_rig *rig, const struct vmm_pt_format *base,
	unsigned features);
/* Finish the table; checks that no page is left. */
void rig_close(struct pt_rig *rig);
/* Flush, in the sense of a machine without a TLB, and give tables back. */
void rig_reap(struct pt_rig *rig, struct vmm_tlb_gather *gather);
/* Everything that an operation could change. */
uint64_t rig_digest(const struct pt_rig *rig);
/* A call returns a code, and an expression is the same before and after. */
#define CHECK_KEEPS(digest, call, code)          \
	do {                                     \
		const uint64_t kept_ = (digest); \
		CHECK_EQ(call, code);            \
		CHECK_EQ(digest, kept_);         \
	} while (0)
/* An operation that fails and changes nothing at all in a rig. */
#define CHECK_REFUSED(rig, call, code) CHECK_KEEPS(rig_digest(rig), call, code)

/*
 * Translate by the words of RISC-V Privileged 1.13, 12.3.2 and 15.5.1, or of
 * Intel's manual, 3A 4.5, and by nothing of the library's. False for any page
 * fault, reserved encodings included. A and D must be set, as on a machine with
 * Svade, unless the format tracks them: then they are set here. A supervisor
 * must keep off the user's pages, as with SUM = 0, SMAP and SMEP. @access is one
 * of 'r', 'w', 'x'.
 */
bool rig_mmu(const struct pt_rig *rig, vmm_va_t va, char access, bool user,
	vmm_pa_t *pa_out);

/* The leaf that maps @va, by the same words: its content and its level. */
bool rig_leaf(const struct pt_rig *rig, vmm_va_t va, uint64_t *entry_out,
	unsigned *level_out);
/*
 * The memory type of a leaf: 'm' memory, 'n' not cached but idempotent, 'i' I/O,
 * '?' reserved; by Svpbmt, T-Head's manual or the PAT that vmm/x86.h asks for.
 */
char rig_type(const struct pt_rig *rig, uint64_t entry, unsigned level);

#endif /* PT_RIG_H */
