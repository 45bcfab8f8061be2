/* SPDX-License-Identifier: MIT */
/* Recursion without an end: the stack grows to its guard page. */
#include "user.h"

static unsigned long deeper(volatile unsigned long *above)
{
	volatile unsigned long here[32];

	here[0] = above[0] + 1;
	return here[0] == 0 ? 0 : deeper(here) + here[0];
}

long main(unsigned long argument)
{
	volatile unsigned long first[1] = {argument};

	return (long)deeper(first);
}
