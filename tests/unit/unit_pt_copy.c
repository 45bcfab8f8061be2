/* SPDX-License-Identifier: MIT */
/* Mappings and bytes from one space to another. */
#include "support/pt_rig.h"
#include "support/test.h"

#define RW  (VMM_PT_READ | VMM_PT_WRITE)
#define RWU (RW | VMM_PT_USER)

/* Two tables on one rig: the child lives on the parent's page source. */
static struct pt_rig rig;
static struct vmm_pt child;

static void open_both(const struct vmm_pt_format *base, unsigned features)
{
	vmm_pa_t root = 0;

	rig_open_with(&rig, base, features);
	/* Four pages in a row, aligned, for a guest's root. */
	for (int i = 0; i < 4; i++) {
		vmm_pa_t pa;

		CHECK_EQ(rig.pages.alloc(&rig, &pa), 0);
		if (i == 0)
			root = pa;
	}
	vmm_pt_init(&child, &rig.format, &rig.pages, rig.offset, root);
}

static void close_both(void)
{
	vmm_pt_fini(&child);
	for (int i = 0; i < 4; i++)
		rig.pages.free(&rig, child.root + (vmm_pa_t)i * 4096);
	rig_close(&rig);
}

static bool child_mmu(vmm_va_t va, char access, bool user, vmm_pa_t *pa_out)
{
	struct pt_rig view = rig;

	view.pt = child;
	return rig_mmu(&view, va, access, user, pa_out);
}

static uint64_t both_digest(void)
{
	return test_digest(rig_digest(&rig), &child, sizeof(child));
}

/* Pages in no order, a hole, a tag, superpages, up to a table's border and past
 * it: the child reads the same bytes, and neither can write. Each format. */
TEST(unit_pt_fork)
{
	for (int f = 0; f < RIG_MACHINES; f++) {
		bool guest = rig_is_guest(rig_machines[f].base);
		unsigned prot = guest ? RW : RWU;
		const vmm_va_t va = VMM_GIB(1) - VMM_MIB(1);
		const struct vmm_pt_source source = {&rig.pt, va, VMM_PT_WRITE};
		const uint64_t size = VMM_MIB(8);
		struct vmm_tlb_gather gather;
		vmm_pa_t one;
		vmm_pa_t two;
		uint64_t tables;

		open_both(rig_machines[f].base, rig_machines[f].features);
		vmm_tlb_gather_init(&gather, NULL, 0);
		for (uint64_t i = 0; i < 300; i++)
			CHECK_EQ(vmm_pt_map(&rig.pt, va + i * 4096,
					 (i * 7919 % 1024) * 4096, 4096, prot,
					 NULL),
				VMM_OK);
		CHECK_EQ(vmm_pt_tag(&rig.pt, va + 310 * 4096, 0x2000, 9, NULL),
			VMM_OK);
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(1) + VMM_MIB(2),
				 VMM_GIB(2), VMM_MIB(4), prot, NULL),
			VMM_OK);
		tables = child.table_count;
		CHECK_EQ(vmm_pt_copy(&child, va, size, &source, NULL), VMM_OK);
		CHECK_EQ(child.spare_count, 0);
		CHECK(child.table_count > tables);
		CHECK_EQ(vmm_pt_modify(
				 &rig.pt, va, size, 0, VMM_PT_WRITE, &gather),
			VMM_OK);
		CHECK_EQ(gather.flags & VMM_TLB_RESTRICT, VMM_TLB_RESTRICT);
		for (uint64_t i = 0; i < size / 4096; i++) {
			vmm_va_t at = va + i * 4096 + 8;
			bool mapped = rig_mmu(&rig, at, 'r', true, &one);

			CHECK(child_mmu(at, 'r', true, &two) == mapped);
			CHECK(!mapped || one == two);
			CHECK(!child_mmu(at, 'w', true, &two));
			CHECK(!rig_mmu(&rig, at, 'w', true, &one));
			CHECK_EQ(vmm_pt_tag_get(&child, at),
				i == 310 || i == 311 ? 9 : 0);
		}
		CHECK_EQ(vmm_pt_check(&child), VMM_OK);
		CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
		close_both();
	}
}

/* What one page is allowed besides is what two are, and is told alike. */
static void compare_one_and_two(unsigned prot, unsigned set)
{
	const vmm_va_t va = VMM_MIB(16) + 0x1000;
	struct vmm_tlb_gather gathers[2];
	int errs[2];
	uint64_t leaves[2];
	unsigned level;

	for (uint64_t i = 0; i < 3; i++)
		CHECK_EQ(vmm_pt_map(&rig.pt, va + i * 4096, VMM_MIB(32), 4096,
				 prot, NULL),
			VMM_OK);
	for (uint64_t i = 0; i < 2; i++) {
		const vmm_va_t at = va + i * 4096;

		vmm_tlb_gather_init(&gathers[i], NULL, 0);
		errs[i] = vmm_pt_modify(
			&rig.pt, at, (i + 1) * 4096, set, 0, &gathers[i]);
		CHECK(rig_leaf(&rig, at, &leaves[i], &level));
	}
	CHECK_EQ(errs[0], errs[1]);
	CHECK_EQ(leaves[0], leaves[1]);
	CHECK_EQ(gathers[0].flags, gathers[1].flags);
	CHECK(gathers[0].flags == 0 || gathers[0].first == va);
	CHECK(gathers[0].flags == 0 || gathers[0].last == va + 4095);
	vmm_tlb_gather_init(&gathers[0], NULL, 0);
	CHECK_EQ(vmm_pt_unmap(&rig.pt, va, 3 * 4096, &gathers[0]), VMM_OK);
	vmm_pt_reap(&rig.pt, &gathers[0]);
}

TEST(unit_pt_modify_one_page)
{
	static const unsigned prots[] = {VMM_PT_READ, RW, RWU,
		VMM_PT_READ | VMM_PT_EXEC, RW | VMM_PT_EXEC, RW | VMM_PT_GLOBAL,
		VMM_PT_READ | VMM_PT_USER};

	for (int f = 0; f < RIG_MACHINES; f++) {
		open_both(rig_machines[f].base, rig_machines[f].features);
		for (unsigned i = 0; i < sizeof(prots) / sizeof(prots[0]);
			i++) {
			if ((prots[i] & ~rig.format.prot_allowed) != 0)
				continue;
			for (unsigned set = 0; set < 1u << VMM_PT_PROT_COUNT;
				set++)
				compare_one_and_two(prots[i], set);
		}
		close_both();
	}
}

/* Pages that happen to lie in a row stay pages, whatever the formats: a part of
 * the copy can be taken away without a table for the rest. */
TEST(unit_pt_copy_keeps_pages)
{
	static struct vmm_pt_format twin;
	const vmm_va_t va = VMM_MIB(16);
	const struct vmm_pt_source source = {&rig.pt, va, 0};

	for (int f = 0; f < RIG_MACHINES; f++) {
		for (int same = 0; same < 2; same++) {
			struct vmm_pt_usage usage;

			open_both(
				rig_machines[f].base, rig_machines[f].features);
			twin = rig.format;
			child.format = same ? &rig.format : &twin;
			for (vmm_va_t i = 0; i < VMM_MIB(4); i += 4096)
				CHECK_EQ(
					vmm_pt_map(&rig.pt, va + i,
						VMM_MIB(2) + i, 4096, RW, NULL),
					VMM_OK);
			CHECK_EQ(vmm_pt_copy(
					 &child, va, VMM_MIB(4), &source, NULL),
				VMM_OK);
			CHECK_EQ(child.spare_count, 0);
			CHECK_EQ(vmm_pt_usage(&child, &usage), VMM_OK);
			CHECK_EQ(usage.size, VMM_MIB(4));
			CHECK_EQ(usage.leaves[0], 1024);
			CHECK_EQ(usage.leaves[1], 0);
			close_both();
		}
	}
}

/* The frames of one range twice in a row: what runs over the end of a ring
 * buffer arrives at its start. */
TEST(unit_pt_ring)
{
	const vmm_va_t va = 0x100000;
	const struct vmm_pt_source source = {&rig.pt, va, 0};
	vmm_pa_t pa;

	open_both(&vmm_pt_sv39, 0);
	for (uint64_t i = 0; i < 4; i++)
		CHECK_EQ(vmm_pt_map(&rig.pt, va + i * 4096,
				 RIG_RAM + (3 - i) * 8192, 4096, RW, NULL),
			VMM_OK);
	CHECK_EQ(vmm_pt_copy(&rig.pt, va + 0x4000, 0x4000, &source, NULL),
		VMM_OK);
	for (uint64_t i = 0; i < 8; i++) {
		CHECK(rig_mmu(&rig, va + i * 4096, 'w', false, &pa));
		CHECK_EQ(pa, RIG_RAM + (3 - i % 4) * 8192);
	}
	/* A range over itself is no copy. */
	CHECK_EQ(vmm_pt_copy(&rig.pt, va + 0x1000, 0x4000, &source, NULL),
		VMM_EINVAL);
	CHECK_EQ(vmm_pt_check(&rig.pt), VMM_OK);
	close_both();
}

/* A device's registers, where pa is nothing like va, and ranges at another
 * place: superpages become what fits there. */
