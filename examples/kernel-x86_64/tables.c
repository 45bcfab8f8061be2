/* SPDX-License-Identifier: MIT */
/* Intel SDM 3A: 3.4.5 (segments), 6.14.1 (gates), 7.7 (64-bit task state). */
#include "tables.h"

#include "kernel.h"

#define CODE	   8
#define TASK	   16
#define VECTORS	   32
#define ENTRY_SIZE 16 /* of trap_entries */

/* 64-bit code, present and accessed; an available 64-bit TSS, present. */
#define DESC_CODE UINT64_C(0x00209b0000000000)
#define DESC_TASK UINT64_C(0x0000890000000000)
/* An interrupt gate, present, on the first stack of the TSS. */
#define GATE	  UINT64_C(0x00008e0100000000)

struct __attribute__((packed)) pointer {
	uint16_t limit;
	uint64_t base;
};

struct __attribute__((packed)) task {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;
};

extern SYMBOL char trap_entries[];

static struct task task;
static uint64_t gdt[4];
static uint64_t idt[VECTORS][2];
static _Alignas(16) char trap_stack[8192];

static void set_gate(size_t vector)
{
	const uint64_t to = (uintptr_t)(trap_entries + vector * ENTRY_SIZE);

	idt[vector][0] = (to & 0xffff) | (uint64_t)CODE << 16 | GATE |
			 (to >> 16 & 0xffff) << 48;
	idt[vector][1] = to >> 32;
}

void tables_load(void)
{
	const uint64_t base = (uintptr_t)&task;
	const struct pointer gdt_pointer = {sizeof(gdt) - 1, (uintptr_t)gdt};
	const struct pointer idt_pointer = {sizeof(idt) - 1, (uintptr_t)idt};

	task.ist[0] = (uintptr_t)(trap_stack + sizeof(trap_stack));
	task.io_map = sizeof(task);
	gdt[CODE / 8] = DESC_CODE;
	gdt[TASK / 8] = DESC_TASK | (sizeof(task) - 1) |
			(base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	gdt[TASK / 8 + 1] = base >> 32;
	for (size_t i = 0; i < VECTORS; i++)
		set_gate(i);
	__asm__ volatile("lgdt %0\n\t"
			 "lidt %1\n\t"
			 "ltr %w2"
			 :
			 : "m"(gdt_pointer), "m"(idt_pointer), "r"(TASK)
			 : "memory");
}
