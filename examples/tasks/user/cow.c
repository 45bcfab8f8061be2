/* SPDX-License-Identifier: MIT */
/*
 * A child has what its parent had, and neither sees what the other writes from
 * then on. It costs a copy of what is written, and not of the rest.
 */
#include "user.h"

#define PAGES 64

static unsigned long pages;

static void check(uint64_t first, uint64_t others, const char *why)
{
	expect(*word(pages) == first && *word(pages + 8) == 5, why);
	for (unsigned long i = 1; i < PAGES; i++)
		expect(*word(pages + i * PAGE) == others + i, why);
}

static long child(unsigned long before)
{
	check(7, 7, "the child has other bytes than its parent");
	*word(pages) = 8;
	check(8, 7, "the child lost its own bytes");
	/* Its tables, stack, data, and one page of the 64. */
	expect(used() - before < PAGES / 2, "fork copied what nobody wrote");
	return 0;
}

long main(unsigned long argument)
{
	unsigned long before;
	long number;

	(void)argument;
	/* Counting wants nobody else to be busy. */
	pin(0);
	pages = map(PAGES * PAGE, MAP_READ | MAP_WRITE);
	for (unsigned long i = 0; i < PAGES; i++)
		*word(pages + i * PAGE) = 7 + i;
	*word(pages + 8) = 5;
	before = used();
	number = fork();
	if (number == 0)
		return child(before);
	(void)good(number, "no memory to fork");
	expect(wait(number) == 0, "the child was killed");
	check(7, 7, "the parent sees what its child wrote");
	*word(pages) = 9;
	check(9, 7, "the parent cannot write after the fork");
	expect(used() <= before, "the child's copies are still there");
	return PAGES;
}
