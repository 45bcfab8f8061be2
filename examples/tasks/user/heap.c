/* SPDX-License-Identifier: MIT */
/* A heap of 32 GiB costs what is touched of it, and gives that back. */
#include "user.h"

#define HEAP  (32ul << 30)
#define STEPS 64

long main(unsigned long argument)
{
	const unsigned long before = used();
	const unsigned long heap =
		good(call(SYS_BRK, HEAP, 0, 0), "the heap does not grow");
	unsigned long after;

	(void)argument;
	expect(used() - before <= 2, "growing the heap took memory");
	for (unsigned long at = 0; at < HEAP; at += HEAP / STEPS)
		expect(*word(heap + at) == 0, "new memory is not zero");
	for (unsigned long at = 0; at < HEAP; at += HEAP / STEPS)
		*word(heap + at) = at + 1;
	for (unsigned long at = 0; at < HEAP; at += HEAP / STEPS)
		expect(*word(heap + at) == at + 1 && *word(heap + at + 8) == 0,
			"the heap has other words than were written");
	*word(heap + HEAP - 8) = 1;
	after = used();
	/* A page and two tables for each place, and the tables above. */
	expect(after - before >= STEPS, "the heap has no pages");
	expect(after - before <= 3 * STEPS + 10, "the heap costs too much");
	(void)good(call(SYS_BRK, PAGE, 0, 0), "the heap does not shrink");
	expect(*word(heap) == 1, "the first page went with the others");
	expect(used() - before <= 20, "the heap was not given back");
	return (long)(after - before);
}
