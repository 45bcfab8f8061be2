/* SPDX-License-Identifier: MIT */
/*
 * The dump and the explanations of spaces, letter by letter: one of each kind,
 * and for each cause of a fault the line that a kernel prints when it dies.
 */
#include "support/space_rig.h"

#include <vmm/segment.h>

#include "space/space_internal.h"

#define R VMM_PT_READ
#define W VMM_PT_WRITE
#define X VMM_PT_EXEC
#define U VMM_PT_USER

static struct space_rig rig;
static char buffer[8192];
static struct test_text text;
static struct vmm_object object;
static struct vmm_segment segment;

static struct vmm_object_config config = {.name = "text"};

/* A question mark stands for any digit: where tables lie is not promised. */
static void expect(const char *golden)
{
	size_t i = 0;

	while (golden[i] != '\0' && text.text[i] != '\0' &&
		(golden[i] == '?' || text.text[i] == golden[i]))
		i++;
	if (golden[i] != text.text[i])
		test_puts(text.text);
	CHECK(golden[i] == text.text[i]);
}

static void explain(vmm_va_t va, unsigned access)
{
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));
	long locks = rig.locks;

	vmm_space_explain(&rig.space, va, access, &sink);
	CHECK_EQ(rig.locks, locks);
}

/* The verdict alone. */
static void verdict(vmm_va_t va, unsigned access, const char *golden)
{
	explain(va, access);
	if (!test_text_has(&text, golden) ||
		!test_text_has(&text, "  verdict  ")) {
		test_puts(text.text);
		test_fail(__FILE__, __LINE__, golden);
	}
}

static vmm_va_t map(struct vmm_space_request request, vmm_va_t where)
{
	vmm_va_t va;

	request.place.where = where;
	request.place.flags = VMM_VMEM_FIXED;
	CHECK_EQ(vmm_space_map(&rig.space, &request, &va), VMM_OK);
	return va;
}

static void open_object(void)
{
	config.pages = &rig.pages;
	config.frames = &rig.frames;
	config.lock = &rig.lock;
	config.offset = rig.offset;
	CHECK_EQ(vmm_object_init(&object, &config, 0x8000), VMM_OK);
}

/* A task with one of each, the heap a segment. */
static void open_task(void)
{
	space_rig_open(&rig, &vmm_pt_sv39, 0);
	space_rig_user(&rig);
	open_object();
	map((struct vmm_space_request){.place = {.size = 0x4000},
		    .kind = VMM_SPACE_OBJECT,
		    .prot = R | X | U,
		    .object = &object,
		    .offset = 0x1000},
		0x10000);
	map((struct vmm_space_request){.place = {.size = 0x2000},
		    .kind = VMM_SPACE_OBJECT,
		    .prot = R | W | U,
		    .flags = VMM_SPACE_SHARED | VMM_SPACE_NO_FORK,
		    .object = &object},
		0x20000);
	map((struct vmm_space_request){.place = {.size = 0x3000},
		    .kind = VMM_SPACE_ZERO,
		    .prot = R | W | U,
		    .flags = VMM_SPACE_KEEP},
		0x30000);
	map((struct vmm_space_request){.place = {.size = 0x1000},
		    .kind = VMM_SPACE_PHYS,
		    .prot = R | W | VMM_PT_IO,
		    .name = "uart",
		    .pa = 0x10000000},
		0x40000);
	map((struct vmm_space_request){.place = {.size = 0x2000},
		    .kind = VMM_SPACE_RING,
		    .prot = R | W | U,
		    .name = "log"},
		0x50000);
	map((struct vmm_space_request){.place = {.size = VMM_GIB(1)},
		    .kind = VMM_SPACE_RESERVED,
		    .name = "later"},
		VMM_GIB(1));
	map((struct vmm_space_request){.place = {.size = 0x10000,
					       .guard = {0x1000, 0x2000}},
		    .kind = VMM_SPACE_STACK,
		    .prot = R | W | U,
		    .name = "main"},
		UINT64_C(0x3fffff0000) - 0x2000);
	CHECK_EQ(vmm_segment_new(&segment, &rig.space,
			 &(struct vmm_space_request){
				 .place = {.size = 0x5000,
					 .where = 0x100000,
					 .flags = VMM_VMEM_FIXED},
				 .kind = VMM_SPACE_ZERO,
				 .prot = R | W | U,
				 .name = "heap"},
			 0, NULL),
		VMM_OK);
	CHECK_EQ(vmm_space_touch(
			 &rig.space, UINT64_C(0x3fffffb000), 0x1000, W | U),
		VMM_OK);
}

