/* SPDX-License-Identifier: MIT */
#include "harts.h"

#include "boot.h"
#include "console.h"
#include "cpu.h"
#include "frames.h"
#include "sbi.h"
#include "setup.h"
#include "trap.h"

#include <vmm/pt_share.h>
#include <vmm/riscv.h>

void hart_main(uint64_t id);
_Noreturn void stack_switch(
	vmm_va_t stack_top, vmm_va_t trap_top, void (*then)(void));
extern SYMBOL char hart_entry[];
/* For a hart that comes to _start instead: entry.S. */
extern SYMBOL vmm_pa_t hart_starting;

/* What hart_entry reads, at the offsets it knows. */
struct hart_start {
	uint64_t boot_satp;
	uint64_t satp;
	uint64_t distance;
	vmm_va_t stack_top;
	vmm_va_t trap_top;
};

/* The kernel's books about one hart. */
struct hart {
	struct vmm_pt pt;
	struct cpu *cpu; /* in the direct map */
	struct hart_start start;
};

static struct hart harts[HARTS_MAX];
static uint64_t running;

/* Until the boot hart has a root of its own, it is the only one. */
static struct cpu boot_cpu;
static bool own_roots;

static vmm_va_t cpu_base(void)
{
	return kernel_area(VMM_ROW_CPU)->base;
}

struct cpu *cpu_self(void)
{
	return own_roots ? (struct cpu *)(uintptr_t)cpu_base() : &boot_cpu;
}

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

/* One frame of a hart's own area. Not global: each hart has another one. */
static vmm_pa_t map_own(struct vmm_pt *pt, vmm_va_t va)
{
	vmm_pa_t pa;

	check(frame_alloc(0, &pa), "a hart's frame");
	check(vmm_pt_map(pt, va, pa, VMM_PAGE_SIZE, VMM_PT_READ | VMM_PT_WRITE,
		      NULL),
		"a hart's page");
	return pa;
}

static void init_hart(struct hart *hart, uint64_t id)
{
	vmm_pa_t root;

	check(frame_alloc(0, &root), "a hart's root");
	vmm_pt_init(&hart->pt, kernel.format, &kernel.pages, kernel.dmap_base,
		root);
	setup_borrow(&hart->pt);
	hart->cpu = __va(map_own(&hart->pt, cpu_base()));
	for (uint64_t at = 0; at < CPU_STACK_SIZE; at += VMM_PAGE_SIZE)
		(void)map_own(&hart->pt, cpu_base() + CPU_STACK + at);
	*hart->cpu =
		(struct cpu){.hart = id, .index = (uint32_t)(hart - harts)};
	hart->start = (struct hart_start){
		.boot_satp = boot.satp,
		.satp = vmm_riscv_satp(&hart->pt, 0),
		.distance = (uintptr_t)__image_start - kernel.load_pa,
		.stack_top = cpu_base() + CPU_STACK + CPU_STACK_SIZE,
		.trap_top = cpu_base() + CPU_TRAP_STACK,
	};
	check(vmm_pt_check(&hart->pt), "a hart's table");
}

void harts_init(uint64_t hart, void (*then)(void))
{
	const struct vmm_layout_area *arena = kernel_area(VMM_ROW_HEAP);

	/* What is mapped there later has to appear in all roots. */
	check(vmm_pt_prefill(&kernel.pt, arena->base, arena->size, NULL),
		"prefill the arena");
	init_hart(&harts[0], hart);
	vmm_riscv_satp_write(harts[0].start.satp);
	own_roots = true;
	running = 1;
	stack_switch(harts[0].start.stack_top, harts[0].start.trap_top, then);
}

static uint64_t online(void)
{
	return __atomic_load_n(&running, __ATOMIC_ACQUIRE);
}

/* The hart counts itself when it runs in its own root. */
static void wait_for(uint64_t index, uint64_t id)
{
	/* Ten seconds of the 10 MHz timer that QEMU has. */
	const uint64_t limit = 100000000;
	uint64_t start;
	uint64_t now;

	__asm__ volatile("rdtime %0" : "=r"(start));
	do
		__asm__ volatile("rdtime %0" : "=r"(now) : : "memory");
	while (online() == index && now - start < limit);
	expect(online() != index, "hart %u did not come up", id);
}

