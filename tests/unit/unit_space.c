/* SPDX-License-Identifier: MIT */
/* A space's life: addresses, questions, harts, trimming, several spaces. */
#include "support/space_rig.h"

static struct space_rig rig;

/* Addresses that cannot be translated, overlap, or are another table's. */
TEST(unit_space_add_checks_addresses)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		const struct vmm_pt_format *format = rig_formats[f];
		const vmm_va_t low = rig_low_end(format);

		space_rig_open(&rig, format, 0);
		CHECK_EQ(vmm_space_add(&rig.space, 0x10000, 0, 0), VMM_EINVAL);
		CHECK_EQ(vmm_space_add(&rig.space, 0x10001, 0x1000, 0),
			VMM_EINVAL);
		CHECK_EQ(vmm_space_add(&rig.space, 0x10000, 0x1000, 8),
			VMM_EINVAL);
		CHECK_EQ(vmm_space_add(
				 &rig.space, UINT64_MAX - 0xfff, 0x2000, 0),
			VMM_ERANGE);
		if (!rig_is_guest(format)) {
			CHECK_EQ(vmm_space_add(&rig.space, low, 0x1000, 0),
				VMM_ERANGE);
			CHECK_EQ(vmm_space_add(
					 &rig.space, low - 0x1000, 0x2000, 0),
				VMM_ERANGE);
		}
		CHECK_EQ(vmm_space_add(&rig.space, low - 0x1000, 0x1000, 0),
			VMM_OK);
		CHECK_EQ(vmm_space_add(&rig.space, low - 0x2000, 0x2000, 0),
			VMM_EEXIST);
		CHECK_EQ(vmm_space_add(&rig.space, rig_last(format) - 0xffff,
				 0x10000, 0),
			VMM_OK);
		CHECK_EQ(vmm_space_add(
				 &rig.space, 0, 0x1000, VMM_VMEM_FIXED_ONLY),
			VMM_OK);
		space_rig_check(&rig, &rig.space);
		space_rig_close(&rig);
	}
}

/* A kernel whose table lends something to the one space. */
static struct vmm_space kernel;
static struct vmm_pt table;

static void open_kernel(void)
{
	space_rig_open(&rig, &vmm_pt_sv39, 0);
	space_rig_add(&rig, &kernel, &table);
}

static void take_back(vmm_va_t va, uint64_t size)
{
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unshare(&rig.pt, va, size, &gather), VMM_OK);
}

static void close_kernel(void)
{
	vmm_space_fini(&kernel);
	/* Tables that were lent stay for good: for vmm_pt_fini(). */
	table.pages = &rig.pages;
	vmm_pt_fini(&table);
	space_rig_root_put(&rig, table.root);
	space_rig_close(&rig);
}

/* The kernel's half belongs to the kernel's table. */
TEST(unit_space_add_leaves_what_is_borrowed)
{
	const vmm_va_t high = rig_high(&vmm_pt_sv39);

	open_kernel();
	table.pages = &rig.pages;
	CHECK_EQ(vmm_pt_prefill(&table, high, VMM_GIB(2), NULL), VMM_OK);
	CHECK_EQ(vmm_pt_share(&rig.pt, &table, high, VMM_GIB(1)), VMM_OK);
	CHECK_EQ(vmm_space_add(&rig.space, high, VMM_GIB(1), 0), VMM_EBUSY);
	CHECK_EQ(vmm_space_add(&kernel, high, VMM_GIB(2), 0), VMM_OK);
	/* What the kernel maps there, the other sees; it takes it away again. */
	table.pages = NULL;
	CHECK_EQ(space_rig_map(&kernel, VMM_SPACE_CONTIGUOUS, high, 0x3000),
		high);
	CHECK_EQ(vmm_pt_translate(&rig.pt, high, NULL, NULL), VMM_OK);
	space_rig_check(&rig, &kernel);
	space_rig_check(&rig, &rig.space);
	take_back(high, VMM_GIB(1));
	vmm_space_purge(&kernel);
	CHECK_EQ(rig.frames_live, 0);
	close_kernel();
}

/*
 * A gigapage that others have as well cannot change in their roots, so it is
 * neither's.
 */
