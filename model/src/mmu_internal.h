/* SPDX-License-Identifier: MIT */
/*
 * The model: theory of operation
 *
 * 1. Time. Memory is looked at whenever the model is called. If tables differ
 *    from the copies kept of them, a new epoch begins; a fence begins one too.
 *    Within an epoch tables do not change. An entry of a table so has had one
 *    value from epoch to epoch, and all its former values are known (memory.c).
 *
 * 2. Activity. A hart may walk, speculatively and for any address, the tables
 *    that its registers name. For each space that a hart has used, the epochs
 *    in which it could walk it are kept as spans (hart.c).
 *
 * 3. Holding. What was read in an epoch may be held until a fence takes it: the
 *    first one that matches the kind of the entry, its address and its space,
 *    and that came after (fence.c). So, for one address,
 *
 *        reach(root)    the epochs in which the space was active
 *        loaded(value)  reach(its table), while the entry had the value
 *        held(value)    loaded, and on to the fence that takes it
 *        reach(table)   held(an entry that points to it), while a space with
 *                       the same tag was active
 *
 *    level by level. A leaf (or absent entry) with held including now may be
 *    what the next access uses, and nothing else may be. That is the set that
 *    may.c computes, and it is exact: no TLB of a certain size or policy is
 *    played, since the specification knows none.
 *
 * 4. Two stages. The tables of a guest lie at guest-physical addresses. Each
 *    read of one is translated by the second stage with the same method, and
 *    its epochs cut down to those in which the translation was held. A guest's
 *    entry and one of the second stage that are both held now may be used
 *    together, or be held as one: either kind of fence takes that.
 *
 * Sources: RISC-V Privileged 1.13, 12.3.2 "Virtual Address Translation
 * Process", 12.2.1 "Supervisor Memory-Management Fence Instruction"; Intel SDM
 * 3A, 4.10 "Caching Translation Information".
 */
#ifndef VMM_MODEL_INTERNAL_H
#define VMM_MODEL_INTERNAL_H

#include <vmm_model/mmu.h>

#define PAGE	   UINT64_C(4096)
#define ENTRIES	   512u
#define LEVELS_MAX 5
#define FOREVER	   UINT64_MAX
#define NO_CHANGE  UINT32_MAX

/* Memory; the program ends when there is none. */
void *mmu_alloc(size_t count, size_t size);
void *mmu_grow(void *array, size_t count, size_t *room, size_t size);
#define GROW(list)                                                           \
	((list)->item = mmu_grow((list)->item, (list)->count, &(list)->room, \
		 sizeof(*(list)->item)))

/* Entries and formats: entry.c. */

struct format {
	const char *name;
	unsigned levels;
	unsigned root_bits; /* of index: 9, or 11 with a wide root */
	unsigned va_bits;
	bool sign; /* bits above repeat the highest; else they are 0 */
	bool x86;
	bool guest_stage;
};

enum entry_kind {
	ENTRY_ABSENT,
	ENTRY_TABLE,
	ENTRY_LEAF,
	ENTRY_RESERVED, /* faults; says why */
	ENTRY_HOLE,	/* not read: the table is not in memory */
	ENTRY_GUEST,	/* not read: the second stage refused */
};

struct entry {
	enum entry_kind kind;
	enum vmm_mmu_reason reason;
	uint64_t pa;
	bool r, w, x, u, g, a, d;
	bool napot;
	unsigned type;
};

/* satp, hgatp or CR3 to a format; NULL is bare. */
const struct format *mmu_format_riscv(uint64_t satp, bool guest_stage);
const struct format *mmu_format_x86(unsigned features);
bool mmu_canonical(const struct format *format, uint64_t va);
unsigned mmu_shift(unsigned level);
/* Index into the table at @level; above 511 in a wide root. */
unsigned mmu_index(const struct format *format, unsigned level, uint64_t va);
void mmu_decode(const struct format *format, unsigned features, unsigned level,
	uint64_t raw, struct entry *out);
/* What the entries on the way take away (x86-64), or give (G). */
void mmu_inherit(const struct format *format, const struct entry *table,
	struct entry *below);
/* The permissions of a path before its first entry. */
void mmu_path_start(struct entry *path);
enum vmm_mmu_reason mmu_permit(const struct format *format, unsigned features,
	const struct entry *leaf, unsigned how);
