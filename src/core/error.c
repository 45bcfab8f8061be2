/* SPDX-License-Identifier: MIT */
#include <vmm/error.h>
#include <vmm/types.h>

/*
 * Names are stored as characters, not as pointers to them: the library holds
 * no absolute address, so that it runs before relocation (see boot.h).
 */
const char *vmm_err_name(int err)
{
	static const struct {
		int err;
		char name[16];
	} names[] = {
		{VMM_OK, "VMM_OK"},
		{VMM_ENOENT, "VMM_ENOENT"},
		{VMM_ENOMEM, "VMM_ENOMEM"},
		{VMM_EACCES, "VMM_EACCES"},
		{VMM_EBUSY, "VMM_EBUSY"},
		{VMM_EEXIST, "VMM_EEXIST"},
		{VMM_EINVAL, "VMM_EINVAL"},
		{VMM_ENOSPC, "VMM_ENOSPC"},
		{VMM_ERANGE, "VMM_ERANGE"},
		{VMM_ENOTSUP, "VMM_ENOTSUP"},
		{VMM_ECORRUPT, "VMM_ECORRUPT"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].err == err)
			return names[i].name;
	}
	return "unknown error";
}
