/* SPDX-License-Identifier: MIT */
/*
 * The guest on a PC, in the top 2 GiB of whatever table is on. It starts as
 * examples/kernel-x86_64 does, and takes what that has for its machine.
 */
#include "guest.h"

#include "machine.h"
#include "tables.h"
#include "x86.h"

#include <vmm/pt_upkeep.h>
#include <vmm/x86.h>

/* Where the guest is linked, minus where it is loaded (access_x86_64.ld). */
#define IMAGE	   UINT64_C(0xffffffff80000000)
#define IMAGE_SIZE VMM_MIB(16)
/* Where the user's code is, far from all that is tried. */
#define USER_PAGE  (UINT64_C(1) << 40)

/* Vectors, and the error code of a page fault (Intel SDM 3A, 6.15 and 4.7). */
#define UNDEFINED   6
#define PAGE_FAULT  14
#define FAULT_WRITE 2u
#define FAULT_USER  4u
#define FAULT_RSVD  8u
#define FAULT_FETCH 16u

#define CR4_SMEP     (UINT64_C(1) << 20)
#define CR4_SMAP     (UINT64_C(1) << 21)
#define RFLAGS_FIXED 2u

/* Selectors: the kernel's as in tables.c. */
#define KERNEL_CODE 8

/* What entry.S and the processor push on a trap. */
struct trap_frame {
	uint64_t saved[8];
	uint64_t rax;
	uint64_t vector;
	uint64_t error;
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};

extern char access_page[], access_load[], access_store[], access_resume[];
extern uint64_t access_stack;
void access_kernel(vmm_va_t va, uint64_t value, uint64_t code);
void access_user(vmm_va_t va, uint64_t value, uint64_t code);
_Noreturn void kernel_main(vmm_pa_t start_info);
void trap_handle(struct trap_frame *frame);

static uint8_t used[TABLES_MAX];
static uint64_t first_cr3;
static uint64_t tables_of_guest; /* in a table without anything else */
static struct outcome last;
static uint64_t last_error;

void test_write(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		machine_put(text[i]);
}

_Noreturn void test_exit(int status)
{
	machine_off(status == 0);
}

static void put(const char *what, uint64_t value)
{
	test_puts(what);
	test_put_hex(value);
}

/* Note how the access ended, and go on behind it, on the kernel's stack. */
void trap_handle(struct trap_frame *frame)
{
	const bool fault =
		frame->vector == PAGE_FAULT && (frame->error & FAULT_RSVD) == 0;

	if (access_stack == 0 || (!fault && frame->vector != UNDEFINED)) {
		put("vector ", frame->vector);
		put(", error ", frame->error);
		put(", rip ", frame->rip);
		put(", cr2 ", x86_read_cr2());
		test_puts("\n");
		test_exit(1);
	}
	last = (struct outcome){CAUSE_NONE, frame->rax};
	last_error = frame->error;
	if (fault)
		last = (struct outcome){
			(frame->error & FAULT_FETCH) != 0   ? CAUSE_FETCH
			: (frame->error & FAULT_WRITE) != 0 ? CAUSE_STORE
							    : CAUSE_LOAD,
			x86_read_cr2()};
	frame->rip = (uintptr_t)access_resume;
	frame->cs = KERNEL_CODE;
	frame->ss = 0;
	frame->rflags = RFLAGS_FIXED;
	frame->rsp = access_stack;
	access_stack = 0;
}

/* The descriptors of tables.c, and two for the user. */
static void load_segments(void)
{
	static uint64_t gdt[] = {0, 0x00209b0000000000, 0, 0x0000f30000000000,
		0x0020fb0000000000};
	const struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = {sizeof(gdt) - 1, (uintptr_t)gdt};

	__asm__ volatile("lgdt %0" : : "m"(pointer) : "memory");
}

_Noreturn void kernel_main(vmm_pa_t start_info)
{
	char name[] = "access";
	char *argv[] = {name, NULL};

	(void)start_info;
	tables_load();
	load_segments();
	x86_write_cr4(x86_read_cr4() | CR4_SMEP | CR4_SMAP);
	first_cr3 = vmm_x86_cr3_read();
	for (vmm_pa_t pa = GUEST_FRAMES; pa < GUEST_FRAMES + FRAMES_SIZE;
		pa += VMM_PAGE_SIZE)
		*(uint64_t *)(pa + IMAGE) = page_word(pa);
	test_exit(test_main(1, argv));
}

