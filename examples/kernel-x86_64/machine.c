/* SPDX-License-Identifier: MIT */
/* The first serial port, and QEMU's way out (-device isa-debug-exit). */
#include "machine.h"

#include "x86.h"

#define SERIAL	      0x3f8
#define SERIAL_STATUS (SERIAL + 5)
#define SERIAL_READY  0x20

/* QEMU's exit status is 2 * value + 1, so it cannot be 0. */
#define EXIT_PORT 0xf4
#define EXIT_GOOD 16 /* status 33 */
#define EXIT_BAD  17 /* status 35 */

void machine_put(char c)
{
	while ((x86_in8(SERIAL_STATUS) & SERIAL_READY) == 0)
		;
	x86_out8(SERIAL, (uint8_t)c);
}

_Noreturn void machine_off(bool good)
{
	x86_out8(EXIT_PORT, good ? EXIT_GOOD : EXIT_BAD);
	machine_hold();
}

_Noreturn void machine_hold(void)
{
	for (;;)
		__asm__ volatile("cli\n\thlt");
}
