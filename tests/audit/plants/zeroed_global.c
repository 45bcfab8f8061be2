/* SPDX-License-Identifier: MIT */
/* The same in .bss, and visible to the kernel. */
extern unsigned vmm_plant_count;
unsigned vmm_plant(void);

unsigned vmm_plant_count;

unsigned vmm_plant(void)
{
	return vmm_plant_count++;
}
