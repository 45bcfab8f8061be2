/* SPDX-License-Identifier: MIT */
/* The benchmark of physical frames: the workloads and the goals. */
#include "job.h"

#include <math.h>
#include <stdio.h>

#define MIB(n)	 ((uint32_t)(n) << 8)  /* in frames */
#define GIB(n)	 ((uint32_t)(n) << 18) /* in frames */
#define ORDERS	 11		       /* mixed: 0 to 10 */
#define SEED_OPS 77

static const struct contender *const all[] = {
	&vmm_lifo_contender,
	&vmm_pinned_contender,
	&vmm_bare_contender,
	&vmm_hook_contender,
	&vmm_split_contender,
	&vmm_zone_contender,
	&stack_contender,
	&stack_locked_contender,
	&stack_hook_contender,
	&list_contender,
	&bitmap_contender,
	&buddy_contender,
	&buddy_pinned_contender,
};
#define ALL (sizeof(all) / sizeof(all[0]))

/* For what the threads share; the others have no lock, or no orders. */
static const struct contender *const shared[] = {
	&vmm_lifo_contender,
	&vmm_split_contender,
	&vmm_home_contender,
	&vmm_zone_contender,
	&stack_locked_contender,
	&list_contender,
	&bitmap_contender,
	&buddy_contender,
};
#define SHARED (sizeof(shared) / sizeof(shared[0]))

static struct bench_laps laps[ALL];

#define THREAD_ROUNDS 15
static double thread_ns[SHARED]; /* the least */

static unsigned rounds(void)
{
	return bench_options.quick ? 2 : 7;
}

/* Less of everything, in a short run and in a slow machine's emulation. */
static uint32_t shorter(uint32_t n)
{
	return bench_options.quick || bench_options.counting ? n / 16 : n;
}

/* What a workload needs, on huge pages like all memory here. */
static void *array(size_t count, size_t size)
{
	return bench_memory(count * size);
}

/* @count numbers below @limit; or a random order of 0 to count - 1. */
static uint32_t *victims(uint32_t count, uint32_t limit, bool shuffle)
{
	struct bench_rng rng = {bench_options.seed};
	uint32_t *v = array(count, sizeof(*v));

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t j =
			(uint32_t)bench_below(&rng, shuffle ? i + 1 : limit);

		v[i] = j;
		if (shuffle) {
			v[i] = v[j];
			v[j] = i;
		}
	}
	return v;
}

/* Which of a contender's workloads. */
enum work { PAIR, BULK_GET, BULK_PUT, CHURN, MIXED };

static void do_work(
	const struct contender *c, enum work work, const struct job *job)
{
	switch (work) {
	case PAIR:
		c->pair(job);
		break;
	case BULK_GET:
		c->bulk_get(job);
		break;
	case BULK_PUT:
		c->bulk_put(job);
		break;
	case CHURN:
		c->churn(job);
		break;
	case MIXED:
		c->mixed(job);
		break;
	}
}

struct turn {
	enum work work;
	struct job *job;
	const struct contender *of[ALL];
};

static void run_turn(void *ctx, size_t contender)
{
	struct turn *turn = ctx;

	turn->job->laps = &laps[contender];
	do_work(turn->of[contender], turn->work, turn->job);
}

/* Means of laps, or single calls; of those who can do it. */
static void measure(const char *workload, enum work work, struct job *job)
{
	struct turn turn = {.work = work, .job = job};
	size_t count = 0;
	const bool runs = job->order > 0 || work == MIXED;

	for (size_t i = 0; i < ALL; i++) {
		if (runs && !all[i]->runs)
			continue;
		/* Its map would be a third of this machine's caches' worth
		 * for each gigabyte: it has no levels to skip it by. */
		if (all[i] == &list_contender && job->frames > GIB(1))
			continue;
		bench_laps_init(&laps[count], job->calls / job->lap * 2);
		turn.of[count++] = all[i];
	}
	bench_rounds(rounds(), count, run_turn, &turn);
	for (size_t i = 0; i < count; i++) {
		bench_row(workload, turn.of[i]->name);
		if (job->lap == 1)
			bench_put_calls(&laps[i]);
		else
			bench_put_mean(&laps[i], job->calls);
		bench_row_end();
		bench_laps_fini(&laps[i]);
	}
}

