/* SPDX-License-Identifier: MIT */
/*
 * A machine whose RAM we share and whose MMU walks the tables that we build in
 * it. It runs a few instructions, up to where paging is on, and is then stopped
 * for good; from there on the tables are ours to change.
 */
#ifndef GUEST_H
#define GUEST_H

#include "monitor.h"

#include <vmm/pt.h>
#include <vmm_model/mmu.h>

#define GUEST_RAM_SIZE	(UINT64_C(16) << 20)
/* The stub lies below; tables lie from here on, the root first. */
#define GUEST_TABLES	(UINT64_C(1) << 20)
#define GUEST_PAGES	1024
/* Words that the stub reads, by their distance from its start. */
#define GUEST_ARGUMENTS 256

struct guest {
	struct monitor monitor;
	const struct vmm_pt_format *format;
	uint8_t *ram;	 /* the host's view of it */
	vmm_pa_t ram_pa; /* where the guest sees it */
	struct vmm_mmu_config model;
	struct vmm_mmu_regs regs; /* of the model's hart */
	struct vmm_pages pages;	  /* a source of tables, with junk in them */
	uint32_t pages_used;
	uint8_t used[GUEST_PAGES];
};

/* Start a machine for @format and stop it where its MMU uses the root. */
void guest_start(struct guest *guest, const struct vmm_pt_format *format);

/*
 * The machine's root, as a new and empty table in a format that is the
 * machine's or a copy of it.
 */
void guest_table(struct guest *guest, struct vmm_pt *pt,
	const struct vmm_pt_format *format);

/*
 * Where the adversarial model's MMU says that @va leads, for the access that the
 * monitor asks about: a load that may use every page.
 */
bool guest_model(struct guest *guest, vmm_va_t va, vmm_pa_t *pa_out);

void guest_end(struct guest *guest);

#endif /* GUEST_H */
