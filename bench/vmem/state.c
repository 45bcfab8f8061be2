/* SPDX-License-Identifier: MIT */
/* What workloads share: snapshots and sets of contenders. */
#include "vmem/workloads.h"

#include <string.h>

void vmem_state_init(struct vmem_state *state, size_t size, size_t slots)
{
	size_t tokens_at = (size + 63) & ~(size_t)63;

	state->size = tokens_at + slots * sizeof(uint64_t);
	state->slots = slots;
	state->memory = bench_memory(state->size);
	state->tokens =
		(uint64_t *)state->memory + tokens_at / sizeof(uint64_t);
	state->saved = bench_memory(state->size);
}

void vmem_state_save(struct vmem_state *state)
{
	memcpy(state->saved, state->memory, state->size);
}

void vmem_state_restore(struct vmem_state *state)
{
	memcpy(state->memory, state->saved, state->size);
}

void vmem_state_fini(struct vmem_state *state)
{
	bench_memory_free(state->memory, state->size);
	bench_memory_free(state->saved, state->size);
}

size_t vmem_peer_count(vmem_peers peers)
{
	size_t count = 0;

	while (peers[count] != NULL)
		count++;
	return count;
}