/* Physical address of @va through a leaf at @level. */
uint64_t mmu_leaf_pa(const struct entry *leaf, unsigned level, uint64_t va);
/* Bytes that one held entry stands for. */
uint64_t mmu_span(const struct entry *entry, unsigned level);

/* The pure walk: walk.c. */

/* One stage, with what it passed. */
struct walk {
	struct vmm_mmu_result result;
	unsigned levels; /* entries passed */
	unsigned level;	 /* of the last one */
	uint64_t raw;
	uint64_t entry_pa[LEVELS_MAX]; /* where they are, physically */
	struct entry entry;	       /* the last one, path included */
	/* A second stage that had to be walked, the final one included. */
	unsigned stages;
	struct {
		uint64_t gpa;
		unsigned how;
	} gpa[LEVELS_MAX + 2]; /* tables, the entry that is set, the page */
};

const uint64_t *mmu_memory(const struct vmm_mmu_config *config, uint64_t pa);
/* The first stage; its tables are translated by hgatp if regs->virt. */
void mmu_walk_first(const struct vmm_mmu_config *config,
	const struct vmm_mmu_regs *regs, uint64_t va, unsigned how,
	struct walk *walk);
/* The second stage. */
void mmu_walk_second(const struct vmm_mmu_config *config, uint64_t hgatp,
	uint64_t gpa, unsigned how, struct walk *walk);
bool mmu_is_reserved(enum vmm_mmu_reason reason);

/* Epochs: spans.c. */

/* From first to last, both included. */
struct span {
	uint64_t first;
	uint64_t last;
};

/* Ascending, and apart. */
struct spans {
	struct span *item;
	size_t count;
	size_t room;
};

void spans_free(struct spans *spans);
/* Add one at the end, or join it with the last. */
void spans_push(struct spans *spans, uint64_t first, uint64_t last);
void spans_copy(struct spans *into, const struct spans *from);
void spans_clip(struct spans *spans, uint64_t first, uint64_t last);
void spans_and(
	struct spans *into, const struct spans *a, const struct spans *b);
void spans_or(struct spans *into, const struct spans *other);
bool spans_has(const struct spans *spans, uint64_t epoch);

/* Tables that are watched: memory.c. */

struct change {
	uint64_t epoch; /* the first one with the new value */
	uint64_t number;
	uint64_t pa;
	uint64_t from;
	uint64_t to;
	uint32_t before; /* the change of this entry before this one */
	bool by_hardware;
	const char *label;
};

struct page {
	uint64_t pa;
	const uint64_t *memory;
	uint64_t since; /* the epoch in which watching began */
	uint64_t seen;	/* stamp of the last discovery, by level below */
	unsigned seen_levels;
	uint64_t copy[ENTRIES];
	uint32_t last[ENTRIES]; /* newest change, or NO_CHANGE */
};

struct changes {
	struct change *item;
	size_t count;
	size_t room;
};

struct pages {
	struct page **item;
	size_t count;
	size_t room;
	uint32_t *slot; /* hash table of indices + 1 */
	size_t slots;
};

/* A value that an entry has had, newest first. */
struct segment {
	uint64_t raw;
	struct span span;
	uint32_t ended_by; /* change, or NO_CHANGE if it is the value now */
	uint32_t before;
};

struct page *mmu_watch(struct vmm_mmu *mmu, uint64_t pa);
void mmu_segment_newest(const struct vmm_mmu *mmu, const struct page *page,
	unsigned index, struct segment *out);
bool mmu_segment_older(const struct vmm_mmu *mmu, const struct page *page,
	struct segment *segment);
void mmu_hardware_store(struct vmm_mmu *mmu, uint64_t pa, uint64_t value);
void mmu_trim(struct vmm_mmu *mmu);

/* Harts: hart.c. */

enum stage {
	STAGE_ONE,   /* satp, CR3 */
	STAGE_GUEST, /* vsatp */
	STAGE_TWO,   /* hgatp */
	STAGES,
};

struct space {
	enum stage stage;
	const struct format *format;
	uint64_t root;
	uint64_t asid; /* 0 in the second stage */
	uint64_t vmid; /* 0 in stage one */
	bool active;
	struct spans active_in;
};