void harts_start(void)
{
	struct vmm_fdt_cpu node = {0};
	uint64_t index = 1;

	while (index < HARTS_MAX &&
		vmm_fdt_cpu_next(&boot.fdt, &node) == VMM_OK) {
		struct hart *hart = &harts[index];

		if (node.id == cpu_self()->hart)
			continue;
		init_hart(hart, node.id);
		hart_starting = __pa(&hart->start);
		/* Its tables and its struct before the hart itself. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (sbi_hart_start(
			    node.id, __pa(hart_entry), __pa(&hart->start)) != 0)
			fail("hart %u does not start", node.id);
		wait_for(index, node.id);
		index++;
	}
	print("harts: %u of %u, each on a root of its own, stack and struct at "
	      "%x\n",
		online(), (uint64_t)boot.harts, cpu_base());
	expect(online() == boot.harts || online() == HARTS_MAX ||
			boot.harts == 0,
		"%u harts did not start", boot.harts - online());
}

uint64_t harts_count(void)
{
	return online();
}

/* SSIE and SSIP: woken by another hart. */
#define SOFTWARE UINT64_C(2)

void harts_heard(void)
{
	__asm__ volatile("csrc sip, %0" : : "r"(SOFTWARE) : "memory");
}

/* A hart sleeps until the boot hart asks it for something. */
static void wait_for_question(const struct cpu *cpu)
{
	__asm__ volatile("csrs sie, %0" : : "r"(SOFTWARE));
	while (__atomic_load_n(&cpu->asked, __ATOMIC_ACQUIRE) ==
		cpu->answered) {
		__asm__ volatile("wfi");
		harts_heard();
	}
}

/* Called from hart_entry, on this hart's own root and stack. */
void hart_main(uint64_t id)
{
	struct cpu *cpu = cpu_self();

	expect(cpu->hart == id, "hart %u found the struct of hart %u", id,
		cpu->hart);
	expect(probe_store(cpu_base() + CPU_GUARD) == CAUSE_STORE_PAGE_FAULT,
		"hart %u: the stack has no guard page", id);
	__atomic_fetch_add(&running, 1, __ATOMIC_RELEASE);
	for (;;) {
		wait_for_question(cpu);
		cpu->answer = cpu->job(cpu->arg);
		__atomic_store_n(&cpu->answered, cpu->asked, __ATOMIC_RELEASE);
	}
}

void harts_ask(uint64_t index, uint64_t (*job)(uint64_t arg), uint64_t arg)
{
	struct cpu *cpu = harts[index].cpu;

	cpu->job = job;
	cpu->arg = arg;
	__atomic_store_n(&cpu->asked, cpu->asked + 1, __ATOMIC_RELEASE);
	if (sbi_send_ipi(cpu->hart) != 0)
		fail("hart %u cannot be woken", cpu->hart);
}

uint64_t harts_answer(uint64_t index)
{
	struct cpu *cpu = harts[index].cpu;

	while (__atomic_load_n(&cpu->answered, __ATOMIC_ACQUIRE) != cpu->asked)
		__asm__ volatile("" : : : "memory");
	return cpu->answer;
}

uint64_t harts_self(void)
{
	return cpu_self()->index;
}

uint64_t harts_id(uint64_t index)
{
	return harts[index].cpu->hart;
}

uint64_t harts_load(uint64_t index, vmm_va_t va)
{
	if (index == 0)
		return probe_load(va);
	harts_ask(index, probe_load, va);
	return harts_answer(index);
}

void harts_flush(const struct vmm_tlb_gather *gather)
{
	struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);
	uint64_t first = plan.all_addresses ? 0 : plan.first;
	uint64_t size =
		plan.all_addresses ? UINT64_MAX : plan.count << plan.shift;

	if (!plan.needed)
		return;
	vmm_riscv_flush(gather, 0);
	if (online() > 1 && sbi_remote_fence(first, size) != 0)
		fail("the firmware has no remote fence");
}
