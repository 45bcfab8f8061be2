/* SPDX-License-Identifier: MIT */
/*
 * The test frame. One program holds many tests; each is a function that
 * TEST() puts into a section of the program, and the runner calls them in
 * order. A CHECK that fails prints where and ends the program with status 1.
 *
 * Nothing here needs a C library: the same test sources run on the host, on
 * Linux user-mode emulation of a bare ABI, and inside a kernel. What differs
 * (writing text, ending the program) is in host.c and linux_riscv64.c.
 *
 * Arguments of a program: [-s SEED] [-n FACTOR] [TEST ...]. The seed starts
 * every random test; the factor multiplies the length of long ones.
 */
#ifndef TEST_H
#define TEST_H

#include <vmm/error.h>
#include <vmm/port.h>
#include <vmm/types.h>

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(name)                                                           \
	static void name(void);                                              \
	__attribute__((used, section("vmm_tests"))) static const struct test \
		test_##name = {#name, name};                                 \
	static void name(void)

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, #cond))

/* Compare two numbers and show both when they differ. */
#define CHECK_EQ(a, b)                                                  \
	test_check_eq((uint64_t)(a), (uint64_t)(b), __FILE__, __LINE__, \
		#a " == " #b)

/* Supplied by the platform file. */
void test_write(const char *text, size_t size);
_Noreturn void test_exit(int status);

/* The runner; the platform file calls it. Returns the exit status. */
int test_main(int argc, char **argv);

_Noreturn void test_fail(const char *file, int line, const char *text);
void test_check_eq(
	uint64_t a, uint64_t b, const char *file, int line, const char *text);

/* Text output. */
void test_puts(const char *text);
void test_put_dec(uint64_t value);
void test_put_hex(uint64_t value);
extern const struct vmm_sink test_sink; /* writes to standard output */

/* A sink that stores text in a buffer, for tests of dumps. */
struct test_text {
	char *text; /* zero-terminated */
	size_t size;
	size_t used;
};
struct vmm_sink test_text_sink(struct test_text *into, char *text, size_t size);
bool test_text_has(const struct test_text *text, const char *needle);

/* Seed and length factor from the command line. */
extern uint64_t test_seed;
extern uint64_t test_factor;

/* splitmix64 (Steele, Lea, Flood 2014): any seed is a good seed. */
struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A number below @limit, which is not 0. */
static inline uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

/* FNV-1a, to compare memory before and after. */
uint64_t test_digest(uint64_t digest, const void *data, size_t size);
#define TEST_DIGEST_INIT UINT64_C(0xcbf29ce484222325)

#endif /* TEST_H */
