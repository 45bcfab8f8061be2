/* SPDX-License-Identifier: MIT */
/* Mapping by example: what is where, with which rights and leaves. */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE)
#define RX (VMM_PT_READ | VMM_PT_EXEC)

static struct pt_rig rig;

/* One page in each half, in each format: the words of the specification and
 * the library's own look-up agree. */
TEST(unit_pt_one_page)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		struct vmm_tlb_gather gather;
		bool user = rig_is_guest(rig_formats[f]);
		vmm_va_t low = rig_low_end(rig_formats[f]);
		vmm_va_t high = rig_high(rig_formats[f]);
		vmm_va_t last = rig_last(rig_formats[f]);
		const vmm_va_t where[4] = {0, low - 4096, high, last - 4095};
		vmm_pa_t pa;
		unsigned prot;

		rig_open(&rig, rig_formats[f]);
		vmm_tlb_gather_init(&gather, NULL, 0);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(vmm_pt_map(&rig.pt, where[i],
					 0x90000000 + (uint64_t)i * 4096, 4096,
					 RW, &gather),
				VMM_OK);
		CHECK(gather.flags == (VMM_TLB_CHANGED | VMM_TLB_NON_LEAF));
		for (int i = 0; i < 4; i++) {
			CHECK(rig_mmu(&rig, where[i] + 0x123, 'w', user, &pa));
			CHECK_EQ(pa, 0x90000123 + (uint64_t)i * 4096);
			CHECK_EQ(vmm_pt_translate(
					 &rig.pt, where[i] + 0x123, &pa, &prot),
				VMM_OK);
			CHECK_EQ(pa, 0x90000123 + (uint64_t)i * 4096);
			CHECK_EQ(prot, RW);
			CHECK(!rig_mmu(&rig, where[i], 'x', user, &pa));
			CHECK(!rig_mmu(&rig, where[i], 'r', !user, &pa));
		}
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(vmm_pt_unmap(&rig.pt, where[i], 4096, &gather),
				VMM_OK);
		CHECK_EQ(vmm_pt_prune(&rig.pt, 0, low, &gather), VMM_OK);
		CHECK_EQ(vmm_pt_prune(&rig.pt, high, last - high + 1, &gather),
			VMM_OK);
		rig_reap(&rig, &gather);
		CHECK_EQ(rig.pt.table_count, 1);
		rig_close(&rig);
	}
}

/* Every kind of protection, through the specification's eyes. */
TEST(unit_pt_protection_bits)
{
	rig_open(&rig, &vmm_pt_sv39);
	for (unsigned prot = 0; prot < VMM_PT_ACCESSED; prot++) {
		vmm_va_t va = 0x10000 + (vmm_va_t)prot * 4096;
		unsigned wanted = prot;
		bool user = (prot & VMM_PT_USER) != 0;
		unsigned got;
		vmm_pa_t pa;

		if ((prot & (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)) == 0) {
			CHECK_REFUSED(&rig,
				vmm_pt_map(&rig.pt, va, 0x90000000, 4096, prot,
					NULL),
				VMM_EINVAL);
			continue;
		}
		if ((prot & VMM_PT_WRITE) != 0)
			wanted |= VMM_PT_READ;
		CHECK_EQ(vmm_pt_map(&rig.pt, va, 0x90000000, 4096, prot, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_translate(&rig.pt, va, NULL, &got), VMM_OK);
		CHECK_EQ(got, wanted);
		CHECK(rig_mmu(&rig, va, 'r', user, &pa) ==
			((wanted & VMM_PT_READ) != 0));
		CHECK(rig_mmu(&rig, va, 'w', user, &pa) ==
			((wanted & VMM_PT_WRITE) != 0));
		CHECK(rig_mmu(&rig, va, 'x', user, &pa) ==
			((wanted & VMM_PT_EXEC) != 0));
		CHECK(!rig_mmu(&rig, va, 'r', !user, &pa));
	}
	CHECK_REFUSED(&rig,
		vmm_pt_map(&rig.pt, 0, 0, 4096, 1u << 31 | RW, NULL),
		VMM_EINVAL);
	CHECK_REFUSED(&rig,
		vmm_pt_map(&rig.pt, 0, 0, 4096, RW | VMM_PT_ACCESSED, NULL),
		VMM_ENOTSUP);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_close(&rig);
}

/* Leaves are as large as alignment, size and the format allow: from one page
 * below a 1 GiB border to one page above the next. */
TEST(unit_pt_largest_leaves)
{
	const uint64_t page = 4096;
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_pt_run run;

	rig_open(&rig, &vmm_pt_sv39);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(1) - page, VMM_GIB(3) - page,
			 VMM_GIB(1) + VMM_MIB(2) + 2 * page, RW, NULL),
		VMM_OK);
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 0 && run.size == page);
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 2 && run.size == VMM_GIB(1));
	CHECK_EQ(run.pa, VMM_GIB(3));
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 1 && run.size == VMM_MIB(2));
	CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
	CHECK(run.level == 0 && run.size == page);
	CHECK_EQ(run.pa, VMM_GIB(4) + VMM_MIB(2));
	CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
	/* The root; a chain of two at either end. */
	CHECK_EQ(rig.pt.table_count, 5);
	rig_close(&rig);

	/* Physical addresses out of step: 4 KiB leaves all the way. */
	rig_open(&rig, &vmm_pt_sv39);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(2), VMM_MIB(2) + page, VMM_MIB(4),
			 RW, NULL),
		VMM_OK);
	CHECK_EQ(rig.pt.table_count, 1 + 1 + 2);
	rig_close(&rig);

	/* In Sv57 a single leaf can be 256 TiB. */
	rig_open(&rig, &vmm_pt_sv57);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, VMM_TIB(256), RW, NULL), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 1);
	rig_close(&rig);
}

