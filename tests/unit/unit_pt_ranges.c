/* SPDX-License-Identifier: MIT */
/* Ranges with holes, flags that are set and cleared, and tags. */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE)
#define RX (VMM_PT_READ | VMM_PT_EXEC)

static struct pt_rig rig;

/* As munmap() has it: holes, nothing, tags, parts of superpages; the frames
 * come back whatever lies between them. In every format. */
TEST(unit_pt_unmap_any)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		struct vmm_tlb_frames frames[4];
		struct vmm_tlb_gather gather;

		rig_open(&rig, rig_formats[f]);
		vmm_tlb_gather_init(&gather, frames, 4);
		/* Nothing at all: nothing happens. */
		CHECK_REFUSED(&rig,
			vmm_pt_unmap_any(&rig.pt, 0, VMM_GIB(4), &gather),
			VMM_OK);
		CHECK_EQ(gather.flags, 0);
		CHECK_EQ(vmm_pt_map(&rig.pt, 0x3000, 0x9000, 4096, RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_tag(&rig.pt, 0x5000, 0x2000, 7, NULL), VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(4), VMM_MIB(8), VMM_MIB(2),
				 RW, NULL),
			VMM_OK);
		CHECK_REFUSED(&rig,
			vmm_pt_unmap(&rig.pt, 0, VMM_MIB(5), &gather),
			VMM_ENOENT);
		CHECK_EQ(vmm_pt_unmap_any(&rig.pt, 0, VMM_MIB(5), &gather),
			VMM_OK);
		CHECK_EQ(gather.frames_count, 2);
		CHECK(frames[0].pa == 0x9000 && frames[0].size == 4096);
		CHECK(frames[1].pa == VMM_MIB(8) &&
			frames[1].size == VMM_MIB(1));
		CHECK_EQ(vmm_pt_tag_get(&rig.pt, 0x5000), 0);
		CHECK_EQ(vmm_pt_translate(&rig.pt, VMM_MIB(5), NULL, NULL),
			VMM_OK);
		rig_reap(&rig, &gather);
		/* No room for a frame behind a hole: nothing happens. */
		vmm_tlb_gather_init(&gather, frames, 1);
		CHECK_EQ(vmm_pt_map(&rig.pt, 0x3000, 0x9000, 4096, RW, NULL),
			VMM_OK);
		CHECK_REFUSED(&rig,
			vmm_pt_unmap_any(&rig.pt, 0, VMM_MIB(6), &gather),
			VMM_ENOSPC);
		CHECK_EQ(gather.frames_count, 0);
		rig_close(&rig);
	}
}

/* The whole of each half, up to the last byte, in one call. */
TEST(unit_pt_unmap_any_everything)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		const struct vmm_pt_format *format = rig_formats[f];
		vmm_va_t high = rig_high(format);
		vmm_va_t last = rig_last(format);
		struct vmm_tlb_gather gather;

		rig_open(&rig, format);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, RW, NULL), VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, rig_low_end(format) - 4096, 0,
				 4096, RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, high, 0, VMM_GIB(1), RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, last - 4095, 0, 4096, RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_unmap_any(
				 &rig.pt, 0, rig_low_end(format), &gather),
			VMM_OK);
		CHECK_EQ(vmm_pt_unmap_any(
				 &rig.pt, high, last - high + 1, &gather),
			VMM_OK);
		CHECK_EQ(gather.last, last);
		CHECK_EQ(rig.pt.table_count, 1);
		rig_reap(&rig, &gather);
		rig_close(&rig);
	}
}

/* Flags on a range with holes and superpages, each leaf from what it had. */
TEST(unit_pt_modify)
{
	struct vmm_tlb_gather gather;
	unsigned prot;

	rig_open(&rig, &vmm_pt_sv48);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x1000, 0x1000, 4096, RW, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x3000, 0x8000, 4096, RX, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(
			 &rig.pt, VMM_MIB(2), VMM_MIB(2), VMM_MIB(4), RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_modify(&rig.pt, 0, VMM_MIB(3), VMM_PT_USER,
			 VMM_PT_WRITE, &gather),
		VMM_OK);
	CHECK_EQ(vmm_pt_translate(&rig.pt, 0x1000, NULL, &prot), VMM_OK);
	CHECK_EQ(prot, VMM_PT_READ | VMM_PT_USER);
	CHECK_EQ(vmm_pt_translate(&rig.pt, 0x3000, NULL, &prot), VMM_OK);
	CHECK_EQ(prot, RX | VMM_PT_USER);
	CHECK_EQ(
		vmm_pt_translate(&rig.pt, VMM_MIB(3) - 1, NULL, &prot), VMM_OK);
	CHECK_EQ(prot, VMM_PT_READ | VMM_PT_USER);
	CHECK_EQ(vmm_pt_translate(&rig.pt, VMM_MIB(3), NULL, &prot), VMM_OK);
	CHECK_EQ(prot, RW);
	CHECK_EQ(gather.flags & VMM_TLB_RESTRICT, VMM_TLB_RESTRICT);
	/* Nothing would be left of one page: nothing changes for any. */
	CHECK_REFUSED(&rig,
		vmm_pt_modify(&rig.pt, 0, VMM_MIB(3), 0, VMM_PT_READ, &gather),
		VMM_EINVAL);
	CHECK_REFUSED(&rig,
		vmm_pt_modify(&rig.pt, 0, 4096, 1u << 20, 0, &gather),
		VMM_EINVAL);
	CHECK_REFUSED(&rig,
		vmm_pt_modify(&rig.pt, 0, 4096, 0, 1u << 20, &gather),
		VMM_EINVAL);
	/* Nothing there: nothing to do. */
	CHECK_REFUSED(&rig,
		vmm_pt_modify(&rig.pt, VMM_GIB(8), VMM_GIB(1), 0, VMM_PT_READ,
			&gather),
		VMM_OK);
	rig_close(&rig);
}

