/* SPDX-License-Identifier: MIT */
/*
 * A child makes memory that can be shared, its parent attaches to it, and the
 * child goes: the memory stays for as long as somebody shows it.
 */
#include "user.h"

#define PAGES 16

/* On a page that both have from the start. */
struct meeting {
	uint64_t key; /* and 1 more */
	uint64_t attached;
};

static long creator(struct meeting *meeting)
{
	unsigned long key;
	const unsigned long memory = share(PAGES * PAGE, &key);

	for (unsigned long i = 0; i < PAGES; i++)
		*word(memory + i * PAGE) = i + 1;
	store(&meeting->key, key + 1);
	while (load(&meeting->attached) == 0)
		yield();
	drop(key);
	return 0;
}

long main(unsigned long argument)
{
	unsigned long key;
	struct meeting *meeting = (struct meeting *)share(PAGE, &key);
	unsigned long before;
	unsigned long memory;
	long number;

	(void)argument;
	/* Counting wants nobody else to be busy. */
	pin(0);
	meeting->key = 0;
	before = used();
	number = fork();
	if (number == 0)
		return creator(meeting);
	(void)good(number, "no memory to fork");
	while (load(&meeting->key) == 0)
		yield();
	memory = good(
		call(SYS_ATTACH, meeting->key - 1, MAP_READ | MAP_WRITE, 0),
		"shared memory cannot be shown");
	for (unsigned long i = 0; i < PAGES; i++)
		expect(*word(memory + i * PAGE) == i + 1,
			"shared memory shows something else");
	*word(memory) = 99;
	store(&meeting->attached, 1);
	expect(wait(number) == 0, "the creator was killed");
	expect(call(SYS_ATTACH, meeting->key - 1, MAP_READ, 0) < 0,
		"a key works that was dropped");
	expect(*word(memory) == 99, "shared memory went with its creator");
	for (unsigned long i = 1; i < PAGES; i++)
		expect(*word(memory + i * PAGE) == i + 1,
			"shared memory went with its creator");
	unmap(memory, PAGES * PAGE);
	expect(used() < before + PAGES, "shared memory outlives its last user");
	drop(key);
	return PAGES;
}
