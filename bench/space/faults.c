/* SPDX-License-Identifier: MIT */
/* Page faults of each kind, and forks. */
#include "space/workloads.h"

#define BASE   VMM_GIB(4)
#define FAULTS 16384u
#define LAP    256u

static const struct contender *const contenders[] = {
	&bench_ours, &bench_naive, &bench_array};
#define CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

static struct bench_laps laps[CONTENDERS];
static uint64_t order[FAULTS]; /* addresses, each once */
static struct task parent;
static struct task child;

uint64_t resident_size(void)
{
	return bench_options.quick || bench_options.counting ? VMM_MIB(64)
							     : VMM_GIB(1);
}

void space_check(const struct contender *who, int err)
{
	if (err != 0)
		bench_fail("%s failed with %d", who->name, err);
}

static void turn(void *ctx, size_t i)
{
	const struct work *work = ctx;
	const size_t before = machine_free();

	if (work->needs_cow && !contenders[i]->cow)
		return;
	bench_laps_round(&laps[i]);
	work->run(contenders[i], &laps[i], work);
	if (machine_free() != before)
		bench_fail("%s keeps pages", contenders[i]->name);
}

void space_measure(const struct work *work)
{
	static size_t number;

	if (!bench_wants(work->name))
		return;
	/* Several programs count at a time, each some of the workloads. */
	if (bench_options.counting && !bench_is_mine(number++))
		return;
	for (size_t i = 0; i < CONTENDERS; i++)
		bench_laps_init(&laps[i], work->laps);
	bench_rounds(bench_options.quick ? 2 : work->rounds, CONTENDERS, turn,
		(void *)(uintptr_t)work);
	for (size_t i = 0; i < CONTENDERS; i++) {
		if (!work->needs_cow || contenders[i]->cow) {
			bench_row(work->name, contenders[i]->name);
			bench_put_mean(&laps[i], work->calls);
			bench_row_end();
		}
		bench_laps_fini(&laps[i]);
	}
}

static void fault_all(
	const struct contender *who, struct task *task, struct bench_laps *lap)
{
	for (size_t i = 0; i < FAULTS;) {
		int err = 0;

		if (lap != NULL)
			bench_lap_start(lap);
		for (size_t end = i + LAP; i < end; i++)
			err |= who->fault(task, order[i], true);
		if (lap != NULL)
			bench_lap_end(lap);
		space_check(who, err);
	}
}

/* Stores to memory that was never touched, in no order; tables included. */
static void fault_zero(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	(void)work;
	who->open(&parent);
	space_check(who, who->map(&parent, BASE, FAULTS * PAGE, RW));
	fault_all(who, &parent, lap);
	who->close(&parent);
}

/* A parent whose pages are all there, and a child that shares them. */
static void open_both(const struct contender *who)
{
	who->open(&parent);
	space_check(who, who->map(&parent, BASE, FAULTS * PAGE, RW));
	fault_all(who, &parent, NULL);
	space_check(who, who->fork(&child, &parent));
}

/* Stores to pages that a child shares with its parent. */
static void fault_copy(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	(void)work;
	open_both(who);
	fault_all(who, &child, lap);
	who->close(&child);
	who->close(&parent);
}

/* The same in the parent, when the child has gone: nothing is copied. */
static void fault_last(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	(void)work;
	open_both(who);
	who->close(&child);
	fault_all(who, &parent, lap);
	who->close(&parent);
}

static void fill(const struct contender *who)
{
	who->open(&parent);
	space_check(who, who->map(&parent, BASE, resident_size(), RW));
	for (uint64_t at = 0; at < resident_size(); at += PAGE)
		space_check(who, who->fault(&parent, BASE + at, true));
}

/* A fork of a space all of whose pages are there; per page. */
static void fork_1g(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	int err;

	(void)work;
	fill(who);
	bench_lap_start(lap);
	err = who->fork(&child, &parent);
	bench_lap_end(lap);
	space_check(who, err);
	who->close(&child);
	who->close(&parent);
}

/* The end of the child; per page. */
static void exit_1g(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	(void)work;
	fill(who);
	space_check(who, who->fork(&child, &parent));
	bench_lap_start(lap);
	who->close(&child);
	bench_lap_end(lap);
	who->close(&parent);
}

void space_faults(void)
{
	const uint64_t pages = resident_size() / PAGE;
	const struct work works[] = {
		{"fault_zero", fault_zero, FAULTS, FAULTS / LAP, .rounds = 7},
		{"fault_copy", fault_copy, FAULTS, FAULTS / LAP,
			.needs_cow = true, .rounds = 7},
		{"fault_last", fault_last, FAULTS, FAULTS / LAP,
			.needs_cow = true, .rounds = 7},
		{"fork_1g", fork_1g, pages, 1, .rounds = 3},
		{"exit_1g", exit_1g, pages, 1, .rounds = 3},
	};
	struct bench_rng rng = {bench_options.seed};

	for (uint64_t i = 0; i < FAULTS; i++)
		order[i] = BASE + i * PAGE;
	for (uint64_t i = FAULTS - 1; i > 0; i--) {
		const uint64_t k = bench_below(&rng, i + 1);
		const uint64_t swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		space_measure(&works[i]);
}
