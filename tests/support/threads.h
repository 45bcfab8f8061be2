/* SPDX-License-Identifier: MIT */
/* Threads for the race tests: POSIX's on a host, bare ones on bare Linux. */
#ifndef TEST_THREADS_H
#define TEST_THREADS_H

#define TEST_THREADS_MAX 4

/* Run @count threads, each with its number, until all have returned. */
void test_threads(unsigned count, void (*run)(unsigned number));

/* Let others run. */
void test_yield(void);

#endif /* TEST_THREADS_H */
