/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vmm/riscv.h>

/*
 * RISC-V Privileged 1.13, 3.1.6 and 3.1.18. The guest may read user pages (SUM)
 * and pages for execution (MXR), whether accessed before or not (ADUE), so that
 * every page can be asked for.
 */
#define MSTATUS_MPP_S (UINT64_C(1) << 11)
#define MSTATUS_SUM   (UINT64_C(1) << 18)
#define MSTATUS_MXR   (UINT64_C(1) << 19)
#define MSTATUS_MPV   (UINT64_C(1) << 39)
#define MENVCFG_ADUE  (UINT64_C(1) << 61)
#define MENVCFG_PBMTE (UINT64_C(1) << 62)

/* Intel SDM 3A, 2.5. */
#define CR4_PAE	 (UINT64_C(1) << 5)
#define CR4_LA57 (UINT64_C(1) << 12)

#define RISCV64_RAM UINT64_C(0x80000000)
/* Where the stub lies that takes the place of the firmware. */
#define X86_64_ROM  UINT64_C(0xffff0000)

/* What the stub reads, in words from GUEST_ARGUMENTS; the last is its answer. */
enum argument_riscv64 { MENVCFG, SATP, HGATP, MSTATUS, ARRIVED_RISCV64 };
enum argument_x86_64 { CR4, CR3, ARRIVED_X86_64 };

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	struct guest *guest = ctx;

	for (size_t i = 4; i < GUEST_PAGES; i++) {
		const uint64_t at = GUEST_TABLES + i * VMM_PAGE_SIZE;

		if (guest->used[i])
			continue;
		guest->used[i] = 1;
		guest->pages_used++;
		/* Valid to every format: must not be read as entries. */
		memset(guest->ram + at, 0xff, VMM_PAGE_SIZE);
		*pa_out = guest->ram_pa + at;
		return VMM_OK;
	}
	return VMM_ENOMEM;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	struct guest *guest = ctx;
	const uint64_t at = pa - guest->ram_pa - GUEST_TABLES;

	CHECK(at % VMM_PAGE_SIZE == 0 && at / VMM_PAGE_SIZE < GUEST_PAGES);
	CHECK(guest->used[at / VMM_PAGE_SIZE]);
	guest->used[at / VMM_PAGE_SIZE] = 0;
	guest->pages_used--;
	memset(guest->ram + GUEST_TABLES + at, 0xff, VMM_PAGE_SIZE);
}

void guest_table(struct guest *guest, struct vmm_pt *pt,
	const struct vmm_pt_format *format)
{
	vmm_pt_init(pt, format, &guest->pages,
		(uint64_t)(uintptr_t)guest->ram - guest->ram_pa,
		guest->ram_pa + GUEST_TABLES);
}

static uint64_t *arguments(struct guest *guest)
{
	return (uint64_t *)(uintptr_t)(guest->ram + GUEST_ARGUMENTS);
}

/* The stub goes to the start of RAM, its arguments behind it. */
static void prepare_riscv64(struct guest *guest)
{
	const struct vmm_pt_format *format = guest->format;
	const uint64_t root = (uint64_t)format->satp_mode
				      << VMM_RISCV_SATP_MODE_SHIFT |
			      vmm_pa_to_pfn(guest->ram_pa + GUEST_TABLES);
	uint64_t *argument = arguments(guest);
	FILE *file = fopen(VMM_STUBS "/stub_riscv64.bin", "rb");

	CHECK(file != NULL);
	CHECK(fread(guest->ram, 1, GUEST_ARGUMENTS + 1, file) > 0);
	CHECK(feof(file) && fclose(file) == 0);
	argument[MENVCFG] = MENVCFG_PBMTE | MENVCFG_ADUE;
	argument[MSTATUS] = MSTATUS_MPP_S | MSTATUS_SUM | MSTATUS_MXR;
	if (format->sign_extended) {
		argument[SATP] = root;
		guest->regs.satp = root;
	} else {
		argument[HGATP] = root;
		guest->regs.hgatp = root;
		guest->regs.virt = true;
		argument[MSTATUS] |= MSTATUS_MPV;
	}
}

static void prepare_x86_64(struct guest *guest)
{
	uint64_t *argument = arguments(guest);

	argument[CR4] =
		guest->format->levels == 5 ? CR4_PAE | CR4_LA57 : CR4_PAE;
	argument[CR3] = guest->ram_pa + GUEST_TABLES;
	guest->regs.cr3 = argument[CR3];
}

