/* SPDX-License-Identifier: MIT */
/*
 * Spaces against a byte-per-page model (support/space_world.h): every kind and
 * placement, unmap, protect, discard, move, forks of either kind, reads and
 * writes by faults and by the kernel, over several spaces that are forked from
 * one another and share objects, with memory that runs out and hooks that fail.
 */
#include "support/space_world.h"

static _Alignas(4096) uint8_t ram[WORLD_PAGES * 4096];

/* A machine without a TLB: what the table says now is what counts. */
static int access_byte(unsigned s, vmm_va_t va, unsigned how, uint8_t *byte,
	struct vmm_fault *fault_out)
{
	struct vmm_space *space = &world.space[s].space;

	for (unsigned tries = 0; tries < 4; tries++) {
		unsigned prot;
		vmm_pa_t pa;
		int err;

		if (vmm_pt_translate(&world.space[s].live, va, &pa, &prot) ==
				VMM_OK &&
			(how & ~prot) == 0) {
			if ((how & VMM_PT_WRITE) != 0)
				*ram_at(pa) = *byte;
			*byte = *ram_at(pa);
			return VMM_OK;
		}
		err = vmm_space_fault(space, va, how, fault_out);
		if (err != VMM_OK)
			return err;
	}
	test_fail(__FILE__, __LINE__,
		"a fault that was dealt with comes again and again");
}

static void run(const struct vmm_pt_format *format, uint64_t seed,
	uint64_t steps, uint64_t *did)
{
	world_start(format, ram, seed);
	world.access = access_byte;
	world.inside_on = seed % 3 != 0;
	/* At times there is not enough for everybody. */
	if (seed % 4 == 1)
		world.pool_limit = 60 + seed % 7 * 20;
	for (uint64_t i = 0; i < steps; i++) {
		world_step();
		world_check();
	}
	world_end();
	for (unsigned i = 0; i < DID_COUNTS; i++)
		did[i] += world.did[i];
}

TEST(model_space_is_what_the_model_says)
{
	static const struct vmm_pt_format *const formats[] = {
		&vmm_pt_sv39, &vmm_pt_sv48, &vmm_pt_x86_64};
	const uint64_t rounds = VMM_ASSERT_LEVEL < 2 ? 24 : 12;
	uint64_t did[DID_COUNTS] = {0};

	for (uint64_t round = 0; round < rounds; round++)
		run(formats[round % 3], test_seed * 1000 + round,
			400 * test_factor, did);
	test_puts("  ");
	for (unsigned i = 0; i < DID_COUNTS; i++) {
		test_puts(" ");
		test_puts(world_counts[i]);
		test_puts(" ");
		test_put_dec(did[i]);
		CHECK(did[i] > 10);
	}
	test_puts("\n");
}
