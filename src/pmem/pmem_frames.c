/* SPDX-License-Identifier: MIT */
/*
 * Frames with notes: theory of operation
 *
 * 1. An owner's word goes through the life of a frame:
 *
 *      0  --alloc-->  owner + 1  --free-->  FREED | owner + 1  --alloc--> ...
 *
 *    The step to FREED is one atomic "or" whose old value decides: of two frees
 *    at the same time one finds the bit set. A frame of which the word is 0 came
 *    another way; about it the zone decides.
 *
 * 2. Order in a free: the tests, then the words of all frames, then the poison,
 *    then the zone. So a frame is poisoned only if its words say that it was
 *    handed out and not freed yet: never one that is somebody else's, or no
 *    memory at all. If a frame in the middle is wrong, or the zone refuses, the
 *    words are what they were.
 *
 * 3. Shares count the holders beyond the first, so an allocation need not write
 *    them: they are 0 in a frame that nobody shares, and in one that is free.
 */
#include <vmm/pmem_frames.h>

#include "pmem/pmem_internal.h"

void vmm_pmem_frames_init(struct vmm_pmem_frames *frames,
	struct vmm_pmem_zones *zones, const struct vmm_pmem_hooks *hooks)
{
	VMM_ASSERT(zones != NULL);
	*frames = (struct vmm_pmem_frames){.zones = zones, .hooks = hooks};
}

/* The owner's word of a frame, or its shares; NULL if the zone has none. */
static uint32_t *owner_of(const struct vmm_pmem_zone *zone, vmm_pa_t pa)
{
	if (zone == NULL || zone->owners == NULL)
		return NULL;
	return &zone->owners[vmm_pa_to_pfn(pa) - zone->cache->pmem->first];
}

static uint32_t *shares_of(const struct vmm_pmem_zone *zone, vmm_pa_t pa)
{
	if (zone == NULL || zone->shares == NULL)
		return NULL;
	return &zone->shares[vmm_pa_to_pfn(pa) - zone->cache->pmem->first];
}

static uint32_t load(const uint32_t *word)
{
	return word == NULL ? 0 : __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* Was the frame handed out, and not freed since? */
static bool is_out(uint32_t owner)
{
	return owner != 0 && (owner & VMM_PMEM_OWNER_FREED) == 0;
}

static int report(const struct vmm_pmem_frames *frames,
	const struct vmm_pmem_zone *zone, vmm_pa_t pa, unsigned order, int err)
{
	struct vmm_pmem_report what = {.err = err, .pa = pa, .order = order};
	const uint32_t *word = zone == NULL || !pmem_has(zone->cache->pmem,
						       vmm_pa_to_pfn(pa), 1)
				       ? NULL
				       : owner_of(zone, pa);
	const uint32_t owner = load(word) & ~VMM_PMEM_OWNER_FREED;

	if (frames->hooks == NULL || frames->hooks->report == NULL)
		return err;
	what.known = owner != 0;
	what.owner = owner != 0 ? owner - 1 : 0;
	what.freed = (load(word) & VMM_PMEM_OWNER_FREED) != 0;
	frames->hooks->report(frames->hooks->ctx, &what);
	return err;
}

/* Does what was poisoned still hold it? Then tell the new owner's name. */
static void take_over(const struct vmm_pmem_frames *frames,
	const struct vmm_pmem_zone *zone, vmm_pa_t pa, unsigned order,
	uint32_t owner)
{
	const struct vmm_pmem_hooks *hooks = frames->hooks;
	uint32_t *words = owner_of(zone, pa);
	const bool verify =
		hooks != NULL && hooks->verify != NULL && hooks->poison_freed;

	if (words == NULL)
		return;
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
		const vmm_pa_t at = pa + vmm_pfn_to_pa(i);

		if (verify && (load(&words[i]) & VMM_PMEM_OWNER_FREED) != 0 &&
			!hooks->verify(
				hooks->ctx, at, VMM_PAGE_SIZE, hooks->poison))
			(void)report(frames, zone, at, 0, VMM_ECORRUPT);
		__atomic_store_n(&words[i], owner + 1, __ATOMIC_RELAXED);
	}
}

