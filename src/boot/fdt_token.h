/* SPDX-License-Identifier: MIT */
/*
 * The decoder of the structure block: one token at a time, with every bound
 * checked. Private to the library; init and all cursors go through it.
 */
#ifndef VMM_BOOT_FDT_TOKEN_H
#define VMM_BOOT_FDT_TOKEN_H

#include <vmm/fdt.h>

/* Devicetree Specification v0.4, 5.4.1 Lexical structure. */
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP	       4
#define FDT_END	       9

/* Bytes of an entry of the reservation block, two numbers: 5.3.2 Format. */
#define FDT_RESERVE_ENTRY 16

struct vmm_fdt_token {
	uint32_t tag;
	uint32_t next;		    /* offset of the next token */
	const char *name;	    /* BEGIN_NODE and PROP */
	const unsigned char *value; /* PROP */
	uint32_t size;		    /* PROP */
};

/*
 * Decode the token at @at, an offset in the structure block that is at most
 * its size. VMM_OK, or VMM_EINVAL if it does not fit into the block or is none.
 */
int vmm_fdt_token(
	const struct vmm_fdt *fdt, uint32_t at, struct vmm_fdt_token *token);

/* Do two strings agree? The one from the tree is known to be terminated. */
bool vmm_fdt_same(const char *a, const char *b);

/* A big-endian number, by bytes: a blob may stand at any address. */
static inline uint32_t vmm_fdt_be32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	       (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t vmm_fdt_be64(const unsigned char *at)
{
	return (uint64_t)vmm_fdt_be32(at) << 32 | vmm_fdt_be32(at + 4);
}

#endif /* VMM_BOOT_FDT_TOKEN_H */
