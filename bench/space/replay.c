/* SPDX-License-Identifier: MIT */
/*
 * Traces of real programs (traces/README.md), replayed. Files are anonymous
 * memory here, so that nothing but spaces is compared; of what is mapped
 * or grown, and may be written to, the first pages are touched.
 */
#include "space/trace.h"
#include "space/workloads.h"

#define PROCESSES 256
#define TOUCHED	  4

static struct process {
	bool runs;
	struct task task;
	uint64_t heap; /* bytes */
} processes[PROCESSES];

static int touch(const struct contender *who, struct process *it, uint64_t va,
	uint64_t size, unsigned prot)
{
	int err = 0;

	for (unsigned i = 0; i < TOUCHED && i < size / PAGE; i++) {
		if ((prot & VMM_PT_WRITE) != 0)
			err |= who->fault(&it->task, va + i * PAGE, true);
	}
	return err;
}

static int map(const struct contender *who, struct process *it, uint64_t va,
	uint64_t size, unsigned prot)
{
	const int err = who->map(&it->task, va, size, prot);

	return err | touch(who, it, va, size, prot);
}

static int begin(const struct contender *who, struct process *it)
{
	if (it->runs)
		who->close(&it->task);
	who->open(&it->task);
	it->runs = true;
	it->heap = 0;
	return 0;
}

static int end(const struct contender *who, struct process *it)
{
	if (it->runs)
		who->close(&it->task);
	it->runs = false;
	return 0;
}

static int heap(const struct contender *who, struct process *it, uint64_t va,
	uint64_t size)
{
	const uint64_t old = it->heap;

	it->heap = size;
	return size > old ? map(who, it, va + old, size - old, RW)
			  : who->unmap(&it->task, va + size, old - size);
}

static int call(const struct contender *who, const struct trace_call *it)
{
	struct process *process = &processes[it->process];

	switch (it->verb) {
	case 'x':
		return begin(who, process);
	case '-':
		return end(who, process);
	case '+':
		process->runs = true;
		process->heap = processes[it->other].heap;
		return who->fork(&process->task, &processes[it->other].task);
	case 'm':
		return map(who, process, it->va, it->size, it->prot);
	case 'u':
		return who->unmap(&process->task, it->va, it->size);
	case 'p':
		return who->protect(&process->task, it->va, it->size, it->prot);
	case 'd':
		return who->discard(&process->task, it->va, it->size);
	case 'r':
		return who->move(
			&process->task, it->va, it->size, it->to, it->to_size);
	default:
		return heap(who, process, it->va, it->size);
	}
}

static void replay(const struct contender *who, struct bench_laps *lap,
	const struct work *work)
{
	const struct trace *trace = work->trace;

	for (size_t i = 0; i < trace->count; i++) {
		int err;

		bench_lap_start(lap);
		err = call(who, &trace->calls[i]);
		bench_lap_end(lap);
		space_check(who, err);
	}
	for (unsigned p = 0; p < PROCESSES; p++)
		end(who, &processes[p]);
}

static void one(const char *name, const char *path)
{
	struct trace trace;
	struct work work = {.name = name, .run = replay, .rounds = 7};

	if (!trace_read(path, &trace) || trace.processes >= PROCESSES)
		bench_fail("%s cannot be read", path);
	work.trace = &trace;
	work.calls = trace.count;
	work.laps = trace.count;
	space_measure(&work);
	free(trace.calls);
}

void space_traces(void)
{
	one("trace-clang", SPACE_TRACES "/clang.txt");
	one("trace-gcc", SPACE_TRACES "/gcc.txt");
	one("trace-node", SPACE_TRACES "/node.txt");
	one("trace-python", SPACE_TRACES "/python.txt");
	one("trace-shell", SPACE_TRACES "/shell.txt");
}
