/* SPDX-License-Identifier: MIT */
/* Break each field of a memory map; the check must notice. */
#include <vmm/memmap.h>

#include "support/test.h"

static struct vmm_mem_range ranges[8];
static struct vmm_memmap map;

/* RAM with a reservation inside, and a device that touches the RAM. */
static void rig(void)
{
	vmm_memmap_init(&map, ranges, 8);
	CHECK_EQ(vmm_memmap_add(&map, 0x10000, 0x10000), VMM_OK);
	CHECK_EQ(vmm_memmap_reserve(&map, 0x14000, 0x1000, VMM_MEM_LOADER),
		VMM_OK);
	CHECK_EQ(vmm_memmap_reserve(&map, 0x20000, 0x1000, VMM_MEM_MMIO),
		VMM_OK);
	CHECK_EQ(map.count, 4);
	CHECK_EQ(vmm_memmap_check(&map), VMM_OK);
}

#define BREAKS(statement)                                       \
	do {                                                    \
		rig();                                          \
		statement;                                      \
		CHECK_EQ(vmm_memmap_check(&map), VMM_ECORRUPT); \
	} while (0)

TEST(corrupt_memmap_check_notices)
{
	BREAKS(map.ranges = NULL);
	BREAKS(map.count = 9);
	BREAKS(map.max = 3);
	BREAKS(map.count = 5; ranges[4] = (struct vmm_mem_range){0});
	BREAKS(ranges[1].size = 0);
	BREAKS(ranges[3].size = UINT64_MAX - 0x20000 + 2);
	BREAKS(ranges[1].size++);	  /* over its neighbour */
	BREAKS(ranges[1].base--);	  /* the same from above */
	BREAKS(ranges[0].base = 0x30000); /* out of order */
	BREAKS(ranges[1].kind = VMM_MEM_KIND_COUNT);
	BREAKS(ranges[1].kind = VMM_MEM_FREE); /* not merged */
	BREAKS(ranges[1].ram = 2);
	BREAKS(ranges[0].ram = 0); /* neither RAM nor reserved */
	BREAKS(ranges[3].kind = VMM_MEM_FREE; ranges[3].ram = 1);
}
