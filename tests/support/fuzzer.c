/* SPDX-License-Identifier: MIT */
/* The platform of the tests under libFuzzer, which brings its own main(). */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

void test_write(const char *text, size_t size)
{
	fwrite(text, 1, size, stderr);
}

/* A failed check must look like a crash, or the input is not kept. */
_Noreturn void test_exit(int status)
{
	(void)status;
	abort();
}

/* The runner is linked but not run; it wants a test to exist. */
TEST(fuzzer_has_no_tests)
{
	CHECK(true);
}
