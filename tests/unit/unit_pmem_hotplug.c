/* SPDX-License-Identifier: MIT */
/* Memory that leaves and joins: hold back, offline, online, what is in use. */
#include "support/pmem_rig.h"

static uint64_t used_in(vmm_pa_t base, uint64_t count)
{
	struct vmm_pmem_used used = {.pa = base};
	uint64_t sum = 0;

	while (vmm_pmem_next_used(&zone, &used) &&
		used.pa < base + count * PAGE)
		sum += used.count;
	return sum;
}

/* A board's second bank is emptied and taken away, then comes back. */
TEST(unit_pmem_hotplug_a_bank_goes_and_comes)
{
	const struct vmm_pmem_config config = {.ranges_spare = 2};
	const vmm_pa_t bank = BASE + VMM_MIB(4);
	vmm_pa_t pa = 1;
	vmm_pa_t moved;

	map_open();
	map_add(BASE, VMM_MIB(8));
	zone_open(&config);
	CHECK_EQ(vmm_pmem_claim(&zone, bank + 7 * PAGE, 3), VMM_OK);
	REFUSED(vmm_pmem_offline(&zone, bank, 1024), VMM_EBUSY);
	CHECK_EQ(vmm_pmem_hold(&zone, bank, 1024), VMM_OK);
	CHECK_EQ(stat().free, 1024);
	CHECK_EQ(stat().held, 1021);
	CHECK_EQ(stat().used, 3);
	CHECK(!vmm_pmem_is_free(&zone, bank));
	REFUSED(vmm_pmem_claim(&zone, bank, 1), VMM_EBUSY);
	REFUSED(vmm_pmem_reserve(&zone, bank, 1), VMM_EBUSY);
	REFUSED(vmm_pmem_free(&zone, bank, 0), VMM_EEXIST);

	/* Everything is allocated: nothing of it comes from the bank. */
	CHECK_EQ(alloc(10), BASE);
	REFUSED(vmm_pmem_alloc(&zone, 0, &pa), VMM_ENOMEM);
	REFUSED(vmm_pmem_alloc_run(&zone, 1, 0, &pa), VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_free(&zone, BASE, 10), VMM_OK);

	/* What is in use moves away. */
	CHECK_EQ(used_in(bank, 1024), 3);
	moved = alloc(0);
	CHECK(moved < bank);
	CHECK_EQ(vmm_pmem_free_range(&zone, bank + 7 * PAGE, 3), VMM_OK);
	CHECK_EQ(used_in(bank, 1024), 0);
	CHECK_EQ(stat().held, 1024);
	CHECK_EQ(vmm_pmem_offline(&zone, bank, 1024), VMM_OK);
	CHECK_EQ(stat().managed, 1024);
	CHECK_EQ(stat().held, 0);
	REFUSED(vmm_pmem_free(&zone, bank, 0), VMM_ENOENT);
	REFUSED(vmm_pmem_offline(&zone, bank, 1), VMM_ENOENT);

	CHECK_EQ(vmm_pmem_online(&zone, bank + PAGE, 1023), VMM_OK);
	REFUSED(vmm_pmem_online(&zone, bank, 2), VMM_EEXIST);
	CHECK_EQ(vmm_pmem_online(&zone, bank, 1), VMM_OK);
	CHECK_EQ(zone.ranges_count, 1);
	CHECK_EQ(vmm_pmem_free(&zone, moved, 0), VMM_OK);
	CHECK_EQ(alloc(11), BASE);
}

/* The mind is changed: as if nothing had been. */
TEST(unit_pmem_hotplug_unhold)
{
	struct vmm_pmem_runs runs;

	zone_of(BASE + 5 * PAGE, VMM_MIB(8));
	vmm_pmem_runs(&zone, &runs);
	CHECK_EQ(vmm_pmem_hold(&zone, BASE + 5 * PAGE, 507), VMM_OK);
	CHECK_EQ(vmm_pmem_hold(&zone, BASE + VMM_MIB(8), 5), VMM_OK);
	CHECK_EQ(stat().free, 2048 - 507 - 5);
	CHECK_EQ(vmm_pmem_hold(&zone, BASE + 5 * PAGE, 2048), VMM_OK);
	CHECK_EQ(stat().free, 0);
	CHECK_EQ(vmm_pmem_unhold(&zone, BASE + 5 * PAGE, 2048), VMM_OK);
	CHECK_EQ(stat().held, 0);
	CHECK(same_runs(&runs));
}

