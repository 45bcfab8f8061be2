/* SPDX-License-Identifier: MIT */
/*
 * Threads on a bare RISC-V ABI under user-mode emulation: the system call that a
 * C library makes for them. A thread shares everything but its stack; the system
 * writes 0 into `running` when it has ended.
 */
#include "support/threads.h"

#include "support/test.h"

#define SYS_SCHED_YIELD 124
#define STACK		65536

/* VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, CHILD_CLEARTID: clone(2). */
#define CLONE_FLAGS \
	(0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x200000)

long thread_clone(long flags, void *stack_top, uint32_t *running,
	void (*run)(unsigned number), unsigned number);

/* The child has the caller's registers, but for a0 and sp. */
__asm__("	.globl thread_clone\n"
	"thread_clone:\n"
	"	mv t0, a3\n"
	"	mv t1, a4\n"
	"	mv a4, a2\n"
	"	li a2, 0\n"
	"	li a3, 0\n"
	"	li a7, 220\n"
	"	ecall\n"
	"	bnez a0, 1f\n"
	"	mv a0, t1\n"
	"	jalr t0\n"
	"	li a0, 0\n"
	"	li a7, 93\n"
	"	ecall\n"
	"1:	ret\n");

static _Alignas(16) unsigned char stacks[TEST_THREADS_MAX][STACK];
static uint32_t running[TEST_THREADS_MAX];

void test_yield(void)
{
	register long a0 __asm__("a0");
	register long a7 __asm__("a7") = SYS_SCHED_YIELD;

	__asm__ volatile("ecall" : "=r"(a0) : "r"(a7) : "memory");
}

void test_threads(unsigned count, void (*run)(unsigned number))
{
	CHECK(count <= TEST_THREADS_MAX);
	for (unsigned i = 0; i < count; i++) {
		__atomic_store_n(&running[i], 1, __ATOMIC_RELAXED);
		CHECK(thread_clone(CLONE_FLAGS, stacks[i] + STACK, &running[i],
			      run, i) > 0);
	}
	for (unsigned i = 0; i < count; i++) {
		while (__atomic_load_n(&running[i], __ATOMIC_ACQUIRE) != 0)
			test_yield();
	}
}
