#!/bin/bash
# position.sh
#
# The library runs before relocation even where nobody asked for
# position-independent code: a kernel's own build rules, with the medany code
# model and without -fpie, make archives that hold no address either. Only
# -fno-jump-tables is needed, as vmm.cmake says; that it is needed, and that
# this audit would notice, shows a planted switch.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ar=${LLVM_AR:-llvm-ar}
# No small data: clang would put constants there, in a writable section.
machine="--target=riscv64-unknown-elf -march=rv64gc -mabi=lp64d
	-mcmodel=medany -msmall-data-limit=0"
bad=0

build() { # build NAME FLAGS SOURCES...: an archive of the sources
	local name=$1 flags=$2 source count=0

	shift 2
	mkdir "$work/$name"
	for source; do
		# shellcheck disable=SC2086 # lists of flags
		clang $machine $flags -std=c11 -ffreestanding \
			-fvisibility=hidden -Iinclude -Isrc -c "$source" \
			-o "$work/$name/$(basename "$source" .c).o"
		count=$((count + 1))
	done
	"$ar" rcs "$work/lib$name.a" "$work/$name"/*.o
	echo "$name: $count sources with $flags"
}

plant=tests/audit/plants/jump_table.c
build tables "-O2" $plant
build no_tables "-O2 -fno-jump-tables" $plant
if tests/audit/archive.sh "$work/libtables.a" >"$work/out"; then
	echo "FAIL a jump table went unnoticed"
	bad=1
elif ! grep -q '^FAIL position: .*(R_RISCV_64)$' "$work/out"; then
	echo "FAIL a jump table was refused, but not for its addresses:"
	cat "$work/out"
	bad=1
fi
tests/audit/archive.sh "$work/libno_tables.a" || bad=1

# shellcheck disable=SC2046 # no blanks in the names
build library "-O2 -fno-jump-tables" $(find src -name '*.c')
tests/audit/archive.sh "$work/liblibrary.a" || bad=1
exit "$bad"
