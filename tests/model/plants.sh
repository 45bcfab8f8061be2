#!/bin/bash
# plants.sh CLANG [NAME ...]
#
# The mistakes that kernels make with fences, planted one by one in a copy of the
# library, or of the kernel that the model's test is: model_mmu_pt must end in a
# failure, and the model's first report must name the mistake. As it is, it must
# pass. An edit that no longer matches anything is a failure too: the row is
# stale.
set -eu
export LC_ALL=C
clang=$1
shift
wanted="$*"
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

tar -C "$root" -cf - include src/core src/pt model/include model/src \
	tests/model tests/support | tar -C "$work" -xf -
cd "$work"

compile() { # compile SOURCE...
	for source in "$@"; do
		echo "-c $source -o $source.o"
	done | xargs -P "$(nproc)" -L 1 "$clang" -w -std=c11 -O1 \
		-DVMM_ASSERT_LEVEL=1 -Iinclude -Isrc -Itests -Imodel/include \
		-Imodel/src
}

run() { # run LOG: only the test that nothing is reported
	"$clang" src/*/*.o model/src/*.o tests/*/*.o -o program
	timeout 60 ./program model_mmu_pt_gather_is_enough >"$1" 2>&1
}

wrong() {
	echo "FAIL $*"
	bad=1
}

# plant NAME FILE SED REGEX: with FILE edited by SED, the model's report has a
# match of REGEX, in which a line's end is a space.
plant() {
	local name=$1 file=$2 first

	case " ${wanted:-$name} " in
	*" $name "*) ;;
	*) return 0 ;;
	esac
	cp "$file" saved
	sed -E "$3" saved >"$file"
	if cmp -s "$file" saved; then
		wrong "$name: the edit matches nothing in $file: $3"
		return
	fi
	if ! compile "$file"; then
		wrong "$name: does not compile"
	elif run log; then
		wrong "$name: not noticed"
	else
		first=$(awk '/^(hart|page) / { n++ } n == 1 && !/^0x|^FAIL/ \
			{ printf "%s ", $0 }' log | tr -s ' ')
		if grep -Eq "$4" <<<"$first"; then
			echo "ok $name: $first"
		else
			wrong "$name: the report is \"$first\", not \"$4\""
			tail -n 5 log
		fi
	fi
	mv saved "$file"
	compile "$file"
}

compile src/*/*.c model/src/*.c tests/model/model_mmu_pt.c \
	tests/support/{host,mmu_rig,mmu_world,test}.c
if ! run log; then
	cat log
	wrong "the unchanged tree"
	exit 1
fi

plant fence_after_map src/pt/pt_map.c \
	's/vmm_tlb_note\(gather,/vmm_tlb_note(NULL,/' \
	'it may fault though the table allows it .* no fence since the change'
plant fence_after_unmap src/pt/pt_unmap.c \
	's/vmm_tlb_note\(gather, look/vmm_tlb_note(NULL, look/;s/vmm_tlb_note_page\(gather, va,/(void)(0,/' \
	'an old translation may be used .*the table says page fault, not valid .*level 0 why no fence since the change'
plant fence_after_protect src/pt/pt_protect.c \
	's/vmm_tlb_note\(gather,/vmm_tlb_note(NULL,/' \
	'the change (0x[0-9a-f]*[1-9a-f]) -> 0x[0-9a-f]*[1-9a-f] .* why no fence since the change'
plant fence_after_table_freed src/pt/pt_object.c \
	's/^\tgather->flags \|= VMM_TLB_NON_LEAF.*/\t;/' \
	'was freed, but may still be walked as a table'
plant leaf_fence_for_a_path src/pt/pt_map.c \
	's/look.note \|= VMM_TLB_NON_LEAF;/;/' \
	'orders leaf entries only, and this is none'
plant global_private_page tests/support/mmu_world.c \
	's/which == 0 && rng_below/rng_below/' \
	'marks it global, and this space has another'
plant asid_reused tests/support/mmu_world.c \
	's/space->id = which \+ 1;/space->id = 1;/' \
	'was that of root 0x[0-9a-f]+, and was not fenced when it changed hands'
plant accessed_clear src/pt/pt_formats.c \
	's/0, PTE_V \| PTE_A \| PTE_D, ALL/0, PTE_V | PTE_D, ALL/' \
	'A and D are left to software A is clear'
plant dirty_clear src/pt/pt_formats.c \
	's/0, PTE_V \| PTE_A \| PTE_D, ALL/0, PTE_V | PTE_A, ALL/' \
	'A and D are left to software D is clear'
plant table_freed_before_flush src/pt/pt_object.c \
	's/^\tvmm_pt_store\(vmm_pt_table\(pt, table\), gather->dead\);/\tpage_free(pt, table);/;s/^\tgather->dead = table;|^\tgather->dead_count\+\+;/\t;/' \
	'was freed, but may still be walked as a table'
plant address_zero_for_all tests/support/mmu_rig.c \
	's/vmm_mmu_sfence_vma\(mmu, hart, NULL, rs2\);/vmm_mmu_sfence_vma(mmu, hart, \&(uint64_t){0}, rs2);/' \
	'the fence (was )?for address 0x0 (only|orders leaf entries only)'
exit "$bad"
