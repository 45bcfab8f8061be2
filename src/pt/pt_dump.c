/* SPDX-License-Identifier: MIT */
/* The page table for people: one line for each run that next yields. */
#include "core/text.h"
#include "pt/pt_entry.h"

static void dump_prot(const struct vmm_sink *sink, unsigned prot)
{
	char text[VMM_PT_PROT_COUNT + 1] = "-----";

	for (unsigned i = 0; i < VMM_PT_PROT_COUNT; i++) {
		if ((prot & (1u << i)) != 0)
			text[i] = "rwxug"[i];
	}
	vmm_text_str(sink, text);
}

void vmm_pt_dump(const struct vmm_pt *pt, const struct vmm_sink *sink)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_pt_run run;

	vmm_text_str(sink, pt->format->name);
	vmm_text_str(sink, " root ");
	vmm_text_addr(sink, pt->root);
	vmm_text_str(sink, ", ");
	vmm_text_dec(sink, pt->table_count, 0);
	vmm_text_str(sink, " tables\n");
	while (vmm_pt_next(pt, &cursor, &run)) {
		vmm_text_range(sink, run.va, run.size);
		vmm_text_size(sink, run.size, 6);
		vmm_text_str(sink, " -> ");
		vmm_text_addr(sink, run.pa);
		vmm_text_size(sink, vmm_pt_leaf_size(run.level), 5);
		vmm_text_str(sink, " ");
		dump_prot(sink, run.prot);
		vmm_text_str(sink, "\n");
	}
}
