/* SPDX-License-Identifier: MIT */
/*
 * The steady state of an arena: as many regions as the workload says are live,
 * and each step frees one of them at random and allocates another in its place.
 * Before anything is measured, the arena is filled and then churned until
 * nothing is left of the order it was filled in.
 *
 *	mix-N    regions of 1 to 1024 pages, their logarithm uniform
 *	align-N  as mix-N, aligned to 1 to 512 pages, powers of two, all alike
 *	fixed-N  as mix-N, and the new region lies where the old one lay
 */
#include "vmem/workloads.h"

#include <stdlib.h>
#include <string.h>

#define STEPS	     50000u
#define LEAD_STEPS   5000u /* after going back, until caches are warm */
#define CALL_STEPS   20000u
#define LAP	     100u
#define MIX_PAGES    1024
#define ALIGN_SHIFTS 10 /* 1 to 512 pages */

enum kind { PLAIN, ALIGNED, FIXED };

struct step {
	uint32_t slot;
	uint32_t old_pages;
	uint32_t pages;
	uint32_t align_pages;
};

struct workload {
	const char *name;
	size_t live;
	uint64_t pages_max;
	enum kind kind;
	unsigned rounds;
	vmem_peers peers;
};

struct contest {
	const struct workload *workload;
	struct step *build;
	struct step *warm;
	struct step *steps; /* LEAD_STEPS, then STEPS */
	size_t warm_count;
	struct vmem_state states[VMEM_PEERS_MAX];
	struct vmem_reach reach[VMEM_PEERS_MAX];
	struct bench_laps means[VMEM_PEERS_MAX];
	struct bench_laps calls[VMEM_PEERS_MAX];
};

static uint64_t bytes(uint32_t pages)
{
	return (uint64_t)pages << PAGE_SHIFT;
}

static uint64_t allocate(const struct vmem_peer *peer, void *arena,
	const struct step *step, enum kind kind)
{
	if (kind == ALIGNED)
		return peer->alloc_aligned(
			arena, bytes(step->pages), bytes(step->align_pages));
	return peer->alloc(arena, bytes(step->pages));
}

/* Steps with nothing measured but how far the addresses reach. */
static void follow(struct contest *contest, size_t p, const struct step *steps,
	size_t count)
{
	const struct vmem_peer *peer = contest->workload->peers[p];
	struct vmem_state *state = &contest->states[p];
	struct vmem_reach *reach = &contest->reach[p];

	for (size_t i = 0; i < count; i++) {
		const struct step *step = &steps[i];
		uint64_t *token = &state->tokens[step->slot];

		if (step->old_pages != 0) {
			vmem_reach_free(reach, bytes(step->old_pages));
			BENCH_MUST(peer->free(state->memory, *token,
					   bytes(step->old_pages)) == 0);
		}
		*token = allocate(
			peer, state->memory, step, contest->workload->kind);
		BENCH_MUST(*token != 0);
		vmem_reach_alloc(
			reach, peer, state->memory, *token, bytes(step->pages));
	}
}

static int churn(const struct vmem_peer *peer, struct vmem_state *state,
	const struct step *steps, size_t count)
{
	int bad = 0;

	for (size_t i = 0; i < count; i++) {
		const struct step *step = &steps[i];
		uint64_t *token = &state->tokens[step->slot];

		bad |= peer->free(
			state->memory, *token, bytes(step->old_pages));
		*token = peer->alloc(state->memory, bytes(step->pages));
		bad |= *token == 0;
	}
	return bad;
}

static int churn_aligned(const struct vmem_peer *peer, struct vmem_state *state,
	const struct step *steps, size_t count)
{
	int bad = 0;

	for (size_t i = 0; i < count; i++) {
		const struct step *step = &steps[i];
		uint64_t *token = &state->tokens[step->slot];

		bad |= peer->free(
			state->memory, *token, bytes(step->old_pages));
		*token = peer->alloc_aligned(state->memory, bytes(step->pages),
			bytes(step->align_pages));
		bad |= *token == 0;
	}
	return bad;
}

/* The token is the address; only contenders that free by address run here. */
static int churn_fixed(const struct vmem_peer *peer, struct vmem_state *state,
	const struct step *steps, size_t count)
{
	int bad = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t *token = &state->tokens[steps[i].slot];
		uint64_t size = bytes(steps[i].old_pages);

		bad |= peer->free(state->memory, *token, size);
		*token = peer->alloc_fixed(state->memory, *token, size);
		bad |= *token == 0;
	}
	return bad;
}

static int run_steps(const struct contest *contest, size_t p,
	const struct step *steps, size_t count)
{
	const struct vmem_peer *peer = contest->workload->peers[p];
	/* The states are the contest's own, and are written to. */
	struct vmem_state *state = (struct vmem_state *)&contest->states[p];

	switch (contest->workload->kind) {
	case ALIGNED:
		return churn_aligned(peer, state, steps, count);
	case FIXED:
		return churn_fixed(peer, state, steps, count);
	case PLAIN:
		break;
	}
	return churn(peer, state, steps, count);
}

static void round_means(void *ctx, size_t p)
{
	struct contest *contest = ctx;
	struct bench_laps *laps = &contest->means[p];
	const struct step *steps = contest->steps + LEAD_STEPS;
	int bad = 0;

	vmem_state_restore(&contest->states[p]);
	bad |= run_steps(contest, p, contest->steps, LEAD_STEPS);
	bench_laps_round(laps);
	for (size_t i = 0; i < STEPS; i += LAP) {
		bench_lap_start(laps);
		bad |= run_steps(contest, p, steps + i, LAP);
		bench_lap_end(laps);
	}
	BENCH_MUST(bad == 0);
}

static void round_calls(void *ctx, size_t p)
{
	struct contest *contest = ctx;
	const struct vmem_peer *peer = contest->workload->peers[p];
	struct vmem_state *state = &contest->states[p];
	struct bench_laps *laps = &contest->calls[p];
	const struct step *steps = contest->steps + LEAD_STEPS;
	enum kind kind = contest->workload->kind;
	int bad = 0;

	vmem_state_restore(state);
	bad |= run_steps(contest, p, contest->steps, LEAD_STEPS);
	bench_laps_round(laps);
	for (size_t i = 0; i < CALL_STEPS; i++) {
		uint64_t *token = &state->tokens[steps[i].slot];
		uint64_t size = bytes(steps[i].old_pages);

		bench_lap_start(laps);
		bad |= peer->free(state->memory, *token, size);
		bench_lap_end(laps);
		bench_lap_start(laps);
		*token = kind == FIXED ? peer->alloc_fixed(
						 state->memory, *token, size)
				       : allocate(peer, state->memory,
						 &steps[i], kind);
		bench_lap_end(laps);
		bad |= *token == 0;
	}
	BENCH_MUST(bad == 0);
}

static void draw(const struct workload *workload, struct bench_rng *rng,
	struct step *step)
{
	step->pages = (uint32_t)bench_log_uniform(rng, workload->pages_max);
	step->align_pages = 1u << bench_below(rng, ALIGN_SHIFTS);
}

/* Fill the slots. @pages receives the sizes, by slot. */
static void make_build(const struct workload *workload, struct bench_rng *rng,
	uint32_t *pages, struct step *steps)
{
	for (uint32_t slot = 0; slot < workload->live; slot++) {
		steps[slot] = (struct step){.slot = slot};
		draw(workload, rng, &steps[slot]);
		pages[slot] = steps[slot].pages;
	}
}

static void make_steps(const struct workload *workload, struct bench_rng *rng,
	uint32_t *pages, struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct step *step = &steps[i];

		step->slot = (uint32_t)bench_below(rng, workload->live);
		step->old_pages = pages[step->slot];
		draw(workload, rng, step);
		if (workload->kind == FIXED)
			step->pages = step->old_pages;
		pages[step->slot] = step->pages;
	}
}

static struct step *steps_alloc(size_t count)
{
	struct step *steps = malloc(count * sizeof(*steps));

	BENCH_MUST(steps != NULL);
	return steps;
}

static void make_script(
	struct contest *contest, const struct workload *workload)
{
	struct bench_rng rng = {bench_options.seed};
	uint32_t *pages = calloc(workload->live, sizeof(*pages));

	BENCH_MUST(pages != NULL);
	contest->warm_count = workload->live * 4;
	if (contest->warm_count > 1000000)
		contest->warm_count = workload->live;
	contest->build = steps_alloc(workload->live);
	contest->warm = steps_alloc(contest->warm_count);
	contest->steps = steps_alloc(LEAD_STEPS + STEPS);
	make_build(workload, &rng, pages, contest->build);
	make_steps(workload, &rng, pages, contest->warm, contest->warm_count);
	make_steps(workload, &rng, pages, contest->steps, LEAD_STEPS + STEPS);
	free(pages);
}

static void prepare(struct contest *contest, const struct workload *workload)
{
	contest->workload = workload;
	make_script(contest, workload);
	for (size_t p = 0; workload->peers[p] != NULL; p++) {
		const struct vmem_peer *peer = workload->peers[p];
		struct vmem_state *state = &contest->states[p];
		size_t size = peer->memory(workload->live);

		vmem_state_init(state, size, workload->live);
		peer->open(state->memory, size);
		follow(contest, p, contest->build, workload->live);
		follow(contest, p, contest->warm, contest->warm_count);
		vmem_state_save(state);
		bench_laps_init(&contest->means[p], STEPS / LAP);
		bench_laps_init(&contest->calls[p], 2 * CALL_STEPS);
	}
}

static void put_memory(struct contest *contest, size_t p)
{
	const struct vmem_peer *peer = contest->workload->peers[p];
	struct vmem_state *state = &contest->states[p];
	struct vmem_reach *reach = &contest->reach[p];
	struct vmem_footprint is;

	if (peer->footprint == NULL)
		return;
	vmem_state_restore(state);
	if (contest->workload->kind != FIXED)
		follow(contest, p, contest->steps, LEAD_STEPS + STEPS);
	peer->footprint(state->memory, &is);
	bench_put("bytes/region",
		(double)(is.nodes + is.fixed) / (double)is.regions, "bytes");
	bench_put(
		"span", (double)reach->top_peak / (double)reach->live_peak, "");
}

static void finish(struct contest *contest)
{
	for (size_t p = 0; contest->workload->peers[p] != NULL; p++) {
		vmem_state_fini(&contest->states[p]);
		bench_laps_fini(&contest->means[p]);
		bench_laps_fini(&contest->calls[p]);
	}
	free(contest->build);
	free(contest->warm);
	free(contest->steps);
}

static void run(const struct workload *workload)
{
	struct contest contest = {0};
	size_t count = vmem_peer_count(workload->peers);
	unsigned rounds = bench_options.quick ? 2 : workload->rounds;

	if (!bench_wants(workload->name))
		return;
	prepare(&contest, workload);
	bench_rounds(rounds, count, round_means, &contest);
	bench_rounds(rounds, count, round_calls, &contest);
	for (size_t p = 0; p < count; p++) {
		bench_row(workload->name, workload->peers[p]->name);
		bench_put_mean(&contest.means[p], 2 * STEPS);
		bench_put_calls(&contest.calls[p]);
		put_memory(&contest, p);
		bench_row_end();
	}
	finish(&contest);
}

#define PEERS                                                            \
	&vmem_floor, &vmem_tlsf, &vmem_tlsf_full, &vmem_plain,           \
		&vmem_ours_handle, &vmem_ours_sized, &vmem_ours_address, \
		&vmem_nocache_handle, &vmem_nocache_sized,               \
		&vmem_nocache_address
#define ALL                                                     \
	{                                                       \
		PEERS, &vmem_windows_handle, &vmem_bare_handle, \
			&vmem_bare_address                      \
	}
#define SOME          \
	{             \
		PEERS \
	}
#define ALIGNING                                                       \
	{                                                              \
		&vmem_floor, &vmem_tlsf, &vmem_tlsf_full, &vmem_plain, \
			&vmem_nocache_handle, &vmem_nocache_address,   \
			&vmem_bare_handle                              \
	}
#define FIXING                                                   \
	{                                                        \
		&vmem_floor, &vmem_plain, &vmem_nocache_address, \
			&vmem_bare_address                       \
	}

static const struct workload workloads[] = {
	{"mix-100", 100, MIX_PAGES, PLAIN, 25, ALL},
	{"mix-10k", 10000, MIX_PAGES, PLAIN, 25, ALL},
	{"align-10k", 10000, MIX_PAGES, ALIGNED, 15, ALIGNING},
	{"fixed-10k", 10000, MIX_PAGES, FIXED, 15, FIXING},
};

/* What takes too long for a quick run. */
static const struct workload large[] = {
	{"mix-1m", 1000000, MIX_PAGES, PLAIN, 5, SOME},
};

void vmem_churn(void)
{
	for (size_t i = 0; i < sizeof(workloads) / sizeof(*workloads); i++)
		run(&workloads[i]);
	if (bench_options.quick)
		return;
	for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++)
		run(&large[i]);
}
