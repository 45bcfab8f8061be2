#!/bin/bash
# plants.sh DIRECTORY MACHINE
#
# Does the audit bite? DIRECTORY holds one archive per file in plants/, each
# with a single planted fault that the audit must refuse in words that name
# it, and a clean one that it must let pass.
set -eu
export LC_ALL=C

directory=$1
machine=$2
here=$(dirname "$0")
bad=0

expect() { # expect PLANT REGEX: the audit fails, and says so in these words
	local out

	if out=$("$here/archive.sh" "$directory/libplant_$1.a" 2>&1); then
		echo "FAIL $1: the audit let it pass"
		bad=1
	elif ! grep -Eq "^FAIL $2" <<<"$out"; then
		echo "FAIL $1: refused, but not for \"$2\":"
		printf '%s\n' "$out"
		bad=1
	else
		echo "ok $1: $(grep -E "^FAIL $2" <<<"$out" | head -n 1)"
	fi
}

if out=$("$here/archive.sh" "$directory/libplant_clean.a" 2>&1); then
	echo "ok clean: the audit lets it pass"
else
	echo "FAIL clean: the audit refused it:"
	printf '%s\n' "$out"
	bad=1
fi
expect writable_global 'state: .* variable count'
expect writable_global 'state: .* section \.s?data'
expect zeroed_global 'state: .* variable vmm_plant_count'
expect malloc_call 'undefined: malloc '
expect library_call 'undefined: __udivti3 '
expect unprefixed 'name: .* page_align,'
expect pointer_table 'position: .* holds the address of '
if [ "$machine" = riscv64 ]; then
	expect extern_table 'position: .*text.* vmm_elsewhere .*GOT'
fi
exit "$bad"
