/* SPDX-License-Identifier: MIT */
#include "rules.h"

const struct vmm_pt_format *const rules_formats[RULES_FORMATS] = {&vmm_pt_sv39,
	&vmm_pt_sv48, &vmm_pt_sv57, &vmm_pt_sv39x4, &vmm_pt_sv48x4,
	&vmm_pt_sv57x4};

/* The rules, in the words of vmm/pt.h and of the specification's 12.3.2. */
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

static uint64_t fault_of(
	const struct vmm_pt_format *format, enum access_kind kind)
{
	static const uint8_t causes[2][ACCESS_KINDS] = {
		{CAUSE_LOAD, CAUSE_STORE, CAUSE_FETCH},
		{CAUSE_GUEST_LOAD, CAUSE_GUEST_STORE, CAUSE_GUEST_FETCH}};

	return causes[guest_stage(format)][kind];
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
	CHECK_EQ(outcome.cause, fault_of(pt->format, access.kind));
	CHECK_EQ(outcome.value, va);
}
