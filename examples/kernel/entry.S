/* SPDX-License-Identifier: MIT */
/*
 * The way in: OpenSBI jumps here in S-mode with the MMU off, the hart's number
 * in a0 and the devicetree's physical address in a1. Everything up to the jump
 * to the higher half runs at the load address, so all addresses are formed
 * relative to pc.
 */
	.section .text.start, "ax"
	.globl _start
_start:
	mv	s0, a0
	mv	s1, a1
	csrw	sie, zero
	csrw	satp, zero
	la	t0, trap_early
	csrw	stvec, t0

	la	t0, __bss_start
	la	t1, __bss_end
1:	bgeu	t0, t1, 2f
	sd	zero, 0(t0)
	addi	t0, t0, 8
	j	1b
2:
	la	sp, stack_top
	mv	a0, s1
	lla	a1, _start
	call	boot_enter
	/*
	 * Paging is on and this code still runs at its identity mapping. a0 is
	 * the distance from here to the link address; move pc and sp there.
	 */
	add	sp, sp, a0
	la	t0, higher_half
	add	t0, t0, a0
	jr	t0
higher_half:
	la	t0, trap_entry
	csrw	stvec, t0
	mv	a0, s0
	call	kernel_main
stuck:
	wfi
	j	stuck

/* Before trap_entry is in place a trap can only be reported. */
	.balign	4
trap_early:
	csrr	a0, scause
	csrr	a1, stval
	csrr	a2, sepc
	li	a3, 0
	call	trap_handle
	j	stuck

/*
 * Traps come from S-mode only. All caller-saved registers go on the stack, and
 * trap_handle() returns where to continue.
 */
	.text
	.balign	4
	.globl	trap_entry
trap_entry:
	addi	sp, sp, -128
	sd	ra, 0(sp)
	sd	t0, 8(sp)
	sd	t1, 16(sp)
	sd	t2, 24(sp)
	sd	a0, 32(sp)
	sd	a1, 40(sp)
	sd	a2, 48(sp)
	sd	a3, 56(sp)
	sd	a4, 64(sp)
	sd	a5, 72(sp)
	sd	a6, 80(sp)
	sd	a7, 88(sp)
	sd	t3, 96(sp)
	sd	t4, 104(sp)
	sd	t5, 112(sp)
	sd	t6, 120(sp)
	csrr	a0, scause
	csrr	a1, stval
	csrr	a2, sepc
	mv	a3, ra
	call	trap_handle
	csrw	sepc, a0
	ld	ra, 0(sp)
	ld	t0, 8(sp)
	ld	t1, 16(sp)
	ld	t2, 24(sp)
	ld	a0, 32(sp)
	ld	a1, 40(sp)
	ld	a2, 48(sp)
	ld	a3, 56(sp)
	ld	a4, 64(sp)
	ld	a5, 72(sp)
	ld	a6, 80(sp)
	ld	a7, 88(sp)
	ld	t3, 96(sp)
	ld	t4, 104(sp)
	ld	t5, 112(sp)
	ld	t6, 120(sp)
	addi	sp, sp, 128
	sret

	.section .bss
	.balign	16
	.space	16384
stack_top:
