/* SPDX-License-Identifier: MIT */
/*
 * The same kernel on x86-64: what is here differs from examples/kernel, and all
 * that works with memory is shared with it.
 */
#include "boot.h"
#include "console.h"
#include "harts.h"
#include "kernel.h"
#include "setup.h"
#include "tables.h"

#include <vmm/x86.h>

_Noreturn void kernel_main(vmm_pa_t start_info);

/* On a stack with a guard page. */
static void kernel_run(void)
{
	setup_check();
	setup_release();
	kernel_work();
	succeed(kernel.format->name, kernel.hold);
}

void kernel_main(vmm_pa_t start_info)
{
	struct vmm_sink sink = console();

	tables_load();
	boot_enter(start_info);
	print("\nlibvmm kernel: loaded at %x, running in %s, pages up to "
	      "%s\n\n",
		kernel.load_pa, kernel.format->name,
		kernel.format->leaf_level_max == 2 ? "1 GiB" : "2 MiB");
	setup_dmap();
	setup_frames();
	setup_layout();
	setup_table();
	vmm_x86_cr3_write(vmm_x86_cr3(&kernel.pt, 0));
	print("\npage table\n");
	vmm_pt_dump(&kernel.pt, &sink);
	print("\n");
	harts_init(0, kernel_run);
}
