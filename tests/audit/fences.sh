#!/bin/bash
# fences.sh
#
# The fences of vmm/riscv.h are given by their encoding, since assemblers need
# not know the extensions. Each function must hold the four forms of its
# instruction: for an address or all (rs1 = x0), for an id or all (rs2 = x0);
# one that is missing would fence too much or, worse, too little. A guest's
# addresses must be shifted. A planted wrong field must be noticed.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objdump=${LLVM_OBJDUMP:-llvm-objdump}
bad=0

cat >"$work/fences.c" <<'C'
#include <vmm/riscv.h>
void own(const struct vmm_tlb_gather *g, uint64_t id) { vmm_riscv_flush(g, id); }
void svinval(const struct vmm_tlb_gather *g, uint64_t id) { vmm_riscv_flush_svinval(g, id); }
void guest(const struct vmm_tlb_gather *g, uint64_t id) { vmm_riscv_flush_guest(g, id); }
void guests_own(const struct vmm_tlb_gather *g, uint64_t id) { vmm_riscv_flush_guests_own(g, id); }
C

# The words of opcode SYSTEM in a function: funct7, and which operands are x0.
fences() { # fences INCLUDES FUNCTION
	clang --target=riscv64-unknown-elf -march=rv64gc -mabi=lp64d -O2 \
		-ffreestanding -I"$1" -c "$work/fences.c" -o "$work/fences.o"
	"$objdump" -d --disassemble-symbols="$2" "$work/fences.o" |
		grep -E '^ +[0-9a-f]+:( [0-9a-f]{2}){4} ' |
		sed -E 's/^ +[0-9a-f]+: (..) (..) (..) (..).*/\4\3\2\1/' |
		while read -r word; do
			word=$((16#$word))
			[ $((word & 127)) -eq 115 ] || continue
			printf '%02x:%s%s\n' $((word >> 25)) \
				"$([ $((word >> 15 & 31)) -eq 0 ] && echo 0 || echo a)" \
				"$([ $((word >> 20 & 31)) -eq 0 ] && echo 0 || echo i)"
		done | sort -u | tr '\n' ' '
}

expect() { # expect FUNCTION WORDS: RISC-V Privileged 1.13, the listings
	local got

	got=$(fences include "$1")
	if [ "$got" = "$2 " ]; then
		echo "ok $1: $got"
	else
		echo "FAIL $1: $got instead of $2"
		bad=1
	fi
}

expect own "09:00 09:0i 09:a0 09:ai"
expect svinval "0b:00 0b:0i 0b:a0 0b:ai 0c:00 0c:0i"
expect guest "31:00 31:0i 31:a0 31:ai"
expect guests_own "11:00 11:0i 11:a0 11:ai"

shifts() { # by 2, in any spelling
	"$objdump" -d --disassemble-symbols="$1" "$work/fences.o" |
		grep -cE 'srli?.*, (0x)?2$' || true
}
if [ "$(shifts guest)" -eq 0 ] || [ "$(shifts guests_own)" -ne 0 ]; then
	echo "FAIL addresses: hfence.gvma wants them shifted right by 2"
	bad=1
fi

mkdir "$work/include"
cp -r include/vmm "$work/include/"
sed 's/VMM_RISCV_FENCES(0x31/VMM_RISCV_FENCES(0x11/' include/vmm/riscv.h \
	>"$work/include/vmm/riscv.h"
if [ "$(fences "$work/include" guest)" = "31:00 31:0i 31:a0 31:ai " ]; then
	echo "FAIL a planted wrong encoding went unnoticed"
	bad=1
fi
exit "$bad"
