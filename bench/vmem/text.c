/* SPDX-License-Identifier: MIT */
/* The size of the module's code, which the build has measured (text-size). */
#include "vmem/workloads.h"

#include <stdio.h>

void vmem_text(void)
{
	FILE *file;
	double bytes;

	if (bench_options.counting || !bench_wants("text"))
		return;
	file = fopen(VMEM_TEXT, "r");
	BENCH_MUST(file != NULL);
	BENCH_MUST(fscanf(file, "%lf", &bytes) == 1);
	fclose(file);
	bench_row("text", "vmem+rbtree");
	bench_put("rv64-KiB", bytes / 1024, "");
	bench_row_end();
}
