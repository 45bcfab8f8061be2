/* SPDX-License-Identifier: MIT */
/*
 * Scenarios, one after the other. Each starts from nothing, runs on all harts,
 * and ends with nothing: every frame and every page of a table that was in use
 * at its start, and none more, is in use at its end.
 */
#include "boot.h"
#include "calls.h"
#include "console.h"
#include "frames.h"
#include "harts.h"
#include "image.h"
#include "kernel.h"
#include "shared.h"
#include "stacks.h"
#include "supply.h"
#include "task.h"

#define ANY_CODE (-1)

/* 2 MiB. */
#define BLOCK_ORDER 9
#define BLOCK	    (UINT64_C(1) << BLOCK_ORDER)

struct scenario {
	const char *name;
	enum program program;
	uint64_t argument;
	long code; /* that the first task ends with; ANY_CODE: a number */
	const char *proves; /* with that number in front */
	bool quiet;	    /* tasks die on purpose, many times */
	bool two;	    /* two processes on one table */
	uint64_t leaves;    /* frames; the rest is taken away first. 0: all */
};

static const struct scenario scenarios[] = {
	{.name = "image",
		.program = PROGRAM_IMAGE,
		.code = ANY_CODE,
		.quiet = true,
		.proves = "kinds of access that an image does not allow were "
			  "refused"},
	{.name = "guard",
		.program = PROGRAM_DEEP,
		.code = KILLED_BY_FAULT + VMM_FAULT_GUARD,
		.proves = "a stack that overflows ends at its guard"},
	{.name = "heap",
		.program = PROGRAM_HEAP,
		.code = ANY_CODE,
		.proves = "pages in all for a heap of 32 GiB, touched at 65 "
			  "places"},
	{.name = "copy on write",
		.program = PROGRAM_COW,
		.code = ANY_CODE,
		.proves = "pages are one's own as soon as one writes"},
	{.name = "protect",
		.program = PROGRAM_PROTECT,
		.code = ANY_CODE,
		.quiet = true,
		.proves = "kinds of access were taken away, and given back"},
	{.name = "kinds",
		.program = PROGRAM_KINDS,
		.code = ANY_CODE,
		.quiet = true,
		.proves = "kinds of mappings did as they should: ring, frames "
			  "in a row, moved, discarded"},
	{.name = "exec",
		.program = PROGRAM_EXEC,
		.code = ANY_CODE,
		.quiet = true,
		.proves = "mapping was kept, the image is another one"},
	{.name = "shared memory",
		.program = PROGRAM_SHARE,
		.code = ANY_CODE,
		.proves = "pages outlived the task that made them"},
	{.name = "swap",
		.program = PROGRAM_SWAP,
		.code = ANY_CODE,
		.two = true,
		.proves = "turns in one page table, two tasks at the same "
			  "addresses"},
	{.name = "faults",
		.program = PROGRAM_FAULTS,
		.code = ANY_CODE,
		.proves = "touches by all harts at once, and no page twice"},
	{.name = "unmap",
		.program = PROGRAM_RACE,
		.argument = 0,
		.code = ANY_CODE,
		.quiet = true,
		.proves = "pages were unmapped while another hart read them"},
	{.name = "fork",
		.program = PROGRAM_RACE,
		.argument = 1,
		.code = ANY_CODE,
		.proves = "forks while other harts wrote, each of one moment"},
	{.name = "abuse",
		.program = PROGRAM_ABUSE,
		.code = ANY_CODE,
		.quiet = true,
		.proves = "children that asked for nonsense, and the kernel "
			  "goes on"},
	{.name = "tree",
		.program = PROGRAM_TREE,
		.code = ANY_CODE,
		.leaves = 8192,
		.proves = "forks until memory ran out"},
};

struct counters {
	uint64_t frames; /* of spaces and objects */
	uint64_t pages;	 /* of tables and nodes */
	uint64_t books;	 /* the kernel's */
	uint64_t free;
};

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

static struct counters count(void)
{
	struct vmm_pmem_stat stat;
	struct counters counters = {.frames = supply_owned(OWNER_SPACE),
		.pages = supply_owned(OWNER_TABLE),
		.books = supply_owned(OWNER_KERNEL)};

	frames_drain();
	vmm_pmem_stat(&kernel.pmem, &stat);
	counters.free = stat.free;
	return counters;
}