TEST(unit_space_add_leaves_a_leaf_that_is_lent)
{
	const vmm_va_t high = rig_high(&vmm_pt_sv39);

	open_kernel();
	CHECK_EQ(vmm_pt_map(&table, high, 0, VMM_GIB(1), SPACE_RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_share(&rig.pt, &table, high, VMM_GIB(1)), VMM_OK);
	CHECK_EQ(vmm_space_add(&rig.space, high, VMM_GIB(1), 0), VMM_EBUSY);
	CHECK_EQ(vmm_space_add(&kernel, high, VMM_GIB(1), 0), VMM_EBUSY);
	/* What is behind it is free. */
	CHECK_EQ(vmm_space_add(&kernel, high + VMM_GIB(1), VMM_GIB(1), 0),
		VMM_OK);
	take_back(high, VMM_GIB(1));
	CHECK_EQ(vmm_space_add(&rig.space, high, VMM_GIB(1), 0), VMM_OK);
	close_kernel();
}

/*
 * It is enough that the last of a range's root entries is another table's, or a
 * leaf that is lent, behind one that the space has to itself.
 */
TEST(unit_space_add_looks_at_every_root_entry)
{
	const vmm_va_t high = rig_high(&vmm_pt_sv39);
	const vmm_va_t lent = high + VMM_GIB(1);
	const vmm_va_t leaf = high + VMM_GIB(3);

	open_kernel();
	table.pages = &rig.pages;
	rig.pt.pages = &rig.pages;
	CHECK_EQ(vmm_pt_prefill(&table, high, VMM_GIB(3), NULL), VMM_OK);
	CHECK_EQ(vmm_pt_prefill(&rig.pt, high, VMM_GIB(1), NULL), VMM_OK);
	table.pages = NULL;
	rig.pt.pages = NULL;
	CHECK_EQ(vmm_pt_map(&table, leaf, 0, VMM_GIB(1), SPACE_RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_share(&rig.pt, &table, lent, VMM_GIB(1)), VMM_OK);
	CHECK_EQ(vmm_pt_share(&rig.pt, &table, leaf, VMM_GIB(1)), VMM_OK);
	CHECK_EQ(vmm_space_add(&rig.space, high, VMM_GIB(2), 0), VMM_EBUSY);
	CHECK_EQ(
		vmm_space_add(&rig.space, lent - 0x1000, 0x2000, 0), VMM_EBUSY);
	CHECK_EQ(vmm_space_add(&kernel, leaf - VMM_GIB(1), VMM_GIB(2), 0),
		VMM_EBUSY);
	CHECK_EQ(vmm_space_add(&kernel, leaf - 0x1000, 0x2000, 0), VMM_EBUSY);
	/* Up to them, all is free. */
	CHECK_EQ(vmm_space_add(&rig.space, high, VMM_GIB(1), 0), VMM_OK);
	CHECK_EQ(vmm_space_add(&kernel, high, VMM_GIB(3), 0), VMM_OK);
	take_back(lent, VMM_GIB(1));
	take_back(leaf, VMM_GIB(1));
	close_kernel();
}

/* A tag in a root entry has bits where a valid one would have its marks. */
TEST(unit_space_add_takes_no_tag_for_a_mark)
{
	const vmm_va_t high = rig_high(&vmm_pt_sv39);
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	space_rig_open(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_pt_tag(&rig.pt, high, VMM_GIB(1), VMM_PT_TAG_MAX, NULL),
		VMM_OK);
	CHECK_EQ(rig.pt.table_count, 1);
	CHECK_EQ(vmm_space_add(&rig.space, high, VMM_GIB(1), 0), VMM_OK);
	CHECK_EQ(vmm_pt_tag_get(&rig.pt, high), VMM_PT_TAG_MAX);
	CHECK_EQ(vmm_pt_untag(&rig.pt, high, VMM_GIB(1), &gather), VMM_OK);
	space_rig_close(&rig);
}

static void map_device(vmm_va_t va, uint64_t size)
{
	struct vmm_space_request request =
		space_rig_request_at(&rig.space, VMM_SPACE_PHYS, va, size);
	vmm_va_t at;

	request.pa = VMM_GIB(1) + va;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &at), VMM_OK);
}

