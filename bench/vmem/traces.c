/* SPDX-License-Identifier: MIT */
/*
 * Traces of real programs (traces/README.md), replayed from an empty arena. The
 * short ones are run through several times, each time from an empty one.
 */
#include "vmem/workloads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_LEAST 20000u
#define IDS_MAX	    1000000u

/* What is known of an id of the trace while it lives. */
struct live {
	uint32_t slot; /* plus 1; 0: it does not live */
	uint32_t pages;
};

struct reader {
	struct live ids[IDS_MAX];
	uint32_t spare[IDS_MAX]; /* slots that are free again, last first */
	size_t spare_count;
	uint32_t slot_count;
};

static void read_line(
	struct reader *reader, struct vmem_script *script, const char *line)
{
	uint64_t id;
	uint64_t size = 0;
	char verb;
	struct live *live;

	if (sscanf(line, "%c %" SCNu64 " %" SCNu64, &verb, &id, &size) < 2 ||
		id >= IDS_MAX)
		bench_fail("a trace's line is not understood: %s", line);
	live = &reader->ids[id];
	BENCH_MUST((verb == 'a' && live->slot == 0 && size != 0) ||
		   (verb == 'f' && live->slot != 0));
	if (verb == 'f') {
		vmem_script_free(script, live->slot - 1, live->pages);
		reader->spare[reader->spare_count++] = live->slot - 1;
		live->slot = 0;
		return;
	}
	live->pages = (uint32_t)((size + PAGE_SIZE - 1) >> PAGE_SHIFT);
	live->slot = 1 + (reader->spare_count > 0
					 ? reader->spare[--reader->spare_count]
					 : reader->slot_count++);
	vmem_script_alloc(script, live->slot - 1, live->pages);
}

static void read_trace(struct vmem_script *script, const char *path)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	FILE *file = fopen(path, "r");
	char line[128];

	BENCH_MUST(reader != NULL);
	if (file == NULL)
		bench_fail("there is no %s", path);
	vmem_script_measure(script);
	while (fgets(line, sizeof(line), file) != NULL)
		read_line(reader, script, line);
	fclose(file);
	BENCH_MUST(script->count > 0);
	BENCH_MUST(reader->spare_count == reader->slot_count);
	free(reader);
	script->passes = (unsigned)(CALLS_LEAST / script->count) + 1;
}

static void run(const char *name, const char *path, unsigned rounds)
{
	static vmem_peers peers = {&vmem_floor, &vmem_tlsf, &vmem_tlsf_full,
		&vmem_plain, &vmem_ours_handle, &vmem_ours_sized,
		&vmem_ours_address, &vmem_nocache_handle, &vmem_nocache_sized,
		&vmem_nocache_address};
	struct vmem_script script = {0};

	if (!bench_wants(name))
		return;
	read_trace(&script, path);
	vmem_script_run(name, &script, peers, rounds);
	vmem_script_fini(&script);
}

void vmem_traces(void)
{
	run("trace-clang", VMEM_TRACES "/clang.txt", 25);
	run("trace-python", VMEM_TRACES "/python.txt", 25);
	run("trace-make", VMEM_TRACES "/make.txt", 25);
	run("trace-gitgcmm", VMEM_TRACES "/gitgcmm.txt", 9);
}
