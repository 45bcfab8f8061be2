/* SPDX-License-Identifier: MIT */
/*
 * The benchmark of page tables, in Sv39: the library beside a walk from the
 * root for every page and beside a walker with a callback for every entry.
 *
 * Figures are per page, that is per leaf of the size that the workload is
 * about, and per call for single pages. All contenders see the same addresses
 * in the same order, and leave the same mappings; the library, besides,
 * refuses before it changes anything, writes down what is to be fenced, and
 * gives its tables back when it unmaps.
 */
#include "pt/contender.h"
#include "support/bench.h"

#include <stdio.h>

#define TABLES	  4096
#define ROUNDS	  9
#define LAP	  256
#define BASE	  VMM_GIB(4)			/* where ranges are mapped */
#define FRAMES	  (VMM_GIB(64) + VMM_PAGE_SIZE) /* out of step with BASE */
#define RANDOM	  32768
#define COLD	  1024
#define COLD_LAP  64
#define FORK_SIZE VMM_MIB(64)

static const struct contender *const contenders[] = {
	&bench_ours, &bench_naive, &bench_visitor};
#define CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

static struct table_memory memory;
static struct space spaces[2];
static struct bench_laps laps[CONTENDERS];
static uint64_t order[RANDOM]; /* addresses, each once */
static uint64_t frame[RANDOM];
static uint64_t cold[COLD]; /* addresses, 66 MiB apart */
static uint64_t range_size;

struct work {
	const char *name;
	void (*run)(const struct contender *who, struct bench_laps *laps);
	uint64_t pages; /* that all laps of a round amount to */
	size_t laps;
};

static void open_space(const struct contender *who, int i)
{
	who->open(&spaces[i]);
}

static void close_space(const struct contender *who, int i)
{
	who->close(&spaces[i]);
}

static void check(const struct contender *who, int err)
{
	if (err != 0)
		bench_fail("%s failed with %d", who->name, err);
}

/* One call for the whole range: @lap is what is timed. */
enum part { MAP, PROTECT, UNMAP };

static void run_range(const struct contender *who, struct bench_laps *lap,
	enum part timed, unsigned shift)
{
	uint64_t pa = shift == 12 ? FRAMES : VMM_GIB(64);

	open_space(who, 0);
	for (int part = MAP; part <= UNMAP; part++) {
		int err;

		if ((enum part)part == timed)
			bench_lap_start(lap);
		if (part == MAP)
			err = who->map(&spaces[0], BASE, pa, range_size, shift);
		else if (part == PROTECT)
			err = who->protect(&spaces[0], BASE, range_size, shift);
		else
			err = who->unmap(&spaces[0], BASE, range_size, shift);
		if ((enum part)part == timed)
			bench_lap_end(lap);
		check(who, err);
	}
	close_space(who, 0);
}

static void map_4k(const struct contender *who, struct bench_laps *lap)
{
	run_range(who, lap, MAP, 12);
}

static void protect_4k(const struct contender *who, struct bench_laps *lap)
{
	run_range(who, lap, PROTECT, 12);
}

static void unmap_4k(const struct contender *who, struct bench_laps *lap)
{
	run_range(who, lap, UNMAP, 12);
}

static void map_2m(const struct contender *who, struct bench_laps *lap)
{
	run_range(who, lap, MAP, 21);
}

static void unmap_2m(const struct contender *who, struct bench_laps *lap)
{
	run_range(who, lap, UNMAP, 21);
}

/* Fill a space so that every table under the range exists, and no page does. */
static void open_warm(const struct contender *who)
{
	open_space(who, 0);
	for (uint64_t at = 0; at < VMM_GIB(1); at += VMM_MIB(2)) {
		check(who, who->map(&spaces[0], BASE + at, FRAMES, 4096, 12));
		check(who, who->unmap(&spaces[0], BASE + at, 4096, 12));
	}
}

static void one_map(const struct contender *who, struct bench_laps *lap)
{
	open_warm(who);
	for (size_t i = 0; i < RANDOM;) {
		int err = 0;

		bench_lap_start(lap);
		for (size_t end = i + LAP; i < end; i++)
			err |= who->map(
				&spaces[0], order[i], frame[i], 4096, 12);
		bench_lap_end(lap);
		check(who, err);
	}
	close_space(who, 0);
}

