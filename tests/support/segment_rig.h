/* SPDX-License-Identifier: MIT */
/*
 * A rig of spaces with a segment on it: requests that are short to write, and
 * everything about it that a call could change, to compare.
 */
#ifndef SEGMENT_RIG_H
#define SEGMENT_RIG_H

#include "support/space_rig.h"

#include <vmm/segment.h>

#define SEGMENT_AT UINT64_C(0x100000)
#define PAGE	   VMM_PAGE_SIZE

static struct space_rig rig;
static struct vmm_segment segment;

/* A fixed place of a kind. */
static inline struct vmm_space_request segment_request(
	enum vmm_space_kind kind, vmm_va_t where, uint64_t size)
{
	return (struct vmm_space_request){.place = {.size = size,
						  .where = where,
						  .flags = VMM_VMEM_FIXED},
		.kind = kind,
		.prot = SPACE_RWU,
		.name = "segment"};
}

/* Some of a vmem arena's state, all of which callers can see. */
static inline uint64_t segment_ranges_digest(const struct vmm_vmem *arena)
{
	const struct vmm_vmem_region *region = vmm_vmem_region_first(arena);
	uint64_t digest = TEST_DIGEST_INIT;

	for (; region != NULL; region = vmm_vmem_region_next(arena, region)) {
		const uint64_t words[] = {
			region->base, region->size, region->state};

		digest = test_digest(digest, words, sizeof(words));
	}
	return digest;
}

/* Everything that a call could change of the space and a segment. */
static inline uint64_t segment_state(const struct vmm_segment *of)
{
	uint64_t digest = space_rig_digest(&rig, &rig.space);
	struct vmm_segment copy = *of;

	/* A handle, which may be another one for the same region. */
	copy.beyond = NULL;
	digest = test_digest(digest, &copy, sizeof(copy));
	digest = test_digest(digest, &rig.frames_live, sizeof(long));
	if (of->space != NULL && of->ranges != NULL)
		digest ^= segment_ranges_digest(of->ranges);
	return digest;
}

static inline void segment_good(void)
{
	CHECK_EQ(vmm_segment_check(&segment), VMM_OK);
	space_rig_check(&rig, segment.space);
}

/* A segment of 4 pages at SEGMENT_AT that may become 8. */
static inline void segment_open(
	enum vmm_space_kind kind, struct vmm_vmem *arena, unsigned features)
{
	const struct vmm_space_request request =
		segment_request(kind, SEGMENT_AT, 4 * PAGE);

	space_rig_open(&rig, &vmm_pt_sv39, features);
	space_rig_user(&rig);
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, 8 * PAGE, arena),
		VMM_OK);
	segment_good();
}

static inline void segment_close(void)
{
	if (segment.space != NULL) {
		segment_good();
		vmm_segment_delete(&segment);
	}
	CHECK(segment.space == NULL);
	space_rig_close(&rig);
}

static inline void segment_put(struct vmm_space *space, vmm_va_t va, uint64_t x)
{
	CHECK_EQ(vmm_space_write(space, va, &x, sizeof(x), true), VMM_OK);
}

static inline uint64_t segment_get(struct vmm_space *space, vmm_va_t va)
{
	uint64_t x = 0;

	CHECK_EQ(vmm_space_read(space, va, &x, sizeof(x), true), VMM_OK);
	return x;
}

/* What a fault at an address is now, and what the call says. */
static inline enum vmm_fault_cause segment_fault(
	struct vmm_space *space, vmm_va_t va, unsigned access, int err)
{
	struct vmm_fault fault;

	CHECK_EQ(vmm_space_fault(space, va, access, &fault), err);
	return fault.cause;
}

#endif /* SEGMENT_RIG_H */
