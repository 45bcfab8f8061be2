/* SPDX-License-Identifier: MIT */
/*
 * The check is tested by breaking what it guards: each bit of a table entry
 * and of leaves at three levels, loops, double links, counts.
 */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW (VMM_PT_READ | VMM_PT_WRITE)

static struct pt_rig rig;

static uint64_t *table_at(vmm_pa_t pa)
{
	return (uint64_t *)(uintptr_t)(pa + rig.offset);
}

/* The entry for @va in the table at @level, by the specification's drawing. */
static uint64_t *entry_at(vmm_va_t va, int level)
{
	uint64_t *entry = NULL;
	vmm_pa_t table = rig.pt.root;

	for (int l = rig.pt.format->levels - 1; l >= level; l--) {
		entry = table_at(table) + ((va >> (12 + 9 * l)) & 511);
		table = *entry >> 10 << 12;
	}
	return entry;
}

static void open_sample(void)
{
	rig_open(&rig, &vmm_pt_sv39);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(1), VMM_GIB(2),
			 VMM_GIB(1) + VMM_MIB(2) + 4096, RW, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_reserve(&rig.pt, 3), VMM_OK);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
}

/*
 * Flip each bit. The outcome is known for every one: which flips leave
 * another legal leaf, and which must be noticed.
 */
static void flip_leaf(vmm_va_t va, int level)
{
	uint64_t *entry = entry_at(va, level);

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t flip = UINT64_C(1) << bit;
		bool legal = bit == 2 ||	     /* W of R and W */
			     bit == 3 ||	     /* X */
			     bit == 4 || bit == 5 || /* U, G */
			     /* in a root: borrowed, lent */
			     ((bit == 8 || bit == 9) && level == 2) ||
			     (bit >= 10 + 9 * (unsigned)level && bit < 54);

		*entry ^= flip;
		CHECK_EQ(vmm_pt_check(&rig.pt), legal ? VMM_OK : VMM_ECORRUPT);
		*entry ^= flip;
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	}
}

TEST(corrupt_pt_leaf_bits)
{
	open_sample();
	flip_leaf(VMM_GIB(1), 2);
	flip_leaf(VMM_GIB(2), 1);
	flip_leaf(VMM_GIB(2) + VMM_MIB(2), 0);
	rig_close(&rig);
}

/* A pointer to a table may have V and the address, and nothing else. */
TEST(corrupt_pt_table_bits)
{
	uint64_t *entry;

	open_sample();
	entry = entry_at(VMM_GIB(2), 2);
	for (unsigned bit = 0; bit < 64; bit++) {
		/* Address bits lead out of the test's memory, and a root entry
		 * may be lent. */
		if (bit >= 9 && bit < 54)
			continue;
		*entry ^= UINT64_C(1) << bit;
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
		*entry ^= UINT64_C(1) << bit;
	}
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_close(&rig);
}

/* Tables that are reached twice, or that contain themselves. */
TEST(corrupt_pt_links)
{
	uint64_t *mid;
	uint64_t *root;
	uint64_t old;

	open_sample();
	root = table_at(rig.pt.root);
	mid = entry_at(VMM_GIB(2) + VMM_MIB(2), 1);
	old = *mid;

	root[17] = *entry_at(VMM_GIB(2), 2);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
	root[17] = 0;

	*mid = rig.pt.root >> 12 << 10 | 1;
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
	/* The level-1 table holds itself. */
	*mid = *entry_at(VMM_GIB(2), 2);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
	*mid = old;
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_close(&rig);
}

/* Each table's 512 entries all lead to the same next table: 512^4 paths in
 * Sv57, of which the check must not walk more than it has tables. */
TEST(corrupt_pt_endless_paths)
{
	rig_open(&rig, &vmm_pt_sv57);
	CHECK_EQ(vmm_pt_map(&rig.pt, 0, 0, 4096, RW, NULL), VMM_OK);
	for (int level = 4; level > 0; level--) {
		for (int i = 1; i < 512; i++)
			entry_at(0, level)[i] = *entry_at(0, level);
	}
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
	for (int level = 4; level > 0; level--) {
		for (int i = 1; i < 512; i++)
			entry_at(0, level)[i] = 0;
	}
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_close(&rig);
}

TEST(corrupt_pt_counts)
{
	vmm_pa_t spare;

	open_sample();
	rig.pt.table_count++;
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
	rig.pt.table_count -= 2;
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
	rig.pt.table_count++;
	spare = rig.pt.spare;
	rig.pt.spare += 8;
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
	rig.pt.spare = rig.pt.root;
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
	rig.pt.spare = spare;
	/* The second spare page leads back to the first. */
	{
		uint64_t *second = table_at(*table_at(spare));
		uint64_t third = *second;

		*second = spare;
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_ECORRUPT);
		*second = third;
	}
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	rig_close(&rig);
}
