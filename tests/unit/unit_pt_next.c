/* SPDX-License-Identifier: MIT */
/* The walk over what is mapped. */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE)

static struct pt_rig rig;

/* The walk clips runs to its range, joins leaves across tables, jumps the
 * hole, and ends at 2^64. */
TEST(unit_pt_next)
{
	struct vmm_pt_cursor cursor;
	struct vmm_pt_run run;

	for (int f = 0; f < RIG_FORMATS; f++) {
		vmm_va_t low = rig_low_end(rig_formats[f]);
		vmm_va_t high = rig_high(rig_formats[f]);
		vmm_va_t last = rig_last(rig_formats[f]);

		rig_open(&rig, rig_formats[f]);
		/* 4 KiB leaves over a table's border, out of step with pa. */
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(2) - 0x2000, 0x3000,
				 0x5000, RW, NULL),
			VMM_OK);
		/* Adjacent in the table's root; 2^64 - 2^va_bits apart, but for
		 * a guest. */
		CHECK_EQ(
			vmm_pt_map(&rig.pt, low - 4096, 0x7000, 4096, RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, high, 0x9000, 4096, RW, NULL),
			VMM_OK);
		CHECK_EQ(
			vmm_pt_map(&rig.pt, last - 0x1fff, 0, 0x2000, RW, NULL),
			VMM_OK);
		cursor = vmm_pt_cursor_all();
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK_EQ(run.va, VMM_MIB(2) - 0x2000);
		CHECK_EQ(run.size, 0x5000);
		CHECK_EQ(run.pa, 0x3000);
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK(run.va == low - 4096 && run.size == 4096);
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK(run.va == high && run.size == 4096);
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK(run.va == last - 0x1fff && run.size == 0x2000);
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));

		cursor = vmm_pt_cursor_range(
			VMM_MIB(2) - 0x1800, VMM_MIB(2) + 0x7ff);
		CHECK(vmm_pt_next(&rig.pt, &cursor, &run));
		CHECK_EQ(run.va, VMM_MIB(2) - 0x1800);
		CHECK_EQ(run.size, 0x2000);
		CHECK_EQ(run.pa, 0x3800);
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
		/* A walk where nothing is, and one that is empty. */
		cursor = vmm_pt_cursor_range(low + (high == low ? 4096 : 0),
			high == low ? last - 0x2000 : high - 1);
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
		cursor = vmm_pt_cursor_range(5, 4);
		CHECK(!vmm_pt_next(&rig.pt, &cursor, &run));
		rig_close(&rig);
	}
}
