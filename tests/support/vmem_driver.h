/* SPDX-License-Identifier: MIT */
/*
 * An arena and its model side by side, and random operations on both. Each
 * operation compares the answer; what is left to compare is done by
 * model_compare().
 */
#ifndef VMEM_DRIVER_H
#define VMEM_DRIVER_H

#include "support/test.h"
#include "support/vmem_model.h"

#define DRIVER_OBJECTS 16

/* A structure of ours that a region's node is part of. */
struct driver_object {
	unsigned char before[16];
	struct vmm_vmem_region node;
	bool taken;
	vmm_va_t born; /* where the region was at first */
};

struct driver {
	struct vmm_vmem *arena;
	uint64_t (*digest)(void); /* of the arena and all that it writes to */
	struct model model;
	struct outcomes out;
	struct rng rng;
	uint64_t unit; /* sizes are mostly multiples of this */
	struct driver_object objects[DRIVER_OBJECTS];
};

/* Once in @of. */
static inline bool driver_chance(struct driver *d, unsigned of)
{
	return rng_below(&d->rng, of) == 0;
}

/* An address in or near a span. */
uint64_t driver_addr(struct driver *d);
/* A used segment, or NO_SEG. */
size_t driver_used(struct driver *d);
/* Nodes that a request with @flags may take. */
size_t driver_nodes(const struct driver *d, unsigned flags);
/* The node of an embedded region, if @node is one, is ours again. */
void driver_object_back(struct driver *d, const struct vmm_vmem_region *node);

/* vmem_driver_alloc.c */
void driver_request(struct driver *d, struct vmm_vmem_request *request);
/* Make a request. The region, or NULL. */
const struct vmm_vmem_region *driver_try(
	struct driver *d, struct vmm_vmem_request *request);
void driver_alloc(struct driver *d);
void driver_alloc_at(struct driver *d);
void driver_xalloc(struct driver *d);

/* vmem_driver.c */
void driver_free(struct driver *d);
void driver_free_handle(struct driver *d, const struct vmm_vmem_region *region);
void driver_free_part(struct driver *d);
void driver_resize(struct driver *d);
void driver_split(struct driver *d);
void driver_join(struct driver *d);
void driver_note(struct driver *d);
void driver_span(struct driver *d);

#endif /* VMEM_DRIVER_H */
