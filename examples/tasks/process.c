/* SPDX-License-Identifier: MIT */
/*
 * A process is made in four steps: a table (table.c), a space on it, addresses
 * for the space, and regions that show the program (process_load()). None of it
 * takes a frame; those come with the faults, in calls.c. The same regions are
 * copied by fork, and unmapped by exec and at the end.
 */
#include "process.h"

#include "console.h"
#include "harts.h"
#include "kernel.h"
#include "supply.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_USER)

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

/* Text, constants, data, bss; the heap behind them, the stack at the top. */
int process_load(struct process *process, struct image *image)
{
	struct vmm_space_request part = {.place.flags = VMM_VMEM_FIXED};
	const struct vmm_space_request heap = {.kind = VMM_SPACE_ZERO,
		.place = {.size = VMM_PAGE_SIZE,
			.where = image->elf.end,
			.flags = VMM_VMEM_FIXED},
		.prot = RW,
		.name = "heap"};
	const struct vmm_space_request stack = {.kind = VMM_SPACE_STACK,
		.place = {.size = STACK_SIZE,
			.guard = {STACK_GUARD, 0},
			.flags = VMM_VMEM_LAST_FIT},
		.prot = RW,
		.name = image->name};
	vmm_va_t va;
	int err = VMM_OK;

	/* Text and constants are the image's; of data, a page is the process's
	 * own once it writes there; bss begins as zeros. */
	for (size_t i = 0; i < image->elf.count && !err; i++) {
		const struct elf_part *from = &image->elf.parts[i];

		part.place.where = from->va;
		part.place.size = from->size;
		part.prot = from->prot | VMM_PT_USER;
		part.object = from->bytes > 0 ? &image->objects[i] : NULL;
		part.kind = part.object ? VMM_SPACE_OBJECT : VMM_SPACE_ZERO;
		err = vmm_space_map(&process->space, &part, &va);
	}
	/* One page of heap, which brk() makes larger; and a stack. */
	if (!err)
		err = vmm_segment_new(
			&process->heap, &process->space, &heap, HEAP_MAX, NULL);
	if (!err)
		err = vmm_space_map(&process->space, &stack, &process->stack);
	return err;
}

/* The same for a task that is not the first. */
int process_add_stack(struct process *process, vmm_va_t *va_out)
{
	const struct vmm_space_request stack = {.kind = VMM_SPACE_STACK,
		.place = {.size = STACK_SIZE,
			.guard = {STACK_GUARD, 0},
			.flags = VMM_VMEM_LAST_FIT},
		.prot = RW,
		.name = process->image->name};

	return vmm_space_map(&process->space, &stack, va_out);
}

/* A process on a page of its own, which takes over one user of @table. */
static int make(struct table *table, struct process **process_out)
{
	struct process *process = supply_page();

	_Static_assert(sizeof(*process) <= VMM_PAGE_SIZE, "fits a page");
	if (process == NULL) {
		table_put(table);
		return VMM_ENOMEM;
	}
	process->table = table;
	process->tasks = 1;
	vmm_space_init(&process->space, &table->pt, &table->hooks);
	*process_out = process;
	return VMM_OK;
}

int process_new(struct process *beside, struct process **process_out)
{
	const struct vmm_layout_area *user = kernel_area(VMM_ROW_USER);
	struct process *process;
	struct table *table;
	int err = VMM_OK;

	if (beside != NULL) {
		table = beside->table;
		table_get(table);
	} else {
		err = table_new(&table);
	}
	if (!err)
		err = make(table, &process);
	if (err)
		return err;
	if (beside != NULL) {
		beside->space.is_shared = true;
		process->space.is_shared = true;
	}
	err = vmm_space_add(&process->space, user->base, user->size, 0);
	if (err)
		process_put(process);
	else
		*process_out = process;
	return err;
}

void process_get(struct process *process)
{
	__atomic_fetch_add(&process->tasks, 1, __ATOMIC_RELAXED);
}

void process_put(struct process *process)
{
	struct table *table = process->table;

	if (__atomic_sub_fetch(&process->tasks, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	check(vmm_space_check(&process->space), "space");
	vmm_space_fini(&process->space);
	if (table->loaded == process)
		table->loaded = NULL;
	supply_page_free(process);
	table_put(table);
}

/* The child's heap is a region like any other until it is adopted. */
int process_fork(struct process *parent, struct process **child_out)
{
	struct process *child;
	struct table *table;
	int err = table_new(&table);

	if (!err)
		err = make(table, &child);
	if (err)
		return err;
	child->image = parent->image;
	child->stack = parent->stack;
	err = vmm_space_fork(&child->space, &parent->space, VMM_FORK_COW);
	if (!err)
		err = vmm_segment_adopt(&child->heap, &child->space,
			parent->heap.base, parent->heap.size,
			parent->heap.limit, NULL);
	if (err)
		process_put(child);
	else
		*child_out = child;
	return err;
}

int process_exec(struct process *process, struct image *image)
{
	vmm_space_clear(&process->space);
	process->image = image;
	return process_load(process, image);
}

/* Another process leaves the table, and takes its pages with it. */
static void load(struct process *process)
{
	struct process *other = process->table->loaded;

	if (other == process)
		return;
	if (other != NULL) {
		check(vmm_space_unload(&other->space), "unload");
		other->unloaded = true;
	}
	if (process->unloaded)
		check(vmm_space_load(&process->space), "load");
	process->unloaded = false;
	process->table->loaded = process;
}

void process_enter(struct process *process)
{
	load(process);
	if (vmm_space_enter(&process->space, (unsigned)harts_self()))
		table_fence(process->table);
}

void process_leave(struct process *process)
{
	vmm_space_leave(&process->space, (unsigned)harts_self());
}