/* What lies in the large leaves of x86-64 beside PAT in bit 12: two leaves that
 * differ in it alone do not count as one kind. */
TEST(unit_pt_modify_kinds)
{
	unsigned prot;

	rig_open(&rig, &vmm_pt_x86_64);
	for (uint64_t i = 0; i < 4; i++)
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(2) * i, VMM_MIB(6) * i,
				 VMM_MIB(2),
				 RW | (i % 2 == 0 ? VMM_PT_NC : 0) |
					 (i < 2 ? VMM_PT_EXEC : 0),
				 NULL),
			VMM_OK);
	CHECK_EQ(vmm_pt_modify(&rig.pt, 0, VMM_MIB(8), VMM_PT_USER, VMM_PT_EXEC,
			 NULL),
		VMM_OK);
	for (uint64_t i = 0; i < 4; i++) {
		CHECK_EQ(vmm_pt_translate(&rig.pt, VMM_MIB(2) * i, NULL, &prot),
			VMM_OK);
		CHECK_EQ(prot, RW | VMM_PT_USER | (i % 2 == 0 ? VMM_PT_NC : 0));
	}
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_close(&rig);
}

/* Tags: found at every address of their range, refused over anything, kept by
 * changes beside them, split like leaves, never seen by hardware. */
TEST(unit_pt_tags)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		struct vmm_tlb_gather gather;
		vmm_pa_t pa;

		rig_open(&rig, rig_formats[f]);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_tag(&rig.pt, VMM_GIB(1) - 0x1000,
				 VMM_GIB(2) + 0x2000, VMM_PT_TAG_MAX, &gather),
			VMM_OK);
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		CHECK_EQ(vmm_pt_tag_get(&rig.pt, VMM_GIB(1) - 0x1001), 0);
		CHECK_EQ(vmm_pt_tag_get(&rig.pt, VMM_GIB(1) - 0x1000),
			VMM_PT_TAG_MAX);
		CHECK_EQ(vmm_pt_tag_get(&rig.pt, VMM_GIB(2) + 5),
			VMM_PT_TAG_MAX);
		CHECK_EQ(vmm_pt_tag_get(&rig.pt, VMM_GIB(3) + 0xfff),
			VMM_PT_TAG_MAX);
		CHECK_EQ(vmm_pt_tag_get(&rig.pt, VMM_GIB(3) + 0x1000), 0);
		CHECK(!rig_mmu(&rig, VMM_GIB(2), 'r', false, &pa));
		CHECK(!rig_mmu(&rig, VMM_GIB(2), 'r', true, &pa));
		CHECK_EQ(vmm_pt_translate(&rig.pt, VMM_GIB(2), NULL, NULL),
			VMM_ENOENT);
		CHECK_REFUSED(&rig,
			vmm_pt_map(&rig.pt, VMM_GIB(2), 0, 4096, RW, &gather),
			VMM_EEXIST);
		CHECK_REFUSED(&rig,
			vmm_pt_tag(&rig.pt, VMM_GIB(2), 4096, 1, &gather),
			VMM_EEXIST);
		CHECK_REFUSED(&rig,
			vmm_pt_unmap(&rig.pt, VMM_GIB(2), 4096, &gather),
			VMM_ENOENT);
		CHECK_REFUSED(&rig,
			vmm_pt_protect(&rig.pt, VMM_GIB(2), 4096, RW, &gather),
			VMM_ENOENT);
		/* A page out of the middle, to be mapped: its neighbours keep
		 * their tag. */
		CHECK_EQ(vmm_pt_untag(
				 &rig.pt, VMM_GIB(2) + 0x5000, 4096, &gather),
			VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(2) + 0x5000, 0, 4096, RW,
				 &gather),
			VMM_OK);
		CHECK_EQ(vmm_pt_tag_get(&rig.pt, VMM_GIB(2) + 0x4fff),
			VMM_PT_TAG_MAX);
		CHECK_EQ(vmm_pt_tag_get(&rig.pt, VMM_GIB(2) + 0x5000), 0);
		CHECK_EQ(vmm_pt_tag_get(&rig.pt, VMM_GIB(2) + 0x6000),
			VMM_PT_TAG_MAX);
		CHECK_REFUSED(&rig,
			vmm_pt_untag(&rig.pt, VMM_GIB(1), VMM_GIB(2), &gather),
			VMM_EEXIST);
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		CHECK_EQ(vmm_pt_unmap_any(&rig.pt, 0, VMM_GIB(4), &gather),
			VMM_OK);
		CHECK_EQ(vmm_pt_prune(&rig.pt, 0, VMM_GIB(4), &gather), VMM_OK);
		rig_reap(&rig, &gather);
		CHECK_EQ(rig.pt.table_count, 1);
		rig_close(&rig);
	}
}

