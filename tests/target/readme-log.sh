#!/bin/bash
# readme-log.sh README KERNEL FIRST
#
# The boot log in the README that begins with the line FIRST, a regular
# expression, is one that the kernel prints: each of its lines comes in the log of
# a boot, in the same order. Numbers may differ, since they depend on the
# compiler and the firmware.
set -eu
export LC_ALL=C
readme=$1
kernel=$2
first=$3
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

shape() { # numbers and blanks become one sign each
	tr -d '\r' | sed -E 's/0x[0-9a-f]+|[0-9]+[KMG]?/#/g; s/ +/ /g'
}

sed -n "/^    $first\$/,/^    kernel: /s/^    //p" "$readme" |
	grep -vx '\.\.\.' | shape >"$work/readme"
if [ "$(wc -l <"$work/readme")" -lt 10 ]; then
	echo "FAIL: there is no boot log in $readme"
	exit 1
fi
"$root/tools/boot-kernel" "$kernel" sv48 -smp 4 | shape >"$work/log"
if ! awk 'NR == FNR { want[++n] = $0; next }
	at < n && $0 == want[at + 1] { at++ }
	END { if (at < n) { print "FAIL: not in the log: " want[at + 1]; exit 1 } }' \
	"$work/readme" "$work/log"; then
	exit 1
fi
echo "ok: $(wc -l <"$work/readme") lines of the README are in the log"
