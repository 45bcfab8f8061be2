/* SPDX-License-Identifier: MIT */
/*
 * Bare trees at 100, 10^4 and 10^6 random keys: finding a key that is there,
 * and erasing one and inserting another in its place. An erasure and an
 * insertion are one step, and the figure is that of a step.
 */
#include "vmem/workloads.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 40000u
#define LAP   200u

static const struct tree_peer *const peers[] = {
	&tree_ours, &tree_bsd, &tree_boost, &tree_std};
#define PEERS (sizeof(peers) / sizeof(peers[0]))

struct step {
	uint32_t node;
	uint64_t key;
};

struct contest {
	size_t nodes;
	bool churn;
	struct step *steps;
	struct vmem_state states[PEERS];
	struct bench_laps laps[PEERS];
};

/* The keys that are in the tree, by node. Steps find one of them, or replace
   one by another. */
static void prepare(struct contest *contest)
{
	struct bench_rng rng = {bench_options.seed};
	uint64_t *keys = malloc(contest->nodes * sizeof(*keys));

	BENCH_MUST(keys != NULL);
	for (size_t i = 0; i < contest->nodes; i++)
		keys[i] = bench_random(&rng);
	for (size_t p = 0; p < PEERS; p++) {
		struct vmem_state *state = &contest->states[p];

		vmem_state_init(state, peers[p]->memory(contest->nodes), 0);
		peers[p]->open(state->memory, contest->nodes);
		for (uint32_t i = 0; i < contest->nodes; i++)
			peers[p]->insert(state->memory, i, keys[i]);
		vmem_state_save(state);
		bench_laps_init(&contest->laps[p], STEPS / LAP);
	}
	contest->steps = malloc(STEPS * sizeof(*contest->steps));
	BENCH_MUST(contest->steps != NULL);
	for (size_t i = 0; i < STEPS; i++) {
		struct step *step = &contest->steps[i];

		step->node = (uint32_t)bench_below(&rng, contest->nodes);
		if (contest->churn)
			keys[step->node] = bench_random(&rng);
		step->key = keys[step->node];
	}
	free(keys);
}

static void churn(const struct tree_peer *peer, void *tree,
	const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		peer->erase(tree, steps[i].node);
		peer->insert(tree, steps[i].node, steps[i].key);
	}
}

static void find(const struct tree_peer *peer, void *tree,
	const struct step *steps, size_t count)
{
	bool found = true;

	for (size_t i = 0; i < count; i++)
		found &= peer->find(tree, steps[i].key);
	BENCH_MUST(found);
}

static void round_of(void *ctx, size_t p)
{
	struct contest *contest = ctx;
	struct bench_laps *laps = &contest->laps[p];
	void (*run)(const struct tree_peer *peer, void *tree,
		const struct step *steps, size_t count) =
		contest->churn ? churn : find;

	vmem_state_restore(&contest->states[p]);
	bench_laps_round(laps);
	for (size_t i = 0; i < STEPS; i += LAP) {
		bench_lap_start(laps);
		run(peers[p], contest->states[p].memory, &contest->steps[i],
			LAP);
		bench_lap_end(laps);
	}
}

static void run(const char *name, size_t nodes, bool churns)
{
	struct contest contest = {.nodes = nodes, .churn = churns};

	if (!bench_wants(name))
		return;
	prepare(&contest);
	bench_rounds(bench_options.quick ? 3 : 9, PEERS, round_of, &contest);
	for (size_t p = 0; p < PEERS; p++) {
		bench_row(name, peers[p]->name);
		bench_put_mean(&contest.laps[p], STEPS);
		bench_row_end();
		bench_laps_fini(&contest.laps[p]);
		vmem_state_fini(&contest.states[p]);
	}
	free(contest.steps);
}

void vmem_trees(void)
{
	run("find-100", 100, false);
	run("find-10k", 10000, false);
	run("churn-100", 100, true);
	run("churn-10k", 10000, true);
	if (bench_options.quick)
		return;
	run("find-1m", 1000000, false);
	run("churn-1m", 1000000, true);
}
