/* SPDX-License-Identifier: MIT */
/*
 * Explanations: the text letter by letter, each verdict, and agreement with an
 * MMU written from the specifications, on entries with random bits flipped.
 */
#include "support/pt_rig.h"
#include "support/test.h"

#include <vmm/pt_explain.h>

#define R    VMM_PT_READ
#define W    VMM_PT_WRITE
#define X    VMM_PT_EXEC
#define U    VMM_PT_USER
#define B(n) (UINT64_C(1) << (n))

static struct pt_rig rig;
static char buffer[4096];
static struct test_text text;

static uint64_t *table_at(vmm_pa_t pa)
{
	return (uint64_t *)(uintptr_t)(pa + rig.offset);
}

/* Explain what somebody else might have made. */
static enum vmm_pt_verdict explain(vmm_va_t va, unsigned access)
{
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));
	struct vmm_pt view =
		vmm_pt_view(rig.pt.format, rig.offset, rig.pt.root);

	return vmm_pt_explain(&view, va, access, &sink);
}

static struct vmm_pt_answer answer_for(vmm_va_t va, unsigned access)
{
	struct vmm_pt_answer answer;

	vmm_pt_explain_levels(&rig.pt, va, access, NULL, &answer);
	return answer;
}

static void expect(const char *golden)
{
	size_t i = 0;

	while (golden[i] != '\0' && text.text[i] == golden[i])
		i++;
	if (golden[i] != text.text[i])
		test_puts(text.text);
	CHECK(golden[i] == text.text[i]);
}

static void map(vmm_va_t va, vmm_pa_t pa, uint64_t size, unsigned prot)
{
	CHECK_EQ(vmm_pt_map(&rig.pt, va, pa, size, prot, NULL), VMM_OK);
}

/* The entry for @va in the table at @level, by the specifications' drawings. */
static uint64_t *entry_at(vmm_va_t va, unsigned level)
{
	const struct vmm_pt_format *format = rig.base;
	vmm_pa_t table = rig.pt.root;

	for (unsigned l = format->levels - 1u;; l--) {
		unsigned mask = l == format->levels - 1u && rig_is_guest(format)
					? 2047
					: 511;
		uint64_t *entry = &table_at(table)[(va >> (12 + 9 * l)) & mask];

		if (l == level)
			return entry;
		table = format->satp_mode != 0
				? *entry >> 10 << 12 & (B(56) - 1)
				: *entry & UINT64_C(0xffffffffff000);
	}
}

/* The sample of the header: a write to a page that can only be read. */
TEST(golden_pt_explain)
{
	rig_open(&rig, &vmm_pt_sv39);
	map(UINT64_C(0x3fffffd000), 0x80010000, 4096, R | U);
	CHECK_EQ(explain(UINT64_C(0x3fffffdff8), W | U), VMM_PT_VERDICT_DENIED);
	expect("write by the user at 0x0000003fffffdff8: sv39, root "
	       "0x0000000080000000\n"
	       "  level 2  0x00000000800007f8: 0x0000000020001001, table at "
	       "0x0000000080004000\n"
	       "  level 1  0x0000000080004ff8: 0x0000000020001401, table at "
	       "0x0000000080005000\n"
	       "  level 0  0x0000000080005fe8: 0x00000000200040d3, leaf 4K "
	       "r--u- at 0x0000000080010000\n"
	       "  verdict  not allowed: the entry at level 0 has no write\n");
	CHECK_EQ(
		explain(UINT64_C(0x3fffffdff8), R | U), VMM_PT_VERDICT_ALLOWED);
	CHECK(test_text_has(&text,
		"  verdict  the entry allows this: if it faulted, a fence is "
		"missing\n"));
	rig_close(&rig);
}

