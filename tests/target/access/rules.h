/* SPDX-License-Identifier: MIT */
/* What an access to a page has to end with, by what was asked for the page. */
#ifndef RULES_H
#define RULES_H

#include "guest.h"

/* Every protection and leaf size of every format; target_access.c. */
void rules_try_formats(void);

/* One access; @prot is 0 if @va is not mapped, else it leads to @pa. */
void rules_try(const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t pa, unsigned prot,
	struct access access);

#endif /* RULES_H */