/* Means, and then each call alone. */
static void both(const char *workload, const char *calls, enum work work,
	struct job *job)
{
	if (bench_wants(workload))
		measure(workload, work, job);
	if (bench_wants(calls)) {
		job->lap = 1;
		measure(calls, work, job);
		job->lap = LAP;
	}
}

static void single_frames(void)
{
	const uint32_t frames = shorter(GIB(1));
	uint32_t *live = array(frames, sizeof(*live));
	struct job job = {.frames = frames, .live = live, .lap = LAP};
	uint32_t *v;

	if (bench_wants("pair")) {
		job.calls = shorter(1u << 17);
		job.fill = 1;
		measure("pair", PAIR, &job);
	}
	job.calls = frames - frames / 64;
	job.fill = 0;
	both("bulk-get", "bulk-get-calls", BULK_GET, &job);
	job.fill = frames;
	job.calls = frames;
	if (bench_wants("bulk-put")) {
		v = array(frames, sizeof(*v));
		for (uint32_t i = 0; i < frames; i++)
			v[i] = i;
		job.victims = v;
		measure("bulk-put", BULK_PUT, &job);
	}
	v = victims(frames, 0, true);
	job.victims = v;
	both("bulk-put-random", "bulk-put-random-calls", BULK_PUT, &job);
}

static void churn(const char *workload, const char *calls, uint32_t frames,
	unsigned order, unsigned percent)
{
	struct job job = {.frames = frames, .order = order, .lap = LAP};
	uint32_t *live;
	uint32_t *v;

	job.fill = (uint32_t)((uint64_t)(frames >> order) * percent / 100);
	job.calls = shorter(1u << 18);
	live = array(job.fill, sizeof(*live));
	v = victims(job.calls, job.fill, false);
	job.live = live;
	job.victims = v;
	if (bench_wants(workload))
		measure(workload, CHURN, &job);
	if (bench_wants(calls)) {
		job.lap = 1;
		job.calls = shorter(1u << 16);
		measure(calls, CHURN, &job);
	}
}

/*
 * Gets and puts of random orders, with memory about half full. What a get
 * cannot have is left out, and its put with it.
 */
static void mixed(const char *workload, const char *calls, bool small)
{
	const uint32_t frames = GIB(1);
	const uint32_t fill = 1u << 15;
	struct job job = {.frames = frames, .lap = LAP};
	struct bench_rng rng = {bench_options.seed + SEED_OPS};
	uint32_t *slots;
	uint8_t *orders;
	struct op *ops;
	uint32_t count = 0;
	uint32_t used = 0;

	job.calls = shorter(1u << 18);
	job.ops_fill = small ? 1u << 19 : fill;
	slots = array(job.ops_fill + job.calls, sizeof(*slots));
	orders = array(job.ops_fill + job.calls, 1);
	ops = array(job.ops_fill + job.calls, sizeof(*ops));
	for (uint32_t i = 0; i < job.ops_fill + job.calls; i++)
		slots[i] = i;
	for (uint32_t i = 0; i < job.ops_fill + job.calls; i++) {
		struct op *op = &ops[i];
		uint32_t at = count;

		op->get = used + (used >> 6) < frames / 2
				  ? bench_below(&rng, 8) != 0
				  : bench_below(&rng, 8) == 0;
		if (count == 0)
			op->get = 1;
		if (op->get != 0) {
			op->order = (uint8_t)bench_below(&rng, ORDERS);
			/* Half of them single frames, a quarter pairs, ... */
			while (small && op->order > 0 &&
				bench_below(&rng, 1u << op->order) != 0)
				op->order = (uint8_t)bench_below(&rng, ORDERS);
			op->slot = slots[count];
			orders[op->slot] = op->order;
			count++;
			used += 1u << op->order;
			continue;
		}
		at = (uint32_t)bench_below(&rng, count);
		op->slot = slots[at];
		op->order = orders[op->slot];
		used -= 1u << op->order;
		slots[at] = slots[--count];
		slots[count] = op->slot;
	}
	job.ops = ops;
	job.live = array(job.ops_fill + job.calls, sizeof(uint32_t));
	if (bench_wants(workload))
		measure(workload, MIXED, &job);
	if (bench_wants(calls)) {
		job.lap = 1;
		job.calls = shorter(1u << 16);
		measure(calls, MIXED, &job);
	}
}

