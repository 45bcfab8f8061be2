/* SPDX-License-Identifier: MIT */
/*
 * Build options and the few compiler extensions in use, each behind a macro.
 *
 * Define VMM_CONFIG_HEADER as the name of a header of yours ("my_vmm.h", with
 * the quotes) to set the options below without touching the library's files.
 *
 *   VMM_ASSERT_LEVEL   0  none; conditions are type-checked, not evaluated
 *                      1  O(1) checks of arguments and links (the default,
 *                         also for release builds)
 *                      2  whole-object checks after every change: O(n)
 *   VMM_ASSERT_FAIL(s) what a failed assertion does with the condition's text
 *                      @s. Must not return. Default: trap.
 *
 * An assertion fails only on a bug of the caller or of the library. Whatever
 * comes from firmware, users or images is reported by an error code instead.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stddef.h>

#ifdef VMM_CONFIG_HEADER
#include VMM_CONFIG_HEADER
#endif

#ifndef VMM_ASSERT_LEVEL
#define VMM_ASSERT_LEVEL 1
#endif

#if VMM_ASSERT_LEVEL < 0 || VMM_ASSERT_LEVEL > 2
#error "VMM_ASSERT_LEVEL must be 0, 1 or 2"
#endif

#ifndef VMM_ASSERT_FAIL
#define VMM_ASSERT_FAIL(text) ((void)(text), __builtin_trap())
#endif

#if VMM_ASSERT_LEVEL >= 1
#define VMM_ASSERT(cond) ((cond) ? (void)0 : VMM_ASSERT_FAIL(#cond))
#else
#define VMM_ASSERT(cond) ((void)sizeof(!(cond)))
#endif

#if VMM_ASSERT_LEVEL >= 2
#define VMM_ASSERT_SLOW(cond) VMM_ASSERT(cond)
#else
#define VMM_ASSERT_SLOW(cond) ((void)sizeof(!(cond)))
#endif

/* The caller must look at the result. */
#define VMM_NODISCARD __attribute__((warn_unused_result))

/* For a body that is compiled more than once, with constants. */
#define VMM_ALWAYS_INLINE inline __attribute__((always_inline))

/* For a path that is rare, or long: it stays out of its callers. */
#define VMM_NOINLINE __attribute__((noinline))

/*
 * For a function that is called rarely, or works long in others when it is:
 * compiled for size, whatever the level of optimisation.
 */
#define VMM_RARE __attribute__((cold))

/*
 * Data that a caller names. Hidden, so that position-independent code reaches
 * it relative to pc instead of through a table of addresses, which would hold
 * link addresses before relocation.
 */
#define VMM_DATA __attribute__((visibility("hidden")))

#define VMM_LIKELY(cond)   __builtin_expect(!!(cond), 1)
#define VMM_UNLIKELY(cond) __builtin_expect(!!(cond), 0)

/* The struct of type @type whose member @member is at @ptr. */
#define VMM_CONTAINER_OF(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif /* VMM_CONFIG_H */
