/* SPDX-License-Identifier: MIT */
/* What the sources of the frame know of each other. */
#ifndef BENCH_INTERNAL_H
#define BENCH_INTERNAL_H

#include "support/bench.h"

#include <stdio.h>

/* The command line, beyond bench_options. */
struct bench_run {
	const char *module;
	const char *filter; /* NULL: every workload */
	FILE *csv;	    /* or NULL */
	bool lines;	    /* rows and goals as lines on standard output */
};
extern struct bench_run bench_run;

void bench_clock_init(void);

/* Text on standard error, where people see how far it is. */
void bench_progress(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* As bench_row(), after ending a row of another workload or contender. */
void bench_row_continue(const char *workload, const char *contender);

/* Print the goals and their count. */
void bench_report_goals(void);

#endif /* BENCH_INTERNAL_H */