/* The other verdicts that RISC-V can have, one after the other. */
TEST(golden_pt_explain_riscv)
{
	rig_open(&rig, &vmm_pt_sv39);
	map(VMM_MIB(2), 0x80200000, VMM_MIB(2), R | W | U);
	map(0, 0x80010000, 4096, R | X);
	CHECK_EQ(vmm_pt_tag(&rig.pt, 0x1000, 4096, 77, NULL), VMM_OK);

	CHECK_EQ(explain(UINT64_C(0x4000000000), X), VMM_PT_VERDICT_RANGE);
	expect("execution by the kernel at 0x0000004000000000: sv39, root "
	       "0x0000000080000000\n"
	       "  verdict  not a canonical address of sv39\n");
	CHECK_EQ(explain(VMM_GIB(1), R), VMM_PT_VERDICT_ABSENT);
	expect("read by the kernel at 0x0000000040000000: sv39, root "
	       "0x0000000080000000\n"
	       "  level 2  0x0000000080000008: 0x0000000000000000, absent\n"
	       "  verdict  absent: nothing is mapped there\n");
	CHECK_EQ(explain(0x1234, R), VMM_PT_VERDICT_TAG);
	CHECK(test_text_has(&text,
		"  level 0  0x0000000080005008: 0x040000000000009a, absent, "
		"not 0\n"
		"  verdict  absent, with tag 77\n"));
	CHECK_EQ(explain(VMM_MIB(3), R), VMM_PT_VERDICT_USERS);
	CHECK(test_text_has(&text,
		"  level 1  0x0000000080004008: 0x00000000200800d7, leaf 2M "
		"rw-u- at 0x0000000080200000\n"
		"  verdict  the user's page: the kernel needs SUM for it\n"));
	CHECK_EQ(explain(0, W | U), VMM_PT_VERDICT_DENIED);
	CHECK(test_text_has(&text,
		"  verdict  not allowed: the entry at level 0 has no write "
		"user\n"));
	*entry_at(VMM_MIB(2), 1) ^= 4;
	*entry_at(VMM_MIB(2), 1) |= 8;
	CHECK_EQ(explain(VMM_MIB(3), X), VMM_PT_VERDICT_USERS);
	CHECK(test_text_has(&text,
		"  verdict  the user's page: the kernel never executes it\n"));
	*entry_at(VMM_MIB(2), 1) ^= 4 | B(54);
	CHECK_EQ(explain(VMM_MIB(3), R), VMM_PT_VERDICT_RESERVED);
	CHECK(test_text_has(&text,
		", leaf 2M rwxu- at 0x0000000080200000, wrong: reserved bits "
		"are set\n"
		"  verdict  refused by hardware: reserved bits are set\n"));
	*entry_at(VMM_MIB(2), 1) ^= B(54) | B(7);
	CHECK_EQ(explain(VMM_MIB(3), W | U), VMM_PT_VERDICT_DIRTY);
	CHECK(test_text_has(&text,
		"wrong: A or D is 0: faults where hardware sets neither\n"
		"  verdict  D is clear: a write faults without Svadu\n"));
	CHECK_EQ(explain(VMM_MIB(3), R | U), VMM_PT_VERDICT_ALLOWED);
	*entry_at(VMM_MIB(2), 1) ^= B(6);
	CHECK_EQ(explain(VMM_MIB(3), R | U), VMM_PT_VERDICT_ACCESSED);
	CHECK(test_text_has(
		&text, "  verdict  A is clear: faults without Svadu\n"));
	/* What is refused is named first, even if A is clear as well. */
	*entry_at(VMM_MIB(2), 1) ^= B(60);
	CHECK_EQ(explain(VMM_MIB(3), R | U), VMM_PT_VERDICT_RESERVED);
	/* An entry that has lost its V alone has no tag. */
	*entry_at(VMM_MIB(2), 1) ^= B(60) | 1;
	CHECK_EQ(explain(VMM_MIB(3), R | U), VMM_PT_VERDICT_ABSENT);
	*entry_at(VMM_MIB(2), 1) = 0;
	rig_close(&rig);
}