static void one_unmap(const struct contender *who, struct bench_laps *lap)
{
	open_warm(who);
	for (size_t i = 0; i < RANDOM; i++)
		check(who, who->map(&spaces[0], order[i], frame[i], 4096, 12));
	for (size_t i = 0; i < RANDOM;) {
		int err = 0;

		bench_lap_start(lap);
		for (size_t end = i + LAP; i < end; i++)
			err |= who->unmap(&spaces[0], order[i], 4096, 12);
		bench_lap_end(lap);
		check(who, err);
	}
	close_space(who, 0);
}

/* Each page in a table of its own, which is not there yet. */
static void one_cold(const struct contender *who, struct bench_laps *lap)
{
	open_space(who, 0);
	for (size_t i = 0; i < COLD;) {
		int err = 0;

		bench_lap_start(lap);
		for (size_t end = i + COLD_LAP; i < end; i++)
			err |= who->map(
				&spaces[0], cold[i], frame[i], 4096, 12);
		bench_lap_end(lap);
		check(who, err);
	}
	close_space(who, 0);
}

static void translate(const struct contender *who, struct bench_laps *lap)
{
	open_space(who, 0);
	check(who, who->map(&spaces[0], BASE, FRAMES, VMM_GIB(1), 12));
	for (size_t i = 0; i < RANDOM;) {
		uint64_t sum = 0;
		int err = 0;

		bench_lap_start(lap);
		for (size_t end = i + LAP; i < end; i++) {
			uint64_t pa = 0;

			err |= who->translate(&spaces[0], order[i] + 8, &pa);
			sum += pa - order[i];
		}
		bench_lap_end(lap);
		check(who, err);
		if (sum != LAP * (FRAMES - BASE + 8))
			bench_fail("%s translates wrongly", who->name);
	}
	close_space(who, 0);
}

/* 64 GiB; peers by 2 MiB, the largest page that they know. */
static void direct_map(const struct contender *who, struct bench_laps *lap)
{
	int err;

	open_space(who, 0);
	bench_lap_start(lap);
	err = who->map(&spaces[0], VMM_GIB(128), 0, VMM_GIB(64), 21);
	bench_lap_end(lap);
	check(who, err);
	close_space(who, 0);
}

/* A parent of 64 MiB whose frames are in no order. */
static void fork_64m(const struct contender *who, struct bench_laps *lap)
{
	int err;

	open_space(who, 0);
	open_space(who, 1);
	for (size_t i = 0; i < FORK_SIZE / 4096; i++)
		check(who, who->map(&spaces[0], BASE + i * 4096, frame[i], 4096,
				   12));
	bench_lap_start(lap);
	err = who->fork(&spaces[1], &spaces[0], BASE, FORK_SIZE);
	bench_lap_end(lap);
	check(who, err);
	close_space(who, 1);
	close_space(who, 0);
}

static void prepare(void)
{
	struct bench_rng rng = {bench_options.seed};
	char *pages = bench_memory((TABLES + 2) * 4096);

	memory.free = bench_memory(TABLES * sizeof(*memory.free));
	memory.size = TABLES;
	for (size_t i = TABLES; i-- > 0;)
		table_give(&memory, (uint64_t)(uintptr_t)pages + i * 4096);
	for (int i = 0; i < 2; i++) {
		spaces[i].memory = &memory;
		spaces[i].root = (uint64_t)(uintptr_t)pages +
				 (TABLES + (uint64_t)i) * 4096;
	}
	/* 1 GiB in steps of 8 pages, shuffled; frames likewise. */
	for (uint64_t i = 0; i < RANDOM; i++) {
		order[i] = BASE + (i * 8 + bench_below(&rng, 8)) * 4096;
		frame[i] = VMM_GIB(32) + i * 8192;
	}
	for (uint64_t i = 0; i < COLD; i++)
		cold[i] = i * VMM_MIB(66) + bench_below(&rng, 512) * 4096;
	for (uint64_t i = COLD - 1; i > 0; i--) {
		uint64_t k = bench_below(&rng, i + 1);
		uint64_t swap = cold[i];

		cold[i] = cold[k];
		cold[k] = swap;
	}
	for (uint64_t i = RANDOM - 1; i > 0; i--) {
		uint64_t k = bench_below(&rng, i + 1);
		uint64_t swap = order[i];

		order[i] = order[k];
		order[k] = swap;
		k = bench_below(&rng, i + 1);
		swap = frame[i];
		frame[i] = frame[k];
		frame[k] = swap;
	}
}

