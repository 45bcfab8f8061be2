/* SPDX-License-Identifier: MIT */
#include "rules.h"

/*
 * The rules, in the words of vmm/pt_format.h; RISC-V Privileged 1.13, 12.3.2, and
 * Intel SDM 3A, 4.6, with CR0.WP, CR4.SMEP and CR4.SMAP, say the same.
 */
static bool allowed(
	const struct vmm_pt_format *format, unsigned prot, struct access access)
{
	const bool user_page = (prot & VMM_PT_USER) != 0;

	if (prot == 0)
		return false;
	/* In a guest's stage every access is a user's, and so is every page. */
	if (!guest_stage(format)) {
		if (access.user != user_page &&
			!(user_page && access.sum && access.kind != FETCH))
			return false;
	}
	switch (access.kind) {
	case LOAD:
		return (prot & (VMM_PT_READ | VMM_PT_WRITE)) != 0 || access.mxr;
	case STORE:
		return (prot & VMM_PT_WRITE) != 0;
	default:
		return (prot & VMM_PT_EXEC) != 0;
	}
}

void rules_try(const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, unsigned prot,
	struct access access)
{
	const bool good = allowed(pt->format, prot, access);
	const struct outcome outcome = guest_access(pt, va, access);

	if (good) {
		CHECK_EQ(outcome.cause, CAUSE_NONE);
		if (access.kind == LOAD)
			CHECK_EQ(outcome.value, page_word(pa));
		return;
	}
	CHECK_EQ(outcome.cause, access.kind == LOAD    ? CAUSE_LOAD
				: access.kind == STORE ? CAUSE_STORE
						       : CAUSE_FETCH);
	CHECK_EQ(outcome.value, va);
}
