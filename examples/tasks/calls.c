/* SPDX-License-Identifier: MIT */
/*
 * Where tasks and the library meet: a page fault is one call of it, and a system
 * call about memory is one, too. What it says of bad arguments is what the task
 * is told: nothing is checked twice. Bytes of a task are read and written through
 * its space (vmm_space_read()), never through its addresses.
 */
#include "calls.h"

#include "abi.h"
#include "console.h"
#include "harts.h"
#include "kernel.h"
#include "lock.h"
#include "shared.h"
#include "supply.h"
#include "task.h"
#include "trap.h"

#define TEXT_MAX 120

static const char *scenario;
static bool is_quiet;
static uint32_t printing;

void calls_scenario(const char *name, bool quiet)
{
	scenario = name;
	is_quiet = quiet;
}

/* Page faults. */

static unsigned access_of(uint64_t cause)
{
	if (cause == CAUSE_FETCH_PAGE_FAULT)
		return VMM_PT_EXEC | VMM_PT_USER;
	return (cause == CAUSE_LOAD_PAGE_FAULT ? VMM_PT_READ : VMM_PT_WRITE) |
	       VMM_PT_USER;
}

/* Why a task dies, in words. */
static void tell(struct task *task, const struct vmm_fault *fault)
{
	struct vmm_sink sink = console();

	if (is_quiet)
		return;
	lock_acquire(&printing);
	print("task %u of %s is killed: %s\n", task->number,
		task->process->image->name, vmm_fault_name(fault->cause));
	vmm_space_explain(
		&task->process->space, fault->va, fault->access, &sink);
	lock_release(&printing);
}

/*
 * The library does it, or says why not. The first task is spared when memory is
 * out: it tries again until others have ended.
 */
static enum task_next page_fault(struct task *task, struct usermode_trap trap)
{
	struct vmm_fault fault;
	int err = vmm_space_fault(&task->process->space, trap.value,
		access_of(trap.cause), &fault);

	if (err == VMM_OK)
		return TASK_GOES_ON;
	if (err == VMM_ENOMEM && task->kept)
		return TASK_YIELDS;
	if (err == VMM_ENOMEM) {
		task->code = KILLED_BY_MEMORY;
		return TASK_ENDS;
	}
	tell(task, &fault);
	task->code = KILLED_BY_FAULT + (long)fault.cause;
	return TASK_ENDS;
}

/* System calls. */

struct call {
	struct task *task;
	const uint64_t *args;
	enum task_next next;
};

static unsigned prot_of(uint64_t how)
{
	unsigned prot = 0;

	if ((how & MAP_READ) != 0)
		prot |= VMM_PT_READ;
	if ((how & MAP_WRITE) != 0)
		prot |= VMM_PT_READ | VMM_PT_WRITE;
	return prot != 0 ? prot | VMM_PT_USER : 0;
}

/* Copy a text out of the task's space; false: it is not the task's to read. */
static bool get_text(struct call *call, char text[TEXT_MAX + 1])
{
	const uint64_t size =
		call->args[1] < TEXT_MAX ? call->args[1] : TEXT_MAX;

	text[size] = '\0';
	return vmm_space_read(&call->task->process->space, call->args[0], text,
		       size, true) == VMM_OK;
}

static int64_t call_exit(struct call *call)
{
	call->task->code = (long)call->args[0];
	call->next = TASK_ENDS;
	return 0;
}

static int64_t call_fail(struct call *call)
{
	char text[TEXT_MAX + 1];

	if (!get_text(call, text))
		return VMM_EACCES;
	lock_acquire(&printing);
	fail("%s: %s", scenario, text);
}

static int64_t call_write(struct call *call)
{
	char text[TEXT_MAX + 1];

	if (!get_text(call, text))
		return VMM_EACCES;
	lock_acquire(&printing);
	print("%s", text);
	lock_release(&printing);
	return 0;
}

