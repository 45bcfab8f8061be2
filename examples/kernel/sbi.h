/* SPDX-License-Identifier: MIT */
/* The services of the firmware that the kernel uses (RISC-V SBI 2.0). */
#ifndef KERNEL_SBI_H
#define KERNEL_SBI_H

#include <stdint.h>

#define SBI_EXT_PUTCHAR	  0x01
#define SBI_EXT_SRST	  0x53525354
#define SBI_SRST_SHUTDOWN 0
#define SBI_SRST_OK	  0
#define SBI_SRST_FAILURE  1

static inline long sbi_call(long ext, long function, long arg0, long arg1)
{
	register long a0 __asm__("a0") = arg0;
	register long a1 __asm__("a1") = arg1;
	register long a6 __asm__("a6") = function;
	register long a7 __asm__("a7") = ext;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a6), "r"(a7)
			 : "memory");
	return a0;
}

static inline void sbi_putchar(char c)
{
	(void)sbi_call(SBI_EXT_PUTCHAR, 0, (unsigned char)c, 0);
}

_Noreturn static inline void sbi_shutdown(long reason)
{
	for (;;)
		(void)sbi_call(SBI_EXT_SRST, 0, SBI_SRST_SHUTDOWN, reason);
}

#endif /* KERNEL_SBI_H */
