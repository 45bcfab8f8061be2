/* SPDX-License-Identifier: MIT */
/* What workloads share: snapshots, sets of contenders, reach. */
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
	state->saved = NULL;
}

void vmem_state_save(struct vmem_state *state)
{
	if (state->saved == NULL)
		state->saved = bench_memory(state->size);
	memcpy(state->saved, state->memory, state->size);
}

void vmem_state_restore(struct vmem_state *state)
{
	memcpy(state->memory, state->saved, state->size);
}

void vmem_state_fini(struct vmem_state *state)
{
	bench_memory_free(state->memory, state->size);
	if (state->saved != NULL)
		bench_memory_free(state->saved, state->size);
}

size_t vmem_peer_count(vmem_peers peers)
{
	size_t count = 0;

	while (peers[count] != NULL)
		count++;
	return count;
}

void vmem_reach_alloc(struct vmem_reach *reach, const struct vmem_peer *peer,
	void *arena, uint64_t token, uint64_t size)
{
	uint64_t top;

	if (peer->base == NULL)
		return;
	top = peer->top != NULL ? peer->top(arena)
				: peer->base(arena, token) + size;
	reach->live += size;
	if (reach->live > reach->live_peak)
		reach->live_peak = reach->live;
	if (top - VMEM_BASE > reach->top_peak)
		reach->top_peak = top - VMEM_BASE;
}

void vmem_reach_free(struct vmem_reach *reach, uint64_t size)
{
	reach->live -= size;
}
