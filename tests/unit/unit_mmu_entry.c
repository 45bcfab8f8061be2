/* SPDX-License-Identifier: MIT */
/*
 * How entries and tables read, with no TLB: every rule of the walk, in every
 * format. Sections are those of RISC-V Privileged 1.13, or of Intel SDM 3A where
 * it says so.
 */
#include "support/mmu_rig.h"

#define FRAME 0x80100000
#define RW    (E_V | E_R | E_W | E_AD)
#define ROOT  UINT64_C(0x80004000) /* aligned to 16 KiB */

#define P   1u
#define PRW 2u
#define PUS 4u
#define PPS 128u
#define PXD (UINT64_C(1) << 63)

static struct mmu_rig rig;
static struct vmm_mmu_regs regs;

static uint64_t table(unsigned level)
{
	return ROOT + 0x4000 + 0x1000 * level;
}

/* Tables down to @level for @va, whose entry there is returned. */
static uint64_t *chain(unsigned levels, unsigned level, uint64_t va, bool wide)
{
	uint64_t at = ROOT;

	for (unsigned l = levels - 1;; l--) {
		const unsigned bits = wide && l == levels - 1 ? 11 : 9;
		const uint64_t index = va >> (12 + 9 * l) & ((1u << bits) - 1);
		uint64_t *entry = mmu_word(at + 8 * index);

		if (l == level)
			return entry;
		at = table(l - 1);
		*entry = rig.config.arch == VMM_MMU_X86_64 ? at | P | PRW | PUS
							   : mmu_pte(at, E_V);
	}
}

static void machine(enum vmm_mmu_arch arch, unsigned features)
{
	if (rig.mmu != NULL)
		mmu_close(&rig);
	mmu_open(&rig, arch, features, 1);
	regs = (struct vmm_mmu_regs){0};
}

static struct vmm_mmu_result walk(uint64_t va, unsigned how)
{
	return vmm_mmu_translate(&rig.config, &regs, va, how);
}

static enum vmm_mmu_reason why(uint64_t va, unsigned how)
{
	const struct vmm_mmu_result result = walk(va, how);

	CHECK((result.status == VMM_MMU_OK) ==
		(result.reason == VMM_MMU_NO_REASON));
	return result.reason;
}

/* 12.4 to 12.6: levels, index bits, canonical addresses, leaves anywhere. */
TEST(unit_mmu_riscv_formats)
{
	for (unsigned levels = 3; levels <= 5; levels++) {
		const unsigned bits = 12 + 9 * levels;
		const uint64_t high = ~UINT64_C(0) << (bits - 1);

		for (unsigned level = 0; level < levels; level++) {
			const uint64_t span = UINT64_C(1) << (12 + 9 * level);
			const uint64_t pa = UINT64_C(3) << 52 | span;
			const uint64_t va = high + 3 * span;

			machine(VMM_MMU_RISCV, 0);
			regs.satp = mmu_satp(5 + levels, 0, ROOT);
			*chain(levels, level, va, false) =
				mmu_pte(pa & ~(span - 1), RW);
			CHECK_EQ(walk(va + span - 1, VMM_MMU_READ).pa,
				(pa & ~(span - 1)) + span - 1);
			CHECK_EQ(why(va + span, VMM_MMU_READ), VMM_MMU_ABSENT);
			CHECK_EQ(why(va - 1, VMM_MMU_READ), VMM_MMU_ABSENT);
			/* Bits above repeat the highest. */
			CHECK_EQ(why(va & ~(UINT64_C(1) << 63), VMM_MMU_READ),
				VMM_MMU_NOT_CANONICAL);
			CHECK_EQ(why(va ^ UINT64_C(1) << bits, VMM_MMU_READ),
				VMM_MMU_NOT_CANONICAL);
		}
	}
}