static struct task *start(const struct scenario *scenario,
	struct process *beside, uint64_t argument)
{
	struct image *image = image_find(scenario->program);
	struct process *process;
	struct task *task;

	check(process_new(beside, &process), "process");
	process->image = image;
	check(process_load(process, image), "image");
	check(task_new(process, NULL, image->elf.entry,
		      process->stack + STACK_SIZE, &task),
		"task");
	task->user.x[REG_A0] = argument;
	task->kept = true;
	return task;
}

static void run_all(void)
{
	for (uint64_t i = 1; i < harts_count(); i++)
		harts_ask(i, tasks_run, 0);
	(void)tasks_run(0);
	for (uint64_t i = 1; i < harts_count(); i++)
		(void)harts_answer(i);
}

/*
 * Blocks that the scenario is not to have, as a list through their first words.
 * Not touched beyond those: the machine's host need not have all that memory.
 */
static vmm_pa_t take_away(uint64_t leaves)
{
	struct vmm_pmem_stat stat;
	vmm_pa_t taken = 0;
	vmm_pa_t pa;

	frames_drain();
	vmm_pmem_stat(&kernel.pmem, &stat);
	while (stat.free >= leaves + BLOCK &&
		frame_alloc(BLOCK_ORDER, &pa) == VMM_OK) {
		*(vmm_pa_t *)__va(pa) = taken;
		taken = pa;
		stat.free -= BLOCK;
	}
	return taken;
}

static void give_back(vmm_pa_t taken)
{
	while (taken != 0) {
		const vmm_pa_t pa = taken;

		taken = *(const vmm_pa_t *)__va(pa);
		check(frame_free(pa, BLOCK_ORDER), "give back");
	}
}

static void compare(const struct scenario *scenario, struct counters start)
{
	const struct counters end = count();

	if (end.frames == start.frames && end.pages == start.pages &&
		end.books == start.books && end.free == start.free)
		return;
	supply_leaks();
	fail("%s: frames %u, then %u; pages %u, then %u; free %u, then %u",
		scenario->name, start.frames, end.frames, start.pages,
		end.pages, start.free, end.free);
}

static void run(const struct scenario *scenario)
{
	const struct counters before = count();
	struct task *second = NULL;
	vmm_pa_t taken = 0;
	struct task *task;
	long code;

	calls_scenario(scenario->name, scenario->quiet);
	images_open();
	task = start(scenario, NULL, scenario->argument);
	if (scenario->two) {
		second = start(scenario, task->process, 1000);
		task->hart = 0;
		second->hart = 0;
	}
	if (scenario->leaves != 0)
		taken = take_away(scenario->leaves);
	(void)task_start(task);
	if (second != NULL)
		(void)task_start(second);
	run_all();
	give_back(taken);
	images_close();
	code = task_collect(task);
	expect(scenario->code == ANY_CODE ? code > 0 && code < KILLED_BY_FAULT
					  : code == scenario->code,
		"%s: its task ended with %x", scenario->name, (uint64_t)code);
	if (second != NULL)
		expect(task_collect(second) == code,
			"%s: the second task ended otherwise", scenario->name);
	expect(shared_count() == 0, "%s: shared memory is left",
		scenario->name);
	compare(scenario, before);
	print("tasks: %s: ", scenario->name);
	if (scenario->code == ANY_CODE)
		print("%u ", (uint64_t)code);
	print("%s; frames %u, pages %u, as before\n", scenario->proves,
		before.frames, before.pages);
}

/* Is a word in the command line? */
static bool wants(const char *word)
{
	const char *at;

	if (vmm_fdt_find_text(&boot.fdt, "/chosen", "bootargs", &at) != VMM_OK)
		return false;
	for (; *at != '\0'; at++) {
		size_t n = 0;

		while (word[n] != '\0' && at[n] == word[n])
			n++;
		if (word[n] == '\0')
			return true;
	}
	return false;
}

void kernel_work(void)
{
	supply_init();
	stacks_init();
	tables_init(wants("without-asids"));
	shared_init();
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		run(&scenarios[i]);
	check(vmm_pt_check(&kernel.pt), "page table check");
	check(frames_check(), "frame check");
	print("tasks: %u tasks on %u harts\n", tasks_started(), harts_count());
}