/* Map what the stub runs on, start, wait until it has arrived, and stop. */
static void run(
	struct guest *guest, const char *const *argv, const uint64_t *arrived)
{
	const unsigned rwx = VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC;
	struct vmm_pt pt;
	int tries = 0;

	guest_table(guest, &pt, guest->format);
	CHECK_EQ(vmm_pt_map(&pt, guest->ram_pa, guest->ram_pa, VMM_MIB(2), rwx,
			 NULL),
		VMM_OK);
	if (guest->ram_pa == 0)
		CHECK_EQ(vmm_pt_map(&pt, X86_64_ROM, X86_64_ROM, VMM_KIB(64),
				 rwx, NULL),
			VMM_OK);
	monitor_start(&guest->monitor, argv);
	while (__atomic_load_n(arrived, __ATOMIC_ACQUIRE) == 0) {
		usleep(1000);
		if (++tries == 10000)
			test_fail(__FILE__, __LINE__,
				"the guest cannot run behind its page table");
	}
	monitor_execute(&guest->monitor, "stop");
	vmm_pt_fini(&pt);
}

static void init_model(struct guest *guest, bool x86)
{
	const unsigned la57 = guest->format->levels == 5 ? VMM_MMU_LA57 : 0;

	guest->model.ram = guest->ram;
	guest->model.ram_base = guest->ram_pa;
	guest->model.ram_size = GUEST_RAM_SIZE;
	guest->model.harts = 1;
	if (x86) {
		guest->model.arch = VMM_MMU_X86_64;
		guest->model.features = VMM_MMU_NXE | la57;
	} else {
		guest->model.arch = VMM_MMU_RISCV;
		guest->model.features =
			VMM_MMU_SVADU | VMM_MMU_SVNAPOT | VMM_MMU_SVPBMT;
	}
}

/* RAM for a guest that QEMU can open by the name that @memory receives. */
static void share_ram(struct guest *guest, char *memory, size_t size)
{
	const int file = memfd_create("ram", 0);

	CHECK(file >= 0 && ftruncate(file, (off_t)GUEST_RAM_SIZE) == 0);
	guest->ram = mmap(NULL, GUEST_RAM_SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED, file, 0);
	CHECK(guest->ram != MAP_FAILED);
	snprintf(memory, size,
		"memory-backend-file,id=ram,size=16M,share=on,"
		"mem-path=/proc/self/fd/%d",
		file);
}

#define COMMON                                                             \
	"-nodefaults", "-m", "16M", "-object", memory, "-display", "none", \
		"-qmp", "stdio", "-bios"

void guest_start(struct guest *guest, const struct vmm_pt_format *format)
{
	const bool x86 = format == &vmm_pt_x86_64 || format == &vmm_pt_la57;
	char memory[128];
	const char *const riscv64[] = {VMM_QEMU_RISCV64, "-machine",
		"virt,memory-backend=ram", "-cpu", "rv64,svpbmt=on,svnapot=on",
		COMMON, "none", NULL};
	const char *const x86_64[] = {VMM_QEMU_X86_64, "-machine",
		"pc,memory-backend=ram", "-cpu", "max", COMMON,
		VMM_STUBS "/stub_x86_64.bin", NULL};

	memset(guest, 0, sizeof(*guest));
	share_ram(guest, memory, sizeof(memory));
	guest->format = format;
	guest->pages = (struct vmm_pages){page_alloc, page_free, guest};
	guest->ram_pa = x86 ? 0 : RISCV64_RAM;
	init_model(guest, x86);
	if (x86) {
		prepare_x86_64(guest);
		run(guest, x86_64, arguments(guest) + ARRIVED_X86_64);
	} else {
		prepare_riscv64(guest);
		run(guest, riscv64, arguments(guest) + ARRIVED_RISCV64);
	}
}

bool guest_model(struct guest *guest, vmm_va_t va, vmm_pa_t *pa_out)
{
	const unsigned how =
		VMM_MMU_READ | VMM_MMU_SUM | VMM_MMU_MXR |
		(guest->regs.virt ? VMM_MMU_USER | VMM_MMU_HS_MXR : 0);
	const struct vmm_mmu_result result =
		vmm_mmu_translate(&guest->model, &guest->regs, va, how);

	*pa_out = result.pa;
	return result.status == VMM_MMU_OK;
}

void guest_end(struct guest *guest)
{
	CHECK_EQ(guest->pages_used, 0);
	monitor_end(&guest->monitor);
	munmap(guest->ram, GUEST_RAM_SIZE);
}
