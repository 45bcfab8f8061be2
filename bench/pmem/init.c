/* SPDX-License-Identifier: MIT */
/* How long a zone takes to begin, and what it and its cache weigh. */
#include "job.h"
#include "vmm.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *workload;
	uint64_t size;
} spans[] = {
	{"init-1G", VMM_GIB(1)},
	{"init-64G", VMM_GIB(64)},
	{"init-1T", VMM_TIB(1)},
};

#define ROUNDS 9

/* RAM from 2 GiB on, with what firmware reserves, and a hole of 1 GiB. */
static void make_map(
	struct vmm_memmap *map, struct vmm_mem_range *ranges, uint64_t size)
{
	vmm_memmap_init(map, ranges, 16);
	BENCH_MUST(vmm_memmap_add(map, VMM_GIB(2), size) == VMM_OK);
	BENCH_MUST(vmm_memmap_reserve(map, VMM_GIB(2), VMM_KIB(512),
			   VMM_MEM_PERMANENT) == VMM_OK);
	BENCH_MUST(vmm_memmap_reserve(map, VMM_GIB(2) + VMM_MIB(130),
			   VMM_MIB(7) + 5, VMM_MEM_LOADER) == VMM_OK);
}

static void measure(const char *workload, uint64_t size)
{
	struct vmm_mem_range ranges[16];
	const struct vmm_pmem_cache_config config = {.cpus = 1};
	struct vmm_pmem_cache_sizes sizes;
	struct vmm_memmap map;
	struct vmm_pmem zone;
	struct bench_laps laps;
	uint64_t meta_size;
	void *meta;

	make_map(&map, ranges, size);
	BENCH_MUST(vmm_pmem_meta_size(&map, NULL, &meta_size) == VMM_OK);
	job_memory_reset();
	meta = job_memory(meta_size);
	bench_laps_init(&laps, 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		bench_laps_round(&laps);
		bench_lap_start(&laps);
		BENCH_MUST(vmm_pmem_init(&zone, &map, NULL, meta, meta_size) ==
			   VMM_OK);
		bench_lap_end(&laps);
	}
	BENCH_MUST(vmm_pmem_cache_size(&zone, &config, &sizes) == VMM_OK);
	bench_row(workload, "vmm/zone");
	bench_put("init", bench_laps_one(&laps, 0), "ns");
	bench_put("KiB-per-GiB",
		(double)meta_size / 1024 / ((double)size / (double)VMM_GIB(1)),
		"");
	bench_put("cpu-KiB", (double)sizes.memory / 1024, "");
	bench_put("marks-KiB-per-GiB",
		(double)sizes.marks / 1024 /
			((double)size / (double)VMM_GIB(1)),
		"");
	bench_row_end();
	bench_laps_fini(&laps);
}

void bench_init(void)
{
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		if (bench_wants(spans[i].workload))
			measure(spans[i].workload, spans[i].size);
	}
}

void bench_init_goals(void)
{
	static char names[3][32];

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		snprintf(names[i], 32, "KiB-per-GiB-%s", spans[i].workload + 5);
		bench_goal(names[i],
			(struct bench_ref){
				spans[i].workload, "vmm/zone", "KiB-per-GiB"},
			36);
	}
	bench_goal("init-1T-ns",
		(struct bench_ref){"init-1T", "vmm/zone", "init"}, 3e6);
}
