/* SPDX-License-Identifier: MIT */
#include "support/threads.h"

#include "support/test.h"

#include <pthread.h>
#include <sched.h>

struct thread {
	pthread_t id;
	void (*run)(unsigned number);
	unsigned number;
};

static void *start(void *arg)
{
	const struct thread *thread = arg;

	thread->run(thread->number);
	return NULL;
}

void test_threads(unsigned count, void (*run)(unsigned number))
{
	struct thread threads[TEST_THREADS_MAX];

	CHECK(count <= TEST_THREADS_MAX);
	for (unsigned i = 0; i < count; i++) {
		threads[i] = (struct thread){.run = run, .number = i};
		CHECK(pthread_create(
			      &threads[i].id, NULL, start, &threads[i]) == 0);
	}
	for (unsigned i = 0; i < count; i++)
		CHECK(pthread_join(threads[i].id, NULL) == 0);
}

void test_yield(void)
{
	sched_yield();
}
