/* SPDX-License-Identifier: MIT */
/*
 * One line: the 512 bits of a block in eight words, 1 = free. Bit n of word w
 * is frame 64 w + n of the block.
 *
 * To fold a word by an order k <= 6 is to keep the bit at the start of each
 * aligned run of 2^k ones: x & x >> 1 has a bit wherever two ones begin, and
 * with & >> 2 wherever four do (Warren, Hacker's Delight, 6-3); a mask then
 * keeps the aligned starts. For orders 7 and 8 whole words are looked at.
 */
#ifndef VMM_PMEM_LINE_H
#define VMM_PMEM_LINE_H

#include <vmm/pmem.h>

#include "core/bits.h"

#define LINE_WORDS  8
#define LINE_FRAMES 512
#define WORD_ORDER  6 /* 64 frames are a word */

/* The starts of aligned runs of order @order <= 6 in a word. */
static inline uint64_t line_starts(unsigned order)
{
	static const uint64_t starts[WORD_ORDER + 1] = {
		UINT64_C(0xffffffffffffffff),
		UINT64_C(0x5555555555555555),
		UINT64_C(0x1111111111111111),
		UINT64_C(0x0101010101010101),
		UINT64_C(0x0001000100010001),
		UINT64_C(0x0000000100000001),
		UINT64_C(0x0000000000000001),
	};

	return starts[order];
}

static inline uint64_t line_fold(uint64_t x, unsigned order)
{
	for (unsigned k = 0; k < order; k++)
		x &= x >> (1U << k);
	return x & line_starts(order);
}

/* A run of order < 6 as bits of its word; a larger one fills its words. */
static inline uint64_t line_run_mask(unsigned order)
{
	if (order >= WORD_ORDER)
		return UINT64_MAX;
	return (UINT64_C(1) << (1U << order)) - 1;
}

/* The start of the aligned run of @order that frame @at is in. */
static inline unsigned line_run_at(unsigned at, unsigned order)
{
	return at & ~((1U << order) - 1);
}

/* Are the words of a run above order 6 all equal to @value? */
static inline bool line_words_are(
	const uint64_t *words, unsigned order, uint64_t value)
{
	for (unsigned w = 0; w < 1U << (order - WORD_ORDER); w++) {
		if (words[w] != value)
			return false;
	}
	return true;
}

/* Is the aligned run of @order at frame @at all free? */
static inline bool line_run_free(
	const uint64_t *line, unsigned at, unsigned order)
{
	const uint64_t mask = line_run_mask(order) << (at & 63);

	if (VMM_LIKELY(order <= WORD_ORDER))
		return (line[at / 64] & mask) == mask;
	return line_words_are(line + at / 64, order, UINT64_MAX);
}

/* Is no frame of the aligned run of @order at frame @at free? */
static inline bool line_run_used(
	const uint64_t *line, unsigned at, unsigned order)
{
	const uint64_t mask = line_run_mask(order) << (at & 63);

	if (VMM_LIKELY(order <= WORD_ORDER))
		return (line[at / 64] & mask) == 0;
	return line_words_are(line + at / 64, order, 0);
}

/* Flip the aligned run of @order at frame @at, all free or all used. */
static inline void line_run_flip(uint64_t *line, unsigned at, unsigned order)
{
	uint64_t *words = line + at / 64;

	if (VMM_LIKELY(order <= WORD_ORDER)) {
		words[0] ^= line_run_mask(order) << (at & 63);
		return;
	}
	for (unsigned w = 0; w < 1U << (order - WORD_ORDER); w++)
		words[w] = ~words[w];
}

/*
 * All words folded by @order <= 6 at once: no branch depends on what is free,
 * and compilers find two or four words to a register.
 */
