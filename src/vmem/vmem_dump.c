/* SPDX-License-Identifier: MIT */
/*
 * Dumps. They are for arenas that may be broken, so they trust the counters to
 * end them; a link that leads nowhere is beyond them: run the check first.
 */
#include "core/text.h"
#include "vmem/vmem_runs.h"

static void count_of(
	const struct vmm_sink *sink, size_t count, const char *what)
{
	vmm_text_dec(sink, count, 0);
	vmm_text_str(sink, what);
}

static bool has_tags(const struct vmm_vmem_tags *tags)
{
	return tags->owner != 0 || tags->user != NULL || tags->flags != 0 ||
	       tags->count != 0;
}

static VMM_RARE void dump_tags(
	const struct vmm_sink *sink, const struct vmm_vmem_tags *tags)
{
	vmm_text_str(sink, "  owner ");
	vmm_text_dec(sink, tags->owner, 0);
	vmm_text_str(sink, "  flags ");
	vmm_text_dec(sink, tags->flags, 0);
	vmm_text_str(sink, "  count ");
	vmm_text_dec(sink, tags->count, 0);
}

static VMM_RARE void dump_used(
	const struct vmm_sink *sink, const struct vmm_vmem_region *region)
{
	if (region->use == VMM_VMEM_COMMITTED)
		vmm_text_str(sink, "  committed");
	if (region->use == VMM_VMEM_MAPPED)
		vmm_text_str(sink, "  mapped");
	for (unsigned above = 0; above < 2; above++) {
		uint64_t guard = vmm_vmem_region_guard(region, above);

		if (guard == 0)
			continue;
		vmm_text_str(sink, above ? "  guard above " : "  guard below ");
		vmm_text_size(sink, guard, 0);
	}
	if (has_tags(vmm_vmem_region_tags(region)))
		dump_tags(sink, vmm_vmem_region_tags(region));
}

static VMM_RARE void dump_line(
	const struct vmm_sink *sink, const struct vmm_vmem_region *region)
{
	bool used = region->state == VMM_VMEM_USED;
	bool span = region->state == VMM_VMEM_SPAN;

	if (span)
		vmm_text_str(sink, "span   ");
	else
		vmm_text_str(sink, used ? "  used " : "  free ");
	vmm_text_range(sink, region->base, region->size);
	vmm_text_str(sink, " ");
	vmm_text_size(sink, region->size, 8);
	if (used)
		dump_used(sink, region);
	if (span && (region->flags & VMM_VMEM_IS_HELD) != 0)
		vmm_text_str(sink, "  fixed only");
	if (span && region->as.span.source != NULL)
		vmm_text_str(sink, "  imported");
	vmm_text_str(sink, "\n");
}

VMM_RARE void vmm_vmem_dump(
	const struct vmm_vmem *arena, const struct vmm_sink *sink)
{
	const struct vmm_vmem_region *region = arena->head.link[AFTER];
	size_t left = arena->span_count + arena->used_count + arena->free_count;

	vmm_text_str(sink, "vmem: ");
	count_of(sink, arena->span_count, " spans, ");
	count_of(sink, arena->used_count, " used, ");
	count_of(sink, arena->free_count, " free, quantum ");
	vmm_text_size(sink, arena->quantum, 0);
	vmm_text_str(sink, ", spare nodes ");
	count_of(sink, arena->spare_count, " of ");
	count_of(sink, arena->node_count, "\n");
	for (; region != &arena->head && left > 0; left--) {
		dump_line(sink, region);
		region = region->link[AFTER];
	}
}

/* Which of the three trees a picture is of. */
enum tree { USED, BY_BASE, BY_SIZE };

static const struct {
	char letter; /* first of the node names, followed by the base */
	char label[13];
} trees[] = {
	[USED] = {'u', "used"},
	[BY_BASE] = {'b', "free by base"},
	[BY_SIZE] = {'s', "free by size"},
};

