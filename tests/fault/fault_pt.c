/* SPDX-License-Identifier: MIT */
/*
 * The page source fails at every call number that an operation can reach, once
 * for one call and once for good. Each time: the source's own code comes back,
 * nothing has changed, no page is lost, and after a transient failure the same
 * call succeeds.
 */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE)

static struct pt_rig rig;

enum operation { MAP, UNMAP, PROTECT, RESERVE };

/* The superpages in which unmap and protect will cut. */
static void prepare(void)
{
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(4), 0, VMM_GIB(2), RW, NULL),
		VMM_OK);
}

static int run(enum operation operation, struct vmm_tlb_gather *gather)
{
	switch (operation) {
	case MAP:
		/*
		 * From a page below a 1 GiB border to a page above a 2 MiB
		 * border: three leaf sizes, a chain at either end.
		 */
		return vmm_pt_map(&rig.pt, VMM_GIB(2) - 0x1000,
			VMM_GIB(8) - 0x1000, VMM_GIB(1) + VMM_MIB(2) + 0x2000,
			RW, gather);
	case UNMAP:
		return vmm_pt_unmap(&rig.pt, VMM_GIB(4) + 0x1000,
			VMM_GIB(1) + VMM_MIB(2), gather);
	case PROTECT:
		return vmm_pt_protect(&rig.pt, VMM_GIB(4) + 0x1000,
			VMM_GIB(1) + VMM_MIB(2), VMM_PT_READ, gather);
	case RESERVE:
		return vmm_pt_reserve(&rig.pt, 4);
	}
	return -1;
}

static void fail_everywhere(
	const struct vmm_pt_format *format, enum operation operation)
{
	long n = 0;
	int err;

	do {
		for (int sticky = 0; sticky < 2; sticky++) {
			struct vmm_tlb_gather gather;
			uint64_t digest;

			rig_open(&rig, format);
			prepare();
			vmm_tlb_gather_init(&gather, NULL, 0);
			digest = rig_digest(&rig);
			rig.fail_in = n;
			rig.sticky = sticky != 0;
			err = run(operation, &gather);
			rig.fail_in = -1;
			CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
			if (err != VMM_OK) {
				CHECK_EQ(err, -1234);
				CHECK_EQ(rig_digest(&rig), digest);
				CHECK_EQ(gather.flags, 0);
				CHECK_EQ(run(operation, &gather), VMM_OK);
			}
			vmm_pt_reap(&rig.pt, &gather);
			rig_close(&rig);
		}
		n++;
	} while (err != VMM_OK);
	/* More than two tables were needed, or the test shows nothing. */
	CHECK(n > 3);
}

TEST(fault_pt_is_all_or_nothing)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		fail_everywhere(rig_formats[f], MAP);
		fail_everywhere(rig_formats[f], UNMAP);
		fail_everywhere(rig_formats[f], PROTECT);
		fail_everywhere(rig_formats[f], RESERVE);
	}
}

/* Real exhaustion, with tables of every level in the way. */
TEST(fault_pt_runs_out)
{
	uint64_t digest;
	vmm_va_t va = 0;

	rig_open(&rig, &vmm_pt_sv57);
	while (vmm_pt_map(&rig.pt, va, 0, 4096, RW, NULL) == VMM_OK)
		va += VMM_TIB(1) + VMM_GIB(1) + VMM_MIB(2);
	digest = rig_digest(&rig);
	CHECK_EQ(vmm_pt_map(&rig.pt, va, 0, 4096, RW, NULL), -1234);
	CHECK_EQ(rig_digest(&rig), digest);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_close(&rig);
}
