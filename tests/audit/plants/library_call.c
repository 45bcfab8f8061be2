/* SPDX-License-Identifier: MIT */
/*
 * A call that only the compiler writes: dividing 128-bit numbers takes a
 * helper from the compiler's own library, which a kernel need not link.
 */
unsigned long long vmm_plant(unsigned long long a, unsigned long long b);

unsigned long long vmm_plant(unsigned long long a, unsigned long long b)
{
	__extension__ typedef unsigned __int128 wide;

	return (unsigned long long)((((wide)a << 64) | b) / ((wide)b << 1 | 1));
}
