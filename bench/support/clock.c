/* SPDX-License-Identifier: MIT */
/* Clocks and laps. */
#include "support/bench_internal.h"
#include "support/counter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long the tick is compared with the clock: an error of 1 us in the clock
   is then one of 0.002 %. */
#define CALIBRATION_NS 50000000

#define OVERHEAD_TRIES 20000

static double tick_ns;	      /* 1 when counting: a lap is in instructions */
static double overhead_ticks; /* of an empty lap */

uint64_t bench_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_instructions(void)
{
	uint64_t count = 0;

	syscall(BENCH_COUNTER_CALL, &count);
	return count;
}

static double calibrate(void)
{
	uint64_t ns = bench_ns();
	uint64_t ticks = bench_ticks();
	uint64_t ns_spent;

	do
		ns_spent = bench_ns() - ns;
	while (ns_spent < CALIBRATION_NS);
	return (double)ns_spent / (double)(bench_ticks() - ticks);
}

void bench_clock_init(void)
{
	uint32_t least = UINT32_MAX;
	struct bench_laps laps = {.least = &least};

	bench_options.counting = bench_instructions() != 0;
	tick_ns = bench_options.counting ? 1 : calibrate();
	for (int i = 0; i < OVERHEAD_TRIES; i++) {
		laps.at = 0;
		bench_lap_start(&laps);
		bench_lap_end(&laps);
	}
	overhead_ticks = least;
}

void bench_laps_init(struct bench_laps *laps, size_t size)
{
	memset(laps, 0, sizeof(*laps));
	laps->size = size;
	laps->least = malloc(size * sizeof(*laps->least));
	BENCH_MUST(laps->least != NULL);
	memset(laps->least, 0xff, size * sizeof(*laps->least));
}

void bench_laps_fini(struct bench_laps *laps)
{
	free(laps->least);
	laps->least = NULL;
}

/* The rounds do the same work, or their laps have nothing in common. */
static void end_round(struct bench_laps *laps)
{
	BENCH_MUST(laps->at <= laps->size);
	if (laps->at != 0 && laps->count != 0)
		BENCH_MUST(laps->at == laps->count);
	if (laps->at != 0)
		laps->count = laps->at;
	laps->at = 0;
}

void bench_laps_round(struct bench_laps *laps)
{
	end_round(laps);
}

static double worth(uint64_t ticks)
{
	double net = (double)ticks - overhead_ticks;

	return net > 0 ? net * tick_ns : 0;
}

double bench_spent(uint64_t start_ticks)
{
	return worth(bench_ticks() - start_ticks);
}

/* The laps of a round that has not been ended count as well. */
static size_t laps_count(const struct bench_laps *laps)
{
	size_t count = laps->count != 0 ? laps->count : laps->at;

	BENCH_MUST(count != 0);
	return count;
}

double bench_laps_one(const struct bench_laps *laps, size_t at)
{
	BENCH_MUST(at < laps_count(laps));
	return worth(laps->least[at]);
}

double bench_laps_sum(const struct bench_laps *laps)
{
	size_t count = laps_count(laps);
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += worth(laps->least[i]);
	return sum;
}

static int by_ticks(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

double bench_laps_percentile(const struct bench_laps *laps, double part)
{
	size_t count = laps_count(laps);
	size_t at = (size_t)((double)(count - 1) * part + 0.5);
	uint32_t *sorted = malloc(count * sizeof(*sorted));
	double result;

	BENCH_MUST(sorted != NULL && part >= 0 && part <= 1);
	memcpy(sorted, laps->least, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_ticks);
	result = worth(sorted[at]);
	free(sorted);
	return result;
}

void bench_rounds(unsigned rounds, size_t count,
	void (*run)(void *ctx, size_t contender), void *ctx)
{
	if (bench_options.counting)
		rounds = 1;
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < count; i++)
			run(ctx, (i + round) % count);
		bench_progress(".");
	}
}
