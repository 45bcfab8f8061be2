/* SPDX-License-Identifier: MIT */
/*
 * Two of these run in one page table, at the same addresses. Each must find
 * its own bytes whenever it has its turn.
 */
#include "user.h"

#define TURNS 100

static volatile unsigned long mine[2048];

long main(unsigned long argument)
{
	volatile unsigned long on_stack = argument;

	for (unsigned long turn = 0; turn < TURNS; turn++) {
		for (size_t i = 0; i < 2048; i += 512)
			expect(mine[i] == (turn == 0 ? 0 : argument + turn - 1),
				"a task reads the bytes of another");
		expect(on_stack == argument, "a task has the stack of another");
		for (size_t i = 0; i < 2048; i += 512)
			mine[i] = argument + turn;
		yield();
	}
	return TURNS;
}
