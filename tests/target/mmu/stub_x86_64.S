/* SPDX-License-Identifier: MIT */
/*
 * All that the guest ever executes, in place of its firmware: from reset in
 * 16-bit mode to a loop in 64-bit mode behind the page table that the host has
 * built. Then the host stops the machine and only asks its MMU. The file is the
 * last 64 KiB below 4 GiB, which the table maps where they are, as it does with
 * the first 2 MiB of RAM, where the arguments lie.
 */
#define ARGUMENTS 256			/* GUEST_ARGUMENTS of guest.h */

	.globl	_start
	.code16
rom:
	.org	0xf000			/* not far from the end */
_start:
	lgdtl	%cs:(gdt_pointer - rom)
	xorw	%ax, %ax
	movw	%ax, %ds
	movl	ARGUMENTS + 0, %eax	/* PAE, and LA57 for five levels */
	movl	%eax, %cr4
	movl	ARGUMENTS + 8, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	/* EFER: ... */
	movl	$0x900, %eax		/* ... LME and NXE */
	xorl	%edx, %edx
	wrmsr
	movl	$0x80010001, %eax	/* CR0: PG, WP and PE at once */
	movl	%eax, %cr0
	ljmpl	$8, $1f
	.code64
1:	movq	$1, ARGUMENTS + 16
2:	hlt
	jmp	2b

	.balign	8
gdt:
	.quad	0
	.quad	0x00209b0000000000	/* 64-bit code, accessed */
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt

	.org	0xfff0			/* where the processor starts */
	.code16
	jmp	_start
	.org	0x10000
