/* SPDX-License-Identifier: MIT */
/* A counter that every instance would share. */
unsigned vmm_plant(void);

static unsigned count = 1;

unsigned vmm_plant(void)
{
	return count++;
}
