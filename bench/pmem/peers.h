/* SPDX-License-Identifier: MIT */
/*
 * The peers: what a kernel author would write instead, each as good as its
 * design allows, all in headers so that every call is inlined for all alike.
 * A frame is its number in the span. get() returns NONE when there is none.
 */
#ifndef BENCH_PMEM_PEERS_H
#define BENCH_PMEM_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "job.h"

#define ALWAYS	   static inline __attribute__((always_inline))
#define FRAME_SIZE 4096u

/* The lock of every peer and of the library's zone: test, then exchange. */
struct spin {
	_Alignas(64) uint32_t taken;
};

ALWAYS void spin_acquire(struct spin *lock)
{
	while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0) {
		while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED) != 0)
			;
	}
}

ALWAYS void spin_release(struct spin *lock)
{
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

/*
 * The floor: an array of the numbers of free frames, used as a stack. No
 * orders, no checks, no way to find a neighbour.
 */
struct stack {
	uint32_t *free;
	uint32_t count;
	uint32_t frames;
	struct spin lock;
};

static inline void stack_open(struct stack *s, uint32_t frames)
{
	s->free = job_memory(frames * sizeof(uint32_t));
	s->frames = frames;
	s->count = 0;
	for (uint32_t i = frames; i-- > 0;)
		s->free[s->count++] = i;
}

ALWAYS uint32_t stack_get(struct stack *s, unsigned cpu, unsigned order)
{
	(void)cpu, (void)order;
	return s->count == 0 ? NONE : s->free[--s->count];
}

ALWAYS void stack_put(
	struct stack *s, unsigned cpu, uint32_t frame, unsigned order)
{
	(void)cpu, (void)order;
	s->free[s->count++] = frame;
}

/* The same behind a lock, for what needs an exchange for each call. */
struct locked {
	struct stack stack;
};

static inline void locked_open(struct locked *s, uint32_t frames)
{
	stack_open(&s->stack, frames);
	s->stack.lock.taken = 0;
}

ALWAYS uint32_t locked_get(struct locked *s, unsigned cpu, unsigned order)
{
	uint32_t frame;

	spin_acquire(&s->stack.lock);
	frame = stack_get(&s->stack, cpu, order);
	spin_release(&s->stack.lock);
	return frame;
}

ALWAYS void locked_put(
	struct locked *s, unsigned cpu, uint32_t frame, unsigned order)
{
	spin_acquire(&s->stack.lock);
	stack_put(&s->stack, cpu, frame, order);
	spin_release(&s->stack.lock);
}

/* An intrusive list: the free frames hold the links, as in xv6. */
struct list {
	unsigned char *memory;
	uint32_t head;
	uint32_t frames;
	struct spin lock;
};

static inline uint32_t *list_link(struct list *s, uint32_t frame)
{
	return (uint32_t *)(void *)(s->memory + (size_t)frame * FRAME_SIZE);
}

static inline void list_open(struct list *s, uint32_t frames)
{
	s->memory = job_frames((size_t)frames * FRAME_SIZE);
	s->frames = frames;
	s->head = NONE;
	s->lock.taken = 0;
	for (uint32_t i = frames; i-- > 0;) {
		*list_link(s, i) = s->head;
		s->head = i;
	}
}

ALWAYS uint32_t list_get(struct list *s, unsigned cpu, unsigned order)
{
	uint32_t frame;

	(void)cpu, (void)order;
	spin_acquire(&s->lock);
	frame = s->head;
	if (frame != NONE)
		s->head = *list_link(s, frame);
	spin_release(&s->lock);
	return frame;
}

ALWAYS void list_put(
	struct list *s, unsigned cpu, uint32_t frame, unsigned order)
{
	(void)cpu, (void)order;
	spin_acquire(&s->lock);
	*list_link(s, frame) = s->head;
	s->head = frame;
	spin_release(&s->lock);
}

/*
 * A bitmap searched from where the last search ended, a word at a time; runs of
 * up to a word are looked for inside words, larger ones as whole words.
 */
struct bitmap {
	uint64_t *words; /* 1: free */
	uint32_t count;	 /* of words */
	uint32_t next;
	struct spin lock;
};

static inline void bitmap_open(struct bitmap *s, uint32_t frames)
{
	s->count = frames / 64;
	s->words = job_memory(s->count * sizeof(uint64_t));
	s->next = 0;
	s->lock.taken = 0;
	for (uint32_t i = 0; i < s->count; i++)
		s->words[i] = UINT64_MAX;
}

/* Starts of aligned runs of 2^order free frames in a word. */
ALWAYS uint64_t bitmap_starts(uint64_t word, unsigned order)
{
	static const uint64_t aligned[] = {UINT64_MAX, 0x5555555555555555,
		0x1111111111111111, 0x0101010101010101, 0x0001000100010001,
		0x0000000100000001, 1};

	for (unsigned k = 0; k < order; k++)
		word &= word >> (1u << k);
	return word & aligned[order];
}

ALWAYS uint64_t bitmap_run(unsigned order)
{
	return order >= 6 ? UINT64_MAX : (UINT64_C(1) << (1u << order)) - 1;
}

static inline bool bitmap_whole(const struct bitmap *s, uint32_t at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (s->words[at + i] != UINT64_MAX)
			return false;
	}
	return true;
}

static inline uint32_t bitmap_get_large(struct bitmap *s, unsigned order)
{
	const uint32_t n = 1u << (order - 6);
	uint32_t at = s->next & ~(n - 1);

	for (uint32_t i = 0; i < s->count; i += n, at += n) {
		if (at >= s->count)
			at = 0;
		if (!bitmap_whole(s, at, n))
			continue;
		for (uint32_t w = 0; w < n; w++)
			s->words[at + w] = 0;
		s->next = at + n < s->count ? at + n : 0;
		return at * 64;
	}
	return NONE;
}

static inline uint32_t bitmap_get_small(struct bitmap *s, unsigned order)
{
	uint32_t at = s->next;

	for (uint32_t i = 0; i < s->count; i++, at++) {
		uint64_t starts;
		unsigned bit;

		if (at >= s->count)
			at = 0;
		starts = bitmap_starts(s->words[at], order);
		if (starts == 0)
			continue;
		bit = (unsigned)__builtin_ctzll(starts);
		s->words[at] &= ~(bitmap_run(order) << bit);
		s->next = at;
		return at * 64 + bit;
	}
	return NONE;
}

ALWAYS uint32_t bitmap_get(struct bitmap *s, unsigned cpu, unsigned order)
{
	uint32_t frame;

	(void)cpu;
	spin_acquire(&s->lock);
	frame = order > 6 ? bitmap_get_large(s, order)
			  : bitmap_get_small(s, order);
	spin_release(&s->lock);
	return frame;
}

ALWAYS void bitmap_put(
	struct bitmap *s, unsigned cpu, uint32_t frame, unsigned order)
{
	(void)cpu;
	spin_acquire(&s->lock);
	if (order > 6) {
		for (uint32_t w = 0; w < 1u << (order - 6); w++)
			s->words[frame / 64 + w] = UINT64_MAX;
	} else {
		s->words[frame / 64] |= bitmap_run(order) << (frame % 64);
	}
	spin_release(&s->lock);
}

#endif /* BENCH_PMEM_PEERS_H */