enum threads { OWN_1, OWN_2, REMOTE, CROSS };

struct thread_turn {
	enum threads what;
	struct job *job;
};

/* The longer of the two is how long it took. */
static void run_threads(void *ctx, size_t contender)
{
	struct thread_turn *turn = ctx;
	const struct contender *c = shared[contender];
	uint64_t ns[CPUS] = {0};
	double longer;

	turn->job->cpu_ns = ns;
	switch (turn->what) {
	case OWN_1:
	case OWN_2:
		c->own(turn->job, turn->what == OWN_1 ? 1 : 2);
		break;
	case REMOTE:
	case CROSS:
		c->remote(turn->job, turn->what == CROSS);
		break;
	}
	longer = (double)(ns[0] > ns[1] ? ns[0] : ns[1]);
	if (longer < thread_ns[contender])
		thread_ns[contender] = longer;
}

/*
 * A call's mean on its thread, in the least round. The threads start together
 * and the longer one counts, so a round in which one of them had to stand aside
 * is not the least.
 */
static void measure_threads(
	const char *workload, enum threads what, struct job *job)
{
	const unsigned count = bench_options.quick ? 3 : THREAD_ROUNDS;
	struct thread_turn turn = {.what = what, .job = job};
	/* One way, a thread makes half of the calls. */
	const double calls = job->calls / (what == REMOTE ? 2.0 : 1.0);

	for (size_t i = 0; i < SHARED; i++)
		thread_ns[i] = HUGE_VAL;
	bench_rounds(count, SHARED, run_threads, &turn);
	for (size_t i = 0; i < SHARED; i++) {
		bench_row(workload, shared[i]->name);
		bench_put("mean", thread_ns[i] / calls, "ns");
		bench_row_end();
	}
}

static void two_threads(void)
{
	static const struct {
		const char *workload;
		enum threads what;
	} list[] = {{"own-1-thread", OWN_1}, {"own-2-threads", OWN_2},
		{"remote-free", REMOTE}, {"cross-free", CROSS}};
	struct job job = {.frames = shorter(GIB(1)), .lap = LAP};
	uint32_t *v;

	if (bench_options.counting)
		return;
	job.fill = job.frames / 8;
	job.calls = shorter(1u << 18);
	v = victims(job.calls, job.fill, false);
	job.victims = v;
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		job.cpu_live[cpu] = array(job.fill, sizeof(uint32_t));
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (bench_wants(list[i].workload))
			measure_threads(list[i].workload, list[i].what, &job);
	}
}

static void put_blocks(
	const char *workload, const char *name, struct blocks blocks)
{
	const uint32_t ideal = blocks.free / 512;

	bench_row(workload, name);
	bench_put("whole", blocks.whole, "");
	bench_put("ideal", ideal, "");
	bench_put("part", (double)blocks.whole / ideal, "");
	bench_row_end();
}

/* Whole blocks of 2 MiB: what is to be had of what there could be. */
static void fragmentation(void)
{
	static const struct contender *const who[] = {&vmm_split_contender,
		&vmm_lifo_contender, &vmm_zone_contender, &bitmap_contender,
		&buddy_contender};
	struct job job = {.frames = shorter(GIB(4)), .lap = LAP};
	struct bench_laps none;

	if (bench_options.counting)
		return;
	bench_laps_init(&none, 2);
	job.laps = &none;
	job.fill = job.frames;
	/* Each frame in use changes some sixteen times. */
	job.calls = 16 * job.frames;
	job.live = array(job.frames, sizeof(uint32_t));
	job.victims = victims(job.calls, UINT32_MAX, false);
	if (bench_wants("scatter")) {
		for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++)
			put_blocks(
				"scatter", who[i]->name, who[i]->scatter(&job));
	}
	job.calls = 20000;
	if (bench_wants("bursts")) {
		for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++)
			put_blocks(
				"bursts", who[i]->name, who[i]->bursts(&job));
	}
	bench_laps_fini(&none);
}

