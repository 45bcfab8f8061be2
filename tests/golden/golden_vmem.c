/* SPDX-License-Identifier: MIT */
/* The dumps of arenas, letter by letter: people and scripts read them. */
#include "support/test.h"

#include <vmm/vmem.h>

#define PAGE VMM_PAGE_SIZE

static struct vmm_vmem arena;
static uint64_t memory[VMM_VMEM_NODES_SIZE(12) / 8];
static char buffer[8192];

static void build(void)
{
	const struct vmm_vmem_request tagged = {.size = 2 * PAGE,
		.where = 0x4000,
		.flags = VMM_VMEM_FIXED,
		.tags = {.owner = 7, .flags = 3, .count = 2}};
	const struct vmm_vmem_region *region;

	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, VMM_MIB(1)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, -VMM_GIB(1), VMM_GIB(1)), VMM_OK);
	CHECK_EQ(vmm_vmem_xalloc(&arena, &tagged, &region), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, -PAGE, PAGE), VMM_OK);
}

static void expect(const struct test_text *text, const char *golden)
{
	size_t i = 0;

	while (golden[i] != '\0' && text->text[i] == golden[i])
		i++;
	if (golden[i] != text->text[i])
		test_puts(text->text);
	CHECK(golden[i] == text->text[i]);
}

static const char text_golden[] =
	"vmem: 2 spans, 2 used, 3 free, quantum 4K, spare nodes 5 of "
	"12\n"
	"span   [0x0000000000000000-0x00000000000fffff]       1M\n"
	"  free [0x0000000000000000-0x0000000000003fff]      16K\n"
	"  used [0x0000000000004000-0x0000000000005fff]       8K  "
	"owner 7  flags 3  count 2\n"
	"  free [0x0000000000006000-0x00000000000fffff]    1000K\n"
	"span   [0xffffffffc0000000-0xffffffffffffffff]       1G\n"
	"  free [0xffffffffc0000000-0xffffffffffffefff] 1048572K\n"
	"  used [0xfffffffffffff000-0xffffffffffffffff]       4K\n";

TEST(golden_vmem_dump)
{
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	build();
	vmm_vmem_dump(&arena, &sink);
	expect(&text, text_golden);
}

static const char dot_golden[] =
	"digraph vmem {\n"
	"  node [shape=box];\n"
	"  subgraph cluster_u {\n"
	"    label=\"used\";\n"
	"    u0x0000000000004000 [label=\"0x0000000000004000\\n8K\", "
	"color=black];\n"
	"    u0x0000000000004000 -> u0xfffffffffffff000 "
	"[tailport=se];\n"
	"    u0xfffffffffffff000 [label=\"0xfffffffffffff000\\n4K\", "
	"color=red];\n"
	"  }\n"
	"  subgraph cluster_b {\n"
	"    label=\"free by base\";\n"
	"    b0x0000000000000000 "
	"[label=\"0x0000000000000000\\n16K\", color=red];\n"
	"    b0x0000000000006000 "
	"[label=\"0x0000000000006000\\n1000K\", color=black];\n"
	"    b0x0000000000006000 -> b0x0000000000000000 "
	"[tailport=sw];\n"
	"    b0x0000000000006000 -> b0xffffffffc0000000 "
	"[tailport=se];\n"
	"    b0xffffffffc0000000 "
	"[label=\"0xffffffffc0000000\\n1048572K\", color=red];\n"
	"  }\n"
	"  subgraph cluster_s {\n"
	"    label=\"free by size\";\n"
	"    s0x0000000000000000 "
	"[label=\"0x0000000000000000\\n16K\", color=red];\n"
	"    s0x0000000000006000 "
	"[label=\"0x0000000000006000\\n1000K\", color=black];\n"
	"    s0x0000000000006000 -> s0x0000000000000000 "
	"[tailport=sw];\n"
	"    s0x0000000000006000 -> s0xffffffffc0000000 "
	"[tailport=se];\n"
	"    s0xffffffffc0000000 "
	"[label=\"0xffffffffc0000000\\n1048572K\", color=red];\n"
	"  }\n"
	"  b0x0000000000000000 -> s0x0000000000000000 [style=dashed, "
	"dir=both, constraint=false];\n"
	"  b0x0000000000006000 -> s0x0000000000006000 [style=dashed, "
	"dir=both, constraint=false];\n"
	"  b0xffffffffc0000000 -> s0xffffffffc0000000 [style=dashed, "
	"dir=both, constraint=false];\n"
	"}\n";

TEST(golden_vmem_dump_dot)
{
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	build();
	vmm_vmem_dump_dot(&arena, &sink);
	expect(&text, dot_golden);
}