/* In x86-64 the tables' entries take rights away, and hardware sets A and D. */
TEST(golden_pt_explain_x86)
{
	rig_open(&rig, &vmm_pt_x86_64);
	map(VMM_MIB(2), 0x80200000, VMM_MIB(2), R | W | X | U);
	*entry_at(VMM_MIB(2), 3) ^= 2;
	CHECK_EQ(explain(VMM_MIB(2), W | U), VMM_PT_VERDICT_DENIED);
	expect("write by the user at 0x0000000000200000: x86_64, root "
	       "0x0000000080000000\n"
	       "  level 3  0x0000000080000000: 0x0000000080004005, table at "
	       "0x0000000080004000\n"
	       "  level 2  0x0000000080004000: 0x0000000080005007, table at "
	       "0x0000000080005000\n"
	       "  level 1  0x0000000080005008: 0x00000000802000e7, leaf 2M "
	       "rwxu- at 0x0000000080200000\n"
	       "  verdict  not allowed: the entry at level 3 has no write\n");
	CHECK_EQ(answer_for(VMM_MIB(2), W | U).level, 3);
	CHECK_EQ(explain(VMM_MIB(2), R | U), VMM_PT_VERDICT_ALLOWED);
	*entry_at(VMM_MIB(2), 2) |= B(63);
	CHECK_EQ(explain(VMM_MIB(2), X | U), VMM_PT_VERDICT_DENIED);
	CHECK(test_text_has(&text, "the entry at level 2 has no execute\n"));
	/* The user's leaf behind the kernel's table is the kernel's. */
	CHECK_EQ(explain(VMM_MIB(2), R), VMM_PT_VERDICT_USERS);
	CHECK(test_text_has(&text, "the kernel needs AC for it under SMAP\n"));
	*entry_at(VMM_MIB(2), 2) ^= B(63) | 4;
	CHECK_EQ(explain(VMM_MIB(2), R), VMM_PT_VERDICT_ALLOWED);
	CHECK_EQ(explain(VMM_MIB(2), R | U), VMM_PT_VERDICT_DENIED);
	CHECK(test_text_has(&text, "the entry at level 2 has no user\n"));
	*entry_at(VMM_MIB(2), 2) ^= 4;
	CHECK_EQ(explain(VMM_MIB(2), X), VMM_PT_VERDICT_USERS);
	CHECK(test_text_has(&text, "does not execute it under SMEP\n"));
	*entry_at(VMM_MIB(2), 3) ^= 2;
	*entry_at(VMM_MIB(2), 1) &= ~UINT64_C(0x60);
	CHECK_EQ(explain(VMM_MIB(2), W | U), VMM_PT_VERDICT_ALLOWED);
	*entry_at(VMM_MIB(2), 3) |= B(7);
	CHECK_EQ(explain(VMM_MIB(2), W | U), VMM_PT_VERDICT_RESERVED);
	CHECK(test_text_has(&text, "refused by hardware: a leaf at a level "
				   "that has none\n"));
	*entry_at(VMM_MIB(2), 3) ^= B(7);
	rig_close(&rig);
}

/* The answer is the entry: where it lies, what it holds, where the byte is. */
TEST(unit_pt_explain_answers)
{
	for (int f = 0; f < RIG_FORMATS; f++) {
		vmm_va_t va = rig_last(rig_formats[f]) - 0x1fff;
		unsigned top = rig_formats[f]->levels - 1u;
		unsigned user = rig_is_guest(rig_formats[f]) ? 0 : U;
		struct vmm_pt_answer answer;

		rig_open(&rig, rig_formats[f]);
		answer = answer_for(va + 5, R | U);
		CHECK_EQ(answer.verdict, VMM_PT_VERDICT_ABSENT);
		CHECK_EQ(answer.level, top);
		CHECK_EQ(answer.entry_pa,
			(uint64_t)(uintptr_t)entry_at(va, top) - rig.offset);
		CHECK_EQ(answer.pa, 0);
		map(va, 0x80123000, 4096, R | user);
		answer = answer_for(va + 5, R | U);
		CHECK_EQ(answer.verdict, VMM_PT_VERDICT_ALLOWED);
		CHECK_EQ(answer.level, 0);
		CHECK_EQ(answer.entry, *entry_at(va, 0));
		CHECK_EQ(answer.entry_pa,
			(uint64_t)(uintptr_t)entry_at(va, 0) - rig.offset);
		CHECK_EQ(answer.pa, 0x80123005);
		answer = answer_for(va + 5, X | U);
		CHECK_EQ(answer.verdict, VMM_PT_VERDICT_DENIED);
		CHECK_EQ(answer.lacks, X);
		CHECK_EQ(answer.pa, 0x80123005);
		CHECK_EQ(vmm_pt_tag(&rig.pt, va + 0x1000, 0x1000,
				 VMM_PT_TAG_MAX, NULL),
			VMM_OK);
		answer = answer_for(va + 0x1fff, X);
		CHECK_EQ(answer.verdict, VMM_PT_VERDICT_TAG);
		CHECK_EQ(answer.tag, VMM_PT_TAG_MAX);
		if (rig_high(rig_formats[f]) != rig_low_end(rig_formats[f]))
			CHECK_EQ(answer_for(rig_low_end(rig_formats[f]), R)
					 .verdict,
				VMM_PT_VERDICT_RANGE);
		rig_close(&rig);
	}
}

