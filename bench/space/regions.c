/* SPDX-License-Identifier: MIT */
/* Many regions, and regions that come and go. */
#include "space/workloads.h"

#define REGIONS	 10000u
#define LAP	 100u
#define PAIRS	 4000u
#define STANDING 100u
#define BASE	 VMM_GIB(4)

static uint64_t place[REGIONS]; /* of each, in the order of the calls */
static struct task task;

/* One page each, with a hole behind it, in no order. */
static void shuffle(uint64_t count)
{
	struct bench_rng rng = {bench_options.seed};

	for (uint64_t i = 0; i < count; i++)
		place[i] = BASE + i * 2 * PAGE;
	for (uint64_t i = count - 1; i > 0; i--) {
		const uint64_t k = bench_below(&rng, i + 1);
		const uint64_t swap = place[i];

		place[i] = place[k];
		place[k] = swap;
	}
}

enum part { MAP, FIND, FAULT, UNMAP };

static int one(const struct contender *who, enum part part, uint64_t va)
{
	switch (part) {
	case MAP:
		return who->map(&task, va, PAGE, RW);
	case FIND:
		return who->find(&task, va + 8) ? 0 : -1;
	case FAULT:
		return who->fault(&task, va, true);
	default:
		return who->unmap(&task, va, PAGE);
	}
}

static void run(const struct contender *who, struct bench_laps *lap,
	const struct work *work, enum part timed)
{
	shuffle(work->regions);
	who->open(&task);
	for (int part = MAP; part <= UNMAP; part++) {
		for (uint64_t i = 0; i < work->regions;) {
			int err = 0;

			if ((enum part)part == timed)
				bench_lap_start(lap);
			for (uint64_t end = i + LAP; i < end; i++)
				err |= one(who, (enum part)part, place[i]);
			if ((enum part)part == timed)
				bench_lap_end(lap);
			space_check(who, err);
		}
	}
	who->close(&task);
}

static void map_many(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	run(who, lap, work, MAP);
}

static void find_many(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	run(who, lap, work, FIND);
}

static void fault_many(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	run(who, lap, work, FAULT);
}

static void unmap_many(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	run(who, lap, work, UNMAP);
}

/* 64 KiB anywhere, touched at @touch pages, and away, beside others. */
static void pairs(
	const struct contender *who, struct bench_laps *lap, unsigned touch)
{
	uint64_t va;

	who->open(&task);
	for (unsigned i = 0; i < STANDING; i++) {
		space_check(who, who->map_any(&task, VMM_KIB(64), &va));
		space_check(who, who->fault(&task, va, true));
	}
	for (unsigned i = 0; i < PAIRS;) {
		int err = 0;

		bench_lap_start(lap);
		for (unsigned end = i + LAP; i < end; i++) {
			err |= who->map_any(&task, VMM_KIB(64), &va);
			for (unsigned k = 0; k < touch; k++)
				err |= who->fault(&task, va + k * PAGE, true);
			err |= who->unmap(&task, va, VMM_KIB(64));
		}
		bench_lap_end(lap);
		space_check(who, err);
	}
	who->close(&task);
}

static void pair(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	(void)work;
	pairs(who, lap, 0);
}

static void pair_touched(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	(void)work;
	pairs(who, lap, 4);
}

void space_regions(void)
{
	static const struct work works[] = {
		{"map_unmap", pair, PAIRS, PAIRS / LAP, .rounds = 9},
		{"map_unmap_touched", pair_touched, PAIRS, PAIRS / LAP,
			.rounds = 9},
		{"map_1000", map_many, 1000, 1000 / LAP, 1000, .rounds = 9},
		{"find_1000", find_many, 1000, 1000 / LAP, 1000, .rounds = 9},
		{"unmap_1000", unmap_many, 1000, 1000 / LAP, 1000, .rounds = 9},
		{"map_10000", map_many, REGIONS, REGIONS / LAP, REGIONS,
			.rounds = 3},
		{"find_10000", find_many, REGIONS, REGIONS / LAP, REGIONS,
			.rounds = 3},
		{"touch_10000", fault_many, REGIONS, REGIONS / LAP, REGIONS,
			.rounds = 3},
		{"unmap_10000", unmap_many, REGIONS, REGIONS / LAP, REGIONS,
			.rounds = 3},
	};

	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		struct work work = works[i];

		/* To see that it works, fewer will do. */
		if (bench_options.quick && work.regions == REGIONS) {
			work.regions = 2000;
			work.calls = 2000;
			work.laps = 2000 / LAP;
		}
		space_measure(&work);
	}
}
