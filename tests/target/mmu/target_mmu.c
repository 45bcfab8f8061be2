/* SPDX-License-Identifier: MIT */
/*
 * QEMU's MMU reads our tables. Each round builds a small random table in the
 * RAM of a guest, with ranges at every edge that the format has, and asks the
 * guest's MMU where addresses lead: inside, at and just outside every range.
 * Four must agree: a list of what was asked for, vmm_pt_translate(), QEMU, and the
 * adversarial model's MMU (model/).
 *
 * The monitor asks as a load, and the guest may load from every page (SUM and
 * MXR): permissions are judged elsewhere, by accesses.
 */
#include "extents.h"
#include "guest.h"

#include "support/test.h"

#include <vmm/pt_upkeep.h>

#define TABLES	    2000 /* per format; times the factor */
#define CHANGES	    10	 /* of one table, at most */
#define QUESTIONS   10	 /* about one table, at most */
#define PAGES_APART 600	 /* of a range whose addresses fit no superpage */
#define UNITS_MAX   5

struct judge {
	struct guest guest;
	struct vmm_pt_format format; /* the guest's, with random features */
	struct vmm_pt pt;
	struct extents extents; /* what is mapped */
	struct extents tags;	/* what has a tag, in prot */
	struct rng rng;
	vmm_va_t anchors[6];
	uint64_t questions;
	uint64_t mapped; /* questions of which the answer was an address */
};

struct range {
	vmm_va_t va;
	uint64_t size;
	vmm_pa_t pa;
	unsigned level; /* of the unit that it was made of */
};

static const struct vmm_pt_format *format_of(const struct judge *judge)
{
	return &judge->format;
}

/* Bits above the format's, as its canonical addresses have them. */
static vmm_va_t canonical(const struct vmm_pt_format *format, vmm_va_t va)
{
	const unsigned unused = 64u - format->va_bits;

	if (format->sign_extended)
		return (vmm_va_t)((int64_t)(va << unused) >> unused);
	return va << unused >> unused;
}

/* The edges of the address space and two places in it. */
static void choose_anchors(struct judge *judge)
{
	const struct vmm_pt_format *format = format_of(judge);
	const vmm_va_t half = UINT64_C(1) << (format->va_bits - 1);

	judge->anchors[0] = 0;
	judge->anchors[1] = half;
	judge->anchors[2] = canonical(format, half);
	judge->anchors[3] = format->sign_extended ? 0 : 2 * half;
	for (size_t i = 4; i < 6; i++)
		judge->anchors[i] = canonical(format, rng_next(&judge->rng));
}

/* -@limit to @limit */
static uint64_t around(struct rng *rng, uint64_t limit)
{
	return rng_below(rng, 2 * limit + 1) - limit;
}

/* A range near an anchor; it may well be none that can be mapped. */
static struct range choose_range(struct judge *judge)
{
	const struct vmm_pt_format *format = format_of(judge);
	struct rng *rng = &judge->rng;
	struct range range;
	uint64_t unit;

	range.level = (unsigned)rng_below(rng, format->leaf_level_max + 1u);
	unit = vmm_pt_leaf_size(range.level);
	range.va = vmm_align_down(judge->anchors[rng_below(rng, 6)], unit) +
		   around(rng, UNITS_MAX) * unit;
	range.size = (1 + rng_below(rng, UNITS_MAX)) * unit;
	if (rng_below(rng, 2) == 0)
		range.va += around(rng, 4) * VMM_PAGE_SIZE;
	if (rng_below(rng, 2) == 0)
		range.size += rng_below(rng, 4) * VMM_PAGE_SIZE;
	range.pa = vmm_align_down(rng_next(rng), VMM_PAGE_SIZE) >>
		   (64u - format_of(judge)->pa_bits);
	range.pa = vmm_align_down(range.pa, VMM_PAGE_SIZE);
	if (rng_below(rng, 4) != 0)
		range.pa = vmm_align_down(range.pa, unit) + range.va % unit;
	else if (range.size > PAGES_APART * VMM_PAGE_SIZE)
		range.size = PAGES_APART * VMM_PAGE_SIZE;
	return range;
}

