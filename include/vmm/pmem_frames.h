/* SPDX-License-Identifier: MIT */
/*
 * Frames with everything around them: who has them, how many share them, what is
 * in them, and what happens when there are none.
 *
 * The front of the frame allocator for a kernel that wants more than addresses.
 * It stands on a set of zones (pmem_zones.h), and everything in it is optional:
 * an array that is not given and a hook that is NULL cost a test.
 *
 *   owners   who has each frame, or had it last: four bytes a frame of the
 *            caller's. Then a double free is refused at once, even of two that
 *            are made at the same time, and reported with the frame and its
 *            owner; and a leak is found by asking who has what.
 *   shares   how many share a run: four bytes a frame. vmm_pmem_frames_put()
 *            by the last of them frees it. A count never wraps: the one that
 *            would is refused.
 *   fill     writes zeros when they are asked for, and junk into what is freed;
 *            verify finds out whether somebody wrote there afterwards.
 *   reclaim  is asked to give frames back when there are none.
 *   inject   fails the calls that a test wants to fail.
 *   report   hears of everything that was wrong.
 *
 * Context. As pmem_zones.h: on all CPUs at once. Hooks are called without any
 * lock held, on the caller's CPU, and may call this header again, but for
 * `reclaim`, which is not called from inside itself.
 */
#ifndef VMM_PMEM_FRAMES_H
#define VMM_PMEM_FRAMES_H

#include <vmm/pmem_zones.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Owners are numbers up to this one. The array holds owner + 1, with the highest
 * bit set once the frame was freed; 0 for a frame that nobody has told about.
 */
#define VMM_PMEM_OWNER_MAX   UINT32_C(0x7ffffffe)
#define VMM_PMEM_OWNER_FREED UINT32_C(0x80000000)

/* Shares of one run at most; there is room in 32 bits for one more. */
#define VMM_PMEM_SHARES_MAX (UINT32_MAX - 1)

/* Something that was wrong. */
struct vmm_pmem_report {
	int err;     /* VMM_EEXIST: freed already, VMM_EBUSY: still shared,
		    VMM_ECORRUPT: written to after it was freed, or another
		    error of pmem.h */
	vmm_pa_t pa; /* the frame that is wrong, or the first one */
	unsigned order;
	bool known;	/* owners know about it */
	uint32_t owner; /* who has it, or had it last */
	bool freed;	/* it is nobody's now */
};

struct vmm_pmem_hooks {
	/* Hear of what was wrong. */
	void (*report)(void *ctx, const struct vmm_pmem_report *report);
	/* Write @byte into each byte of frames. */
	void (*fill)(void *ctx, vmm_pa_t pa, uint64_t size, uint8_t byte);
	/* Does each byte still hold @byte? */
	bool (*verify)(void *ctx, vmm_pa_t pa, uint64_t size, uint8_t byte);
	/* Give frames back, if possible @count. Return how many. */
	uint64_t (*reclaim)(void *ctx, uint64_t count);
	/* Shall this allocation fail? */
	bool (*inject)(void *ctx, unsigned order);
	void *ctx;
	uint8_t poison;	   /* what freed frames are filled with */
	bool poison_freed; /* fill what is freed, with owners only; and verify
			      what is allocated, if there is verify */
};

/*
 * The front. Every field may be read. The zones' owners and shares must hold
 * zeros when their zone is added, but see vmm_pmem_frames_adopt().
 */
struct vmm_pmem_frames {
	struct vmm_pmem_zones *zones;
	const struct vmm_pmem_hooks *hooks; /* NULL: none */
	uint32_t reclaiming;		    /* 1: reclaim is being called */
};

/* How many times reclaim is asked before an allocation fails. */
#define VMM_PMEM_RECLAIM_TRIES 4

/**
 * vmm_pmem_frames_init() - Make a front.
 * @frames: Storage of the caller's.
 * @zones:  The set; zones may be added later.
 * @hooks:  Constant while the front is used; may be NULL.
 *
 * Cost: O(1).
 */
void vmm_pmem_frames_init(struct vmm_pmem_frames *frames,
	struct vmm_pmem_zones *zones, const struct vmm_pmem_hooks *hooks);

/* What an allocation is to be. */
struct vmm_pmem_want {
	uint32_t cpu;
	uint32_t node;
	unsigned order;
	uint32_t owner; /* up to VMM_PMEM_OWNER_MAX */
	bool zero;	/* filled with zeros; wants the hook */
};

/**
 * vmm_pmem_frames_alloc() - Allocate an aligned run of frames.
 * @frames: The front.
 * @want:   What it is to be.
 * @pa_out: Receives the first address.
 *
 * If there is none, reclaim is asked, up to VMM_PMEM_RECLAIM_TRIES times, as
 * long as it gives something back.
 *
 * Cost:   vmm_pmem_zones_alloc(), and O(2^order) for each array and each fill.
 * Return: VMM_OK, or
 *         VMM_EINVAL   order, node or owner is too large
 *         VMM_ENOTSUP  zeros are wanted, but there is no fill
 *         VMM_ENOMEM   none is to be had, or inject wants it so
 */
