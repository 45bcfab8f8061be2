/* SPDX-License-Identifier: MIT */
/*
 * A world of address spaces and a model of it, side by side: some spaces, which
 * are forked from one another, some objects that they share, one pool for
 * frames and pages, and random calls of everything in space.h. No C library.
 *
 * The model knows for every page of every space what it is, what may be done
 * there, and two of its bytes, the first and the last. It knows nothing of
 * tables, regions, or frames; so the library may do as it likes, as long as what
 * can be seen is the model's. Besides, every frame has exactly as many holders
 * as there are entries and objects that have it.
 *
 * Every hook is a moment in which other harts run. There the world makes another
 * call, on another space or other addresses, from beginning to end, before the
 * hook returns. The pages that a call is about are busy meanwhile, and nobody
 * else's business; so each call has one right outcome.
 */
#ifndef SPACE_WORLD_H
#define SPACE_WORLD_H

#include "support/test.h"

#include <vmm/space.h>
#include <vmm/space_fault.h>
#include <vmm/space_object.h>

#define PAGE	  UINT64_C(4096)
#define WORLD_RAM UINT64_C(0x80000000)

#define WORLD_PAGES   1024 /* of the pool, with the ones below */
#define WORLD_ZERO    8	   /* the page of zeros; before it, the roots */
#define WORLD_DEVICE  16   /* the first page that is no memory */
#define DEVICE_PAGES  8
#define WORLD_FIRST   24 /* the first page of the pool */
#define WORLD_SPACES  4
#define WORLD_OBJECTS 5
#define OBJECT_PAGES  24 /* at most */
#define WINDOWS	      3
#define WINDOW_PAGES  40
#define SPACE_PAGES   ((unsigned)(WINDOWS * WINDOW_PAGES))
#define NO_PAGE	      UINT32_MAX

/* The error of a hook that was told to fail. */
#define HOOK_ERROR (-1000)

/* What a page of a space is, in the model. */
struct model_page {
	bool used;
	uint8_t guard; /* 0, or 1 below or 2 above a region */
	enum vmm_space_kind kind;
	unsigned prot;
	unsigned flags;
	uint8_t name;	/* 0: none */
	uint8_t object; /* OBJECT: which */
	uint16_t at;	/* OBJECT, PHYS: which page of it */
	uint32_t twin;	/* RING: the other page */
	bool own;	/* written to: the bytes are its own */
	uint8_t byte[2];
};

struct world_space {
	bool open;
	bool reserved; /* a fork is about to make it, or it is being closed */
	struct vmm_space space;
	struct vmm_pt live;
	struct model_page page[SPACE_PAGES];
};

struct world_object {
	bool made;
	bool ended;
	bool owned; /* the world is a user */
	bool filled;
	unsigned pages;
	uint64_t regions; /* that show it, counted */
	struct vmm_object_config config;
	struct vmm_object object;
	uint8_t byte[OBJECT_PAGES][2];
};

/* A call in progress: nobody else touches what it is about. */
struct world_call {
	unsigned space;
	uint32_t first; /* pages */
	uint32_t last;
	bool free_too;	 /* and every page that is free */
	unsigned writes; /* a bit for each object that it writes to, */
	unsigned reads;	 /* and whose bytes it copies; the device's */
};
#define CALLS_MAX  3 /* one on each hart, see model_space_mmu.c */
#define DEVICE_BIT (1u << 31)

enum world_use { POOL_FREE, POOL_TABLE, POOL_FRAME, POOL_OTHER };

/* What was done, to see that a run is worth something. */
enum world_count {
	DID_MAP,
	DID_REPLACE,
	DID_UNMAP,
	DID_DISCARD,
	DID_PROTECT,
	DID_MOVE,
	DID_FORK,
	DID_CLEAR,
	DID_READ,
	DID_WRITE,
	DID_DENIED,
	DID_COPY,
	DID_LAST,
	DID_INSIDE, /* in hooks */
	DID_REFUSED,
	DID_COUNTS
};