TEST(unit_pt_share_a_range)
{
	const struct vmm_pt_source source = {&rig.pt, VMM_GIB(1), 0};
	struct vmm_pt_usage usage;
	unsigned prot;
	vmm_pa_t pa;

	open_both(&vmm_pt_x86_64, 0);
	CHECK_EQ(vmm_pt_map(&rig.pt, VMM_GIB(1), 0xfd0000000, VMM_MIB(4),
			 RW | VMM_PT_IO, NULL),
		VMM_OK);
	CHECK_EQ(
		vmm_pt_copy(&child, 0x5000, VMM_MIB(4), &source, NULL), VMM_OK);
	CHECK_EQ(vmm_pt_translate(&child, 0x5000 + 0x201234, &pa, &prot),
		VMM_OK);
	CHECK_EQ(pa, 0xfd0201234);
	CHECK_EQ(prot, RW | VMM_PT_IO);
	CHECK_EQ(vmm_pt_usage(&child, &usage), VMM_OK);
	CHECK_EQ(usage.size, VMM_MIB(4));
	CHECK_EQ(usage.leaves[0], 1024);
	close_both();
}

/* What is refused is refused before anything changes. */
TEST(unit_pt_copy_errors)
{
	struct vmm_pt_source source = {&rig.pt, VMM_MIB(4), 0};
	uint64_t digest;

	open_both(&vmm_pt_sv39, 0);
	for (uint64_t i = 0; i < 8; i++)
		CHECK_EQ(vmm_pt_map(&rig.pt, VMM_MIB(4) + i * 4096,
				 i * 3 % 8 * 4096, 4096,
				 i == 6 ? VMM_PT_READ : RW, NULL),
			VMM_OK);
	CHECK_EQ(vmm_pt_map(&child, VMM_MIB(4) + 0x5000, 0, 4096, RW, NULL),
		VMM_OK);
	digest = both_digest();
	CHECK_EQ(vmm_pt_copy(&child, VMM_MIB(4), 0x8000, &source, NULL),
		VMM_EEXIST);
	source.clear = VMM_PT_READ | VMM_PT_WRITE;
	CHECK_EQ(vmm_pt_copy(&child, VMM_MIB(8), 0x8000, &source, NULL),
		VMM_EINVAL);
	/* The last but one page alone would be left without access. */
	source.clear = VMM_PT_READ;
	CHECK_EQ(vmm_pt_copy(&child, VMM_MIB(8), 0x8000, &source, NULL),
		VMM_EINVAL);
	source.clear = 0;
	CHECK_EQ(vmm_pt_copy(&child, VMM_MIB(8), 0x8001, &source, NULL),
		VMM_EINVAL);
	CHECK_EQ(vmm_pt_copy(&child, rig_low_end(&vmm_pt_sv39), 0x8000, &source,
			 NULL),
		VMM_ERANGE);
	source.va = VMM_MIB(4) + 1;
	CHECK_EQ(vmm_pt_copy(&child, VMM_MIB(8), 0x8000, &source, NULL),
		VMM_EINVAL);
	CHECK_EQ(both_digest(), digest);
	/* Nothing to copy is fine. */
	source.va = VMM_GIB(64);
	CHECK_EQ(vmm_pt_copy(&child, VMM_MIB(8), VMM_GIB(1), &source, NULL),
		VMM_OK);
	CHECK_EQ(both_digest(), digest);
	close_both();
}

/* Frames of the rig's own memory, for bytes. */
static void map_frames(struct vmm_pt *pt, vmm_va_t va, int pages, unsigned prot)
{
	for (int i = 0; i < pages; i++) {
		vmm_pa_t pa;

		CHECK_EQ(rig.pages.alloc(&rig, &pa), 0);
		CHECK_EQ(vmm_pt_map(pt, va + (vmm_va_t)i * 4096, pa, 4096, prot,
				 NULL),
			VMM_OK);
	}
}

static void free_frames(struct vmm_pt *pt, vmm_va_t va, int pages)
{
	for (int i = 0; i < pages; i++) {
		vmm_pa_t pa;

		CHECK_EQ(vmm_pt_translate(
				 pt, va + (vmm_va_t)i * 4096, &pa, NULL),
			VMM_OK);
		rig.pages.free(&rig, pa);
	}
}

/* Odd offsets and sizes over page borders, from a buffer to one space, to
 * another, and back. */