/* 15.5.1: two more bits, a root of 16 KiB, zeroes above; U in each leaf. */
TEST(unit_mmu_guest_formats)
{
	for (unsigned levels = 3; levels <= 5; levels++) {
		const unsigned bits = 14 + 9 * levels;
		const uint64_t gpa = (UINT64_C(1) << bits) - 0x1000;
		uint64_t *entry;

		machine(VMM_MMU_RISCV, 0);
		regs.virt = true;
		regs.hgatp = mmu_satp(5 + levels, 0, ROOT);
		entry = chain(levels, 0, gpa, true);
		*entry = mmu_pte(FRAME, RW | E_U);
		CHECK_EQ(walk(gpa + 5, VMM_MMU_WRITE).pa, FRAME + 5);
		CHECK_EQ(why(gpa + (UINT64_C(1) << bits), VMM_MMU_READ),
			VMM_MMU_NOT_CANONICAL);
		CHECK_EQ(why(gpa + (UINT64_C(1) << 63), VMM_MMU_READ),
			VMM_MMU_NOT_CANONICAL);
		*entry = mmu_pte(FRAME, RW);
		CHECK_EQ(walk(gpa, VMM_MMU_READ).status,
			VMM_MMU_GUEST_PAGE_FAULT);
		CHECK_EQ(why(gpa, VMM_MMU_READ), VMM_MMU_PRIVILEGE);
		/* G must be ignored. */
		*entry = mmu_pte(FRAME, RW | E_U | E_G);
		CHECK_EQ(why(gpa, VMM_MMU_READ), VMM_MMU_NO_REASON);
	}
}

/* 12.3.2 steps 3, 4 and 6, and what later chapters reserve. */
TEST(unit_mmu_reserved_entries)
{
	static const struct {
		uint64_t bits;
		unsigned level;
		unsigned features;
		enum vmm_mmu_reason reason;
	} cases[] = {
		{RW & ~E_V, 0, 0, VMM_MMU_ABSENT},
		{E_V | E_W | E_AD, 0, 0, VMM_MMU_W_WITHOUT_R},
		{E_V | E_W | E_X | E_AD, 0, 0, VMM_MMU_W_WITHOUT_R},
		{E_V | E_W, 2, 0, VMM_MMU_W_WITHOUT_R},
		{RW | 1ull << 54, 0, 0, VMM_MMU_RESERVED_BITS},
		{RW | 1ull << 60, 0, 0, VMM_MMU_RESERVED_BITS},
		{RW | 1ull << 61, 0, 0, VMM_MMU_RESERVED_BITS},
		{RW | 1ull << 63, 0, 0, VMM_MMU_RESERVED_BITS},
		{RW | 1ull << 61, 0, VMM_MMU_SVPBMT, VMM_MMU_NO_REASON},
		{RW | 2ull << 61, 0, VMM_MMU_SVPBMT, VMM_MMU_NO_REASON},
		{RW | 3ull << 61, 0, VMM_MMU_SVPBMT, VMM_MMU_RESERVED_PBMT},
		{E_V | 1ull << 61, 1, VMM_MMU_SVPBMT, VMM_MMU_RESERVED_PBMT},
		{E_V, 0, 0, VMM_MMU_NO_LEAF},
		{E_V | E_A, 1, 0, VMM_MMU_TABLE_ADU},
		{E_V | E_D, 1, 0, VMM_MMU_TABLE_ADU},
		{E_V | E_U, 2, 0, VMM_MMU_TABLE_ADU},
		{E_V | 1ull << 63, 1, VMM_MMU_SVNAPOT, VMM_MMU_RESERVED_NAPOT},
		{RW | 1ull << 63, 0, VMM_MMU_SVNAPOT, VMM_MMU_RESERVED_NAPOT},
		{RW | 1ull << 63 | 4ull << 10, 0, VMM_MMU_SVNAPOT,
			VMM_MMU_RESERVED_NAPOT},
		{RW | 1ull << 63 | 8ull << 10, 0, VMM_MMU_SVNAPOT,
			VMM_MMU_NO_REASON},
		{RW | 1ull << 63 | 8ull << 10, 1, VMM_MMU_SVNAPOT,
			VMM_MMU_RESERVED_NAPOT},
		{RW | 1ull << 10, 1, 0, VMM_MMU_MISALIGNED},
		{RW | 1ull << 18, 1, 0, VMM_MMU_MISALIGNED},
		{RW | 1ull << 27, 2, 0, VMM_MMU_MISALIGNED},
		{RW | 0x300, 0, 0, VMM_MMU_NO_REASON},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t va = 0x40000000;

		machine(VMM_MMU_RISCV, cases[i].features);
		regs.satp = mmu_satp(8, 0, ROOT);
		*chain(3, cases[i].level, va, false) =
			mmu_pte(0x80000000, cases[i].bits);
		CHECK_EQ(why(va, VMM_MMU_READ), cases[i].reason);
		/* An access meets it, and says so. */
		vmm_mmu_satp(rig.mmu, 0, regs.satp);
		mmu_new_all(&rig);
		vmm_mmu_access(rig.mmu, 0, va, VMM_MMU_READ);
		CHECK_EQ(mmu_new(&rig, VMM_MMU_BAD_ENTRY),
			cases[i].reason > VMM_MMU_NO_MEMORY);
	}
}

/* 12.3.1: R, W, X, U against privilege, SUM and MXR: all of them. */
TEST(unit_mmu_riscv_permissions)
{
	const uint64_t va = 0x40000000;

	for (unsigned bits = 0; bits < 16; bits++) {
		const bool r = bits & 1;
		const bool w = bits & 2;
		const bool x = bits & 4;
		const bool u = bits & 8;

		if ((!r && w) || (!r && !x))
			continue;
		machine(VMM_MMU_RISCV, 0);
		regs.satp = mmu_satp(8, 0, ROOT);
		*chain(3, 0, va, false) =
			mmu_pte(FRAME, E_V | E_AD | bits << 1);
		for (unsigned mode = 0; mode < 8; mode++) {
			const bool user = mode & 1;
			const bool sum = mode & 2;
			const bool mxr = mode & 4;
			const unsigned how = (user ? VMM_MMU_USER : 0) |
					     (sum ? VMM_MMU_SUM : 0) |
					     (mxr ? VMM_MMU_MXR : 0);
			const bool data = user ? u : !u || sum;

			CHECK_EQ(walk(va, how | VMM_MMU_READ).status ==
					 VMM_MMU_OK,
				data && (r || (mxr && x)));
			CHECK_EQ(walk(va, how | VMM_MMU_WRITE).status ==
					 VMM_MMU_OK,
				data && w);
			CHECK_EQ(walk(va, how | VMM_MMU_EXEC).status ==
					 VMM_MMU_OK,
				(user ? u : !u) && x);
		}
	}
}

/* A table that is nowhere: an access fault, 12.3.2 step 2. */
TEST(unit_mmu_table_without_memory)
{
	machine(VMM_MMU_RISCV, 0);
	regs.satp = mmu_satp(8, 0, ROOT);
	*chain(3, 1, 0, false) = mmu_pte(0x10000000, E_V);
	CHECK_EQ(walk(0, VMM_MMU_READ).status, VMM_MMU_ACCESS_FAULT);
	regs.satp = mmu_satp(8, 0, 0x10000000);
	CHECK_EQ(walk(0, VMM_MMU_READ).status, VMM_MMU_ACCESS_FAULT);
	/* Off: the address itself. Modes that do not exist count as off. */
	regs.satp = 0;
	CHECK_EQ(walk(0x1234567890, VMM_MMU_EXEC).pa, 0x1234567890);
}

/* SDM 4.5.4: 4 and 5 levels, leaves of 4 KiB, 2 MiB and 1 GiB. */
TEST(unit_mmu_x86_formats)
{
	for (unsigned levels = 4; levels <= 5; levels++) {
		const uint64_t high = ~UINT64_C(0) << (11 + 9 * levels);

		for (unsigned level = 0; level < levels; level++) {
			const uint64_t span = UINT64_C(1) << (12 + 9 * level);
			const uint64_t va = high + 5 * span;
			const uint64_t pa = (UINT64_C(1) << 51) & ~(span - 1);
			uint64_t *entry;

			machine(VMM_MMU_X86_64, levels == 5 ? VMM_MMU_LA57 : 0);
			regs.cr3 = ROOT | 0x18;
			entry = chain(levels, level, va, false);
			*entry = pa | P | (level > 0 ? PPS : 0);
			/* PS is reserved above 1 GiB. */
			CHECK_EQ(why(va, VMM_MMU_READ),
				level > 2 ? VMM_MMU_RESERVED_BITS
					  : VMM_MMU_NO_REASON);
			if (level > 2)
				continue;
			CHECK_EQ(walk(va + span - 1, VMM_MMU_READ).pa,
				pa + span - 1);
			CHECK_EQ(why(va & ~(UINT64_C(1) << 63), VMM_MMU_READ),
				VMM_MMU_NOT_CANONICAL);
			/* PAT: bit 7 of a page, bit 12 of a large one. */
			*entry |= 8 | 16 | (level > 0 ? 1u << 12 : PPS);
			CHECK_EQ(walk(va, VMM_MMU_READ).type, 7);
			CHECK_EQ(walk(va, VMM_MMU_READ).pa, pa);
			if (level == 0)
				continue;
			*entry |= 1u << 13;
			CHECK_EQ(why(va, VMM_MMU_READ), VMM_MMU_MISALIGNED);
		}
	}
}

/* SDM 4.6: R/W, U/S and XD of every level count, with WP, SMEP and SMAP. */
TEST(unit_mmu_x86_permissions)
{
	const uint64_t va = 0x40000000;

	for (unsigned bits = 0; bits < 512; bits++) {
		const bool w = (bits & 3) == 3;
		const bool u = (bits & 12) == 12;
		const bool x = (bits & 48) == 48;
		const bool wp = bits & 64;
		const bool smep = bits & 128;
		const bool smap = bits & 256;

		machine(VMM_MMU_X86_64, VMM_MMU_NXE | (wp ? VMM_MMU_WP : 0) |
						(smep ? VMM_MMU_SMEP : 0) |
						(smap ? VMM_MMU_SMAP : 0));
		regs.cr3 = ROOT;
		*chain(4, 0, va, false) = FRAME | P | (bits & 1 ? PRW : 0) |
					  (bits & 4 ? PUS : 0) |
					  (bits & 16 ? 0 : PXD);
		*chain(4, 2, va, false) = table(1) | P | (bits & 2 ? PRW : 0) |
					  (bits & 8 ? PUS : 0) |
					  (bits & 32 ? 0 : PXD);
		CHECK_EQ(walk(va, VMM_MMU_READ | VMM_MMU_USER).status ==
				 VMM_MMU_OK,
			u);
		CHECK_EQ(walk(va, VMM_MMU_WRITE | VMM_MMU_USER).status ==
				 VMM_MMU_OK,
			u && w);
		CHECK_EQ(walk(va, VMM_MMU_EXEC | VMM_MMU_USER).status ==
				 VMM_MMU_OK,
			u && x);
		CHECK_EQ(walk(va, VMM_MMU_READ).status == VMM_MMU_OK,
			!(u && smap));
		CHECK_EQ(walk(va, VMM_MMU_READ | VMM_MMU_SUM).status ==
				 VMM_MMU_OK,
			true);
		CHECK_EQ(walk(va, VMM_MMU_WRITE).status == VMM_MMU_OK,
			!(u && smap) && (w || !wp));
		CHECK_EQ(walk(va, VMM_MMU_EXEC).status == VMM_MMU_OK,
			!(u && smep) && x);
	}
	/* XD is reserved unless it is on. */
	machine(VMM_MMU_X86_64, 0);
	regs.cr3 = ROOT;
	*chain(4, 0, va, false) = FRAME | P | PXD;
	CHECK_EQ(why(va, VMM_MMU_READ), VMM_MMU_RESERVED_BITS);
}