/* What is mapped, and by leaves of which size. */
static uint64_t leaves(const struct vmm_pt *pt)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	uint64_t digest = TEST_DIGEST_INIT;
	struct vmm_pt_run run;

	while (vmm_pt_next(pt, &cursor, &run)) {
		const uint64_t words[] = {
			run.va, run.pa, run.size, run.prot, run.shift};

		digest = test_digest(digest, words, sizeof(words));
	}
	return digest;
}

/*
 * One space shows devices; another one with the same table gets addresses that
 * begin and end inside of the large leaves for them, which stay whole: they are
 * none of its business, and nobody would flush. First without a spare table,
 * then with some, so that a split would either fail or be done.
 */
TEST(unit_space_add_leaves_superpages_of_others)
{
	for (int m = 0; m < RIG_MACHINES; m++) {
		struct vmm_space second;
		uint64_t before;

		space_rig_open(
			&rig, rig_machines[m].base, rig_machines[m].features);
		space_rig_user(&rig);
		rig.space.is_shared = true;
		vmm_space_init(&second, &rig.pt, &rig.hooks);
		second.is_shared = true;
		map_device(0x10000, 0x10000);
		map_device(VMM_MIB(4), VMM_MIB(4));
		(void)vmm_space_trim(&rig.space);
		before = leaves(&rig.pt);
		CHECK_EQ(rig.pt.spare_count, 0);
		CHECK_EQ(vmm_space_add(&second, 0x18000,
				 VMM_MIB(4) + 0x1000 - 0x18000, 0),
			VMM_OK);
		CHECK_EQ(leaves(&rig.pt), before);
		/* Tables for one page become spare. */
		space_rig_map(&rig.space, VMM_SPACE_ZERO, VMM_GIB(1), 0x1000);
		space_rig_touch(&rig.space, VMM_GIB(1), 0x1000);
		CHECK_EQ(vmm_space_unmap(&rig.space, VMM_GIB(1), 0x1000),
			VMM_OK);
		CHECK(rig.pt.spare_count > 0);
		CHECK_EQ(leaves(&rig.pt), before);
		CHECK_EQ(vmm_space_add(&second, VMM_MIB(7) + 0x1000, 0x1000, 0),
			VMM_OK);
		CHECK_EQ(leaves(&rig.pt), before);
		space_rig_check(&rig, &rig.space);
		space_rig_check(&rig, &second);
		vmm_space_fini(&second);
		CHECK_EQ(leaves(&rig.pt), before);
		space_rig_close(&rig);
	}
}

/* A walk over all, and what an address in a guard, a gap, or nowhere is. */
TEST(unit_space_find_walks)
{
	struct vmm_space_request request = {.place = {.size = 0x1000,
						    .guard = {0x1000, 0x1000},
						    .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU};
	struct vmm_space_region region;
	vmm_va_t va = 0;
	int count = 0;

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_find(&rig.space, 0, true, &region), VMM_ENOENT);
	CHECK_EQ(vmm_space_add(&rig.space, 0, 0x100000, 0), VMM_OK);
	CHECK_EQ(vmm_space_add(&rig.space, UINT64_MAX - 0xffff, 0x10000, 0),
		VMM_OK);
	for (vmm_va_t at = 0x8000; at < 0x100000; at += 0x8000) {
		request.place.where = at;
		CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	}
	request.place.where = UINT64_MAX - 0xfff;
	request.place.guard[1] = 0;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	va = 0;
	while (vmm_space_find(&rig.space, va, true, &region) == VMM_OK) {
		count++;
		CHECK_EQ(region.size, 0x1000);
		va = region.base + region.size + region.guard[1];
		if (va == 0)
			break;
	}
	CHECK_EQ(count, 32);
	region = space_rig_region(&rig.space, 0x9000);
	CHECK_EQ(region.base, 0x8000);
	CHECK_EQ(
		vmm_space_find(&rig.space, 0xa000, false, &region), VMM_ENOENT);
	CHECK_EQ(vmm_space_find(&rig.space, 0xa000, true, &region), VMM_OK);
	CHECK_EQ(region.base, 0x10000);
	CHECK_EQ(vmm_space_find(&rig.space, VMM_GIB(1), false, &region),
		VMM_ENOENT);
	space_rig_close(&rig);
}

