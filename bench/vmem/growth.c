/* SPDX-License-Identifier: MIT */
/*
 * How the cost of a call grows with the number of regions: in instructions,
 * counted one by one for each call of every adversary, at 10^3 to 10^6 regions.
 * In time, the adversaries run at 10^4 (holes-...).
 *
 *	mean-N, worst-N  instructions of a call at N regions
 *	growth           by how much the worst call grew since 10^3 regions, over
 *	                 how much log2 of the regions did; the largest of all N
 *	over-mean        the worst call over the mean of random calls at the same
 *	                 N; the largest of all N
 */
#include "vmem/workloads.h"

#include <math.h>
#include <stdio.h>

static const struct size {
	const char *name;
	size_t regions;
} sizes[] = {
	{"1k", 1000},
	{"10k", 10000},
	{"100k", 100000},
	{"1m", 1000000},
};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static vmem_peers counted = {&vmem_ours_handle, &vmem_ours_address};
static double random_mean[VMEM_PEERS_MAX][SIZES];

static void put(const char *what, const char *size, double value)
{
	char metric[32];

	snprintf(metric, sizeof(metric), "%s-%s", what, size);
	bench_put(metric, value, "instr");
}

static void count(const struct vmem_adversary *adversary, size_t p)
{
	size_t most = bench_options.quick ? 2 : SIZES;
	double first = 0;
	double growth = 0;
	double over_mean = 0;

	for (size_t i = 0; i < most; i++) {
		struct vmem_script script = {0};
		struct bench_laps laps;
		double mean, worst, grown;

		adversary->make(&script, sizes[i].regions);
		vmem_script_count(&script, counted[p], &laps);
		mean = bench_laps_sum(&laps) / (double)laps.at;
		worst = bench_laps_percentile(&laps, 1);
		bench_laps_fini(&laps);
		vmem_script_fini(&script);
		if (adversary == &vmem_adversaries[0])
			random_mean[p][i] = mean;
		if (i == 0)
			first = worst;
		put("mean", sizes[i].name, mean);
		put("worst", sizes[i].name, worst);
		grown = worst / first * log2((double)sizes[0].regions) /
			log2((double)sizes[i].regions);
		growth = fmax(growth, grown);
		over_mean = fmax(over_mean, worst / random_mean[p][i]);
	}
	bench_put("growth", growth, "");
	bench_put("over-mean", over_mean, "");
}

/* Only in the run that counts; the other one adopts its rows. */
void vmem_growth(void)
{
	if (!bench_options.counting) {
		bench_adopt_counts("growth");
		return;
	}
	if (!bench_wants("growth"))
		return;
	for (size_t i = 0; i < vmem_adversary_count; i++) {
		char name[48];

		snprintf(name, sizeof(name), "growth-%s",
			vmem_adversaries[i].name);
		for (size_t p = 0; counted[p] != NULL; p++) {
			bench_row(name, counted[p]->name);
			count(&vmem_adversaries[i], p);
			bench_row_end();
		}
	}
}

void vmem_holes(void)
{
	static vmem_peers peers = {&vmem_floor, &vmem_tlsf, &vmem_plain,
		&vmem_ours_handle, &vmem_ours_address};

	for (size_t i = 1; i < vmem_adversary_count; i++) {
		struct vmem_script script = {0};
		char name[48];

		snprintf(name, sizeof(name), "holes-%s",
			vmem_adversaries[i].name);
		if (!bench_wants(name))
			continue;
		vmem_adversaries[i].make(&script, 10000);
		vmem_script_run(name, &script, peers, 9);
		vmem_script_fini(&script);
	}
}
