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
	lla	t0, trap_entry
	csrw	stvec, t0
	mv	a0, s0
	call	kernel_main
stuck:
	wfi
	j	stuck

/*
 * Another hart: the MMU is off, its number is in a0 and the physical address
 * of its struct hart_start in a1. It goes through the boot tables, which have
 * the identity map, to a root of its own.
 */
	.globl	hart_entry
hart_entry:
	csrw	sie, zero
	lla	t0, trap_early
	csrw	stvec, t0
	ld	t0, 0(a1)		/* satp of the boot tables */
	ld	t1, 8(a1)		/* satp of its own root */
	ld	sp, 16(a1)		/* top of its stack, in its own root */
	ld	t2, 24(a1)		/* from load to link address */
	sfence.vma
	csrw	satp, t0
	sfence.vma
	lla	t0, 1f
	add	t0, t0, t2
	jr	t0
1:
	csrw	satp, t1
	sfence.vma
	lla	t0, trap_entry
	csrw	stvec, t0
	call	hart_main
	j	stuck

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
 * Before trap_entry is in place a trap can only be reported. A trap in here
 * would lead here again, so whatever the report needs must be mapped.
 */
	.balign	4
	.globl	trap_early
trap_early:
	csrr	a0, scause
	csrr	a1, stval
	csrr	a2, sepc
	call	trap_fatal
	j	stuck

/*
 * Traps come from S-mode only, on the stack of whatever was running, which is
 * aligned to 16 bytes as the ABI wants it. All caller-saved registers are kept;
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

/* Where the image was linked: the one address that is not relative to pc. */
	.section .rodata
	.balign	8
	.globl	link_address
link_address:
	.quad	__image_start

	.section .bss
	.balign	16
	.globl	stack_bottom, stack_top
stack_bottom:
	.space	16384
stack_top:
