/* SPDX-License-Identifier: MIT */
/*
 * The buddy system with per-CPU lists, as Linux has it: a descriptor for each
 * frame, a list of free runs for each order, merging at once, and in front of
 * it lists of single frames and of small runs for each CPU, which are filled
 * and emptied in batches under the zone's lock. The CPU's lists are guarded by
 * a try-lock, as ours are, or by nothing (pinned), for like with like.
 *
 * The descriptor has 12 bytes (Linux's has 64), and nothing is checked.
 */
#ifndef BENCH_PMEM_BUDDY_H
#define BENCH_PMEM_BUDDY_H

#include "peers.h"

#define BUDDY_ORDERS 19
#define BUDDY_NOT    0xffu /* not the first frame of a free run */
#define PCP_LISTS    5	   /* orders 0 to 3, and 9 */
#define PCP_BATCH    63
#define PCP_HIGH     186

struct page {
	uint32_t next;
	uint32_t prev;
	uint32_t order; /* of the free run that begins here; or BUDDY_NOT */
};

struct pcp_list {
	uint32_t head;
	uint32_t count;
	uint32_t batch;
	uint32_t high;
};

struct pcp {
	_Alignas(64) uint32_t taken;
	struct pcp_list lists[PCP_LISTS];
};

struct buddy {
	struct page *map;
	uint32_t frames;
	bool pinned;
	uint32_t heads[BUDDY_ORDERS];
	uint32_t nonempty; /* bit n: a run of order n is free */
	struct spin lock;
	struct pcp cpus[CPUS];
};

static inline void buddy_push(struct buddy *s, uint32_t frame, unsigned order)
{
	struct page *p = &s->map[frame];

	p->next = s->heads[order];
	p->prev = NONE;
	p->order = order;
	if (p->next != NONE)
		s->map[p->next].prev = frame;
	s->heads[order] = frame;
	s->nonempty |= 1u << order;
}

static inline void buddy_unlink(struct buddy *s, uint32_t frame, unsigned order)
{
	struct page *p = &s->map[frame];

	if (p->prev != NONE)
		s->map[p->prev].next = p->next;
	else
		s->heads[order] = p->next;
	if (p->next != NONE)
		s->map[p->next].prev = p->prev;
	p->order = BUDDY_NOT;
	if (s->heads[order] == NONE)
		s->nonempty &= ~(1u << order);
}

static inline uint32_t buddy_core_get(struct buddy *s, unsigned order)
{
	const uint32_t fit = s->nonempty >> order;
	unsigned have;
	uint32_t frame;

	if (fit == 0)
		return NONE;
	have = order + (unsigned)__builtin_ctz(fit);
	frame = s->heads[have];
	buddy_unlink(s, frame, have);
	while (have > order) {
		have--;
		buddy_push(s, frame + (1u << have), have);
	}
	return frame;
}

static inline void buddy_core_put(
	struct buddy *s, uint32_t frame, unsigned order)
{
	while (order + 1 < BUDDY_ORDERS) {
		const uint32_t other = frame ^ (1u << order);

		if (other >= s->frames || s->map[other].order != order)
			break;
		buddy_unlink(s, other, order);
		frame &= ~(1u << order);
		order++;
	}
	buddy_push(s, frame, order);
}

static inline void buddy_open_as(struct buddy *s, uint32_t frames, bool pinned)
{
	*s = (struct buddy){.frames = frames, .pinned = pinned};
	s->map = job_memory(frames * sizeof(struct page));
	for (unsigned i = 0; i < BUDDY_ORDERS; i++)
		s->heads[i] = NONE;
	for (uint32_t i = 0; i < frames; i++)
		s->map[i].order = BUDDY_NOT;
	for (uint32_t at = frames; at > 0;) {
		unsigned order = BUDDY_ORDERS - 1;

		while ((at & ((1u << order) - 1)) != 0)
			order--;
		at -= 1u << order;
		buddy_push(s, at, order);
	}
	for (unsigned c = 0; c < CPUS; c++) {
		for (unsigned i = 0; i < PCP_LISTS; i++) {
			const unsigned order = i < 4 ? i : 9;
			/* As Linux: a high mark in pages, at least a few. */
			const uint32_t high = PCP_HIGH >> order;

			s->cpus[c].lists[i] = (struct pcp_list){NONE, 0,
				PCP_BATCH >> order > 2 ? PCP_BATCH >> order : 2,
				high > 4 ? high : 4};
		}
	}
}

ALWAYS int pcp_of(unsigned order)
{
	if (order < 4)
		return (int)order;
	return order == 9 ? 4 : -1;
}

static __attribute__((noinline)) uint32_t buddy_zone_get(
	struct buddy *s, unsigned order)
{
	uint32_t frame;

	spin_acquire(&s->lock);
	frame = buddy_core_get(s, order);
	spin_release(&s->lock);
	return frame;
}

static __attribute__((noinline)) void buddy_zone_put(
	struct buddy *s, uint32_t frame, unsigned order)
{
	spin_acquire(&s->lock);
	buddy_core_put(s, frame, order);
	spin_release(&s->lock);
}

static __attribute__((noinline)) void pcp_refill(
	struct buddy *s, struct pcp_list *list, unsigned order)
{
	spin_acquire(&s->lock);
	while (list->count < list->batch) {
		const uint32_t frame = buddy_core_get(s, order);

		if (frame == NONE)
			break;
		s->map[frame].next = list->head;
		list->head = frame;
		list->count++;
	}
	spin_release(&s->lock);
}

static __attribute__((noinline)) void pcp_flush(
	struct buddy *s, struct pcp_list *list, unsigned order, uint32_t count)
{
	spin_acquire(&s->lock);
	for (; count > 0 && list->count > 0; count--) {
		const uint32_t frame = list->head;

		list->head = s->map[frame].next;
		list->count--;
		buddy_core_put(s, frame, order);
	}
	spin_release(&s->lock);
}

ALWAYS bool pcp_try(const struct buddy *s, struct pcp *pcp)
{
	return s->pinned ||
	       __atomic_exchange_n(&pcp->taken, 1, __ATOMIC_ACQUIRE) == 0;
}

ALWAYS void pcp_leave(const struct buddy *s, struct pcp *pcp)
{
	if (!s->pinned)
		__atomic_store_n(&pcp->taken, 0, __ATOMIC_RELEASE);
}

/* Everything that the CPUs hold goes home. */
static __attribute__((noinline)) void buddy_drain(struct buddy *s)
{
	for (unsigned c = 0; c < CPUS; c++) {
		if (!pcp_try(s, &s->cpus[c]))
			continue;
		for (unsigned i = 0; i < PCP_LISTS; i++)
			pcp_flush(s, &s->cpus[c].lists[i], i < 4 ? i : 9,
				UINT32_MAX);
		pcp_leave(s, &s->cpus[c]);
	}
}

static __attribute__((noinline)) uint32_t buddy_last_try(
	struct buddy *s, unsigned order)
{
	buddy_drain(s);
	return buddy_zone_get(s, order);
}

ALWAYS uint32_t buddy_get(struct buddy *s, unsigned cpu, unsigned order)
{
	struct pcp *pcp = &s->cpus[cpu];
	const int which = pcp_of(order);
	struct pcp_list *list;
	uint32_t frame;

	if (which < 0 || !pcp_try(s, pcp)) {
		frame = buddy_zone_get(s, order);
		return frame != NONE ? frame : buddy_last_try(s, order);
	}
	list = &pcp->lists[which];
	if (list->count == 0)
		pcp_refill(s, list, order);
	frame = list->head;
	if (list->count != 0) {
		list->head = s->map[frame].next;
		list->count--;
	}
	pcp_leave(s, pcp);
	return frame != NONE ? frame : buddy_last_try(s, order);
}

ALWAYS void buddy_put(
	struct buddy *s, unsigned cpu, uint32_t frame, unsigned order)
{
	struct pcp *pcp = &s->cpus[cpu];
	const int which = pcp_of(order);
	struct pcp_list *list;

	if (which < 0 || !pcp_try(s, pcp)) {
		buddy_zone_put(s, frame, order);
		return;
	}
	list = &pcp->lists[which];
	s->map[frame].next = list->head;
	list->head = frame;
	if (++list->count >= list->high)
		pcp_flush(s, list, order, list->batch);
	pcp_leave(s, pcp);
}

#endif /* BENCH_PMEM_BUDDY_H */
