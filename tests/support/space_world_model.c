/* SPDX-License-Identifier: MIT */
/* What calls mean, to the model of space_world.h. */
#include "support/space_world.h"

struct model_page *model_at(unsigned s, uint32_t i)
{
	CHECK(s < WORLD_SPACES && i < SPACE_PAGES);
	return &world.space[s].page[i];
}

void model_bytes(unsigned s, uint32_t i, uint8_t out[2])
{
	const struct model_page *page = model_at(s, i);
	const uint8_t *from = page->byte;
	static const uint8_t zeros[2];

	if (page->kind == VMM_SPACE_PHYS)
		from = world.device[page->at];
	else if (!page->own && page->kind == VMM_SPACE_OBJECT)
		from = world.object[page->object].byte[page->at];
	else if (!page->own)
		from = zeros;
	out[0] = from[0];
	out[1] = from[1];
}

void model_write(unsigned s, uint32_t i, unsigned which, uint8_t byte)
{
	struct model_page *page = model_at(s, i);

	if (page->kind == VMM_SPACE_PHYS) {
		world.device[page->at][which] = byte;
		return;
	}
	if ((page->flags & VMM_SPACE_SHARED) != 0) {
		world.object[page->object].byte[page->at][which] = byte;
		return;
	}
	model_own(s, i);
	page->byte[which] = byte;
	if (page->kind == VMM_SPACE_RING)
		model_at(s, page->twin)->byte[which] = byte;
}

void model_own(unsigned s, uint32_t i)
{
	struct model_page *page = model_at(s, i);
	uint8_t bytes[2];

	if (page->own || page->kind == VMM_SPACE_PHYS ||
		(page->flags & VMM_SPACE_SHARED) != 0)
		return;
	model_bytes(s, i, bytes);
	page->own = true;
	page->byte[0] = bytes[0];
	page->byte[1] = bytes[1];
	if (page->kind == VMM_SPACE_RING) {
		struct model_page *twin = model_at(s, page->twin);

		twin->own = true;
		twin->byte[0] = bytes[0];
		twin->byte[1] = bytes[1];
	}
}

void model_unmap(unsigned s, uint32_t first, uint32_t count)
{
	const uint32_t floor = first / WINDOW_PAGES * WINDOW_PAGES;
	const uint32_t ceiling = floor + WINDOW_PAGES;

	for (uint32_t i = first; i < first + count; i++) {
		struct model_page *page = model_at(s, i);
		const bool was = page->used && page->guard == 0;

		page->used = false;
		/* Guards that are left beside it belonged to it. */
		for (uint32_t k = i; was && k > floor; k--) {
			if (!model_at(s, k - 1)->used ||
				model_at(s, k - 1)->guard != 1)
				break;
			model_at(s, k - 1)->used = false;
		}
		for (uint32_t k = i + 1; was && k < ceiling; k++) {
			if (!model_at(s, k)->used || model_at(s, k)->guard != 2)
				break;
			model_at(s, k)->used = false;
		}
	}
}

void model_discard(unsigned s, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		struct model_page *page = model_at(s, i);

		if (!page->used || page->guard != 0 ||
			page->kind == VMM_SPACE_CONTIGUOUS)
			continue;
		page->own = false;
		if (page->kind == VMM_SPACE_RING)
			model_at(s, page->twin)->own = false;
	}
}

void model_protect(unsigned s, uint32_t i, unsigned prot)
{
	model_at(s, i)->prot = prot;
}

void model_fork(unsigned child, unsigned parent)
{
	for (uint32_t i = 0; i < SPACE_PAGES; i++) {
		const struct model_page *from = model_at(parent, i);
		struct model_page *to = model_at(child, i);

		*to = *from;
		if ((from->flags & VMM_SPACE_NO_FORK) != 0)
			to->used = false;
	}
}

void model_widen(unsigned s, uint32_t *first, uint32_t *last)
{
	const uint32_t floor = *first / WINDOW_PAGES * WINDOW_PAGES;
	const uint32_t ceiling = floor + WINDOW_PAGES - 1;
	bool more;

	do {
		const uint32_t was[2] = {*first, *last};

		for (uint32_t i = was[0]; i <= was[1]; i++) {
			const struct model_page *page = model_at(s, i);

			if (!page->used || page->kind != VMM_SPACE_RING ||
				page->guard != 0)
				continue;
			if (page->twin < *first)
				*first = page->twin;
			if (page->twin > *last)
				*last = page->twin;
		}
		while (*first > floor && model_at(s, *first - 1)->used &&
			model_at(s, *first - 1)->guard != 0)
			--*first;
		while (*last < ceiling && model_at(s, *last + 1)->used &&
			model_at(s, *last + 1)->guard != 0)
			++*last;
		more = *first != was[0] || *last != was[1];
	} while (more);
}

bool model_shows(unsigned o)
{
	for (unsigned s = 0; s < WORLD_SPACES; s++) {
		for (uint32_t i = 0; i < SPACE_PAGES; i++) {
			const struct model_page *page = model_at(s, i);

			if (page->used && page->kind == VMM_SPACE_OBJECT &&
				page->object == o)
				return true;
		}
	}
	return false;
}
