/* SPDX-License-Identifier: MIT */
/*
 * Spaces on memory that only looks physical: a static array stands for RAM from
 * SPACE_RAM on. The hooks count, fail on demand and fill what they give and
 * take with junk; they know how many hold each frame, and refuse what is wrong.
 *
 * The rig has a hart that never forgets: what space_rig_see() has translated
 * stays in its TLB until a flush that has to reach all harts says otherwise. A
 * frame that is freed, or a table that is given back, while the TLB leads there,
 * fails the test; so does a call that leaves something in the TLB that the table
 * does not say.
 */
#ifndef SPACE_RIG_H
#define SPACE_RIG_H

#include "support/pt_rig.h"

#include <vmm/space.h>
#include <vmm/space_fault.h>
#include <vmm/space_object.h>

#define SPACE_RAM     UINT64_C(0x80000000)
#define SPACE_PAGES   2048
#define SPACE_SEEN    64
#define SPACE_ERR     (-1234) /* what hooks fail with */
#define SPACE_FLUSHES 16

#define SPACE_RW  (VMM_PT_READ | VMM_PT_WRITE)
#define SPACE_RWU (SPACE_RW | VMM_PT_USER)

/* A hook that fails: that many calls from now; negative: never. */
struct space_failing {
	long in;
	bool sticky; /* once failed, fail for good */
	long calls;  /* so far */
};

/* A translation in the TLB. */
struct space_seen {
	const struct vmm_pt *pt; /* NULL: none */
	vmm_va_t va;
	vmm_pa_t pa;
	unsigned prot;
	vmm_pa_t tables[VMM_PT_LEVELS_MAX];
};

struct space_rig {
	struct vmm_space space; /* with space_rig_open() */
	struct vmm_pt pt;
	struct vmm_pages pages;
	struct vmm_frames frames;
	struct vmm_lock lock;
	struct vmm_space_hooks hooks;
	struct vmm_pt_format format;
	struct vmm_object_config object_config;
	const struct vmm_object *last_ended;
	long ended;	 /* objects */
	bool is_alone;	 /* all pages of the hook are the one space's */
	uint64_t offset; /* pointer minus physical address */
	long pages_live; /* given and not taken back, without roots */
	long frames_live;
	struct space_failing fail_pages;
	struct space_failing fail_frames; /* alloc and get */
	bool is_locked;
	long locks; /* how often the lock was taken */
	long waits; /* how often the wait hook was called */
	long flushes;
	struct vmm_tlb_gather flushed[SPACE_FLUSHES]; /* the last ones, by
							 flushes % that */
	/*
	 * Another hart: called from every hook, that is, wherever the library
	 * has dropped the lock. Not called again from inside itself.
	 */
	void (*other)(struct space_rig *rig);
	bool is_other;
	bool is_flush;	/* it is called from the flush */
	vmm_va_t taken; /* by space_rig_take_tables() */
	struct space_seen seen[SPACE_SEEN];
	uint8_t use[SPACE_PAGES];      /* free, a page, a frame */
	uint32_t holders[SPACE_PAGES]; /* of frames */
};

/*
 * Open a rig with one space on it, of a format with what is beside it, without
 * addresses. With a zero page unless @features has SPACE_NO_ZERO_PAGE.
 */
#define SPACE_NO_ZERO_PAGE (1u << 31)
void space_rig_open(struct space_rig *rig, const struct vmm_pt_format *format,
	unsigned features);
/* Finish the space and check that nothing is left. */
void space_rig_close(struct space_rig *rig);
/* One more space with a table of its own; and its end. */
void space_rig_add(
	struct space_rig *rig, struct vmm_space *space, struct vmm_pt *pt);
void space_rig_drop(
	struct space_rig *rig, struct vmm_space *space, struct vmm_pt *pt);
