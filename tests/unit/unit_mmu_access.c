/* SPDX-License-Identifier: MIT */
/*
 * The rest of the model's interface: copies across pages, memory behind a
 * function, text that is cut, seeds that repeat.
 */
#include "support/mmu_rig.h"

#define ROOT  0x80001000
#define MID   0x80002000
#define LOW   0x80003000
#define FRAME UINT64_C(0x80100000)
#define VA    UINT64_C(0x40000000)
#define PAGE  UINT64_C(4096)
#define RW    (E_V | E_R | E_W | E_AD)

static struct mmu_rig rig;

/* Two pages at VA, in the wrong order in memory, and none behind them. */
static void build(void)
{
	mmu_open(&rig, VMM_MMU_RISCV, 0, 1);
	*mmu_word(ROOT + 8) = mmu_pte(MID, E_V);
	*mmu_word(MID) = mmu_pte(LOW, E_V);
	*mmu_word(LOW) = mmu_pte(FRAME + PAGE, RW);
	*mmu_word(LOW + 8) = mmu_pte(FRAME, RW);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT));
	mmu_new_all(&rig);
}

TEST(unit_mmu_copies_across_pages)
{
	uint64_t words[3] = {1, 2, 3};
	struct vmm_mmu_result result;

	build();
	result = vmm_mmu_write(
		rig.mmu, 0, VA + PAGE - 16, 0, words, sizeof(words));
	CHECK_EQ(result.status, VMM_MMU_OK);
	CHECK_EQ(*mmu_word(FRAME + 2 * PAGE - 16), 1);
	CHECK_EQ(*mmu_word(FRAME + 2 * PAGE - 8), 2);
	CHECK_EQ(*mmu_word(FRAME), 3);
	words[0] = words[1] = words[2] = 0;
	result = vmm_mmu_read(
		rig.mmu, 0, VA + PAGE - 16, 0, words, sizeof(words));
	CHECK_EQ(result.status, VMM_MMU_OK);
	CHECK_EQ(words[0] * 100 + words[1] * 10 + words[2], 123);
	/* Up to the fault, and no further. */
	result = vmm_mmu_write(
		rig.mmu, 0, VA + 2 * PAGE - 8, 0, words, sizeof(words));
	CHECK_EQ(result.reason, VMM_MMU_ABSENT);
	CHECK_EQ(*mmu_word(FRAME + PAGE - 8), 1);
	/* Mapped, but there is no memory: the access itself succeeds. */
	*mmu_word(LOW + 16) = mmu_pte(0x10000000, RW);
	vmm_mmu_sfence_vma(rig.mmu, 0, NULL, NULL);
	CHECK_EQ(vmm_mmu_access(rig.mmu, 0, VA + 2 * PAGE, VMM_MMU_READ).pa,
		0x10000000);
	result = vmm_mmu_read(rig.mmu, 0, VA + 2 * PAGE, 0, words, 8);
	CHECK_EQ(result.status, VMM_MMU_ACCESS_FAULT);
	mmu_close(&rig);
}

static uint64_t asked;

/* The rig's memory, 1 GiB higher. */
static void *page_at(void *ctx, uint64_t pa)
{
	(void)ctx;
	asked++;
	CHECK_EQ(pa % PAGE, 0);
	if (pa < MMU_RAM + (1u << 30))
		return NULL;
	return mmu_word(pa - (1u << 30));
}

TEST(unit_mmu_memory_behind_a_function)
{
	const uint64_t up = UINT64_C(1) << 30;

	build();
	*mmu_word(ROOT + 8) = mmu_pte(MID + up, E_V);
	*mmu_word(MID) = mmu_pte(LOW + up, E_V);
	rig.config.page = page_at;
	rig.config.ctx = &rig;
	mmu_reopen(&rig);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT + up));
	CHECK_EQ(vmm_mmu_access(rig.mmu, 0, VA + 5, VMM_MMU_READ).pa,
		FRAME + PAGE + 5);
	*mmu_word(LOW) = 0;
	vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_READ);
	CHECK_EQ(mmu_new(&rig, VMM_MMU_STALE), 1);
	CHECK_EQ(rig.last.entry_pa, LOW + up);
	CHECK(asked > 0);
	mmu_close(&rig);
}

/* Cut where the room ends, always terminated, the whole length returned. */
TEST(unit_mmu_text_is_cut)
{
	size_t whole = 0;
	char text[64];

	build();
	*mmu_word(LOW) = 0;
	vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_READ);
	while (rig.text[whole] != '\0')
		whole++;
	CHECK(whole > sizeof(text));
	for (size_t size = 0; size <= sizeof(text); size++) {
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = '#';
		CHECK_EQ(vmm_mmu_text(&rig.last, text, size), whole);
		for (size_t i = 0; i + 1 < size; i++)
			CHECK_EQ(text[i], rig.text[i]);
		if (size > 0)
			CHECK_EQ(text[size - 1], '\0');
		for (size_t i = size; i < sizeof(text); i++)
			CHECK_EQ(text[i], '#');
	}
	mmu_close(&rig);
}

static uint64_t history(uint64_t seed)
{
	uint64_t digest = TEST_DIGEST_INIT;

	build();
	rig.config.seed = seed;
	mmu_reopen(&rig);
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, 1, ROOT));
	*mmu_word(LOW) = mmu_pte(FRAME, RW);
	for (unsigned i = 0; i < 64; i++) {
		const uint64_t pa =
			vmm_mmu_access(rig.mmu, 0, VA, VMM_MMU_READ).pa;

		digest = test_digest(digest, &pa, sizeof(pa));
	}
	mmu_close(&rig);
	return digest;
}

TEST(unit_mmu_seeds_repeat)
{
	CHECK_EQ(history(5), history(5));
	CHECK(history(5) != history(6));
}
