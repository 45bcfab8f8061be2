/* SPDX-License-Identifier: MIT */
/*
 * A guest in M-mode, from reset, without firmware; and single accesses that it
 * makes in the name of less privileged modes.
 */
	.section .text.start, "ax"
	.globl	_start
_start:
	lla	sp, stack_top
	lla	t0, trap_fatal
	csrw	mtvec, t0
	li	t0, -1
	csrw	pmpaddr0, t0		/* all memory for everyone ... */
	li	t0, 0x1f
	csrw	pmpcfg0, t0		/* ... NAPOT, X, W, R */
	call	guest_main
1:	wfi
	j	1b

/*
 * struct outcome access_load(vmm_va_t va, uint64_t mstatus)
 * struct outcome access_store(vmm_va_t va, uint64_t mstatus, uint64_t value)
 *
 * With MPRV in mstatus, loads and stores are made as if in the mode of MPP and
 * MPV (RISC-V Privileged 1.13, 3.1.6.3). A trap sets MPP to M and comes out at
 * trap_access.
 */
	.text
	.globl	access_load, access_store, access_fetch
access_load:
	lla	t0, trap_access
	csrw	mtvec, t0
	csrr	t1, mstatus
	csrw	mstatus, a1
	ld	a1, 0(a0)
	li	a0, -1
	j	access_end

access_store:
	lla	t0, trap_access
	csrw	mtvec, t0
	csrr	t1, mstatus
	csrw	mstatus, a1
	sd	a2, 0(a0)
	li	a0, -1
	j	access_end

/*
 * struct outcome access_fetch(vmm_va_t va, uint64_t mstatus)
 *
 * Really go there. The page holds an ecall, so that it always ends in a trap.
 */
access_fetch:
	lla	t0, trap_access
	csrw	mtvec, t0
	csrr	t1, mstatus
	csrw	mepc, a0
	csrw	mstatus, a1
	mret

	.balign	4
trap_access:
	csrr	a0, mcause
	csrr	a1, mtval
access_end:
	csrw	mstatus, t1
	lla	t0, trap_fatal
	csrw	mtvec, t0
	ret

	.balign	4
trap_fatal:
	lla	sp, stack_top
	csrr	a0, mcause
	csrr	a1, mtval
	csrr	a2, mepc
	j	guest_trap

	.bss
	.balign	16
	.space	32768
stack_top:
