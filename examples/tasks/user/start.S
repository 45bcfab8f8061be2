/* SPDX-License-Identifier: MIT */
/* Where a program begins: its argument is in a0, its stack in sp. */
	.section .text.start, "ax"
	.globl	_start
_start:
	call	main
	li	a7, 0			/* SYS_EXIT */
	ecall