TEST(unit_pt_bytes)
{
	static uint8_t out[9000];
	static uint8_t in[9000];

	open_both(&vmm_pt_sv39, 0);
	map_frames(&rig.pt, 0x10000, 4, RWU);
	map_frames(&child, 0x40000, 4, RWU);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + 3);
	{
		const struct vmm_pt_place buffer = {
			NULL, (uintptr_t)out, 0, NULL};
		const struct vmm_pt_place one = {&rig.pt, 0x10ffd, RWU, NULL};
		const struct vmm_pt_place two = {&child, 0x40001, RWU, NULL};
		const struct vmm_pt_place result = {
			NULL, (uintptr_t)in, 0, NULL};

		CHECK_EQ(vmm_pt_bytes_copy(&one, &buffer, sizeof(out)), VMM_OK);
		CHECK_EQ(vmm_pt_bytes_copy(&two, &one, sizeof(out)), VMM_OK);
		CHECK_EQ(vmm_pt_bytes_copy(&result, &two, sizeof(in)), VMM_OK);
		CHECK_EQ(vmm_pt_bytes_copy(&result, &two, 0), VMM_OK);
	}
	for (size_t i = 0; i < sizeof(out); i++)
		CHECK_EQ(in[i], out[i]);
	free_frames(&rig.pt, 0x10000, 4);
	free_frames(&child, 0x40000, 4);
	close_both();
}

/* A page in the middle is missing, or not for the user, or not to be written:
 * not a byte has moved. */
TEST(unit_pt_bytes_errors)
{
	static uint8_t bytes[3 * 4096];
	struct vmm_pt_place place = {&rig.pt, 0x10800, VMM_PT_USER, NULL};
	const struct vmm_pt_place buffer = {NULL, (uintptr_t)bytes, 0, NULL};
	uint64_t digest;

	open_both(&vmm_pt_sv39, 0);
	map_frames(&rig.pt, 0x10000, 2, RWU);
	map_frames(&rig.pt, 0x12000, 1, VMM_PT_READ | VMM_PT_USER);
	map_frames(&rig.pt, 0x14000, 1, RW);
	digest = rig_digest(&rig);
	place.prot = VMM_PT_USER | VMM_PT_WRITE;
	CHECK_EQ(vmm_pt_bytes_copy(&place, &buffer, 0x1801), VMM_EACCES);
	CHECK_EQ(rig_digest(&rig), digest);
	place.prot = VMM_PT_USER;
	CHECK_EQ(vmm_pt_bytes_copy(&buffer, &place, 0x2801), VMM_ENOENT);
	place.va = 0x14000;
	CHECK_EQ(vmm_pt_bytes_copy(&buffer, &place, 1), VMM_EACCES);
	place.va = UINT64_MAX;
	CHECK_EQ(vmm_pt_bytes_copy(&buffer, &place, 2), VMM_ERANGE);
	place.va = rig_low_end(&vmm_pt_sv39);
	CHECK_EQ(vmm_pt_bytes_copy(&buffer, &place, 1), VMM_ERANGE);
	for (size_t i = 0; i < sizeof(bytes); i++)
		CHECK_EQ(bytes[i], 0);
	/* Up to the last byte that is allowed. */
	place.va = 0x10800;
	CHECK_EQ(vmm_pt_bytes_copy(&buffer, &place, 0x2800), VMM_OK);
	CHECK_EQ(bytes[0x27ff], 0xa5);
	CHECK_EQ(bytes[0x2800], 0);
	free_frames(&rig.pt, 0x10000, 3);
	free_frames(&rig.pt, 0x14000, 1);
	close_both();
}

/* Frames that are reached by a hook: it sees each page once, in order. */
struct window {
	unsigned calls;
	vmm_pa_t next;
};

static void *window_access(void *ctx, vmm_pa_t pa, uint64_t size)
{
	struct window *window = ctx;

	CHECK_EQ(pa, window->next);
	CHECK(pa / 4096 == (pa + size - 1) / 4096);
	window->next = pa + size;
	window->calls++;
	return (void *)(uintptr_t)(pa + rig.offset);
}

TEST(unit_pt_bytes_through_a_hook)
{
	struct window window = {0, RIG_RAM + 0x900};
	const struct vmm_pt_frames frames = {window_access, &window};
	static uint8_t bytes[0x1800];
	const struct vmm_pt_place place = {
		&child, 0x30900, VMM_PT_READ, &frames};
	const struct vmm_pt_place buffer = {NULL, (uintptr_t)bytes, 0, NULL};

	open_both(&vmm_pt_sv48, 0);
	CHECK_EQ(
		vmm_pt_map(&child, 0x30000, RIG_RAM, 0x2000, VMM_PT_READ, NULL),
		VMM_OK);
	CHECK_EQ(vmm_pt_bytes_copy(&buffer, &place, 0x1700), VMM_OK);
	CHECK_EQ(window.calls, 2);
	CHECK_EQ(window.next, RIG_RAM + 0x2000);
	close_both();
}
