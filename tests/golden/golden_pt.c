/* SPDX-License-Identifier: MIT */
/* The dump of a page table, letter by letter. */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW  (VMM_PT_READ | VMM_PT_WRITE)
#define RWG (RW | VMM_PT_GLOBAL)
#define RX  (VMM_PT_READ | VMM_PT_EXEC)

static struct pt_rig rig;

/* The dump is for people: merged runs, sizes, permissions. */
TEST(golden_pt_dump)
{
	static const char wanted[] =
		"sv39 root 0x0000000080000000, 4 tables\n"
		"[0x0000000000400000-0x00000000005fffff]    2M -> "
		"0x0000000080200000   2M r-x--\n"
		"[0x0000000000600000-0x0000000000602fff]   12K -> "
		"0x0000000090000000   4K rw-u-\n"
		"[0xffffffc000000000-0xffffffc07fffffff]    2G -> "
		"0x0000000000000000   1G rw--g\n";
	char buffer[1024];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	rig_open(&rig, &vmm_pt_sv39);
	CHECK_EQ(
		vmm_pt_map(&rig.pt, 0x400000, 0x80200000, VMM_MIB(2), RX, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x600000, 0x90000000, 0x3000,
			 RW | VMM_PT_USER, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_map(
			 &rig.pt, 0xffffffc000000000, 0, VMM_GIB(2), RWG, NULL),
		VMM_OK);
	/* root, one of level 1, one of level 0 for the user pages */
	CHECK_EQ(rig.pt.table_count, 3);
	/* and an empty one, which the dump counts and does not list */
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x1000, 0, 4096, RW, NULL), VMM_OK);
	{
		struct vmm_tlb_gather gather;

		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK_EQ(vmm_pt_unmap(&rig.pt, 0x1000, 4096, &gather), VMM_OK);
	}
	vmm_pt_dump(&rig.pt, &sink);
	CHECK_EQ(text.used, sizeof(wanted) - 1);
	CHECK(test_text_has(&text, wanted));
	rig_close(&rig);
}