const struct vmm_pt_format *guest_format(size_t index)
{
	if (index != 0)
		return NULL;
	return (x86_read_cr4() & X86_CR4_LA57) != 0 ? &vmm_pt_la57
						    : &vmm_pt_x86_64;
}

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	/* The first one is the root's. */
	for (size_t i = 1; i < TABLES_MAX; i++) {
		if (used[i])
			continue;
		used[i] = 1;
		*pa_out = GUEST_TABLES + i * VMM_PAGE_SIZE;
		return VMM_OK;
	}
	return VMM_ENOMEM;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	uint64_t *words = (uint64_t *)(pa + IMAGE);
	const size_t i = (pa - GUEST_TABLES) / VMM_PAGE_SIZE;

	(void)ctx;
	CHECK(i < TABLES_MAX && used[i]);
	used[i] = 0;
	/* A table that is walked after it was freed must be noticed. */
	for (size_t at = 0; at < VMM_PAGE_SIZE / 8; at++)
		words[at] = UINT64_MAX;
}

static const struct vmm_pages pages = {page_alloc, page_free, NULL};

void guest_table_on(struct vmm_pt *pt, const struct vmm_pt_format *format)
{
	const unsigned read_exec = VMM_PT_READ | VMM_PT_EXEC;

	vmm_pt_init(pt, format, &pages, IMAGE, GUEST_TABLES);
	CHECK_EQ(vmm_pt_map(pt, IMAGE, 0, IMAGE_SIZE, read_exec | VMM_PT_WRITE,
			 NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_map(pt, USER_PAGE, (uintptr_t)access_page - IMAGE,
			 VMM_PAGE_SIZE, read_exec | VMM_PT_USER, NULL),
		VMM_OK);
	tables_of_guest = pt->table_count;
	vmm_x86_cr3_write(vmm_x86_cr3(pt, 0));
}

static void prune(struct vmm_pt *pt, struct vmm_tlb_gather *gather)
{
	const vmm_va_t half = UINT64_C(1) << (pt->format->va_bits - 1);

	CHECK_EQ(vmm_pt_prune(pt, 0, half, gather), VMM_OK);
	CHECK_EQ(vmm_pt_prune(pt, -half, half, gather), VMM_OK);
	guest_flush(pt, gather);
}

void guest_table_off(struct vmm_pt *pt)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	prune(pt, &gather);
	CHECK_EQ(pt->table_count, tables_of_guest);
	vmm_x86_cr3_write(first_cr3);
	CHECK_EQ(vmm_pt_unmap(pt, IMAGE, IMAGE_SIZE, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_unmap(pt, USER_PAGE, VMM_PAGE_SIZE, &gather), VMM_OK);
	prune(pt, &gather);
	CHECK_EQ(pt->table_count, 1);
	vmm_pt_fini(pt);
	for (size_t i = 0; i < TABLES_MAX; i++)
		CHECK(used[i] == 0);
}

/*
 * QEMU drops code that it has translated only for the page that INVLPG names,
 * and not for the rest of a large one; so for large pages everything goes.
 */
void guest_flush(struct vmm_pt *pt, struct vmm_tlb_gather *gather)
{
	const struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);

	vmm_x86_flush(gather, false);
	if (vmm_x86_flush_kind(&plan, false) == VMM_X86_PAGES &&
		plan.shift > VMM_PAGE_SHIFT)
		vmm_x86_flush_everything();
	vmm_pt_reap(pt, gather);
}

struct outcome guest_access(
	const struct vmm_pt *pt, vmm_va_t va, struct access access)
{
	const uint64_t page = access.user ? USER_PAGE : (uintptr_t)access_page;
	const char *code = access.kind == LOAD ? access_load : access_store;
	const uint64_t to = access.kind == FETCH
				    ? va
				    : page + (uint64_t)(code - access_page);
	vmm_pa_t pa = 0;

	/* A store writes what is there anyway: frames keep their words. */
	(void)!vmm_pt_translate(pt, va, &pa, NULL);
	if (access.user) {
		access_user(va, page_word(pa), to);
	} else {
		if (access.sum)
			__asm__ volatile("stac" : : : "memory");
		access_kernel(va, page_word(pa), to);
		__asm__ volatile("clac" : : : "memory");
	}
	if (last.cause != CAUSE_NONE)
		CHECK_EQ((last_error & FAULT_USER) != 0, access.user);
	return last;
}
