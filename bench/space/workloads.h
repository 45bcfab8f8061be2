/* SPDX-License-Identifier: MIT */
/* The workloads of the benchmark of spaces, and how they are run. */
#ifndef BENCH_SPACE_WORKLOADS_H
#define BENCH_SPACE_WORKLOADS_H

#include "space/contender.h"
#include "support/bench.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_USER)

/* A workload. @run is timed in laps, and leaves the pool as it was. */
struct work {
	const char *name;
	void (*run)(const struct contender *who, struct bench_laps *laps,
		const struct work *work);
	uint64_t calls; /* that all laps of a round amount to */
	size_t laps;
	uint64_t regions; /* of the workloads about regions: how many */
	const void *trace;
	bool needs_cow;
	unsigned rounds;
};

/* Let all contenders take turns at it, and print a row for each. */
void space_measure(const struct work *work);
void space_check(const struct contender *who, int err);

/* The space that is forked: bytes. */
uint64_t resident_size(void);

void space_faults(void);
void space_regions(void);
void space_traces(void);

#endif /* BENCH_SPACE_WORKLOADS_H */
