/* SPDX-License-Identifier: MIT */
/*
 * The self-test: translate a few addresses as the hardware will, and name the
 * first thing that would make it fault.
 *
 * The walk is written here anew, from RISC-V Privileged 1.13, 12.3.2, step by
 * step and with every reserved case, and not taken from src/pt: that walker
 * believes the entries and the format's row that wrote them, this one must not.
 */
#include <vmm/boot.h>

#include "core/text.h"

/* Entry bits that all RISC-V formats share. */
#define PTE_V	 0x01u
#define PTE_R	 0x02u
#define PTE_W	 0x04u
#define PTE_X	 0x08u
#define PTE_U	 0x10u
#define PTE_A	 0x40u
#define PTE_D	 0x80u
#define PTE_LEAF (PTE_R | PTE_W | PTE_X)

#define PTE_RESERVED (~UINT64_C(0) << 54)

/* Bits 53..10 are a page number. */
static vmm_pa_t entry_pa(uint64_t entry)
{
	return ((entry & ~PTE_RESERVED) >> 10) << VMM_PAGE_SHIFT;
}

/* One access that has to work. */
struct need {
	const char *what;
	vmm_va_t va;
	vmm_pa_t pa;
	unsigned access; /* VMM_PT_READ, _WRITE or _EXEC */
};

static int flawed(struct vmm_boot_verdict *verdict, enum vmm_boot_flaw flaw)
{
	verdict->flaw = flaw;
	return VMM_ECORRUPT;
}

/* Is the leaf one that the access may use? */
static enum vmm_boot_flaw judge_leaf(uint64_t entry, unsigned access)
{
	if ((entry & PTE_U) != 0)
		return VMM_BOOT_USER;
	if (access == VMM_PT_EXEC && (entry & PTE_X) == 0)
		return VMM_BOOT_NOT_EXECUTABLE;
	if (access == VMM_PT_READ && (entry & PTE_R) == 0)
		return VMM_BOOT_NOT_READABLE;
	if (access == VMM_PT_WRITE && (entry & PTE_W) == 0)
		return VMM_BOOT_NOT_WRITABLE;
	if ((entry & PTE_A) == 0 ||
		(access == VMM_PT_WRITE && (entry & PTE_D) == 0))
		return VMM_BOOT_NOT_ACCESSED;
	return VMM_BOOT_FINE;
}

/* Is the entry legal in itself, as a leaf or as a pointer? */
static enum vmm_boot_flaw judge_entry(uint64_t entry, unsigned level)
{
	if ((entry & PTE_V) == 0)
		return VMM_BOOT_UNMAPPED;
	if ((entry & PTE_RESERVED) != 0 || (entry & (PTE_R | PTE_W)) == PTE_W)
		return VMM_BOOT_BAD_ENTRY;
	if ((entry & PTE_LEAF) == 0)
		return level == 0 || (entry & (PTE_A | PTE_D | PTE_U)) != 0
			       ? VMM_BOOT_BAD_ENTRY
			       : VMM_BOOT_FINE;
	if (!vmm_is_aligned(entry_pa(entry), vmm_pt_leaf_size(level)))
		return VMM_BOOT_MISALIGNED_LEAF;
	return VMM_BOOT_FINE;
}

static int walk(const struct vmm_pt *pt, const struct need *need,
	struct vmm_boot_verdict *verdict)
{
	unsigned level = pt->format->levels;
	vmm_pa_t table = pt->root;
	uint64_t entry = 0;
	uint64_t span;
	enum vmm_boot_flaw flaw;

	do {
		unsigned shift = VMM_PAGE_SHIFT + VMM_PT_INDEX_BITS * --level;
		uint64_t index =
			(need->va >> shift) & ((1u << VMM_PT_INDEX_BITS) - 1);

		entry = ((const uint64_t *)(uintptr_t)(table +
						       pt->offset))[index];
		verdict->level = level;
		verdict->entry = entry;
		flaw = judge_entry(entry, level);
		if (flaw != VMM_BOOT_FINE)
			return flawed(verdict, flaw);
		table = entry_pa(entry);
	} while ((entry & PTE_LEAF) == 0);
	flaw = judge_leaf(entry, need->access);
	if (flaw != VMM_BOOT_FINE)
		return flawed(verdict, flaw);
	span = vmm_pt_leaf_size(level) - 1;
	verdict->pa = table | (need->va & span);
	if (verdict->pa != need->pa)
		return flawed(verdict, VMM_BOOT_ELSEWHERE);
	return VMM_OK;
}

static int check_need(const struct vmm_pt *pt, const struct need *need,
	struct vmm_boot_verdict *verdict)
{
	size_t i = 0;

