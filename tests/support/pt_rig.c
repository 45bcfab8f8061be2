/* SPDX-License-Identifier: MIT */
#include "support/pt_rig.h"

/* Aligned for a guest stage's root, for which the first four pages are. */
#define ROOT_PAGES 4
static _Alignas(4096 * ROOT_PAGES) uint8_t ram[RIG_PAGES * 4096];

const struct vmm_pt_format *const rig_formats[RIG_FORMATS] = {&vmm_pt_sv39,
	&vmm_pt_sv48, &vmm_pt_sv57, &vmm_pt_x86_64, &vmm_pt_la57,
	&vmm_pt_sv39x4, &vmm_pt_sv48x4, &vmm_pt_sv57x4};

const struct rig_machine rig_machines[RIG_MACHINES] = {
	{&vmm_pt_sv39, 0},
	{&vmm_pt_sv48, 0},
	{&vmm_pt_sv57, 0},
	{&vmm_pt_x86_64, 0},
	{&vmm_pt_la57, 0},
	{&vmm_pt_sv39x4, 0},
	{&vmm_pt_sv48x4, 0},
	{&vmm_pt_sv57x4, 0},
	{&vmm_pt_sv39, VMM_PT_SVPBMT},
	{&vmm_pt_sv48, VMM_PT_SVNAPOT | VMM_PT_SVPBMT},
	{&vmm_pt_sv57x4, VMM_PT_SVNAPOT | VMM_PT_TRACK},
	{&vmm_pt_sv39, VMM_PT_THEAD},
	{&vmm_pt_sv39, VMM_PT_TRACK | VMM_PT_NO_GIGA},
	{&vmm_pt_x86_64, VMM_PT_TRACK | VMM_PT_NO_GIGA},
	{&vmm_pt_sv39x4, VMM_PT_SVPBMT},
};

bool rig_is_guest(const struct vmm_pt_format *format)
{
	return format->sign_extended == 0;
}

vmm_va_t rig_low_end(const struct vmm_pt_format *format)
{
	return UINT64_C(1) << (format->va_bits - 1);
}

vmm_va_t rig_high(const struct vmm_pt_format *format)
{
	return rig_is_guest(format) ? rig_low_end(format)
				    : -rig_low_end(format);
}

vmm_va_t rig_last(const struct vmm_pt_format *format)
{
	return rig_is_guest(format) ? 2 * rig_low_end(format) - 1 : UINT64_MAX;
}

static void junk(size_t page)
{
	for (size_t i = 0; i < 4096; i++)
		ram[page * 4096 + i] = 0xa5;
}

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	struct pt_rig *rig = ctx;

	if (rig->fail_in == 0) {
		rig->fail_in = rig->sticky ? 0 : -1;
		return -1234;
	}
	if (rig->fail_in > 0)
		rig->fail_in--;
	for (size_t i = ROOT_PAGES; i < RIG_PAGES; i++) {
		if (rig->used[i])
			continue;
		rig->used[i] = 1;
		rig->live++;
		junk(i);
		*pa_out = RIG_RAM + i * 4096;
		return 0;
	}
	return -1234;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	struct pt_rig *rig = ctx;
	size_t page = (size_t)((pa - RIG_RAM) / 4096);

	CHECK(pa % 4096 == 0);
	CHECK(page >= ROOT_PAGES && page < RIG_PAGES);
	CHECK(rig->used[page]);
	rig->used[page] = 0;
	rig->live--;
	junk(page);
}

static void open_table(struct pt_rig *rig, const struct vmm_pt_format *format)
{
	for (size_t i = 0; i < RIG_PAGES; i++)
		rig->used[i] = 0;
	for (size_t i = 0; i < ROOT_PAGES; i++) {
		rig->used[i] = 1;
		junk(i);
	}
	rig->pages = (struct vmm_pages){page_alloc, page_free, rig};
	rig->offset = (uint64_t)(uintptr_t)ram - RIG_RAM;
	rig->live = 0;
	rig->fail_in = -1;
	rig->sticky = false;
	vmm_pt_init(&rig->pt, format, &rig->pages, rig->offset, RIG_RAM);
}

