#!/bin/bash
# defects.sh [NAME ...]
#
# Does the demonstration bite? Each defect is one small edit to a copy of the
# tree; the demonstration must then end with a failure that says what is wrong.
# The unchanged copy goes first and must succeed. A defect whose edit no longer
# matches anything is a failure too: the row is stale.
set -eu
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
bad=0

# Several times what a good boot takes: a defect may well hang.
export BOOT_TIMEOUT=${BOOT_TIMEOUT:-10}

demo() { # the demonstration's status and, in $last, its verdict
	local status=0

	"$tree/tools/demo" sv48 </dev/null >"$work/log.txt" 2>&1 || status=$?
	last=$(tail -n 1 "$work/log.txt")
	return "$status"
}

wrong() {
	echo "FAIL $*"
	bad=1
}

wanted="$*"
# defect NAME FILE SED REGEX: with FILE edited by SED, the verdict is a failure
# whose reason matches REGEX.
defect() {
	local name=$1 file=$tree/$2

	case " ${wanted:-$name} " in
	*" $name "*) ;;
	*) return ;;
	esac
	if [ ! -f "$file" ]; then
		wrong "$name: there is no $2"
		return
	fi
	cp "$file" "$work/saved"
	sed -E "$3" "$work/saved" >"$file"
	if cmp -s "$file" "$work/saved"; then
		wrong "$name: the edit matches nothing in $2: $3"
		return
	fi
	if demo; then
		wrong "$name: not noticed; the verdict is \"$last\""
	elif ! grep -Eq "^demo: sv48 FAILED \((.*)\)\$" <<<"$last" ||
		! grep -Eq "$4" <<<"$last"; then
		wrong "$name: the verdict is \"$last\", not \"$4\""
		tail -n 20 "$work/log.txt"
	else
		echo "ok $name: $last"
	fi
	cp "$work/saved" "$file"
}

mkdir "$tree"
tar -C "$root" --exclude=./build --exclude=./.git --exclude=./out -cf - . |
	tar -C "$tree" -xf -
if demo; then
	echo "ok unchanged: $last"
else
	cat "$work/log.txt"
	wrong "the unchanged tree: $last"
	exit 1
fi

kernel=examples/kernel

# A fence too few: in QEMU, too, an entry stays in the TLB until it is flushed.
defect fence_nowhere $kernel/work.c \
	's/^\tvmm_riscv_flush\(gather, 0\);/\t(void)gather;/' \
	'is writable after protect'
defect fence_after_protect $kernel/work.c \
	'/^static void check_protect/,/^}/ s/^\tflush\(&gather\);//' \
	'is writable after protect'
defect fence_after_unmap $kernel/work.c \
	'/^static void unback/,/^}/ s/^\t\tflush\(&gather\);//' \
	'is readable after unmap'

# A wrong bit in the description of the entries. Where the boot tables become
# useless there is nobody left to print a reason.
defect bit_writable_is_executable src/pt/pt_formats.c \
	's/\{\.set = PTE_R \| PTE_W\},/{.set = PTE_R | PTE_W | PTE_X},/' \
	'boot tables: VMM_EEXIST'
defect bit_executable_is_writable src/pt/pt_formats.c \
	's/\{\.set = PTE_X\},/{.set = PTE_X | PTE_W},/' \
	'kernel text is writable'
defect bit_address_shift src/pt/pt_formats.c \
	's/\.pa_shift = 2/.pa_shift = 3/' \
	'no verdict after [0-9]+ s'
defect bit_satp_mode src/pt/pt_formats.c \
	's/"sv48", 4, 9/"sv48", 4, 8/' \
	'no verdict after [0-9]+ s'

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
	's/^(\tcheck\(vmm_pmem_free\(.*"free in part"\);)/\1\1/' \
	'free in part: VMM_E'

# Protection that is not there.
defect writable_text $kernel/main.c \
	's/__rodata_start, VMM_PT_READ \| VMM_PT_EXEC/__rodata_start, VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC/' \
	'kernel text is writable'
defect writable_alias $kernel/main.c \
	's/^(\t\t      )&image, 1\)/\1\&image, 0)/' \
	'kernel text has a writable alias'
exit "$bad"
