/* SPDX-License-Identifier: MIT */
/* The user programs, as the linker made them. */
	.section .rodata

	.macro	program name
	.balign	8
	.globl	program_\name, program_\name\()_end
	.hidden	program_\name, program_\name\()_end
program_\name:
	.incbin	"\name\().elf"
program_\name\()_end:
	.endm

	program	abuse
	program	cow
	program	deep
	program	exec
	program	faults
	program	heap
	program	image
	program	kinds
	program	protect
	program	race
	program	share
	program	swap
	program	tree
