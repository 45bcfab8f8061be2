/* SPDX-License-Identifier: MIT */
/*
 * A switch that becomes a table of code addresses, unless the compiler is told
 * not to make any: what -fno-jump-tables is for.
 */
unsigned vmm_plant(unsigned i, unsigned a);

unsigned vmm_plant(unsigned i, unsigned a)
{
	switch (i) {
	case 0:
		return a * 3;
	case 1:
		return a ^ 5;
	case 2:
		return a >> 7;
	case 3:
		return a / 11;
	case 4:
		return a & 13;
	case 5:
		return a - 17;
	case 6:
		return a << 19;
	default:
		return a % 23;
	}
}
