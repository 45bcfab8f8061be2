/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include "sbi.h"

void machine_put(char c)
{
	sbi_putchar(c);
}

_Noreturn void machine_off(bool good)
{
	sbi_shutdown(good ? SBI_SRST_OK : SBI_SRST_FAILURE);
}

_Noreturn void machine_hold(void)
{
	for (;;)
		__asm__ volatile("wfi");
}
