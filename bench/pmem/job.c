/* SPDX-License-Identifier: MIT */
/* Memory and threads for the contenders. */
#include "job.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

/* The largest need: the buddy's 12 bytes a frame for 64 GiB, and 1 TiB of
 * metadata of ours. */
#define POOL ((size_t)224 << 20)

static unsigned char *pool;
static size_t pool_used;
static unsigned char *span;
static size_t span_size;

void job_memory_reset(void)
{
	if (pool == NULL)
		pool = bench_memory(POOL);
	memset(pool, 0, pool_used);
	pool_used = 0;
}

void *job_memory(size_t size)
{
	unsigned char *memory = pool + pool_used;

	size = (size + 4095) & ~(size_t)4095;
	BENCH_MUST(size <= POOL - pool_used);
	pool_used += size;
	return memory;
}

void *job_frames(size_t size)
{
	if (span == NULL) {
		span = bench_memory(size);
		span_size = size;
	}
	BENCH_MUST(size <= span_size);
	return span;
}

static pthread_barrier_t meeting;

struct start {
	void (*run)(void *ctx, unsigned cpu);
	void *ctx;
};

struct thread {
	pthread_t id;
	struct start *start;
	unsigned cpu;
};

void job_meet(void)
{
	pthread_barrier_wait(&meeting);
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;
	cpu_set_t set;

	/* Advice: on a machine with one core they take turns. */
	CPU_ZERO(&set);
	CPU_SET(thread->cpu, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	job_meet();
	thread->start->run(thread->start->ctx, thread->cpu);
	return NULL;
}

void job_threads(
	unsigned threads, void (*run)(void *ctx, unsigned cpu), void *ctx)
{
	struct start start = {.run = run, .ctx = ctx};
	struct thread thread[CPUS];

	BENCH_MUST(threads <= CPUS);
	BENCH_MUST(pthread_barrier_init(&meeting, NULL, threads) == 0);
	for (unsigned c = 0; c < threads; c++) {
		thread[c] = (struct thread){.start = &start, .cpu = c};
		BENCH_MUST(pthread_create(&thread[c].id, NULL, thread_main,
				   &thread[c]) == 0);
	}
	for (unsigned c = 0; c < threads; c++)
		BENCH_MUST(pthread_join(thread[c].id, NULL) == 0);
	pthread_barrier_destroy(&meeting);
}