/* Pages and tables in numbers, and back to where they were. */
TEST(unit_space_stat_counts)
{
	struct vmm_space_stat stat;
	vmm_pa_t pa;
	long before;

	space_rig_open_user(&rig, &vmm_pt_sv48, 0);
	rig.is_alone = true;
	before = rig.pages_live;
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x10000);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, VMM_TIB(1), 0x10000);
	CHECK_EQ(vmm_space_phys(&rig.space, 0x10000, &pa), VMM_ENOENT);
	space_rig_touch(&rig.space, 0x12000, 0x3000);
	space_rig_touch(&rig.space, VMM_TIB(1), 0x2000);
	CHECK_EQ(vmm_space_protect(&rig.space, VMM_TIB(1), 0x1000, 0), VMM_OK);
	pa = space_rig_phys(&rig.space, 0x12345);
	CHECK_EQ(pa & 4095, 0x345);
	CHECK_EQ(vmm_space_phys(&rig.space, VMM_TIB(1), &pa), VMM_ENOENT);
	CHECK_EQ(
		vmm_space_phys(&rig.space, UINT64_C(1) << 60, &pa), VMM_ENOENT);
	vmm_space_stat(&rig.space, &stat);
	CHECK_EQ(stat.regions, 3);
	CHECK_EQ(stat.size, 0x20000);
	CHECK_EQ(stat.resident, 0x4000);
	CHECK_EQ(stat.stored, 0x1000);
	CHECK_EQ(stat.tables + stat.node_pages, rig.pages_live);
	space_rig_check(&rig, &rig.space);
	vmm_space_purge(&rig.space);
	(void)vmm_space_trim(&rig.space);
	vmm_space_stat(&rig.space, &stat);
	/* The store keeps its root. */
	CHECK_EQ(stat.tables, 1);
	CHECK_EQ(rig.pages_live, before + 1);
	CHECK_EQ(vmm_space_trim(&rig.space), 0);
	space_rig_close(&rig);
}

/* Empty tables go with a flush before: a hart may be walking through them. */
TEST(unit_space_trim_flushes)
{
	uint64_t spare;
	long flushes;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	for (vmm_va_t va = VMM_GIB(1); va < VMM_GIB(8); va += VMM_GIB(1)) {
		space_rig_map(&rig.space, VMM_SPACE_ZERO, va, 0x2000);
		space_rig_touch(&rig.space, va, 0x2000);
		space_rig_see_all(&rig, &rig.pt, va, 0x2000);
	}
	/* Every second one; the tables of the others stay. */
	for (vmm_va_t va = VMM_GIB(1); va < VMM_GIB(8); va += VMM_GIB(2))
		CHECK_EQ(vmm_space_unmap(&rig.space, va, 0x2000), VMM_OK);
	CHECK_EQ(rig.pt.table_count, 15);
	flushes = rig.flushes;
	spare = rig.pt.spare_count;
	CHECK_EQ(vmm_space_trim(&rig.space), 8 + spare);
	CHECK_EQ(rig.flushes, flushes + 1);
	CHECK_EQ(rig.pt.table_count, 7);
	space_rig_check(&rig, &rig.space);
	space_rig_close(&rig);
}

/* A hart that comes in anew is told to fence; the set is who is in. */
TEST(unit_space_enter_and_leave)
{
	space_rig_open(&rig, &vmm_pt_sv39, 0);
	CHECK_EQ(vmm_space_harts(&rig.space), 0);
	CHECK(vmm_space_enter(&rig.space, 0));
	CHECK(vmm_space_enter(&rig.space, 63));
	CHECK(!vmm_space_enter(&rig.space, 63));
	CHECK_EQ(vmm_space_harts(&rig.space), UINT64_C(1) << 63 | 1);
	vmm_space_leave(&rig.space, 63);
	CHECK_EQ(vmm_space_harts(&rig.space), 1);
	CHECK(vmm_space_enter(&rig.space, 63));
	vmm_space_leave(&rig.space, 63);
	vmm_space_leave(&rig.space, 0);
	CHECK_EQ(vmm_space_harts(&rig.space), 0);
	space_rig_close(&rig);
}