/* A page that is neither counted nor made to fail, for a root. */
vmm_pa_t space_rig_root(struct space_rig *rig);
void space_rig_root_put(struct space_rig *rig, vmm_pa_t root);
/* The one space's user addresses, from a page to the end of the lower half. */
void space_rig_user(struct space_rig *rig);
/* A rig with these. */
void space_rig_open_user(struct space_rig *rig,
	const struct vmm_pt_format *format, unsigned features);
/* The same, and no other space will be on it. */
void space_rig_open_alone(struct space_rig *rig,
	const struct vmm_pt_format *format, unsigned features);

/* A pointer to a frame's bytes, and to its words. */
uint8_t *space_rig_bytes(const struct space_rig *rig, vmm_pa_t pa);
uint64_t *space_rig_word(const struct space_rig *rig, vmm_pa_t pa);
uint32_t space_rig_holders(const struct space_rig *rig, vmm_pa_t pa);

/*
 * The hart uses an address: what the table says goes into the TLB. True, and
 * the address, if it is mapped.
 */
bool space_rig_see(struct space_rig *rig, const struct vmm_pt *pt, vmm_va_t va,
	vmm_pa_t *pa_out);
/* Every mapped page in a range, as many as fit into the TLB. */
void space_rig_see_all(struct space_rig *rig, const struct vmm_pt *pt,
	vmm_va_t va, uint64_t size);
/* Nothing is in the TLB that the table does not say as well. */
void space_rig_check_tlb(const struct space_rig *rig);
/* What the last flush was for, or the one that many before it. */
const struct vmm_tlb_gather *space_rig_flushed(
	const struct space_rig *rig, long before);
/* Another hart takes all spare tables, each for a page far up. */
void space_rig_take_tables(struct space_rig *rig);

/*
 * What a caller can see of a space: regions, what is mapped, how often each
 * frame is held. Spare pages and nodes do not count.
 */
uint64_t space_rig_digest(const struct space_rig *rig, struct vmm_space *space);
/* The checks between calls: the space's own, the TLB, no lock, pages. */
void space_rig_check(const struct space_rig *rig, struct vmm_space *space);
/* The same, and the digest is what it was. */
void space_rig_check_same(
	const struct space_rig *rig, struct vmm_space *space, uint64_t digest);

/* A request that has the usual: user, read and write. */
struct vmm_space_request space_rig_request(
	const struct vmm_space *space, enum vmm_space_kind kind, uint64_t size);
/* That at a place. */
struct vmm_space_request space_rig_request_at(const struct vmm_space *space,
	enum vmm_space_kind kind, vmm_va_t where, uint64_t size);
/* Try to map that. */
int space_rig_map_at(struct vmm_space *space, enum vmm_space_kind kind,
	vmm_va_t where, uint64_t size);
/* Map it; at 0: anywhere. */
vmm_va_t space_rig_map(struct vmm_space *space, enum vmm_space_kind kind,
	vmm_va_t where, uint64_t size);
/* Read and write, by the user if the format knows one. */
unsigned space_rig_rw(const struct vmm_space *space);
/* Write to each page its own address; and see that it is there, or zeros. */
void space_rig_touch(struct vmm_space *space, vmm_va_t va, uint64_t size);
void space_rig_check_bytes(
	struct vmm_space *space, vmm_va_t va, uint64_t size, vmm_va_t were);
/* How many regions there are; the one at an address; a mapped byte's address. */
uint64_t space_rig_regions(struct vmm_space *space);
struct vmm_space_region space_rig_region(struct vmm_space *space, vmm_va_t va);
vmm_pa_t space_rig_phys(struct vmm_space *space, vmm_va_t va);
/* An object with one user. */
void space_rig_object(
	struct space_rig *rig, struct vmm_object *object, uint64_t size);
/* The same, and all of it mapped at a place, with flags VMM_SPACE_... */
void space_rig_map_object(struct space_rig *rig, struct vmm_object *object,
	vmm_va_t where, uint64_t size, unsigned flags);

#endif /* SPACE_RIG_H */
