/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vmm/riscv.h>

/* Offsets of the stub's arguments, in words from GUEST_ARGUMENTS. */
enum argument { MENVCFG, SATP, HGATP, MSTATUS, ARRIVED };

/* RISC-V Privileged 1.13, 3.1.6 and 3.1.18. */
#define MSTATUS_MPP_S (UINT64_C(1) << 11)
#define MSTATUS_SUM   (UINT64_C(1) << 18) /* may read user pages ... */
#define MSTATUS_MXR   (UINT64_C(1) << 19) /* ... and those for execution */
#define MSTATUS_MPV   (UINT64_C(1) << 39)
#define MENVCFG_PBMTE (UINT64_C(1) << 62)

#define RISCV_RAM UINT64_C(0x80000000)

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

void guest_table(struct guest *guest, struct vmm_pt *pt)
{
	vmm_pt_init(pt, guest->format, &guest->pages,
		(uint64_t)(uintptr_t)guest->ram - guest->ram_pa,
		guest->ram_pa + GUEST_TABLES);
}

static void load_stub(struct guest *guest, const char *path)
{
	FILE *file = fopen(path, "rb");

	CHECK(file != NULL);
	CHECK(fread(guest->ram, 1, GUEST_ARGUMENTS + 1, file) > 0);
	CHECK(feof(file));
	CHECK(fclose(file) == 0);
}

static volatile uint64_t *argument(struct guest *guest, enum argument index)
{
	return (volatile uint64_t *)(uintptr_t)(guest->ram + GUEST_ARGUMENTS) +
	       index;
}

/* Map what the stub runs on, start, wait until it has arrived, and stop. */
static void run(struct guest *guest, const char *const *argv)
{
	struct vmm_pt pt;
	int tries = 0;

	guest_table(guest, &pt);
	CHECK(vmm_pt_map(&pt, guest->ram_pa, guest->ram_pa, VMM_MIB(2),
		      VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC,
		      NULL) == VMM_OK);
	monitor_start(&guest->monitor, argv);
	while (*argument(guest, ARRIVED) == 0) {
		usleep(1000);
		if (++tries == 10000)
			test_fail(__FILE__, __LINE__,
				"the guest cannot run behind its page table");
	}
	monitor_execute(&guest->monitor, "stop");
	vmm_pt_fini(&pt);
}

void guest_start(struct guest *guest, const struct vmm_pt_format *format)
{
	char memory[128];
	const char *const riscv64[] = {VMM_QEMU_RISCV64, "-machine",
		"virt,memory-backend=ram", "-cpu", "rv64,svpbmt=on,svnapot=on",
		"-nodefaults", "-m", "16M", "-object", memory, "-bios", "none",
		"-display", "none", "-serial", "none", "-monitor", "none",
		"-qmp", "stdio", NULL};
	int file;

	memset(guest, 0, sizeof(*guest));
	file = memfd_create("ram", 0);
	CHECK(file >= 0 && ftruncate(file, (off_t)GUEST_RAM_SIZE) == 0);
	guest->ram = mmap(NULL, GUEST_RAM_SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED, file, 0);
	CHECK(guest->ram != MAP_FAILED);
	snprintf(memory, sizeof(memory),
		"memory-backend-file,id=ram,size=16M,share=on,"
		"mem-path=/proc/self/fd/%d",
		file);
	guest->format = format;
	guest->pages = (struct vmm_pages){page_alloc, page_free, guest};
	guest->ram_pa = RISCV_RAM;
	guest->pa_bits = format->pa_bits;
	load_stub(guest, VMM_STUBS "/stub_riscv64.bin");
	*argument(guest, MENVCFG) = MENVCFG_PBMTE;
	*argument(guest, MSTATUS) = MSTATUS_MPP_S | MSTATUS_SUM | MSTATUS_MXR;
	*argument(guest, SATP) = (uint64_t)format->satp_mode
					 << VMM_RISCV_SATP_MODE_SHIFT |
				 vmm_pa_to_pfn(guest->ram_pa + GUEST_TABLES);
	run(guest, riscv64);
	close(file);
}

void guest_end(struct guest *guest)
{
	CHECK_EQ(guest->pages_used, 0);
	monitor_end(&guest->monitor);
	munmap(guest->ram, GUEST_RAM_SIZE);
}
