/* SPDX-License-Identifier: MIT */
/*
 * Reading a file that nobody vouches for. Every number in it is compared
 * before it is used, and no sum of two of them is formed that could wrap. Fields
 * are read byte by byte, wherever they lie.
 *
 * Sources: System V ABI, chapter 4 and 5 (object files, program loading); RISC-V
 * ELF psABI.
 */
#include "elf.h"

#include <vmm/error.h>
#include <vmm/pt_format.h>

/* Offsets in the file's header; sizes of it and of a program header. */
#define E_CLASS	    4
#define E_DATA	    5
#define E_VERSION   6
#define E_TYPE	    16
#define E_MACHINE   18
#define E_VERSION32 20
#define E_ENTRY	    24
#define E_PHOFF	    32
#define E_EHSIZE    52
#define E_PHENTSIZE 54
#define E_PHNUM	    56
#define E_SIZE	    64

#define P_TYPE	 0
#define P_FLAGS	 4
#define P_OFFSET 8
#define P_VADDR	 16
#define P_FILESZ 32
#define P_MEMSZ	 40
#define P_ALIGN	 48
#define P_SIZE	 56

#define CLASS_64      2
#define DATA_LITTLE   1
#define VERSION	      1
#define TYPE_EXEC     2
#define MACHINE_RISCV 243

#define PT_LOAD	   1
#define PT_DYNAMIC 2
#define PT_INTERP  3
#define PT_TLS	   7

#define PF_X 1u
#define PF_W 2u
#define PF_R 4u

/* More program headers than any file of ours has; bounds the loop. */
#define HEADERS 64

/* @count bytes, the least significant one first. */
static uint64_t get(const uint8_t *at, unsigned count)
{
	uint64_t value = 0;

	while (count-- > 0)
		value = value << 8 | at[count];
	return value;
}

/* Is [@base, @base + @size) in [@in, @in + @in_size)? Sizes may be 0. */
static bool is_within(
	uint64_t base, uint64_t size, uint64_t in, uint64_t in_size)
{
	return base >= in && base - in <= in_size &&
	       size <= in_size - (base - in);
}

static int check_header(const uint8_t *file, uint64_t size)
{
	if (size < E_SIZE || get(file, 4) != 0x464c457f)
		return VMM_EINVAL;
	if (file[E_VERSION] != VERSION || get(file + E_VERSION32, 4) != VERSION)
		return VMM_EINVAL;
	if (file[E_CLASS] != CLASS_64 || file[E_DATA] != DATA_LITTLE ||
		get(file + E_TYPE, 2) != TYPE_EXEC ||
		get(file + E_MACHINE, 2) != MACHINE_RISCV)
		return VMM_ENOTSUP;
	if (get(file + E_EHSIZE, 2) < E_SIZE ||
		get(file + E_PHENTSIZE, 2) != P_SIZE ||
		get(file + E_PHNUM, 2) == 0)
		return VMM_EINVAL;
	if (get(file + E_PHNUM, 2) > HEADERS)
		return VMM_ENOTSUP;
	if (!is_within(get(file + E_PHOFF, 8), get(file + E_PHNUM, 2) * P_SIZE,
		    0, size))
		return VMM_ERANGE;
	return VMM_OK;
}

static int prot_of(uint64_t flags, unsigned *prot_out)
{
	unsigned prot = 0;

	if ((flags & PF_R) != 0)
		prot |= VMM_PT_READ;
	if ((flags & PF_W) != 0)
		prot |= VMM_PT_READ | VMM_PT_WRITE;
	if ((flags & PF_X) != 0)
		prot |= VMM_PT_EXEC;
	if (prot == 0)
		return VMM_EINVAL;
	if ((prot & VMM_PT_WRITE) != 0 && (prot & VMM_PT_EXEC) != 0)
		return VMM_ENOTSUP;
	*prot_out = prot;
	return VMM_OK;
}

/* Add whole pages behind those that are there. */
static int add(struct elf *elf, const struct elf_part *part)
{
	if (elf->count == ELF_PARTS)
		return VMM_ENOTSUP;
	if (elf->count > 0 && part->va < elf->end)
		return VMM_EINVAL;
	elf->parts[elf->count++] = *part;
	elf->end = part->va + part->size;
	return VMM_OK;
}

/*
 * A part to be loaded: pages with bytes of the file, then pages of zeros. The
 * window is whole pages, so rounding keeps within it.
 */
static int load(struct elf *elf, const uint8_t *header, uint64_t file_size,
	const struct elf_window *window)
{
	const vmm_va_t va = get(header + P_VADDR, 8);
	const uint64_t size = get(header + P_MEMSZ, 8);
	const uint64_t bytes = get(header + P_FILESZ, 8);
	const uint64_t offset = get(header + P_OFFSET, 8);
	const uint64_t align = get(header + P_ALIGN, 8);
	const uint64_t lead = va % VMM_PAGE_SIZE;
	struct elf_part part = {.va = va - lead,
		.lead = lead,
		.offset = offset,
		.bytes = bytes};
	uint64_t whole;
	int err;

	if (size == 0)
		return bytes == 0 ? VMM_OK : VMM_EINVAL;
	if (bytes > size || (align > 1 && ((align & (align - 1)) != 0 ||
						  (va - offset) % align != 0)))
		return VMM_EINVAL;
	if (!is_within(va, size, window->base, window->size) ||
		!is_within(offset, bytes, 0, file_size))
		return VMM_ERANGE;
	err = prot_of(get(header + P_FLAGS, 4), &part.prot);
	if (err)
		return err;
	whole = vmm_align_up(lead + size, VMM_PAGE_SIZE);
	if (bytes > 0) {
		part.size = vmm_align_up(lead + bytes, VMM_PAGE_SIZE);
		err = add(elf, &part);
		if (err)
			return err;
	}
	if (part.size == whole)
		return VMM_OK;
	part = (struct elf_part){.va = part.va + part.size,
		.size = whole - part.size,
		.prot = part.prot};
	return add(elf, &part);
}

static bool is_executable(const struct elf *elf, vmm_va_t va)
{
	for (size_t i = 0; i < elf->count; i++) {
		const struct elf_part *part = &elf->parts[i];

		if (is_within(va, 1, part->va, part->size))
			return (part->prot & VMM_PT_EXEC) != 0;
	}
	return false;
}

int elf_read(const void *file, uint64_t size, const struct elf_window *window,
	struct elf *elf_out)
{
	const uint8_t *bytes = file;
	struct elf elf = {.count = 0};
	int err = check_header(bytes, size);

	if (err)
		return err;
	for (uint64_t i = 0; i < get(bytes + E_PHNUM, 2); i++) {
		const uint8_t *header =
			bytes + get(bytes + E_PHOFF, 8) + i * P_SIZE;
		const uint64_t type = get(header + P_TYPE, 4);

		if (type == PT_DYNAMIC || type == PT_INTERP || type == PT_TLS)
			return VMM_ENOTSUP;
		if (type != PT_LOAD)
			continue;
		err = load(&elf, header, size, window);
		if (err)
			return err;
	}
	elf.entry = get(bytes + E_ENTRY, 8);
	if (!is_executable(&elf, elf.entry) || elf.entry % 2 != 0)
		return VMM_EINVAL;
	*elf_out = elf;
	return VMM_OK;
}
