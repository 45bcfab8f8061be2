/* SPDX-License-Identifier: MIT */
/*
 * Reading a trace of traces/README.md, as text. For the benchmark and for the
 * test that replays traces; a hosted C library.
 */
#ifndef BENCH_SPACE_TRACE_H
#define BENCH_SPACE_TRACE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmm/pt.h>

struct trace_call {
	char verb; /* x + - m u p d r b */
	bool shared;
	bool anonymous;
	bool replace;
	bool stack;
	unsigned process; /* from 1 */
	unsigned other;	  /* +: the parent; m: the file, from 1 */
	unsigned prot;	  /* VMM_PT_..., with USER; 0: none */
	uint64_t va;
	uint64_t size;
	uint64_t offset; /* m: in the file */
	uint64_t to;	 /* r: where to, */
	uint64_t to_size;
};

struct trace {
	struct trace_call *calls;
	size_t count;
	unsigned processes; /* the highest number */
	unsigned files;
};

static inline unsigned trace_prot(const char *text)
{
	unsigned prot = (text[0] == 'r' ? VMM_PT_READ : 0) |
			(text[1] == 'w' ? VMM_PT_READ | VMM_PT_WRITE : 0) |
			(text[2] == 'x' ? VMM_PT_READ | VMM_PT_EXEC : 0);

	return prot == 0 ? 0 : prot | VMM_PT_USER;
}

/* A line; false: not understood. */
static inline bool trace_parse(const char *line, struct trace_call *call)
{
	char prot[4] = "---";
	char flags[8] = "";
	char verb;
	int n;

	memset(call, 0, sizeof(*call));
	if (sscanf(line, "%c %u%n", &verb, &call->process, &n) != 2 ||
		call->process == 0)
		return false;
	line += n;
	call->verb = verb;
	switch (verb) {
	case 'x':
	case '-':
		return true;
	case '+':
		return sscanf(line, "%u", &call->other) == 1;
	case 'm':
		n = sscanf(line, "%" SCNx64 " %" SCNx64 " %3s %7s %u %" SCNx64,
			&call->va, &call->size, prot, flags, &call->other,
			&call->offset);
		call->shared = strchr(flags, 's') != NULL;
		call->anonymous = strchr(flags, 'a') != NULL;
		call->replace = strchr(flags, 'f') != NULL;
		call->stack = strchr(flags, 'g') != NULL;
		call->prot = trace_prot(prot);
		return n == (call->anonymous ? 4 : 6) && call->size != 0;
	case 'p':
		n = sscanf(line, "%" SCNx64 " %" SCNx64 " %3s", &call->va,
			&call->size, prot);
		call->prot = trace_prot(prot);
		return n == 3 && call->size != 0;
	case 'u':
	case 'd':
	case 'b':
		return sscanf(line, "%" SCNx64 " %" SCNx64, &call->va,
			       &call->size) == 2;
	case 'r':
		return sscanf(line,
			       "%" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64,
			       &call->va, &call->size, &call->to,
			       &call->to_size) == 4;
	default:
		return false;
	}
}

/* False: it is not there, or not understood. Free trace->calls in the end. */
static inline bool trace_read(const char *path, struct trace *trace)
{
	FILE *file = fopen(path, "r");
	size_t room = 0;
	char line[160];
	bool ok = file != NULL;

	memset(trace, 0, sizeof(*trace));
	while (ok && fgets(line, sizeof(line), file) != NULL) {
		struct trace_call *call;

		if (trace->count == room) {
			room = room == 0 ? 1024 : 2 * room;
			trace->calls = realloc(
				trace->calls, room * sizeof(*trace->calls));
			if (trace->calls == NULL)
				abort();
		}
		call = &trace->calls[trace->count++];
		ok = trace_parse(line, call);
		if (ok && call->process > trace->processes)
			trace->processes = call->process;
		if (ok && call->verb == 'm' && call->other > trace->files)
			trace->files = call->other;
	}
	if (file != NULL)
		fclose(file);
	return ok && trace->count > 0;
}

#endif /* BENCH_SPACE_TRACE_H */
