/* SPDX-License-Identifier: MIT */
/*
 * One lock for the queue and for who is whose child. Nothing of the library is
 * called with it held, and no task is looked at by two harts: a hart that takes
 * one out of the queue has it alone, until it puts it back or lets it wait.
 */
#include "task.h"

#include "console.h"
#include "harts.h"
#include "kernel.h"
#include "lock.h"
#include "sbi.h"
#include "stacks.h"
#include "supply.h"

#include <vmm/riscv.h>

/* Ticks of the timer, which QEMU has at 10 MHz. */
#define SLICE	 20000	    /* 2 ms */
#define IDLE	 10000	    /* 1 ms */
#define TOO_LONG 1000000000 /* 100 s: something hangs */

#define SIE_SOFTWARE 2u
#define SIE_TIMER    32u

static uint32_t taken;
static struct task *first;
static struct task **end = &first;
static uint64_t alive;
static uint64_t idle; /* harts, a bit each */
static uint64_t numbers;
static struct task *on[HARTS_MAX]; /* what harts run, for give_up() */

static uint64_t now(void)
{
	uint64_t time;

	__asm__ volatile("rdtime %0" : "=r"(time) : : "memory");
	return time;
}

void task_begin(struct task *task, vmm_va_t pc, vmm_va_t sp)
{
	__builtin_memset(task->user.x, 0, sizeof(task->user.x));
	task->user.x[REG_PC] = pc;
	task->user.x[REG_SP] = sp;
}

int task_new(struct process *process, struct task *parent, vmm_va_t pc,
	vmm_va_t sp, struct task **task_out)
{
	struct task *task = supply_page();

	_Static_assert(sizeof(*task) <= VMM_PAGE_SIZE, "fits a page");
	if (task == NULL)
		return VMM_ENOMEM;
	task->process = process;
	task->user.satp = table_satp(process->table);
	task->user.fence = process->table->asid == 0;
	task_begin(task, pc, sp);
	task->hart = TASK_ANY;
	task->parent = parent;
	*task_out = task;
	return VMM_OK;
}

/* With the lock: into the queue, and a hart that sleeps is to look at it. */
static void enqueue(struct task *task)
{
	const uint64_t may = task->hart == TASK_ANY
				     ? idle
				     : idle & UINT64_C(1) << task->hart;

	task->next = NULL;
	*end = task;
	end = &task->next;
	for (uint64_t i = 0; i < HARTS_MAX; i++) {
		if ((may >> i & 1) == 0)
			continue;
		idle &= ~(UINT64_C(1) << i);
		if (i != harts_self() && sbi_send_ipi(harts_id(i)) != 0)
			fail("hart %u cannot be woken", i);
		break;
	}
}

int64_t task_start(struct task *task)
{
	int64_t number;

	lock_acquire(&taken);
	number = (int64_t)++numbers;
	task->number = (uint64_t)number;
	__atomic_fetch_add(&alive, 1, __ATOMIC_RELAXED);
	if (task->parent != NULL) {
		task->sibling = task->parent->children;
		task->parent->children = task;
	}
	enqueue(task);
	lock_release(&taken);
	return number;
}

uint64_t tasks_started(void)
{
	return __atomic_load_n(&numbers, __ATOMIC_RELAXED);
}

/* The first in the queue that this hart may run; or NULL, and it is idle. */
static struct task *dequeue(uint64_t self)
{
	struct task **link = &first;
	struct task *task;

	lock_acquire(&taken);
	while (*link != NULL && (*link)->hart != TASK_ANY &&
		(*link)->hart != self)
		link = &(*link)->next;
	task = *link;
	if (task != NULL) {
		*link = task->next;
		if (end == &task->next)
			end = link;
		idle &= ~(UINT64_C(1) << self);
	} else {
		idle |= UINT64_C(1) << self;
	}
	lock_release(&taken);
	return task;
}

/* With the lock: a child that is over, or is to be waited for; or NULL. */
static struct task **find_child(struct task *parent, uint64_t number)
{
	struct task **link = &parent->children;
	struct task **found = NULL;

	for (; *link != NULL; link = &(*link)->sibling) {
		if (number != 0 && (*link)->number != number)
			continue;
		found = link;
		if ((*link)->over)
			break;
	}
	return found;
}

/* With the lock: the parent has the code, and the child is no more. */
static struct task *unlink(struct task *parent, struct task **link)
{
	struct task *child = *link;

	*link = child->sibling;
	parent->user.x[REG_A0] = (uint64_t)child->code;
	return child;
}

