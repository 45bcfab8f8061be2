#!/bin/bash
# tasks.sh KERNEL MODE [arguments of QEMU ...]
#
# Boot the kernel with user mode. It must end well, each scenario must say what
# it proves and that everything came back, and the stack that overflowed must be
# named, in words, level by level.
set -eu
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kernel=$1
mode=$2
shift 2
bad=0

status=0
BOOT_TIMEOUT=170 "$root/tools/boot-kernel" "$kernel" "$mode" "$@" |
	tr -d '\r' | tee "$work/log" || status=$?
[ "$(tail -n 1 "$work/log")" = "boot: $mode ok" ] || status=1
[ "$status" -eq 0 ] || exit 1

has() { # has REGEX: a line of the log
	if ! grep -Eqx "$1" "$work/log"; then
		echo "FAIL: the log has no line \"$1\""
		bad=1
	fi
}

case "$*" in
*without-asids*) has 'tasks: 0 address-space ids are used' ;;
*) has 'tasks: 4095 address-space ids are used' ;;
esac
same='; frames [0-9]+, pages [0-9]+, as before'
has "tasks: image: 5 kinds of access .* were refused$same"
has "tasks: heap: [0-9]+ pages in all for a heap of 32 GiB, .*$same"
has "tasks: copy on write: [0-9]+ pages are one's own as soon as .*$same"
has "tasks: protect: 2 kinds of access were taken away, and given back$same"
has "tasks: kinds: 4 kinds of mappings did as they should: .*$same"
has "tasks: exec: 1 mapping was kept, the image is another one$same"
has "tasks: shared memory: [0-9]+ pages outlived the task .*$same"
has "tasks: swap: [0-9]+ turns in one page table, two tasks at .*$same"
has "tasks: faults: [0-9]+ touches by all harts at once, .*$same"
has "tasks: unmap: [0-9]+ pages were unmapped while another hart .*$same"
has "tasks: fork: [0-9]+ forks while other harts wrote, .*$same"
has "tasks: abuse: [0-9]+ children that asked for nonsense, .*$same"
has "tasks: tree: [0-9]{3,} forks until memory ran out$same"

# The guard: who died of what, and the explanation.
has 'task [0-9]+ of deep is killed: guard'
has 'write by the user at 0x[0-9a-f]{16}: guard below stack "deep"'
has '  level 0 .*: 0x0000000000000000, absent'
has '  verdict  the guard page below stack "deep" was hit: the stack overflowed'
has "tasks: guard: a stack that overflows ends at its guard$same"
[ "$bad" -eq 0 ] || exit 1
echo "ok: every scenario in $mode"
