/* SPDX-License-Identifier: MIT */
/*
 * An adversarial MMU: what a real machine may do with your page tables.
 *
 * An emulator walks the tables on every access, so a kernel that forgets a
 * fence runs well on it and fails on a board. This model knows, for each hart
 * and each address, every translation that the specification lets the hart hold
 * at this moment: what it may have read early, by speculation, what it may
 * have kept, and what no fence has taken from it since. An access that could go
 * more than one way is reported, with the change of the table that lacked its
 * fence and the fence that should have covered it. Reports are certain, not
 * lucky: the set is computed, not sampled. A seed decides only which of the
 * possible outcomes the access then has.
 *
 * The code under test is any code: it needs no instrumentation. The model sees
 * memory as the machine does, by physical address, and finds the changes of
 * tables by comparing them with the copies it keeps. What the code does tell it
 * are the instructions that only a hart can see: satp and CR3 writes, fences,
 * and the accesses themselves. model/README.md shows how in forty lines.
 *
 * Sources: RISC-V Privileged 1.13, chapters 12 "Supervisor-Level ISA" with
 * Svnapot, Svpbmt, Svinval, Svadu and Svvptc, and 15 "Hypervisor Extension";
 * Intel SDM volume 3A, chapter 4 "Paging". Nothing here is shared with libvmm.
 *
 * A hosted C library. Not thread-safe: one thread plays all harts, and every
 * store is visible to all of them at once; what is modelled is the caching of
 * translations, not that of data. Running out of memory ends the program.
 */
#ifndef VMM_MODEL_MMU_H
#define VMM_MODEL_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vmm_mmu_arch {
	VMM_MMU_RISCV,	/* Sv39, Sv48, Sv57; two stages with Sv39x4 and so on */
	VMM_MMU_X86_64, /* 4-level paging, or 5-level with VMM_MMU_LA57 */
};

/* What the machine has. RISC-V: */
#define VMM_MMU_SVADU		     (1u << 0) /* sets A and D; without it (Svade) faults */
#define VMM_MMU_SVNAPOT		     (1u << 1)
#define VMM_MMU_SVPBMT		     (1u << 2)
#define VMM_MMU_SVVPTC		     (1u << 3) /* does not hold absent entries for long */
/*
 * A fence by address orders the store of an entry that points to a table, where
 * none was before. The specification asks for a fence of all addresses after a
 * change of a non-leaf entry, with no exception. Set this if your machines have
 * one.
 */
#define VMM_MMU_ADDRESS_ORDERS_LINKS (1u << 4)
/*
 * Sets A by itself, of any entry that a walk could read, when the seed says so:
 * allowed wherever hardware sets A. x86-64 caches nothing whose A is clear, so
 * without this it holds only what was accessed.
 */
#define VMM_MMU_SPECULATE	     (1u << 5)
/* x86-64; A and D are always set by the processor: */
#define VMM_MMU_LA57		     (1u << 8)	/* CR4.LA57 */
#define VMM_MMU_NXE		     (1u << 9)	/* EFER.NXE */
#define VMM_MMU_WP		     (1u << 10) /* CR0.WP */
#define VMM_MMU_SMEP		     (1u << 11) /* CR4.SMEP */
#define VMM_MMU_SMAP		     (1u << 12) /* CR4.SMAP */
#define VMM_MMU_PCID		     (1u << 13) /* CR4.PCIDE */
#define VMM_MMU_PGE		     (1u << 14) /* CR4.PGE at reset */

/* How an access is made: one of the first three, and what applies. */
#define VMM_MMU_READ   (1u << 0)
#define VMM_MMU_WRITE  (1u << 1)
#define VMM_MMU_EXEC   (1u << 2)
#define VMM_MMU_USER   (1u << 3) /* U-mode; without it S-mode, or ring 0 */
#define VMM_MMU_SUM    (1u << 4) /* sstatus.SUM; x86-64: EFLAGS.AC */
#define VMM_MMU_MXR    (1u << 5) /* sstatus.MXR; in a guest: vsstatus.MXR */
/* In a guest only: the hypervisor's sstatus.MXR, good for both stages. */
#define VMM_MMU_HS_MXR (1u << 6)

/* How an access ends. */
enum vmm_mmu_status {
	VMM_MMU_OK,
	VMM_MMU_PAGE_FAULT,
	VMM_MMU_GUEST_PAGE_FAULT, /* the second stage refused */
	VMM_MMU_ACCESS_FAULT,	  /* a table lies where no memory is */
};

