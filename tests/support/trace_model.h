/* SPDX-License-Identifier: MIT */
/*
 * Processes of a trace, as a table of pages: what each page is, what may be
 * done with it, and one byte of it. For model_space_traces.c; host only.
 */
#ifndef TRACE_MODEL_H
#define TRACE_MODEL_H

#include "support/test.h"

#define PAGE	    UINT64_C(4096)
#define CHUNK_PAGES 512u

struct trace_page {
	bool used;
	bool own; /* written to, and private */
	bool stack;
	bool shared;
	uint8_t byte;
	uint16_t prot;
	uint32_t file; /* 0: none */
	uint32_t at;   /* page of the file */
};

struct trace_chunk {
	struct trace_chunk *next; /* by address */
	vmm_va_t base;
	struct trace_page page[CHUNK_PAGES];
};

struct trace_process {
	struct trace_chunk *chunks;
	struct trace_chunk *last; /* that was looked at */
	uint64_t used;
};

/* A page of a process; or NULL: nothing near by was ever used. */
struct trace_page *trace_look(struct trace_process *process, vmm_va_t va);
/* The same, made if it is not there. */
struct trace_page *trace_page(struct trace_process *process, vmm_va_t va);
void trace_unmap(struct trace_process *process, vmm_va_t va, uint64_t size);
/* How many pages of a range are used? */
uint64_t trace_used(struct trace_process *process, vmm_va_t va, uint64_t size);
void trace_copy(struct trace_process *to, const struct trace_process *from);
void trace_clear(struct trace_process *process);

#endif /* TRACE_MODEL_H */
