/* SPDX-License-Identifier: MIT */
/*
 * Random requests of every kind to an arena and to a model (vmem_model.h), in
 * every way to set an arena up. Each answer must be one that the words of the
 * headers allow; mostly that is a single one: the address among all that fit,
 * the error, the regions and their order, the handles, the sums, the nodes.
 *
 * The arenas are small and the node supply is often short, so that every
 * refusal happens often.
 */
#include "support/vmem_driver.h"
#include "support/vmem_rig.h"

#if VMM_ASSERT_LEVEL >= 2
#define STEPS 3000
#elif defined(__riscv)
#define STEPS 4000
#else
#define STEPS 30000
#endif

static _Alignas(16) uint64_t
	memory[VMM_VMEM_NODES_SIZE(VMM_VMEM_NODES_FOR(MODEL_SEGS)) / 8];
static size_t node_count;
static struct driver driver;

static uint64_t digest(void)
{
	return arena_digest(memory, VMM_VMEM_NODES_SIZE(node_count));
}

static void open_world(unsigned config, uint64_t quantum, size_t nodes)
{
	struct model *model = &driver.model;

	node_count = nodes;
	arena_init(&vmem_configs[config], quantum);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, VMM_VMEM_NODES_SIZE(nodes)),
		VMM_OK);
	driver.arena = &arena;
	driver.digest = digest;
	driver.unit = quantum;
	model->count = 0;
	model->cursor = 0;
	model->quantum = quantum;
	model->bins = vmem_configs[config].bins;
	model->by_address = vmem_configs[config].by_address;
	for (size_t i = 0; i < DRIVER_OBJECTS; i++)
		driver.objects[i].taken = false;
	for (size_t i = 0; i < MODEL_SPANS; i++)
		model->spans[i].in = false;
}

static void set_span(size_t i, uint64_t base, uint64_t size, bool held)
{
	const uint64_t q = driver.model.quantum;

	driver.model.spans[i] =
		(struct model_span){base * q, size * q, false, held};
}

/* Once in a while, all at once. */
static void free_all(void)
{
	struct model *model = &driver.model;

	for (size_t i = model->count; i-- > 0;) {
		const struct vmm_vmem_region *handle;

		if (i >= model->count || !model->segs[i].used)
			continue;
		handle = model->segs[i].handle;
		CHECK_EQ(vmm_vmem_free_region(&arena, handle), VMM_OK);
		driver_object_back(&driver, handle);
		model_release(model, i);
	}
	vmm_vmem_free_all(&arena);
}

static void step(unsigned what)
{
	if (what < 150)
		driver_alloc(&driver);
	else if (what < 450)
		driver_xalloc(&driver);
	else if (what < 500)
		driver_alloc_at(&driver);
	else if (what < 720)
		driver_free(&driver);
	else if (what < 770)
		driver_free_part(&driver);
	else if (what < 820)
		driver_resize(&driver);
	else if (what < 860)
		driver_split(&driver);
	else if (what < 890)
		driver_join(&driver);
	else if (what < 920)
		driver_note(&driver);
	else if (what < 970)
		model_compare_lookups(
			&driver.model, &arena, driver_addr(&driver));
	else if (what < 990)
		driver_span(&driver);
	else if (what < 999)
		vmm_vmem_set_reserve(&arena, rng_below(&driver.rng, 4));
	else if (driver_chance(&driver, 4))
		free_all();
}

static void run(uint64_t steps, unsigned every)
{
	for (uint64_t i = 0; i < steps; i++) {
		step((unsigned)rng_below(&driver.rng, 1000));
		if (i % every == 0)
			model_compare(&driver.model, &arena);
	}
	free_all();
	model_compare(&driver.model, &arena);
}

/*
 * Six spans: at 0; two that touch, and one for fixed requests that touches
 * these; a small one; one that ends at 2^64. Each configuration with each
 * quantum, with a long supply and with a short one.
 */
