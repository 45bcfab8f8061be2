/* SPDX-License-Identifier: MIT */
/* The workloads of this benchmark, and what they share. */
#ifndef VMEM_WORKLOADS_H
#define VMEM_WORKLOADS_H

#include "support/bench.h"
#include "vmem/peers.h"

/* A contender's memory and its caller's tokens, and a copy of both to go back
   to before each round. */
struct vmem_state {
	void *memory;
	uint64_t *tokens; /* by slot */
	void *saved;
	size_t size;
	size_t slots;
};

void vmem_state_init(struct vmem_state *state, size_t size, size_t slots);
void vmem_state_save(struct vmem_state *state);
void vmem_state_restore(struct vmem_state *state);
void vmem_state_fini(struct vmem_state *state);

/* A set of contenders, ended by NULL. */
#define VMEM_PEERS_MAX 13
typedef const struct vmem_peer *const vmem_peers[VMEM_PEERS_MAX + 1];

size_t vmem_peer_count(vmem_peers peers);

/* How far the addresses in use ever reached, and what was ever needed at the
   same time: kept by the caller, for any contender. Regions that a contender
   keeps parked are in use, too. */
struct vmem_reach {
	uint64_t live; /* bytes */
	uint64_t live_peak;
	uint64_t top_peak; /* one past the highest address, from VMEM_BASE */
};

/* A region was allocated, and how far does it all reach now? */
void vmem_reach_alloc(struct vmem_reach *reach, const struct vmem_peer *peer,
	void *arena, uint64_t token, uint64_t size);
void vmem_reach_free(struct vmem_reach *reach, uint64_t size);

/*
 * A script: what a caller does, one call after another. Sizes and alignments
 * are in pages. A region has a slot while it lives, in which its token is kept.
 */
enum vmem_op_kind {
	VMEM_FREE,
	VMEM_ALLOC,
	VMEM_ALIGNED,
	VMEM_TRY /* an allocation that may fail; its slot is never freed */
};

struct vmem_op {
	uint32_t slot;
	uint32_t pages; /* of the region, when it is freed as well */
	uint16_t kind;
	uint16_t align_shift;
};

struct vmem_script {
	struct vmem_op *ops;
	size_t count;
	size_t room;
	size_t prefix;	 /* operations before the measured ones */
	size_t slots;	 /* their number, and so the most regions in use */
	unsigned passes; /* of the measured part, if it ends where it starts */
	bool aligns;	 /* has aligned requests */
};

void vmem_script_add(struct vmem_script *script, struct vmem_op op);
void vmem_script_alloc(
	struct vmem_script *script, uint32_t slot, uint32_t pages);
void vmem_script_free(
	struct vmem_script *script, uint32_t slot, uint32_t pages);
/* Everything so far is prefix. */
void vmem_script_measure(struct vmem_script *script);
void vmem_script_fini(struct vmem_script *script);

/* An arena of @live regions of 1 to @pages_max pages, their logarithm uniform,
   in its steady state. Returns the size of each, by slot, to be freed. */
uint32_t *vmem_script_mix(
	struct vmem_script *script, size_t live, uint64_t pages_max);

/* Run a whole script on a contender, and leave the state as it is then. */
void vmem_script_play(const struct vmem_script *script,
	const struct vmem_peer *peer, struct vmem_state *state);

/* Measure a script on all @peers and report a row for each. */
void vmem_script_run(const char *name, const struct vmem_script *script,
	vmem_peers peers, unsigned rounds);

/* What the calls of the measured part cost, in instructions; only when
   counting. A call that moves several regions between a cache and its arena
   counts once for each. */
struct vmem_cost {
	double mean;
	double worst;
};
struct vmem_cost vmem_script_cost(
	const struct vmem_script *script, const struct vmem_peer *peer);

/* Scripts that are meant to find the worst case. */
struct vmem_adversary {
	const char *name;
	/* The random calls that its worst is compared with. */
	const char *baseline;
	/* Make it for an arena of about @regions regions, used and free. */
	void (*make)(struct vmem_script *script, size_t regions);
};

extern const struct vmem_adversary vmem_adversaries[];
extern const size_t vmem_adversary_count;

void vmem_trees(void);
void vmem_churn(void);
void vmem_pages(void);
void vmem_traces(void);
void vmem_holes(void);
void vmem_frag(void);
void vmem_lookups(void);
void vmem_threads(void);
void vmem_growth(void);
void vmem_text(void);
void vmem_goals(void);

#endif /* VMEM_WORKLOADS_H */
