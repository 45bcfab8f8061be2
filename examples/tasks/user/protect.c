/* SPDX-License-Identifier: MIT */
/*
 * What may be done with memory can change while it is there, and it keeps what
 * was written: down to nothing, and back.
 */
#include "user.h"

static unsigned long page;

static void read_it(void)
{
	(void)*word(page);
}

static void write_it(void)
{
	*word(page) = 2;
}

static void protect(unsigned long how)
{
	(void)good(call(SYS_PROTECT, page, PAGE, how), "protect is refused");
}

/* A child does it: does it live? */
static bool can(void (*what)(void))
{
	const long number = fork();

	if (number == 0) {
		what();
		stop(0);
	}
	(void)good(number, "no memory to fork");
	return wait(number) == 0;
}

long main(unsigned long argument)
{
	(void)argument;
	page = map(PAGE, MAP_READ | MAP_WRITE);
	*word(page) = 1;
	protect(MAP_READ);
	expect(can(read_it), "memory for reading cannot be read");
	expect(!can(write_it), "memory for reading can be written");
	protect(0);
	expect(!can(read_it), "memory for nothing can be read");
	protect(MAP_READ | MAP_WRITE);
	expect(*word(page) == 1,
		"memory lost its bytes while it was for nothing");
	expect(can(write_it), "memory for writing cannot be written");
	expect(*word(page) == 1, "the parent sees what its child wrote");
	write_it();
	expect(*word(page) == 2, "memory for writing lost a word");
	return 2;
}