void rig_open(struct pt_rig *rig, const struct vmm_pt_format *format)
{
	rig->base = format;
	rig->features = 0;
	open_table(rig, format);
}

void rig_open_with(
	struct pt_rig *rig, const struct vmm_pt_format *base, unsigned features)
{
	rig->base = base;
	rig->features = features;
	CHECK_EQ(vmm_pt_format_init(&rig->format, base, features), VMM_OK);
	open_table(rig, &rig->format);
}

void rig_close(struct pt_rig *rig)
{
	vmm_pt_fini(&rig->pt);
	CHECK_EQ(rig->live, 0);
	for (size_t i = 0; i < UINT64_C(8) << rig->pt.format->root_bits; i++)
		CHECK(ram[i] == 0);
}

void rig_reap(struct pt_rig *rig, struct vmm_tlb_gather *gather)
{
	vmm_pt_reap(&rig->pt, gather);
	CHECK_EQ(gather->dead_count, 0);
	CHECK_EQ(gather->flags, 0);
	CHECK_EQ(rig->live, rig->pt.table_count - 1 + rig->pt.spare_count);
}

uint64_t rig_digest(const struct pt_rig *rig)
{
	uint64_t digest = TEST_DIGEST_INIT;

	for (size_t i = 0; i < RIG_PAGES; i++) {
		if (rig->used[i])
			digest = test_digest(digest, &ram[i * 4096], 4096);
	}
	digest = test_digest(digest, rig->used, sizeof(rig->used));
	return test_digest(digest, &rig->pt, sizeof(rig->pt));
}

/* What an MMU knows of the machine's mode. */
struct mode {
	int levels;
	int wide; /* more bits of the root's index */
	bool x86;
};

static struct mode mode_of(const struct vmm_pt_format *format)
{
	struct mode mode = {3, 0, false};

	if (format == &vmm_pt_sv48 || format == &vmm_pt_sv48x4 ||
		format == &vmm_pt_x86_64)
		mode.levels = 4;
	if (format == &vmm_pt_sv57 || format == &vmm_pt_sv57x4 ||
		format == &vmm_pt_la57)
		mode.levels = 5;
	if (format == &vmm_pt_sv39x4 || format == &vmm_pt_sv48x4 ||
		format == &vmm_pt_sv57x4)
		mode.wide = 2;
	mode.x86 = format == &vmm_pt_x86_64 || format == &vmm_pt_la57;
	return mode;
}

/* The row of the machine's table; the rig may hold another one than it opened. */
static struct mode mode_of_rig(const struct pt_rig *rig)
{
	for (int i = 0; i < RIG_FORMATS; i++) {
		if (rig->pt.format == rig_formats[i])
			return mode_of(rig_formats[i]);
	}
	return mode_of(rig->base);
}

static bool is_canonical(struct mode mode, vmm_va_t va)
{
	int bits = 12 + 9 * mode.levels;

	if (mode.wide != 0)
		return va >> (bits + mode.wide) == 0;
	/* Bits 63 to bits must all equal bit bits - 1. */
	return (uint64_t)((int64_t)(va << (64 - bits)) >> (64 - bits)) == va;
}

static uint64_t read_entry(const struct pt_rig *rig, struct mode mode,
	uint64_t table, vmm_va_t va, int level)
{
	int bits = level == mode.levels - 1 ? 9 + mode.wide : 9;
	uint64_t at = (va >> (12 + 9 * level)) & ((UINT64_C(1) << bits) - 1);

	return *(const uint64_t *)(uintptr_t)(table + at * 8 + rig->offset);
}

