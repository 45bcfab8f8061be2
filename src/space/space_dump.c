/* SPDX-License-Identifier: MIT */
/* A space for people: a line for each region. */
#include "core/text.h"
#include "space/space_internal.h"
#include "space/space_text.h"

/* Characters, not pointers to them: see error.c. */
static const char kinds[VMM_SPACE_KINDS][12] = {
	[VMM_SPACE_RESERVED] = "reserved",
	[VMM_SPACE_ZERO] = "zero",
	[VMM_SPACE_STACK] = "stack",
	[VMM_SPACE_RING] = "ring",
	[VMM_SPACE_OBJECT] = "object",
	[VMM_SPACE_PHYS] = "phys",
	[VMM_SPACE_CONTIGUOUS] = "contiguous",
};

void vmm_space_text_kind(const struct vmm_sink *sink, enum vmm_space_kind kind)
{
	vmm_text_str(sink, kind < VMM_SPACE_KINDS ? kinds[kind] : "unknown");
}

static void say_prot(const struct vmm_sink *sink, unsigned prot)
{
	char text[6] = "---- ";

	for (unsigned i = 0; i < 4; i++) {
		if ((prot & (1u << i)) != 0)
			text[i] = "rwxu"[i];
	}
	if ((prot & VMM_PT_GLOBAL) != 0)
		text[4] = 'g';
	vmm_text_str(sink, text);
}

static void say_where(
	const struct vmm_sink *sink, const struct vmm_space_region *region)
{
	if (region->kind == VMM_SPACE_OBJECT && region->offset != 0) {
		vmm_text_str(sink, " +");
		vmm_text_size(sink, region->offset, 0);
	}
	if (region->kind == VMM_SPACE_PHYS ||
		region->kind == VMM_SPACE_CONTIGUOUS) {
		vmm_text_str(sink, " -> ");
		vmm_text_addr(sink, region->pa);
	}
	if (region->kind == VMM_SPACE_STACK) {
		vmm_text_str(sink, ", ");
		vmm_text_size(sink, region->depth, 0);
		vmm_text_str(sink, " deep");
	}
}

static void say_flags(
	const struct vmm_sink *sink, const struct vmm_space_region *region)
{
	static const char names[4][12] = {
		", shared", ", keep", ", no fork", ", eager"};

	if ((region->prot & VMM_PT_TYPE_MASK) == VMM_PT_NC)
		vmm_text_str(sink, ", nc");
	if ((region->prot & VMM_PT_TYPE_MASK) == VMM_PT_IO)
		vmm_text_str(sink, ", io");
	for (unsigned i = 0; i < 4; i++) {
		if ((region->flags & 1u << i) != 0)
			vmm_text_str(sink, names[i]);
	}
	if (region->segment != NULL)
		vmm_text_str(sink, ", segment");
	if (region->unloaded)
		vmm_text_str(sink, ", unloaded");
	for (unsigned i = 0; i < 2; i++) {
		if (region->guard[i] == 0)
			continue;
		vmm_text_str(sink, ", guard ");
		vmm_text_size(sink, region->guard[i], 0);
		vmm_text_str(sink, i == 0 ? " below" : " above");
	}
}

void vmm_space_text_region(
	const struct vmm_sink *sink, const struct vmm_space_region *region)
{
	vmm_text_range(sink, region->base, region->size);
	vmm_text_size(sink, region->size, 6);
	vmm_text_str(sink, " ");
	say_prot(sink, region->prot);
	vmm_text_str(sink, " ");
	vmm_space_text_kind(sink, region->kind);
	if (region->name != NULL) {
		vmm_text_str(sink, " \"");
		vmm_text_str(sink, region->name);
		vmm_text_str(sink, "\"");
	}
	say_where(sink, region);
	say_flags(sink, region);
}

VMM_RARE void vmm_space_dump(
	struct vmm_space *space, const struct vmm_sink *sink)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_ceiling(&space->arena, 0);
	struct vmm_space_region told;

	for (; region != NULL; region = vmm_vmem_next(&space->arena, region)) {
		vmm_space_tell(region, &told);
		vmm_space_text_region(sink, &told);
		vmm_text_str(sink, "\n");
	}
}
