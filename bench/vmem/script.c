/* SPDX-License-Identifier: MIT */
/* Running a script on contenders. */
#include "vmem/workloads.h"

#include <stdlib.h>
#include <string.h>

#define LAP	  200u
#define CALLS_MAX 400000u /* whose time is taken one by one */
#define LEAD_MAX  4000u

/*
 * Before each pass of a short script the contender does something else, in
 * another arena: a random mix, never the same twice. A processor that sees the
 * same few thousand calls again and again learns all their branches by heart,
 * and would be measured doing so; a program asks once.
 */
#define STIR_LIVE  100u
#define STIR_STEPS 4000u
#define STIR_PAGES 1024u

struct stir {
	struct vmem_state state;
	uint64_t pages[STIR_LIVE]; /* by slot; 0: it is empty */
	struct bench_rng rng;
};

struct contest {
	const struct vmem_script *script;
	const struct vmem_peer *const *peers;
	struct vmem_state states[VMEM_PEERS_MAX];
	struct stir stirs[VMEM_PEERS_MAX];
	struct vmem_reach reach[VMEM_PEERS_MAX];
	struct bench_laps means[VMEM_PEERS_MAX];
	struct bench_laps calls[VMEM_PEERS_MAX];
};

void vmem_script_add(struct vmem_script *script, struct vmem_op op)
{
	if (script->count == script->room) {
		script->room = script->room == 0 ? 1024 : 2 * script->room;
		script->ops = realloc(
			script->ops, script->room * sizeof(*script->ops));
		BENCH_MUST(script->ops != NULL);
	}
	script->aligns |= op.kind == VMEM_ALIGNED;
	if (op.slot >= script->slots)
		script->slots = op.slot + 1;
	script->ops[script->count++] = op;
}

void vmem_script_alloc(
	struct vmem_script *script, uint32_t slot, uint32_t pages)
{
	vmem_script_add(script, (struct vmem_op){slot, pages, VMEM_ALLOC, 0});
}

void vmem_script_free(struct vmem_script *script, uint32_t slot, uint32_t pages)
{
	vmem_script_add(script, (struct vmem_op){slot, pages, VMEM_FREE, 0});
}

void vmem_script_measure(struct vmem_script *script)
{
	script->prefix = script->count;
	if (script->passes == 0)
		script->passes = 1;
}

void vmem_script_fini(struct vmem_script *script)
{
	free(script->ops);
	*script = (struct vmem_script){0};
}

uint32_t *vmem_script_mix(
	struct vmem_script *script, size_t live, uint64_t pages_max)
{
	struct bench_rng rng = {bench_options.seed};
	size_t steps = live <= 100000 ? 4 * live : live;
	uint32_t *pages = malloc(live * sizeof(*pages));

	BENCH_MUST(pages != NULL);
	for (uint32_t slot = 0; slot < live; slot++) {
		pages[slot] = (uint32_t)bench_log_uniform(&rng, pages_max);
		vmem_script_alloc(script, slot, pages[slot]);
	}
	for (size_t i = 0; i < steps; i++) {
		uint32_t slot = (uint32_t)bench_below(&rng, live);

		vmem_script_free(script, slot, pages[slot]);
		pages[slot] = (uint32_t)bench_log_uniform(&rng, pages_max);
		vmem_script_alloc(script, slot, pages[slot]);
	}
	return pages;
}

static uint64_t bytes(const struct vmem_op *op)
{
	return (uint64_t)op->pages << PAGE_SHIFT;
}

static inline int run_op(const struct vmem_peer *peer, void *arena,
	uint64_t *tokens, const struct vmem_op *op)
{
	uint64_t *token = &tokens[op->slot];

	if (op->kind == VMEM_FREE)
		return peer->free(arena, *token, bytes(op));
	if (op->kind == VMEM_ALLOC) {
		*token = peer->alloc(arena, bytes(op));
		return *token == 0;
	}
	if (op->kind == VMEM_TRY) {
		*token = peer->alloc(arena, bytes(op));
		return 0;
	}
	*token = peer->alloc_aligned(
		arena, bytes(op), PAGE_SIZE << op->align_shift);
	return *token == 0;
}

static int run_ops(const struct vmem_peer *peer, struct vmem_state *state,
	const struct vmem_op *ops, size_t count)
{
	int bad = 0;

	for (size_t i = 0; i < count; i++)
		bad |= run_op(peer, state->memory, state->tokens, &ops[i]);
	return bad;
}

