#!/bin/bash
# defects.sh [NAME ...]
#
# Defects of the kernel for RISC-V, or of the library under it.
set -eu
export LC_ALL=C
mode=sv48
wanted="$*"
# shellcheck source-path=SCRIPTDIR source=defects-lib.sh
. "$(dirname "$0")/defects-lib.sh"
start

kernel=examples/kernel

# A fence too few: in QEMU, too, an entry stays in the TLB until it is flushed.
defect fence_nowhere $kernel/harts.c \
	's/^\tif \(!plan.needed\)/\tif (plan.needed || online() > 0)/' \
	'is writable after protect'
defect fence_after_protect $kernel/work.c \
	'/^static void set_prot/,/^}/ s/^\tharts_flush\(&gather\);//' \
	'is writable after protect'
defect fence_after_unmap $kernel/work.c \
	'/^static void unback/,/^}/ s/^\t\tharts_flush\(&gather\);//' \
	'is readable after unmap'
defect fence_remote $kernel/harts.c \
	's/online\(\) > 1 && /online() > 100 \&\& /' \
	'hart [1-3]: address .* is readable after unmap'

defect merge_too_little $kernel/superpage.c \
	's/vmm_align_down\(va, size\), size, &gather/va, size >> 9, \&gather/' \
	'is no superpage again'
defect flush_after_split $kernel/superpage.c \
	'0,/^\tflush\(&gather\);/ s/^\tflush\(&gather\);/\tvmm_pt_reap(\&kernel.pt, \&gather);/' \
	'is writable after protect'

# A wrong bit in the description of the entries.
defect bit_writable_is_executable src/pt/pt_formats.c \
	's/\{\.set = PTE_R \| PTE_W\},/{.set = PTE_R | PTE_W | PTE_X},/' \
	'data is executable'
defect bit_executable_is_writable src/pt/pt_formats.c \
	's/\{\.set = PTE_X\},/{.set = PTE_X | PTE_W},/' \
	'kernel text is writable'
# Which of two things the kernel stumbles over depends on where its image ends.
defect bit_address_shift src/pt/pt_formats.c \
	's/\.pa_shift = 2/.pa_shift = 3/' \
	'(boot tables: VMM_EEXIST|trap 2 at pc)'

# Harts that go wrong on the way, and stacks that overflow, still say so.
defect hart_bad_mode $kernel/harts.c \
	's/\.boot_satp = boot.satp,/.boot_satp = 0,/' \
	'(trap [0-9]+ at pc|did not come up)'
defect hart_no_start $kernel/harts.c \
	's/while \(index < HARTS_MAX/while (index < 2/' \
	'2 harts did not start'
defect stack_overflow $kernel/work.c \
	's/^void kernel_work\(void\)$/__attribute__((noinline)) static uint64_t deep(volatile uint64_t *p) { volatile uint64_t a[64]; a[0] = p[0] + 1; return a[0] == 0 ? 0 : deep(a) + a[0]; }\nvoid kernel_work(void)/; s/^\tinit_arena\(\);/\tvolatile uint64_t one[1] = {1}; if (deep(one)) init_arena();/' \
	'trap 15 at pc 0xffffffff.*, address 0x.*1[0-9a-f]{3}'

# Something lost or given back twice.
defect lost_frame $kernel/work.c \
	'/^static void unback/,/^}/ s/size_t i = 0;/size_t i = 1;/' \
	'lost frames: [0-9]+ free at the start, [0-9]+ at the end'
defect lost_part_of_superpage $kernel/work.c \
	's/^.*"free in part"\);//' \
	'lost frames'
defect lost_table $kernel/work.c \
	's/^\tprune_arena\(\);/\t(void)prune_arena;/' \
	'lost (frames|page tables)'
defect freed_twice $kernel/work.c \
	's/^(\tcheck\(frame_free\(.*"free in part"\);)/\1\1/' \
	'free in part: VMM_E'

# Protection that is not there, in whole or in part.
defect writable_text $kernel/setup.c \
	's/__rodata_start, VMM_PT_READ \| VMM_PT_EXEC/__rodata_start, VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC/' \
	'kernel text is writable'
defect writable_alias $kernel/setup.c \
	's/&image, 1\)/\&image, 0)/' \
	'kernel text has a writable alias'
defect writable_alias_in_part $kernel/setup.c \
	's/\(uint64_t\)\(__image_end - __image_start\), 0\};/VMM_PAGE_SIZE, 0};/' \
	'kernel text has a writable alias'
defect protect_in_part $kernel/work.c \
	's/vmm_pt_protect\(&kernel.pt, base, size, /vmm_pt_protect(\&kernel.pt, base, size > 0 ? VMM_PAGE_SIZE : 0, /' \
	'is writable after protect'

# Mistakes in the boot tables, each of which would be a hart that hangs without
# a word: the self-test must predict it before paging is turned on.
boot=$kernel/boot.c
defect boot_no_identity $boot \
	's/SCRATCH_PAGES, maps, 6\)/SCRATCH_PAGES, maps + 3, 3)/' \
	'boot tables: pc at .* is not mapped: level'
defect boot_code_not_executable $boot \
	's/(__rodata_start, to, )RX\)/\1VMM_PT_READ)/' \
	'boot tables: pc at .* is not executable: level 0 entry'
defect boot_code_for_the_user $boot \
	's/^#define RX \(/#define RX (VMM_PT_USER | /' \
	'boot tables: pc at .* is for user mode: level 0 entry'
defect boot_wrong_frames $boot \
	's/\{pa \+ distance, pa,/{pa + distance, pa + 4096,/' \
	'boot tables: pc at .* is mapped elsewhere: 0x'
defect boot_stack_read_only $boot \
	's/(__image_end, to, )RW\)/\1VMM_PT_READ)/' \
	'boot tables: stack at .* is not writable: level 0 entry'
defect boot_stack_not_mapped $boot \
	's/section\(__data_start, __image_end, to, RW\)/section(__data_start, __data_start + 4096, to, RW)/' \
	'boot tables: stack at .* is not mapped: level 0 entry'
defect boot_no_trap_vector $kernel/entry.S \
	'/^_start:/,/^hart_entry:/ s/^\tlla\tt0, trap_early/\tli\tt0, 0x1000/' \
	'boot tables: trap vector at 0x0000000000001000 is not mapped'
defect boot_not_accessed src/pt/pt_formats.c \
	's/0, PTE_V \| PTE_A \| PTE_D, ALL/0, PTE_V | PTE_D, ALL/' \
	'boot tables: pc at .* has A or D clear: level 0 entry'
defect boot_not_dirty src/pt/pt_formats.c \
	's/0, PTE_V \| PTE_A \| PTE_D, ALL/0, PTE_V | PTE_A, ALL/' \
	'boot tables: stack at .* has A or D clear: level 0 entry'
defect boot_write_without_read src/pt/pt_formats.c \
	's/\{\.set = PTE_R \| PTE_W\},/{.set = PTE_W},/;s/\{\.set = PTE_R\},/{.set = 0},/' \
	'boot tables: .* has a reserved entry: level 0 entry'
defect boot_satp_mode src/pt/pt_formats.c \
	's/"sv48", 4, 9/"sv48", 4, 8/' \
	"boot tables: pc at .* satp's mode is not the tables'"
exit "$bad"
