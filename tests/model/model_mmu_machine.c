/* SPDX-License-Identifier: MIT */
/*
 * The model against a machine that is played out: one hart with a cache that
 * reads whatever it can at every moment, keeps all of it, and loses what a fence
 * takes. What it could use is exactly what the model reports, no more and no
 * less, over random stores, switches and fences. The model computes with spans
 * of time; here is nothing but a list of entries.
 *
 * Sv39 in small: two roots, three tables of level 1, three of level 0, of which
 * two entries each are in use; so there are eight pages to look at. Tables are
 * linked at random, also twice, or into both spaces, and pages are global at
 * random, which is what kernels should not do and machines have to survive.
 */
#include "support/mmu_rig.h"

#define PAGE	   UINT64_C(4096)
#define ROOTS	   2
#define TABLES	   3
#define CACHE_MAX  4096
#define PAGES_SEEN 8

/* One entry of the cache. */
struct cached {
	uint64_t asid;
	bool global; /* by itself or by the path that was walked */
	unsigned level;
	unsigned prefix; /* the bits of the page's number that lead here */
	uint64_t at;
	uint64_t value;
	/* What was stored over it, once that happened. */
	bool replaced;
	uint64_t next;
};

static struct mmu_rig rig;
static struct cached cache[CACHE_MAX];
static size_t cache_count;
static uint64_t root;
static uint64_t asid;
static bool lenient;
static bool sparse; /* hardly ever a fence of everything */
static struct rng rng;

static uint64_t table_at(unsigned level, uint64_t which)
{
	return MMU_RAM + PAGE * (1 + 8 * level + which);
}

/* Page 0 to 7 is three indices of one bit. */
static uint64_t va_of(unsigned page)
{
	return (uint64_t)(page >> 2) << 30 | (uint64_t)(page >> 1 & 1) << 21 |
	       (uint64_t)(page & 1) << 12;
}

static bool is_table(uint64_t value, unsigned level)
{
	return level > 0 && (value & 0xf) == E_V;
}

static bool is_leaf(uint64_t value)
{
	return (value & 0xf) > E_V && (value & E_V) != 0;
}

static bool usable(const struct cached *c)
{
	return c->global || c->asid == asid;
}

static void read_entry(
	unsigned level, unsigned prefix, uint64_t table, bool global)
{
	const uint64_t at = table + 8 * (prefix & 1);
	const uint64_t value = *mmu_word(at);

	global = global || ((value & E_V) != 0 && (value & E_G) != 0);
	for (size_t i = 0; i < cache_count; i++) {
		const struct cached *c = &cache[i];

		if (c->asid == asid && c->global == global &&
			c->level == level && c->prefix == prefix &&
			c->at == at && c->value == value && !c->replaced)
			return;
	}
	CHECK(cache_count < CACHE_MAX);
	cache[cache_count++] = (struct cached){
		asid, global, level, prefix, at, value, false, 0};
}

/* Read all that can be read, through memory and through what is cached. */
static void saturate(void)
{
	if (root == 0)
		return;
	read_entry(2, 0, root, false);
	read_entry(2, 1, root, false);
	/* Entries are added behind, and are looked at in their turn. */
	for (size_t i = 0; i < cache_count; i++) {
		const struct cached c = cache[i];

		if (!usable(&c) || !is_table(c.value, c.level))
			continue;
		for (unsigned bit = 0; bit < 2; bit++)
			read_entry(c.level - 1, c.prefix << 1 | bit,
				c.value >> 10 << 12, c.global);
	}
}

static void store(uint64_t at, uint64_t value)
{
	for (size_t i = 0; i < cache_count; i++) {
		struct cached *c = &cache[i];

		if (c->at == at && !c->replaced && value != *mmu_word(at)) {
			c->replaced = true;
			c->next = value;
		}
	}
	*mmu_word(at) = value;
	saturate();
	vmm_mmu_sync(rig.mmu);
}

/* Is it a leaf to a fence, with what was stored over it? */
static bool leaf_to_fence(const struct cached *c)
{
	bool leaf = is_leaf(c->value) || c->level == 0 || lenient;

	if (is_table(c->value, c->level))
		return false;
	if (c->replaced && is_table(c->next, c->level) && !lenient)
		return false;
	return leaf || (c->replaced && is_leaf(c->next));
}

static bool takes(
	const struct cached *c, const uint64_t *va, const uint64_t *id)
{
	const unsigned shift = 12 + 9 * c->level;
	const bool global = c->global || (c->replaced && (c->next & E_V) != 0 &&
						 (c->next & E_G) != 0);

	if (id != NULL && (global || c->asid != *id))
		return false;
	if (va == NULL)
		return true;
	for (unsigned page = 0; page < PAGES_SEEN; page++) {
		if (page >> c->level == c->prefix &&
			va_of(page) >> shift == *va >> shift)
			return leaf_to_fence(c);
	}
	return false;
}