/* Bits of a leaf that a machine with these features does not refuse. */
static uint64_t feature_bits(const struct pt_rig *rig, int level)
{
	uint64_t bits = 0;

	if ((rig->features & VMM_PT_SVPBMT) != 0)
		bits |= UINT64_C(3) << 61;
	if ((rig->features & VMM_PT_SVNAPOT) != 0 && level == 0)
		bits |= UINT64_C(1) << 63;
	if ((rig->features & VMM_PT_THEAD) != 0)
		bits |= UINT64_C(31) << 59;
	return bits;
}

/* The walk alone: 12.3.2 up to the leaf's protection. */
static bool riscv_leaf(const struct pt_rig *rig, struct mode mode, vmm_va_t va,
	uint64_t *pte_out, unsigned *level_out)
{
	uint64_t a = rig->pt.root;
	int i = mode.levels - 1;
	uint64_t pte;

	for (;;) {
		pte = read_entry(rig, mode, a, va, i);
		if ((pte & 1) == 0 || (pte & 6) == 4)
			return false;
		if ((pte & 0xe) != 0)
			break;
		if ((pte & 0xd0) != 0 || pte >> 54 != 0 || --i < 0)
			return false;
		a = ((pte >> 10) & ((UINT64_C(1) << 44) - 1)) << 12;
	}
	if ((pte >> 54 << 54 & ~feature_bits(rig, i)) != 0)
		return false;
	if ((rig->features & VMM_PT_SVPBMT) != 0 && (pte >> 61 & 3) == 3)
		return false;
	*pte_out = pte;
	*level_out = (unsigned)i;
	return true;
}

/* As hardware with Svadu, or a processor of x86-64, sets A and D. */
static void set_bits(const struct pt_rig *rig, struct mode mode, vmm_va_t va,
	unsigned level, uint64_t bits)
{
	uint64_t table = rig->pt.root;

	for (int i = mode.levels - 1; i > (int)level; i--) {
		uint64_t entry = read_entry(rig, mode, table, va, i);

		table = mode.x86 ? entry & 0xffffffffff000
				 : entry << 2 & ~0xfffull;
		table &= (UINT64_C(1) << 56) - 1;
	}
	{
		int wide = (int)level == mode.levels - 1 ? 9 + mode.wide : 9;
		uint64_t at =
			(va >> (12 + 9 * level)) & ((UINT64_C(1) << wide) - 1);

		*(uint64_t *)(uintptr_t)(table + at * 8 + rig->offset) |= bits;
	}
}

static bool riscv_mmu(const struct pt_rig *rig, struct mode mode, vmm_va_t va,
	char access, bool user, vmm_pa_t *pa_out)
{
	uint64_t need = access == 'w' ? 0xc0 : 0x40;
	unsigned shift;
	unsigned i;
	uint64_t pte;
	uint64_t a;

	if (!riscv_leaf(rig, mode, va, &pte, &i))
		return false;
	if ((access == 'r' && (pte & 2) == 0) ||
		(access == 'w' && (pte & 4) == 0) ||
		(access == 'x' && (pte & 8) == 0))
		return false;
	if (user != ((pte & 0x10) != 0) ||
		(mode.wide != 0 && (pte & 0x20) != 0))
		return false;
	a = ((pte >> 10) & ((UINT64_C(1) << 44) - 1)) << 12;
	shift = 12 + 9 * i;
	/* Svnapot: ppn[3:0] = 1000 with N is 64 KiB, all else reserved. */
	if (pte >> 63 != 0 && (rig->features & VMM_PT_SVNAPOT) != 0) {
		if ((a >> 12 & 15) != 8)
			return false;
		a &= ~UINT64_C(0xffff);
		shift = 16;
	}
	if ((a & ((UINT64_C(1) << shift) - 1)) != 0)
		return false;
	if ((pte & need) != need) {
		if ((rig->features & VMM_PT_TRACK) == 0)
			return false;
		set_bits(rig, mode, va, i, need);
	}
	*pa_out = a | (va & ((UINT64_C(1) << shift) - 1));
	return true;
}

struct x86_leaf {
	uint64_t entry;
	uint64_t all; /* rights: those of every level */
	unsigned level;
};

