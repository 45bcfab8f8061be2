/* SPDX-License-Identifier: MIT */
/*
 * The self-test before paging goes on: good tables pass, and each way to get
 * boot tables wrong is named at the address, level and entry where the
 * hardware would stumble.
 */
#include "support/pt_rig.h"
#include "support/test.h"

#include <vmm/boot.h>

#define RX (VMM_PT_READ | VMM_PT_EXEC)
#define RW (VMM_PT_READ | VMM_PT_WRITE)

#define CODE  UINT64_C(0x80200000)
#define STACK UINT64_C(0x80208000) /* one past its two pages */

static struct pt_rig rig;
static struct vmm_boot_state state;
static struct vmm_boot_verdict verdict;

/* Identity: two pages of code, two of stack below STACK. */
static void open_tables(const struct vmm_pt_format *format)
{
	rig_open(&rig, format);
	CHECK_EQ(vmm_pt_map(&rig.pt, CODE, CODE, 0x2000, RX, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, STACK - 0x2000, STACK - 0x2000, 0x2000, RW,
			 NULL),
		VMM_OK);
	state = (struct vmm_boot_state){.pc = CODE + 0x10,
		.pc_pa = CODE + 0x10,
		.sp = STACK - 0x20,
		.sp_pa = STACK - 0x20,
		.stack = 0x1000,
		.trap = CODE + 0x1000,
		.trap_pa = CODE + 0x1000};
}

static uint64_t *entry_at(vmm_va_t va, int level)
{
	uint64_t *entry = NULL;
	vmm_pa_t table = rig.pt.root;

	for (int l = rig.pt.format->levels - 1; l >= level; l--) {
		entry = (uint64_t *)(uintptr_t)(table + rig.offset) +
			((va >> (12 + 9 * l)) & 511);
		table = *entry >> 10 << 12;
	}
	return entry;
}

static void check_flaw(enum vmm_boot_flaw flaw, vmm_va_t va, uint32_t level)
{
	CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_ECORRUPT);
	CHECK_EQ(verdict.flaw, flaw);
	CHECK_EQ(verdict.va, va);
	CHECK_EQ(verdict.level, level);
}

TEST(unit_boot_check_fine)
{
	for (int f = 0; f < RIG_SATP_FORMATS; f++) {
		open_tables(rig_formats[f]);
		CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_OK);
		CHECK_EQ(verdict.flaw, VMM_BOOT_FINE);
		/* The stack may use its two pages to the last byte. */
		state.stack = 0x2000 - 0x20;
		CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_OK);
		state.stack++;
		check_flaw(VMM_BOOT_UNMAPPED, STACK - 0x2001, 0);
		rig_close(&rig);
	}
}

/* The same through superpages, at another address than the physical one. */
TEST(unit_boot_check_superpages)
{
	rig_open(&rig, &vmm_pt_sv48);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0xffffffff80000000, VMM_GIB(2), VMM_GIB(1),
			 RX, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, -VMM_MIB(2), VMM_MIB(6), VMM_MIB(2), RW,
			 NULL),
		VMM_OK);
	state = (struct vmm_boot_state){.pc = 0xffffffff80200000,
		.pc_pa = 0x80200000,
		.sp = 0, /* the stack ends at 2^64 */
		.sp_pa = VMM_MIB(8),
		.stack = VMM_MIB(2),
		.trap = 0xffffffffbffffffc,
		.trap_pa = 0xbffffffc};
	CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_OK);
	state.pc_pa += VMM_GIB(1);
	check_flaw(VMM_BOOT_ELSEWHERE, 0xffffffff80200000, 2);
	CHECK_EQ(verdict.pa, 0x80200000);
	rig_close(&rig);
}

/* Each mistake by itself. */
TEST(unit_boot_check_flaws)
{
	static const struct {
		vmm_va_t va; /* whose entry is edited */
		int level;
		uint64_t clear, set;
		enum vmm_boot_flaw flaw;
		vmm_va_t at; /* where the check must stumble */
	} cases[] = {
		/* No identity map, no stack, no trap vector. */
		{CODE, 2, ~0ull, 0, VMM_BOOT_UNMAPPED, CODE + 0x10},
		{CODE, 0, 1, 0, VMM_BOOT_UNMAPPED, CODE + 0x10},
		{STACK - 0x1000, 0, 1, 0, VMM_BOOT_UNMAPPED, STACK - 0x21},
		{STACK - 0x2000, 0, 1, 0, VMM_BOOT_UNMAPPED, STACK - 0x1001},
		{CODE + 0x1000, 0, 1, 0, VMM_BOOT_UNMAPPED, CODE + 0x1000},
		/* Rights. */
		{CODE, 0, 8, 0, VMM_BOOT_NOT_EXECUTABLE, CODE + 0x10},
		{CODE + 0x1000, 0, 8, 0, VMM_BOOT_NOT_EXECUTABLE,
			CODE + 0x1000},
		{STACK - 0x1000, 0, 4, 0, VMM_BOOT_NOT_WRITABLE, STACK - 0x21},
		{CODE, 0, 0, 0x10, VMM_BOOT_USER, CODE + 0x10},
		{STACK - 0x1000, 0, 0, 0x10, VMM_BOOT_USER, STACK - 0x21},
		/* Accessed and dirty. */
		{CODE, 0, 0x40, 0, VMM_BOOT_NOT_ACCESSED, CODE + 0x10},
		{STACK - 0x1000, 0, 0x80, 0, VMM_BOOT_NOT_ACCESSED,
			STACK - 0x21},
		/* Encodings: W without R, reserved bits, a leaf that is not
		 * one, A in a pointer, a superpage by mistake. */
		{STACK - 0x1000, 0, 2, 0, VMM_BOOT_BAD_ENTRY, STACK - 0x21},
		{CODE, 0, 0, 1ull << 54, VMM_BOOT_BAD_ENTRY, CODE + 0x10},
		{CODE, 0, 0, 1ull << 63, VMM_BOOT_BAD_ENTRY, CODE + 0x10},
		{CODE, 0, 0xe, 0, VMM_BOOT_BAD_ENTRY, CODE + 0x10},
		{CODE, 0, 0xce, 0, VMM_BOOT_BAD_ENTRY, CODE + 0x10},
		{CODE, 1, 0, 0x40, VMM_BOOT_BAD_ENTRY, CODE + 0x10},
		{CODE, 1, 0, 0x4a, VMM_BOOT_MISALIGNED_LEAF, CODE + 0x10},
		/* The next frame instead of this one. */
		{CODE + 0x1000, 0, 0, 2 << 10, VMM_BOOT_ELSEWHERE,
			CODE + 0x1000},
	};

	for (int f = 0; f < RIG_SATP_FORMATS; f++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			uint64_t *entry;
			uint64_t old;

			open_tables(rig_formats[f]);
			entry = entry_at(cases[i].va, cases[i].level);
			old = *entry;
			*entry = (old & ~cases[i].clear) | cases[i].set;
			check_flaw(cases[i].flaw, cases[i].at,
				(uint32_t)cases[i].level);
			CHECK_EQ(verdict.entry, *entry);
			*entry = old;
			rig_close(&rig);
		}
	}
}

/* What no entry says: the root, the addresses, the state itself. */
TEST(unit_boot_check_state)
{
	vmm_pa_t root;

	open_tables(&vmm_pt_sv39);
	root = rig.pt.root;
	rig.pt.root += 8;
	check_flaw(VMM_BOOT_BAD_ROOT, CODE + 0x10, 3);
	CHECK_EQ(verdict.pa, root + 8);
	rig.pt.root = UINT64_C(1) << 56;
	check_flaw(VMM_BOOT_BAD_ROOT, CODE + 0x10, 3);
	rig.pt.root = root;

	{
		struct vmm_pt_format format = vmm_pt_sv39;

		format.satp_mode = 9;
		rig.pt.format = &format;
		check_flaw(VMM_BOOT_BAD_MODE, CODE + 0x10, 3);
		rig.pt.format = &vmm_pt_sv39;
	}
	state.pc = UINT64_C(1) << 38;
	check_flaw(VMM_BOOT_NONCANONICAL, UINT64_C(1) << 38, 3);
	/* An instruction that begins on the last two bytes of a page. */
	open_tables(&vmm_pt_sv39);
	state.pc = state.pc_pa = CODE + 0x1ffe;
	check_flaw(VMM_BOOT_UNMAPPED, CODE + 0x2000, 0);
	state.pc = state.pc_pa = CODE + 0x1ffc;
	CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_OK);

	state.stack = 0;
	CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_EINVAL);
	state.stack = STACK;
	CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_EINVAL);
	rig_close(&rig);
}

/* The words. */
TEST(golden_boot_verdict)
{
	char buffer[256];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	open_tables(&vmm_pt_sv39);
	CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_OK);
	vmm_boot_verdict_dump(&verdict, &sink);
	CHECK(test_text_has(&text, "pc, stack and trap vector are fine"));
	*entry_at(STACK - 0x1000, 0) &= ~4ull;
	CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_ECORRUPT);
	vmm_boot_verdict_dump(&verdict, &sink);
	CHECK(test_text_has(&text,
		"stack at 0x0000000080207fdf is not writable: "
		"level 0 entry 0x0000000020081cc3"));
	state.pc_pa += 4096;
	CHECK_EQ(vmm_boot_check(&rig.pt, &state, &verdict), VMM_ECORRUPT);
	vmm_boot_verdict_dump(&verdict, &sink);
	CHECK(test_text_has(&text,
		"pc at 0x0000000080200010 is mapped elsewhere: "
		"0x0000000080200010"));
	verdict.flaw = 999;
	vmm_boot_verdict_dump(&verdict, &sink);
	CHECK(test_text_has(&text, "has an unknown flaw"));
	rig_close(&rig);
}
