#!/bin/bash
# model_readme.sh README EXAMPLE PROGRAM
#
# The README of the MMU model is true: the block after
# "<!-- example: own_kernel -->" is EXAMPLE from its first include on, and the
# block after "<!-- output: own_kernel -->" is what PROGRAM, which was built from
# it, prints.
set -eu
export LC_ALL=C
readme=$1
example=$2
program=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

block() { # block MARK: the lines of the fenced block after the mark
	awk -v mark="<!-- $1 -->" '
	$0 == mark { armed = 1; next }
	armed && /^```/ {
		if (inside)
			exit
		inside = 1
		next
	}
	inside { print }' "$readme"
}

compare() { # compare WHAT SHOWN THERE
	if [ ! -s "$2" ]; then
		echo "FAIL: $readme has no block for the $1"
		exit 1
	fi
	if ! diff -u --label README --label "$1" "$2" "$3"; then
		echo "FAIL: the README shows another $1"
		exit 1
	fi
}

block "example: own_kernel" >"$work/shown.c"
block "output: own_kernel" >"$work/shown.txt"
sed -n '/^#include/,$p' "$example" >"$work/example.c"
"$program" >"$work/output.txt"
compare "example" "$work/shown.c" "$work/example.c"
compare "output" "$work/shown.txt" "$work/output.txt"
echo "ok: $(wc -l <"$work/shown.c") lines of example," \
	"$(wc -l <"$work/shown.txt") lines of output"
