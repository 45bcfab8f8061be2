/* SPDX-License-Identifier: MIT */
/*
 * A machine for the processes of a trace: a pool of pages, objects for files,
 * and for each process a space and its model. For model_space_traces.c; host
 * only.
 */
#ifndef TRACE_WORLD_H
#define TRACE_WORLD_H

#include "support/trace_model.h"

#include "space/trace.h"

#include <vmm/space.h>
#include <vmm/space_fault.h>
#include <vmm/space_object.h>

#define PROCESSES 256
#define FILES	  256

struct process {
	bool is_space;
	struct vmm_space space;
	struct vmm_pt live;
	vmm_pa_t root;
	struct trace_process model;
};

struct file {
	bool made;
	struct vmm_object object;
	struct vmm_object_config config;
	uint64_t pages;
	uint8_t *byte; /* as the model has it */
};

extern struct process trace_processes[PROCESSES];
/* Memory that is shared without a file is behind the files. */
extern struct file trace_files[FILES];
extern struct rng trace_rng;

/* What was done. */
struct trace_did {
	uint64_t refused;
	uint64_t touches;
	uint64_t copies;
	uint64_t pages;
};
extern struct trace_did trace_did;

/* Begin with the files of a trace, and end: nothing is left over. */
void trace_open(const struct trace *trace);
void trace_close(void);
/* A new object of zeros; its number. */
unsigned trace_share(uint64_t size);

struct process *trace_process_at(unsigned number);
void trace_make(struct process *it);  /* a space without addresses */
void trace_begin(struct process *it); /* a program: an empty space */
void trace_end(struct process *it);

uint8_t *trace_ram(vmm_pa_t pa);
/* What the model says of a page's first byte. */
uint8_t trace_byte(const struct trace_page *page);
/* And of its last one, which nobody writes to. */
uint8_t trace_last_byte(const struct trace_page *page);
/* Read or write the first byte, as the process does, and see that all is right. */
void trace_touch(struct process *it, vmm_va_t va, bool write);
/* The ends of a range, what is beside them, and some pages inside. */
void trace_touch_some(struct process *it, vmm_va_t va, uint64_t size);

#endif /* TRACE_WORLD_H */
