#!/bin/bash
# lists.sh
#
# vmm.cmake is the library for people with another build system: it lists every
# source and every public header, each once, in order, and nothing else.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."
bad=0

compare() { # compare WHAT LISTED THERE
	local difference

	if difference=$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3")); then
		echo "ok: $1, $(printf '%s\n' "$2" | wc -l) files"
		return
	fi
	echo "FAIL $1: vmm.cmake (<) differs from the tree (>)"
	printf '%s\n' "$difference" | grep '^[<>]'
	bad=1
}

sources=$(sed -n 's|^  *\(src/[^ ]*\)$|\1|p' vmm.cmake)
headers=$(sed -n 's|^  *\(include/[^ ]*\)$|\1|p' vmm.cmake)
compare "VMM_SOURCES" "$sources" "$(find src -name '*.c' -o -name '*.S' | sort)"
compare "VMM_HEADERS" "$headers" "$(find include -type f | sort)"
exit "$bad"
