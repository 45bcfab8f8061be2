/* SPDX-License-Identifier: MIT */
/*
 * Every hook call of every operation on segments fails in turn, once and for
 * good: the hook's error comes back, nothing is changed, and the call works
 * when it is repeated.
 */
#include "support/segment_rig.h"

static struct vmm_vmem ranges;

#define IO   (SPACE_RW | VMM_PT_IO)
#define UART UINT64_C(0x10000000)

/* A large segment, so that there are tables to be missing. */
#define BASE VMM_GIB(1)

static struct vmm_segment made;
static struct vmm_vmem made_ranges;
static vmm_va_t got;

/* An operation; before each try, the same state. */
struct operation {
	void (*prepare)(void);
	int (*run)(void);
};

static void nothing(void)
{
}

static int new_segment(void)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, VMM_GIB(8), 4 * PAGE);

	request.flags = VMM_SPACE_EAGER;
	return vmm_segment_new(
		&made, &rig.space, &request, VMM_GIB(1), &made_ranges);
}

static void map_regions(void)
{
	struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, VMM_GIB(8), 4 * PAGE);
	vmm_va_t va;

	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
}

static int adopt(void)
{
	return vmm_segment_adopt(&made, &rig.space, VMM_GIB(8), 4 * PAGE,
		VMM_GIB(1), &made_ranges);
}

static int grow(void)
{
	return vmm_segment_resize(&segment, VMM_GIB(5));
}

static void scatter(void)
{
	for (uint64_t i = 0; i < 4; i++)
		segment_put(&rig.space, BASE + i * VMM_MIB(700), i);
	CHECK_EQ(vmm_segment_map_phys(&segment, BASE + VMM_MIB(64), VMM_GIB(4),
			 VMM_MIB(8), IO),
		VMM_OK);
}

/* Through a 2 MiB page. */
static int shrink(void)
{
	return vmm_segment_resize(&segment, VMM_MIB(67));
}

static int alloc(void)
{
	return vmm_segment_alloc(&segment, 12 * PAGE, true, &got);
}

static int alloc_phys(void)
{
	return vmm_segment_alloc_phys(&segment, UART, VMM_MIB(1), IO, &got);
}

/* Over what is there, in two halves of a table. */
static int map_phys(void)
{
	return vmm_segment_map_phys(&segment, BASE + VMM_MIB(700) - 5 * PAGE,
		VMM_GIB(4), VMM_MIB(3), IO);
}

static int unmap_phys(void)
{
	return vmm_segment_unmap(
		&segment, BASE + VMM_MIB(65), VMM_MIB(4), SPACE_RWU);
}

static void take_phys(void)
{
	scatter();
	CHECK_EQ(vmm_segment_alloc(&segment, VMM_MIB(64), false, &got), VMM_OK);
	CHECK_EQ(vmm_segment_map_phys(
			 &segment, got + VMM_MIB(1), VMM_GIB(4), PAGE, IO),
		VMM_OK);
}

static int free_range(void)
{
	return vmm_segment_free(&segment, got);
}

static int unload(void)
{
	return vmm_segment_unload(&segment);
}

static void scatter_and_unload(void)
{
	scatter();
	CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
}

static int load(void)
{
	return vmm_segment_load(&segment);
}

static void scatter_more(void)
{
	map_regions();
	segment_put(&rig.space, VMM_GIB(8), 8);
	scatter();
}

static int unload_task(void)
{
	return vmm_space_unload(&rig.space);
}

static void scatter_more_and_unload(void)
{
	scatter_more();
	CHECK_EQ(vmm_space_unload(&rig.space), VMM_OK);
}

static int load_task(void)
{
	return vmm_space_load(&rig.space);
}

static void open_large(void)
{
	const struct vmm_space_request request =
		segment_request(VMM_SPACE_ZERO, BASE, VMM_GIB(4));

	space_rig_open(&rig, &vmm_pt_sv39, 0);
	space_rig_user(&rig);
	made = (struct vmm_segment){0};
	CHECK_EQ(vmm_segment_new(
			 &segment, &rig.space, &request, VMM_GIB(6), &ranges),
		VMM_OK);
}

