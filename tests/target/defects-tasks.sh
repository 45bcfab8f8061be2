#!/bin/bash
# defects-tasks.sh [NAME ...]
#
# Defects of the kernel with user mode, or of the library under it.
set -eu
export LC_ALL=C
mode=sv48
which=tasks
wanted="$*"
export BOOT_TIMEOUT=60
# shellcheck source-path=SCRIPTDIR source=defects-lib.sh
. "$(dirname "$0")/defects-lib.sh"
start

tasks=examples/tasks

# Stale translations on other harts, and frames that are free too early: tasks
# read what they must not.
defect flush_nothing $tasks/table.c \
	's/^\tvmm_riscv_flush\(gather, table->asid\);/\tif (others < UINT64_MAX)\n\t\treturn;\n&/' \
	'unmap: a thread read a page (after it was unmapped|that is free)'
defect flush_only_here $tasks/table.c \
	's/if \(others == 0 \|\|/if (others < UINT64_MAX ||/' \
	'unmap: a thread read a page (after it was unmapped|that is free)'
defect flush_wrong_id $tasks/table.c \
	's/VMM_RISCV_OWN, table->asid, &fence\) &&/VMM_RISCV_OWN, table->asid, \&fence) \&\& others == 0 \&\&/' \
	'unmap: a thread read a page (after it was unmapped|that is free)'
defect put_before_flush src/space/space_op.c \
	'/^void vmm_space_settle/,/^}/ { s/^\tput_all\(space, gather\);//; s/^\tif \(hooks->flush != NULL\)/\tput_all(space, gather);\n&/ }' \
	'unmap: a thread read a page that is free'
defect copy_without_flush src/space/space_resolve.c \
	'/^static int exchange/,/^}/ s/^\tvmm_space_settle\(space, op\);/\top->gather.flags \&= VMM_TLB_NON_LEAF;\n&/' \
	'fork: a thread reads the page from before the fork'

# What the kernel owes the library about frames.
defect holders_forgotten $tasks/supply.c \
	's/return vmm_pmem_frames_shares\(&front, pa\);/return (void)pa, 1;/' \
	"(copy on write|image|fork): "
defect get_forgotten $tasks/supply.c \
	's/int err = vmm_pmem_frames_get\(&front, pa \+ vmm_pfn_to_pa\(i\)\);/int err = VMM_OK;/' \
	'frame 0x[0-9a-f]*: VMM_EEXIST'
defect put_forgotten $tasks/supply.c \
	'/^static void frames_put_hook/,/^}/ s/^\t\tput\(/\t\tif (i > 0)\n\t\t\tput(/' \
	'image: frames [0-9]+, then [0-9]+'
defect not_copied $tasks/supply.c \
	's/^\t__builtin_memcpy\(__va\(to\), .*$/\t(void)to;\n\t(void)from;/' \
	'copy on write: the child lost its own bytes'
defect not_zeroed $tasks/supply.c \
	's/alloc\(OWNER_SPACE, order, zero, pa_out\)/alloc(OWNER_SPACE, order, zero \&\& order > 0, pa_out)/' \
	'heap: the heap has other words than were written'

# Programs and their memory.
defect text_writable $tasks/elf.c \
	's/^\tif \(\(flags & PF_X\) != 0\)/\tif ((flags \& PF_X) != 0 \&\& prot != 77)\n\t\tprot |= VMM_PT_WRITE;\n&/' \
	'program [a-z]+: VMM_ENOTSUP'
defect no_guard $tasks/process.c \
	's/\.guard = \{STACK_GUARD, 0\},//' \
	'guard: its task ended with 0x0000000000010007'
defect not_swapped $tasks/process.c \
	's/^\tif \(other == process\)/\tif (other == process || other != NULL)/' \
	'swap: a task '
defect heap_not_adopted $tasks/process.c \
	's/^\terr = vmm_space_fork\(&child->space, &parent->space, VMM_FORK_COW\);/\terr = vmm_space_fork(\&child->space, \&parent->space, VMM_FORK_COPY);/' \
	'copy on write: fork copied what nobody wrote'
defect key_kept $tasks/shared.c \
	's/^\tvmm_object_put\(&shared\[key\].object\);//' \
	'shared memory: shared memory outlives its last user'
exit "$bad"
