/* SPDX-License-Identifier: MIT */
/*
 * Touching, reading and writing a space: the faults that accesses would cause,
 * made to happen beforehand, page by page.
 *
 * Bytes are copied in the window of the page and without the lock: nobody can
 * unmap it, fork it or copy it elsewhere meanwhile, and nobody waits but who
 * wants to.
 */
#include "space/space_internal.h"

/* A policy that always says "done" and never does is no reason to hang. */
#define TRIES 64

/* Bytes from @va to the end of its page, at most @size. */
static uint64_t page_part(vmm_va_t va, uint64_t size)
{
	uint64_t rest = VMM_PAGE_SIZE - (va & (VMM_PAGE_SIZE - 1));

	return rest < size ? rest : size;
}

int vmm_space_touch(
	struct vmm_space *space, vmm_va_t va, uint64_t size, unsigned access)
{
	const bool has_policy = space->hooks->policy != NULL;

	if (!vmm_space_access_ok(access) || size == 0)
		return VMM_EINVAL;
	while (size > 0) {
		const uint64_t part = page_part(va, size);
		struct vmm_space_op op;
		struct vmm_space_fix fix;
		struct vmm_fault fault;
		int err = vmm_space_fault_in(space, &op, va, access, &fix,
			has_policy ? &fault : NULL);

		if (err < 0)
			return err;
		if (err == VMM_SPACE_THERE)
			vmm_space_end(space, &op);
		size -= part;
		/* Behind the last page there is nothing. */
		if (size > 0 && va > UINT64_MAX - part)
			return VMM_ENOENT;
		va += part;
	}
	return VMM_OK;
}

/* One end of a copy: in the space, and the kernel's. */
struct bytes {
	vmm_va_t va;
	unsigned char *ours;
	unsigned access;
};

/* Copy within one page, from or to the frame behind it. */
static void move(const struct vmm_space *space, const struct bytes *bytes,
	vmm_pa_t pa, uint64_t size)
{
	unsigned char *theirs =
		(unsigned char *)(uintptr_t)(pa + space->live->offset) +
		(bytes->va & (VMM_PAGE_SIZE - 1));

	if ((bytes->access & VMM_PT_WRITE) != 0)
		__builtin_memcpy(theirs, bytes->ours, (size_t)size);
	else
		__builtin_memcpy(bytes->ours, theirs, (size_t)size);
}

/* Bytes of one page; VMM_SPACE_AGAIN: nothing was copied. */
static int copy_part(
	struct vmm_space *space, const struct bytes *bytes, uint64_t size)
{
	const bool has_policy = space->hooks->policy != NULL;
	struct vmm_space_op op;
	struct vmm_space_fix fix;
	struct vmm_fault fault;
	int err = vmm_space_fault_in(space, &op, bytes->va, bytes->access, &fix,
		has_policy ? &fault : NULL);

	if (err != VMM_SPACE_THERE)
		return err;
	/* Memory is reached at the offset; a device's registers are not. */
	if ((fix.prot & VMM_PT_TYPE_MASK) != 0)
		err = VMM_ENOTSUP;
	if (err == VMM_OK) {
		vmm_space_unlock(space);
		move(space, bytes, fix.pa, size);
		vmm_space_lock(space);
	}
	vmm_space_end(space, &op);
	return err;
}

static int copy(struct vmm_space *space, struct bytes bytes, uint64_t size)
{
	unsigned tries = 0;

	while (size > 0) {
		const uint64_t part = page_part(bytes.va, size);
		const int err = copy_part(space, &bytes, part);

		if (err < 0)
			return err;
		if (err == VMM_SPACE_AGAIN) {
			if (++tries == TRIES)
				return VMM_EBUSY;
			continue;
		}
		tries = 0;
		size -= part;
		if (size > 0 && bytes.va > UINT64_MAX - part)
			return VMM_ENOENT;
		bytes.va += part;
		bytes.ours += part;
	}
	return VMM_OK;
}

int vmm_space_read(struct vmm_space *space, vmm_va_t va, void *buffer,
	uint64_t size, bool user)
{
	const struct bytes bytes = {
		va, buffer, VMM_PT_READ | (user ? VMM_PT_USER : 0)};

	return copy(space, bytes, size);
}

int vmm_space_write(struct vmm_space *space, vmm_va_t va, const void *buffer,
	uint64_t size, bool user)
{
	/* Read only, in this direction. */
	const struct bytes bytes = {va, (unsigned char *)(uintptr_t)buffer,
		VMM_PT_WRITE | (user ? VMM_PT_USER : 0)};

	return copy(space, bytes, size);
}
