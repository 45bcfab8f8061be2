/* SPDX-License-Identifier: MIT */
/* Figures from further runs of this program, under the counting emulator. */
#include "support/bench_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_SIZE 512
#define PARTS_MAX 8

struct part {
	pid_t child;
	FILE *rows;
};

/* Become the emulator that runs this program. BENCH_EMULATOR and
   BENCH_COUNTER are paths, from CMake. */
static _Noreturn void run_counting(
	const char *filter, unsigned part, unsigned parts, int output)
{
	char self[4096];
	char seed[32];
	char numbers[2][16];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (size < 0 || dup2(output, STDOUT_FILENO) < 0)
		_exit(126);
	self[size] = '\0';
	snprintf(seed, sizeof(seed), "%llu",
		(unsigned long long)bench_options.seed);
	snprintf(numbers[0], sizeof(numbers[0]), "%u", part);
	snprintf(numbers[1], sizeof(numbers[1]), "%u", parts);
	execl(BENCH_EMULATOR, BENCH_EMULATOR, "-plugin", BENCH_COUNTER, self,
		"--csv", "-", "-R", filter, "--seed", seed, "--part",
		numbers[0], "--parts", numbers[1],
		bench_options.quick ? "--quick" : NULL, (char *)NULL);
	_exit(127);
}

static struct part start(const char *filter, unsigned at, unsigned parts)
{
	struct part part;
	int ends[2];

	BENCH_MUST(pipe(ends) == 0);
	part.child = fork();
	BENCH_MUST(part.child >= 0);
	if (part.child == 0)
		run_counting(filter, at, parts, ends[1]);
	close(ends[1]);
	part.rows = fdopen(ends[0], "r");
	BENCH_MUST(part.rows != NULL);
	return part;
}

/* Take in one figure: module,workload,contender,metric,value,unit. */
static void adopt(char *line)
{
	char *field[6];
	char *rest = line;

	line[strcspn(line, "\n")] = '\0';
	for (int i = 0; i < 6; i++)
		field[i] = strsep(&rest, ",");
	if (field[5] == NULL || rest != NULL ||
		strcmp(field[0], bench_run.module) != 0)
		bench_fail("a counted row is not understood: %s", line);
	bench_row_continue(field[1], field[2]);
	bench_put(field[3], strtod(field[4], NULL), field[5]);
}

/* Until its output ends. A part that has nothing to do has no rows. */
static void finish(struct part part)
{
	char line[LINE_SIZE];
	size_t lines = 0;
	int status;

	while (fgets(line, sizeof(line), part.rows) != NULL)
		if (lines++ > 0) /* the first names the fields */
			adopt(line);
	if (lines > 1)
		bench_row_end();
	fclose(part.rows);
	BENCH_MUST(waitpid(part.child, &status, 0) == part.child);
	if (status != 0 || lines == 0)
		bench_fail("%s -plugin %s: status %#x, %zu lines",
			BENCH_EMULATOR, BENCH_COUNTER, (unsigned)status, lines);
}

void bench_adopt_counts(const char *filter)
{
	struct part part[PARTS_MAX];
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned parts = processors > PARTS_MAX ? PARTS_MAX
			 : processors < 1	? 1
						: (unsigned)processors;

	if (bench_options.counting || !bench_wants(filter))
		return;
	fflush(stdout);
	/* Output that nobody reads yet fits the pipe, or its writer waits. */
	for (unsigned i = 0; i < parts; i++)
		part[i] = start(filter, i, parts);
	for (unsigned i = 0; i < parts; i++)
		finish(part[i]);
}
