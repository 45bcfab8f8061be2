/* SPDX-License-Identifier: MIT */
/* The benchmark of address regions. */
#include "support/bench.h"

#include <vmm/vmem.h>

#define CALLS  20000
#define LAP    200
#define ROUNDS 5

static struct bench_laps laps;

static void run_pairs(void *ctx, size_t contender)
{
	static char nodes[4096];
	struct vmm_vmem arena;
	vmm_va_t base;

	(void)ctx, (void)contender;
	vmm_vmem_init(&arena, VMM_PAGE_SIZE);
	BENCH_MUST(vmm_vmem_donate(&arena, nodes, sizeof(nodes)) == VMM_OK);
	BENCH_MUST(vmm_vmem_add(&arena, VMM_GIB(1), VMM_GIB(1)) == VMM_OK);
	bench_laps_round(&laps);
	for (unsigned i = 0; i < CALLS / LAP; i++) {
		int err = VMM_OK;

		bench_lap_start(&laps);
		for (unsigned k = 0; k < LAP / 2; k++) {
			err |= vmm_vmem_alloc(&arena, VMM_PAGE_SIZE, &base);
			err |= vmm_vmem_free(&arena, base);
		}
		bench_lap_end(&laps);
		BENCH_MUST(err == VMM_OK);
	}
}

int main(int argc, char **argv)
{
	bench_open(argc, argv, "vmem");
	if (bench_wants("pair")) {
		bench_laps_init(&laps, CALLS / LAP);
		bench_rounds(ROUNDS, 1, run_pairs, NULL);
		bench_row("pair", "ours/address");
		bench_put_mean(&laps, CALLS);
		bench_row_end();
		bench_laps_fini(&laps);
	}
	bench_adopt_counts("pair");
	return bench_close();
}