static struct bench_ref mean(const char *workload, const char *contender)
{
	return (struct bench_ref){workload, contender, "mean"};
}

/*
 * Like with like. With an exchange for each call: the try-lock beside the floor
 * with a lock; this is what is promised. Without, for who is alone with his CPU:
 * as a kernel calls both, through the hook for pages; and inlined, where the floor
 * is two instructions that the processor hides nearly entirely.
 */
static void floor_goals(const char *workload, double most)
{
	static const struct {
		const char *name;
		const char *ours;
		const char *floor;
	} kinds[] = {{"", "vmm/lifo", "stack/locked"},
		{"-unlocked-by-hook", "vmm/hook", "stack/hook"},
		{"-unlocked", "vmm/pinned", "stack"}};
	static char names[16][48];
	static unsigned used;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char *name = names[used++];

		snprintf(name, 48, "%s%s/floor", workload, kinds[i].name);
		bench_goal_ratio(name, mean(workload, kinds[i].ours),
			mean(workload, kinds[i].floor), most);
	}
}

static void buddy_goals(void)
{
	static const char *const workloads[] = {"pair", "bulk-get", "bulk-put",
		"bulk-put-random", "churn-50", "churn-90", "2M-churn",
		"1G-churn", "own-1-thread", "own-2-threads", "remote-free",
		"cross-free"};
	static char names[16][48];

	bench_goal_ratio("mixed/buddy", mean("mixed", "vmm/lifo"),
		mean("mixed", "buddy"), 1.2);
	bench_goal_ratio("mixed-small/buddy", mean("mixed-small", "vmm/lifo"),
		mean("mixed-small", "buddy"), 1.2);
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
		snprintf(names[i], 48, "%s/buddy", workloads[i]);
		bench_goal_ratio(names[i], mean(workloads[i], "vmm/lifo"),
			mean(workloads[i], "buddy"), 1.0);
	}
}

static void latency_goals(void)
{
	static const char *const workloads[] = {"bulk-get-calls",
		"bulk-put-random-calls", "churn-50-calls", "churn-90-calls",
		"mixed-calls", "mixed-small-calls", "2M-churn-calls",
		"1G-churn-calls"};
	static const char *const contenders[] = {
		"vmm/lifo", "vmm/split", "vmm/zone"};
	static char names[24][48];
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
		for (size_t c = 0; c < 3; c++) {
			snprintf(names[n], 48, "p99.9-%s-%s", workloads[i],
				contenders[c] + 4);
			bench_goal(names[n++],
				(struct bench_ref){
					workloads[i], contenders[c], "p99.9"},
				2000);
		}
	}
}

static void goals(void)
{
	floor_goals("pair", 1.3);
	floor_goals("bulk-get", 2);
	floor_goals("churn-50", 1.3);
	floor_goals("churn-90", 1.3);
	buddy_goals();
	bench_goal_ratio("two-homes/one", mean("own-2-threads", "vmm/home"),
		mean("own-1-thread", "vmm/home"), 1.2);
	latency_goals();
	bench_goal_least("scatter-split-2M",
		(struct bench_ref){"scatter", "vmm/split", "part"}, 0.98);
	bench_goal_least("bursts-lifo-2M",
		(struct bench_ref){"bursts", "vmm/lifo", "part"}, 0.85);
	bench_init_goals();
}

int main(int argc, char **argv)
{
	bench_open(argc, argv, "pmem");
	single_frames();
	churn("churn-50", "churn-50-calls", shorter(GIB(1)), 0, 50);
	churn("churn-90", "churn-90-calls", shorter(GIB(1)), 0, 90);
	mixed("mixed", "mixed-calls", false);
	mixed("mixed-small", "mixed-small-calls", true);
	churn("2M-churn", "2M-churn-calls", GIB(64), 9, 50);
	churn("1G-churn", "1G-churn-calls", GIB(64), 18, 50);
	two_threads();
	fragmentation();
	bench_init();
	goals();
	return bench_close();
}
