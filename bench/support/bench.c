/* SPDX-License-Identifier: MIT */
/* The command line, progress, memory, random sizes. */
#include "support/bench_internal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

struct bench_options bench_options = {.seed = 1, .parts = 1};
struct bench_run bench_run;

void bench_progress(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

void bench_fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "\nbench_%s: could not measure: ", bench_run.module);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static _Noreturn void usage(void)
{
	fprintf(stderr,
		"usage: bench_%s [--quick] [--seed N] [--csv FILE] [-R TEXT]\n",
		bench_run.module);
	exit(2);
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end != '\0' || value > 1000)
		usage();
	return (unsigned)value;
}

static FILE *open_csv(const char *name)
{
	FILE *csv;

	if (strcmp(name, "-") == 0) {
		bench_run.lines = false;
		return stdout;
	}
	csv = fopen(name, "w");
	if (csv == NULL)
		bench_fail("%s: %s", name, strerror(errno));
	return csv;
}

void bench_open(int argc, char **argv, const char *module)
{
	bench_run.module = module;
	bench_run.lines = true;
	for (int i = 1; i < argc; i++) {
		char *end = NULL;

		if (strcmp(argv[i], "--quick") == 0) {
			bench_options.quick = true;
			continue;
		}
		if (i + 1 == argc)
			usage();
		if (strcmp(argv[i], "--csv") == 0)
			bench_run.csv = open_csv(argv[++i]);
		else if (strcmp(argv[i], "-R") == 0)
			bench_run.filter = argv[++i];
		else if (strcmp(argv[i], "--seed") == 0)
			bench_options.seed = strtoull(argv[++i], &end, 0);
		else if (strcmp(argv[i], "--part") == 0)
			bench_options.part = number(argv[++i]);
		else if (strcmp(argv[i], "--parts") == 0)
			bench_options.parts = number(argv[++i]);
		else
			usage();
		if (end != NULL && *end != '\0')
			usage();
	}
	if (bench_options.part >= bench_options.parts)
		usage();
	if (bench_run.csv != NULL)
		fputs("module,workload,contender,metric,value,unit\n",
			bench_run.csv);
	bench_clock_init();
}

int bench_close(void)
{
	bench_progress("\n");
	bench_report_goals();
	if (bench_run.csv != NULL && fflush(bench_run.csv) != 0)
		bench_fail("the CSV file: %s", strerror(errno));
	return 0;
}

bool bench_is_whole(void)
{
	return bench_run.filter == NULL && !bench_options.quick &&
	       !bench_options.counting;
}

bool bench_wants(const char *workload)
{
	if (bench_run.filter != NULL &&
		strstr(workload, bench_run.filter) == NULL)
		return false;
	bench_progress("\n%s %s ", bench_run.module, workload);
	return true;
}

static size_t whole_pages(size_t size)
{
	return (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

void *bench_memory(size_t size)
{
	size_t room = whole_pages(size);
	char *memory = mmap(NULL, room + HUGE_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t skip;

	if (memory == MAP_FAILED)
		bench_fail("no memory for %zu bytes", size);
	skip = -(uintptr_t)memory & (HUGE_PAGE - 1);
	if (skip != 0)
		munmap(memory, skip);
	munmap(memory + skip + room, HUGE_PAGE - skip);
	memory += skip;
	/* Advice: without huge pages everybody is a little slower. */
	(void)madvise(memory, room, MADV_HUGEPAGE);
	memset(memory, 0, size);
	return memory;
}

void bench_memory_free(void *memory, size_t size)
{
	munmap(memory, whole_pages(size));
}

uint64_t bench_log_uniform(struct bench_rng *rng, uint64_t max)
{
	double part = (double)(bench_random(rng) >> 11) * 0x1p-53;
	uint64_t value = (uint64_t)exp2(part * log2((double)max + 1));

	return value < max ? value : max;
}
