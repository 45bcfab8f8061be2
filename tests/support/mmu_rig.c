/* SPDX-License-Identifier: MIT */
#include "support/mmu_rig.h"

static _Alignas(4096) uint8_t ram[MMU_PAGES * 4096];

static void keep(void *ctx, const struct vmm_mmu_report *report)
{
	struct mmu_rig *rig = ctx;

	rig->last = *report;
	CHECK(vmm_mmu_text(report, rig->text, sizeof(rig->text)) <
		sizeof(rig->text));
	if (rig->loud)
		test_puts(rig->text);
}

void mmu_reopen(struct mmu_rig *rig)
{
	if (rig->mmu != NULL)
		vmm_mmu_delete(rig->mmu);
	rig->mmu = vmm_mmu_new(&rig->config);
	rig->text[0] = '\0';
}

void mmu_open(struct mmu_rig *rig, enum vmm_mmu_arch arch, unsigned features,
	unsigned harts)
{
	for (size_t i = 0; i < sizeof(ram); i++)
		ram[i] = 0;
	rig->config = (struct vmm_mmu_config){
		.arch = arch,
		.features = features,
		.harts = harts,
		.ram = ram,
		.ram_base = MMU_RAM,
		.ram_size = sizeof(ram),
		.report = keep,
		.ctx = rig,
		.seed = test_seed,
		.stale_percent = 50,
	};
	rig->mmu = NULL;
	rig->loud = false;
	mmu_reopen(rig);
}

void mmu_close(struct mmu_rig *rig)
{
	vmm_mmu_delete(rig->mmu);
	rig->mmu = NULL;
}

uint64_t *mmu_word(uint64_t pa)
{
	CHECK(pa >= MMU_RAM && pa - MMU_RAM < sizeof(ram) && pa % 8 == 0);
	return (uint64_t *)(void *)(ram + (pa - MMU_RAM));
}

uint64_t mmu_pte(uint64_t pa, uint64_t bits)
{
	return pa >> 2 | bits;
}

uint64_t mmu_satp(unsigned mode, unsigned asid, uint64_t root)
{
	return (uint64_t)mode << 60 | (uint64_t)asid << 44 | root >> 12;
}

static uint64_t seen[VMM_MMU_KINDS];

uint64_t mmu_new(struct mmu_rig *rig, enum vmm_mmu_kind kind)
{
	const uint64_t now = vmm_mmu_count(rig->mmu, kind);
	const uint64_t before = seen[kind] > now ? 0 : seen[kind];

	seen[kind] = now;
	return now - before;
}

uint64_t mmu_new_all(struct mmu_rig *rig)
{
	uint64_t all = 0;

	for (unsigned kind = 0; kind < VMM_MMU_KINDS; kind++)
		all += mmu_new(rig, (enum vmm_mmu_kind)kind);
	return all;
}

void mmu_flush(struct vmm_mmu *mmu, unsigned hart,
	const struct vmm_tlb_gather *gather, uint64_t asid)
{
	const struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);
	const uint64_t *rs2 = plan.all_spaces ? NULL : &asid;

	if (!plan.needed)
		return;
	if (plan.all_addresses) {
		vmm_mmu_sfence_vma(mmu, hart, NULL, rs2);
		return;
	}
	for (uint64_t i = 0; i < plan.count; i++) {
		const uint64_t va = plan.first + (i << plan.shift);

		vmm_mmu_sfence_vma(mmu, hart, &va, rs2);
	}
}

void mmu_flush_inval(struct vmm_mmu *mmu, unsigned hart,
	const struct vmm_tlb_gather *gather, uint64_t asid)
{
	const struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);
	const uint64_t *rs2 = plan.all_spaces ? NULL : &asid;

	if (!plan.needed)
		return;
	vmm_mmu_sfence_w_inval(mmu, hart);
	if (plan.all_addresses)
		vmm_mmu_sinval_vma(mmu, hart, NULL, rs2);
	for (uint64_t i = 0; !plan.all_addresses && i < plan.count; i++) {
		const uint64_t va = plan.first + (i << plan.shift);

		vmm_mmu_sinval_vma(mmu, hart, &va, rs2);
	}
	vmm_mmu_sfence_inval_ir(mmu, hart);
}

/*
 * A change for all spaces takes everything: INVLPG would take global pages, but
 * of the others only those of the PCID that runs.
 */
void mmu_flush_x86(struct vmm_mmu *mmu, unsigned hart,
	const struct vmm_tlb_gather *gather, uint64_t pcid)
{
	const struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);

	if (!plan.needed)
		return;
	if (plan.all_spaces) {
		vmm_mmu_invpcid(mmu, hart, 2, 0, 0);
	} else if (plan.all_addresses) {
		vmm_mmu_invpcid(mmu, hart, 1, pcid, 0);
	} else {
		for (uint64_t i = 0; i < plan.count; i++)
			vmm_mmu_invpcid(mmu, hart, 0, pcid,
				plan.first + (i << plan.shift));
	}
}

void mmu_flush_guest(struct vmm_mmu *mmu, unsigned hart,
	const struct vmm_tlb_gather *gather, uint64_t vmid)
{
	const struct vmm_tlb_plan plan = vmm_tlb_plan_make(gather);

	if (!plan.needed)
		return;
	if (plan.all_addresses) {
		vmm_mmu_hfence_gvma(mmu, hart, NULL, &vmid);
		return;
	}
	for (uint64_t i = 0; i < plan.count; i++) {
		const uint64_t shifted = (plan.first + (i << plan.shift)) >> 2;

		vmm_mmu_hfence_gvma(mmu, hart, &shifted, &vmid);
	}
}

#define X86                                                       \
	(VMM_MMU_NXE | VMM_MMU_WP | VMM_MMU_SMEP | VMM_MMU_SMAP | \
		VMM_MMU_PCID | VMM_MMU_PGE | VMM_MMU_SPECULATE)

const struct mmu_kind mmu_kinds[MMU_KINDS] = {
	{&vmm_pt_sv39, VMM_MMU_RISCV, 0, false, mmu_flush},
	{&vmm_pt_sv48, VMM_MMU_RISCV, VMM_MMU_SVADU, false, mmu_flush_inval},
	{&vmm_pt_sv57, VMM_MMU_RISCV, VMM_MMU_SVPBMT | VMM_MMU_SVNAPOT, false,
		mmu_flush},
	{&vmm_pt_sv39x4, VMM_MMU_RISCV, 0, true, mmu_flush_guest},
	{&vmm_pt_sv48x4, VMM_MMU_RISCV, VMM_MMU_SVADU, true, mmu_flush_guest},
	{&vmm_pt_sv57x4, VMM_MMU_RISCV, 0, true, mmu_flush_guest},
	{&vmm_pt_x86_64, VMM_MMU_X86_64, X86, false, mmu_flush_x86},
	{&vmm_pt_la57, VMM_MMU_X86_64, X86 | VMM_MMU_LA57, false,
		mmu_flush_x86},
};
