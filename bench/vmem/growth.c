/* SPDX-License-Identifier: MIT */
/*
 * How the cost of a call grows with the number of regions: in instructions,
 * counted one by one for each call of every adversary, at 10^3 to 10^6 regions.
 * In time, the adversaries run at 10^4 (holes-...).
 *
 *	mean-N, worst-N  instructions of a call at N regions
 *	growth           by how much the worst call grew since 10^3 regions, over
 *	                 how much log2 of the regions did; the largest of all N
 *	over-mean        the worst call over the mean of random calls of the same
 *	                 kind at the same N; the largest of all N
 *
 * Kinds are two: with and without an alignment. growth-call-... are single
 * calls with random arguments (calls.c), each compared with its own mean.
 *
 * "growth-all" is over all adversaries without alignments, "growth-all-aligned"
 * over the others, and "growth-all-calls" over all calls: the worst of all at
 * each N, by how much that grew, and the largest over-mean. The worst of a
 * single row may depend on what happens to be drawn; growth is promised of the
 * worst of all.
 */
#include "vmem/calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADVERSARIES_MAX 32

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

static vmem_peers counted = {&vmem_nocache_handle, &vmem_nocache_address,
	&vmem_bare_address, &vmem_ours_handle};

/* Those that have every call. */
static vmem_peers callable = {&vmem_windows_address, &vmem_bare_address};

/* The rows of a contender together. */
struct total {
	double mean[SIZES]; /* of random calls */
	double worst[SIZES];
	double over_mean;
};

static void put(const char *what, const char *size, double value)
{
	char metric[32];

	snprintf(metric, sizeof(metric), "%s-%s", what, size);
	bench_put(metric, value, "instr");
}

static size_t baseline_of(size_t adversary)
{
	for (size_t i = 0; i < vmem_adversary_count; i++)
		if (strcmp(vmem_adversaries[i].name,
			    vmem_adversaries[adversary].baseline) == 0)
			return i;
	bench_fail("%s is compared with nothing",
		vmem_adversaries[adversary].name);
}

static size_t size_count(void)
{
	return bench_options.quick ? 2 : SIZES;
}

static double growth_of(const double *worst)
{
	double most = 0;

	for (size_t i = 0; i < size_count(); i++)
		most = fmax(most, worst[i] / worst[0] *
					  log2((double)sizes[0].regions) /
					  log2((double)sizes[i].regions));
	return most;
}

/* A row: costs at all sizes, and against what they are compared with. */
static void put_row(const char *name, const char *contender,
	const struct vmem_cost *costs, const struct vmem_cost *baseline,
	struct total *total)
{
	double worst[SIZES];
	double over_mean = 0;

	bench_row(name, contender);
	for (size_t i = 0; i < size_count(); i++) {
		worst[i] = costs[i].worst;
		put("mean", sizes[i].name, costs[i].mean);
		put("worst", sizes[i].name, worst[i]);
		over_mean = fmax(over_mean, worst[i] / baseline[i].mean);
		total->worst[i] = fmax(total->worst[i], worst[i]);
	}
	bench_put("growth", growth_of(worst), "");
	bench_put("over-mean", over_mean, "");
	bench_row_end();
	total->over_mean = fmax(total->over_mean, over_mean);
}

static void put_total(
	const char *name, const char *contender, const struct total *total)
{
	bench_row(name, contender);
	for (size_t i = 0; i < size_count(); i++) {
		put("mean", sizes[i].name, total->mean[i]);
		put("worst", sizes[i].name, total->worst[i]);
	}
	bench_put("growth", growth_of(total->worst), "");
	bench_put("over-mean", total->over_mean, "");
	bench_row_end();
}

static bool aligns(size_t adversary)
{
	struct vmem_script script = {0};
	bool result;

	vmem_adversaries[adversary].make(&script, 10);
	result = script.aligns;
	vmem_script_fini(&script);
	return result;
}

static void count_adversaries(const struct vmem_peer *peer)
{
	static struct vmem_cost costs[ADVERSARIES_MAX][SIZES];
	struct total totals[2] = {0}; /* without and with alignments */

	BENCH_MUST(vmem_adversary_count <= ADVERSARIES_MAX);
	for (size_t i = 0; i < vmem_adversary_count; i++) {
		size_t baseline = baseline_of(i);
		char name[48];

		BENCH_MUST(baseline < 2 && aligns(i) == (baseline == 1));
		if (baseline == 1 && peer->alloc_aligned == NULL)
			continue;
		for (size_t s = 0; s < size_count(); s++) {
			struct vmem_script script = {0};

			vmem_adversaries[i].make(&script, sizes[s].regions);
			costs[i][s] = vmem_script_cost(&script, peer);
			vmem_script_fini(&script);
		}
		snprintf(name, sizeof(name), "growth-%s",
			vmem_adversaries[i].name);
		put_row(name, peer->name, costs[i], costs[baseline],
			&totals[baseline]);
	}
	for (size_t b = 0; b < (peer->alloc_aligned == NULL ? 1 : 2); b++) {
		for (size_t s = 0; s < size_count(); s++)
			totals[b].mean[s] = costs[b][s].mean;
		put_total(b == 0 ? "growth-all" : "growth-all-aligned",
			peer->name, &totals[b]);
	}
}

/* The mean in the last row is that of an allocation, the first call. */
static void count_calls(const struct vmem_peer *peer)
{
	struct vmem_cost *costs[SIZES];
	struct total total = {0};

	for (size_t s = 0; s < size_count(); s++) {
		costs[s] = malloc(vmem_call_count * sizeof(*costs[s]));
		BENCH_MUST(costs[s] != NULL);
		vmem_calls_cost(peer, sizes[s].regions, costs[s]);
		total.mean[s] = costs[s][0].mean;
	}
	for (size_t call = 0; call < vmem_call_count; call++) {
		struct vmem_cost here[SIZES] = {0};
		char name[48];

		for (size_t s = 0; s < size_count(); s++)
			here[s] = costs[s][call];
		snprintf(name, sizeof(name), "growth-call-%s",
			vmem_call_name(call));
		put_row(name, peer->name, here, here, &total);
	}
	put_total("growth-all-calls", peer->name, &total);
	for (size_t s = 0; s < size_count(); s++)
		free(costs[s]);
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
	for (size_t p = 0; counted[p] != NULL; p++)
		if (bench_is_mine(p))
			count_adversaries(counted[p]);
	for (size_t p = 0; callable[p] != NULL; p++)
		if (bench_is_mine(p))
			count_calls(callable[p]);
}

void vmem_holes(void)
{
	static vmem_peers peers = {&vmem_floor, &vmem_tlsf, &vmem_tlsf_full,
		&vmem_plain, &vmem_nocache_handle, &vmem_nocache_address,
		&vmem_bare_handle};

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
