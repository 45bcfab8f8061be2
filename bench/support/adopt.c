/* SPDX-License-Identifier: MIT */
/* Figures from a second run of this program, under the counting emulator. */
#include "support/bench_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_SIZE 512

/* Become the emulator that runs this program. BENCH_EMULATOR and
   BENCH_COUNTER are paths, from CMake. */
static _Noreturn void run_counting(const char *filter, int output)
{
	char self[4096];
	char seed[32];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (size < 0 || dup2(output, STDOUT_FILENO) < 0)
		_exit(126);
	self[size] = '\0';
	snprintf(seed, sizeof(seed), "%llu",
		(unsigned long long)bench_options.seed);
	execl(BENCH_EMULATOR, BENCH_EMULATOR, "-plugin", BENCH_COUNTER, self,
		"--csv", "-", "-R", filter, "--seed", seed,
		bench_options.quick ? "--quick" : NULL, (char *)NULL);
	_exit(127);
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

void bench_adopt_counts(const char *filter)
{
	char line[LINE_SIZE];
	int ends[2];
	int status;
	size_t lines = 0;
	FILE *rows;
	pid_t child;

	if (bench_options.counting || !bench_wants(filter))
		return;
	fflush(stdout);
	BENCH_MUST(pipe(ends) == 0);
	child = fork();
	BENCH_MUST(child >= 0);
	if (child == 0)
		run_counting(filter, ends[1]);
	close(ends[1]);
	rows = fdopen(ends[0], "r");
	BENCH_MUST(rows != NULL);
	while (fgets(line, sizeof(line), rows) != NULL)
		if (lines++ > 0) /* the first names the fields */
			adopt(line);
	if (lines > 1)
		bench_row_end();
	fclose(rows);
	BENCH_MUST(waitpid(child, &status, 0) == child);
	if (status != 0 || lines < 2)
		bench_fail("%s -plugin %s: status %#x, %zu rows",
			BENCH_EMULATOR, BENCH_COUNTER, (unsigned)status, lines);
}