static void turn(void *ctx, size_t i)
{
	const struct work *work = ctx;
	size_t tables = memory.count;

	bench_laps_round(&laps[i]);
	work->run(contenders[i], &laps[i]);
	if (memory.count != tables)
		bench_fail("%s keeps tables", contenders[i]->name);
}

static void measure(const struct work *work)
{
	if (!bench_wants(work->name))
		return;
	for (size_t i = 0; i < CONTENDERS; i++)
		bench_laps_init(&laps[i], work->laps);
	bench_rounds(bench_options.quick ? 2 : ROUNDS, CONTENDERS, turn,
		(void *)(uintptr_t)work);
	for (size_t i = 0; i < CONTENDERS; i++) {
		bench_row(work->name, contenders[i]->name);
		bench_put_mean(&laps[i], work->pages);
		bench_row_end();
		bench_laps_fini(&laps[i]);
	}
}

/* The size of the code, which the build has measured (text-size). */
static void text(void)
{
	FILE *file;
	double bytes;

	if (bench_options.counting || !bench_wants("text"))
		return;
	file = fopen(PT_TEXT, "r");
	BENCH_MUST(file != NULL);
	BENCH_MUST(fscanf(file, "%lf", &bytes) == 1);
	fclose(file);
	bench_row("text", "ours");
	bench_put("rv64-KiB", bytes / 1024, "");
	bench_row_end();
}

static void goals(void)
{
	static const char *const ranges[][2] = {
		{"map_1g_by_4k", "map"}, {"unmap_1g_by_4k", "unmap"}};

	for (int i = 0; i < 2; i++) {
		struct bench_ref ours = {ranges[i][0], "ours", "mean"};
		struct bench_ref naive = {ranges[i][0], "naive", "mean"};
		struct bench_ref count = {ranges[i][0], "ours", "mean-instr"};

		bench_goal_ratio(
			i == 0 ? "range-map/naive" : "range-unmap/naive", ours,
			naive, 1.0 / 7);
		bench_goal(i == 0 ? "range-map-instr" : "range-unmap-instr",
			count, 10);
	}
	bench_goal_ratio("page-map/naive",
		(struct bench_ref){"map_one_warm", "ours", "mean"},
		(struct bench_ref){"map_one_warm", "naive", "mean"}, 1.5);
	bench_goal_ratio("page-unmap/naive",
		(struct bench_ref){"unmap_one", "ours", "mean"},
		(struct bench_ref){"unmap_one", "naive", "mean"}, 1.5);
	bench_goal_ratio("translate/naive",
		(struct bench_ref){"translate", "ours", "mean"},
		(struct bench_ref){"translate", "naive", "mean"}, 1.1);
	bench_goal("text-rv64-KiB",
		(struct bench_ref){"text", "ours", "rv64-KiB"}, 12);
}

int main(int argc, char **argv)
{
	struct work works[] = {
		{"map_1g_by_4k", map_4k, 0, 1},
		{"unmap_1g_by_4k", unmap_4k, 0, 1},
		{"protect_1g_by_4k", protect_4k, 0, 1},
		{"map_1g_by_2m", map_2m, 0, 1},
		{"unmap_1g_by_2m", unmap_2m, 0, 1},
		{"map_one_warm", one_map, RANDOM, RANDOM / LAP},
		{"unmap_one", one_unmap, RANDOM, RANDOM / LAP},
		{"map_one_cold", one_cold, COLD, COLD / COLD_LAP},
		{"translate", translate, RANDOM, RANDOM / LAP},
		{"direct_map_64g", direct_map, VMM_GIB(64) / VMM_MIB(2), 1},
		{"fork_64m", fork_64m, FORK_SIZE / 4096, 1},
	};

	bench_open(argc, argv, "pt");
	range_size = VMM_GIB(1);
	prepare();
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		if (works[i].pages == 0)
			works[i].pages =
				range_size / (i < 3 ? 4096 : VMM_MIB(2));
		if (bench_is_mine(i))
			measure(&works[i]);
	}
	text();
	bench_adopt_counts("1g");
	bench_adopt_counts("one");
	bench_adopt_counts("translate");
	bench_adopt_counts("64");
	goals();
	return bench_close();
}
