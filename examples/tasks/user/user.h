/* SPDX-License-Identifier: MIT */
/* What programs have instead of a C library. */
#ifndef TASKS_USER_H
#define TASKS_USER_H

#include "abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096ul

/* Every program has one; what it returns is its code. */
long main(unsigned long argument);

static inline long call(
	long number, unsigned long a, unsigned long b, unsigned long c)
{
	register long a0 __asm__("a0") = (long)a;
	register unsigned long a1 __asm__("a1") = b;
	register unsigned long a2 __asm__("a2") = c;
	register long a7 __asm__("a7") = number;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a1), "r"(a2), "r"(a7)
			 : "memory");
	return a0;
}

_Noreturn static inline void stop(long code)
{
	for (;;)
		(void)call(SYS_EXIT, (unsigned long)code, 0, 0);
}

static inline size_t length(const char *text)
{
	size_t n = 0;

	while (text[n] != '\0')
		n++;
	return n;
}

/* The scenario has failed, and why. */
_Noreturn static inline void fail(const char *why)
{
	(void)call(SYS_FAIL, (unsigned long)why, length(why), 0);
	stop(-1);
}

#define expect(cond, why) ((cond) ? (void)0 : fail(why))

/* A result that must not be an error. */
static inline unsigned long good(long result, const char *why)
{
	expect(result >= 0, why);
	return (unsigned long)result;
}

static inline void say(const char *text)
{
	(void)call(SYS_WRITE, (unsigned long)text, length(text), 0);
}

static inline long fork(void)
{
	return call(SYS_FORK, 0, 0, 0);
}

static inline long wait(long number)
{
	return call(SYS_WAIT, (unsigned long)number, 0, 0);
}

static inline void yield(void)
{
	(void)call(SYS_YIELD, 0, 0, 0);
}

/* The thread ends with stop(). */
static inline long thread(void (*entry)(unsigned long), unsigned long argument)
{
	return call(SYS_THREAD, (unsigned long)entry, argument, 0);
}

static inline unsigned long harts(void)
{
	return (unsigned long)call(SYS_HARTS, 0, 0, 0);
}

/* Go on on hart @n, counted around. */
static inline void pin(unsigned long n)
{
	(void)call(SYS_PIN, n % harts(), 0, 0);
}

static inline unsigned long used(void)
{
	return (unsigned long)call(SYS_USED, 0, 0, 0);
}

static inline unsigned long now(void)
{
	return (unsigned long)call(SYS_TIME, 0, 0, 0);
}

static inline unsigned long map(unsigned long size, unsigned long how)
{
	return good(call(SYS_MAP, 0, size, how), "no memory to map");
}

static inline void unmap(unsigned long address, unsigned long size)
{
	(void)good(call(SYS_UNMAP, address, size, 0), "unmap is refused");
}

/* New shared memory, shown; *@key names it for others. */
static inline unsigned long share(unsigned long size, unsigned long *key)
{
	*key = good(call(SYS_SHARE, size, 0, 0), "no memory to share");
	return good(call(SYS_ATTACH, *key, MAP_READ | MAP_WRITE, 0),
		"shared memory cannot be shown");
}

static inline void drop(unsigned long key)
{
	(void)good(call(SYS_DROP, key, 0, 0), "a key cannot be dropped");
}

/* A word anywhere; volatile, since others write it too. */
static inline volatile uint64_t *word(unsigned long address)
{
	return (volatile uint64_t *)address;
}

static inline uint64_t load(volatile uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

static inline void store(volatile uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static inline uint64_t add(volatile uint64_t *to, uint64_t value)
{
	return __atomic_add_fetch(to, value, __ATOMIC_ACQ_REL);
}

#endif /* TASKS_USER_H */