static void fence(const uint64_t *va, const uint64_t *id)
{
	size_t kept = 0;

	for (size_t i = 0; i < cache_count; i++) {
		if (!takes(&cache[i], va, id))
			cache[kept++] = cache[i];
	}
	cache_count = kept;
	saturate();
	vmm_mmu_sfence_vma(rig.mmu, 0, va, id);
}

static void switch_to(uint64_t to, uint64_t id)
{
	root = to;
	asid = id;
	saturate();
	vmm_mmu_satp(rig.mmu, 0, mmu_satp(8, (unsigned)id, to));
}

/* What could the cache say of a page that the tables do not? */
static void expect(unsigned page, bool *stale, bool *spurious)
{
	const struct vmm_mmu_result now = vmm_mmu_translate(&rig.config,
		vmm_mmu_regs(rig.mmu, 0), va_of(page), VMM_MMU_READ);

	for (size_t i = 0; i < cache_count; i++) {
		const struct cached *c = &cache[i];
		const uint64_t inside =
			(UINT64_C(1) << (12 + 9 * c->level)) - 1;

		if (!usable(c) || page >> c->level != c->prefix ||
			is_table(c->value, c->level))
			continue;
		if (!is_leaf(c->value))
			*spurious |= now.status == VMM_MMU_OK;
		else
			*stale |= now.status != VMM_MMU_OK ||
				  now.pa != ((c->value >> 10 << 12) |
						    (va_of(page) & inside));
	}
}

static void compare(void)
{
	for (unsigned page = 0; page < PAGES_SEEN; page++) {
		bool stale = false;
		bool spurious = false;

		expect(page, &stale, &spurious);
		mmu_new_all(&rig);
		vmm_mmu_access(rig.mmu, 0, va_of(page), VMM_MMU_READ);
		CHECK_EQ(mmu_new(&rig, VMM_MMU_STALE), stale);
		CHECK_EQ(mmu_new(&rig, VMM_MMU_SPURIOUS), spurious);
		CHECK_EQ(mmu_new_all(&rig), 0);
	}
}

static void random_store(void)
{
	const unsigned level = (unsigned)rng_below(&rng, 3);
	const uint64_t at =
		table_at(level, rng_below(&rng, level == 2 ? ROOTS : TABLES)) +
		8 * rng_below(&rng, 2);
	const uint64_t g = rng_below(&rng, 4) == 0 ? E_G : 0;
	uint64_t value = 0;

	/* Superpages are 2 MiB. */
	if (rng_below(&rng, 3) != 0 && level > 0)
		value = mmu_pte(table_at(level - 1, rng_below(&rng, TABLES)),
			E_V | (rng_below(&rng, 8) == 0 ? g : 0));
	else if (rng_below(&rng, 3) != 0 && level < 2)
		value = mmu_pte(
			UINT64_C(0x100000000) +
				(rng_below(&rng, 4) << (12 + 9 * level)),
			E_V | E_R | E_AD | g);
	store(at, value);
}

static void random_fence(void)
{
	const uint64_t va = va_of((unsigned)rng_below(&rng, PAGES_SEEN)) +
			    rng_below(&rng, PAGE);
	const uint64_t id = 1 + rng_below(&rng, 2);

	const bool by_va = rng_below(&rng, 2) != 0;
	const bool by_id = rng_below(&rng, 2) != 0 ||
			   (sparse && !by_va && rng_below(&rng, 4) != 0);

	fence(by_va ? &va : NULL, by_id ? &id : NULL);
}

static void run(uint64_t seed, unsigned steps)
{
	rng.state = seed;
	lenient = seed % 2 != 0;
	mmu_open(&rig, VMM_MMU_RISCV,
		lenient ? VMM_MMU_ADDRESS_ORDERS_LINKS : 0, 1);
	cache_count = 0;
	root = 0;
	for (unsigned i = 0; i < 20; i++)
		random_store();
	for (unsigned i = 0; i < steps; i++) {
		switch (rng_below(&rng, 6)) {
		case 0:
			switch_to(table_at(2, rng_below(&rng, ROOTS)),
				1 + rng_below(&rng, 2));
			break;
		case 1:
		case 2:
			random_fence();
			break;
		default:
			random_store();
		}
		if (root != 0)
			compare();
	}
	mmu_close(&rig);
}

TEST(model_mmu_machine_may_do_what_is_reported)
{
	const uint64_t rounds = VMM_ASSERT_LEVEL < 2 ? 200 : 20;
	const unsigned steps = VMM_ASSERT_LEVEL < 2 ? 6000 : 1500;

	for (uint64_t i = 0; i < rounds * test_factor; i++)
		run(test_seed * 100000 + i, 150);
	/* So long that the model has to forget what nobody can hold. */
	sparse = true;
	run(test_seed * 100000 + rounds, steps);
	run(test_seed * 100000 + rounds + 1, steps);
	sparse = false;
}
