/* SPDX-License-Identifier: MIT */
/*
 * Threads on all harts touch the same new pages at the same time. Whoever comes
 * second must get the first one's page: no count is lost.
 */
#include "user.h"

#define ROUNDS	20
#define PAGES	32
#define THREADS 8

static unsigned long region;
static uint64_t arrived;

static void toucher(unsigned long n)
{
	const unsigned long count = harts();

	pin(n);
	(void)add(&arrived, 1);
	/* All at once; on one hart that means one after the other. */
	while (load(&arrived) % count != 0)
		;
	for (unsigned long i = 0; i < PAGES; i++)
		(void)add(word(region + i * PAGE), 1);
	stop(0);
}

long main(unsigned long argument)
{
	const unsigned long count = harts();
	long threads[THREADS];

	(void)argument;
	for (unsigned long round = 0; round < ROUNDS; round++) {
		region = map(PAGES * PAGE, MAP_READ | MAP_WRITE);
		arrived = 0;
		for (unsigned long n = 0; n < count && n < THREADS; n++)
			threads[n] = (long)good(
				thread(toucher, n), "no memory for a thread");
		for (unsigned long n = 0; n < count && n < THREADS; n++)
			expect(wait(threads[n]) == 0, "a thread was killed");
		for (unsigned long i = 0; i < PAGES; i++)
			expect(*word(region + i * PAGE) == count,
				"two harts that faulted got two pages");
		unmap(region, PAGES * PAGE);
	}
	return (long)(ROUNDS * PAGES * count);
}
