/* SPDX-License-Identifier: MIT */
/*
 * Other kinds of memory, as the hardware sees them: a ring that shows its pages
 * twice, frames in a row for a device, regions that move, pages that are
 * forgotten.
 */
#include "user.h"

#define PAGES 4

static void ring(void)
{
	const unsigned long half = PAGES * PAGE;
	const unsigned long start =
		map(2 * half, MAP_READ | MAP_WRITE | MAP_RING);
	long number;

	for (unsigned long i = 0; i < 2 * PAGES; i++) {
		const unsigned long at = start + i * PAGE;
		const unsigned long twin = i < PAGES ? at + half : at - half;

		*word(at) = i + 1;
		expect(*word(twin) == i + 1, "a ring does not meet its end");
	}
	number = fork();
	if (number == 0) {
		*word(start) = 99;
		expect(*word(start + half) == 99, "a child's ring is none");
		stop(0);
	}
	expect(wait((long)good(number, "no memory to fork")) == 0,
		"the child was killed");
	expect(*word(start) == PAGES + 1 && *word(start + half) == PAGES + 1,
		"a child writes to its parent's ring");
	unmap(start, 2 * half);
}

static unsigned long phys(unsigned long address)
{
	return good(call(SYS_PHYS, address, 0, 0), "a page has no frame");
}

static void check_row(unsigned long start)
{
	for (unsigned long i = 1; i < PAGES; i++)
		expect(phys(start + i * PAGE) == phys(start) + i * PAGE,
			"frames are not in a row");
}

static void contiguous(void)
{
	const unsigned long start =
		map(PAGES * PAGE, MAP_READ | MAP_WRITE | MAP_CONTIGUOUS);
	const unsigned long frame = phys(start);
	long number;

	check_row(start);
	*word(start) = 1;
	number = fork();
	if (number == 0) {
		check_row(start);
		expect(phys(start) != frame && *word(start) == 1,
			"a child has no copy of frames in a row");
		stop(0);
	}
	expect(wait((long)good(number, "no memory to fork")) == 0,
		"the child was killed");
	expect(phys(start) == frame, "a device's frames were exchanged");
	unmap(start, PAGES * PAGE);
}

static void move(void)
{
	const unsigned long old = map(PAGES * PAGE, MAP_READ | MAP_WRITE);
	unsigned long frame;
	unsigned long now;
	long number;

	*word(old) = 7;
	frame = phys(old);
	now = good(call(SYS_MOVE, old, 1024 * PAGE, 0), "memory cannot grow");
	expect(*word(now) == 7 && phys(now) == frame,
		"memory that moved has other frames");
	expect(*word(now + 1023 * PAGE) == 0, "new memory is not zero");
	number = fork();
	if (number == 0) {
		if (now != old)
			*word(old) = 1;
		stop(now != old ? 0 : KILLED_BY_FAULT);
	}
	expect((wait((long)good(number, "no memory to fork")) &
		       KILLED_BY_FAULT) != 0,
		"memory is still where it moved from");
	(void)good(call(SYS_DISCARD, now, PAGE, 0), "discard is refused");
	expect(*word(now) == 0, "memory was not forgotten");
	unmap(now, 1024 * PAGE);
}

long main(unsigned long argument)
{
	(void)argument;
	ring();
	contiguous();
	move();
	return 4;
}
