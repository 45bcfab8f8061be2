/* SPDX-License-Identifier: MIT */
/* The dumps of arenas, letter by letter: people and scripts read them. */
#include "support/test.h"

#include <vmm/vmem.h>
#include <vmm/vmem_nest.h>

#define PAGE VMM_PAGE_SIZE

static struct vmm_vmem arena;
static struct vmm_vmem parent;
static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(60) / 8];
static _Alignas(16) uint64_t parent_memory[VMM_VMEM_NODES_SIZE(8) / 8];
static char buffer[16384];

static void build(void)
{
	const struct vmm_vmem_request tagged = {.size = 2 * PAGE,
		.where = 0x4000,
		.flags = VMM_VMEM_FIXED,
		.tags = {.owner = 7, .flags = 3, .count = 2}};
	const struct vmm_vmem_region *region;

	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, VMM_VMEM_NODES_SIZE(12)),
		VMM_OK);
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
	"vmem: 2 spans, 2 used, 3 free, quantum 4K, spare nodes 4 of "
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

/* Spans of every kind; guards, uses and tags. */
static const char kinds_golden[] =
	"vmem: 3 spans, 5 used, 5 free, quantum 4K, spare nodes 46 of 60\n"
	"span   [0x0000000000000000-0x0000000000000fff]       4K  fixed only\n"
	"  used [0x0000000000000000-0x0000000000000fff]       4K\n"
	"span   [0x0000000000001000-0x00000000000fffff]    1020K\n"
	"  used [0x0000000000001000-0x0000000000004fff]      16K  mapped  "
	"guard below 4K  guard above 8K\n"
	"  free [0x0000000000005000-0x00000000000dffff]     876K\n"
	"  used [0x00000000000e0000-0x00000000000e0fff]       4K  committed\n"
	"  free [0x00000000000e1000-0x00000000000effff]      60K\n"
	"  used [0x00000000000f0000-0x00000000000f1fff]       8K  guard above "
	"4K  owner 18446744073709551615  flags 0  count 0\n"
	"  free [0x00000000000f2000-0x00000000000fffff]      56K\n"
	"span   [0x0000000040000000-0x00000000400fffff]       1M  imported\n"
	"  free [0x0000000040000000-0x000000004007ffff]     512K\n"
	"  used [0x0000000040080000-0x0000000040080fff]       4K  mapped  "
	"owner 0  flags 0  count 1\n"
	"  free [0x0000000040081000-0x00000000400fffff]     508K\n";

static void fixed(
	vmm_va_t where, struct vmm_vmem_request request, enum vmm_vmem_use use)
{
	const struct vmm_vmem_region *region;

	request.where = where;
	request.flags = VMM_VMEM_FIXED;
	CHECK_EQ(vmm_vmem_xalloc(&arena, &request, &region), VMM_OK);
	vmm_vmem_set_use(&arena, region, use);
}

static void build_kinds(void)
{
	const struct vmm_vmem_request import = {.size = VMM_MIB(1)};
	vmm_va_t base;

	vmm_vmem_init(&parent, PAGE);
	CHECK_EQ(vmm_vmem_donate(&parent, parent_memory, sizeof(parent_memory)),
		VMM_OK);
	CHECK_EQ(vmm_vmem_add(&parent, VMM_GIB(1), VMM_GIB(1)), VMM_OK);
	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add_flags(&arena, 0, PAGE, VMM_VMEM_FIXED_ONLY),
		VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, PAGE, VMM_MIB(1) - PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_import(&arena, &parent, &import, &base), VMM_OK);
	fixed(0, (struct vmm_vmem_request){.size = PAGE}, VMM_VMEM_RESERVED);
	fixed(2 * PAGE,
		(struct vmm_vmem_request){
			.size = PAGE, .guard = {PAGE, 2 * PAGE}},
		VMM_VMEM_MAPPED);
	fixed(0xe0000, (struct vmm_vmem_request){.size = PAGE},
		VMM_VMEM_COMMITTED);
	fixed(0xf0000,
		(struct vmm_vmem_request){.size = PAGE,
			.guard = {0, PAGE},
			.tags = {.owner = UINT64_MAX}},
		VMM_VMEM_RESERVED);
	fixed(0x40080000,
		(struct vmm_vmem_request){.size = PAGE, .tags = {.count = 1}},
		VMM_VMEM_MAPPED);
}

TEST(golden_vmem_dump_kinds)
{
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	build_kinds();
	vmm_vmem_dump(&arena, &sink);
	expect(&text, kinds_golden);
}

static const char dot_golden[] =
	"digraph vmem {\n"
	"  node [shape=box];\n"
	"  subgraph cluster_u {\n"
	"    label=\"used\";\n"
	"    u0x0000000000000000 [label=\"0x0000000000000000\\n4 members\", "
	"color=black];\n"
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

/* Runs: 24 members each, the marker among those of the first. */
static const char runs_golden[] =
	"digraph vmem {\n"
	"  node [shape=box];\n"
	"  subgraph cluster_u {\n"
	"    label=\"used\";\n"
	"    u0x0000000000000000 [label=\"0x0000000000000000\\n24 members\", "
	"color=black];\n"
	"    u0x0000000000000000 -> u0x0000000000017000 [tailport=se];\n"
	"    u0x0000000000017000 [label=\"0x0000000000017000\\n7 members\", "
	"color=red];\n"
	"  }\n"
	"  subgraph cluster_b {\n"
	"    label=\"free by base\";\n"
	"    b0x000000000001e000 [label=\"0x000000000001e000\\n904K\", "
	"color=black];\n"
	"  }\n"
	"  subgraph cluster_s {\n"
	"    label=\"free by size\";\n"
	"    s0x000000000001e000 [label=\"0x000000000001e000\\n904K\", "
	"color=black];\n"
	"  }\n"
	"  b0x000000000001e000 -> s0x000000000001e000 [style=dashed, "
	"dir=both, constraint=false];\n"
	"}\n";

TEST(golden_vmem_dump_dot_runs)
{
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));
	vmm_va_t base;

	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, VMM_MIB(1)), VMM_OK);
	for (unsigned i = 0; i < 30; i++)
		CHECK_EQ(vmm_vmem_alloc(&arena, PAGE, &base), VMM_OK);
	vmm_vmem_dump_dot(&arena, &sink);
	expect(&text, runs_golden);
}
