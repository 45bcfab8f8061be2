/* SPDX-License-Identifier: MIT */
/*
 * Dumps. They are for arenas that may be broken, so they trust the counters to
 * end them; a link that leads nowhere is beyond them: run the check first.
 */
#include "core/text.h"
#include "vmem/vmem_runs.h"

/*
 * Write a form and the values that its signs stand for, in their order: %d a
 * number, %k a size, %w a size in a column, %a an address, %c a letter.
 */
static VMM_RARE void say(
	const struct vmm_sink *sink, const char *form, const uint64_t *values)
{
	for (;;) {
		size_t n = 0;
		char sign;

		while (form[n] != '\0' && form[n] != '%')
			n++;
		sink->write(sink->ctx, form, n);
		if (form[n] == '\0')
			return;
		sign = form[n + 1];
		form += n + 2;
		if (sign == 'd')
			vmm_text_dec(sink, *values, 0);
		else if (sign == 'a')
			vmm_text_addr(sink, *values);
		else if (sign == 'c')
			sink->write(sink->ctx, &(char){(char)*values}, 1);
		else
			vmm_text_size(sink, *values, sign == 'w' ? 8 : 0);
		values++;
	}
}

static VMM_RARE void dump_used(
	const struct vmm_sink *sink, const struct vmm_vmem_region *region)
{
	static const char uses[VMM_VMEM_USE_COUNT][12] = {
		"", "  committed", "  mapped"};
	static const char guards[2][17] = {
		"  guard below %k", "  guard above %k"};
	const struct vmm_vmem_tags *tags = vmm_vmem_region_tags(region);

	if (region->use < VMM_VMEM_USE_COUNT)
		say(sink, uses[region->use], NULL);
	for (unsigned above = 0; above < 2; above++) {
		uint64_t guard = vmm_vmem_region_guard(region, above);

		if (guard != 0)
			say(sink, guards[above], &guard);
	}
	if (tags->owner != 0 || tags->user != NULL ||
		(tags->flags | tags->count) != 0)
		say(sink, "  owner %d  flags %d  count %d",
			(const uint64_t[]){
				tags->owner, tags->flags, tags->count});
}

static VMM_RARE void dump_line(
	const struct vmm_sink *sink, const struct vmm_vmem_region *region)
{
	const char *form = "  free [%a-%a] %w";

	if (region->state == VMM_VMEM_USED)
		form = "  used [%a-%a] %w";
	if (region->state == VMM_VMEM_SPAN)
		form = "span   [%a-%a] %w";
	say(sink, form,
		(const uint64_t[]){
			region->base, vmm_vmem_last(region), region->size});
	if (region->state == VMM_VMEM_USED)
		dump_used(sink, region);
	if (region->state == VMM_VMEM_SPAN) {
		if ((region->flags & VMM_VMEM_IS_HELD) != 0)
			say(sink, "  fixed only", NULL);
		if (region->as.span.source != NULL)
			say(sink, "  imported", NULL);
	}
	say(sink, "\n", NULL);
}

VMM_RARE void vmm_vmem_dump(
	const struct vmm_vmem *arena, const struct vmm_sink *sink)
{
	const struct vmm_vmem_region *region = arena->head.link[AFTER];
	size_t left = arena->span_count + arena->used_count + arena->free_count;

	say(sink,
		"vmem: %d spans, %d used, %d free, quantum %k, "
		"spare nodes %d of %d\n",
		(const uint64_t[]){arena->span_count, arena->used_count,
			arena->free_count, arena->quantum, arena->spare_count,
			arena->node_count});
	for (; region != &arena->head && left > 0; left--) {
		dump_line(sink, region);
		region = region->link[AFTER];
	}
}

/* Which of the three trees a picture is of: the first letter of its nodes'
   names, which the base follows. */
enum tree { USED = 'u', BY_BASE = 'b', BY_SIZE = 's' };

static const struct vmm_vmem_region *region_of(
	enum tree tree, const struct vmm_rb_node *node)
{
	return tree == BY_SIZE ? vmm_vmem_of_size(node)
			       : vmm_vmem_of_base(node);
}

static VMM_RARE VMM_NOINLINE vmm_va_t base_of(
	enum tree tree, const struct vmm_rb_node *node)
{
	return tree == USED ? vmm_vmem_of_run(node)->base
			    : region_of(tree, node)->base;
}

static VMM_RARE void dot_node(const struct vmm_sink *sink, enum tree tree,
	const struct vmm_rb_node *node)
{
	vmm_va_t base = base_of(tree, node);

	say(sink, "    %c%a [label=\"%a\\n",
		(const uint64_t[]){tree, base, base});
	if (tree == USED)
		say(sink, "%d members",
			(const uint64_t[]){vmm_vmem_of_run(node)->count});
	else
		say(sink, "%k", &region_of(tree, node)->size);
	say(sink,
		vmm_rb_is_red(node) ? "\", color=red];\n"
				    : "\", color=black];\n",
		NULL);
	for (unsigned dir = VMM_RB_LEFT; dir <= VMM_RB_RIGHT; dir++) {
		if (node->child[dir] == NULL)
			continue;
		say(sink, "    %c%a -> %c%a [tailport=s%c];\n",
			(const uint64_t[]){tree, base, tree,
				base_of(tree, node->child[dir]),
				dir == VMM_RB_LEFT ? 'w' : 'e'});
	}
}

static VMM_RARE void dot_tree(const struct vmm_sink *sink, enum tree tree,
	const struct vmm_rb_tree *nodes, size_t count, const char *form)
{
	const struct vmm_rb_node *node = vmm_rb_first(nodes);

	say(sink, form, (const uint64_t[]){tree});
	for (; node != NULL && count > 0; count--) {
		dot_node(sink, tree, node);
		node = vmm_rb_next(node);
	}
	say(sink, "  }\n", NULL);
}

VMM_RARE void vmm_vmem_dump_dot(
	const struct vmm_vmem *arena, const struct vmm_sink *sink)
{
	const struct vmm_rb_node *node = vmm_rb_first(&arena->free_by_base);
	size_t left = arena->tree_count;

	say(sink, "digraph vmem {\n  node [shape=box];\n", NULL);
	dot_tree(sink, USED, &arena->used, arena->run_count,
		"  subgraph cluster_%c {\n    label=\"used\";\n");
	dot_tree(sink, BY_BASE, &arena->free_by_base, arena->tree_count,
		"  subgraph cluster_%c {\n    label=\"free by base\";\n");
	dot_tree(sink, BY_SIZE, &arena->free_by_size, arena->tree_count,
		"  subgraph cluster_%c {\n    label=\"free by size\";\n");
	for (; node != NULL && left > 0; left--) {
		vmm_va_t base = vmm_vmem_of_base(node)->base;

		say(sink,
			"  b%a -> s%a [style=dashed, dir=both, "
			"constraint=false];\n",
			(const uint64_t[]){base, base});
		node = vmm_rb_next(node);
	}
	say(sink, "}\n", NULL);
}