/* Is it a range of addresses that the format translates? */
static bool is_good(const struct vmm_pt_format *format, struct range range)
{
	const vmm_va_t last = vmm_range_last(range.va, range.size);

	return vmm_range_ok(range.va, range.size) &&
	       canonical(format, range.va) == range.va &&
	       canonical(format, last) == last &&
	       (!format->sign_extended || range.va >> 63 == last >> 63);
}

/* Any protection and memory type that the format can express. */
static unsigned choose_prot(struct judge *judge)
{
	const struct vmm_pt_format *format = format_of(judge);
	const unsigned access = VMM_PT_READ | VMM_PT_WRITE |
				(format->exec_only ? VMM_PT_EXEC : 0);
	unsigned prot;
	unsigned type;

	do
		prot = (unsigned)rng_next(&judge->rng) & format->prot_allowed;
	while ((prot & access) == 0);
	do
		type = (unsigned)rng_below(&judge->rng, VMM_PT_TYPES);
	while ((format->types_allowed >> type & 1) == 0);
	return prot | type << VMM_PT_TYPE_SHIFT;
}

static bool is_free(const struct judge *judge, struct range range)
{
	return extents_mapped(&judge->extents, range.va, range.size) == 0 &&
	       extents_mapped(&judge->tags, range.va, range.size) == 0;
}

static void map(struct judge *judge)
{
	const struct range range = choose_range(judge);
	const unsigned prot = choose_prot(judge);
	int wanted = VMM_OK;

	if (!is_good(format_of(judge), range) ||
		(range.pa + range.size - 1) >> format_of(judge)->pa_bits != 0)
		wanted = VMM_ERANGE;
	else if (!is_free(judge, range))
		wanted = VMM_EEXIST;
	CHECK_EQ(vmm_pt_map(&judge->pt, range.va, range.pa, range.size, prot,
			 NULL),
		wanted);
	if (wanted == VMM_OK)
		extents_add(&judge->extents,
			(struct extent){range.va, range.size, range.pa, prot});
}

/* A range that is mapped if possible: within one that is. */
static struct range choose_mapped(struct judge *judge)
{
	struct rng *rng = &judge->rng;
	const struct extent *extent;
	struct range range = choose_range(judge);
	uint64_t unit = vmm_pt_leaf_size(range.level);

	if (judge->extents.count == 0 || rng_below(rng, 8) == 0)
		return range;
	extent = &judge->extents.list[rng_below(rng, judge->extents.count)];
	if (unit > extent->size)
		unit = VMM_PAGE_SIZE;
	range.size = unit * (1 + rng_below(rng, extent->size / unit));
	range.va = extent->va +
		   vmm_align_down(rng_below(rng, extent->size - range.size + 1),
			   VMM_PAGE_SIZE);
	return range;
}

/* Unmap if @prot is 0, else protect. */
static void change(struct judge *judge, unsigned prot)
{
	const struct range range = choose_mapped(judge);
	struct vmm_tlb_gather gather;
	int wanted = VMM_OK;
	int got;

	if (!is_good(format_of(judge), range))
		wanted = VMM_ERANGE;
	else if (extents_mapped(&judge->extents, range.va, range.size) !=
		 range.size)
		wanted = VMM_ENOENT;
	vmm_tlb_gather_init(&gather, NULL, 0);
	got = prot == 0
		      ? vmm_pt_unmap(&judge->pt, range.va, range.size, &gather)
		      : vmm_pt_protect(&judge->pt, range.va, range.size, prot,
				&gather);
	CHECK_EQ(got, wanted);
	/* The guest is stopped: there is nobody to flush. */
	vmm_pt_reap(&judge->pt, &gather);
	if (wanted == VMM_OK)
		extents_change(&judge->extents, range.va, range.size, prot);
}

/* What must not be noticed: larger leaves where they say the same. */
static void merge(struct judge *judge)
{
	const struct range range = choose_mapped(judge);
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_merge(&judge->pt, range.va, range.size, &gather),
		is_good(format_of(judge), range) ? VMM_OK : VMM_ERANGE);
	vmm_pt_reap(&judge->pt, &gather);
}

