/* SPDX-License-Identifier: MIT */
/*
 * The way in: a boot loader that knows PVH, such as QEMU's -kernel, starts the
 * processor in 32-bit mode without paging, with the address of its boot
 * information in ebx. Sources: Xen, "x86/HVM direct boot ABI"; Intel SDM 3A,
 * 10.8.5 (to 64-bit mode).
 */
#define OFFSET	   0xffffffff80000000	/* as in kernel.ld */
#define PHYS(name) ((name) - OFFSET)

#define CR0	   0x80010001		/* PG, WP, PE */
#define CR4_PAE	   (1 << 5)
#define CR4_PGE	   (1 << 7)
#define CR4_LA57   (1 << 12)
#define EFER	   0xc0000080
#define EFER_LME   (1 << 8)
#define EFER_NXE   (1 << 11)

#define P_RW	   3			/* of a table's entry */
#define P_RW_PS	   0x83			/* of a 2 MiB page */

	.section .note.pvh, "a", @note
	.balign	4
	.long	4			/* size of the name */
	.long	4			/* of the value */
	.long	18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	PHYS(pvh_entry)

/*
 * The tables for the first steps in 64-bit mode, which the library's code needs
 * to run: the first GiB, where it is and at the top of the address space.
 */
	.section .scratch, "aw", @nobits
	.balign	4096
first_tables:
pml5:	.space	4096
pml4:	.space	4096
pdpt:	.space	4096
pd:	.space	4096
first_tables_end:

	.text
	.code32
	.globl	pvh_entry
pvh_entry:
	cld
	movl	%ebx, %ebp
	movl	$PHYS(first_tables), %edi
	movl	$(first_tables_end - first_tables) / 4, %ecx
	xorl	%eax, %eax
	rep stosl
	movl	$PHYS(pml4) + P_RW, %eax
	movl	%eax, PHYS(pml5)
	movl	%eax, PHYS(pml5) + 511 * 8
	movl	$PHYS(pdpt) + P_RW, %eax
	movl	%eax, PHYS(pml4)
	movl	%eax, PHYS(pml4) + 511 * 8
	movl	$PHYS(pd) + P_RW, %eax
	movl	%eax, PHYS(pdpt)
	movl	%eax, PHYS(pdpt) + 510 * 8
	movl	$P_RW_PS, %eax
	movl	$PHYS(pd), %edi
1:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	cmpl	$PHYS(first_tables_end), %edi
	jb	1b

	/* Five levels if the processor has them: CPUID 7.0, ECX, bit 16. */
	movl	$CR4_PAE | CR4_PGE, %esi
	movl	$PHYS(pml4), %edi
	xorl	%eax, %eax
	cpuid
	cmpl	$7, %eax
	jb	2f
	movl	$7, %eax
	xorl	%ecx, %ecx
	cpuid
	btl	$16, %ecx
	jnc	2f
	orl	$CR4_LA57, %esi
	movl	$PHYS(pml5), %edi
2:	movl	%esi, %cr4
	movl	%edi, %cr3
	movl	$EFER, %ecx
	movl	$EFER_LME | EFER_NXE, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$CR0, %eax
	movl	%eax, %cr0
	lgdtl	PHYS(first_gdt_pointer)
	ljmpl	$8, $PHYS(3f)
	.code64
3:	movabsq	$4f, %rax
	jmpq	*%rax
4:	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	leaq	stack_top(%rip), %rsp
	movl	%ebp, %edi
	xorl	%ebp, %ebp
	call	kernel_main
stuck:
	hlt
	jmp	stuck

	.section .rodata
	.balign	8
first_gdt:
	.quad	0
	.quad	0x00209b0000000000	/* 64-bit code, accessed */
first_gdt_pointer:
	.word	first_gdt_pointer - first_gdt - 1
	.long	PHYS(first_gdt)

/* Until the kernel has a stack with a guard page (stack.c). */
	.bss
	.balign	16
	.space	16384
stack_top:

/* Go on in the function rsi, on the stack rdi. */
	.text
	.globl	stack_switch
stack_switch:
	movq	%rdi, %rsp
	pushq	$0
	jmpq	*%rsi

/*
 * One access each; if it faults, trap.c goes on at probe_resume, and after a
 * fetch where the call would have returned to.
 */
	.globl	probe_read, probe_write, probe_call, probe_resume
probe_read:
	movb	(%rdi), %al
	ret
probe_write:
	movb	$0xee, (%rdi)
	ret
probe_call:
	pushq	%rbp			/* for an aligned stack */
	callq	*%rdi
	popq	%rbp
probe_resume:
	ret

/*
 * Traps. Each vector has an entry of 16 bytes that brings the stack into one
 * form: error code, or 0, and vector.
 */
	.balign	16
	.globl	trap_entries
trap_entries:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	(1 << vector) & 0x60227d00 == 0
	pushq	$0			/* those without an error code */
	.endif
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

trap_common:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	cld
	movq	%rsp, %rdi
	call	trap_handle
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$16, %rsp		/* vector and error code */
	iretq
