/* SPDX-License-Identifier: MIT */
/*
 * A program as an ELF64 file, which may hold anything: what comes out of
 * elf_read() can be mapped without a further look.
 */
#ifndef TASKS_ELF_H
#define TASKS_ELF_H

#include <vmm/types.h>

#define ELF_PARTS 8

/*
 * A piece of the program's memory: whole pages, which begin with bytes of the
 * file, or are zero. Protections are VMM_PT_READ, _WRITE and _EXEC; never the
 * last two at once.
 */
struct elf_part {
	vmm_va_t va;	 /* of the first page */
	uint64_t size;	 /* bytes of memory, a multiple of VMM_PAGE_SIZE */
	unsigned prot;	 /* never 0 */
	uint64_t lead;	 /* zeros before the file's bytes, less than a page */
	uint64_t offset; /* of those in the file */
	uint64_t bytes;	 /* their number; 0: all is zero */
};

/* Parts ascend and do not overlap; the entry is in an executable one. */
struct elf {
	vmm_va_t entry;
	vmm_va_t end; /* the first address behind the last part */
	size_t count;
	struct elf_part parts[ELF_PARTS];
};

/* What programs may occupy: whole pages, and not the last one below 2^64. */
struct elf_window {
	vmm_va_t base;
	uint64_t size; /* bytes */
};

/**
 * elf_read() - Understand a program.
 * @file:    The file's bytes.
 * @size:    Their number.
 * @window:  Where its memory must lie.
 * @elf_out: Receives what it is; written on success only.
 *
 * Return: VMM_OK, or
 *         VMM_EINVAL   no ELF file, or one that contradicts itself
 *         VMM_ENOTSUP  it is for another machine, wants a dynamic linker,
 *                      memory that is writable and executable, or too many
 *                      parts
 *         VMM_ERANGE   something lies outside the file or the window
 */
int elf_read(const void *file, uint64_t size, const struct elf_window *window,
	struct elf *elf_out);

#endif /* TASKS_ELF_H */