/* A window with no memory in it yet; the last frame has an address, too. */
TEST(unit_pmem_hotplug_an_empty_window)
{
	const vmm_pa_t base = UINT64_MAX - VMM_MIB(64) + 1;
	struct vmm_pmem_config config = {
		.min = base, .ranges_spare = 6, .keep_window = true};
	uint64_t size = 0;
	vmm_pa_t pa = 1;

	map_open();
	map_add(BASE, VMM_MIB(2));
	CHECK_EQ(vmm_pmem_meta_size(&map, &config, &size), VMM_EINVAL);
	config.last = UINT64_MAX;
	zone_open(&config);
	CHECK_EQ(stat().count, VMM_MIB(64) / PAGE);
	CHECK_EQ(stat().managed, 0);
	REFUSED(vmm_pmem_alloc(&zone, 0, &pa), VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_online(&zone, base + VMM_MIB(62), 512), VMM_OK);
	CHECK_EQ(alloc(9), base + VMM_MIB(62));
	CHECK_EQ(vmm_pmem_online(&zone, base, 15872), VMM_OK);
	CHECK_EQ(zone.ranges_count, 1);
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);

	/* A window narrower than a frame has none. */
	config.min = base + 1;
	config.last = base + PAGE;
	CHECK_EQ(vmm_pmem_meta_size(&map, &config, &size), VMM_ENOENT);
}

/* RAM in the middle of a kept window: holes at its ends are offline. */
TEST(unit_pmem_hotplug_grows_on_both_sides)
{
	const struct vmm_pmem_config config = {.min = BASE,
		.last = BASE + VMM_MIB(8) - 1,
		.ranges_spare = 2,
		.keep_window = true};

	map_open();
	map_add(BASE + VMM_MIB(3), VMM_MIB(2));
	map_reserve(BASE + VMM_MIB(4), PAGE, VMM_MEM_LOADER);
	zone_open(&config);
	CHECK_EQ(stat().base, BASE);
	CHECK_EQ(stat().count, 2048);
	CHECK_EQ(stat().managed, 511);
	REFUSED(vmm_pmem_online(&zone, BASE + VMM_MIB(4), 1), VMM_EEXIST);
	REFUSED(vmm_pmem_online(&zone, BASE + VMM_MIB(2), 257), VMM_EEXIST);
	CHECK_EQ(vmm_pmem_online(&zone, BASE + VMM_MIB(1), 512), VMM_OK);
	CHECK_EQ(vmm_pmem_online(&zone, BASE + VMM_MIB(5), 768), VMM_OK);
	CHECK_EQ(vmm_pmem_online(&zone, BASE, 256), VMM_OK);
	CHECK_EQ(stat().managed, 2047);
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
}

TEST(unit_pmem_hotplug_refuses)
{
	zone_of(BASE, VMM_MIB(8));
	REFUSED(vmm_pmem_hold(&zone, BASE, 0), VMM_EINVAL);
	REFUSED(vmm_pmem_hold(&zone, BASE + 1, 512), VMM_EINVAL);
	REFUSED(vmm_pmem_hold(&zone, BASE, 511), VMM_EINVAL);
	REFUSED(vmm_pmem_unhold(&zone, BASE + PAGE, 511), VMM_EINVAL);
	REFUSED(vmm_pmem_hold(&zone, BASE, 2049), VMM_ERANGE);
	REFUSED(vmm_pmem_unhold(&zone, BASE - BLOCK, 512), VMM_ERANGE);
	REFUSED(vmm_pmem_offline(&zone, BASE + 1, 1), VMM_EINVAL);
	REFUSED(vmm_pmem_offline(&zone, BASE, 0), VMM_EINVAL);
	REFUSED(vmm_pmem_offline(&zone, BASE - PAGE, 1), VMM_ERANGE);
	REFUSED(vmm_pmem_online(&zone, BASE + 1, 1), VMM_EINVAL);
	REFUSED(vmm_pmem_online(&zone, BASE, 0), VMM_EINVAL);
	REFUSED(vmm_pmem_online(&zone, BASE + VMM_MIB(8), 1), VMM_ERANGE);
	REFUSED(vmm_pmem_online(&zone, BASE, 1), VMM_EEXIST);
	/* Room for the whole window and for two cuts, not for three. */
	CHECK_EQ(zone.ranges_max, 3);
	CHECK_EQ(vmm_pmem_offline(&zone, BASE + PAGE, 1), VMM_OK);
	REFUSED(vmm_pmem_offline(&zone, BASE + 3 * PAGE, 1), VMM_ENOMEM);
}