static void close_task(void)
{
	vmm_object_put(&object);
	space_rig_close(&rig);
}

TEST(golden_space_dump)
{
	struct vmm_sink sink;

	open_task();
	sink = test_text_sink(&text, buffer, sizeof(buffer));
	vmm_space_dump(&rig.space, &sink);
	expect("[0x0000000000010000-0x0000000000013fff]   16K r-xu  object "
	       "\"text\" +4K\n"
	       "[0x0000000000020000-0x0000000000021fff]    8K rw-u  object "
	       "\"text\", shared, no fork\n"
	       "[0x0000000000030000-0x0000000000032fff]   12K rw-u  zero, "
	       "keep\n"
	       "[0x0000000000040000-0x0000000000040fff]    4K rw--  phys "
	       "\"uart\" "
	       "-> 0x0000000010000000, io\n"
	       "[0x0000000000050000-0x0000000000051fff]    8K rw-u  ring "
	       "\"log\"\n"
	       "[0x0000000000100000-0x0000000000104fff]   20K rw-u  zero "
	       "\"heap\", "
	       "segment\n"
	       "[0x0000000040000000-0x000000007fffffff]    1G ----  reserved "
	       "\"later\"\n"
	       "[0x0000003ffffee000-0x0000003fffffdfff]   64K rw-u  stack "
	       "\"main\", 12K deep, guard 4K below, guard 8K above\n");
	close_task();
}

/* The stack overflows: the guard is named, with the side it is on. */
TEST(golden_space_explain_guard)
{
	open_task();
	explain(UINT64_C(0x3ffffedff8), W | U);
	expect("write by the user at 0x0000003ffffedff8: guard below stack "
	       "\"main\"\n"
	       "  region   [0x0000003ffffee000-0x0000003fffffdfff]   64K rw-u "
	       " stack \"main\", 12K deep, guard 4K below, guard 8K above\n"
	       "  level 2  0x????????????????: 0x????????????????, table at "
	       "0x????????????????\n"
	       "  level 1  0x????????????????: 0x????????????????, table at "
	       "0x????????????????\n"
	       "  level 0  0x????????????????: 0x0000000000000000, absent\n"
	       "  verdict  the guard page below stack \"main\" was hit: the "
	       "stack overflowed\n");
	close_task();
}

/* Nobody's address: between which regions it lies. */
TEST(golden_space_explain_nobody)
{
	open_task();
	explain(0x60010, R | U);
	expect("read by the user at 0x0000000000060010: no region\n"
	       "  below    [0x0000000000050000-0x0000000000051fff]    8K rw-u "
	       " ring \"log\"\n"
	       "  above    [0x0000000000100000-0x0000000000104fff]   20K rw-u "
	       " zero \"heap\", segment\n"
	       "  level 2  0x????????????????: 0x????????????????, table at "
	       "0x????????????????\n"
	       "  level 1  0x????????????????: 0x????????????????, table at "
	       "0x????????????????\n"
	       "  level 0  0x????????????????: 0x0000000000000000, absent\n"
	       "  verdict  nobody's: no region is there\n");
	close_task();
}