static bool x86_leaf(const struct pt_rig *rig, struct mode mode, vmm_va_t va,
	struct x86_leaf *leaf)
{
	const uint64_t address = ((UINT64_C(1) << 40) - 1) << 12;
	uint64_t table = rig->pt.root;
	uint64_t entry;
	int i = mode.levels - 1;

	leaf->all = UINT64_MAX;
	for (;; i--) {
		entry = read_entry(rig, mode, table, va, i);
		if ((entry & 1) == 0 || (i > 2 && (entry & 0x80) != 0))
			return false;
		/* XD takes away what RW and U/S give. */
		leaf->all &= entry ^ UINT64_C(1) << 63;
		if (i == 0 || (entry & 0x80) != 0)
			break;
		table = entry & address;
	}
	leaf->entry = entry;
	leaf->level = (unsigned)i;
	return true;
}

static bool x86_mmu(const struct pt_rig *rig, struct mode mode, vmm_va_t va,
	char access, bool user, vmm_pa_t *pa_out)
{
	const uint64_t address = ((UINT64_C(1) << 40) - 1) << 12;
	uint64_t need = access == 'w' ? 0x60 : 0x20;
	struct x86_leaf leaf;
	uint64_t page;

	if (!x86_leaf(rig, mode, va, &leaf))
		return false;
	page = UINT64_C(1) << (12 + 9 * leaf.level);
	/* Bit 12 of a large leaf is PAT, the others below its size reserved. */
	if (leaf.level > 0 &&
		(leaf.entry & address & (page - 1) & ~UINT64_C(0x1000)) != 0)
		return false;
	if (user != ((leaf.all & 4) != 0) ||
		(access == 'w' && (leaf.all & 2) == 0) ||
		(access == 'x' && leaf.all >> 63 == 0))
		return false;
	if ((leaf.entry & need) != need) {
		if ((rig->features & VMM_PT_TRACK) == 0)
			return false;
		set_bits(rig, mode, va, leaf.level, need);
	}
	*pa_out = (leaf.entry & address & ~(page - 1)) | (va & (page - 1));
	return true;
}

bool rig_mmu(const struct pt_rig *rig, vmm_va_t va, char access, bool user,
	vmm_pa_t *pa_out)
{
	struct mode mode = mode_of_rig(rig);

	if (!is_canonical(mode, va))
		return false;
	return mode.x86 ? x86_mmu(rig, mode, va, access, user, pa_out)
			: riscv_mmu(rig, mode, va, access, user, pa_out);
}

bool rig_leaf(const struct pt_rig *rig, vmm_va_t va, uint64_t *entry_out,
	unsigned *level_out)
{
	struct mode mode = mode_of_rig(rig);
	struct x86_leaf leaf;

	if (!mode.x86)
		return riscv_leaf(rig, mode, va, entry_out, level_out);
	if (!x86_leaf(rig, mode, va, &leaf))
		return false;
	*entry_out = leaf.entry;
	*level_out = leaf.level;
	return true;
}

char rig_type(const struct pt_rig *rig, uint64_t entry, unsigned level)
{
	if (mode_of_rig(rig).x86) {
		/* PAT, PCD, PWT number an entry of the PAT: 6 WB, 4 WT, 7 UC-,
		 * 0 UC, 1 WC. */
		static const char pat[8] = {
			'm', '?', '?', 'i', 'm', '?', 'n', 'i'};
		unsigned high = (unsigned)(entry >> (level > 0 ? 12 : 7) & 1);

		return pat[high << 2 | (entry >> 3 & 3)];
	}
	if ((rig->features & VMM_PT_SVPBMT) != 0)
		return "mni?"[entry >> 61 & 3];
	if ((rig->features & VMM_PT_THEAD) != 0) {
		/* SO, C, B, SH, SEC from bit 63 down. */
		switch (entry >> 59) {
		case 14:
			return 'm';
		case 6:
			return 'n';
		case 18:
			return 'i';
		default:
			return '?';
		}
	}
	return 'm';
}