/* Limits of a tag, no fence for one alone, and none under a prefill. */
TEST(unit_pt_tag_errors)
{
	struct vmm_tlb_gather gather;

	rig_open(&rig, &vmm_pt_sv39);
	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_REFUSED(&rig, vmm_pt_tag(&rig.pt, 0, 4096, 0, NULL), VMM_EINVAL);
	CHECK_REFUSED(&rig,
		vmm_pt_tag(&rig.pt, 0, 4096, VMM_PT_TAG_MAX + 1, NULL),
		VMM_EINVAL);
	CHECK_REFUSED(&rig, vmm_pt_tag(&rig.pt, 1, 4096, 1, NULL), VMM_EINVAL);
	CHECK_REFUSED(&rig,
		vmm_pt_tag(&rig.pt, rig_low_end(&vmm_pt_sv39), 4096, 1, NULL),
		VMM_ERANGE);
	CHECK_EQ(vmm_pt_tag_get(&rig.pt, rig_low_end(&vmm_pt_sv39)), 0);
	CHECK_EQ(vmm_pt_tag(&rig.pt, VMM_GIB(1), VMM_GIB(1), 1, &gather),
		VMM_OK);
	CHECK_EQ(gather.flags, 0);
	CHECK_REFUSED(&rig,
		vmm_pt_prefill(&rig.pt, VMM_GIB(1), VMM_GIB(1), NULL),
		VMM_EEXIST);
	CHECK_EQ(
		vmm_pt_untag(&rig.pt, VMM_GIB(1), VMM_GIB(1), &gather), VMM_OK);
	CHECK_EQ(gather.flags, 0);
	/* A tag that needs a table: hardware may know the entry as absent. */
	CHECK_EQ(vmm_pt_tag(&rig.pt, 0, 4096, 1, &gather), VMM_OK);
	CHECK_EQ(gather.flags, VMM_TLB_CHANGED | VMM_TLB_NON_LEAF);
	rig_close(&rig);
}

/* In x86-64 a tag comes with an address at which no memory is cached: processors
 * with the L1 terminal fault read ahead through entries that are not present. */
TEST(unit_pt_tags_lead_nowhere)
{
	rig_open(&rig, &vmm_pt_x86_64);
	CHECK_EQ(vmm_pt_tag(&rig.pt, VMM_GIB(512), VMM_GIB(512), 5, NULL),
		VMM_OK);
	CHECK_EQ(((const uint64_t *)(uintptr_t)(rig.pt.root + rig.offset))[1],
		UINT64_C(1) << 51 | 5 << 1);
	rig_close(&rig);
}

/* The walk stops at tags if it is asked to, and merges what is alike. */
TEST(golden_pt_dump_tags_and_types)
{
	static const char wanted[] =
		"sv39 root 0x0000000080000000, 3 tables\n"
		"[0x0000000000000000-0x0000000000000fff]    4K -> "
		"0x0000000010000000   4K rw----- io\n"
		"[0x0000000000001000-0x0000000000003fff]   12K absent, tag "
		"0x000000000000002a\n"
		"[0x0000000000010000-0x000000000002ffff]  128K -> "
		"0x0000000080010000  64K r----ad nc\n"
		"[0x0000000040000000-0x00000000bfffffff]    2G absent, tag "
		"0x0000000000000001\n";
	char buffer[1024];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	rig_open_with(&rig, &vmm_pt_sv39,
		VMM_PT_SVPBMT | VMM_PT_SVNAPOT | VMM_PT_TRACK);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0x10000000, 4096, RW | VMM_PT_IO, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_tag(&rig.pt, 0x1000, 0x3000, 42, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x10000, 0x80010000, 0x20000,
			 VMM_PT_READ | VMM_PT_NC | VMM_PT_ACCESSED |
				 VMM_PT_DIRTY,
			 NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_tag(&rig.pt, VMM_GIB(1), VMM_GIB(2), 1, NULL), VMM_OK);
	vmm_pt_dump(&rig.pt, &sink);
	CHECK_EQ(text.used, sizeof(wanted) - 1);
	CHECK(test_text_has(&text, wanted));
	rig_close(&rig);
}