TEST(model_vmem_small)
{
	static const unsigned shifts[] = {12, 0, 21};

	driver.rng.state = test_seed;
	for (unsigned i = 0; i < VMEM_CONFIGS * 6; i++) {
		size_t nodes = i & 1 ? 24 + rng_below(&driver.rng, 40) : 500;

		open_world(i / 6, UINT64_C(1) << shifts[i % 3], nodes);
		set_span(0, 0, 20, false);
		set_span(1, 33, 31, false);
		set_span(2, 64, 48, false);
		set_span(3, 112, 8, true);
		set_span(4, 200, 1, false);
		set_span(5, (uint64_t)-25, 25, false);
		run(STEPS * test_factor, 1);
	}
}

/*
 * Sizes in units of 300 quanta, so that some free regions have bins and some
 * are too large.
 */
TEST(model_vmem_sizes_beyond_the_bins)
{
	driver.rng.state = test_seed;
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		open_world(config, PAGE, 300);
		driver.unit = 300 * PAGE;
		set_span(0, 0, 6000, false);
		set_span(1, 6000, 3000, false);
		set_span(2, 9000, 1025, false);
		set_span(3, 10025, 1024, false);
		set_span(4, 20000, 1500, true);
		set_span(5, (uint64_t)-9000, 9000, false);
		run(STEPS * test_factor, 1);
	}
}

/*
 * A large arena that is mostly full of small regions: many runs, deep trees,
 * and more misses in a row than there are probes.
 */
TEST(model_vmem_large)
{
	driver.rng.state = test_seed;
	for (unsigned config = 0; config < VMEM_CONFIGS; config++) {
		open_world(config, PAGE, 3000);
		set_span(0, 0, 1200, false);
		set_span(1, 1200, 300, false);
		set_span(2, 1500, 100, false);
		set_span(3, 2000, 100, true);
		set_span(4, 2500, 300, false);
		set_span(5, (uint64_t)-500, 500, false);
		for (size_t i = 0; i < MODEL_SPANS; i++)
			driver_span(&driver);
		run(STEPS / 2 * test_factor, 64);
	}
}

/* An aligned request, undone, and now and then another hole, or one less. */
static void miss(void)
{
	struct vmm_vmem_request request;
	const struct vmm_vmem_region *region;

	driver_request(&driver, &request);
	if (driver_chance(&driver, 8))
		request.size = 1 + rng_below(&driver.rng, 3 * PAGE);
	else
		request.size = 1 + rng_below(&driver.rng, PAGE);
	if (request.align <= PAGE)
		request.align = 2 * PAGE;
	region = driver_try(&driver, &request);
	model_compare(&driver.model, &arena);
	if (region != NULL && !driver_chance(&driver, 32))
		driver_free_handle(&driver, region);
	if (driver_chance(&driver, 16))
		driver_free(&driver);
	if (driver_chance(&driver, 16))
		driver_alloc_at(&driver);
}

/*
 * Holes of a page at odd addresses, more than there are probes, and aligned
 * requests, which none of them satisfies: what is behind them must be found, by
 * every policy, and by no other rule than the one that is stated.
 */
TEST(model_vmem_many_misses)
{
	driver.rng.state = test_seed;
	for (unsigned i = 0; i < VMEM_CONFIGS * 4; i++) {
		const uint64_t holes = 20 + 10 * (i % 4);

		open_world(i / 4, PAGE, 600);
		set_span(0, 0, 2 * holes, false);
		set_span(1, 2 * holes, 40, false);
		set_span(2, 2 * holes + 41, 40, false);
		for (size_t k = 0; k < 3; k++) {
			model_add(&driver.model, k);
			CHECK_EQ(
				vmm_vmem_add(&arena, driver.model.spans[k].base,
					driver.model.spans[k].size),
				VMM_OK);
		}
		for (size_t k = 3; k < MODEL_SPANS; k++)
			set_span(k, 2 * holes * k, 40, false);
		for (uint64_t k = 0; k < holes; k++)
			driver_try(&driver,
				&(struct vmm_vmem_request){.size = PAGE,
					.where = 2 * k * PAGE,
					.flags = VMM_VMEM_FIXED});
		for (unsigned k = 0; k < STEPS / 4 * test_factor; k++)
			miss();
	}
}
