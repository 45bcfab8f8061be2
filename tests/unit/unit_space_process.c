/* SPDX-License-Identifier: MIT */
/*
 * The life of a process, from its image to its child's exec, with no more than
 * the headers tell: what a small kernel does with spaces, in one piece.
 */
#include "support/space_rig.h"

#include <vmm/segment.h>

#define PAGE  VMM_PAGE_SIZE
#define TEXT  UINT64_C(0x10000)
#define DATA  (TEXT + 2 * PAGE)
#define HEAP  (TEXT + 16 * PAGE)
#define READ  (VMM_PT_READ | VMM_PT_USER)
#define WRITE (VMM_PT_WRITE | VMM_PT_USER)
#define EXEC  (VMM_PT_EXEC | VMM_PT_USER)

static struct space_rig rig;
static struct vmm_object_config config;
static struct vmm_object image;

/* A task: what the kernel has beside the space is its table and the heap. */
struct task {
	struct vmm_pt pt;
	struct vmm_space space;
	struct vmm_segment heap;
	vmm_va_t stack; /* its first address */
};

static struct task parent;
static struct task child;

/* The image's pages begin with where they are in it, and 7. */
static int fill(
	void *ctx, struct vmm_object *object, uint64_t offset, vmm_pa_t pa)
{
	(void)ctx;
	(void)object;
	*space_rig_word(&rig, pa) = offset + 7;
	return 0;
}

static vmm_va_t map(struct task *task, struct vmm_space_request request)
{
	vmm_va_t va;

	CHECK_EQ(vmm_space_map(&task->space, &request, &va), VMM_OK);
	return va;
}

static struct vmm_vmem_request at(vmm_va_t va, uint64_t size)
{
	return (struct vmm_vmem_request){
		.size = size, .where = va, .flags = VMM_VMEM_FIXED};
}

/* Text and data of the image, a heap of one page, a stack behind a guard. */
static void load(struct task *task)
{
	const struct vmm_space_request heap = {.place = at(HEAP, PAGE),
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU,
		.name = "heap"};

	config = rig.object_config;
	config.fill = fill;
	CHECK_EQ(vmm_object_init(&image, &config, 4 * PAGE), VMM_OK);
	map(task, (struct vmm_space_request){.place = at(TEXT, 2 * PAGE),
			  .kind = VMM_SPACE_OBJECT,
			  .prot = VMM_PT_READ | VMM_PT_EXEC | VMM_PT_USER,
			  .object = &image});
	map(task, (struct vmm_space_request){.place = at(DATA, 2 * PAGE),
			  .kind = VMM_SPACE_OBJECT,
			  .prot = SPACE_RWU,
			  .object = &image,
			  .offset = 2 * PAGE});
	/* It lives on in the regions that show it. */
	vmm_object_put(&image);
	CHECK_EQ(vmm_segment_new(
			 &task->heap, &task->space, &heap, VMM_MIB(64), NULL),
		VMM_OK);
	task->stack = map(task,
		(struct vmm_space_request){.place = {.size = VMM_MIB(8),
						   .guard = {PAGE, 0},
						   .flags = VMM_VMEM_LAST_FIT},
			.kind = VMM_SPACE_STACK,
			.prot = SPACE_RWU,
			.name = "main"});
}

static enum vmm_fault_cause fault(
	struct task *task, vmm_va_t va, unsigned access, int err)
{
	struct vmm_fault fault;

	CHECK_EQ(vmm_space_fault(&task->space, va, access, &fault), err);
	space_rig_check(&rig, &task->space);
	return fault.cause;
}

static void put(struct task *task, vmm_va_t va, uint64_t value)
{
	CHECK_EQ(vmm_space_write(&task->space, va, &value, 8, true), VMM_OK);
}

static uint64_t get(struct task *task, vmm_va_t va)
{
	uint64_t value = 0;

	CHECK_EQ(vmm_space_read(&task->space, va, &value, 8, true), VMM_OK);
	return value;
}