struct fence {
	uint64_t epoch; /* the first one after it: takes what was read before */
	uint64_t covers; /* but for values replaced from this epoch on */
	enum stage stage;
	bool by_va;
	bool by_asid;
	bool tables;  /* by address, yet all entries that point to tables */
	bool path;    /* by address, and those on the way to it */
	bool globals; /* by ASID, yet global entries too */
	uint64_t va;
	uint64_t asid;
	uint64_t vmid;
};

struct fences {
	struct fence *item;
	size_t count;
	size_t room;
};

struct spaces {
	struct space **item;
	size_t count;
	size_t room;
};

struct hart {
	struct vmm_mmu_regs regs;
	bool pge;
	struct spaces spaces;
	struct fences fences;
	struct fences pending; /* sinval, before sfence.inval.ir */
	uint64_t ordered;      /* by sfence.w.inval; 0 if never */
};

struct vmm_mmu {
	struct vmm_mmu_config config;
	uint64_t epoch;
	uint64_t rng;
	uint64_t stamp;
	struct hart *harts;
	struct pages pages;
	struct changes changes;
	uint64_t change_number;
	size_t trim_at;
	const char *label;
	uint64_t counts[VMM_MMU_KINDS];
};

struct hart *mmu_hart(struct vmm_mmu *mmu, unsigned hart);
uint64_t mmu_random(struct vmm_mmu *mmu);
/* The features as a hart has them. */
unsigned mmu_features(const struct vmm_mmu *mmu, const struct hart *hart);
struct space *mmu_space_active(const struct hart *hart, enum stage stage);
void mmu_discover_all(struct vmm_mmu *mmu);

/* Fences: fence.c. */

/* A held entry, as fences see it. */
struct held {
	const struct space *space;
	bool leaf;
	bool global;
	/* The same to fences that came after it was replaced in memory. */
	bool leaf_after;
	bool global_after;
	uint64_t va;
	uint64_t last;	/* last address that it stands for */
	uint64_t until; /* the last epoch in which memory had the value */
};

bool mmu_fence_takes(const struct fence *fence, const struct held *held);
/* From what was loaded to what is held. */
void mmu_hold(const struct hart *hart, const struct held *held,
	const struct spans *loaded, struct spans *into);
void mmu_fence_add(struct vmm_mmu *mmu, struct hart *hart, struct fence fence);

/* What may be used: may.c. */

/* The change that made something stale, and how fences see it. */
struct blame {
	uint32_t change; /* or NO_CHANGE */
	unsigned level;
	bool leaf;
	bool global;
};

struct candidate {
	const struct space *space;
	uint64_t va; /* first address that it translates */
	uint64_t entry_pa;
	uint64_t raw;
	unsigned level;
	struct entry entry; /* with what its path gave and took */
	bool now;	    /* it is what the tables say */
	struct blame blame;
	struct spans held;
};

struct candidates {
	struct candidate *item;
	size_t count;
	size_t room;
};

/* What to look for. */
struct question {
	enum stage stage;
	uint64_t vmid;
	uint64_t first; /* addresses */
	uint64_t last;
	bool tables; /* report entries that point to tables as well */
};

/* Candidates of all spaces with a matching vmid, whatever their ASID. */
void mmu_may(const struct vmm_mmu *mmu, const struct hart *hart,
	const struct question *question, struct candidates *out);
void candidates_free(struct candidates *list);
/* Can the hart use it now, in the space that is active? */
bool mmu_usable(const struct vmm_mmu *mmu, const struct hart *hart,
	const struct candidate *candidate);

/* Outcomes: access.c. */

struct outcome {
	struct vmm_mmu_result result;
	bool lost_access; /* uses an entry with A, where memory has it clear */
	bool lost_dirty;
};

/* How a candidate ends an access; false: it cannot, the walk starts anew. */
bool mmu_outcome(const struct vmm_mmu *mmu, const struct candidate *candidate,
	uint64_t va, unsigned how, struct outcome *out);
/* What to report of it, beside the walk; VMM_MMU_KINDS: nothing. */
enum vmm_mmu_kind mmu_judge(
	const struct walk *walk, const struct outcome *outcome);

/* Reports: report.c. */

void mmu_report(struct vmm_mmu *mmu, struct vmm_mmu_report *report);
/* Fill in what a candidate says of itself, and why it is not fenced. */
void mmu_report_candidate(const struct vmm_mmu *mmu, unsigned hart,
	const struct candidate *candidate, struct vmm_mmu_report *report);

#endif /* VMM_MODEL_INTERNAL_H */
