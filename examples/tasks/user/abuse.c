/* SPDX-License-Identifier: MIT */
/*
 * System calls about memory, with arguments that nobody would write: each in a
 * child, which may die of it. Whatever becomes of the child, the kernel goes on,
 * and everything comes back.
 */
#include "user.h"

#define KEYS 16

/* Not threads: one that begins at the program's entry does all this again. */
static const long calls[] = {SYS_BRK, SYS_MAP, SYS_UNMAP, SYS_PROTECT, SYS_MOVE,
	SYS_DISCARD, SYS_PHYS, SYS_SHARE, SYS_ATTACH, SYS_DROP, SYS_PIN,
	SYSTEM_CALLS};

/* Null, not aligned, text, the last page, halves, the kernel, wrapping. */
static const unsigned long values[] = {0, 1, 0x10000, 1ul << 21, 0x7f7ffffff000,
	1ul << 47, -(1ul << 47), 0xffffffff80200000, -PAGE, ~0ul};

#define CALLS  (sizeof(calls) / sizeof(calls[0]))
#define VALUES (sizeof(values) / sizeof(values[0]))

static void abuse(long number, unsigned long a, unsigned long b)
{
	for (size_t i = 0; i < VALUES; i++)
		(void)call(number, a, b, values[i]);
}

long main(unsigned long argument)
{
	const unsigned long kernel = 0xffffffff80200000;
	long children = 0;

	(void)argument;
	expect(call(SYS_WRITE, kernel, 8, 0) < 0, "the kernel is shown");
	expect(call(SYS_PHYS, kernel, 0, 0) < 0, "the kernel's place is told");
	expect(call(SYS_PROTECT, kernel, PAGE, MAP_WRITE) < 0,
		"the kernel can be made writable");
	for (size_t i = 0; i < CALLS * VALUES * VALUES; i++) {
		const long number = fork();

		if (number == 0) {
			abuse(calls[i / VALUES / VALUES],
				values[i / VALUES % VALUES],
				values[i % VALUES]);
			stop(0);
		}
		(void)wait((long)good(number, "no memory to fork"));
		children++;
	}
	/* Keys that children have left. */
	for (unsigned long key = 0; key < KEYS; key++)
		(void)call(SYS_DROP, key, 0, 0);
	return children;
}
