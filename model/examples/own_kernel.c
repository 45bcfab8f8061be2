/* SPDX-License-Identifier: MIT */
/*
 * A kernel's own page-table code under the adversarial machine. The part between
 * the lines is the kernel's, as it would be on a board but for fence(); the
 * rest tells the machine what its two harts do.
 */
#include <stdio.h>
#include <vmm_model/mmu.h>

static _Alignas(4096) uint64_t ram[8][512]; /* at physical 0x80000000 */
static struct vmm_mmu *mmu;

static void fence(unsigned hart, uint64_t va)
{
	vmm_mmu_sfence_vma(mmu, hart, &va, NULL);
}

/* ------------------------------------------------------------------------ */

static void kernel_map(uint64_t va, uint64_t pa)
{
	ram[0][va >> 30 & 511] = (0x80001000 >> 2) | 0x01; /* to ram[1] */
	ram[1][va >> 21 & 511] = (0x80002000 >> 2) | 0x01; /* to ram[2] */
	ram[2][va >> 12 & 511] = pa >> 2 | 0xc7;	   /* D A - - - W R V */
}

static void kernel_unmap(unsigned hart, uint64_t va)
{
	ram[2][va >> 12 & 511] = 0;
	fence(hart, va); /* and the other hart? */
}

/* ------------------------------------------------------------------------ */

static void report(void *ctx, const struct vmm_mmu_report *report)
{
	char text[1024];

	(void)ctx;
	vmm_mmu_text(report, text, sizeof(text));
	fputs(text, stdout);
}

int main(void)
{
	const struct vmm_mmu_config config = {.arch = VMM_MMU_RISCV,
		.harts = 2,
		.ram = ram,
		.ram_base = 0x80000000,
		.ram_size = sizeof(ram),
		.report = report,
		.seed = 1,
		.stale_percent = 50};
	const uint64_t satp = UINT64_C(8) << 60 | 0x80000; /* Sv39 */

	mmu = vmm_mmu_new(&config);
	kernel_map(0x40000000, 0x80003000);
	for (unsigned hart = 0; hart < 2; hart++) {
		vmm_mmu_satp(mmu, hart, satp);
		vmm_mmu_access(mmu, hart, 0x40000000, VMM_MMU_READ);
	}
	kernel_unmap(0, 0x40000000);
	vmm_mmu_access(mmu, 0, 0x40000000, VMM_MMU_READ);
	vmm_mmu_access(mmu, 1, 0x40000000, VMM_MMU_READ);
	printf("%d report\n", (int)vmm_mmu_count_all(mmu));
	vmm_mmu_delete(mmu);
	return 0;
}
