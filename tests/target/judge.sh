#!/bin/bash
# judge.sh
#
# Does tools/boot-kernel judge well? A script stands in for QEMU and acts out
# each way a boot can end; only one of them is a success.
set -eu
export LC_ALL=C
boot=$(cd "$(dirname "$0")/../.." && pwd)/tools/boot-kernel
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/kernel.elf"
bad=0

expect() { # expect VERDICT MODE SCRIPT: that is boot-kernel's last line
	local out status=0 last

	printf '#!/bin/sh\n%s\n' "$3" >"$work/qemu"
	chmod +x "$work/qemu"
	out=$(QEMU_SYSTEM_RISCV64=$work/qemu QEMU_SYSTEM_X86_64=$work/qemu \
		BOOT_TIMEOUT=2 \
		"$boot" "$work/kernel.elf" "$2" -m 64M) || status=$?
	last=$(tail -n 1 <<<"$out")
	case $1 in
	*" ok") [ "$status" -eq 0 ] || last="$last, status $status" ;;
	*) [ "$status" -eq 1 ] || last="$last, status $status" ;;
	esac
	if [ "$last" = "$1" ]; then
		echo "ok: $last"
	else
		echo "FAIL: wanted \"$1\", not \"$last\""
		bad=1
	fi
}

# The firmware's console ends lines with a carriage return.
expect 'boot: sv48 ok' sv48 \
	'printf "OpenSBI\r\nkernel: sv48 ok\r\n"'
expect 'boot: widest ok' widest \
	'case "$*" in *append*) exit 1 ;; esac; echo "kernel: sv57 ok"'
expect 'boot: sv39 ok' sv39 \
	'case "$*" in *"-append mode=sv39 -m 64M") echo "kernel: sv39 ok" ;; esac'

expect 'boot: sv48 FAILED (frames lost: 1)' sv48 \
	'echo "kernel: FAILED: frames lost: 1"'
expect 'boot: sv48 FAILED (frames lost: 1)' sv48 \
	'echo "kernel: FAILED: frames lost: 1"; exit 1'
expect 'boot: sv48 FAILED (frames lost: 1)' sv48 \
	'echo "kernel: FAILED: frames lost: 1"; echo "kernel: sv48 ok"'
expect 'boot: sv48 FAILED (frames lost: 1; not powered off after 2 s)' sv48 \
	'echo "kernel: FAILED: frames lost: 1"; exec sleep 30'
expect 'boot: sv48 FAILED (the kernel ran in sv39, not in sv48)' \
	sv48 'echo "kernel: sv39 ok"'
expect 'boot: widest FAILED (the kernel ran in sv39, not in sv48 or sv57)' \
	widest 'echo "kernel: sv39 ok"'
expect 'boot: sv48 FAILED (the kernel ended without a verdict; last line: kernel: or ok)' \
	sv48 'echo "kernel: or ok"'
expect 'boot: sv48 FAILED (the kernel ended without a verdict; last line: boot tables done)' \
	sv48 'echo "boot tables done"'
expect 'boot: sv48 FAILED (the kernel ended without a verdict; last line: )' \
	sv48 'exit 0'
expect 'boot: sv48 FAILED (the kernel ended without a verdict; last line: trap)' \
	sv48 'echo "kernel: sv48 ok"; echo trap'
expect 'boot: sv48 FAILED (the kernel ended without a verdict; last line: not kernel: sv48 ok)' \
	sv48 'echo "not kernel: sv48 ok"'
expect 'boot: sv48 FAILED (QEMU ended with status 3: kernel: sv48 ok)' \
	sv48 'echo "kernel: sv48 ok"; exit 3'
expect 'boot: sv48 FAILED (QEMU ended with status 1: qemu: no such machine)' \
	sv48 'echo "qemu: no such machine" >&2; exit 1'
expect 'boot: sv48 FAILED (no verdict after 2 s; last line: satp written)' \
	sv48 'echo "satp written"; trap "echo qemu: terminating on signal 15; exit" TERM
	sleep 5 >/dev/null 2>&1 & wait'
expect 'boot: sv48 FAILED (sv48 ok, but not powered off after 2 s)' \
	sv48 'echo "kernel: sv48 ok"; exec sleep 30'
expect 'boot: sv99 FAILED (no such mode; there are sv39, sv48, sv57, widest, x86_64 and la57)' \
	sv99 'echo "kernel: sv99 ok"'

# The exit device of x86-64 cannot say 0, and a reset ends QEMU with it.
expect 'boot: x86_64 ok' x86_64 'echo "kernel: x86_64 ok"; exit 33'
expect 'boot: la57 FAILED (the kernel ran in x86_64, not in la57)' la57 \
	'echo "kernel: x86_64 ok"; exit 33'
expect 'boot: la57 FAILED (QEMU ended with status 0: kernel: la57 ok)' la57 \
	'echo "kernel: la57 ok"'
expect 'boot: la57 FAILED (frames lost: 1)' la57 \
	'echo "kernel: FAILED: frames lost: 1"; exit 35'

rm "$work/kernel.elf"
expect "boot: sv48 FAILED (there is no kernel at $work/kernel.elf)" \
	sv48 'echo "kernel: sv48 ok"'
exit "$bad"