/* Start a task in a process, which is given back if that fails. */
static int64_t start(struct call *call, struct process *process, vmm_va_t pc,
	vmm_va_t stack, const struct usermode *registers)
{
	struct task *task;
	int err = task_new(process, call->task, pc, 0, &task);

	if (err)
		return err;
	task->hart = call->task->hart;
	if (registers != NULL) {
		__builtin_memcpy(
			task->user.x, registers->x, sizeof(task->user.x));
		task->user.x[REG_A0] = 0;
	} else {
		task->user.x[REG_SP] = stack + STACK_SIZE;
		task->user.x[REG_A0] = call->args[1];
		task->stack = stack;
	}
	return task_start(task);
}

static int64_t call_fork(struct call *call)
{
	struct process *child;
	int64_t number;
	int err = process_fork(call->task->process, &child);

	if (err)
		return err;
	number = start(call, child, 0, 0, &call->task->user);
	if (number < 0)
		process_put(child);
	return number;
}

static int64_t call_thread(struct call *call)
{
	struct process *process = call->task->process;
	int64_t number;
	vmm_va_t stack;
	int err = process_add_stack(process, &stack);

	if (err)
		return err;
	process_get(process);
	number = start(call, process, call->args[0], stack, NULL);
	if (number >= 0)
		return number;
	err = vmm_space_unmap(&process->space, stack, STACK_SIZE);
	process_put(process);
	return err ? err : number;
}

static int64_t call_exec(struct call *call)
{
	struct task *task = call->task;
	struct image *image = image_find(call->args[0]);
	const uint64_t argument = call->args[1];
	int err;

	if (image == NULL)
		return VMM_ENOENT;
	/* The memory of other tasks is not this one's to replace. */
	if (__atomic_load_n(&task->process->tasks, __ATOMIC_ACQUIRE) != 1)
		return VMM_EBUSY;
	err = process_exec(task->process, image);
	if (err) {
		/* There is nothing left to return to. */
		task->code = KILLED_BY_MEMORY;
		call->next = TASK_ENDS;
		return err;
	}
	task_begin(task, image->elf.entry, task->process->stack + STACK_SIZE);
	return (int64_t)argument;
}

static int64_t call_wait(struct call *call)
{
	call->task->waits_for = call->args[0];
	call->next = TASK_WAITS;
	return 0;
}

static int64_t call_yield(struct call *call)
{
	call->next = TASK_YIELDS;
	return 0;
}

static int64_t call_pin(struct call *call)
{
	if (call->args[0] >= harts_count())
		return VMM_ERANGE;
	call->task->hart = call->args[0];
	call->next = TASK_YIELDS;
	return 0;
}

static int64_t call_harts(struct call *call)
{
	(void)call;
	return (int64_t)harts_count();
}

static int64_t call_time(struct call *call)
{
	int64_t time;

	(void)call;
	__asm__ volatile("rdtime %0" : "=r"(time));
	return time;
}

static int64_t call_used(struct call *call)
{
	(void)call;
	return (int64_t)(supply_owned(OWNER_SPACE) + supply_owned(OWNER_TABLE));
}

static int64_t call_brk(struct call *call)
{
	struct vmm_segment *heap = &call->task->process->heap;
	int err = vmm_segment_resize(heap, call->args[0]);

	return err ? err : (int64_t)heap->base;
}

static enum vmm_space_kind kind_of(uint64_t how)
{
	if ((how & MAP_RING) != 0)
		return VMM_SPACE_RING;
	return (how & MAP_CONTIGUOUS) != 0 ? VMM_SPACE_CONTIGUOUS
					   : VMM_SPACE_ZERO;
}

static int64_t call_map(struct call *call)
{
	const uint64_t *args = call->args;
	const struct vmm_space_request request = {.kind = kind_of(args[2]),
		.place = {.size = args[1],
			.where = args[0],
			/* Downwards: the heap is to have room to grow. */
			.flags = args[0] != 0 ? VMM_VMEM_FIXED
					      : VMM_VMEM_LAST_FIT},
		.prot = prot_of(args[2]),
		.flags = (args[2] & MAP_KEEP) != 0 ? VMM_SPACE_KEEP : 0,
		.name = "mapped memory"};
	vmm_va_t va;
	int err = vmm_space_map(&call->task->process->space, &request, &va);

	return err ? err : (int64_t)va;
}

