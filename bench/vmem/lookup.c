/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in an arena of N regions of 1 to 1024 pages, in its steady state:
 *
 *	exact-N   the used region that starts at an address
 *	inside-N  the used region that an address lies in
 *
 * Addresses are drawn from all used regions alike.
 */
#include "vmem/workloads.h"

#include <stdlib.h>

#define MIX_PAGES 1024
#define CALLS	  40000u
#define LAP	  200u
#define LEAD	  4000u /* before a round is measured, until caches are warm */

typedef uint64_t find_fn(void *arena, uint64_t address);

struct contest {
	bool inside;
	struct vmem_script script;
	const struct vmem_peer *const *peers;
	struct vmem_state states[VMEM_PEERS_MAX];
	uint64_t *addresses[VMEM_PEERS_MAX];
	struct bench_laps means[VMEM_PEERS_MAX];
	struct bench_laps calls[VMEM_PEERS_MAX];
};

static find_fn *find_of(const struct contest *contest, size_t p)
{
	return contest->inside ? contest->peers[p]->find_inside
			       : contest->peers[p]->find;
}

static void lead(struct contest *contest, size_t p)
{
	find_fn *find = find_of(contest, p);
	bool found = true;

	for (size_t i = 0; i < LEAD; i++)
		found &= find(contest->states[p].memory,
				 contest->addresses[p][CALLS - 1 - i]) != 0;
	BENCH_MUST(found);
}

static void round_means(void *ctx, size_t p)
{
	struct contest *contest = ctx;
	struct bench_laps *laps = &contest->means[p];
	const uint64_t *addresses = contest->addresses[p];
	void *arena = contest->states[p].memory;
	find_fn *find = find_of(contest, p);
	bool found = true;

	lead(contest, p);
	bench_laps_round(laps);
	for (size_t i = 0; i < CALLS; i += LAP) {
		bench_lap_start(laps);
		for (size_t k = 0; k < LAP; k++)
			found &= find(arena, addresses[i + k]) != 0;
		bench_lap_end(laps);
	}
	BENCH_MUST(found);
}

static void round_calls(void *ctx, size_t p)
{
	struct contest *contest = ctx;
	struct bench_laps *laps = &contest->calls[p];
	void *arena = contest->states[p].memory;
	find_fn *find = find_of(contest, p);
	bool found = true;

	lead(contest, p);
	bench_laps_round(laps);
	for (size_t i = 0; i < CALLS; i++) {
		bench_lap_start(laps);
		found &= find(arena, contest->addresses[p][i]) != 0;
		bench_lap_end(laps);
	}
	BENCH_MUST(found);
}

/* The addresses that a contender is asked for, and are they found right? */
static void prepare(struct contest *contest, size_t p, const uint32_t *pages)
{
	const struct vmem_peer *peer = contest->peers[p];
	struct vmem_state *state = &contest->states[p];
	struct bench_rng rng = {bench_options.seed};
	uint64_t *addresses = malloc(CALLS * sizeof(*addresses));

	BENCH_MUST(addresses != NULL);
	contest->addresses[p] = addresses;
	vmem_script_play(&contest->script, peer, state);
	for (size_t i = 0; i < CALLS; i++) {
		uint32_t slot = (uint32_t)bench_below(&rng, state->slots);
		uint64_t offset = bench_below(&rng, pages[slot]) << PAGE_SHIFT;
		uint64_t base = state->tokens[slot];

		if (peer->base != NULL)
			base = peer->base(state->memory, base);
		addresses[i] = base + (contest->inside ? offset : 0);
		BENCH_MUST(peer->base == NULL ||
			   find_of(contest, p)(state->memory, addresses[i]) ==
				   base);
	}
	bench_laps_init(&contest->means[p], CALLS / LAP);
	bench_laps_init(&contest->calls[p], CALLS);
}

static void run(const char *name, size_t live, bool inside, unsigned rounds)
{
	static vmem_peers peers = {&vmem_floor, &vmem_plain, &vmem_bare_address,
		&vmem_nocache_address};
	struct contest contest = {.inside = inside, .peers = peers};
	size_t count = vmem_peer_count(peers);
	uint32_t *pages;

	if (!bench_wants(name))
		return;
	if (bench_options.quick)
		rounds = 2;
	pages = vmem_script_mix(&contest.script, live, MIX_PAGES);
	for (size_t p = 0; p < count; p++)
		prepare(&contest, p, pages);
	bench_rounds(rounds, count, round_means, &contest);
	bench_rounds(rounds, count, round_calls, &contest);
	for (size_t p = 0; p < count; p++) {
		bench_row(name, peers[p]->name);
		bench_put_mean(&contest.means[p], CALLS);
		bench_put_calls(&contest.calls[p]);
		bench_row_end();
		vmem_state_fini(&contest.states[p]);
		bench_laps_fini(&contest.means[p]);
		bench_laps_fini(&contest.calls[p]);
		free(contest.addresses[p]);
	}
	free(pages);
	vmem_script_fini(&contest.script);
}

void vmem_lookups(void)
{
	run("exact-100", 100, false, 15);
	run("exact-10k", 10000, false, 15);
	run("inside-100", 100, true, 15);
	run("inside-10k", 10000, true, 15);
	if (bench_options.quick)
		return;
	run("exact-1m", 1000000, false, 7);
	run("inside-1m", 1000000, true, 7);
}
