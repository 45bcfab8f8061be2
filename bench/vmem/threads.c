/* SPDX-License-Identifier: MIT */
/*
 * Two threads on one arena, which has a lock: the library with a cache for each,
 * and contenders that take the lock in every call.
 *
 *	threads-own   each thread frees and allocates regions of its own, of 1 to
 *	              64 pages, 1000 of them live
 *	threads-hand  one thread allocates, the other frees what it is handed
 *
 * The mean is the time of a thread's call while the other one works as well;
 * "alone" is the same with one thread. There are no laps: two threads are not
 * in step, so a round is timed as a whole, and the best of many counts.
 */
#include "vmem/workloads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS	    2u
#define LIVE	    1000u
#define STEPS	    8000u /* of a thread in a round */
#define SIZES	    4096u
#define SIZE_MAX_PP 64
#define RING	    256u
#define LINE	    64

/* A lock as kernels have it: spinning, and first come, first served. An unfair
   one would let one thread do all its work while the other waits. */
struct spin {
	_Alignas(LINE) atomic_uint next;
	_Alignas(LINE) atomic_uint serving;
};

static void spin_acquire(void *ctx)
{
	struct spin *spin = ctx;
	unsigned mine =
		atomic_fetch_add_explicit(&spin->next, 1, memory_order_relaxed);

	while (atomic_load_explicit(&spin->serving, memory_order_acquire) !=
		mine)
		;
}

static void spin_release(void *ctx)
{
	struct spin *spin = ctx;
	unsigned mine =
		atomic_load_explicit(&spin->serving, memory_order_relaxed);

	atomic_store_explicit(&spin->serving, mine + 1, memory_order_release);
}

/* From one thread to the other: the writer owns head, the reader tail. */
struct ring {
	_Alignas(LINE) atomic_uint head;
	_Alignas(LINE) atomic_uint tail;
	_Alignas(LINE) uint64_t token[RING];
	uint64_t size[RING];
};

struct rig;

struct worker {
	struct rig *rig;
	unsigned number;
	pthread_t thread;
	uint64_t token[LIVE];
	uint64_t size[LIVE];
};

struct rig {
	const struct vmem_peer *locked;		/* or NULL, */
	const struct vmem_threads_peer *cached; /* and this one */
	void *arena;
	size_t arena_size;
	struct spin lock;
	struct ring ring;
	atomic_uint arrived; /* at the start of a round */
	unsigned threads;
	uint64_t sizes[SIZES];
	uint32_t slots[SIZES];
	struct worker workers[THREADS];
};

static uint64_t rig_alloc(struct rig *rig, unsigned cpu, uint64_t size)
{
	uint64_t token;

	if (rig->cached != NULL)
		return rig->cached->alloc(rig->arena, cpu, size);
	spin_acquire(&rig->lock);
	token = rig->locked->alloc(rig->arena, size);
	spin_release(&rig->lock);
	return token;
}

static int rig_free(
	struct rig *rig, unsigned cpu, uint64_t token, uint64_t size)
{
	int err;

	if (rig->cached != NULL)
		return rig->cached->free(rig->arena, cpu, token, size);
	spin_acquire(&rig->lock);
	err = rig->locked->free(rig->arena, token, size);
	spin_release(&rig->lock);
	return err;
}

static int work_own(struct worker *me)
{
	struct rig *rig = me->rig;
	int bad = 0;

	for (size_t i = 0; i < STEPS; i++) {
		size_t at = (i + me->number * (SIZES / 2)) % SIZES;
		uint32_t slot = rig->slots[at];

		bad |= rig_free(
			rig, me->number, me->token[slot], me->size[slot]);
		me->size[slot] = rig->sizes[at];
		me->token[slot] = rig_alloc(rig, me->number, me->size[slot]);
		bad |= me->token[slot] == 0;
	}
	return bad;
}

/* Alone, a thread does both sides' work in turn. */
static int hand_over(struct worker *me, size_t i)
{
	struct rig *rig = me->rig;
	struct ring *ring = &rig->ring;
	unsigned head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t size = rig->sizes[i % SIZES];
	uint64_t token = rig_alloc(rig, me->number, size);

	while (head - atomic_load_explicit(&ring->tail, memory_order_acquire) ==
		RING)
		;
	ring->token[head % RING] = token;
	ring->size[head % RING] = size;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return token == 0;
}

static int take_over(struct worker *me)
{
	struct rig *rig = me->rig;
	struct ring *ring = &rig->ring;
	unsigned tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	int bad;

	while (atomic_load_explicit(&ring->head, memory_order_acquire) == tail)
		;
	bad = rig_free(rig, me->number, ring->token[tail % RING],
		ring->size[tail % RING]);
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return bad;
}

static int work_hand(struct worker *me)
{
	int bad = 0;

	for (size_t i = 0; i < 2 * STEPS; i++) {
		if (me->rig->threads == 1) {
			bad |= i % 2 == 0 ? hand_over(me, i / 2)
					  : take_over(me);
			continue;
		}
		bad |= me->number == 0 ? hand_over(me, i) : take_over(me);
	}
	return bad;
}

