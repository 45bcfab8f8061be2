/* SPDX-License-Identifier: MIT */
/*
 * What a zone tells people: its counts, its runs, a text. A walk over all blocks
 * would hold a lock for too long, so it lets go after every few of them: each
 * block is then as it was when the walk came by.
 */
#include "core/text.h"
#include "pmem/pmem_internal.h"

void vmm_pmem_stat(const struct vmm_pmem *pmem, struct vmm_pmem_stat *stat_out)
{
	stat_out->base = vmm_pfn_to_pa(pmem->first);
	stat_out->count = pmem->count;
	stat_out->managed = pmem->managed;
	stat_out->free = pmem->free;
	stat_out->held = pmem->held;
	stat_out->used = pmem->managed - pmem->free - pmem->held;
	stat_out->used_peak = pmem->used_peak;
}

/*
 * Add the runs of one line. Folded by order n, the line has as many ones as
 * there are aligned free runs of order n, of which two for each run of order
 * n + 1 are parts of it.
 */
static void add_line(const uint64_t *line, uint64_t *runs)
{
	unsigned order = line_order(line);
	uint64_t larger = 0;

	for (;; order--) {
		uint64_t count = 0;

		for (unsigned at = 0; order >= WORD_ORDER && at < BLOCK_FRAMES;
			at += 1U << order)
			count += line_run_free(line, at, order) ? 1 : 0;
		for (unsigned w = 0; order < WORD_ORDER && w < LINE_WORDS; w++)
			count += vmm_popcount(line_fold(line[w], order));
		runs[order] += count - 2 * larger;
		larger = count;
		if (order == 0)
			return;
	}
}

/* Add the runs of @count blocks from @b on. */
static void add_blocks(
	const struct vmm_pmem *pmem, uint64_t b, uint64_t count, uint64_t *runs)
{
	for (; count > 0; b++, count--) {
		const struct block_info *info = pmem_info(pmem, b);

		if (info->free == 0 || (info->flags & BLOCK_HELD) != 0)
			continue;
		if (info->free == BLOCK_FRAMES)
			runs[BLOCK_ORDER]++;
		else
			add_line(pmem_line(pmem, b), runs);
	}
}

void vmm_pmem_runs(const struct vmm_pmem *pmem, struct vmm_pmem_runs *runs_out)
{
	*runs_out = (struct vmm_pmem_runs){{0}};
	add_blocks(pmem, 0, pmem->blocks, runs_out->runs);
}

void vmm_pmem_runs_in_steps(const struct vmm_pmem *pmem,
	const struct vmm_lock *lock, struct vmm_pmem_runs *runs_out)
{
	*runs_out = (struct vmm_pmem_runs){{0}};
	for (uint64_t b = 0; b < pmem->blocks; b += RUNS_STEP) {
		const uint64_t left = pmem->blocks - b;

		pmem_lock(lock);
		add_blocks(pmem, b, left < RUNS_STEP ? left : RUNS_STEP,
			runs_out->runs);
		pmem_unlock(lock);
	}
}

static void dump_frames(
	const struct vmm_sink *sink, const char *what, uint64_t frames)
{
	vmm_text_pad(sink, what, 10);
	vmm_text_dec(sink, frames, 14);
	vmm_text_str(sink, " frames ");
	vmm_text_size(sink, frames << VMM_PAGE_SHIFT, 12);
	vmm_text_str(sink, "\n");
}

static const char *range_name(uint32_t kind)
{
	if (kind == VMM_MEM_FREE)
		return "managed";
	return kind == RANGE_OFFLINE ? "offline" : vmm_mem_kind_name(kind);
}

static bool copy_range(const struct vmm_pmem *pmem, const struct vmm_lock *lock,
	uint32_t i, struct frame_range *out)
{
	bool is;

	pmem_lock(lock);
	is = i < pmem->ranges_count;
	if (is)
		*out = pmem_ranges(pmem)[i];
	pmem_unlock(lock);
	return is;
}

static void dump_ranges(const struct vmm_pmem *pmem,
	const struct vmm_lock *lock, const struct vmm_sink *sink)
{
	struct frame_range r;

	for (uint32_t i = 0; copy_range(pmem, lock, i, &r); i++) {
		const uint64_t size = r.count << VMM_PAGE_SHIFT;

		vmm_text_range(sink, vmm_pfn_to_pa(r.first), size);
		vmm_text_str(sink, " ");
		vmm_text_size(sink, size, 10);
		vmm_text_str(sink, "  ");
		vmm_text_str(sink, range_name(r.kind));
		vmm_text_str(sink, "\n");
	}
}

static void dump_runs(
	const struct vmm_pmem_runs *runs, const struct vmm_sink *sink)
{
	for (unsigned order = 0; order < ORDER_COUNT; order++) {
		if (runs->runs[order] == 0)
			continue;
		vmm_text_dec(sink, runs->runs[order], 24);
		vmm_text_str(sink, " free runs of ");
		vmm_text_size(sink, VMM_PAGE_SIZE << order, 0);
		vmm_text_str(sink, "\n");
	}
}

void vmm_pmem_dump_in_steps(const struct vmm_pmem *pmem,
	const struct vmm_lock *lock, const struct vmm_sink *sink)
{
	struct vmm_pmem_runs runs;
	struct vmm_pmem_stat stat;

	pmem_lock(lock);
	vmm_pmem_stat(pmem, &stat);
	pmem_unlock(lock);
	vmm_pmem_runs_in_steps(pmem, lock, &runs);
	dump_ranges(pmem, lock, sink);
	dump_frames(sink, "window", stat.count);
	dump_frames(sink, "managed", stat.managed);
	dump_frames(sink, "free", stat.free);
	if (stat.held != 0)
		dump_frames(sink, "held back", stat.held);
	dump_frames(sink, "used", stat.used);
	dump_frames(sink, "used peak", stat.used_peak);
	dump_runs(&runs, sink);
}

void vmm_pmem_dump(const struct vmm_pmem *pmem, const struct vmm_sink *sink)
{
	vmm_pmem_dump_in_steps(pmem, NULL, sink);
}