/* Absent entries with a tag; they must be absent to the MMU, too. */
static void tag(struct judge *judge)
{
	const struct range range = choose_range(judge);
	const unsigned number =
		1 + (unsigned)rng_below(&judge->rng, UINT32_MAX);
	int wanted = VMM_OK;

	if (!is_good(format_of(judge), range))
		wanted = VMM_ERANGE;
	else if (!is_free(judge, range))
		wanted = VMM_EEXIST;
	CHECK_EQ(vmm_pt_tag(&judge->pt, range.va, range.size, number, NULL),
		wanted);
	if (wanted == VMM_OK)
		extents_add(&judge->tags,
			(struct extent){range.va, range.size, 0, number});
}

/* As munmap() has it: holes and tags as well. */
static void unmap_any(struct judge *judge)
{
	const struct range range = choose_range(judge);
	struct vmm_tlb_gather gather;
	int wanted = is_good(format_of(judge), range) ? VMM_OK : VMM_ERANGE;

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_unmap_any(&judge->pt, range.va, range.size, &gather),
		wanted);
	vmm_pt_reap(&judge->pt, &gather);
	if (wanted == VMM_OK) {
		extents_change(&judge->extents, range.va, range.size, 0);
		extents_change(&judge->tags, range.va, range.size, 0);
	}
}

static void put(const char *text, bool mapped, vmm_pa_t pa)
{
	test_puts(text);
	if (mapped)
		test_put_hex(pa);
	else
		test_puts("nothing");
}

/* Where does @va lead, of which QEMU was asked before? All three must say the same. */
static void compare(struct judge *judge, vmm_va_t va)
{
	const struct extent *tagged = extents_find(&judge->tags, va);
	const struct extent *extent = extents_find(&judge->extents, va);
	const bool mapped = extent != NULL;
	const vmm_pa_t wanted = mapped ? extent->pa + (va - extent->va) : 0;
	vmm_pa_t ours = 0;
	vmm_pa_t theirs = 0;
	bool we = vmm_pt_translate(&judge->pt, va, &ours, NULL) == VMM_OK;
	bool they = monitor_answer(&judge->guest.monitor, &theirs);
	vmm_pa_t models = 0;
	bool model = guest_model(&judge->guest, va, &models);

	CHECK_EQ(vmm_pt_tag_get(&judge->pt, va), tagged ? tagged->prot : 0);
	judge->questions++;
	judge->mapped += mapped;
	if (we == mapped && they == mapped && model == mapped &&
		(!mapped || (ours == wanted && theirs == wanted &&
				    models == wanted)))
		return;
	test_puts(format_of(judge)->name);
	put(" ", true, va);
	put(": wanted ", mapped, wanted);
	put(", translate says ", we, ours);
	put(", QEMU says ", they, theirs);
	put(", the model says ", model, models);
	test_puts("\n");
	vmm_pt_dump(&judge->pt, &test_sink);
	test_fail(__FILE__, __LINE__, "they do not agree");
}

/* Inside, at the ends of and outside what is or was mapped. */
static vmm_va_t choose_question(struct judge *judge)
{
	const struct extents *extents = &judge->extents;
	struct rng *rng = &judge->rng;
	const struct extent *extent;

	if (extents->count == 0 || rng_below(rng, 8) == 0)
		return choose_range(judge).va;
	extent = &extents->list[rng_below(rng, extents->count)];
	switch (rng_below(rng, 6)) {
	case 0:
		return extent->va;
	case 1:
		return extent->va - 1;
	case 2:
		return vmm_range_last(extent->va, extent->size);
	case 3:
		return extent->va + extent->size;
	default:
		return extent->va + rng_below(rng, extent->size);
	}
}

static void ask_around(struct judge *judge)
{
	vmm_va_t va[QUESTIONS];

	for (size_t i = 0; i < QUESTIONS; i++) {
		va[i] = choose_question(judge);
		monitor_ask(&judge->guest.monitor, va[i]);
	}
	for (size_t i = 0; i < QUESTIONS; i++)
		compare(judge, va[i]);
}