/* Ask for frames to be given back. False: there is no point in trying again. */
static bool reclaim(struct vmm_pmem_frames *frames, uint64_t count)
{
	const struct vmm_pmem_hooks *hooks = frames->hooks;
	uint64_t got;

	if (hooks == NULL || hooks->reclaim == NULL)
		return false;
	/* An allocation that it makes itself has to do without. */
	if (__atomic_exchange_n(&frames->reclaiming, 1, __ATOMIC_ACQUIRE) != 0)
		return false;
	got = hooks->reclaim(hooks->ctx, count);
	__atomic_store_n(&frames->reclaiming, 0, __ATOMIC_RELEASE);
	return got > 0;
}

static int alloc_or_reclaim(struct vmm_pmem_frames *frames,
	const struct vmm_pmem_want *want, vmm_pa_t *pa_out)
{
	for (unsigned i = 0;; i++) {
		int err = vmm_pmem_zones_alloc(frames->zones, want->cpu,
			want->node, want->order, pa_out);

		if (err != VMM_ENOMEM || i == VMM_PMEM_RECLAIM_TRIES)
			return err;
		if (!reclaim(frames, UINT64_C(1) << want->order))
			return err;
	}
}

int vmm_pmem_frames_alloc(struct vmm_pmem_frames *frames,
	const struct vmm_pmem_want *want, vmm_pa_t *pa_out)
{
	const struct vmm_pmem_hooks *hooks = frames->hooks;
	vmm_pa_t pa;
	int err;

	if (want->owner > VMM_PMEM_OWNER_MAX ||
		want->order > VMM_PMEM_ORDER_MAX ||
		want->node >= frames->zones->nodes)
		return VMM_EINVAL;
	if (want->zero && (hooks == NULL || hooks->fill == NULL))
		return VMM_ENOTSUP;
	if (hooks != NULL && hooks->inject != NULL &&
		hooks->inject(hooks->ctx, want->order))
		return VMM_ENOMEM;
	err = alloc_or_reclaim(frames, want, &pa);
	if (err != VMM_OK)
		return err;
	take_over(frames, vmm_pmem_zones_find(frames->zones, pa), pa,
		want->order, want->owner);
	if (want->zero)
		hooks->fill(hooks->ctx, pa, VMM_PAGE_SIZE << want->order, 0);
	*pa_out = pa;
	return VMM_OK;
}

/* Put back the words of @count frames that were marked as freed. */
static void unmark(uint32_t *words, uint64_t count)
{
	for (uint64_t i = 0; words != NULL && i < count; i++)
		__atomic_fetch_and(
			&words[i], ~VMM_PMEM_OWNER_FREED, __ATOMIC_RELAXED);
}

/*
 * Mark all frames of a run as freed, or none. Returns how many were marked
 * before one was found that is freed already; *all_out: each was handed out.
 */
static uint64_t mark(uint32_t *words, uint64_t count, bool *all_out)
{
	*all_out = words != NULL;
	for (uint64_t i = 0; words != NULL && i < count; i++) {
		const uint32_t old = __atomic_fetch_or(
			&words[i], VMM_PMEM_OWNER_FREED, __ATOMIC_RELAXED);

		if ((old & VMM_PMEM_OWNER_FREED) != 0) {
			unmark(words, i);
			return i;
		}
		*all_out = *all_out && is_out(old);
	}
	return count;
}

/* The number of the first frame of a run that is shared, or @count. */
static uint64_t first_shared(const uint32_t *shares, uint64_t count)
{
	for (uint64_t i = 0; shares != NULL && i < count; i++) {
		if (load(&shares[i]) != 0)
			return i;
	}
	return count;
}

