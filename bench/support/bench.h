/* SPDX-License-Identifier: MIT */
/*
 * The benchmark frame: what every program under bench/ shares.
 *
 * A program measures *contenders* (the library in its variants, and peers) on
 * *workloads*, prints a line for each result, and at the end a line for each
 * goal: a promised figure, and whether this run met it. Its main() is
 *
 *	int main(int argc, char **argv)
 *	{
 *		bench_open(argc, argv, "vmem");
 *		...measure, and report rows...
 *		...state goals...
 *		return bench_close();
 *	}
 *
 * Machines that run benchmarks are busy with other things, and such noise only
 * ever adds time. So the frame repeats the very same work in several rounds
 * and keeps the least time of each small part of it, a *lap*:
 *
 *	- for a mean, a lap is some hundred calls, so that reading the clock
 *	  costs nothing, and the mean is the sum of the least laps;
 *	- for percentiles and the worst case, a lap is a single call, and what
 *	  remains is what that call costs whenever it is made.
 *
 * For this the work has to be the same in each round: seeded, prepared before
 * the clock starts, from the same state. Contenders take turns within each
 * round, so that they share the machine's good and bad times. Each contender
 * is in a source of its own and is called through a pointer: none is inlined
 * into the measuring loop, and all pay the same for the call.
 *
 * Under the counting emulator (counter.h) the frame counts instructions where
 * it otherwise reads the clock: the same program, laps and rows, but the
 * figures are exact and the same on every run. Figures that must not depend on
 * noise are taken that way, see bench_adopt_counts().
 *
 * Whatever cannot be measured ends the program with status 1. A goal that is
 * missed does not: a benchmark is no test.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The program. */

struct bench_options {
	uint64_t seed; /* --seed N: starts every random choice */
	bool quick;    /* --quick: small and short, to see that all works */
	bool counting; /* under the emulator: instructions, not time */
	/* Counting is shared by so many runs at once; this is one of them. */
	unsigned part;
	unsigned parts;
};
extern struct bench_options bench_options;

/*
 * Read the command line: [--quick] [--seed N] [--csv FILE] [-R TEXT]. With
 * --csv, rows go to FILE as module,workload,contender,metric,value,unit too;
 * FILE "-" means to standard output and nothing else there. -R keeps the
 * workloads whose names contain TEXT. @module names the program in each line.
 */
void bench_open(int argc, char **argv, const char *module);

/* Print the goals and their count. Returns the exit status, 0. */
int bench_close(void);

/* Is a workload asked for? Says on standard error that it starts, if so. */
bool bench_wants(const char *workload);

/* Is this the whole run: all workloads, at full length, in time? */
bool bench_is_whole(void);