/* It runs, page by page, into everything that it has; and past its stack. */
static void run(struct task *task)
{
	CHECK_EQ(fault(task, TEXT + PAGE, EXEC, VMM_OK), VMM_FAULT_OBJECT);
	CHECK_EQ(fault(task, TEXT, WRITE, VMM_EACCES), VMM_FAULT_DENIED);
	CHECK_EQ(fault(task, DATA, WRITE, VMM_OK), VMM_FAULT_COPY);
	CHECK_EQ(get(task, DATA), 2 * PAGE + 7);
	CHECK_EQ(fault(task, HEAP, WRITE, VMM_OK), VMM_FAULT_ZERO);
	CHECK_EQ(fault(task, HEAP + PAGE, READ, VMM_ENOENT), VMM_FAULT_NOBODY);
	/* brk */
	CHECK_EQ(vmm_segment_resize(&task->heap, VMM_MIB(2)), VMM_OK);
	CHECK_EQ(fault(task, HEAP + PAGE, READ, VMM_OK), VMM_FAULT_ZERO_PAGE);
	put(task, HEAP + PAGE, 1);
	CHECK_EQ(fault(task, task->stack + VMM_MIB(8) - 8, WRITE, VMM_OK),
		VMM_FAULT_STACK);
	CHECK_EQ(fault(task, task->stack - 8, WRITE, VMM_EACCES),
		VMM_FAULT_GUARD);
}

/* fork: what either writes, the other does not see; the heap is a segment. */
static void fork(struct task *to, struct task *from)
{
	space_rig_add(&rig, &to->space, &to->pt);
	CHECK_EQ(
		vmm_space_fork(&to->space, &from->space, VMM_FORK_COW), VMM_OK);
	to->stack = from->stack;
	CHECK_EQ(vmm_segment_adopt(&to->heap, &to->space, HEAP, from->heap.size,
			 from->heap.limit, NULL),
		VMM_OK);
	put(to, HEAP + PAGE, 2);
	put(from, DATA + 8, 3);
	CHECK_EQ(get(from, HEAP + PAGE), 1);
	CHECK_EQ(get(to, DATA + 8), 0);
	CHECK_EQ(vmm_segment_resize(&from->heap, PAGE), VMM_OK);
	CHECK_EQ(get(to, HEAP + PAGE), 2);
	/* It can no more write into its parent's text than into its own. */
	CHECK_EQ(fault(to, TEXT, WRITE, VMM_EACCES), VMM_FAULT_DENIED);
}

/*
 * An image in memory once, its pages as they are touched; a parent that goes
 * first; an exec; and at the end what there was at the start.
 */
TEST(unit_space_process_lives_and_leaves_nothing)
{
	for (int f = 0; f < RIG_PLAIN_FORMATS; f++) {
		space_rig_open(&rig, rig_formats[f], 0);
		space_rig_add(&rig, &parent.space, &parent.pt);
		CHECK_EQ(vmm_space_add(&parent.space, PAGE,
				 rig_low_end(rig_formats[f]) - PAGE, 0),
			VMM_OK);
		load(&parent);
		/* So far it has nothing but addresses. */
		CHECK_EQ(rig.frames_live, 0);
		run(&parent);
		fork(&child, &parent);
		/* exit: the child has what it had. */
		space_rig_drop(&rig, &parent.space, &parent.pt);
		CHECK(parent.heap.space == NULL);
		CHECK_EQ(rig.ended, 0);
		CHECK_EQ(get(&child, TEXT + PAGE), PAGE + 7);
		CHECK_EQ(get(&child, DATA), 2 * PAGE + 7);
		CHECK_EQ(get(&child, HEAP + PAGE), 2);
		/* munmap of a part, then exec: the image was in use until now. */
		CHECK_EQ(vmm_space_unmap(&child.space, TEXT, PAGE), VMM_OK);
		CHECK_EQ(fault(&child, TEXT, EXEC, VMM_ENOENT),
			VMM_FAULT_NOBODY);
		vmm_space_clear(&child.space);
		CHECK(child.heap.space == NULL);
		CHECK_EQ(rig.ended, 1);
		CHECK_EQ(rig.frames_live, 0);
		/* The new program is as new as the first one. */
		load(&child);
		run(&child);
		space_rig_drop(&rig, &child.space, &child.pt);
		CHECK_EQ(rig.ended, 2);
		space_rig_close(&rig);
	}
}
