/* SPDX-License-Identifier: MIT */
/* What an access to a page has to end with, by what was asked for the page. */
#ifndef RULES_H
#define RULES_H

#include "guest.h"

/* All formats that a RISC-V machine walks. */
#define RULES_FORMATS 6
extern const struct vmm_pt_format *const rules_formats[RULES_FORMATS];

/* One access; @prot is 0 if @va is not mapped, else it leads to @pa. */
void rules_try(const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, unsigned prot,
	struct access access);

#endif /* RULES_H */
