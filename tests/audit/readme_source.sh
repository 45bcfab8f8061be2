#!/bin/bash
# readme_source.sh README [ROOT]
#
# What the README shows of the sources is in them: the block after a line
# "<!-- source: FILE FUNCTION -->" is that function of ROOT/FILE, to the letter.
# The tests build and run those files, so the block is as true as they are. Where
# the README says that process_load() has thirty lines, it has no more, not
# counting blank ones and comments.
set -eu
export LC_ALL=C
readme=$1
root=${2:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
count=0

block() { # block LINE: the lines of the first fenced block after that line
	awk -v from="$1" '
	NR <= from { next }
	/^```/ {
		if (inside)
			exit
		inside = 1
		next
	}
	inside { print }
	!inside && NF > 0 { exit }' "$readme"
}

function_of() { # function_of NAME FILE: from its first line to its last
	awk -v start="^[a-z].*[ *]$1\\\\(" '
	$0 ~ start { inside = 1; text = "" }
	inside { text = text $0 "\n" }
	inside && /^{/ { body = 1 }
	inside && !body && /;$/ { inside = 0 } # only declared
	inside && /^}/ { printf "%s", text; exit }' "$2"
}

while IFS=: read -r line mark; do
	read -r _ _ file name _ <<<"$mark"
	count=$((count + 1))
	block "$line" >"$work/shown"
	: >"$work/there"
	[ ! -f "$root/$file" ] || function_of "$name" "$root/$file" >"$work/there"
	if [ ! -s "$work/there" ]; then
		echo "FAIL: there is no function $name in $file"
		bad=1
	elif ! diff -u --label README --label "$file" \
		"$work/shown" "$work/there"; then
		echo "FAIL: the README shows another $name()"
		bad=1
	else
		echo "ok: $name() of $file"
	fi
	lines=$(awk '/^{/ { inside = 1; next } /^}/ { inside = 0 }
		inside && NF > 0 && !/^[ \t]+(\/\*| \*)/ { n++ }
		END { print n + 0 }' "$work/shown")
	if [ "$name" = process_load ] && [ "$lines" -gt 30 ]; then
		echo "FAIL: $name() has $lines lines, not thirty"
		bad=1
	fi
done < <(grep -n '^<!-- source: .* -->$' "$readme")
if [ "$count" -eq 0 ]; then
	echo "FAIL: $readme shows no source"
	exit 1
fi
exit "$bad"