/* It could not be measured: say why and end with status 1. */
_Noreturn void bench_fail(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* End as bench_fail() unless @cond; for calls that must succeed. */
#define BENCH_MUST(cond)                                                    \
	((cond) ? (void)0                                                   \
		: bench_fail("%s:%d: %s does not hold", __FILE__, __LINE__, \
			  #cond))

/* Memory for nodes and pools: zeroed, touched, 2 MiB aligned, on huge pages if
   the system has them. Give it back with its size. */
void *bench_memory(size_t size);
void bench_memory_free(void *memory, size_t size);

/* Numbers. */

/* splitmix64 (Steele, Lea, Flood 2014): any seed is a good seed. */
struct bench_rng {
	uint64_t state;
};

static inline uint64_t bench_random(struct bench_rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A number below @limit, which is 1 to 2^32. */
static inline uint64_t bench_below(struct bench_rng *rng, uint64_t limit)
{
	return (bench_random(rng) >> 32) * limit >> 32;
}

/* A whole number from 1 to @max whose logarithm is uniform: as many between 1
   and 2 as between 512 and 1024. */
uint64_t bench_log_uniform(struct bench_rng *rng, uint64_t max);

/* Clocks. */

/* Nanoseconds since some moment, monotonic. */
uint64_t bench_ns(void);

/* The instruction counter of the emulator; only when counting. */
uint64_t bench_instructions(void);

/*
 * The time in ticks, or the instruction counter. Whatever was started before
 * has ended, and nothing later has begun. On x86-64 a tick is one of the time
 * stamp counter, elsewhere a nanosecond.
 */
static inline uint64_t bench_ticks(void)
{
	if (__builtin_expect(bench_options.counting, false))
		return bench_instructions();
#if defined(__x86_64__)
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence"
			 : "=a"(low), "=d"(high)
			 :
			 : "memory");
	return (uint64_t)high << 32 | low;
#else
	return bench_ns();
#endif
}

/* What has passed since then, in nanoseconds or instructions; reading the
   clock is taken off. For a figure that is not taken from laps. */
double bench_spent(uint64_t start_ticks);

/* Laps. */

/* The least ticks that each lap of a piece of work took, over all rounds. */
struct bench_laps {
	uint32_t *least;
	size_t size;	/* laps that there is room for */
	size_t count;	/* laps in a round */
	size_t at;	/* the next lap */
	uint64_t start; /* ticks */
};

void bench_laps_init(struct bench_laps *laps, size_t size);
void bench_laps_fini(struct bench_laps *laps);

/* Start a round: the next lap is the first one again. */
void bench_laps_round(struct bench_laps *laps);

static inline void bench_lap_start(struct bench_laps *laps)
{
	laps->start = bench_ticks();
}

/* No more laps than bench_laps_init() was told. */
static inline void bench_lap_end(struct bench_laps *laps)
{
	uint64_t ticks = bench_ticks() - laps->start;
	uint32_t *least = &laps->least[laps->at++];

	if (ticks < *least)
		*least = (uint32_t)ticks;
}

/*
 * The results: sum, percentile (0.5 is the median, 1 the worst) and one lap,
 * in nanoseconds, or in instructions when counting. What reading the clock
 * costs is measured once and taken off.
 */
double bench_laps_sum(const struct bench_laps *laps);
double bench_laps_percentile(const struct bench_laps *laps, double part);
double bench_laps_one(const struct bench_laps *laps, size_t at);

/*
 * Let @count contenders take turns for @rounds rounds: calls @run with each
 * number below @count, once a round, first each in turn. When counting, one
 * round is enough and is all there is.
 */
void bench_rounds(unsigned rounds, size_t count,
	void (*run)(void *ctx, size_t contender), void *ctx);

/* Results: a row for each workload and contender, of any number of figures. */

void bench_row(const char *workload, const char *contender);

/* Add a figure. Units: "ns", "instr", "bytes", or "" for a plain number. */
void bench_put(const char *metric, double value, const char *unit);

/* "mean" of @calls calls in all the laps; when counting, "mean-instr". */
void bench_put_mean(const struct bench_laps *laps, uint64_t calls);

/* "p50", "p99.9" and "worst" of laps of one call each; when counting,
   "p50-instr" and so on. */
void bench_put_calls(const struct bench_laps *laps);

/* Print the row. */
void bench_row_end(void);

/*
 * Run this program once more under the counting emulator, with the workloads
 * whose names contain @filter, and take its rows as if they were measured
 * here. Nothing happens where they are not asked for (-R), and when counting
 * already. Noise does not matter to counts: on several processors, as many
 * such runs share the work. A program says which part is whose: number @i of
 * some thing is counted only where bench_is_mine(i).
 */
void bench_adopt_counts(const char *filter);

static inline bool bench_is_mine(size_t i)
{
	return i % bench_options.parts == bench_options.part;
}

/*
 * Goals: a figure, or a ratio of two, and the limit that was promised. They are
 * printed by bench_close(). A goal whose figures were not measured is left out
 * of a run that is not whole, and counted; in a whole run it is a failure.
 */

struct bench_ref {
	const char *workload;
	const char *contender;
	const char *metric;
};

/* Met if @figure is at most @most. @name: short and stable, without spaces. */
void bench_goal(const char *name, struct bench_ref figure, double most);

/* Met if @figure is at least @least. */
void bench_goal_least(const char *name, struct bench_ref figure, double least);

/* Met if @figure over @base is at most @factor times @expected, and at least
   @expected over @factor. The goal is by how much it is off: 1 or more. */
void bench_goal_near(const char *name, struct bench_ref figure,
	struct bench_ref base, double expected, double factor);

/* Met if @figure is at most @most times @base. */
void bench_goal_ratio(const char *name, struct bench_ref figure,
	struct bench_ref base, double most);

/* For a figure that is made of several: look them up, then bench_put() the
   result as a row of its own. False: not measured, the run is not whole. */
bool bench_get(struct bench_ref ref, double *value_out);

#endif /* BENCH_H */
