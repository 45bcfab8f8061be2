/* SPDX-License-Identifier: MIT */
/* What can be wrong with an entry. Private to src/pt. */
#ifndef VMM_PT_LINT_H
#define VMM_PT_LINT_H

#include "pt/pt_walker.h"

/* In the order in which they are looked for; the first one is named. */
enum vmm_pt_reason {
	VMM_PT_FINE,
	VMM_PT_TOO_LARGE,
	VMM_PT_TOO_FAR,
	VMM_PT_NO_ACCESS,
	VMM_PT_WRITE_ONLY,
	VMM_PT_MISALIGNED,
	VMM_PT_NAPOT_FORM,
	VMM_PT_MEMORY_TYPE,
	VMM_PT_NOT_USER,
	VMM_PT_NOT_EXPRESSED,
	VMM_PT_NOT_PRESET,
	VMM_PT_RESERVED,
	VMM_PT_USER_GLOBAL,
	VMM_PT_NAPOT_GROUP,
	VMM_PT_TABLE_BITS,
	VMM_PT_TABLE_GLOBAL,
	VMM_PT_TABLE_TOO_FAR,
	VMM_PT_TABLE_LOOP,
};

/* What is wrong with the entry that a walk has found, if it is valid. */
enum vmm_pt_reason vmm_pt_reason_of(const struct vmm_pt_walker *w);
const char *vmm_pt_reason_text(enum vmm_pt_reason reason);

#endif /* VMM_PT_LINT_H */
