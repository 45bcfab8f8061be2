/* SPDX-License-Identifier: MIT */
/*
 * What a contender is asked to do. The work is prepared once, from the seed,
 * and is the same for every contender and in every round.
 */
#ifndef BENCH_PMEM_JOB_H
#define BENCH_PMEM_JOB_H

#include "support/bench.h"

#define CPUS 2
#define NONE UINT32_MAX
#define LAP  128 /* calls, for means */

/* A get into a slot, or a put of what the slot holds. */
struct op {
	uint32_t slot;
	uint8_t order;
	uint8_t get;
};

struct job {
	uint32_t frames; /* of the span */
	unsigned order;	 /* of all calls, but for mixed ones */
	uint32_t fill;	 /* runs in use, before the clock starts */
	uint32_t calls;	 /* in all; a multiple of LAP */
	uint32_t lap;	 /* calls between two looks at the clock; 1 or even */
	const uint32_t *victims; /* below fill; calls / 2, then as many more for
				    warming up */
	const struct op *ops;	 /* mixed orders: ops_fill, then calls */
	uint32_t ops_fill;
	uint32_t *live; /* what is in use, by slot */
	struct bench_laps *laps;
	/* Threads: how long each took, in ns. Not by laps: the least of each
	 * would be those in which the other one was not running. */
	uint64_t *cpu_ns;
	uint32_t *cpu_live[CPUS];
};

/* How much of memory comes back in whole blocks of 2 MiB. */
struct blocks {
	uint32_t free;	/* frames */
	uint32_t whole; /* blocks that an allocation of order 9 could get */
};

struct contender {
	const char *name;
	bool runs; /* has orders above 0 */
	/* One after the other, one round each; see contender.inc. */
	void (*pair)(const struct job *job);
	void (*bulk_get)(const struct job *job);
	void (*bulk_put)(const struct job *job);
	void (*churn)(const struct job *job);
	void (*mixed)(const struct job *job);
	/* On one or two threads. */
	void (*own)(const struct job *job, unsigned threads);
	void (*remote)(const struct job *job, bool both);
	/* Fill, free some, churn; then count the blocks. */
	struct blocks (*scatter)(const struct job *job);
	struct blocks (*bursts)(const struct job *job);
};

extern const struct contender stack_contender, stack_locked_contender,
	list_contender, bitmap_contender, buddy_contender,
	buddy_pinned_contender, vmm_lifo_contender, vmm_pinned_contender,
	vmm_bare_contender, vmm_split_contender, vmm_zone_contender,
	vmm_home_contender, vmm_hook_contender, stack_hook_contender;

/* Memory for one contender at a time, of what was asked for in this round. */
void job_memory_reset(void);
void *job_memory(size_t size);
void *job_frames(size_t size); /* the span itself, for who stores in it */

/* Two threads, or one, each on a core of its own, that start together. */
void job_threads(
	unsigned threads, void (*run)(void *ctx, unsigned cpu), void *ctx);

/* The threads wait here for each other. */
void job_meet(void);

/* init.c */
void bench_init(void);
void bench_init_goals(void);

#endif /* BENCH_PMEM_JOB_H */
