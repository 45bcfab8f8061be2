#!/bin/bash
# headers.sh
#
# Each public header is enough to use its module: it compiles as the first
# thing in a file, twice in one file, and together with all others, in C11 and
# in C++17, for 64-bit and 32-bit machines, without a C library's headers and
# without a warning.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wundef -Werror -pedantic"
targets="x86_64-unknown-elf i386-unknown-elf riscv64-unknown-elf
	riscv32-unknown-elf"
headers="$(cd include && echo vmm/*.h) $(cd model/include && echo vmm_model/*.h)"
bad=0

# ISO C wants a declaration in every file.
for header in $headers; do
	name=$(basename "$header" .h)
	printf '#include <%s>\n#include <%s>\nextern int declared;\n' \
		"$header" "$header" >"$work/$name.c"
	printf '#include <%s>\n' "$header" >>"$work/all.c"
done
# In the other order too, so that none leans on one that sorts before it.
tac "$work/all.c" >"$work/reverse.c"

check() { # check WHAT COMPILER [flags ...]
	local what=$1 file ok=1

	shift
	for file in "$work"/*.c; do
		# shellcheck disable=SC2086 # a list of flags
		if ! "$@" $warnings -ffreestanding -fsyntax-only -Iinclude \
			-Imodel/include "$file"; then
			echo "FAIL $(basename "$file" .c): $what"
			ok=0
			bad=1
		fi
	done
	[ "$ok" -eq 0 ] || echo "ok: $what"
}

for target in $targets; do
	check "C11, $target" clang --target="$target" -x c -std=c11
	check "C++17, $target" clang --target="$target" -x c++ -std=c++17 \
		-nostdinc++
done
if command -v gcc >/dev/null; then
	check "C11, gcc" gcc -x c -std=c11
	check "C11, gcc -m32" gcc -m32 -x c -std=c11
fi
if command -v g++ >/dev/null; then
	check "C++17, g++" g++ -x c++ -std=c++17
fi
echo "headers: $(echo "$headers" | wc -w), each in a file of its own"
exit "$bad"