/* Two spaces with one table, at different addresses. */
TEST(unit_space_two_with_one_table)
{
	struct vmm_space second;

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	rig.space.is_shared = true;
	vmm_space_init(&second, &rig.pt, &rig.hooks);
	second.is_shared = true;
	space_rig_user(&rig);
	CHECK_EQ(
		vmm_space_add(&second, 0x1000, VMM_GIB(1) - 0x1000, 0), VMM_OK);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x4000);
	space_rig_map(&second, VMM_SPACE_ZERO, 0x14000, 0x4000);
	space_rig_touch(&rig.space, 0x10000, 0x4000);
	space_rig_touch(&second, 0x14000, 0x4000);
	space_rig_check(&rig, &rig.space);
	space_rig_check(&rig, &second);
	/* One is not there for the other, whatever the range. */
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x1000, VMM_MIB(1)), VMM_OK);
	space_rig_check_bytes(&second, 0x14000, 0x4000, 0x14000);
	vmm_space_fini(&rig.space);
	space_rig_check_bytes(&second, 0x14000, 0x4000, 0x14000);
	vmm_space_fini(&second);
	vmm_space_init(&rig.space, &rig.pt, &rig.hooks);
	space_rig_close(&rig);
}

/* A caller that serialises all needs no lock, and one without harts no flush. */
TEST(unit_space_without_hooks)
{
	space_rig_open(&rig, &vmm_pt_sv39, 0);
	rig.hooks.lock = NULL;
	rig.hooks.flush = NULL;
	rig.hooks.wait = NULL;
	space_rig_user(&rig);
	space_rig_map(&rig.space, VMM_SPACE_ZERO, 0x10000, 0x4000);
	space_rig_touch(&rig.space, 0x10000, 0x4000);
	CHECK_EQ(vmm_space_protect(&rig.space, 0x11000, 0x1000, 0), VMM_OK);
	CHECK_EQ(vmm_space_unmap(&rig.space, 0x11000, 0x2000), VMM_OK);
	space_rig_check(&rig, &rig.space);
	CHECK_EQ(rig.locks, 0);
	space_rig_close(&rig);
}

/*
 * While a call is at some addresses, whoever wants them waits: seen from the
 * inside of each hook of a call, the space is sound, and calls elsewhere work.
 */
static void use_elsewhere(struct space_rig *r)
{
	static const struct vmm_vmem_request high = {
		.flags = VMM_VMEM_LAST_FIT};
	struct vmm_space_request request = {.place = {.size = 0x3000},
		.kind = VMM_SPACE_ZERO,
		.prot = SPACE_RWU};
	struct vmm_space *space = &r->space;
	vmm_va_t va;

	request.place.min = VMM_GIB(16);
	CHECK_EQ(vmm_space_map(space, &request, &va), VMM_OK);
	space_rig_touch(space, va, 0x3000);
	CHECK_EQ(vmm_space_protect(space, va + 0x1000, 0x1000, VMM_PT_READ),
		VMM_OK);
	CHECK_EQ(vmm_space_move(space, va + 0x2000, 0x1000, VMM_SPACE_MAY_MOVE,
			 &high, &va),
		VMM_OK);
	CHECK_EQ(vmm_space_unmap(space, VMM_GIB(16), VMM_GIB(200)), VMM_OK);
}

TEST(unit_space_others_go_on)
{
	struct vmm_space_request request = {.place = {.size = 0x4000,
						    .where = 0x10000,
						    .flags = VMM_VMEM_FIXED},
		.kind = VMM_SPACE_CONTIGUOUS,
		.prot = SPACE_RWU,
		.replace = true};
	vmm_va_t va;

	space_rig_open_user(&rig, &vmm_pt_sv39, 0);
	rig.other = use_elsewhere;
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
		space_rig_touch(&rig.space, va, 0x4000);
		CHECK_EQ(vmm_space_protect(&rig.space, va + 0x1000, 0x2000, 0),
			VMM_OK);
		CHECK_EQ(vmm_space_move(&rig.space, va + 0x1000, 0x1000,
				 VMM_SPACE_MAY_MOVE, NULL, &va),
			VMM_OK);
		CHECK_EQ(
			vmm_space_discard(&rig.space, 0x10000, 0x4000), VMM_OK);
		request.kind = VMM_SPACE_ZERO;
		request.place.where = 0x12000;
		space_rig_check(&rig, &rig.space);
	}
	CHECK_EQ(rig.waits, 0);
	space_rig_close(&rig);
	CHECK_EQ(rig.frames_live, 0);
}
