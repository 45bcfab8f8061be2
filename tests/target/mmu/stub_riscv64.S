/* SPDX-License-Identifier: MIT */
/*
 * All that the guest ever executes: from reset in M-mode to a loop in S-mode or
 * VS-mode behind the page table that the host has built. Then the host stops
 * the machine and only asks its MMU.
 */
	.globl	_start
_start:
	li	t0, -1
	csrw	pmpaddr0, t0		/* all memory for everyone ... */
	li	t0, 0x1f
	csrw	pmpcfg0, t0		/* ... NAPOT, X, W, R */
	lla	t0, arguments
	ld	t1, 0(t0)
	csrw	menvcfg, t1
	ld	t1, 8(t0)
	csrw	satp, t1
	ld	t1, 16(t0)
	csrw	hgatp, t1
	ld	t1, 24(t0)
	csrw	mstatus, t1		/* MPP, and MPV for VS-mode */
	lla	t1, 1f
	csrw	mepc, t1
	sfence.vma
	.word	0x62000073		/* hfence.gvma; clang 14 knows no H */
	mret
1:	li	t1, 1
	sd	t1, 32(t0)
2:	wfi
	j	2b

	.balign	256			/* GUEST_ARGUMENTS of guest.h */
arguments:
