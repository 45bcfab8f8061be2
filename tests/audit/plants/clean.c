/* SPDX-License-Identifier: MIT */
/* Nothing to object to: what every other plant has besides its one fault. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void vmm_plant(unsigned char *to, size_t size);

static const unsigned char pattern[] = {2, 3, 5, 7, 11, 13, 17, 19};

void vmm_plant(unsigned char *to, size_t size)
{
	memcpy(to, pattern, size < sizeof(pattern) ? size : sizeof(pattern));
}