/* Everything goes; then neither a table nor an entry is left. */
static void clear(struct judge *judge)
{
	const struct vmm_pt_format *format = format_of(judge);
	const uint64_t root_size = UINT64_C(8) << format->root_bits;
	const vmm_va_t half = UINT64_C(1) << (format->va_bits - 1);
	struct vmm_tlb_gather gather;

	vmm_tlb_gather_init(&gather, NULL, 0);
	for (size_t i = 0; i < judge->extents.count; i++) {
		const struct extent *extent = &judge->extents.list[i];

		CHECK_EQ(vmm_pt_unmap(
				 &judge->pt, extent->va, extent->size, &gather),
			VMM_OK);
	}
	for (size_t i = 0; i < judge->tags.count; i++) {
		const struct extent *extent = &judge->tags.list[i];

		CHECK_EQ(vmm_pt_untag(
				 &judge->pt, extent->va, extent->size, &gather),
			VMM_OK);
	}
	CHECK_EQ(vmm_pt_prune(&judge->pt, 0, half, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_prune(
			 &judge->pt, canonical(format, half), half, &gather),
		VMM_OK);
	vmm_pt_reap(&judge->pt, &gather);
	CHECK_EQ(judge->pt.table_count, 1);
	for (uint64_t at = 0; at < root_size; at++)
		CHECK(judge->guest.ram[GUEST_TABLES + at] == 0);
	judge->extents.count = 0;
	judge->tags.count = 0;
	vmm_pt_fini(&judge->pt);
}

static void report(const struct judge *judge)
{
	test_puts(format_of(judge)->name);
	test_puts(": ");
	test_put_dec(TABLES * test_factor);
	test_puts(" tables, ");
	test_put_dec(judge->questions);
	test_puts(" questions, of them mapped ");
	test_put_dec(judge->mapped);
	test_puts("\n");
}

/* What a machine may have or not, and what the kernel may want of it. */
static void choose_format(struct judge *judge)
{
	const struct vmm_pt_format *base = judge->guest.format;
	const unsigned riscv = VMM_PT_SVPBMT | VMM_PT_SVNAPOT;
	unsigned features = (unsigned)rng_next(&judge->rng) &
			    (VMM_PT_NO_GIGA | VMM_PT_TRACK |
				    (base->satp_mode != 0 ? riscv : 0));

	CHECK_EQ(vmm_pt_format_init(&judge->format, base, features), VMM_OK);
}

static void change_table(struct judge *judge)
{
	switch (rng_below(&judge->rng, 12)) {
	case 0:
	case 1:
		change(judge, 0);
		break;
	case 2:
	case 3:
		change(judge, choose_prot(judge));
		break;
	case 4:
		merge(judge);
		break;
	case 5:
		tag(judge);
		break;
	case 6:
		unmap_any(judge);
		break;
	default:
		map(judge);
	}
}

static void judge_format(const struct vmm_pt_format *format)
{
	static struct judge judge;

	guest_start(&judge.guest, format);
	judge.rng.state = test_seed;
	judge.questions = 0;
	judge.mapped = 0;
	judge.extents.count = 0;
	judge.tags.count = 0;
	for (uint64_t i = 0; i < TABLES * test_factor; i++) {
		uint64_t changes = 1 + rng_below(&judge.rng, CHANGES);

		choose_format(&judge);
		guest_table(&judge.guest, &judge.pt, &judge.format);
		choose_anchors(&judge);
		while (changes-- > 0)
			change_table(&judge);
		CHECK_EQ(vmm_pt_check(&judge.pt), VMM_OK);
		ask_around(&judge);
		clear(&judge);
	}
	guest_end(&judge.guest);
	report(&judge);
	/* Most questions must have been worth asking. */
	CHECK(judge.mapped * 3 > judge.questions);
	CHECK(judge.mapped * 5 < judge.questions * 4);
}

TEST(target_mmu_sv39)
{
	judge_format(&vmm_pt_sv39);
}

TEST(target_mmu_sv48)
{
	judge_format(&vmm_pt_sv48);
}

TEST(target_mmu_sv57)
{
	judge_format(&vmm_pt_sv57);
}

TEST(target_mmu_sv39x4)
{
	judge_format(&vmm_pt_sv39x4);
}

TEST(target_mmu_sv48x4)
{
	judge_format(&vmm_pt_sv48x4);
}

TEST(target_mmu_sv57x4)
{
	judge_format(&vmm_pt_sv57x4);
}

TEST(target_mmu_x86_64)
{
	judge_format(&vmm_pt_x86_64);
}

TEST(target_mmu_la57)
{
	judge_format(&vmm_pt_la57);
}
