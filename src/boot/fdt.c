/* SPDX-License-Identifier: MIT */
/*
 * Devicetrees: theory of operation
 *
 * 1. The blob. A header of ten words names three blocks by offset and size:
 *
 *	+--------+---------------------+-----------------+---------------+
 *	| header | reservation block   | structure block | strings block |
 *	|        | (base,size)... (0,0)| tokens ... END  | name\0name\0  |
 *	+--------+---------------------+-----------------+---------------+
 *	0        off_mem_rsvmap        off_dt_struct     off_dt_strings
 *
 *    Nothing in the header is believed. An offset and a size pass only if both
 *    fit into totalsize, compared by subtraction, which cannot wrap; totalsize
 *    passes only if it fits into what the caller can read.
 *
 * 2. Tokens. The structure block is a sequence of aligned words and data:
 *
 *	BEGIN_NODE name\0 pad   PROP len nameoff value pad   END_NODE  NOP  END
 *
 *    vmm_fdt_token() decodes one of them and is the only code that touches the
 *    block. It either stays inside or reports an error, whatever the state of
 *    its caller, so the cursors are safe even on a blob that was changed after
 *    the check; what they then find is another matter.
 *
 * 3. The grammar is a counter. With the depth in hand, five rules cover it:
 *    a node may open at depth 0 only once and without a name, properties come
 *    only directly after their node's opening or another property, nothing but
 *    END follows the root, END comes only there, and the depth stays below its
 *    maximum. Each token takes at least four bytes, so the walk ends after
 *    size / 4 steps.
 *
 * 4. Names of properties. If the last byte of the strings block is 0, every
 *    offset into it is a terminated string. One test thus replaces a scan for
 *    each property, which a hostile tree could make quadratic: a million
 *    properties that all name one string of a megabyte.
 *
 * 5. Cost. All cursors move forward only and keep what they found, so a full
 *    walk is O(size) for any content.
 */
#include "boot/fdt_token.h"

/* Header fields by offset: DTSpec v0.4, 5.2. */
#define HEADER_MAGIC	    0
#define HEADER_TOTALSIZE    4
#define HEADER_OFF_STRUCT   8
#define HEADER_OFF_STRINGS  12
#define HEADER_OFF_RESERVE  16
#define HEADER_VERSION	    20
#define HEADER_LAST_COMP    24
#define HEADER_BOOT_CPU	    28
#define HEADER_SIZE_STRINGS 32
#define HEADER_SIZE_STRUCT  36

#define MAGIC	0xd00dfeed
#define VERSION 17 /* the first one that has size_dt_struct */

static uint32_t word(const unsigned char *blob, uint32_t at)
{
	return vmm_fdt_be32(blob + at);
}

bool vmm_fdt_same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The rest of a BEGIN_NODE whose name starts at @at. */
static int token_node(
	const struct vmm_fdt *fdt, uint32_t at, struct vmm_fdt_token *token)
{
	const unsigned char *block = fdt->blob + fdt->struct_at;
	uint32_t end = at;

	while (end < fdt->struct_size && block[end] != 0)
		end++;
	/* Here and below: at most 3 bytes of padding follow what has ended. */
	if (end == fdt->struct_size ||
		(3 - (end & 3)) >= fdt->struct_size - end)
		return VMM_EINVAL;
	token->name = (const char *)block + at;
	token->next = (end | 3) + 1;
	return VMM_OK;
}

/* The rest of a PROP whose length starts at @at. */
static int token_prop(
	const struct vmm_fdt *fdt, uint32_t at, struct vmm_fdt_token *token)
{
	const unsigned char *block = fdt->blob + fdt->struct_at;
	uint32_t name_at;
	uint32_t size;
	uint32_t pad;

	if (fdt->struct_size - at < 8)
		return VMM_EINVAL;
	size = word(block, at);
	name_at = word(block, at + 4);
	at += 8;
	pad = (4 - (size & 3)) & 3;
	if (size > fdt->struct_size - at || pad > fdt->struct_size - at - size)
		return VMM_EINVAL;
	if (name_at >= fdt->strings_size)
		return VMM_EINVAL;
	token->name = (const char *)fdt->blob + fdt->strings_at + name_at;
	token->value = block + at;
	token->size = size;
	token->next = at + size + pad;
	return VMM_OK;
}

int vmm_fdt_token(
	const struct vmm_fdt *fdt, uint32_t at, struct vmm_fdt_token *token)
{
	VMM_ASSERT(at <= fdt->struct_size);
	VMM_ASSERT((at & 3) == 0);

	if (fdt->struct_size - at < 4)
		return VMM_EINVAL;
	token->tag = word(fdt->blob + fdt->struct_at, at);
	token->next = at + 4;
	switch (token->tag) {
	case FDT_BEGIN_NODE:
		return token_node(fdt, at + 4, token);
	case FDT_PROP:
		return token_prop(fdt, at + 4, token);
	case FDT_END_NODE:
	case FDT_NOP:
	case FDT_END:
		return VMM_OK;
	default:
		return VMM_EINVAL;
	}
}

