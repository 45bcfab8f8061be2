/* SPDX-License-Identifier: MIT */
/*
 * usermode.h. On the way the roots are switched without a fence: the kernel's
 * is used with address-space id 0, and tasks have other ones. What a hart may
 * still remember of a task's id is fenced before it gets here
 * (vmm_space_enter()). Where there are no ids, each switch is fenced.
 */
#define SATP	       256
#define FENCE	       264
#define KERNEL_SATP    272
#define KERNEL_SP      280
#define KERNEL_SCRATCH 288

#define SSTATUS_SPP 0x100	/* sret: to user mode if it is 0 */

	.text
	.balign	4
	.globl	usermode_run
usermode_run:
	addi	sp, sp, -128
	sd	ra, 0(sp)
	sd	gp, 8(sp)
	sd	tp, 16(sp)
	sd	s0, 24(sp)
	sd	s1, 32(sp)
	sd	s2, 40(sp)
	sd	s3, 48(sp)
	sd	s4, 56(sp)
	sd	s5, 64(sp)
	sd	s6, 72(sp)
	sd	s7, 80(sp)
	sd	s8, 88(sp)
	sd	s9, 96(sp)
	sd	s10, 104(sp)
	sd	s11, 112(sp)
	sd	sp, KERNEL_SP(a0)
	csrr	t0, satp
	sd	t0, KERNEL_SATP(a0)
	csrr	t0, sscratch
	sd	t0, KERNEL_SCRATCH(a0)
	csrw	sscratch, a0
	lla	t0, usermode_trap
	csrw	stvec, t0
	ld	t0, 0(a0)
	csrw	sepc, t0
	li	t0, SSTATUS_SPP
	csrc	sstatus, t0
	ld	t0, SATP(a0)
	csrw	satp, t0		/* no stack from here on */
	ld	t0, FENCE(a0)
	beqz	t0, 1f
	sfence.vma
1:
	ld	ra, 8(a0)
	ld	sp, 16(a0)
	ld	gp, 24(a0)
	ld	tp, 32(a0)
	ld	t0, 40(a0)
	ld	t1, 48(a0)
	ld	t2, 56(a0)
	ld	s0, 64(a0)
	ld	s1, 72(a0)
	ld	a1, 88(a0)
	ld	a2, 96(a0)
	ld	a3, 104(a0)
	ld	a4, 112(a0)
	ld	a5, 120(a0)
	ld	a6, 128(a0)
	ld	a7, 136(a0)
	ld	s2, 144(a0)
	ld	s3, 152(a0)
	ld	s4, 160(a0)
	ld	s5, 168(a0)
	ld	s6, 176(a0)
	ld	s7, 184(a0)
	ld	s8, 192(a0)
	ld	s9, 200(a0)
	ld	s10, 208(a0)
	ld	s11, 216(a0)
	ld	t3, 224(a0)
	ld	t4, 232(a0)
	ld	t5, 240(a0)
	ld	t6, 248(a0)
	ld	a0, 80(a0)
	sret

/* On the task's root, with its registers; sscratch has its struct usermode. */
	.balign	4
usermode_trap:
	csrrw	a0, sscratch, a0
	sd	ra, 8(a0)
	sd	sp, 16(a0)
	sd	gp, 24(a0)
	sd	tp, 32(a0)
	sd	t0, 40(a0)
	sd	t1, 48(a0)
	sd	t2, 56(a0)
	sd	s0, 64(a0)
	sd	s1, 72(a0)
	sd	a1, 88(a0)
	sd	a2, 96(a0)
	sd	a3, 104(a0)
	sd	a4, 112(a0)
	sd	a5, 120(a0)
	sd	a6, 128(a0)
	sd	a7, 136(a0)
	sd	s2, 144(a0)
	sd	s3, 152(a0)
	sd	s4, 160(a0)
	sd	s5, 168(a0)
	sd	s6, 176(a0)
	sd	s7, 184(a0)
	sd	s8, 192(a0)
	sd	s9, 200(a0)
	sd	s10, 208(a0)
	sd	s11, 216(a0)
	sd	t3, 224(a0)
	sd	t4, 232(a0)
	sd	t5, 240(a0)
	sd	t6, 248(a0)
	csrr	t0, sscratch
	sd	t0, 80(a0)
	csrr	t0, sepc
	sd	t0, 0(a0)
	ld	t0, KERNEL_SATP(a0)
	csrw	satp, t0
	ld	t0, FENCE(a0)
	beqz	t0, 1f
	sfence.vma
1:
	ld	t0, KERNEL_SCRATCH(a0)
	csrw	sscratch, t0
	lla	t0, trap_entry
	csrw	stvec, t0
	ld	sp, KERNEL_SP(a0)
	ld	ra, 0(sp)
	ld	gp, 8(sp)
	ld	tp, 16(sp)
	ld	s0, 24(sp)
	ld	s1, 32(sp)
	ld	s2, 40(sp)
	ld	s3, 48(sp)
	ld	s4, 56(sp)
	ld	s5, 64(sp)
	ld	s6, 72(sp)
	ld	s7, 80(sp)
	ld	s8, 88(sp)
	ld	s9, 96(sp)
	ld	s10, 104(sp)
	ld	s11, 112(sp)
	addi	sp, sp, 128
	csrr	a0, scause
	csrr	a1, stval
	ret

/* Call a0 with a1 on the stack whose top is a2: stacks.h. */
	.globl	stack_call
stack_call:
	addi	sp, sp, -16
	sd	ra, 0(sp)
	sd	s0, 8(sp)
	mv	s0, sp
	mv	sp, a2
	mv	t0, a0
	mv	a0, a1
	jalr	t0
	mv	sp, s0
	ld	ra, 0(sp)
	ld	s0, 8(sp)
	addi	sp, sp, 16
	ret
