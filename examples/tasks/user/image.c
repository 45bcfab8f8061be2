/* SPDX-License-Identifier: MIT */
/*
 * What is in the file is in memory, with the rights that it says; what is not
 * allowed kills whoever does it.
 */
#include "user.h"

static const uint64_t constant[2] = {3, 4};
static uint64_t data[2] = {5, 6};
static uint64_t bss[2048];

static void write_text(void)
{
	*(volatile uint32_t *)(uintptr_t)main = 0;
}

static void write_constant(void)
{
	*(volatile uint64_t *)(uintptr_t)constant = 0;
}

static void run_data(void)
{
	((void (*)(void))(uintptr_t)data)();
}

static void read_null(void)
{
	/* Compilers know too much about a constant. */
	static volatile unsigned long null = 8;

	(void)*word(null);
}

static void read_kernel(void)
{
	(void)*word(0xffffffff80200000);
}

/* A child does it, and what it dies of. */
static void expect_death(void (*what)(void), const char *why)
{
	const long number = fork();

	if (number == 0) {
		what();
		stop(0);
	}
	(void)good(number, "no memory to fork");
	expect((wait(number) & KILLED_BY_FAULT) != 0, why);
}

long main(unsigned long argument)
{
	(void)argument;
	for (size_t i = 0; i < 2048; i++)
		expect(bss[i] == 0, "bss is not zero");
	bss[2047] = 1;
	expect(constant[1] == 4 && data[1] == 6, "not what is in the file");
	data[1] = 7;
	expect_death(write_text, "text can be written");
	expect_death(write_constant, "constants can be written");
	expect_death(run_data, "data can be executed");
	expect_death(read_null, "the null pointer points to something");
	expect_death(read_kernel, "a program reads the kernel");
	expect(data[1] == 7 && bss[2047] == 1, "what was written is lost");
	return 5;
}
