/* SPDX-License-Identifier: MIT */
/* Text on the firmware's console, and the two ways the kernel ends. */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <vmm/port.h>

/* Knows %s, %u (uint64_t), %x (uint64_t, sixteen digits) and %%. */
void print(const char *format, ...);

/*
 * The console as a sink for the library's dumps. Made by code, not a constant:
 * it holds a pointer, and dumps are wanted before the jump to the higher half.
 */
struct vmm_sink console(void);

/* Print why, then the verdict, and power off with a failure. */
_Noreturn void fail(const char *format, ...);

/* The last line; then power off, unless the machine is to be kept. */
_Noreturn void succeed(const char *mode, bool hold);

/* Check something that must be true; the text is the verdict if it is not. */
#define expect(cond, ...) ((cond) ? (void)0 : fail(__VA_ARGS__))

#endif /* KERNEL_CONSOLE_H */