static void follow(const struct vmem_peer *peer, struct vmem_state *state,
	struct vmem_reach *reach, const struct vmem_op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct vmem_op *op = &ops[i];
		uint64_t *token = &state->tokens[op->slot];

		if (op->kind == VMEM_FREE)
			vmem_reach_free(reach, bytes(op));
		BENCH_MUST(run_op(peer, state->memory, state->tokens, op) == 0);
		if (op->kind != VMEM_FREE && *token != 0)
			vmem_reach_alloc(
				reach, peer, state->memory, *token, bytes(op));
	}
}

static void open_state(const struct vmem_script *script,
	const struct vmem_peer *peer, struct vmem_state *state)
{
	size_t size = peer->memory(script->slots);

	vmem_state_init(state, size, script->slots);
	peer->open(state->memory, size);
}

static void stir_init(struct stir *stir, const struct vmem_peer *peer)
{
	size_t size = peer->memory(STIR_LIVE);

	*stir = (struct stir){.rng = {bench_options.seed}};
	vmem_state_init(&stir->state, size, STIR_LIVE);
	peer->open(stir->state.memory, size);
}

static int stir_run(struct stir *stir, const struct vmem_peer *peer)
{
	int bad = 0;

	for (size_t i = 0; i < STIR_STEPS; i++) {
		size_t slot = bench_below(&stir->rng, STIR_LIVE);
		uint64_t *token = &stir->state.tokens[slot];

		if (stir->pages[slot] != 0)
			bad |= peer->free(stir->state.memory, *token,
				stir->pages[slot] << PAGE_SHIFT);
		stir->pages[slot] = bench_log_uniform(&stir->rng, STIR_PAGES);
		*token = peer->alloc(
			stir->state.memory, stir->pages[slot] << PAGE_SHIFT);
		bad |= *token == 0;
	}
	return bad;
}

/*
 * The state that is saved is that of some operations before the measured part:
 * they are run after going back to it, until caches are warm and the processor
 * knows the code again.
 */
static size_t lead_of(const struct vmem_script *script)
{
	size_t lead = script->prefix / 4;

	return lead < LEAD_MAX ? lead : LEAD_MAX;
}

static int go_back(struct contest *contest, size_t p)
{
	const struct vmem_script *script = contest->script;
	const struct vmem_op *measured = script->ops + script->prefix;
	struct vmem_state *state = &contest->states[p];
	size_t lead = lead_of(script);

	vmem_state_restore(state);
	return run_ops(contest->peers[p], state, measured - lead, lead);
}

static void round_means(void *ctx, size_t p)
{
	struct contest *contest = ctx;
	const struct vmem_script *script = contest->script;
	const struct vmem_op *ops = script->ops + script->prefix;
	size_t count = script->count - script->prefix;
	struct vmem_state *state = &contest->states[p];
	struct bench_laps *laps = &contest->means[p];
	int bad = 0;

	bench_laps_round(laps);
	for (unsigned pass = 0; pass < script->passes; pass++) {
		bad |= go_back(contest, p);
		if (script->passes > 1)
			bad |= stir_run(&contest->stirs[p], contest->peers[p]);
		for (size_t i = 0; i < count; i += LAP) {
			size_t some = count - i < LAP ? count - i : LAP;

			bench_lap_start(laps);
			bad |= run_ops(contest->peers[p], state, ops + i, some);
			bench_lap_end(laps);
		}
	}
	BENCH_MUST(bad == 0);
}

static size_t call_count(const struct vmem_script *script)
{
	size_t count = script->count - script->prefix;

	if (bench_options.counting || count < CALLS_MAX)
		return count;
	return CALLS_MAX;
}

static int count_calls(const struct vmem_script *script,
	const struct vmem_peer *peer, struct vmem_state *state,
	struct bench_laps *laps)
{
	const struct vmem_op *ops = script->ops + script->prefix;
	size_t count = call_count(script);
	int bad = 0;

	for (size_t i = 0; i < count; i++) {
		bench_lap_start(laps);
		bad |= run_op(peer, state->memory, state->tokens, &ops[i]);
		bench_lap_end(laps);
	}
	return bad;
}

static void round_calls(void *ctx, size_t p)
{
	struct contest *contest = ctx;
	int bad = go_back(contest, p);

	bench_laps_round(&contest->calls[p]);
	bad |= count_calls(contest->script, contest->peers[p],
		&contest->states[p], &contest->calls[p]);
	BENCH_MUST(bad == 0);
}

