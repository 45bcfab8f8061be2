/* SPDX-License-Identifier: MIT */
/* The kernel's frames: a zone, and magazines for each hart in front of it. */
#ifndef KERNEL_FRAMES_H
#define KERNEL_FRAMES_H

#include <vmm/pmem_cache.h>

/* Make the zone out of the memory map, and the magazines out of the zone. */
void frames_init(void);

/* The magazines, for what stands on them (vmm/pmem_zones.h). */
struct vmm_pmem_cache *frames_cache(void);

/* From this hart's magazines, and back into them. Errors as in vmm/pmem.h. */
int frame_alloc(unsigned order, vmm_pa_t *pa_out);
int frame_free(vmm_pa_t pa, unsigned order);

/* Any contiguous frames, such as vmm_pt_unmap() gathered. */
int frames_free(vmm_pa_t pa, uint64_t count);

/* All that is parked goes home, so that the zone's counts are the kernel's. */
void frames_drain(void);

/* Every invariant of zone and magazines; VMM_OK if they hold. */
int frames_check(void);

#endif /* KERNEL_FRAMES_H */
