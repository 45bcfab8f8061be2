/* SPDX-License-Identifier: MIT */
/* Calls in progress in the world of space_world.h, and what comes of them. */
#include "support/space_world.h"

bool is_busy(unsigned s, uint32_t i)
{
	for (unsigned c = 0; c < world.calls; c++) {
		const struct world_call *call = &world.call[c];

		if (call->space == s &&
			((call->first <= i && i <= call->last) ||
				(call->free_too &&
					!world.space[s].page[i].used)))
			return true;
	}
	return false;
}

bool call_begin(const struct world_call *call)
{
	const struct world_space *it = &world.space[call->space];

	if (world.calls == CALLS_MAX || !it->open || it->reserved)
		return false;
	for (unsigned c = 0; c < world.calls; c++) {
		const struct world_call *other = &world.call[c];

		if (((call->writes | call->reads) & other->writes) != 0 ||
			(call->writes & other->reads) != 0)
			return false;
		if (call->free_too && other->space == call->space)
			return false;
	}
	for (uint32_t i = call->first; i <= call->last; i++) {
		if (i < SPACE_PAGES && is_busy(call->space, i))
			return false;
	}
	world.call[world.calls++] = *call;
	return true;
}

void call_end(void)
{
	CHECK(world.calls > 0);
	world.calls--;
	world.fail_after = 0;
}

void refuse_maybe(void)
{
	world.refused = 0;
	world.fail_after = 0;
	if (world.calls > 1 || !chance(3))
		return;
	world.fail_after = 1 + rng_below(&world.rng, 6);
	world.fail_on = chance(2);
}

void world_say(const char *what, unsigned s, uint32_t first, uint64_t count)
{
	if (!world.loud)
		return;
	for (unsigned i = 1; i < world.calls; i++)
		test_puts("  ");
	test_puts(what);
	test_puts(" space ");
	test_put_dec(s);
	test_puts(" page ");
	test_put_dec(first);
	test_puts(" count ");
	test_put_dec(count);
	test_puts("\n");
}

bool call_worked(int err, int want)
{
	world.fail_after = 0;
	if (world.loud) {
		test_puts("-> ");
		test_puts(vmm_err_name(err));
		test_puts("\n");
	}
	if (world.spoiled)
		return false;
	if (err == want)
		return err == VMM_OK;
	if (err != HOOK_ERROR && err != VMM_ENOMEM)
		CHECK_EQ(err, want);
	/* Only what a hook has said. */
	CHECK(world.refused > 0);
	world.did[DID_REFUSED]++;
	return false;
}