/* A table that is its own is read once for each level, and that is the end. */
TEST(unit_pt_explain_ends)
{
	static const unsigned shift[] = {12, 21, 30, 39, 48};

	for (int f = 0; f < RIG_FORMATS; f++) {
		uint64_t pa =
			rig_formats[f]->satp_mode != 0 ? RIG_RAM >> 2 : RIG_RAM;
		unsigned top = rig_formats[f]->levels - 1u;
		struct vmm_pt_answer answer;
		vmm_va_t va = 0;

		rig_open(&rig, rig_formats[f]);
		for (unsigned l = 0; l <= top; l++)
			va |= UINT64_C(3) << shift[l];
		table_at(rig.pt.root)[3] = pa | rig_formats[f]->table_bits;
		answer = answer_for(va, R | U);
		CHECK_EQ(answer.level, 0);
		/* In x86-64 a table at level 0 is a leaf: of the table. */
		CHECK_EQ(answer.verdict, rig_formats[f]->satp_mode != 0
						 ? VMM_PT_VERDICT_RESERVED
						 : VMM_PT_VERDICT_ALLOWED);
		explain(va, R | U);
		CHECK(test_text_has(&text, "wrong: the table is above itself"));
		table_at(rig.pt.root)[3] = 0;
		rig_close(&rig);
	}
}

/* What leads out of the rig's memory could not be followed on a host. */
static bool leads_out(uint64_t entry, unsigned level)
{
	const struct vmm_pt_format *format = rig.pt.format;
	vmm_pa_t pa = (entry & format->pa_mask) << format->pa_shift;

	return level > 0 && (entry & format->valid) != 0 &&
	       (entry & format->leaf_mask) == 0 && pa >> format->pa_bits == 0 &&
	       (pa < RIG_RAM || pa >= RIG_RAM + RIG_PAGES * 4096);
}

/* The access is allowed, in the words of the verdict and of the MMU. */
static void compare(vmm_va_t va, unsigned access, char letter)
{
	bool tracks = (rig.features & VMM_PT_TRACK) != 0;
	struct vmm_pt_answer answer = answer_for(va, access);
	bool works = answer.verdict == VMM_PT_VERDICT_ALLOWED;
	bool user = (access & U) != 0 || rig_is_guest(rig.base);
	vmm_pa_t pa;

	/* The machines that track have Svadu, or are of x86-64. */
	if (tracks && (answer.verdict == VMM_PT_VERDICT_ACCESSED ||
			      answer.verdict == VMM_PT_VERDICT_DIRTY))
		works = true;
	if (works != rig_mmu(&rig, va, letter, user, &pa)) {
		explain(va, access);
		test_puts(text.text);
		test_fail(__FILE__, __LINE__, "the verdict is the MMU's");
	}
	if (works)
		CHECK_EQ(answer.pa, pa);
}

static void flip_and_compare(struct rng *rng, vmm_va_t va)
{
	const struct vmm_pt_format *format = rig.pt.format;
	unsigned level = (unsigned)rng_below(rng, format->levels);
	uint64_t *entry = entry_at(va, level);
	uint64_t old = *entry;
	uint64_t changed = old;
	unsigned accesses[] = {R, W, X};

	for (uint64_t n = 1 + rng_below(rng, 3); n > 0; n--)
		changed ^= B(rng_below(rng, 2) == 0 ? rng_below(rng, 10)
						    : rng_below(rng, 64));
	/* The MMU of the rig is stricter than the specifications there: G of
	 * a guest's leaf is ignored, and a processor of x86-64 sets A and D. */
	if (rig_is_guest(format))
		changed &= ~B(5);
	if (format->satp_mode == 0 && (rig.features & VMM_PT_TRACK) == 0)
		changed |= B(5) | (level == 0 ? B(6) : old & B(6));
	if (leads_out(changed, level))
		return;
	for (unsigned i = 0; i < 3; i++) {
		*entry = changed;
		compare(va, accesses[i], "rwx"[i]);
		*entry = changed;
		compare(va, accesses[i] | U, "rwx"[i]);
	}
	*entry = old;
}

/*
 * One to three bits of an entry at any level flipped, the lower ones more often:
 * the verdict allows what the MMU does. Leaves lie at the root, so that one
 * which has become a table leads to memory.
 */
TEST(unit_pt_explain_agrees_with_an_mmu)
{
	struct rng rng = {test_seed};

	for (int m = 0; m < RIG_MACHINES; m++) {
		const struct rig_machine *machine = &rig_machines[m];
		unsigned prot =
			rig_is_guest(machine->base) ? R | W | X : R | W | X | U;
		vmm_va_t va = VMM_GIB(1) + VMM_MIB(2) + 0x10000;

		/* The MMU of the rig does not know that there are no leaves of
		 * 1 GiB. */
		if ((machine->features & VMM_PT_NO_GIGA) != 0)
			continue;
		rig_open_with(&rig, machine->base, machine->features);
		map(va, RIG_RAM + 0x20000, 0x10000, prot);
		for (uint64_t i = 0; i < 3000 * test_factor; i++) {
			vmm_va_t at = va + 8 * rng_below(&rng, 512);

			flip_and_compare(&rng, at);
		}
		rig_close(&rig);
	}
}
