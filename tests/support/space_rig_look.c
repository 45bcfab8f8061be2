/* SPDX-License-Identifier: MIT */
/*
 * Looking at the rig's spaces: the hart with its TLB, digests, the checks
 * between calls, and the few calls that most tests begin with.
 */
#include "support/space_rig.h"

#include "pt/pt_entry.h"
#include "space/space_internal.h"

/* The tables on the way to an address. */
static void note_tables(
	const struct vmm_pt *pt, vmm_va_t va, struct space_seen *seen)
{
	vmm_pa_t table = pt->root;

	for (unsigned level = vmm_pt_root_level(pt);; level--) {
		uint64_t entry =
			vmm_pt_load(vmm_pt_table(pt, table) +
				    ((va >> vmm_pt_shift(level)) &
					    (vmm_pt_entries(pt, level) - 1)));

		seen->tables[level] = table;
		if (level == 0 || !vmm_pt_is_table(pt->format, entry, level))
			return;
		table = vmm_pt_entry_pa(pt->format, entry);
	}
}

bool space_rig_see(struct space_rig *rig, const struct vmm_pt *pt, vmm_va_t va,
	vmm_pa_t *pa_out)
{
	struct space_seen seen = {.pt = pt, .va = va & ~UINT64_C(4095)};
	size_t at = 0;

	if (vmm_pt_translate(pt, seen.va, &seen.pa, &seen.prot) != VMM_OK)
		return false;
	note_tables(pt, seen.va, &seen);
	while (at < SPACE_SEEN && rig->seen[at].pt != NULL &&
		(rig->seen[at].pt != pt || rig->seen[at].va != seen.va))
		at++;
	if (at < SPACE_SEEN)
		rig->seen[at] = seen;
	if (pa_out != NULL)
		*pa_out = seen.pa + (va & 4095);
	return true;
}

void space_rig_see_all(struct space_rig *rig, const struct vmm_pt *pt,
	vmm_va_t va, uint64_t size)
{
	struct vmm_pt_cursor cursor =
		vmm_pt_cursor_range(va, vmm_range_last(va, size));
	struct vmm_pt_run run;

	while (vmm_pt_next(pt, &cursor, &run)) {
		for (uint64_t at = 0; at < run.size && at < 16 * 4096;
			at += 4096)
			space_rig_see(rig, pt, run.va + at, NULL);
		space_rig_see(rig, pt, run.va + run.size - 4096, NULL);
	}
}

void space_rig_check_tlb(const struct space_rig *rig)
{
	for (size_t i = 0; i < SPACE_SEEN; i++) {
		const struct space_seen *seen = &rig->seen[i];
		vmm_pa_t pa = 0;
		unsigned prot = 0;

		if (seen->pt == NULL)
			continue;
		CHECK_EQ(vmm_pt_translate(seen->pt, seen->va, &pa, &prot),
			VMM_OK);
		CHECK_EQ(pa, seen->pa);
		/* What was taken away is not in the TLB any more. */
		CHECK((seen->prot & ~prot) == 0);
	}
}

const struct vmm_tlb_gather *space_rig_flushed(
	const struct space_rig *rig, long before)
{
	CHECK(before < rig->flushes && before < SPACE_FLUSHES);
	return &rig->flushed[(rig->flushes - 1 - before) % SPACE_FLUSHES];
}

void space_rig_take_tables(struct space_rig *rig)
{
	/* Each takes one, and gets more only if there is none. */
	while (rig->pt.spare_count > 0) {
		rig->taken += VMM_MIB(2);
		space_rig_map(&rig->space, VMM_SPACE_PHYS,
			VMM_GIB(64) + rig->taken, 4096);
	}
}

/* What is mapped, page by page: leaves may have been split. */
static uint64_t digest_table(
	uint64_t digest, const struct vmm_pt *pt, bool with_prot)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_pt_run run;

	while (vmm_pt_next(pt, &cursor, &run)) {
		for (uint64_t at = 0; at < run.size; at += 4096) {
			const uint64_t words[] = {run.va + at, run.pa + at,
				with_prot ? run.prot : 0};

			digest = test_digest(digest, words, sizeof(words));
		}
	}
	return digest;
}

uint64_t space_rig_digest(const struct space_rig *rig, struct vmm_space *space)
{
	const struct vmm_vmem *arena = &space->arena;
	const struct vmm_vmem_region *region = vmm_vmem_ceiling(arena, 0);
	uint64_t digest = TEST_DIGEST_INIT;

	for (; region != NULL; region = vmm_vmem_next(arena, region)) {
		const struct vmm_vmem_tags *tags = vmm_vmem_region_tags(region);
		const uint64_t words[] = {region->base, region->size,
			vmm_vmem_region_base(region), tags->owner,
			(uintptr_t)tags->user, tags->flags, tags->count};

		digest = test_digest(digest, words, sizeof(words));
	}
	digest = digest_table(digest, space->live, true);
	/* What is allowed in the store, nobody can see. */
	if (space->has_store)
		digest = digest_table(digest, &space->store, false);
	for (size_t i = 0; i < SPACE_PAGES; i++) {
		if (rig->holders[i] > 0)
			digest = test_digest(digest, &rig->holders[i], 4);
	}
	return digest;
}

void space_rig_check(const struct space_rig *rig, struct vmm_space *space)
{
	CHECK(!rig->is_locked);
	CHECK_EQ(vmm_space_check(space), VMM_OK);
	CHECK(space->live->spare_count <= VMM_SPACE_SPARE);
	CHECK_EQ(space->arena.reserve, 0);
	space_rig_check_tlb(rig);
	if (space == &rig->space && rig->is_alone) {
		struct vmm_space_stat stat;

		/* Whatever has come from the hook is in use somewhere. */
		vmm_space_stat(space, &stat);
		CHECK_EQ(stat.tables + stat.node_pages, rig->pages_live);
	}
}

void space_rig_check_same(
	const struct space_rig *rig, struct vmm_space *space, uint64_t digest)
{
	CHECK_EQ(space_rig_digest(rig, space), digest);
	space_rig_check(rig, space);
}

unsigned space_rig_rw(const struct vmm_space *space)
{
	return SPACE_RW | (space->live->format->prot_allowed & VMM_PT_USER);
}

struct vmm_space_request space_rig_request(
	const struct vmm_space *space, enum vmm_space_kind kind, uint64_t size)
{
	return (struct vmm_space_request){.place = {.size = size},
		.kind = kind,
		.prot = space_rig_rw(space)};
}

struct vmm_space_request space_rig_request_at(const struct vmm_space *space,
	enum vmm_space_kind kind, vmm_va_t where, uint64_t size)
{
	struct vmm_space_request request = space_rig_request(space, kind, size);

	request.place.where = where;
	request.place.flags = VMM_VMEM_FIXED;
	return request;
}

int space_rig_map_at(struct vmm_space *space, enum vmm_space_kind kind,
	vmm_va_t where, uint64_t size)
{
	const struct vmm_space_request request =
		space_rig_request_at(space, kind, where, size);
	vmm_va_t va;

	return vmm_space_map(space, &request, &va);
}

vmm_va_t space_rig_map(struct vmm_space *space, enum vmm_space_kind kind,
	vmm_va_t where, uint64_t size)
{
	struct vmm_space_request request =
		space_rig_request_at(space, kind, where, size);
	vmm_va_t va = 0;

	if (where == 0)
		request.place.flags = 0;
	CHECK_EQ(vmm_space_map(space, &request, &va), VMM_OK);
	if (where != 0)
		CHECK_EQ(va, where);
	return va;
}

void space_rig_touch(struct vmm_space *space, vmm_va_t va, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += 4096) {
		uint64_t word = va + at;

		CHECK_EQ(vmm_space_write(space, va + at, &word, 8, false),
			VMM_OK);
	}
}

void space_rig_check_bytes(
	struct vmm_space *space, vmm_va_t va, uint64_t size, vmm_va_t were)
{
	for (uint64_t at = 0; at < size; at += 4096) {
		uint64_t word = 0;

		CHECK_EQ(vmm_space_read(space, va + at, &word, 8, false),
			VMM_OK);
		CHECK_EQ(word, were == 0 ? 0 : were + at);
	}
}

uint64_t space_rig_regions(struct vmm_space *space)
{
	struct vmm_space_stat stat;

	vmm_space_stat(space, &stat);
	return stat.regions;
}

struct vmm_space_region space_rig_region(struct vmm_space *space, vmm_va_t va)
{
	struct vmm_space_region region;

	CHECK_EQ(vmm_space_find(space, va, false, &region), VMM_OK);
	return region;
}

vmm_pa_t space_rig_phys(struct vmm_space *space, vmm_va_t va)
{
	vmm_pa_t pa = 0;

	CHECK_EQ(vmm_space_phys(space, va, &pa), VMM_OK);
	return pa;
}

void space_rig_object(
	struct space_rig *rig, struct vmm_object *object, uint64_t size)
{
	CHECK_EQ(vmm_object_init(object, &rig->object_config, size), VMM_OK);
}

void space_rig_map_object(struct space_rig *rig, struct vmm_object *object,
	vmm_va_t where, uint64_t size, unsigned flags)
{
	struct vmm_space_request request = space_rig_request_at(
		&rig->space, VMM_SPACE_OBJECT, where, size);
	vmm_va_t va;

	space_rig_object(rig, object, size);
	request.object = object;
	request.flags = flags;
	CHECK_EQ(vmm_space_map(&rig->space, &request, &va), VMM_OK);
}