/* Why it faulted. */
enum vmm_mmu_reason {
	VMM_MMU_NO_REASON,
	VMM_MMU_NOT_CANONICAL,
	VMM_MMU_ABSENT,	   /* V = 0, P = 0 */
	VMM_MMU_DENIED,	   /* R, W, X against the access */
	VMM_MMU_PRIVILEGE, /* U, SUM, SMEP, SMAP */
	VMM_MMU_A_CLEAR,   /* A = 0 and the hardware does not set it */
	VMM_MMU_D_CLEAR,   /* D = 0 on a store, and the same */
	VMM_MMU_NO_MEMORY, /* no memory where the table should be */
	VMM_MMU_NO_LEAF,   /* the last level points to another table */
	/* Encodings that are reserved: always a mistake. */
	VMM_MMU_W_WITHOUT_R,
	VMM_MMU_RESERVED_BITS,
	VMM_MMU_RESERVED_PBMT,	/* PBMT = 3, or in a table entry */
	VMM_MMU_RESERVED_NAPOT, /* N with another size than 64 KiB */
	VMM_MMU_TABLE_ADU,  /* A, D or U in an entry that points to a table */
	VMM_MMU_MISALIGNED, /* a superpage at an address unlike its size */
};

struct vmm_mmu_result {
	enum vmm_mmu_status status;
	enum vmm_mmu_reason reason;
	uint64_t pa;   /* if VMM_MMU_OK: of the byte */
	unsigned type; /* memory type: PBMT, or PAT << 2 | PCD << 1 | PWT */
};

/* What a report says. */
enum vmm_mmu_kind {
	/*
	 * The machine may reach memory that the table no longer gives it: it
	 * would read or write somebody else's frame, or one it has no right to.
	 */
	VMM_MMU_STALE,
	/* It may store without setting D, which software has cleared. */
	VMM_MMU_LOST_DIRTY,
	/* It may use a page whose A is clear, without setting it. */
	VMM_MMU_LOST_ACCESS,
	/* It may use another memory type than the table says. */
	VMM_MMU_STALE_TYPE,
	/*
	 * It may fault though the table allows the access. A kernel that
	 * fences and retries on such faults may tolerate this.
	 */
	VMM_MMU_SPURIOUS,
	/* It met an entry with a reserved encoding. */
	VMM_MMU_BAD_ENTRY,
	/*
	 * It faulted since A or D is clear. A kernel that tracks accesses in
	 * software means it so and tolerates this.
	 */
	VMM_MMU_AD_FAULT,
	/* A page was given back while a hart may still reach it. */
	VMM_MMU_FREED_FRAME, /* as memory */
	VMM_MMU_FREED_TABLE, /* as a table to walk */
	VMM_MMU_KINDS,
};

/* Why a translation that is not the table's may still be in use. */
enum vmm_mmu_why {
	VMM_MMU_WHY_NONE,	   /* of kinds that are no matter of fences */
	VMM_MMU_WHY_NO_FENCE,	   /* nobody fenced after the change */
	VMM_MMU_WHY_OTHER_HART,	   /* other harts did, this one did not */
	VMM_MMU_WHY_LEAF_ONLY,	   /* by address: that orders leaves only */
	VMM_MMU_WHY_NOT_GLOBAL,	   /* by ASID: that leaves global entries */
	VMM_MMU_WHY_OTHER_SPACE,   /* for another ASID, PCID or VMID */
	VMM_MMU_WHY_OTHER_ADDRESS, /* for another address */
	VMM_MMU_WHY_UNFINISHED,	   /* sinval.vma, no sfence.inval.ir yet */
	VMM_MMU_WHY_ASID_REUSED,   /* the ASID was that of another root */
	VMM_MMU_WHY_GLOBAL,	   /* another space marks its own page global */
	VMM_MMU_WHY_NAPOT, /* another entry of the 64 KiB says otherwise */
};

/* A change of one entry. */
struct vmm_mmu_change {
	uint64_t number; /* in the order in which changes were seen, from 1 */
	uint64_t pa;	 /* of the entry */
	uint64_t from;
	uint64_t to;
	const char *label; /* what vmm_mmu_mark() said, or NULL */
};

