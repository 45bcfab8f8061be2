#!/bin/bash
# alias.sh KERNEL MODE
#
# No page of the kernel's text or constants can be written through any address:
# by QEMU's own print of the page table that the kernel ends with. The kernel is
# told to keep the machine on, and QEMU's monitor is asked.
set -eu
export LC_ALL=C
kernel=$1
mode=$2
work=$(mktemp -d)
qemu=
trap '[ -z "$qemu" ] || kill "$qemu" 2>/dev/null; rm -rf "$work"' EXIT

# The read-only segments: physical address and size, as hexadecimal numbers.
llvm-readelf -lW "$kernel" |
	awk '$1 == "LOAD" && $7 !~ /W/ && $8 !~ /W/ { print $4, $6 }' \
		>"$work/read-only"
if [ "$(wc -l <"$work/read-only")" -ne 2 ]; then
	echo "FAIL: $kernel has not two read-only segments"
	exit 1
fi

mkfifo "$work/monitor"
qemu-system-riscv64 -machine virt -smp 2 -display none -bios default \
	-kernel "$kernel" -append "mode=$mode hold" -no-reboot \
	-serial "file:$work/log" -monitor stdio \
	<"$work/monitor" >"$work/answer" 2>&1 &
qemu=$!
exec 3>"$work/monitor"
for ((tries = 0; tries < 300; tries++)); do
	grep -q '^kernel: ' "$work/log" 2>/dev/null && break
	sleep 0.1
done
if ! grep -q "^kernel: $mode ok" "$work/log"; then
	cat "$work/log"
	echo "FAIL: the kernel did not end well"
	exit 1
fi
printf 'info mem\nquit\n' >&3
exec 3>&-
wait "$qemu" || true
qemu=

# Rows of `info mem`: virtual address, physical address, size, rights.
tr -d '\r' <"$work/answer" |
	grep -E '^[0-9a-f]{16} [0-9a-f]{16} [0-9a-f]{16} ' >"$work/rows"
rows=0
bad=0
while read -r va pa size rights; do
	rows=$((rows + 1))
	while read -r text bytes; do
		# Do they share a byte?
		[ $((16#$pa)) -lt $((text + bytes)) ] || continue
		[ $((text)) -lt $((16#$pa + 16#$size)) ] || continue
		case $rights in
		*w*)
			echo "FAIL: 0x$va maps read-only 0x$pa with $rights"
			bad=1
			;;
		*) echo "0x$va -> 0x$pa $rights" ;;
		esac
	done <"$work/read-only"
done <"$work/rows"
# The text, the constants, the data, and RAM on either side of the image.
if [ "$rows" -lt 4 ]; then
	cat "$work/answer"
	echo "FAIL: QEMU printed only $rows rows"
	exit 1
fi
[ "$bad" -eq 0 ] || exit 1
echo "ok: $rows rows, none of them a writable alias"