static inline uint64_t line_fold_all(
	const uint64_t *line, unsigned order, uint64_t *words)
{
	uint64_t any = 0;

	for (unsigned w = 0; w < LINE_WORDS; w++)
		words[w] = line[w];
	for (unsigned k = 0; k < order; k++) {
		for (unsigned w = 0; w < LINE_WORDS; w++)
			words[w] &= words[w] >> (1U << k);
	}
	for (unsigned w = 0; w < LINE_WORDS; w++) {
		words[w] &= line_starts(order);
		any |= words[w];
	}
	return any;
}

/* Is an aligned run of @order <= 8 free? */
static inline bool line_has(const uint64_t *line, unsigned order)
{
	uint64_t words[LINE_WORDS];

	if (VMM_LIKELY(order <= WORD_ORDER))
		return line_fold_all(line, order, words) != 0;
	for (unsigned w = 0; w < LINE_WORDS; w += 1U << (order - WORD_ORDER)) {
		if (line_words_are(line + w, order, UINT64_MAX))
			return true;
	}
	return false;
}

/* The first free aligned run of @order <= 8; there is one. */
static inline unsigned line_find(const uint64_t *line, unsigned order)
{
	unsigned w = 0;
	uint64_t starts;

	if (VMM_LIKELY(order <= WORD_ORDER)) {
		do
			starts = line_fold(line[w], order);
		while (starts == 0 && ++w < LINE_WORDS);
		return w * 64 + vmm_ctz(starts);
	}
	while (!line_words_are(line + w, order, UINT64_MAX)) {
		w += 1U << (order - WORD_ORDER);
		VMM_ASSERT(w < LINE_WORDS);
	}
	return w * 64;
}

/* Folds by one order more, @order < 6, the words that line_order() folds. */
static inline uint64_t line_fold_more(uint64_t *words, unsigned order)
{
	uint64_t any = 0;

	for (unsigned w = 0; w < LINE_WORDS; w++) {
		words[w] &= words[w] >> (1U << order);
		words[w] &= line_starts(order + 1);
		any |= words[w];
	}
	return any;
}

/* The order of a line by its whole words, of which bit w says whether word w
 * is one; there is one. */
static inline unsigned line_order_whole(unsigned whole)
{
	whole &= (whole >> 1) & 0x55;
	if (whole == 0)
		return 6;
	whole &= (whole >> 2) & 0x11;
	if (whole == 0)
		return 7;
	return whole == 0x11 ? 9 : 8;
}

/*
 * The order of the largest free aligned run of a line that is not all 0. Lines
 * that are taken from, or put to, in order have a whole word at an end: they need
 * not be folded.
 */
static inline unsigned line_order(const uint64_t *line)
{
	uint64_t words[LINE_WORDS];
	unsigned whole = 0;

	if (line[0] != UINT64_MAX && line[LINE_WORDS - 1] != UINT64_MAX) {
		for (unsigned w = 0; w < LINE_WORDS; w++)
			words[w] = line[w];
		for (unsigned order = 0; order < WORD_ORDER; order++) {
			if (line_fold_more(words, order) == 0)
				return order;
		}
	}
	for (unsigned w = 0; w < LINE_WORDS; w++)
		whole |= (line[w] == UINT64_MAX ? 1U : 0U) << w;
	return line_order_whole(whole);
}

/* The part of @count frames from @at that lies in word @w, as bits. */
static inline uint64_t line_part(unsigned w, unsigned at, unsigned count)
{
	const unsigned low = at > w * 64 ? at : w * 64;
	const unsigned end =
		at + count < w * 64 + 64 ? at + count : w * 64 + 64;

	if (low >= end)
		return 0;
	return (UINT64_MAX >> (64 - (end - low))) << (low & 63);
}

static inline void line_fill(uint64_t *line, uint64_t value)
{
	for (unsigned w = 0; w < LINE_WORDS; w++)
		line[w] = value;
}

static inline unsigned line_count(const uint64_t *line)
{
	unsigned count = 0;

	for (unsigned w = 0; w < LINE_WORDS; w++)
		count += vmm_popcount(line[w]);
	return count;
}

#endif /* VMM_PMEM_LINE_H */