/* One thread's part of a round. */
struct round {
	struct worker *worker;
	int (*work)(struct worker *me);
	uint64_t start; /* ns */
	uint64_t end;
	int bad;
};

/* A barrier that spins: one that sleeps lets a thread run ahead while the other
   is woken. */
static void meet(struct rig *rig, unsigned count)
{
	atomic_fetch_add(&rig->arrived, 1);
	while (atomic_load(&rig->arrived) < count)
		;
}

static void *run_round(void *ctx)
{
	struct round *round = ctx;
	struct rig *rig = round->worker->rig;

	meet(rig, rig->threads);
	round->start = bench_ns();
	round->bad = round->work(round->worker);
	round->end = bench_ns();
	return NULL;
}

/* Nanoseconds of a call of each thread, from the first one's start to the last
   one's end. */
static double one_round(
	struct rig *rig, unsigned threads, int (*work)(struct worker *me))
{
	struct round rounds[THREADS];
	uint64_t start = UINT64_MAX;
	uint64_t end = 0;

	rig->threads = threads;
	atomic_store(&rig->arrived, 0);
	for (unsigned i = 0; i < threads; i++)
		rounds[i] = (struct round){&rig->workers[i], work, 0, 0, 0};
	for (unsigned i = 1; i < threads; i++)
		BENCH_MUST(pthread_create(&rig->workers[i].thread, NULL,
				   run_round, &rounds[i]) == 0);
	run_round(&rounds[0]);
	for (unsigned i = 1; i < threads; i++)
		BENCH_MUST(pthread_join(rig->workers[i].thread, NULL) == 0);
	for (unsigned i = 0; i < threads; i++) {
		BENCH_MUST(rounds[i].bad == 0);
		start = rounds[i].start < start ? rounds[i].start : start;
		end = rounds[i].end > end ? rounds[i].end : end;
	}
	return (double)(end - start) / (2 * STEPS);
}

static void rig_open(struct rig *rig)
{
	const size_t regions = THREADS * LIVE + RING + 4 * SIZES;
	struct bench_rng rng = {bench_options.seed};

	rig->arena_size = rig->cached != NULL ? rig->cached->memory(regions)
					      : rig->locked->memory(regions);
	rig->arena = bench_memory(rig->arena_size);
	if (rig->cached != NULL)
		rig->cached->open(rig->arena, rig->arena_size, &rig->lock,
			spin_acquire, spin_release);
	else
		rig->locked->open(rig->arena, rig->arena_size);
	for (size_t i = 0; i < SIZES; i++) {
		rig->sizes[i] = bench_log_uniform(&rng, SIZE_MAX_PP)
				<< PAGE_SHIFT;
		rig->slots[i] = (uint32_t)bench_below(&rng, LIVE);
	}
	for (unsigned t = 0; t < THREADS; t++) {
		struct worker *worker = &rig->workers[t];

		worker->rig = rig;
		worker->number = t;
		for (size_t i = 0; i < LIVE; i++) {
			worker->size[i] = rig->sizes[i];
			worker->token[i] = rig_alloc(rig, t, rig->sizes[i]);
		}
	}
}

static void run(const char *name, int (*work)(struct worker *me))
{
	static const struct {
		const struct vmem_peer *locked;
		const struct vmem_threads_peer *cached;
		const char *name;
	} peers[] = {
		{&vmem_tlsf, NULL, "tlsf/handle+lock"},
		{&vmem_plain, NULL, "plain/address+lock"},
		{&vmem_nocache_handle, NULL, "nocache/handle+lock"},
		{NULL, &vmem_threads_handle, "ours/handle"},
		{NULL, &vmem_threads_sized, "ours/sized"},
	};
	enum { PEERS = sizeof(peers) / sizeof(peers[0]) };
	unsigned rounds = bench_options.quick ? 5 : 40;
	struct rig *rigs;
	double least[PEERS][2];

	if (bench_options.counting || !bench_wants(name))
		return;
	rigs = aligned_alloc(LINE, PEERS * sizeof(*rigs));
	BENCH_MUST(rigs != NULL);
	for (size_t p = 0; p < PEERS; p++) {
		rigs[p] = (struct rig){
			.locked = peers[p].locked, .cached = peers[p].cached};
		rig_open(&rigs[p]);
		least[p][0] = least[p][1] = 1e9;
	}
	for (unsigned r = 0; r < rounds * PEERS * 2; r++) {
		size_t p = r / 2 % PEERS;
		double ns = one_round(&rigs[p], r % 2 + 1, work);

		if (ns < least[p][r % 2])
			least[p][r % 2] = ns;
	}
	for (size_t p = 0; p < PEERS; p++) {
		bench_row(name, peers[p].name);
		bench_put("alone", least[p][0], "ns");
		bench_put("mean", least[p][1], "ns");
		bench_row_end();
		bench_memory_free(rigs[p].arena, rigs[p].arena_size);
	}
	free(rigs);
}

void vmem_threads(void)
{
	run("threads-own", work_own);
	run("threads-hand", work_hand);
}
