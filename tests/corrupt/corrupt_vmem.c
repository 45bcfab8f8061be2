/* SPDX-License-Identifier: MIT */
/*
 * The checker of arenas must notice every broken field, and must end: each
 * test builds a sound arena, breaks one thing, and expects VMM_ECORRUPT. Here:
 * the chain and what its regions say of themselves.
 */
#include "support/vmem_corrupt.h"

static void break_range(struct vmm_vmem_region *region)
{
	region->base += PAGE;
	expect_corrupt();
	build();
	region->base += 1;
	expect_corrupt();
	build();
	region->size += PAGE;
	expect_corrupt();
	build();
	region->size -= PAGE;
	expect_corrupt();
	build();
	region->size = 0;
	expect_corrupt();
	build();
	region->size = UINT64_MAX - PAGE + 1;
	expect_corrupt();
	build();
	region->tagged = 2;
	expect_corrupt();
}

/* I2: every field of every node that is in the chain. */
TEST(corrupt_vmem_fields)
{
	EACH_CONFIG
	{
		for (unsigned i = 0; i < NODES; i++) {
			struct vmm_vmem_region *region = node_of_built(i);

			if (region->state == VMM_VMEM_RUN)
				continue;
			if (region->state == VMM_VMEM_SPARE) {
				region->state = VMM_VMEM_FREE;
				expect_corrupt();
				continue;
			}
			break_range(region);
		}
	}
}

/* I3: flags. Held regions in a span that is not, and the reverse. */
TEST(corrupt_vmem_flags)
{
	EACH_CONFIG
	{
		for (unsigned i = 0; i < NODES * 8; i++) {
			struct vmm_vmem_region *region = node_of_built(i / 8);
			unsigned flag = 1u << i % 8;

			if (region->state != VMM_VMEM_FREE &&
				flag != VMM_VMEM_IS_HELD)
				continue;
			if (region->state == VMM_VMEM_RUN ||
				region->state == VMM_VMEM_SPARE)
				continue;
			region->flags ^= (uint8_t)flag;
			expect_corrupt();
		}
	}
}

/* I8: the use, the guards, the arena of a used region; what it embeds. */
TEST(corrupt_vmem_used)
{
	EACH_CONFIG
	{
		struct vmm_vmem_region *used;

		build();
		used = arena.head.link[AFTER]->link[AFTER]->link[AFTER];
		CHECK(used->state == VMM_VMEM_USED);
		for (unsigned use = 0; use < 5; use++) {
			build();
			if (used->use == use)
				continue;
			used->use = (uint8_t)use;
			expect_corrupt();
		}
		for (unsigned i = 0; i < 2; i++) {
			build();
			used->as.used.guard[i] = 1; /* all of it */
			expect_corrupt();
			build();
			used->as.used.guard[i] = UINT32_MAX;
			used->as.used.guard[!i] = 1; /* wraps to 0 */
			expect_corrupt();
		}
		build();
		used->as.used.arena = NULL;
		expect_corrupt();
		build();
		used->flags |= VMM_VMEM_IS_EMBEDDED;
		expect_corrupt();
	}
}

/* Every node in every state but its own. */
TEST(corrupt_vmem_states)
{
	static const uint32_t states[] = {0, VMM_VMEM_SPARE, VMM_VMEM_FREE,
		VMM_VMEM_USED, VMM_VMEM_SPAN, VMM_VMEM_HEAD, VMM_VMEM_RUN};

	EACH_CONFIG
	{
		for (unsigned i = 0; i < NODES * 7; i++) {
			struct vmm_vmem_region *region = node_of_built(i / 7);

			if (region->state == states[i % 7])
				continue;
			region->state = states[i % 7];
			expect_corrupt();
		}
	}
}

/*
 * Each link of the chain led to every node, to the head, to nothing and to an
 * address that is none: loops of every length are among them.
 */
static void break_link(unsigned from, unsigned to, unsigned dir)
{
	struct vmm_vmem_region *region;
	struct vmm_vmem_region *target = NULL;

	build();
	region = from < NODES ? node(from) : &arena.head;
	if (region->state == VMM_VMEM_SPARE || region->state == VMM_VMEM_RUN)
		return;
	if (to < NODES)
		target = node(to);
	else if (to == NODES)
		target = &arena.head;
	else if (to == NODES + 1)
		target = (void *)((char *)region + 4);
	if (region->link[dir] == target)
		return;
	region->link[dir] = target;
	expect_corrupt();
}

TEST(corrupt_vmem_links)
{
	/* Without bins, and with all there is. */
	for (config = 0; config < VMEM_CONFIGS; config += VMEM_CONFIGS - 1) {
		for (unsigned i = 0; i < (NODES + 1) * (NODES + 3) * 2; i++)
			break_link(i / 2 % (NODES + 1), i / 2 / (NODES + 1),
				i % 2);
	}
}
