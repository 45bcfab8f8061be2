/* SPDX-License-Identifier: MIT */
/* The borders of both kinds of addresses, and what lies outside. */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE)

static struct pt_rig rig;

/* The borders of the address space, and what lies outside. */
TEST(unit_pt_ranges)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		const struct vmm_pt_format *format = rig_formats[f];
		uint64_t pa_end = UINT64_C(1) << format->pa_bits;
		vmm_va_t last = rig_last(format);
		struct vmm_tlb_gather gather;

		rig_open(&rig, format);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK(vmm_pt_canonical(format, last));
		CHECK_REFUSED(&rig,
			vmm_pt_map(&rig.pt, last - 4095, 0, 8192, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(&rig,
			vmm_pt_map(&rig.pt, 0, pa_end, 4096, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(&rig,
			vmm_pt_map(&rig.pt, 0, pa_end - 4096, 8192, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(&rig, vmm_pt_map(&rig.pt, 1, 0, 4096, RW, NULL),
			VMM_EINVAL);
		CHECK_REFUSED(&rig, vmm_pt_map(&rig.pt, 0, 1, 4096, RW, NULL),
			VMM_EINVAL);
		CHECK_REFUSED(&rig, vmm_pt_map(&rig.pt, 0, 0, 4097, RW, NULL),
			VMM_EINVAL);
		CHECK_REFUSED(&rig, vmm_pt_map(&rig.pt, 0, 0, 0, RW, NULL),
			VMM_EINVAL);
		CHECK_REFUSED(&rig, vmm_pt_protect(&rig.pt, 5, 4096, RW, NULL),
			VMM_EINVAL);

		/* The last physical page, at the last virtual one. */
		CHECK_EQ(vmm_pt_map(&rig.pt, last - 4095, pa_end - 4096, 4096,
				 RW, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_unmap(&rig.pt, last - 4095, 4096, &gather),
			VMM_OK);
		CHECK_EQ(gather.last, last);
		rig_reap(&rig, &gather);
		rig_close(&rig);
	}
}

/* What is neither in the one half nor in the other, or in both. */
TEST(unit_pt_ranges_in_the_hole)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		const struct vmm_pt_format *format = rig_formats[f];
		/* A guest's addresses have no hole: what lies behind them. */
		bool guest = rig_is_guest(format);
		vmm_va_t low =
			guest ? rig_last(format) + 1 : rig_low_end(format);
		vmm_va_t high = guest ? UINT64_MAX - 4095 : rig_high(format);
		struct vmm_tlb_gather gather;

		rig_open(&rig, format);
		vmm_tlb_gather_init(&gather, NULL, 0);
		CHECK(vmm_pt_canonical(format, low - 1));
		CHECK(!vmm_pt_canonical(format, low));
		CHECK(!vmm_pt_canonical(format, high - 1));
		CHECK(vmm_pt_canonical(format, high) == !guest);
		CHECK_REFUSED(&rig, vmm_pt_map(&rig.pt, low, 0, 4096, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(&rig,
			vmm_pt_map(&rig.pt, low - 4096, 0, 8192, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(&rig,
			vmm_pt_map(&rig.pt, high - 4096, 0, 8192, RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(&rig,
			vmm_pt_map(&rig.pt, low - 4096, 0, high - low + 8192,
				RW, NULL),
			VMM_ERANGE);
		CHECK_REFUSED(&rig, vmm_pt_unmap(&rig.pt, low, 4096, &gather),
			VMM_ERANGE);
		/* From half to half, across the hole. */
		CHECK_REFUSED(&rig,
			vmm_pt_unmap(&rig.pt, low - 4096, high - low + 8192,
				&gather),
			VMM_ERANGE);
		CHECK_REFUSED(&rig, vmm_pt_prune(&rig.pt, low, 4096, &gather),
			VMM_ERANGE);
		CHECK_EQ(
			vmm_pt_translate(&rig.pt, low, NULL, NULL), VMM_ERANGE);
		CHECK_EQ(vmm_pt_translate(&rig.pt, high, NULL, NULL),
			guest ? VMM_ERANGE : VMM_ENOENT);
		rig_close(&rig);
	}
}