struct world {
	struct rng rng;
	const struct vmm_pt_format *format;
	uint8_t *ram; /* WORLD_PAGES pages, at WORLD_RAM */
	struct vmm_lock lock;
	struct vmm_pages pages;
	struct vmm_frames frames;
	struct vmm_space_hooks hooks;
	bool held; /* the lock */
	uint8_t use[WORLD_PAGES];
	uint64_t holders[WORLD_PAGES];
	uint64_t pool_limit; /* pages that may be out at a time */
	uint64_t pool_used;
	/* Hooks that may fail: after so many more; and how often. */
	uint64_t fail_after; /* 0: never */
	bool fail_on;	     /* and all after that one */
	uint64_t refused;    /* in this call */
	uint8_t device[DEVICE_PAGES][2];
	struct world_space space[WORLD_SPACES];
	struct world_object object[WORLD_OBJECTS];
	struct world_call call[CALLS_MAX];
	unsigned calls;
	bool loud;	      /* print each call */
	bool spoiled;	      /* by a planted defect: nothing is checked */
	bool inside_on;	      /* calls within hooks */
	unsigned inside_once; /* in so many hooks */
	uint8_t next_byte;
	uint64_t did[DID_COUNTS];
	/* The machine's, or NULL: see model_space_mmu.c. */
	void (*sync)(void);	    /* before the lock is released */
	void (*freed)(vmm_pa_t pa); /* a page goes back */
	void (*flush)(
		struct vmm_space *space, const struct vmm_tlb_gather *gather);
	void (*opened)(unsigned space);	 /* may be run */
	void (*closing)(unsigned space); /* not any more */
	/* Read, write or execute a byte; vmm_space_fault() where needed. */
	int (*access)(unsigned space, vmm_va_t va, unsigned how, uint8_t *byte,
		struct vmm_fault *fault_out);
};
extern struct world world;
extern const char *const world_names[];
extern const char *const world_counts[DID_COUNTS];
#define WORLD_NAMES 3

/* space_world.c: the pool, the hooks, spaces and objects */

void world_start(
	const struct vmm_pt_format *format, uint8_t *ram, uint64_t seed);
void world_step(void); /* a call, anything */
void world_end(void);  /* close all; nothing is left over */

void space_open(unsigned s);
void space_close(unsigned s);
bool object_make(unsigned o);
void object_drop(unsigned o);

static inline bool chance(unsigned of)
{
	return rng_below(&world.rng, of) == 0;
}

static inline uint8_t *ram_at(vmm_pa_t pa)
{
	CHECK(pa >= WORLD_RAM && pa - WORLD_RAM < WORLD_PAGES * PAGE);
	return world.ram + (pa - WORLD_RAM);
}

static inline size_t pool_index(vmm_pa_t pa)
{
	CHECK(pa % PAGE == 0 && pa >= WORLD_RAM &&
		pa - WORLD_RAM < WORLD_PAGES * PAGE);
	return (size_t)((pa - WORLD_RAM) / PAGE);
}

/* Where pages are. */
vmm_va_t page_va(uint32_t i);
uint32_t va_page(vmm_va_t va); /* or NO_PAGE */
/* Are the pages @i to @i + @count - 1 in one window? */
bool in_window(uint32_t i, uint64_t count);

/* space_world_busy.c: a call begins; false: others are at it. And it ends. */
bool call_begin(const struct world_call *call);
void call_end(void);
bool is_busy(unsigned s, uint32_t i);

/* With world.loud: what is done. */
void world_say(const char *what, unsigned s, uint32_t first, uint64_t count);
/* Hooks may fail from now on, or not; and what came of it. */
void refuse_maybe(void);
/* Was it right that @err came of it, where a call without that says @want? */
bool call_worked(int err, int want);

/* space_world_model.c: what calls mean */

struct model_page *model_at(unsigned s, uint32_t i);
void model_bytes(unsigned s, uint32_t i, uint8_t out[2]);
void model_write(unsigned s, uint32_t i, unsigned which, uint8_t byte);
/* A private page has got bytes of its own. */
void model_own(unsigned s, uint32_t i);
void model_protect(unsigned s, uint32_t i, unsigned prot);
void model_unmap(unsigned s, uint32_t first, uint32_t count);
void model_discard(unsigned s, uint32_t first, uint32_t count);
void model_fork(unsigned child, unsigned parent);
/* Pages that go together: guards and rings that a range touches. */
void model_widen(unsigned s, uint32_t *first, uint32_t *last);
bool model_shows(unsigned o); /* Is there a region with the object? */

/* space_world_compare.c */

void world_check(void); /* everything */
void compare_space(unsigned s);
void world_print(unsigned s);
/* The memory behind a page of a space, or NULL: it has none. */
uint8_t *peek(unsigned s, uint32_t i);

/* space_world_calls.c, space_world_big.c, space_world_access.c */

/* Pages that may have been copied without being written to: look. */
void model_learn(unsigned s, uint32_t first, uint32_t count);
void do_map(unsigned s);
void do_unmap(unsigned s);
void do_discard(unsigned s);
void do_protect(unsigned s);
void do_move(unsigned s);
void do_fork(unsigned s);
void do_clear(unsigned s);
void do_trim(unsigned s);
void do_life(unsigned s);
void do_access(unsigned s);
void do_bytes(unsigned s);
void do_objects(void);

#endif /* SPACE_WORLD_H */
