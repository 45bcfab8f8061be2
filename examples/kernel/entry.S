/* SPDX-License-Identifier: MIT */
/*
 * The ways in. Until the jump to the higher half, code runs at its load
 * address, so all addresses are formed relative to pc (lla).
 */
	.section .text.start, "ax"

/*
 * The boot hart: OpenSBI jumps here in S-mode with the MMU off, the hart's
 * number in a0 and the devicetree's physical address in a1.
 */
	.globl	_start
_start:
	lla	t0, start_taken
	li	t1, 1
	amoswap.w.aq t1, t1, (t0)
	bnez	t1, start_again
	mv	s0, a0
	mv	s1, a1
	csrw	sie, zero
	csrw	satp, zero
	lla	sp, stack_top
	lla	t0, trap_early
	csrw	stvec, t0

	lla	t0, __bss_start
	lla	t1, __bss_end
1:	bgeu	t0, t1, 2f
	sd	zero, 0(t0)
	addi	t0, t0, 8
	j	1b
2:
	mv	a0, s1
	lla	a1, _start
	call	boot_enter
	/*
	 * Paging is on and this code still runs at its identity mapping. a0 is
	 * the distance from here to the link address; move pc and sp there.
	 */
	add	sp, sp, a0
	lla	t0, 3f
	add	t0, t0, a0
	jr	t0
3:
	lla	t0, boot_trap_top
	csrw	sscratch, t0
	lla	t0, trap_entry
	csrw	stvec, t0
	mv	a0, s0
	call	kernel_main
stuck:
	wfi
	j	stuck

/*
 * With OpenSBI 1.1, which is Debian 12's, a hart that is being started has been
 * seen to come in here, like the first, instead of where it was told to: as if
 * it had been woken before that was noted. Harts are started one by one, so the
 * kernel knows who it is.
 */
start_again:
	lla	t0, hart_starting
	ld	a1, 0(t0)
	j	hart_entry

/*
 * Another hart: the MMU is off, its number is in a0 and the physical address
 * of its struct hart_start in a1. It goes through the boot tables, which have
 * the identity map, to a root of its own. What the boot hart has written before
 * the start is ordered by the fence.
 */
	.globl	hart_entry
hart_entry:
	csrw	sie, zero
	lla	t0, trap_early
	csrw	stvec, t0
	fence	rw, rw
	ld	t0, 0(a1)		/* satp of the boot tables */
	ld	t1, 8(a1)		/* satp of its own root */
	ld	t2, 16(a1)		/* from load to link address */
	ld	t3, 24(a1)		/* top of its stack, in its own root */
	ld	t4, 32(a1)		/* top of its trap stack, likewise */
	sfence.vma
	csrw	satp, t0
	sfence.vma
	lla	t0, 1f
	add	t0, t0, t2
	jr	t0
1:
	lla	t0, trap_early		/* up here, where both tables have it */
	csrw	stvec, t0
	csrw	satp, t1
	sfence.vma
	mv	sp, t3
	csrw	sscratch, t4
	lla	t0, trap_entry
	csrw	stvec, t0
	call	hart_main
	j	stuck

/* Go on in the function a2, on the stack a0, with traps on the stack a1. */
	.globl	stack_switch
stack_switch:
	mv	sp, a0
	csrw	sscratch, a1
	jr	a2

/*
 * Turn paging on: a0 is the value for satp. The instruction after the write is
 * the first that is fetched through the tables.
 */
	.balign	4
	.globl	paging_on, paging_on_next
paging_on:
	sfence.vma
	csrw	satp, a0
paging_on_next:
	sfence.vma
	ret

/*
 * Before trap_entry is in place, and when a trap comes in a trap, there is
 * nothing to do but to report it, on a stack that nobody else uses. A trap in
 * here would lead here again; all that the report needs is in the image.
 */
	.balign	4
	.globl	trap_early
trap_early:
	lla	sp, last_stack_top
	csrr	a0, scause
	csrr	a1, stval
	csrr	a2, sepc
	call	trap_fatal
	j	stuck

/*
 * Traps come from S-mode only. They run on a stack of their own, whose top is in
 * sscratch: the one that was running may be what is wrong, as when it has run
 * into its guard page. While a trap is handled sscratch is 0. All caller-saved
 * registers are kept; trap_handle() returns where to continue.
 */
	.text
	.balign	4
	.globl	trap_entry
trap_entry:
	csrrw	sp, sscratch, sp
	bnez	sp, 1f
	j	trap_early
1:
	addi	sp, sp, -144
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
	csrrw	t0, sscratch, zero
	sd	t0, 128(sp)		/* the stack that was running */
	csrr	a0, scause
	csrr	a1, stval
	csrr	a2, sepc
	mv	a3, ra
	call	trap_handle
	csrw	sepc, a0
	addi	t0, sp, 144
	csrw	sscratch, t0
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
	ld	sp, 128(sp)
	sret

/* Where the image was linked: the one address that is not relative to pc. */
	.section .rodata
	.balign	8
	.globl	link_address
link_address:
	.quad	__image_start

	.data
	.balign	8
	.globl	hart_starting
hart_starting:				/* physical address of a hart_start */
	.quad	0
start_taken:
	.word	0

/* The boot hart's, until it has a stack of its own (cpu.h). */
	.section .bss
	.balign	16
	.globl	stack_bottom, stack_top
stack_bottom:
	.space	16384
stack_top:
	.space	4096
boot_trap_top:
	.space	4096
last_stack_top:
