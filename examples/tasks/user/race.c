/* SPDX-License-Identifier: MIT */
/*
 * What harts do to each other's memory while it is in use: unmap a page that
 * another one reads, fork while others write.
 */
#include "user.h"

#define MINE	  UINT64_C(0x600d600d600d600d)
#define UNMAPS	  48
#define FORKS	  8
#define PAGES	  8
#define WRITERS	  4
#define QUESTIONS 8
#define SECOND	  10000000ul /* ticks */

static uint64_t reads;

/* Reads one word, until that kills it. */
static void reader(unsigned long page)
{
	pin(1);
	for (;;) {
		expect(*word(page) == MINE,
			"a thread read a page that is free");
		(void)add(&reads, 1);
	}
}

static void unmap_against_fault(void)
{
	for (unsigned long i = 0; i < UNMAPS; i++) {
		const unsigned long page = map(PAGE, MAP_READ | MAP_WRITE);
		unsigned long until;
		uint64_t before;
		long number;

		*word(page) = MINE;
		reads = 0;
		number = (long)good(
			thread(reader, page), "no memory for a thread");
		while (load(&reads) < 100)
			yield();
		unmap(page, PAGE);
		/* One read may have been made and not counted yet. */
		before = load(&reads);
		until = now() + SECOND / 2000;
		while (now() < until)
			expect(load(&reads) - before <= 1,
				"a thread read a page after it was unmapped");
		expect((wait(number) & KILLED_BY_FAULT) != 0,
			"a thread lives that has read what is unmapped");
	}
}

/* A row for each writer and page: they write round after round, in order. */
struct row {
	uint64_t of[WRITERS];
};

static unsigned long region;
static uint64_t answer[WRITERS];
static uint64_t over;
static bool alone; /* on one hart */

/* Pages that only one thread writes, and one that no fork makes a copy of. */
static unsigned long questions;
static volatile uint64_t *asked;
static volatile uint64_t *rounds; /* that the first writer has made */

static volatile uint64_t *cell(unsigned long page, unsigned long writer)
{
	return &((struct row *)(region + page * PAGE))->of[writer];
}

/* Where question number @n is. */
static volatile uint64_t *question(uint64_t n)
{
	return word(questions + n % QUESTIONS * PAGE);
}

/* Reading all of them, a hart knows their pages by heart. */
static void answer_now(unsigned long n)
{
	const uint64_t last = load(asked);

	for (uint64_t i = 0; i < QUESTIONS; i++)
		expect(load(question(last + i)) >= (i == 0 ? last : 0),
			"a thread reads the page from before the fork");
	store(&answer[n], last);
	if (n == 1)
		store(rounds, load(rounds) + 1);
}

static void writer(unsigned long n)
{
	pin(n);
	for (uint64_t round = 1; load(&over) == 0; round++) {
		for (unsigned long i = 0; i < PAGES; i++)
			*cell(i, n) = round;
		answer_now(n);
	}
	stop(0);
}

/*
 * The child is one moment of its parent: of each writer, some pages have this
 * round and the others the one before; and so it stays.
 */
static long look(unsigned long writers)
{
	uint64_t seen[PAGES];

	for (unsigned long n = 1; n < writers; n++) {
		for (unsigned long i = 0; i < PAGES; i++)
			seen[i] = *cell(i, n);
		yield();
		for (unsigned long i = 0; i < PAGES; i++) {
			expect(*cell(i, n) == seen[i],
				"the child sees what its parent writes");
			expect(i == 0 || seen[i - 1] == seen[i] ||
					seen[i - 1] == seen[i] + 1,
				"the child has pages of two moments");
		}
	}
	return 0;
}

/*
 * The first write to a page behind the fork goes to a copy, which all have to see
 * once that write is made: who sees what is written next must see it, too.
 */
static void ask(uint64_t first, unsigned long writers)
{
	const uint64_t last = first + QUESTIONS - 1;

	for (uint64_t i = first; i <= last; i++) {
		/* Now it has the page from before, and is at it. */
		const uint64_t until = load(rounds) + 2;

		while (load(rounds) < until) {
			if (alone)
				yield();
		}
		store(question(i), i);
		store(asked, i);
	}
	for (unsigned long n = 1; n < writers; n++) {
		while (load(&answer[n]) != last)
			yield();
	}
}

static void fork_against_fault(unsigned long writers)
{
	long threads[WRITERS];
	unsigned long key;

	questions = map(QUESTIONS * PAGE, MAP_READ | MAP_WRITE);
	asked = word(share(PAGE, &key));
	rounds = asked + 1;
	drop(key);
	region = map(PAGES * PAGE, MAP_READ | MAP_WRITE);
	for (unsigned long n = 1; n < writers; n++)
		threads[n] =
			(long)good(thread(writer, n), "no memory for a thread");
	for (unsigned long i = 1; i <= FORKS; i++) {
		const long number = fork();

		if (number == 0)
			stop(look(writers));
		(void)good(number, "no memory to fork");
		ask(i * QUESTIONS, writers);
		expect(wait(number) == 0, "the child was killed");
	}
	store(&over, 1);
	for (unsigned long n = 1; n < writers; n++)
		expect(wait(threads[n]) == 0, "a writer was killed");
}

long main(unsigned long argument)
{
	const unsigned long count = harts();

	alone = count == 1;
	pin(0);
	if (argument == 0) {
		unmap_against_fault();
		return UNMAPS;
	}
	/* At least one writer, the first hart's if there is no other. */
	fork_against_fault(count < 2 ? 2 : count > WRITERS ? WRITERS : count);
	return FORKS;
}