/* What the walk over the structure block has seen so far. */
struct walk {
	uint32_t depth; /* nodes that are open */
	uint32_t nodes;
	bool props; /* a property may come next */
};

static int walk_token(struct walk *walk, const struct vmm_fdt_token *token)
{
	uint32_t tag = token->tag;

	if (tag == FDT_BEGIN_NODE) {
		if (walk->depth == 0 &&
			(walk->nodes != 0 || token->name[0] != '\0'))
			return VMM_EINVAL;
		if (walk->depth == VMM_FDT_DEPTH_MAX)
			return VMM_ENOTSUP;
		walk->depth++;
		walk->nodes++;
		walk->props = true;
	} else if (tag == FDT_END_NODE) {
		if (walk->depth == 0)
			return VMM_EINVAL;
		walk->depth--;
		walk->props = false;
	} else if (tag == FDT_PROP) {
		if (!walk->props)
			return VMM_EINVAL;
	} else if (tag == FDT_END) {
		if (walk->depth != 0 || walk->nodes == 0)
			return VMM_EINVAL;
	}
	return VMM_OK;
}

static int check_struct(struct vmm_fdt *fdt)
{
	struct vmm_fdt_token token = {0};
	struct walk walk = {0};
	int err;

	do {
		err = vmm_fdt_token(fdt, token.next, &token);
		if (!err)
			err = walk_token(&walk, &token);
		if (err)
			return err;
	} while (token.tag != FDT_END);
	fdt->node_count = walk.nodes;
	return VMM_OK;
}

/* The reservation block has no size: it must end inside the tree. */
static int check_reserve(struct vmm_fdt *fdt)
{
	uint32_t at = fdt->reserve_at;

	if (at < VMM_FDT_HEADER_SIZE || at > fdt->size || (at & 7) != 0)
		return VMM_EINVAL;
	for (; fdt->size - at >= FDT_RESERVE_ENTRY; at += FDT_RESERVE_ENTRY) {
		const unsigned char *entry = fdt->blob + at;

		if (vmm_fdt_be64(entry) == 0 && vmm_fdt_be64(entry + 8) == 0)
			return VMM_OK;
		fdt->reserve_count++;
	}
	return VMM_EINVAL;
}

static bool block_ok(const struct vmm_fdt *fdt, uint32_t at, uint32_t size)
{
	return at >= VMM_FDT_HEADER_SIZE && at <= fdt->size &&
	       size <= fdt->size - at;
}

static int check_header(struct vmm_fdt *fdt)
{
	const unsigned char *blob = fdt->blob;
	uint32_t version = word(blob, HEADER_VERSION);
	uint32_t compatible = word(blob, HEADER_LAST_COMP);

	if (compatible > version)
		return VMM_EINVAL;
	if (version < VERSION || compatible > VERSION)
		return VMM_ENOTSUP;
	fdt->boot_cpu = word(blob, HEADER_BOOT_CPU);
	fdt->reserve_at = word(blob, HEADER_OFF_RESERVE);
	fdt->struct_at = word(blob, HEADER_OFF_STRUCT);
	fdt->struct_size = word(blob, HEADER_SIZE_STRUCT);
	fdt->strings_at = word(blob, HEADER_OFF_STRINGS);
	fdt->strings_size = word(blob, HEADER_SIZE_STRINGS);
	if (!block_ok(fdt, fdt->struct_at, fdt->struct_size) ||
		(fdt->struct_at & 3) != 0)
		return VMM_EINVAL;
	if (!block_ok(fdt, fdt->strings_at, fdt->strings_size))
		return VMM_EINVAL;
	if (fdt->strings_size != 0 &&
		blob[fdt->strings_at + fdt->strings_size - 1] != 0)
		return VMM_EINVAL;
	return VMM_OK;
}

int vmm_fdt_size(const void *blob, size_t max, size_t *size_out)
{
	uint32_t size;

	VMM_ASSERT(blob != NULL);
	VMM_ASSERT(size_out != NULL);

	if (max < VMM_FDT_HEADER_SIZE)
		return VMM_ERANGE;
	if (word(blob, HEADER_MAGIC) != MAGIC)
		return VMM_EINVAL;
	size = word(blob, HEADER_TOTALSIZE);
	if (size < VMM_FDT_HEADER_SIZE)
		return VMM_EINVAL;
	if (size > max)
		return VMM_ERANGE;
	*size_out = size;
	return VMM_OK;
}

int vmm_fdt_init(struct vmm_fdt *fdt, const void *blob, size_t size)
{
	struct vmm_fdt tree = {0};
	size_t total;
	int err;

	VMM_ASSERT(fdt != NULL);

	err = vmm_fdt_size(blob, size, &total);
	if (err)
		return err;
	tree.blob = blob;
	tree.size = (uint32_t)total;
	err = check_header(&tree);
	if (!err)
		err = check_reserve(&tree);
	if (!err)
		err = check_struct(&tree);
	if (err)
		return err;

	VMM_ASSERT(tree.node_count != 0);
	*fdt = tree;
	return VMM_OK;
}
