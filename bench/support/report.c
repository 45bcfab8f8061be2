/* SPDX-License-Identifier: MIT */
/* Rows of figures, and goals. */
#include "support/bench_internal.h"

#include <stdlib.h>
#include <string.h>

#define FIGURES_MAX 8192
#define GOALS_MAX   256
#define NAME_SIZE   48

/* A figure of a row; rows are the runs of equal workload and contender. */
struct figure {
	char workload[NAME_SIZE];
	char contender[NAME_SIZE];
	char metric[NAME_SIZE];
	char unit[NAME_SIZE];
	double value;
};

struct goal {
	char name[NAME_SIZE];
	double measured;
	double limit;
	bool least;
};

static struct figure figures[FIGURES_MAX];
static size_t figure_count;
static size_t row_start; /* the first figure of the row being made */
static char row_workload[NAME_SIZE];
static char row_contender[NAME_SIZE];
static struct goal goals[GOALS_MAX];
static size_t goal_count;
static size_t unmeasured_count;

static void set_name(char name[NAME_SIZE], const char *text)
{
	BENCH_MUST(strlen(text) < NAME_SIZE && strpbrk(text, ",\n") == NULL);
	strcpy(name, text);
}

void bench_row(const char *workload, const char *contender)
{
	row_start = figure_count;
	set_name(row_workload, workload);
	set_name(row_contender, contender);
}

void bench_put(const char *metric, double value, const char *unit)
{
	struct figure *figure = &figures[figure_count];

	BENCH_MUST(figure_count < FIGURES_MAX);
	set_name(figure->workload, row_workload);
	set_name(figure->contender, row_contender);
	set_name(figure->metric, metric);
	set_name(figure->unit, unit);
	figure->value = value;
	figure_count++;
}

/* The figures of a row come one by one, and rows one after the other. */
void bench_row_continue(const char *workload, const char *contender)
{
	if (strcmp(workload, row_workload) == 0 &&
		strcmp(contender, row_contender) == 0)
		return;
	if (figure_count > row_start)
		bench_row_end();
	bench_row(workload, contender);
}

static void put_time(const char *metric, double value)
{
	char counted[NAME_SIZE];

	if (!bench_options.counting) {
		bench_put(metric, value, "ns");
		return;
	}
	snprintf(counted, sizeof(counted), "%s-instr", metric);
	bench_put(counted, value, "instr");
}

void bench_put_mean(const struct bench_laps *laps, uint64_t calls)
{
	put_time("mean", bench_laps_sum(laps) / (double)calls);
}

void bench_put_calls(const struct bench_laps *laps)
{
	put_time("p50", bench_laps_percentile(laps, 0.5));
	put_time("p99.9", bench_laps_percentile(laps, 0.999));
	put_time("worst", bench_laps_percentile(laps, 1));
}

/* Three digits or so, in the unit that suits the size. */
static void print_value(const struct figure *figure)
{
	static const char *const units[] = {"ns", "us", "ms", "s "};
	double value = figure->value;
	size_t unit = 0;
	int digits;

	if (strcmp(figure->unit, "ns") != 0) {
		const char *name =
			strcmp(figure->unit, "instr") == 0 ? "" : figure->unit;

		digits = figure->unit[0] == '\0' ? 3 : 1;
		printf(" %8.*f %s", digits, value, name);
		return;
	}
	while (value >= 1000 && unit < 3) {
		value /= 1000;
		unit++;
	}
	digits = value < 10 ? 2 : value < 100 ? 1 : 0;
	printf(" %6.*f %s", digits, value, units[unit]);
}

void bench_row_end(void)
{
	BENCH_MUST(figure_count > row_start);
	if (bench_run.lines)
		printf("%-4s %-20s %-18s", bench_run.module, row_workload,
			row_contender);
	for (size_t i = row_start; i < figure_count; i++) {
		const struct figure *figure = &figures[i];

		if (bench_run.lines) {
			printf("  %s", figure->metric);
			print_value(figure);
		}
		if (bench_run.csv != NULL)
			fprintf(bench_run.csv, "%s,%s,%s,%s,%.9g,%s\n",
				bench_run.module, figure->workload,
				figure->contender, figure->metric,
				figure->value, figure->unit);
	}
	if (bench_run.lines)
		printf("\n");
	fflush(stdout);
	row_start = figure_count;
}

bool bench_get(struct bench_ref ref, double *value_out)
{
	for (size_t i = 0; i < figure_count; i++) {
		const struct figure *figure = &figures[i];

		if (strcmp(figure->workload, ref.workload) == 0 &&
			strcmp(figure->contender, ref.contender) == 0 &&
			strcmp(figure->metric, ref.metric) == 0) {
			*value_out = figure->value;
			return true;
		}
	}
	if (bench_is_whole())
		bench_fail("there is no %s of %s on %s", ref.metric,
			ref.contender, ref.workload);
	return false;
}

static void add_goal(
	const char *name, double measured, double limit, bool least)
{
	struct goal *goal = &goals[goal_count];

	BENCH_MUST(goal_count < GOALS_MAX && strchr(name, ' ') == NULL);
	set_name(goal->name, name);
	goal->measured = measured;
	goal->limit = limit;
	goal->least = least;
	goal_count++;
}

void bench_goal(const char *name, struct bench_ref figure, double most)
{
	double value;

	if (bench_get(figure, &value))
		add_goal(name, value, most, false);
	else
		unmeasured_count++;
}

void bench_goal_least(const char *name, struct bench_ref figure, double least)
{
	double value;

	if (bench_get(figure, &value))
		add_goal(name, value, least, true);
	else
		unmeasured_count++;
}

void bench_goal_ratio(const char *name, struct bench_ref figure,
	struct bench_ref base, double most)
{
	double value;
	double unit;

	if (bench_get(figure, &value) && bench_get(base, &unit))
		add_goal(name, value / unit, most, false);
	else
		unmeasured_count++;
}

void bench_goal_near(const char *name, struct bench_ref figure,
	struct bench_ref base, double expected, double factor)
{
	double value;
	double unit;

	if (!bench_get(figure, &value) || !bench_get(base, &unit)) {
		unmeasured_count++;
		return;
	}
	value /= unit * expected;
	add_goal(name, value < 1 ? 1 / value : value, factor, false);
}

void bench_report_goals(void)
{
	size_t met_count = 0;

	if (!bench_run.lines)
		return;
	for (size_t i = 0; i < goal_count; i++) {
		const struct goal *goal = &goals[i];
		bool met = goal->least ? goal->measured >= goal->limit
				       : goal->measured <= goal->limit;

		printf("goal %-40s %9.3f %s%.3f %s\n", goal->name,
			goal->measured, goal->least ? ">=" : "", goal->limit,
			met ? "met" : "missed");
		met_count += met;
	}
	printf("goals: %zu met, %zu missed", met_count, goal_count - met_count);
	if (unmeasured_count != 0)
		printf(", %zu not measured in this run", unmeasured_count);
	printf("\n");
}
