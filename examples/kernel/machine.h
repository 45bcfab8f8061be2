/* SPDX-License-Identifier: MIT */
/* What console.c asks of the machine. */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include <stdbool.h>

void machine_put(char c);

/* Power off; the machine's host learns whether all was good. */
_Noreturn void machine_off(bool good);

/* Do nothing for ever. */
_Noreturn void machine_hold(void);

#endif /* KERNEL_MACHINE_H */