	for (; need->what[i] != '\0' && i + 1 < sizeof(verdict->what); i++)
		verdict->what[i] = need->what[i];
	verdict->what[i] = '\0';
	verdict->va = need->va;
	verdict->level = pt->format->levels;
	verdict->entry = 0;
	verdict->pa = pt->root;
	if (!vmm_is_aligned(pt->root, UINT64_C(8) << pt->format->root_bits) ||
		pt->root >> pt->format->pa_bits != 0)
		return flawed(verdict, VMM_BOOT_BAD_ROOT);
	/* Sv39, 48, 57 have 3, 4, 5 levels and are modes 8, 9, 10. */
	if (pt->format->satp_mode != pt->format->levels + 5)
		return flawed(verdict, VMM_BOOT_BAD_MODE);
	if (!vmm_pt_canonical(pt->format, need->va))
		return flawed(verdict, VMM_BOOT_NONCANONICAL);
	return walk(pt, need, verdict);
}

/* An instruction may be 4 bytes at a multiple of 2: its end has to be there
 * as well. */
static int check_fetch(const struct vmm_pt *pt, struct need need,
	struct vmm_boot_verdict *verdict)
{
	int err = check_need(pt, &need, verdict);

	if (err != VMM_OK || vmm_is_aligned(need.va, 4))
		return err;
	need.va += 2;
	need.pa += 2;
	return check_need(pt, &need, verdict);
}

/* Every page of the stack, from the top down. */
static int check_stack(const struct vmm_pt *pt,
	const struct vmm_boot_state *state, struct vmm_boot_verdict *verdict)
{
	uint64_t left = state->stack;
	uint64_t down = 1;

	while (down <= left) {
		const struct need need = {"stack", state->sp - down,
			state->sp_pa - down, VMM_PT_WRITE};
		int err = check_need(pt, &need, verdict);

		if (err != VMM_OK)
			return err;
		/* To the last byte of the page below. */
		down += (need.va & (VMM_PAGE_SIZE - 1)) + 1;
	}
	return VMM_OK;
}

int vmm_boot_check(const struct vmm_pt *pt, const struct vmm_boot_state *state,
	struct vmm_boot_verdict *verdict)
{
	const struct need pc = {"pc", state->pc, state->pc_pa, VMM_PT_EXEC};
	const struct need trap = {
		"trap vector", state->trap, state->trap_pa, VMM_PT_EXEC};
	int err;

	*verdict = (struct vmm_boot_verdict){.flaw = VMM_BOOT_FINE};
	/* sp may be 0: the stack at the very top of the address space. */
	if (state->stack == 0 || state->sp - 1 < state->stack - 1)
		return VMM_EINVAL;
	err = check_fetch(pt, pc, verdict);
	if (err == VMM_OK)
		err = check_stack(pt, state, verdict);
	if (err == VMM_OK)
		err = check_fetch(pt, trap, verdict);
	if (err == VMM_OK)
		*verdict = (struct vmm_boot_verdict){.flaw = VMM_BOOT_FINE};
	return err;
}

static const char *flaw_text(uint32_t flaw)
{
	/* Characters and no pointers: this runs before relocation. */
	static const char text[][40] = {
		[VMM_BOOT_FINE] = " is fine",
		[VMM_BOOT_BAD_ROOT] = ": the root table is misplaced",
		[VMM_BOOT_BAD_MODE] = ": satp's mode is not the tables'",
		[VMM_BOOT_NONCANONICAL] = " is no canonical address",
		[VMM_BOOT_UNMAPPED] = " is not mapped",
		[VMM_BOOT_BAD_ENTRY] = " has a reserved entry",
		[VMM_BOOT_MISALIGNED_LEAF] = " has a misaligned superpage",
		[VMM_BOOT_USER] = " is for user mode",
		[VMM_BOOT_NOT_EXECUTABLE] = " is not executable",
		[VMM_BOOT_NOT_READABLE] = " is not readable",
		[VMM_BOOT_NOT_WRITABLE] = " is not writable",
		[VMM_BOOT_NOT_ACCESSED] = " has A or D clear",
		[VMM_BOOT_ELSEWHERE] = " is mapped elsewhere",
	};

	if (flaw >= sizeof(text) / sizeof(text[0]))
		return " has an unknown flaw";
	return text[flaw];
}

void vmm_boot_verdict_dump(
	const struct vmm_boot_verdict *verdict, const struct vmm_sink *sink)
{
	if (verdict->flaw == VMM_BOOT_FINE) {
		vmm_text_str(sink, "pc, stack and trap vector are fine");
		return;
	}
	vmm_text_str(sink, verdict->what);
	vmm_text_str(sink, " at ");
	vmm_text_addr(sink, verdict->va);
	vmm_text_str(sink, flaw_text(verdict->flaw));
	if (verdict->flaw == VMM_BOOT_BAD_ROOT ||
		verdict->flaw == VMM_BOOT_ELSEWHERE) {
		vmm_text_str(sink, ": ");
		vmm_text_addr(sink, verdict->pa);
	} else if (verdict->flaw > VMM_BOOT_NONCANONICAL) {
		vmm_text_str(sink, ": level ");
		vmm_text_dec(sink, verdict->level, 0);
		vmm_text_str(sink, " entry ");
		vmm_text_addr(sink, verdict->entry);
	}
}
