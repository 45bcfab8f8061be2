/* SPDX-License-Identifier: MIT */
/*
 * Objects: memory that exists on its own, and is shown by regions of any number
 * of spaces (space.h). Shared memory is an object that two spaces map; a file
 * or a program's image is one whose pages the kernel fills; a private mapping
 * of it copies the pages that are written to.
 *
 * An object counts its users: whoever made it, and each region that shows it.
 * The last one to leave ends it, so shared memory outlives its creator: make
 * the object, map it, and vmm_object_put() what you made, and it lives until
 * the last region that shows it is gone.
 *
 * The object keeps a table of its frames, in pages from the same source as the
 * tables of spaces; a frame is there once it was touched or given.
 *
 * Context: with a lock in the configuration, every call may be made on any
 * number of harts at once. No hook is called with the lock held.
 */
#ifndef VMM_SPACE_OBJECT_H
#define VMM_SPACE_OBJECT_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/space_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an object is made of; constant for as long as it lives. */
struct vmm_object_config {
	const char *name;		 /* for dumps; may be NULL */
	const struct vmm_pages *pages;	 /* for its table */
	const struct vmm_frames *frames; /* those of the spaces that show it */
	/*
	 * NULL: the caller serialises all calls, faults of every space that
	 * shows it included. May be the lock of those.
	 */
	const struct vmm_lock *lock;
	uint64_t offset; /* what to add to a page's address for a pointer, as
			    for vmm_pt_init(): of its table; frames are
			    yours to reach */
	/*
	 * Fill a frame of zeros with the page at @offset, a multiple of
	 * VMM_PAGE_SIZE. Called at the first touch of the page, possibly by
	 * two harts at once: then one of the frames is put again. NULL: pages
	 * begin as zeros. A negative error code fails the access, and the
	 * frame is put again.
	 */
	int (*fill)(void *ctx, struct vmm_object *object, uint64_t offset,
		vmm_pa_t pa);
	/* The last user has left, all frames are put: free the storage. Called
	   by whoever was last, perhaps in vmm_space_unmap(). NULL: nothing. */
	void (*end)(void *ctx, struct vmm_object *object);
	void *ctx; /* handed to both */
};

/*
 * An object. vmm_object_check() tests that its table is what vmm_pt_check()
 * wants, that it maps as much as `resident` says and nothing past the size,
 * and that there is a user.
 */
struct vmm_object {
	const struct vmm_object_config *config;
	uint64_t size;		     /* bytes, a multiple of VMM_PAGE_SIZE */
	uint64_t resident;	     /* bytes that have a frame */
	uint64_t users;		     /* atomic */
	struct vmm_pt_format format; /* of as few levels as the size takes */
	struct vmm_pt table;	     /* offset to frame */
	void *user;		     /* the kernel's: a file, an image */
};

/**
 * vmm_object_init() - Make an object without pages, with one user.
 * @object: Storage of the caller's, until config->end or the last
 *          vmm_object_put().
 * @config: What it is made of.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE, at most 128 TiB.
 *
 * Takes one page for the root of its table.
 *
 * Cost:   O(1).
 * Return: VMM_OK, VMM_EINVAL: the size; or the page hook's error
 */
VMM_NODISCARD int vmm_object_init(struct vmm_object *object,
	const struct vmm_object_config *config, uint64_t size);

/**
 * vmm_object_get() - One more user.
 * vmm_object_put() - One less; the last one puts all frames and ends it.
 * @object: A user's call.
 *
 * Cost: O(1); the last one's O(pages).
 */
void vmm_object_get(struct vmm_object *object);
void vmm_object_put(struct vmm_object *object);

/**
 * vmm_object_page() - The frame of a page, made if it is not there.
 * @object: A user's call.
 * @offset: A multiple of VMM_PAGE_SIZE, below the size.
 * @pa_out: Receives the frame, with one more holder: the caller's, to put.
 *
 * Cost:   O(levels); a frame and config->fill at the first touch.
 * Return: VMM_OK, VMM_ERANGE: past the end; or an error of the hooks
 */
VMM_NODISCARD int vmm_object_page(
	struct vmm_object *object, uint64_t offset, vmm_pa_t *pa_out);

/**
 * vmm_object_give() - Put frames into an object, as its pages.
 * @object: A user's call.
 * @offset: A multiple of VMM_PAGE_SIZE.
 * @pa:     The first frame.
 * @size:   Bytes; a non-zero multiple of VMM_PAGE_SIZE.
 *
 * For an image that is in memory already.
 *
 * Ownership: the object takes over one holder of each frame; it puts them at
 *            its end. On error they stay the caller's.
 * Cost:   O(pages).
 * Return: VMM_OK, or
 *         VMM_EINVAL  misaligned or empty
 *         VMM_ERANGE  past the end
 *         VMM_EEXIST  a page is there
 *         or the page hook's error
 */
VMM_NODISCARD int vmm_object_give(
	struct vmm_object *object, uint64_t offset, vmm_pa_t pa, uint64_t size);

/**
 * vmm_object_resident() - How many bytes have a frame?
 * @object: A user's call.
 *
 * Cost: O(1).
 */
uint64_t vmm_object_resident(struct vmm_object *object);

/**
 * vmm_object_check() - Test the invariants.
 * @object: No call is in progress.
 *
 * Cost:   O(tables).
 * Return: VMM_OK or VMM_ECORRUPT
 */
VMM_NODISCARD int vmm_object_check(const struct vmm_object *object);

#ifdef __cplusplus
}
#endif

#endif /* VMM_SPACE_OBJECT_H */
