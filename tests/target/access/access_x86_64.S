/* SPDX-License-Identifier: MIT */
/*
 * Single accesses in the name of the kernel and of the user. Each ends in a
 * trap: a page fault, or ud2 when all went well. The trap comes out at
 * access_resume, with what was loaded in rax.
 */
#define USER_CODE  0x23			/* selectors of guest_x86_64.c */
#define USER_DATA  0x1b

/*
 * void access_kernel(vmm_va_t va, uint64_t value, uint64_t code)
 * void access_user(vmm_va_t va, uint64_t value, uint64_t code)
 *
 * Go to @code: access_load, access_store, or @va itself for a fetch. The user's
 * code is at its address in the user's page.
 */
	.text
	.globl	access_kernel, access_user, access_resume
access_kernel:
	call	access_save
	jmpq	*%rdx

access_user:
	call	access_save
	pushq	$USER_DATA
	pushq	$0			/* the user has no stack */
	pushq	$2			/* flags: none, no interrupts */
	pushq	$USER_CODE
	pushq	%rdx
	iretq

/* Keep what a caller wants kept, and the stack it is on. */
access_save:
	popq	%rax
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, access_stack(%rip)
	jmpq	*%rax

access_resume:
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.bss
	.balign	8
	.globl	access_stack
access_stack:
	.space	8

/* A page of its own, which is mapped for the user as well. */
	.section .text.user, "ax"
	.balign	4096
	.globl	access_page, access_load, access_store
access_page:
access_load:
	movq	(%rdi), %rax
	ud2
access_store:
	movq	%rsi, (%rdi)
	ud2
	.balign	4096