/* Mapping over a mapping is refused wherever the two meet; a hole in what is
 * to be unmapped or protected as well. */
TEST(unit_pt_conflicts_and_holes)
{
	struct vmm_tlb_gather gather;
	const vmm_va_t va = VMM_GIB(1);

	rig_open(&rig, &vmm_pt_sv48);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, va, 0, VMM_MIB(2), RW, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, va + VMM_MIB(4), 0, 4096, RW, NULL),
		VMM_OK);
	/* Below a leaf, over a leaf, over a table with a leaf in it. */
	CHECK_REFUSED(&rig, vmm_pt_map(&rig.pt, va + 4096, 0, 4096, RW, NULL),
		VMM_EEXIST);
	CHECK_REFUSED(&rig, vmm_pt_map(&rig.pt, va - 4096, 0, 8192, RW, NULL),
		VMM_EEXIST);
	CHECK_REFUSED(&rig,
		vmm_pt_map(&rig.pt, va + VMM_MIB(4), 0, VMM_MIB(2), RW, NULL),
		VMM_EEXIST);
	CHECK_REFUSED(&rig, vmm_pt_map(&rig.pt, 0, 0, VMM_GIB(4), RW, NULL),
		VMM_EEXIST);
	/* Holes: before, behind, between, everywhere. */
	CHECK_REFUSED(&rig, vmm_pt_unmap(&rig.pt, va - 4096, 8192, &gather),
		VMM_ENOENT);
	CHECK_REFUSED(&rig,
		vmm_pt_unmap(&rig.pt, va + VMM_MIB(2) - 4096, 8192, &gather),
		VMM_ENOENT);
	CHECK_REFUSED(&rig, vmm_pt_unmap(&rig.pt, va, VMM_MIB(6), &gather),
		VMM_ENOENT);
	CHECK_REFUSED(
		&rig, vmm_pt_unmap(&rig.pt, 0, 4096, &gather), VMM_ENOENT);
	CHECK_REFUSED(&rig, vmm_pt_protect(&rig.pt, va, VMM_MIB(6), RX, NULL),
		VMM_ENOENT);
	CHECK_REFUSED(&rig,
		vmm_pt_protect(&rig.pt, va + VMM_MIB(4), 8192, RX, NULL),
		VMM_ENOENT);
	/* From the middle of a superpage to behind its end. */
	CHECK_REFUSED(&rig,
		vmm_pt_protect(&rig.pt, va + VMM_MIB(1), VMM_MIB(2), RX, NULL),
		VMM_ENOENT);
	CHECK_REFUSED(&rig,
		vmm_pt_unmap(&rig.pt, va + VMM_MIB(1), VMM_MIB(2), &gather),
		VMM_ENOENT);
	CHECK_REFUSED(&rig,
		vmm_pt_protect(&rig.pt, va, 4096, VMM_PT_USER, NULL),
		VMM_EINVAL);
	CHECK_EQ(gather.flags, 0);
	rig_close(&rig);
}
