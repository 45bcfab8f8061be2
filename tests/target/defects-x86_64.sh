#!/bin/bash
# defects-x86_64.sh [NAME ...]
#
# Defects of the kernel for x86-64, or of the library under it.
set -eu
export LC_ALL=C
mode=la57
wanted="$*"
# shellcheck source-path=SCRIPTDIR source=defects-lib.sh
. "$(dirname "$0")/defects-lib.sh"
start

kernel=examples/kernel-x86_64
shared=examples/kernel
formats=src/pt/pt_formats.c

# A flush too few: in QEMU, too, an entry stays in the TLB until it goes. But its
# CR3 takes the global entries along, so that G is nothing that it could judge.
defect flush_nowhere $kernel/harts.c \
	's/^\tvmm_x86_flush\(gather, false\);/\t(void)gather;/' \
	'is writable after protect'
defect flush_after_protect $shared/work.c \
	'/^static void set_prot/,/^}/ s/^\tharts_flush\(&gather\);//' \
	'is writable after protect'
defect flush_after_unmap $shared/work.c \
	'/^static void unback/,/^}/ s/^\t\tharts_flush\(&gather\);//' \
	'is readable after unmap'
defect flush_one_page_of_many include/vmm/x86.h \
	's/i < plan.count/i < 1/' \
	'is (writable after protect|readable after unmap)'

defect merge_too_little $shared/superpage.c \
	's/vmm_align_down\(va, size\), size, &gather/va, size >> 9, \&gather/' \
	'is no superpage again'
defect flush_after_split $shared/superpage.c \
	'0,/^\tflush\(&gather\);/ s/^\tflush\(&gather\);/\tvmm_pt_reap(\&kernel.pt, \&gather);/' \
	'is writable after protect'

# A wrong bit in the description of the entries.
defect bit_data_is_executable $formats \
	's/\{\.unset = X86_XD\}/{.unset = 0}/' \
	'data is executable'
defect bit_readable_is_writable $formats \
	's/\{\.set = X86_P\},/{.set = X86_P | X86_RW},/' \
	'kernel text is writable'

# Something lost, and protection that is not there.
defect lost_frame $shared/work.c \
	'/^static void unback/,/^}/ s/size_t i = 0;/size_t i = 1;/' \
	'lost frames: [0-9]+ free at the start, [0-9]+ at the end'
defect lost_table $shared/work.c \
	's/^\tprune_arena\(\);/\t(void)prune_arena;/' \
	'lost (frames|page tables)'
defect writable_text $shared/setup.c \
	's/__rodata_start, VMM_PT_READ \| VMM_PT_EXEC/__rodata_start, VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC/' \
	'kernel text is writable'
defect writable_alias $shared/setup.c \
	's/&image, 1\)/\&image, 0)/' \
	'kernel text has a writable alias'
defect boot_tables_stay $kernel/main.c \
	's/^\tvmm_x86_cr3_write\(.*\);//' \
	'trap 14, error 2 at pc 0xffffffff.*, address 0xfff0'
defect stack_overflow $shared/work.c \
	's/^void kernel_work\(void\)$/__attribute__((noinline)) static uint64_t deep(volatile uint64_t *p) { volatile uint64_t a[64]; a[0] = p[0] + 1; return a[0] == 0 ? 0 : deep(a) + a[0]; }\nvoid kernel_work(void)/; s/^\tinit_arena\(\);/\tvolatile uint64_t one[1] = {1}; if (deep(one)) init_arena();/' \
	'trap 14, error 2 at pc 0xffffffff.*, address 0x.*0[0-9a-f]{3}'
exit "$bad"
