/* SPDX-License-Identifier: MIT */
/*
 * The image is replaced, by another one of the same program: data is as in the
 * file again, what was mapped is gone, but what was to be kept is there.
 */
#include "user.h"

struct kept {
	uint64_t mark;
	unsigned long gone; /* where something was mapped */
};

static unsigned long value = 5;

static long again(const struct kept *kept)
{
	const long number = fork();

	expect(value == 5, "data is not as in the file");
	expect(kept->mark == 6, "what was to be kept has other bytes");
	if (number == 0) {
		*word(kept->gone) = 1;
		return 0;
	}
	(void)good(number, "no memory to fork");
	expect((wait(number) & KILLED_BY_FAULT) != 0,
		"what was mapped before is still there");
	return 1;
}

long main(unsigned long argument)
{
	struct kept *kept;

	if (argument != 0)
		return again((const struct kept *)argument);
	kept = (struct kept *)map(PAGE, MAP_READ | MAP_WRITE | MAP_KEEP);
	kept->gone = map(PAGE, MAP_READ | MAP_WRITE);
	*word(kept->gone) = 1;
	kept->mark = 6;
	value = 4;
	(void)call(SYS_EXEC, PROGRAM_EXEC, (unsigned long)kept, 0);
	fail("exec came back");
}
