/* SPDX-License-Identifier: MIT */
/*
 * A lock for struct vmm_lock. Interrupts are never on while the kernel runs, so
 * spinning will do; what it points to is a uint32_t, 0 at first.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include <stdint.h>

static inline void lock_acquire(void *ctx)
{
	uint32_t *lock = ctx;

	while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0) {
		while (__atomic_load_n(lock, __ATOMIC_RELAXED) != 0)
			;
	}
}

static inline void lock_release(void *ctx)
{
	uint32_t *lock = ctx;

	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

#endif /* KERNEL_LOCK_H */
