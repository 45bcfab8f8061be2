/* SPDX-License-Identifier: MIT */
/*
 * How a benchmark reads the instruction counter of the emulator it runs under:
 * system call BENCH_COUNTER_CALL with the address of a uint64_t. On a real
 * machine there is no such call, and the number stays what it was.
 */
#ifndef BENCH_COUNTER_H
#define BENCH_COUNTER_H

/* No system call of Linux, on any architecture, nor ever near one. */
#define BENCH_COUNTER_CALL 0x766d6d63

#endif /* BENCH_COUNTER_H */