/* What the region refuses, in words. */
TEST(golden_space_explain_refusals)
{
	open_task();
	verdict(UINT64_C(0x3fffffe000), R | U,
		"the guard page above stack \"main\" was hit: more was taken "
		"from the stack than was there\n");
	verdict(0, R | U,
		"not an address of the space; a null pointer, probably\n");
	verdict(0x1008, W | U,
		"nobody's: no region is there; a null pointer, probably\n");
	verdict(UINT64_C(0x4000000000), R | U,
		"not a canonical address of sv39\n");
	verdict(VMM_GIB(1) + 5, R | U,
		"reserved: reserved \"later\" shows nothing\n");
	verdict(0x10000, W | U, "not allowed: object \"text\" has no write\n");
	verdict(0x40000, X | U,
		"not allowed: phys \"uart\" has no execute user\n");
	CHECK_EQ(vmm_space_protect(&rig.space, 0x30000, 0x1000, 0), VMM_OK);
	verdict(0x30000, R | U, "not allowed: the protection of zero is 0\n");
	close_task();
}

/* The kernel's half, which the table shows and the space knows nothing of. */
TEST(golden_space_explain_not_the_spaces)
{
	const vmm_va_t va = -VMM_GIB(1);

	open_task();
	CHECK_EQ(vmm_pt_map(&rig.pt, va, VMM_GIB(2), VMM_GIB(1), R | W, NULL),
		VMM_OK);
	verdict(va + 5, R | U,
		"not an address of the space; of the table: not allowed: the "
		"entry at level 2 has no user\n");
	verdict(va + 5, R,
		"not an address of the space; of the table: the entry allows "
		"this: if it faulted, a fence is missing\n");
	CHECK_EQ(vmm_pt_unmap(
			 &rig.pt, va, VMM_GIB(1), &(struct vmm_tlb_gather){0}),
		VMM_OK);
	close_task();
}

/* A kernel that died in the midst of a call finds its region half gone. */
TEST(golden_space_explain_going)
{
	const struct vmm_vmem_region *region;

	open_task();
	region = vmm_space_at(&rig.space, 0x30000);
	vmm_space_mark(&rig.space, region, VMM_SPACE_IS_GOING, 0);
	verdict(0x30000, R | U,
		"the region is not there yet, or goes: a call is at it\n");
	vmm_space_mark(&rig.space, region, 0, VMM_SPACE_IS_GOING);
	close_task();
}

/* What the region allows, and the entry does not, or not yet. */
TEST(golden_space_explain_pending)
{
	open_task();
	verdict(0x30000, R | U,
		"not touched yet: a fault will bring a page of zeros\n");
	CHECK_EQ(vmm_space_touch(&rig.space, 0x30000, 1, R | U), VMM_OK);
	verdict(0x30000, R | U,
		"the entry allows this: if it faulted, a fence is missing\n");
	verdict(0x30000, W | U,
		"the region allows writing, the entry does not yet: a fault "
		"will replace the zero page\n");
	CHECK_EQ(vmm_space_touch(&rig.space, 0x30000, 1, W | U), VMM_OK);
	verdict(0x30000, W | U,
		"the entry allows this: if it faulted, a fence is missing\n");
	verdict(0x30000, R, "the user's page: the kernel needs SUM for it\n");
	verdict(0x10000, X | U,
		"not touched yet: a fault will bring the object's page\n");
	verdict(UINT64_C(0x3ffffef000), W | U,
		"the stack may grow: a fault will bring a page of zeros\n");
	verdict(UINT64_C(0x3fffffd000), W | U,
		"not touched yet: a fault will bring a page of zeros\n");
	verdict(0x50000, W | U,
		"not touched yet: a fault will bring a page of zeros\n");
	verdict(0x40000, W,
		"the entry allows this: if it faulted, a fence is missing\n");
	CHECK_EQ(vmm_pt_unmap(
			 &rig.pt, 0x40000, 4096, &(struct vmm_tlb_gather){0}),
		VMM_OK);
	verdict(0x40000, W,
		"absent, but such a region has all its pages: the table is "
		"wrong\n");
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x40000, 0x10000000, 4096,
			 R | W | VMM_PT_IO, NULL),
		VMM_OK);
	close_task();
}