static int64_t call_unmap(struct call *call)
{
	return vmm_space_unmap(
		&call->task->process->space, call->args[0], call->args[1]);
}

static int64_t call_protect(struct call *call)
{
	return vmm_space_protect(&call->task->process->space, call->args[0],
		call->args[1], prot_of(call->args[2]));
}

static int64_t call_move(struct call *call)
{
	const struct vmm_vmem_request to = {.flags = VMM_VMEM_LAST_FIT};
	vmm_va_t va;
	int err = vmm_space_move(&call->task->process->space, call->args[0],
		call->args[1], VMM_SPACE_MAY_MOVE, &to, &va);

	return err ? err : (int64_t)va;
}

static int64_t call_discard(struct call *call)
{
	return vmm_space_discard(
		&call->task->process->space, call->args[0], call->args[1]);
}

static int64_t call_phys(struct call *call)
{
	vmm_pa_t pa;
	int err =
		vmm_space_phys(&call->task->process->space, call->args[0], &pa);

	return err ? err : (int64_t)pa;
}

static int64_t call_share(struct call *call)
{
	return shared_new(call->args[0]);
}

static int64_t call_attach(struct call *call)
{
	return shared_attach(&call->task->process->space, call->args[0],
		prot_of(call->args[1]));
}

static int64_t call_drop(struct call *call)
{
	(void)call;
	return shared_drop(call->args[0]);
}

static enum task_next system_call(struct task *task)
{
	static int64_t (*const calls[SYSTEM_CALLS])(struct call *) = {
		[SYS_EXIT] = call_exit,
		[SYS_FAIL] = call_fail,
		[SYS_WRITE] = call_write,
		[SYS_FORK] = call_fork,
		[SYS_THREAD] = call_thread,
		[SYS_EXEC] = call_exec,
		[SYS_WAIT] = call_wait,
		[SYS_YIELD] = call_yield,
		[SYS_PIN] = call_pin,
		[SYS_HARTS] = call_harts,
		[SYS_TIME] = call_time,
		[SYS_USED] = call_used,
		[SYS_BRK] = call_brk,
		[SYS_MAP] = call_map,
		[SYS_UNMAP] = call_unmap,
		[SYS_PROTECT] = call_protect,
		[SYS_MOVE] = call_move,
		[SYS_DISCARD] = call_discard,
		[SYS_PHYS] = call_phys,
		[SYS_SHARE] = call_share,
		[SYS_ATTACH] = call_attach,
		[SYS_DROP] = call_drop,
	};
	const uint64_t number = task->user.x[REG_A7];
	struct call call = {task, &task->user.x[REG_A0], TASK_GOES_ON};
	int64_t result = VMM_ENOTSUP;

	task->user.x[REG_PC] += 4;
	if (number < SYSTEM_CALLS)
		result = calls[number](&call);
	/* wait() has its result when it is over. */
	if (call.next != TASK_WAITS)
		task->user.x[REG_A0] = (uint64_t)result;
	return call.next;
}

enum task_next task_trap(struct task *task, struct usermode_trap trap)
{
	switch (trap.cause) {
	case USERMODE_CALL:
		return system_call(task);
	case CAUSE_FETCH_PAGE_FAULT:
	case CAUSE_LOAD_PAGE_FAULT:
	case CAUSE_STORE_PAGE_FAULT:
		return page_fault(task, trap);
	case USERMODE_TIMER:
		return TASK_YIELDS;
	case USERMODE_SOFTWARE:
		harts_heard();
		return TASK_GOES_ON;
	default:
		task->code = KILLED_BY_TRAP;
		return TASK_ENDS;
	}
}
