#!/bin/bash
# machines.sh KERNEL QEMU
#
# One binary on machines that have only some of the paging modes: by what the
# devicetree says, and by what satp takes where it says nothing. And what the
# kernel says when it is asked for a mode that is not there.
set -eu
export LC_ALL=C
kernel=$1
qemu=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# boots NAME WANTED MODE [arguments of QEMU ...]: the verdict is WANTED.
boots() {
	local name=$1 wanted=$2 mode=$3 last

	shift 3
	QEMU_SYSTEM_RISCV64=$qemu "$root/tools/boot-kernel" "$kernel" \
		"$mode" "$@" >"$work/log" 2>&1 || true
	last=$(tail -n 1 "$work/log")
	if [ "$last" = "boot: $wanted" ]; then
		echo "ok $name: $last"
	else
		cat "$work/log"
		echo "FAIL $name: \"$last\" and not \"boot: $wanted\""
		bad=1
	fi
}

sv39=rv64,sv48=off,sv57=off
sv48=rv64,sv57=off
boots sv39_only "widest=sv39 ok" widest=sv39 -cpu $sv39 -smp 4
boots sv48_only "widest=sv48 ok" widest=sv48 -cpu $sv48 -smp 4
boots all_modes "widest=sv57 ok" widest=sv57 -cpu rv64 -smp 4
boots not_there "sv48 FAILED (this hart has no sv48)" sv48 -cpu $sv39
boots not_there_57 "sv57 FAILED (this hart has no sv57)" sv57 -cpu $sv48
# Accessed and dirty bits that hardware never sets (Svade).
boots svade "sv48 ok" sv48 -cpu rv64,svade=on,svadu=off -smp 2

# No word about modes in the devicetree: the kernel has to try.
"$qemu" -machine virt,dumpdtb="$work/silent.dtb" -cpu $sv39 -nographic \
	>/dev/null 2>&1 </dev/null
fdtput -d "$work/silent.dtb" /cpus/cpu@0 mmu-type
boots silent_tree "widest=sv39 ok" widest=sv39 -cpu $sv39 \
	-dtb "$work/silent.dtb"
exit "$bad"
