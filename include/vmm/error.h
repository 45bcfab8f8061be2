/* SPDX-License-Identifier: MIT */
/*
 * Error codes. Every function that can fail returns 0 or one of these negative
 * numbers; the usual errno values, so that logs look familiar. An error means
 * that nothing was changed and no output was written, unless the function's
 * own text says otherwise. A hook's error passes through unaltered.
 */
#ifndef VMM_ERROR_H
#define VMM_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum vmm_err {
	VMM_OK = 0,
	VMM_ENOENT = -2,    /* nothing is there */
	VMM_ENOMEM = -12,   /* memory: a page or a node could not be had */
	VMM_EACCES = -13,   /* there, but its protection does not allow it */
	VMM_EBUSY = -16,    /* still in use */
	VMM_EEXIST = -17,   /* something is already there */
	VMM_EINVAL = -22,   /* argument malformed: misaligned, empty, ... */
	VMM_ENOSPC = -28,   /* address space: no gap that fits */
	VMM_ERANGE = -34,   /* well formed, but outside the object's range */
	VMM_ENOTSUP = -95,  /* this format or build cannot express it */
	VMM_ECORRUPT = -117 /* a check found a broken invariant */
};

/**
 * vmm_err_name() - The name of an error code.
 * @err: Any value; a hook's own code has no name here.
 *
 * Return: A static string such as "VMM_ENOMEM", "VMM_OK", or "unknown error".
 */
const char *vmm_err_name(int err);

#ifdef __cplusplus
}
#endif

#endif /* VMM_ERROR_H */