/* A private page of an object, which a write will copy. */
TEST(golden_space_explain_copy)
{
	vmm_va_t va;

	open_task();
	va = map((struct vmm_space_request){.place = {.size = 0x1000},
			 .kind = VMM_SPACE_OBJECT,
			 .prot = R | W | U,
			 .object = &object},
		0x70000);
	CHECK_EQ(vmm_space_touch(&rig.space, va, 1, R | U), VMM_OK);
	verdict(va, W | U,
		"the region allows writing, the entry does not yet: a fault "
		"will copy, if others have the page\n");
	CHECK_EQ(vmm_space_touch(&rig.space, va, 1, W | U), VMM_OK);
	verdict(va, W | U,
		"the entry allows this: if it faulted, a fence is missing\n");
	/* The object's own page, in a region that writes to the object. */
	CHECK_EQ(vmm_space_touch(&rig.space, 0x20000, 1, W | U), VMM_OK);
	CHECK_EQ(vmm_pt_modify(&rig.pt, 0x20000, 4096, 0, VMM_PT_WRITE, NULL),
		VMM_OK);
	verdict(0x20000, W | U,
		"the region allows this, the entry does not: a fault will put "
		"it right\n");
	close_task();
}

/* Not loaded: where the page is, and what the table shows instead. */
TEST(golden_space_explain_unloaded)
{
	open_task();
	CHECK_EQ(vmm_space_touch(&rig.space, 0x101000, 1, W | U), VMM_OK);
	CHECK_EQ(vmm_segment_unload(&segment), VMM_OK);
	explain(0x101008, R | U);
	expect("read by the user at 0x0000000000101008: zero \"heap\"\n"
	       "  region   [0x0000000000100000-0x0000000000104fff]   20K rw-u "
	       " zero \"heap\", segment, unloaded\n"
	       "  store    has the page, at 0x????????????????\n"
	       "  level 2  0x????????????????: 0x????????????????, table at "
	       "0x????????????????\n"
	       "  level 1  0x????????????????: 0x????????????????, table at "
	       "0x????????????????\n"
	       "  level 0  0x????????????????: 0x0000000000000000, absent\n"
	       "  verdict  not loaded: zero \"heap\" is kept in the store\n");
	/* A table for all may show another space's segment there. */
	CHECK_EQ(vmm_pt_map(&rig.pt, 0x101000, 0x80000000, 4096, R | U, NULL),
		VMM_OK);
	verdict(0x101008, R | U,
		"not loaded: zero \"heap\" is kept in the store; but the table "
		"allows it\n");
	CHECK_EQ(vmm_pt_unmap(
			 &rig.pt, 0x101000, 4096, &(struct vmm_tlb_gather){0}),
		VMM_OK);
	CHECK_EQ(vmm_segment_load(&segment), VMM_OK);
	verdict(0x101008, R | U,
		"the entry allows this: if it faulted, a fence is missing\n");
	close_task();
}

/* A and D that are tracked are set by faults. */
TEST(golden_space_explain_tracked)
{
	vmm_va_t va;

	space_rig_open(&rig, &vmm_pt_sv39, VMM_PT_TRACK);
	space_rig_user(&rig);
	va = map((struct vmm_space_request){.place = {.size = 0x1000},
			 .kind = VMM_SPACE_ZERO,
			 .prot = R | W | U},
		0x70000);
	CHECK_EQ(vmm_space_touch(&rig.space, va, 1, W | U), VMM_OK);
	CHECK_EQ(vmm_pt_modify(&rig.pt, va, 4096, 0,
			 VMM_PT_ACCESSED | VMM_PT_DIRTY, NULL),
		VMM_OK);
	verdict(va, R | U,
		"A is clear: faults without Svadu; a fault will set it\n");
	CHECK_EQ(vmm_space_touch(&rig.space, va, 1, R | U), VMM_OK);
	verdict(va, W | U,
		"D is clear: a write faults without Svadu; a fault will set "
		"it\n");
	space_rig_close(&rig);
}
