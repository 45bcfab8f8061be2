/* SPDX-License-Identifier: MIT */
/* A hidden allocation. */
#include <stddef.h>

void *malloc(size_t size);
void *vmm_plant(void);

void *vmm_plant(void)
{
	return malloc(64);
}
