/* SPDX-License-Identifier: MIT */
/* The benchmark of address regions. */
#include "vmem/workloads.h"

int main(int argc, char **argv)
{
	bench_open(argc, argv, "vmem");
	vmem_trees();
	return bench_close();
}
