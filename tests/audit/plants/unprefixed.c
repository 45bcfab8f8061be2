/* SPDX-License-Identifier: MIT */
/* A helper that should have been static, with a name a kernel may have. */
int page_align(int n);

int page_align(int n)
{
	return (n + 4095) & -4096;
}
