/* SPDX-License-Identifier: MIT */
/*
 * Dumps. They are for arenas that may be broken, so they trust the counters to
 * end them; a link that leads nowhere is beyond them: run the check first.
 */
#include "core/text.h"
#include "vmem/vmem_internal.h"

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

static void dump_tags(
	const struct vmm_sink *sink, const struct vmm_vmem_tags *tags)
{
	vmm_text_str(sink, "  owner ");
	vmm_text_dec(sink, tags->owner, 0);
	vmm_text_str(sink, "  flags ");
	vmm_text_dec(sink, tags->flags, 0);
	vmm_text_str(sink, "  count ");
	vmm_text_dec(sink, tags->count, 0);
}

static void dump_line(
	const struct vmm_sink *sink, const struct vmm_vmem_region *region)
{
	bool used = region->state == VMM_VMEM_USED;

	if (region->state == VMM_VMEM_SPAN)
		vmm_text_str(sink, "span   ");
	else
		vmm_text_str(sink, used ? "  used " : "  free ");
	vmm_text_range(sink, region->base, region->size);
	vmm_text_str(sink, " ");
	vmm_text_size(sink, region->size, 8);
	if (used && has_tags(&region->as.used.tags))
		dump_tags(sink, &region->as.used.tags);
	vmm_text_str(sink, "\n");
}

void vmm_vmem_dump(const struct vmm_vmem *arena, const struct vmm_sink *sink)
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

/* One of the trees in a picture; @by_size tells how nodes hang in regions. */
struct tree_view {
	const struct vmm_rb_tree *tree;
	size_t count;
	bool by_size;
	char letter; /* first of the node names, followed by the base */
	char name[16];
};

static const struct vmm_vmem_region *view_region(
	const struct tree_view *view, const struct vmm_rb_node *node)
{
	return view->by_size ? vmm_vmem_of_size(node) : vmm_vmem_of_base(node);
}

static void dot_name(const struct vmm_sink *sink, char letter,
	const struct vmm_vmem_region *region)
{
	sink->write(sink->ctx, &letter, 1);
	vmm_text_addr(sink, region->base);
}

static void dot_node(const struct vmm_sink *sink, const struct tree_view *view,
	const struct vmm_rb_node *node)
{
	const struct vmm_vmem_region *region = view_region(view, node);

	vmm_text_str(sink, "    ");
	dot_name(sink, view->letter, region);
	vmm_text_str(sink, " [label=\"");
	vmm_text_addr(sink, region->base);
	vmm_text_str(sink, "\\n");
	vmm_text_size(sink, region->size, 0);
	vmm_text_str(sink, "\", color=");
	vmm_text_str(sink, vmm_rb_is_red(node) ? "red" : "black");
	vmm_text_str(sink, "];\n");
	for (unsigned dir = VMM_RB_LEFT; dir <= VMM_RB_RIGHT; dir++) {
		if (node->child[dir] == NULL)
			continue;
		vmm_text_str(sink, "    ");
		dot_name(sink, view->letter, region);
		vmm_text_str(sink, " -> ");
		dot_name(sink, view->letter,
			view_region(view, node->child[dir]));
		vmm_text_str(sink, dir == VMM_RB_LEFT ? " [tailport=sw];\n"
						      : " [tailport=se];\n");
	}
}

static void dot_tree(const struct vmm_sink *sink, const struct tree_view *view)
{
	const struct vmm_rb_node *node = vmm_rb_first(view->tree);

	vmm_text_str(sink, "  subgraph cluster_");
	sink->write(sink->ctx, &view->letter, 1);
	vmm_text_str(sink, " {\n    label=\"");
	vmm_text_str(sink, view->name);
	vmm_text_str(sink, "\";\n");
	for (size_t left = view->count; node != NULL && left > 0; left--) {
		dot_node(sink, view, node);
		node = vmm_rb_next(node);
	}
	vmm_text_str(sink, "  }\n");
}

void vmm_vmem_dump_dot(
	const struct vmm_vmem *arena, const struct vmm_sink *sink)
{
	const struct tree_view used = {
		&arena->used, arena->used_count, false, 'u', "used"};
	const struct tree_view by_base = {&arena->free_by_base,
		arena->free_count, false, 'b', "free by base"};
	const struct tree_view by_size = {&arena->free_by_size,
		arena->free_count, true, 's', "free by size"};
	const struct vmm_rb_node *node = vmm_rb_first(&arena->free_by_base);

	vmm_text_str(sink, "digraph vmem {\n  node [shape=box];\n");
	dot_tree(sink, &used);
	dot_tree(sink, &by_base);
	dot_tree(sink, &by_size);
	for (size_t left = arena->free_count; node != NULL && left > 0;
		left--) {
		const struct vmm_vmem_region *region = vmm_vmem_of_base(node);

		vmm_text_str(sink, "  ");
		dot_name(sink, 'b', region);
		vmm_text_str(sink, " -> ");
		dot_name(sink, 's', region);
		vmm_text_str(sink, " [style=dashed, dir=both, "
				   "constraint=false];\n");
		node = vmm_rb_next(node);
	}
	vmm_text_str(sink, "}\n");
}
