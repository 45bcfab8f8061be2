/* SPDX-License-Identifier: MIT */
/* The benchmark of address regions. */
#include "vmem/workloads.h"

int main(int argc, char **argv)
{
	bench_open(argc, argv, "vmem");
	vmem_trees();
	vmem_pages();
	vmem_churn();
	vmem_traces();
	vmem_lookups();
	vmem_frag();
	vmem_holes();
	vmem_threads();
	vmem_text();
	vmem_growth();
	if (!bench_options.counting)
		vmem_goals();
	return bench_close();
}
