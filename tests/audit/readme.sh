#!/bin/bash
# readme.sh README COMPILER LIBRARY
#
# The README's example is true: the code block after the line
# "<!-- example: hosted -->" builds against the library without a warning, and
# prints exactly the block after "<!-- output: hosted -->".
set -eu
export LC_ALL=C
readme=$1
compiler=$2
library=$3
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

block() { # block MARK: the lines of the first fenced block after the mark
	awk -v mark="<!-- $1 -->" '
	$0 == mark { armed = 1; next }
	armed && /^```/ {
		if (inside)
			exit
		inside = 1
		next
	}
	inside { print }
	armed && !inside && NF > 0 { exit }' "$readme"
}

if [ ! -f "$readme" ]; then
	echo "FAIL: there is no $readme"
	exit 1
fi
block "example: hosted" >"$work/example.c"
block "output: hosted" >"$work/expected.txt"
for file in example.c expected.txt; do
	if [ ! -s "$work/$file" ]; then
		echo "FAIL: $readme has no block for $file: a fenced block right" \
			"after <!-- example: hosted -->, <!-- output: hosted -->"
		exit 1
	fi
done

"$compiler" -std=c11 -Wall -Wextra -Werror -pedantic -I"$root/include" \
	"$work/example.c" "$library" -o "$work/example"
status=0
"$work/example" >"$work/output.txt" </dev/null || status=$?
if [ "$status" -ne 0 ]; then
	cat "$work/output.txt"
	echo "FAIL: the example ended with status $status"
	exit 1
fi
if ! diff -u --label README --label "the example" \
	"$work/expected.txt" "$work/output.txt"; then
	echo "FAIL: the example prints something else than the README says"
	exit 1
fi
echo "ok: $(wc -l <"$work/example.c") lines of example," \
	"$(wc -l <"$work/output.txt") lines of output"
