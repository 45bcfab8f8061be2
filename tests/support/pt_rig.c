/* SPDX-License-Identifier: MIT */
#include "support/pt_rig.h"

static _Alignas(4096) uint8_t ram[RIG_PAGES * 4096];

const struct vmm_pt_format *const rig_formats[RIG_FORMATS] = {
	&vmm_pt_sv39, &vmm_pt_sv48, &vmm_pt_sv57};

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
	for (size_t i = 1; i < RIG_PAGES; i++) {
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
	CHECK(page > 0 && page < RIG_PAGES);
	CHECK(rig->used[page]);
	rig->used[page] = 0;
	rig->live--;
	junk(page);
}

void rig_open(struct pt_rig *rig, const struct vmm_pt_format *format)
{
	for (size_t i = 0; i < RIG_PAGES; i++)
		rig->used[i] = 0;
	rig->used[0] = 1;
	junk(0);
	rig->pages = (struct vmm_pages){page_alloc, page_free, rig};
	rig->offset = (uint64_t)(uintptr_t)ram - RIG_RAM;
	rig->live = 0;
	rig->fail_in = -1;
	rig->sticky = false;
	vmm_pt_init(&rig->pt, format, &rig->pages, rig->offset, RIG_RAM);
}

void rig_close(struct pt_rig *rig)
{
	vmm_pt_fini(&rig->pt);
	CHECK_EQ(rig->live, 0);
	for (size_t i = 0; i < 4096; i++)
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

bool rig_mmu(const struct pt_rig *rig, vmm_va_t va, char access, bool user,
	vmm_pa_t *pa_out)
{
	int levels = rig->pt.format == &vmm_pt_sv39   ? 3
		     : rig->pt.format == &vmm_pt_sv48 ? 4
						      : 5;
	int bits = 12 + 9 * levels;
	uint64_t a = rig->pt.root;
	uint64_t pte;
	int i = levels - 1;

	/* Bits 63 to va_bits must all equal bit va_bits - 1. */
	if ((uint64_t)((int64_t)(va << (64 - bits)) >> (64 - bits)) != va)
		return false;
	for (;;) {
		uint64_t vpn = (va >> (12 + 9 * i)) & 511;

		pte = *(const uint64_t *)(uintptr_t)(a + vpn * 8 + rig->offset);
		if ((pte & 1) == 0 || (pte & 6) == 4 || pte >> 54 != 0)
			return false;
		if ((pte & 0xe) != 0)
			break;
		if ((pte & 0xd0) != 0 || --i < 0)
			return false;
		a = ((pte >> 10) & ((UINT64_C(1) << 44) - 1)) << 12;
	}
	if ((access == 'r' && (pte & 2) == 0) ||
		(access == 'w' && (pte & 4) == 0) ||
		(access == 'x' && (pte & 8) == 0))
		return false;
	if (user != ((pte & 0x10) != 0))
		return false;
	a = ((pte >> 10) & ((UINT64_C(1) << 44) - 1)) << 12;
	if ((a & ((UINT64_C(1) << (12 + 9 * i)) - 1)) != 0)
		return false;
	if ((pte & 0x40) == 0 || (access == 'w' && (pte & 0x80) == 0))
		return false;
	*pa_out = a | (va & ((UINT64_C(1) << (12 + 9 * i)) - 1));
	return true;
}
