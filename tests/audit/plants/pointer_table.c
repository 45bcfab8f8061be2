/* SPDX-License-Identifier: MIT */
/* A constant table of pointers: somebody has to relocate it first. */
const char *vmm_plant(unsigned i);

const char *vmm_plant(unsigned i)
{
	static const char *const volatile names[] = {"free", "used", "lost"};

	return names[i % 3];
}