int vmm_pmem_frames_free(struct vmm_pmem_frames *frames, uint32_t cpu,
	vmm_pa_t pa, unsigned order)
{
	const struct vmm_pmem_hooks *hooks = frames->hooks;
	const struct vmm_pmem_zone *zone =
		vmm_pmem_zones_find(frames->zones, pa);
	uint32_t *words = owner_of(zone, pa);
	uint64_t count;
	uint64_t at;
	bool all;
	int err;

	if (order > VMM_PMEM_ORDER_MAX ||
		!vmm_is_aligned(pa, VMM_PAGE_SIZE << order))
		return report(frames, zone, pa, order, VMM_EINVAL);
	count = UINT64_C(1) << order;
	if (zone == NULL ||
		!pmem_has(zone->cache->pmem, vmm_pa_to_pfn(pa), count))
		return report(frames, zone, pa, order, VMM_ERANGE);
	at = first_shared(shares_of(zone, pa), count);
	if (at != count)
		return report(
			frames, zone, pa + vmm_pfn_to_pa(at), order, VMM_EBUSY);
	at = mark(words, count, &all);
	if (at != count)
		return report(frames, zone, pa + vmm_pfn_to_pa(at), order,
			VMM_EEXIST);
	if (all && hooks != NULL && hooks->fill != NULL && hooks->poison_freed)
		hooks->fill(
			hooks->ctx, pa, VMM_PAGE_SIZE << order, hooks->poison);
	err = vmm_pmem_zones_free(frames->zones, cpu, pa, order);
	if (err == VMM_OK)
		return VMM_OK;
	unmark(words, count);
	return report(frames, zone, pa, order, err);
}

int vmm_pmem_frames_adopt(struct vmm_pmem_frames *frames, vmm_pa_t pa,
	uint64_t count, uint32_t owner)
{
	const struct vmm_pmem_zone *zone =
		vmm_pmem_zones_find(frames->zones, pa);
	uint32_t *words = owner_of(zone, pa);

	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE) || count == 0 ||
		owner > VMM_PMEM_OWNER_MAX)
		return VMM_EINVAL;
	if (zone == NULL ||
		!pmem_has(zone->cache->pmem, vmm_pa_to_pfn(pa), count))
		return VMM_ERANGE;
	if (words == NULL)
		return VMM_ENOTSUP;
	for (uint64_t i = 0; i < count; i++)
		__atomic_store_n(&words[i], owner + 1, __ATOMIC_RELAXED);
	return VMM_OK;
}

int vmm_pmem_frames_get(struct vmm_pmem_frames *frames, vmm_pa_t pa)
{
	const struct vmm_pmem_zone *zone =
		vmm_pmem_zones_find(frames->zones, pa);
	uint32_t *shares = shares_of(zone, pa);
	const uint32_t *word = owner_of(zone, pa);
	uint32_t now;

	if (!vmm_is_aligned(pa, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	if (zone == NULL)
		return VMM_ERANGE;
	if (shares == NULL)
		return VMM_ENOTSUP;
	if (word != NULL && !is_out(load(word)))
		return VMM_ENOENT;
	now = load(shares);
	do {
		if (now == VMM_PMEM_SHARES_MAX)
			return VMM_ENOSPC;
	} while (!__atomic_compare_exchange_n(shares, &now, now + 1, false,
		__ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return VMM_OK;
}

int vmm_pmem_frames_put(struct vmm_pmem_frames *frames, uint32_t cpu,
	vmm_pa_t pa, unsigned order, bool *freed_out)
{
	const struct vmm_pmem_zone *zone =
		vmm_pmem_zones_find(frames->zones, pa);
	uint32_t *shares = shares_of(zone, pa);
	uint32_t now = load(shares);
	int err;

	/*
	 * Release and acquire: what each holder did to the frame comes before
	 * the free by the last.
	 */
	while (now != 0) {
		if (!__atomic_compare_exchange_n(shares, &now, now - 1, false,
			    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			continue;
		if (freed_out != NULL)
			*freed_out = false;
		return VMM_OK;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	err = vmm_pmem_frames_free(frames, cpu, pa, order);
	if (err == VMM_OK && freed_out != NULL)
		*freed_out = true;
	return err;
}

uint64_t vmm_pmem_frames_shares(
	const struct vmm_pmem_frames *frames, vmm_pa_t pa)
{
	const struct vmm_pmem_zone *zone =
		vmm_pmem_zones_find(frames->zones, pa);

	if (zone == NULL)
		return 0;
	if ((load(owner_of(zone, pa)) & VMM_PMEM_OWNER_FREED) != 0)
		return 0;
	return UINT64_C(1) + load(shares_of(zone, pa));
}