/* The task called wait(): it goes on at once, or when a child ends. */
static void wait(struct task *task)
{
	struct task **link;
	struct task *child = NULL;

	lock_acquire(&taken);
	link = find_child(task, task->waits_for);
	if (link == NULL) {
		task->user.x[REG_A0] = (uint64_t)VMM_ENOENT;
		enqueue(task);
	} else if ((*link)->over) {
		child = unlink(task, link);
		enqueue(task);
	} else {
		task->waits = true;
	}
	lock_release(&taken);
	if (child != NULL)
		supply_page_free(child);
}

/* With the lock: children have no parent; those that are over go, as a list. */
static struct task *disown(struct task *task)
{
	struct task *gone = NULL;
	struct task *child = task->children;

	while (child != NULL) {
		struct task *next = child->sibling;

		child->parent = NULL;
		if (child->over) {
			child->sibling = gone;
			gone = child;
		}
		child = next;
	}
	task->children = NULL;
	return gone;
}

static void free_all(struct task *task)
{
	while (task != NULL) {
		struct task *next = task->sibling;

		supply_page_free(task);
		task = next;
	}
}

static void put_back(struct task *task)
{
	lock_acquire(&taken);
	enqueue(task);
	lock_release(&taken);
}

/*
 * Its memory first, so that whoever hears of the end finds it free. A task that
 * nobody waits for now stays for its parent, or for the kernel if it is kept.
 */
static void finish(struct task *task)
{
	struct task *parent = NULL;
	struct task *gone;

	if (task->stack != 0)
		expect(vmm_space_unmap(&task->process->space, task->stack,
			       STACK_SIZE) == VMM_OK,
			"the stack of task %u is gone", task->number);
	process_put(task->process);
	lock_acquire(&taken);
	gone = disown(task);
	task->over = true;
	if (task->parent != NULL && task->parent->waits &&
		(task->parent->waits_for == 0 ||
			task->parent->waits_for == task->number)) {
		parent = task->parent;
		parent->waits = false;
		(void)unlink(parent, find_child(parent, task->number));
	}
	if (parent != NULL || (task->parent == NULL && !task->kept)) {
		task->sibling = gone;
		gone = task;
	}
	lock_release(&taken);
	free_all(gone);
	if (parent != NULL)
		put_back(parent);
	__atomic_fetch_sub(&alive, 1, __ATOMIC_RELEASE);
}

/* User mode, until the slice is over or the task has to let another one on. */
static enum task_next run(struct task *task)
{
	enum task_next next;

	on[harts_self()] = task;
	process_enter(task->process);
	sbi_set_timer(now() + SLICE);
	do
		next = task_trap(task, usermode_run(&task->user));
	while (next == TASK_GOES_ON);
	process_leave(task->process);
	on[harts_self()] = NULL;
	return next;
}

/* Something hangs: what do the harts do? */
_Noreturn static void give_up(void)
{
	for (uint64_t i = 0; i < HARTS_MAX; i++) {
		const struct task *task = on[i];

		if (task != NULL)
			print("hart %u: task %u of %s, last trap at %x\n", i,
				task->number, task->process->image->name,
				task->user.x[REG_PC]);
	}
	fail("%u tasks that do not end", alive);
}

/* Until the timer, or until another hart has put something into the queue. */
static void sleep(void)
{
	sbi_set_timer(now() + IDLE);
	__asm__ volatile("wfi");
	harts_heard();
}

static uint64_t run_all(uint64_t arg)
{
	const uint64_t self = harts_self();
	const uint64_t until = now() + TOO_LONG;

	(void)arg;
	__asm__ volatile("csrs sie, %0" : : "r"(SIE_SOFTWARE | SIE_TIMER));
	while (__atomic_load_n(&alive, __ATOMIC_ACQUIRE) > 0) {
		struct task *task = dequeue(self);

		if (now() > until)
			give_up();
		if (task == NULL) {
			sleep();
			continue;
		}
		switch (run(task)) {
		case TASK_WAITS:
			wait(task);
			break;
		case TASK_ENDS:
			finish(task);
			break;
		default:
			put_back(task);
		}
	}
	__asm__ volatile("csrc sie, %0" : : "r"(SIE_TIMER));
	lock_acquire(&taken);
	idle &= ~(UINT64_C(1) << self);
	lock_release(&taken);
	return 0;
}

uint64_t tasks_run(uint64_t arg)
{
	return stacks_call(run_all, arg);
}

long task_collect(struct task *task)
{
	const long code = task->code;

	expect(task->over, "task %u is not over", task->number);
	supply_page_free(task);
	return code;
}
