/* SPDX-License-Identifier: MIT */
/* The platform of the tests on a hosted system. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

void test_write(const char *text, size_t size)
{
	fwrite(text, 1, size, stdout);
}

_Noreturn void test_exit(int status)
{
	exit(status);
}

int main(int argc, char **argv)
{
	return test_main(argc, argv);
}
