/* SPDX-License-Identifier: MIT */
/*
 * The node supply. A donation is a chunk: a header, then nodes, all of which
 * go on the spare list. The list is last in, first out, so that nodes that are
 * warm in the cache are used again first.
 *
 *      +--------+--------+--------+-- ... --+--------+------+
 *      | header | node 0 | node 1 |         | node n | rest |
 *      +--------+--------+--------+-- ... --+--------+------+
 *
 * Memory for nodes may itself be mapped at addresses of this arena. The circle
 * is cut in two places: a call that would need more nodes than there are says
 * so before it changes anything, and the path that fetches the memory may
 * use nodes that no one else gets.
 */
#include "vmem/vmem_internal.h"

_Static_assert(sizeof(struct vmm_vmem_region) <= 128,
	"a region costs at most 128 bytes");

VMM_RARE int vmm_vmem_donate(struct vmm_vmem *arena, void *memory, size_t size)
{
	size_t count = vmm_vmem_chunk_count(memory, size);
	struct vmm_vmem_chunk *chunk;
	struct vmm_vmem_region *nodes;

	VMM_ASSERT(memory != NULL);
	VMM_ASSERT(arena->quantum != 0);

	if (count == 0)
		return VMM_EINVAL;
	chunk = (void *)((char *)memory + vmm_vmem_chunk_skip(memory));
	chunk->memory = memory;
	chunk->size = size;
	chunk->count = count;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->node_count += count;

	/* From the end, so that the nodes are handed out in memory order. */
	nodes = (void *)(chunk + 1);
	for (size_t i = count; i > 0; i--)
		vmm_vmem_node_put(arena, &nodes[i - 1]);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

VMM_RARE int vmm_vmem_take_back(
	struct vmm_vmem *arena, void **memory_out, size_t *size_out)
{
	struct vmm_vmem_chunk *chunk = arena->chunks;

	if (arena->quantum != 0)
		return VMM_EBUSY;
	if (chunk == NULL)
		return VMM_ENOENT;
	arena->chunks = chunk->next;
	*memory_out = chunk->memory;
	*size_out = chunk->size;
	return VMM_OK;
}

void vmm_vmem_set_reserve(struct vmm_vmem *arena, size_t nodes)
{
	arena->reserve = nodes;
}
