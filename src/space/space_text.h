/* SPDX-License-Identifier: MIT */
/* Regions as text, for dumps and explanations. Private to src/space. */
#ifndef VMM_SPACE_TEXT_H
#define VMM_SPACE_TEXT_H

#include <vmm/space.h>

/* "stack", "zero", ... */
void vmm_space_text_kind(const struct vmm_sink *sink, enum vmm_space_kind kind);
/* All that there is to say of a region, without an end of line. */
void vmm_space_text_region(
	const struct vmm_sink *sink, const struct vmm_space_region *region);

#endif /* VMM_SPACE_TEXT_H */