struct vmm_mmu_report {
	enum vmm_mmu_kind kind;
	enum vmm_mmu_why why;
	unsigned hart;
	uint64_t va;  /* of the access, or of the entry's first byte */
	unsigned how; /* VMM_MMU_READ and so on; 0 if nobody accessed it */
	struct vmm_mmu_result now; /* what the table says */
	struct vmm_mmu_result may; /* what the machine may do */
	/* The entry that is held, or met: */
	uint64_t entry;	   /* its value */
	uint64_t entry_pa; /* its address */
	unsigned level;
	bool global;
	uint64_t root; /* of the table through which it was read */
	uint64_t asid; /* of that space: ASID or PCID */
	uint64_t vmid;
	/* The change that lacked its fence; number is 0 if there was none. */
	struct vmm_mmu_change change;
	unsigned change_level;
	/* By @why: the hart that did fence, or the fence that missed. */
	unsigned fence_hart;
	uint64_t fence_va;
	uint64_t fence_space;
};

struct vmm_mmu_config {
	enum vmm_mmu_arch arch;
	unsigned features; /* VMM_MMU_SVADU and so on */
	unsigned harts;
	/* Physical memory: an array, */
	void *ram;
	uint64_t ram_base; /* a multiple of 4096 */
	uint64_t ram_size;
	/*
	 * or, if not NULL, a function: the 4096 bytes at @pa, always at the
	 * same pointer; NULL where there is no memory.
	 */
	void *(*page)(void *ctx, uint64_t pa);
	/* Called for each report; NULL: they are only counted. */
	void (*report)(void *ctx, const struct vmm_mmu_report *report);
	void *ctx;
	unsigned tolerate; /* kinds not to report: 1u << VMM_MMU_SPURIOUS ... */
	uint64_t seed;
	/*
	 * How often an access that could go several ways goes another way than
	 * the table says: 0 a machine that forgives, 100 the worst one.
	 */
	unsigned stale_percent;
};

/* The registers that choose tables. */
struct vmm_mmu_regs {
	uint64_t satp;
	uint64_t vsatp;
	uint64_t hgatp;
	bool virt;    /* V = 1: the guest runs */
	uint64_t cr3; /* 0: paging is off */
};

/**
 * vmm_mmu_translate() - Walk tables as they are, with no TLB.
 * @config: Architecture, features and memory.
 * @regs:   The registers.
 * @va:     Any address.
 * @how:    One of READ, WRITE and EXEC, and what applies.
 *
 * A pure function: nothing is written, A and D included.
 */
struct vmm_mmu_result vmm_mmu_translate(const struct vmm_mmu_config *config,
	const struct vmm_mmu_regs *regs, uint64_t va, unsigned how);

struct vmm_mmu;

/**
 * vmm_mmu_new() - Make a machine.
 * @config: Copied. Its memory must outlive the machine.
 *
 * All harts start with translation off and nothing held.
 */
struct vmm_mmu *vmm_mmu_new(const struct vmm_mmu_config *config);
void vmm_mmu_delete(struct vmm_mmu *mmu);

/*
 * Registers of a hart. None of the RISC-V ones fences anything; cr3 flushes
 * what the processor flushes (bit 63: nothing), and so does a change of
 * CR4.PGE.
 */
void vmm_mmu_satp(struct vmm_mmu *mmu, unsigned hart, uint64_t value);
void vmm_mmu_vsatp(struct vmm_mmu *mmu, unsigned hart, uint64_t value);
void vmm_mmu_hgatp(struct vmm_mmu *mmu, unsigned hart, uint64_t value);
void vmm_mmu_virt(struct vmm_mmu *mmu, unsigned hart, bool on);
void vmm_mmu_cr3(struct vmm_mmu *mmu, unsigned hart, uint64_t value);
void vmm_mmu_pge(struct vmm_mmu *mmu, unsigned hart, bool on);
const struct vmm_mmu_regs *vmm_mmu_regs(
	const struct vmm_mmu *mmu, unsigned hart);

/*
 * Fences of a hart. Pointers are to the value of rs1 and rs2; NULL is x0. A
 * fence reaches this hart and no other. hfence.gvma takes the guest-physical
 * address shifted right by two, as the instruction does. While virt is on,
 * sfence.vma and sinval.vma are the guest's.
 */
void vmm_mmu_sfence_vma(struct vmm_mmu *mmu, unsigned hart, const uint64_t *va,
	const uint64_t *asid);