static vmm_va_t base_of(enum tree tree, const struct vmm_rb_node *node)
{
	if (tree == USED)
		return vmm_vmem_of_run(node)->base;
	return (tree == BY_SIZE ? vmm_vmem_of_size(node)
				: vmm_vmem_of_base(node))
		->base;
}

static VMM_RARE void dot_name(
	const struct vmm_sink *sink, enum tree tree, vmm_va_t base)
{
	sink->write(sink->ctx, &trees[tree].letter, 1);
	vmm_text_addr(sink, base);
}

static VMM_RARE void dot_label(const struct vmm_sink *sink, enum tree tree,
	const struct vmm_rb_node *node)
{
	vmm_text_addr(sink, base_of(tree, node));
	vmm_text_str(sink, "\\n");
	if (tree == USED)
		count_of(sink, vmm_vmem_of_run(node)->count, " members");
	else
		vmm_text_size(sink,
			(tree == BY_SIZE ? vmm_vmem_of_size(node)
					 : vmm_vmem_of_base(node))
				->size,
			0);
}

static VMM_RARE void dot_node(const struct vmm_sink *sink, enum tree tree,
	const struct vmm_rb_node *node)
{
	vmm_va_t base = base_of(tree, node);

	vmm_text_str(sink, "    ");
	dot_name(sink, tree, base);
	vmm_text_str(sink, " [label=\"");
	dot_label(sink, tree, node);
	vmm_text_str(sink, "\", color=");
	vmm_text_str(sink, vmm_rb_is_red(node) ? "red" : "black");
	vmm_text_str(sink, "];\n");
	for (unsigned dir = VMM_RB_LEFT; dir <= VMM_RB_RIGHT; dir++) {
		if (node->child[dir] == NULL)
			continue;
		vmm_text_str(sink, "    ");
		dot_name(sink, tree, base);
		vmm_text_str(sink, " -> ");
		dot_name(sink, tree, base_of(tree, node->child[dir]));
		vmm_text_str(sink, dir == VMM_RB_LEFT ? " [tailport=sw];\n"
						      : " [tailport=se];\n");
	}
}

static VMM_RARE void dot_tree(const struct vmm_sink *sink, enum tree tree,
	const struct vmm_rb_tree *nodes, size_t count)
{
	const struct vmm_rb_node *node = vmm_rb_first(nodes);

	vmm_text_str(sink, "  subgraph cluster_");
	sink->write(sink->ctx, &trees[tree].letter, 1);
	vmm_text_str(sink, " {\n    label=\"");
	vmm_text_str(sink, trees[tree].label);
	vmm_text_str(sink, "\";\n");
	for (; node != NULL && count > 0; count--) {
		dot_node(sink, tree, node);
		node = vmm_rb_next(node);
	}
	vmm_text_str(sink, "  }\n");
}

VMM_RARE void vmm_vmem_dump_dot(
	const struct vmm_vmem *arena, const struct vmm_sink *sink)
{
	const struct vmm_rb_node *node = vmm_rb_first(&arena->free_by_base);
	size_t left = arena->tree_count;

	vmm_text_str(sink, "digraph vmem {\n  node [shape=box];\n");
	dot_tree(sink, USED, &arena->used, arena->run_count);
	dot_tree(sink, BY_BASE, &arena->free_by_base, arena->tree_count);
	dot_tree(sink, BY_SIZE, &arena->free_by_size, arena->tree_count);
	for (; node != NULL && left > 0; left--) {
		vmm_va_t base = base_of(BY_BASE, node);

		vmm_text_str(sink, "  ");
		dot_name(sink, BY_BASE, base);
		vmm_text_str(sink, " -> ");
		dot_name(sink, BY_SIZE, base);
		vmm_text_str(sink, " [style=dashed, dir=both, "
				   "constraint=false];\n");
		node = vmm_rb_next(node);
	}
	vmm_text_str(sink, "}\n");
}
