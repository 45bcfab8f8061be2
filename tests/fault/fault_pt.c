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

enum operation {
	MAP,
	TAG,
	UNMAP,
	UNMAP_ANY,
	UNTAG,
	PROTECT,
	MODIFY,
	COPY,
	PREFILL,
	RESERVE,
	OPERATIONS
};

/* The superpages in which unmap and protect will cut, and a large tag. */
static void prepare(void)
{
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(4), 0, VMM_GIB(2), RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_tag(&rig.pt, VMM_GIB(24), VMM_GIB(2), 3, NULL), VMM_OK);
}

static int run(enum operation operation, struct vmm_tlb_gather *gather)
{
	/* In the middle of superpages, from one to the next. */
	const vmm_va_t va = VMM_GIB(4) + 0x1000;
	const uint64_t size = VMM_GIB(1) + VMM_MIB(2);
	/* From a page below a 1 GiB border to a page above a 2 MiB border:
	 * three leaf sizes, a chain at either end. */
	const vmm_va_t new = VMM_GIB(2) - 0x1000;
	const uint64_t new_size = VMM_GIB(1) + VMM_MIB(2) + 0x2000;
	const struct vmm_pt_source source = {&rig.pt, va, 0};
	uint64_t span = vmm_pt_root_span(rig.pt.format);

	switch (operation) {
	case MAP:
		return vmm_pt_map(&rig.pt, new, VMM_GIB(8) - 0x1000, new_size,
			RW, gather);
	case TAG:
		return vmm_pt_tag(&rig.pt, new, new_size, 5, gather);
	case UNMAP:
		return vmm_pt_unmap(&rig.pt, va, size, gather);
	case UNMAP_ANY:
		return vmm_pt_unmap_any(&rig.pt, va, size, gather);
	case UNTAG:
		return vmm_pt_untag(
			&rig.pt, VMM_GIB(24) + 0x1000, size, gather);
	case PROTECT:
		return vmm_pt_protect(&rig.pt, va, size, VMM_PT_READ, gather);
	case MODIFY:
		return vmm_pt_modify(
			&rig.pt, va, size, 0, VMM_PT_WRITE, gather);
	case COPY:
		return vmm_pt_copy(&rig.pt, VMM_GIB(41) - VMM_MIB(4) - 0x3000,
			VMM_MIB(8) + 0x3000, &source, gather);
	case PREFILL:
		return vmm_pt_prefill(&rig.pt, 16 * span, 4 * span, gather);
	case RESERVE:
		return vmm_pt_reserve(&rig.pt, 4);
	case OPERATIONS:
		break;
	}
	return -1;
}

static void fail_everywhere(
	const struct rig_machine *machine, enum operation operation)
{
	long n = 0;
	int err;

	do {
		for (int sticky = 0; sticky < 2; sticky++) {
			struct vmm_tlb_gather gather;
			struct vmm_tlb_frames frames[4];
			uint64_t digest;

			rig_open_with(&rig, machine->base, machine->features);
			prepare();
			vmm_tlb_gather_init(&gather, frames, 4);
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
				CHECK_EQ(gather.frames_count, 0);
				CHECK_EQ(run(operation, &gather), VMM_OK);
			}
			vmm_pt_reap(&rig.pt, &gather);
			rig_close(&rig);
		}
		n++;
	} while (err != VMM_OK);
	/* More than one table was needed, or the test shows little. */
	CHECK(n > 2);
}

TEST(fault_pt_is_all_or_nothing)
{
	for (int m = 0; m < RIG_MACHINES; m++) {
		for (int operation = 0; operation < OPERATIONS; operation++)
			fail_everywhere(
				&rig_machines[m], (enum operation)operation);
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