VMM_NODISCARD int vmm_pmem_frames_alloc(struct vmm_pmem_frames *frames,
	const struct vmm_pmem_want *want, vmm_pa_t *pa_out);

/**
 * vmm_pmem_frames_free() - Free an aligned run of frames.
 * @frames: The front.
 * @cpu:    The CPU whose magazines are used.
 * @pa:     The first address.
 * @order:  2^order frames: of one allocation, a part of one, or several.
 *
 * What is wrong is reported, and refused.
 *
 * Cost:   vmm_pmem_zones_free(), and O(2^order) for each array and a fill.
 * Return: As vmm_pmem_zones_free(), or
 *         VMM_EBUSY  a frame has shares: vmm_pmem_frames_put()
 */
VMM_NODISCARD int vmm_pmem_frames_free(struct vmm_pmem_frames *frames,
	uint32_t cpu, vmm_pa_t pa, unsigned order);

/**
 * vmm_pmem_frames_adopt() - Tell the owner of frames that came another way.
 * @frames: The front.
 * @pa:     The first address, a multiple of VMM_PAGE_SIZE.
 * @count:  Frames, of one zone: claimed, or from vmm_pmem_zones_xalloc().
 * @owner:  Up to VMM_PMEM_OWNER_MAX.
 *
 * Also to pass frames on to another owner.
 *
 * Cost:   O(count).
 * Return: VMM_OK, or
 *         VMM_EINVAL   @pa is misaligned, @count is 0, @owner is too large
 *         VMM_ERANGE   the frames are not in one zone
 *         VMM_ENOTSUP  the zone has no owners
 */
VMM_NODISCARD int vmm_pmem_frames_adopt(struct vmm_pmem_frames *frames,
	vmm_pa_t pa, uint64_t count, uint32_t owner);

/**
 * vmm_pmem_frames_get() - One more shares a run.
 * @frames: The front.
 * @pa:     The first address of the run.
 *
 * A run that was allocated has one holder and no shares.
 *
 * Context: A holder's call: so nobody can free the run meanwhile.
 * Cost:    O(1), one atomic operation, repeated if another CPU is faster.
 * Return:  VMM_OK, or
 *          VMM_EINVAL   @pa is misaligned
 *          VMM_ERANGE   @pa is in no zone
 *          VMM_ENOTSUP  the zone has no shares
 *          VMM_ENOENT   the frame is not in use, as far as owners say
 *          VMM_ENOSPC   there are VMM_PMEM_SHARES_MAX already
 */
VMM_NODISCARD int vmm_pmem_frames_get(
	struct vmm_pmem_frames *frames, vmm_pa_t pa);

/**
 * vmm_pmem_frames_put() - One less holds a run; the last one frees it.
 * @frames:    The front.
 * @cpu:       The CPU whose magazines are used.
 * @pa:        The first address of the run.
 * @order:     2^order frames, as allocated.
 * @freed_out: Receives whether this was the last; may be NULL.
 *
 * Cost:   O(1), or that of vmm_pmem_frames_free().
 * Return: As vmm_pmem_frames_free().
 */
VMM_NODISCARD int vmm_pmem_frames_put(struct vmm_pmem_frames *frames,
	uint32_t cpu, vmm_pa_t pa, unsigned order, bool *freed_out);

/**
 * vmm_pmem_frames_shares() - How many hold the run that begins at a frame?
 * @frames: The front.
 * @pa:     The first address of the run.
 *
 * Cost:   O(log zones).
 * Return: 0 if the frame is in no zone, or freed, as far as owners say; else 1
 *         and its shares.
 */
uint64_t vmm_pmem_frames_shares(
	const struct vmm_pmem_frames *frames, vmm_pa_t pa);

/**
 * vmm_pmem_frames_owned() - How many frames does an owner have?
 * @frames: The front.
 * @owner:  The owner.
 *
 * The leak oracle: when a driver has gone, this must be 0.
 *
 * Context: Nobody else is at the zones.
 * Cost:    O(blocks + frames in use).
 */
uint64_t vmm_pmem_frames_owned(
	const struct vmm_pmem_frames *frames, uint32_t owner);

/**
 * vmm_pmem_frames_leaks() - Print who has what.
 * @frames: The front.
 * @sink:   Receives the text, a line for each stretch of frames of one owner:
 *
 *   [0x0000000080002000-0x0000000080003fff]         8K  owner 7
 *
 * Context: Nobody else is at the zones.
 * Cost:    O(blocks + frames in use).
 */
void vmm_pmem_frames_leaks(
	const struct vmm_pmem_frames *frames, const struct vmm_sink *sink);

#ifdef __cplusplus
}
#endif

#endif /* VMM_PMEM_FRAMES_H */
