#!/bin/bash
# includes_plants.sh
#
# Does the audit of the includes bite? Each case adds a line or two to a copy of
# the sources, and the audit must refuse it in words that name it.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

expect() { # expect REGEX FILE LINE ...: the audit says so if FILE has LINE
	local out regex=$1

	rm -rf "$work/tree"
	mkdir -p "$work/tree"
	cp -r "$here/../../include" "$here/../../src" "$work/tree/"
	shift
	while [ $# -gt 0 ]; do
		mkdir -p "$(dirname "$work/tree/$1")"
		printf '%s\n' "$2" >>"$work/tree/$1"
		shift 2
	done
	if out=$("$here/includes.sh" "$work/tree" 2>&1); then
		echo "FAIL: passed, and should not for \"$regex\""
		bad=1
	elif ! grep -Eq "$regex" <<<"$out"; then
		echo "FAIL: refused, but not for \"$regex\":"
		printf '%s\n' "$out"
		bad=1
	else
		echo "ok: $(grep -E "$regex" <<<"$out" | head -n 1)"
	fi
}

expect 'stdio.h is neither ours nor freestanding' \
	src/core/text.c '#include <stdio.h>'
expect 'assert.h is neither ours nor freestanding' \
	include/vmm/types.h '# include <assert.h>'
expect 'module types may not use port' \
	include/vmm/types.h '#include <vmm/port.h>'
expect 'public header includes the private src/core/text.h' \
	include/vmm/port.h '#include "core/text.h"'
expect 'pt/pt_entry.h is private to module pt' \
	src/space/space_fault.c '#include "pt/pt_entry.h"'
expect 'belongs to no module' \
	src/lost/lost.c '#include <vmm/types.h>'
expect 'includes by macro: SOME_HEADER' \
	src/core/text.c '#include SOME_HEADER'
expect 'these files include each other' \
	src/core/text.h '#include "core/bits.h"' \
	src/core/bits.h '#include "core/text.h"'
exit "$bad"