static void drain_nodes(void)
{
	static vmm_va_t va[100];

	/* So that the next range needs a page for nodes. */
	for (int i = 0; vmm_vmem_spare(&ranges) > 0 && i < 100; i++)
		CHECK_EQ(vmm_segment_alloc(&segment, PAGE, false, &va[i]),
			VMM_OK);
}

/* The last part is another one than the rest, and the space has no nodes. */
static void drain_space(void)
{
	vmm_va_t va;

	segment_put(&rig.space, BASE + VMM_MIB(700), 7);
	CHECK_EQ(vmm_space_protect(&rig.space, BASE + VMM_GIB(4) - PAGE, PAGE,
			 VMM_PT_READ),
		VMM_OK);
	for (va = VMM_GIB(16); vmm_vmem_spare(&rig.space.arena) > 0;
		va += 2 * PAGE)
		space_rig_map(&rig.space, VMM_SPACE_ZERO, va, PAGE);
}

/*
 * Fail call @n of one hook; false: there was no such call. Some pages are only
 * to be quicker with: then the call works without. *@errors: how many did not.
 */
static bool fail_once(const struct operation *operation, long n,
	struct space_failing *failing, bool sticky, long *errors)
{
	uint64_t before;
	bool failed;
	int err;

	open_large();
	operation->prepare();
	vmm_space_trim(&rig.space);
	before = segment_state(&segment);
	failing->calls = 0;
	failing->sticky = sticky;
	failing->in = n;
	err = operation->run();
	failed = failing->calls > n;
	failing->in = -1;
	segment_good();
	if (failed && err != VMM_OK) {
		++*errors;
		CHECK_EQ(err, SPACE_ERR);
		CHECK_EQ(segment_state(&segment), before);
		CHECK(made.space == NULL);
		err = operation->run();
	}
	CHECK_EQ(err, VMM_OK);
	segment_good();
	if (made.space != NULL) {
		CHECK_EQ(vmm_segment_check(&made), VMM_OK);
		vmm_segment_delete(&made);
	}
	segment_close();
	return failed;
}

/* How often the operation failed. */
static long fail_all(const struct operation *operation)
{
	long errors = 0;

	for (int how = 0; how < 4; how++) {
		struct space_failing *failing =
			how < 2 ? &rig.fail_pages : &rig.fail_frames;
		long n = 0;

		while (fail_once(operation, n, failing, how % 2 != 0, &errors))
			n++;
	}
	return errors;
}

TEST(fault_segment_new)
{
	CHECK(fail_all(&(struct operation){nothing, new_segment}) > 8);
}

TEST(fault_segment_adopt)
{
	CHECK(fail_all(&(struct operation){map_regions, adopt}) > 0);
}

/* Growing takes no page as long as there are nodes. */
TEST(fault_segment_resize)
{
	fail_all(&(struct operation){scatter, grow});
	fail_all(&(struct operation){drain_nodes, grow});
	CHECK(fail_all(&(struct operation){drain_space, grow}) > 0);
	CHECK(fail_all(&(struct operation){scatter, shrink}) > 0);
	CHECK(fail_all(&(struct operation){drain_space, shrink}) > 0);
}

TEST(fault_segment_alloc)
{
	CHECK(fail_all(&(struct operation){nothing, alloc}) > 24);
	CHECK(fail_all(&(struct operation){drain_nodes, alloc}) > 24);
	CHECK(fail_all(&(struct operation){drain_nodes, alloc_phys}) > 2);
}

TEST(fault_segment_free)
{
	CHECK(fail_all(&(struct operation){take_phys, free_range}) >= 0);
}

TEST(fault_segment_map_phys)
{
	CHECK(fail_all(&(struct operation){scatter, map_phys}) > 0);
	CHECK(fail_all(&(struct operation){drain_space, map_phys}) > 4);
}

TEST(fault_segment_unmap)
{
	CHECK(fail_all(&(struct operation){scatter, unmap_phys}) > 0);
}

TEST(fault_segment_load)
{
	CHECK(fail_all(&(struct operation){scatter, unload}) > 4);
	CHECK(fail_all(&(struct operation){scatter_and_unload, load}) > 4);
}

TEST(fault_segment_load_task)
{
	CHECK(fail_all(&(struct operation){scatter_more, unload_task}) > 4);
	CHECK(fail_all(&(struct operation){
		      scatter_more_and_unload, load_task}) > 4);
}
