#!/bin/bash
# archive.sh LIBRARY
#
# What a kernel relies on when it links the archive, read off the object code:
#
#   undefined  at most memcpy, memmove, memset, memcmp: no C library, no libgcc
#   names      every external symbol starts with vmm_: no clash with a kernel
#   state      nothing writable: no globals, so instances are independent and
#              nothing needs a lock that the caller does not know of
#   position   no address stored in the image and none taken from a table of
#              addresses: the code works before relocation, at any address
#              (on x86-64 only data is judged: code for the top 2 GiB is
#              linked to its address, jump tables included)
#
# One line per fault, naming it; then the sizes; then the verdict. The tools
# of LLVM read every machine's objects: LLVM_NM and LLVM_READELF name them.
set -eu
export LC_ALL=C

archive=$1
nm=${LLVM_NM:-llvm-nm}
readelf=${LLVM_READELF:-llvm-readelf}
symbols=$(mktemp)
sections=$(mktemp)
relocations=$(mktemp)
trap 'rm -f "$symbols" "$sections" "$relocations"' EXIT

# Each tool must read the archive and find objects in it: an audit of nothing
# is no audit.
"$nm" --format=posix "$archive" >"$symbols"
"$readelf" --wide --section-headers "$archive" >"$sections"
"$readelf" --wide --relocations "$archive" >"$relocations"
machine=$("$readelf" --wide --file-headers "$archive" |
	sed -n 's/^ *Machine: *//p' | sort -u)
case $machine in
RISC-V | "Advanced Micro Devices X86-64") ;;
*)
	echo "FAIL machine: \"$machine\" in $archive, expected one that is known"
	exit 1
	;;
esac

faults=$({
	# Symbols. A line is "name type [value size]"; a line "error.c.o:" goes
	# before those of each object.
	awk '
	NF == 1 && /:$/ {
		object = $1
		sub(/:$/, "", object)
	}
	# N: debugging information.
	NF < 2 || $2 == "N" { next }
	# U: undefined; w, v: undefined and weak.
	$2 ~ /^[Uwv]$/ { undefined[$1] = undefined[$1] " " object; next }
	$2 ~ /^[A-Z]$/ {
		defined[$1] = 1
		if ($1 !~ /^vmm_/)
			print "name: " object " defines " $1 \
				", which does not start with vmm_"
	}
	# b d g s: .bss, .data and their small forms; C: common. Capitals
	# are external.
	$2 ~ /^[bBdDgGsSC]$/ {
		print "state: " object " has the writable variable " $1
	}
	END {
		n = split("memcpy memmove memset memcmp", name, " ")
		for (i = 1; i <= n; i++)
			defined[name[i]] = 1
		for (s in undefined) {
			if (!(s in defined))
				print "undefined: " s " in" undefined[s]
		}
	}' "$symbols"

	# Sections that the program could write to. A line is
	# "[ 1] .text PROGBITS 0000 000034 0000aa 00 AX 0 0 2"; the flags may
	# be missing, so fields count from the left up to the size.
	awk '
	/^File: / {
		object = $0
		sub(/^.*\(/, "", object)
		sub(/\)$/, "", object)
	}
	/^ *\[ *[0-9]+\]/ {
		sub(/^ *\[ *[0-9]+\] */, "")
		if ($7 ~ /W/ && $5 !~ /^0+$/)
			print "state: " object " has a writable section " $1 \
				" of 0x" $5 " bytes"
	}' "$sections"

	# Relocations that put an address into the image, in sections that are
	# loaded. HI20 without PCREL is an absolute address in code; the global
	# offset table holds link addresses; thread-local storage needs tp.
	awk '
	/^File: / {
		object = $0
		sub(/^.*\(/, "", object)
		sub(/\)$/, "", object)
	}
	/^Relocation section / {
		section = $3
		gsub(/\047/, "", section)
		sub(/^\.rela?/, "", section)
	}
	section ~ /^\.(debug|comment|note|riscv)/ { next }
	$3 ~ /^R_RISCV_(32|64|HI20|LO12_[IS]|GOT_HI20|TLS_.*|TPREL_.*)$/ ||
	($3 == "R_X86_64_64" && $5 !~ /^\.text/) {
		print "position: " object " " section " holds the address of " \
			$5 " (" $3 ")"
	}' "$relocations"
} | sort -u)

# Sizes, for the eye and for whoever compares two versions.
awk '
function hex(text,    i, value) {
	for (i = 1; i <= length(text); i++)
		value = value * 16 + \
			index("0123456789abcdef", substr(text, i, 1)) - 1
	return value
}
/^File: / {
	object = $0
	sub(/^.*\(/, "", object)
	sub(/\)$/, "", object)
	order[++objects] = object
}
/^ *\[ *[0-9]+\]/ {
	sub(/^ *\[ *[0-9]+\] */, "")
	if ($1 ~ /^\.text/) text[object] += hex($5)
	if ($1 ~ /^\.s?rodata/) rodata[object] += hex($5)
}
END {
	printf "%-28s %8s %8s\n", "object", ".text", ".rodata"
	for (i = 1; i <= objects; i++) {
		o = order[i]
		printf "%-28s %8d %8d\n", o, text[o], rodata[o]
		t += text[o]
		r += rodata[o]
	}
	printf "%-28s %8d %8d\n", "all " objects, t, r
	exit objects == 0
}' "$sections"

if [ -n "$faults" ]; then
	printf '%s\n' "$faults" | sed 's/^/FAIL /'
	exit 1
fi
echo "ok: $archive, $machine: undefined symbols, names, state, position"
