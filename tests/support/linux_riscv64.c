/* SPDX-License-Identifier: MIT */
/*
 * The platform of the tests on a bare RISC-V ABI under user-mode emulation:
 * two Linux system calls and an entry point. The four memory functions that the
 * library leaves undefined are the example kernel's.
 */
#include "support/test.h"

#define SYS_WRITE      64
#define SYS_EXIT_GROUP 94

_Noreturn void start_c(long *stack);

static long syscall3(long number, long a, long b, long c)
{
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a7 __asm__("a7") = number;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a1), "r"(a2), "r"(a7)
			 : "memory");
	return a0;
}

void test_write(const char *text, size_t size)
{
	(void)syscall3(SYS_WRITE, 1, (long)text, (long)size);
}

_Noreturn void test_exit(int status)
{
	for (;;)
		(void)syscall3(SYS_EXIT_GROUP, status, 0, 0);
}

/* The kernel puts argc, then the argv pointers, at the stack pointer. */
_Noreturn void start_c(long *stack)
{
	test_exit(test_main((int)stack[0], (char **)(stack + 1)));
}

__asm__(".globl _start\n"
	"_start:\n"
	"	.option push\n"
	"	.option norelax\n"
	"	la gp, __global_pointer$\n"
	"	.option pop\n"
	"	mv a0, sp\n"
	"	andi sp, sp, -16\n"
	"	tail start_c\n");
