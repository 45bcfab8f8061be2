/* SPDX-License-Identifier: MIT */
/* The page table for people: one line for each run that next yields. */
#include "core/text.h"
#include "pt/pt_entry.h"

VMM_RARE void vmm_pt_text_prot(const struct vmm_sink *sink,
	const struct vmm_pt_format *format, unsigned prot)
{
	char text[VMM_PT_PROT_COUNT + 1] = "-----";
	/* A and D say something only where they are tracked. */
	unsigned count = format->tracked != 0 ? VMM_PT_PROT_COUNT : 5;

	for (unsigned i = 0; i < count; i++) {
		text[i] = '-';
		if ((prot & (1u << i)) != 0)
			text[i] = "rwxugad"[i];
	}
	vmm_text_str(sink, text);
	if ((prot & VMM_PT_TYPE_MASK) == VMM_PT_NC)
		vmm_text_str(sink, " nc");
	if ((prot & VMM_PT_TYPE_MASK) == VMM_PT_IO)
		vmm_text_str(sink, " io");
}

static void dump_run(const struct vmm_sink *sink,
	const struct vmm_pt_format *format, const struct vmm_pt_run *run)
{
	vmm_text_range(sink, run->va, run->size);
	vmm_text_size(sink, run->size, 6);
	if (run->tag != 0) {
		vmm_text_str(sink, " absent, tag ");
		vmm_text_addr(sink, run->tag);
	} else {
		vmm_text_str(sink, " -> ");
		vmm_text_addr(sink, run->pa);
		vmm_text_size(sink, UINT64_C(1) << run->shift, 5);
		vmm_text_str(sink, " ");
		vmm_pt_text_prot(sink, format, run->prot);
	}
	vmm_text_str(sink, "\n");
}

VMM_RARE void vmm_pt_dump(const struct vmm_pt *pt, const struct vmm_sink *sink)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_all();
	struct vmm_pt_run run;

	cursor.tags = true;
	vmm_text_str(sink, pt->format->name);
	vmm_text_str(sink, " root ");
	vmm_text_addr(sink, pt->root);
	vmm_text_str(sink, ", ");
	vmm_text_dec(sink, pt->table_count, 0);
	vmm_text_str(sink, " tables\n");
	while (vmm_pt_next(pt, &cursor, &run))
		dump_run(sink, pt->format, &run);
}