static size_t laps_of(const struct vmem_script *script)
{
	size_t count = script->count - script->prefix;

	return script->passes * ((count + LAP - 1) / LAP);
}

static void prepare(struct contest *contest)
{
	const struct vmem_script *script = contest->script;

	for (size_t p = 0; contest->peers[p] != NULL; p++) {
		const struct vmem_peer *peer = contest->peers[p];
		struct vmem_state *state = &contest->states[p];

		if (script->passes > 1)
			stir_init(&contest->stirs[p], peer);
		open_state(script, peer, state);
		follow(peer, state, &contest->reach[p], script->ops,
			script->prefix - lead_of(script));
		vmem_state_save(state);
		bench_laps_init(&contest->means[p], laps_of(script));
		bench_laps_init(&contest->calls[p], call_count(script));
	}
}

/* What the measured part, too, needs and reaches. A footprint is taken where
   most regions are in use. */
static void put_memory(struct contest *contest, size_t p)
{
	const struct vmem_script *script = contest->script;
	const struct vmem_peer *peer = contest->peers[p];
	struct vmem_state *state = &contest->states[p];
	struct vmem_reach *reach = &contest->reach[p];
	struct vmem_footprint most = {0};

	if (peer->footprint == NULL)
		return;
	vmem_state_restore(state);
	for (size_t i = script->prefix - lead_of(script); i < script->count;
		i++) {
		struct vmem_footprint is;

		follow(peer, state, reach, &script->ops[i], 1);
		if (i % 64 != 0)
			continue;
		peer->footprint(state->memory, &is);
		if (is.regions > most.regions)
			most = is;
	}
	bench_put("bytes/region",
		(double)(most.nodes + most.fixed) / (double)most.regions,
		"bytes");
	bench_put(
		"span", (double)reach->top_peak / (double)reach->live_peak, "");
}

void vmem_script_run(const char *name, const struct vmem_script *script,
	vmem_peers peers, unsigned rounds)
{
	struct contest contest = {.script = script, .peers = peers};
	size_t count = vmem_peer_count(peers);
	size_t calls = script->count - script->prefix;

	if (bench_options.quick)
		rounds = 2;
	prepare(&contest);
	bench_rounds(rounds, count, round_means, &contest);
	bench_rounds(rounds, count, round_calls, &contest);
	for (size_t p = 0; p < count; p++) {
		bench_row(name, peers[p]->name);
		bench_put_mean(&contest.means[p], script->passes * calls);
		bench_put_calls(&contest.calls[p]);
		put_memory(&contest, p);
		bench_row_end();
		vmem_state_fini(&contest.states[p]);
		if (script->passes > 1)
			vmem_state_fini(&contest.stirs[p].state);
		bench_laps_fini(&contest.means[p]);
		bench_laps_fini(&contest.calls[p]);
	}
}

void vmem_script_play(const struct vmem_script *script,
	const struct vmem_peer *peer, struct vmem_state *state)
{
	open_state(script, peer, state);
	BENCH_MUST(run_ops(peer, state, script->ops, script->count) == 0);
}

static size_t used_of(const struct vmem_peer *peer, void *arena)
{
	struct vmem_footprint is;

	peer->footprint(arena, &is);
	return is.used;
}

struct vmem_cost vmem_script_cost(
	const struct vmem_script *script, const struct vmem_peer *peer)
{
	struct vmem_state state;
	struct vmem_cost cost = {0};
	size_t used = 0;
	int bad;

	open_state(script, peer, &state);
	bad = run_ops(peer, &state, script->ops, script->prefix);
	if (peer->parks)
		used = used_of(peer, state.memory);
	for (size_t i = script->prefix; i < script->count; i++) {
		const struct vmem_op *op = &script->ops[i];
		uint64_t start = bench_ticks();
		double spent;

		bad |= run_op(peer, state.memory, state.tokens, op);
		spent = bench_spent(start);
		cost.mean += spent;
		if (peer->parks) {
			size_t before = used;

			used = used_of(peer, state.memory);
			before = before > used ? before - used : used - before;
			spent /= before > 1 ? (double)before : 1;
		}
		if (spent > cost.worst)
			cost.worst = spent;
	}
	BENCH_MUST(bad == 0);
	vmem_state_fini(&state);
	cost.mean /= (double)(script->count - script->prefix);
	return cost;
}
