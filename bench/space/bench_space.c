/* SPDX-License-Identifier: MIT */
/*
 * The benchmark of address spaces: the library beside two small kernels of
 * areas and page walks (peer.inc). All see the same addresses in the same
 * order. What is measured in each workload is said at its function.
 */
#include "space/workloads.h"

static void goals(void)
{
	static const char *const traces[] = {"trace-clang", "trace-gcc",
		"trace-node", "trace-python", "trace-shell"};
	static const char *const names[] = {"trace-clang/naive",
		"trace-gcc/naive", "trace-node/naive", "trace-python/naive",
		"trace-shell/naive"};

	bench_goal_ratio("fault-zero/naive",
		(struct bench_ref){"fault_zero", "ours", "mean"},
		(struct bench_ref){"fault_zero", "naive", "mean"}, 2);
	bench_goal_ratio("fault-copy/array",
		(struct bench_ref){"fault_copy", "ours", "mean"},
		(struct bench_ref){"fault_copy", "array", "mean"}, 2);
	bench_goal_ratio("fork-1g/copying",
		(struct bench_ref){"fork_1g", "ours", "mean"},
		(struct bench_ref){"fork_1g", "naive", "mean"}, 0.1);
	bench_goal_ratio("find-10000/list",
		(struct bench_ref){"find_10000", "ours", "mean"},
		(struct bench_ref){"find_10000", "naive", "mean"}, 0.05);
	bench_goal_ratio("map-10000/array",
		(struct bench_ref){"map_10000", "ours", "mean"},
		(struct bench_ref){"map_10000", "array", "mean"}, 1);
	bench_goal_ratio("unmap-10000/array",
		(struct bench_ref){"unmap_10000", "ours", "mean"},
		(struct bench_ref){"unmap_10000", "array", "mean"}, 1);
	/* log 10000 / log 1000 is 4/3. */
	bench_goal_ratio("find-growth",
		(struct bench_ref){"find_10000", "ours", "mean-instr"},
		(struct bench_ref){"find_1000", "ours", "mean-instr"}, 1.34);
	bench_goal_ratio("map-growth",
		(struct bench_ref){"map_10000", "ours", "mean-instr"},
		(struct bench_ref){"map_1000", "ours", "mean-instr"}, 1.34);
	bench_goal_ratio("unmap-growth",
		(struct bench_ref){"unmap_10000", "ours", "mean-instr"},
		(struct bench_ref){"unmap_1000", "ours", "mean-instr"}, 1.34);
	for (int i = 0; i < 5; i++)
		bench_goal_ratio(names[i],
			(struct bench_ref){traces[i], "ours", "mean"},
			(struct bench_ref){traces[i], "naive", "mean"}, 1.5);
}

int main(int argc, char **argv)
{
	bench_open(argc, argv, "space");
	/* Twice the largest space, for the one that copies, and tables. */
	machine_open((size_t)(2 * resident_size() / PAGE + 65536));
	space_faults();
	space_regions();
	space_traces();
	bench_adopt_counts("fault_");
	bench_adopt_counts("_1g");
	bench_adopt_counts("_1000");
	bench_adopt_counts("map_unmap");
	goals();
	return bench_close();
}