void vmm_mmu_hfence_vvma(struct vmm_mmu *mmu, unsigned hart, const uint64_t *va,
	const uint64_t *asid);
void vmm_mmu_hfence_gvma(struct vmm_mmu *mmu, unsigned hart,
	const uint64_t *gpa_shifted, const uint64_t *vmid);
void vmm_mmu_sfence_w_inval(struct vmm_mmu *mmu, unsigned hart);
void vmm_mmu_sinval_vma(struct vmm_mmu *mmu, unsigned hart, const uint64_t *va,
	const uint64_t *asid);
void vmm_mmu_hinval_vvma(struct vmm_mmu *mmu, unsigned hart, const uint64_t *va,
	const uint64_t *asid);
void vmm_mmu_hinval_gvma(struct vmm_mmu *mmu, unsigned hart,
	const uint64_t *gpa_shifted, const uint64_t *vmid);
void vmm_mmu_sfence_inval_ir(struct vmm_mmu *mmu, unsigned hart);
void vmm_mmu_invlpg(struct vmm_mmu *mmu, unsigned hart, uint64_t va);
/* Types 0 to 3 of Intel SDM 2A, INVPCID. */
void vmm_mmu_invpcid(struct vmm_mmu *mmu, unsigned hart, unsigned type,
	uint64_t pcid, uint64_t va);

/**
 * vmm_mmu_access() - A hart accesses one byte.
 * @va:  Any address.
 * @how: One of READ, WRITE and EXEC, and what applies.
 *
 * Reports if the access could end in more than one way, or met an entry that is
 * wrong in itself. Sets A and D in memory where the machine does.
 *
 * Return: one of the ways it could end, by the seed.
 */
struct vmm_mmu_result vmm_mmu_access(
	struct vmm_mmu *mmu, unsigned hart, uint64_t va, unsigned how);

/**
 * vmm_mmu_read(), vmm_mmu_write() - Copy bytes as a hart would.
 * @how: What applies besides READ or WRITE: VMM_MMU_USER and so on.
 *
 * Page by page, up to the first fault. Return: the result for the last byte
 * that was tried.
 */
struct vmm_mmu_result vmm_mmu_read(struct vmm_mmu *mmu, unsigned hart,
	uint64_t va, unsigned how, void *into, size_t size);
struct vmm_mmu_result vmm_mmu_write(struct vmm_mmu *mmu, unsigned hart,
	uint64_t va, unsigned how, const void *from, size_t size);

/**
 * vmm_mmu_freed() - A page is about to be given to somebody else.
 * @pa, @size: Physical range.
 *
 * To be called where the kernel frees frames and tables. Reports every hart
 * that may still reach the range by a translation which the tables do not hold
 * any more. Return: the number of reports.
 */
uint64_t vmm_mmu_freed(struct vmm_mmu *mmu, uint64_t pa, uint64_t size);

/**
 * vmm_mmu_audit() - Report all that a hart may hold against its table.
 *
 * As if the hart accessed every address in every way, so that no test has to
 * hit the right one; each change that lacks its fence is reported once. For
 * after a flush. Return: the number of reports.
 */
uint64_t vmm_mmu_audit(struct vmm_mmu *mmu, unsigned hart);

/**
 * vmm_mmu_sync() - Look at the tables now.
 *
 * Every other call does this first. Values that were stored and replaced between
 * two looks remain unseen, though a real machine may have read them: call this
 * between such stores to be strict.
 */
void vmm_mmu_sync(struct vmm_mmu *mmu);

/**
 * vmm_mmu_mark() - Name what the kernel does next.
 * @label: Text that outlives the machine, or NULL. Reports name it with the
 *         changes that follow.
 */
void vmm_mmu_mark(struct vmm_mmu *mmu, const char *label);

/* Reports so far: of one kind, and of all. */
uint64_t vmm_mmu_count(const struct vmm_mmu *mmu, enum vmm_mmu_kind kind);
uint64_t vmm_mmu_count_all(const struct vmm_mmu *mmu);

/**
 * vmm_mmu_text() - A report in words, a few lines.
 * @text: Receives them, zero-terminated, cut to @size bytes.
 *
 * Return: the length that the whole text has.
 */
size_t vmm_mmu_text(
	const struct vmm_mmu_report *report, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* VMM_MODEL_MMU_H */
