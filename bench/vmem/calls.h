/* SPDX-License-Identifier: MIT */
/* The cost of each call of the library, one by one. */
#ifndef VMEM_CALLS_H
#define VMEM_CALLS_H

#include "vmem/workloads.h"

extern const size_t vmem_call_count;
const char *vmem_call_name(size_t call);

/* Count all calls on a variant of the library that frees by address, with
   @regions regions, used and free. @costs: one for each call. */
void vmem_calls_cost(
	const struct vmem_peer *peer, size_t regions, struct vmem_cost *costs);

#endif /* VMEM_CALLS_H */
