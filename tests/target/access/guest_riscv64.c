/* SPDX-License-Identifier: MIT */
/*
 * The guest's platform: QEMU's machine virt, whose first serial port and test
 * device are all that is used of it.
 */
#include "guest.h"
#include <vmm/pt_upkeep.h>

#include <vmm/riscv.h>

#define SERIAL	    UINT64_C(0x10000000)
#define TEST_DEVICE UINT64_C(0x100000)
#define TEST_PASS   0x5555
#define TEST_FAIL   0x13333 /* exit status 1 in the upper half */

/* RISC-V Privileged 1.13, 3.1.6 and 3.1.18. */
#define MSTATUS_MPP_S (UINT64_C(1) << 11)
#define MSTATUS_MPRV  (UINT64_C(1) << 17)
#define MSTATUS_SUM   (UINT64_C(1) << 18)
#define MSTATUS_MXR   (UINT64_C(1) << 19)
#define MSTATUS_MPV   (UINT64_C(1) << 39)
#define MENVCFG_ADUE  (UINT64_C(1) << 61)
#define MENVCFG_PBMTE (UINT64_C(1) << 62)

/* mcause (RISC-V Privileged 1.13, table of causes). */
#define ECALL_U	    8
#define ECALL_S	    9
#define ECALL_VS    10
#define PAGE_FETCH  12 /* page faults */
#define PAGE_LOAD   13
#define PAGE_STORE  15
#define GUEST_FETCH 20 /* guest-page faults */
#define GUEST_LOAD  21
#define GUEST_STORE 23
#define NO_TRAP	    UINT64_MAX

/* access_riscv64.S: the trap's mcause and mtval, or NO_TRAP and the word. */
struct outcome access_load(vmm_va_t va, uint64_t mstatus);
struct outcome access_store(vmm_va_t va, uint64_t mstatus, uint64_t value);
struct outcome access_fetch(vmm_va_t va, uint64_t mstatus);

_Noreturn void guest_main(void);
_Noreturn void guest_trap(uint64_t cause, uint64_t value, uint64_t pc);

static uint8_t used[TABLES_MAX];

void test_write(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*(volatile char *)SERIAL = text[i];
}

_Noreturn void test_exit(int status)
{
	*(volatile uint32_t *)TEST_DEVICE = status == 0 ? TEST_PASS : TEST_FAIL;
	for (;;)
		;
}

_Noreturn void guest_trap(uint64_t cause, uint64_t value, uint64_t pc)
{
	test_puts("trap ");
	test_put_dec(cause);
	test_puts(", mtval ");
	test_put_hex(value);
	test_puts(", mepc ");
	test_put_hex(pc);
	test_puts("\n");
	test_exit(1);
}

_Noreturn void guest_main(void)
{
	char name[] = "access";
	char *argv[] = {name, NULL};

	for (vmm_pa_t pa = GUEST_FRAMES; pa < GUEST_FRAMES + FRAMES_SIZE;
		pa += VMM_PAGE_SIZE)
		*(uint64_t *)pa = page_word(pa);
	__asm__ volatile("csrs menvcfg, %0\n\t"
			 "csrs henvcfg, %0"
			 :
			 : "r"(MENVCFG_PBMTE));
	guest_set_adue(true);
	test_exit(test_main(1, argv));
}

/*
 * The formats, and behind them those of satp once more, by vsatp: a guest's own,
 * whose names begin with a v.
 */
const struct vmm_pt_format *guest_format(size_t index)
{
	static const struct vmm_pt_format *const formats[] = {&vmm_pt_sv39,
		&vmm_pt_sv48, &vmm_pt_sv57, &vmm_pt_sv39x4, &vmm_pt_sv48x4,
		&vmm_pt_sv57x4};
	static struct vmm_pt_format virtual;
	const size_t count = sizeof(formats) / sizeof(formats[0]);

	if (index < count)
		return formats[index];
	if (index >= count + 3)
		return NULL;
	virtual = *formats[index - count];
	virtual.name[0] = 'v';
	virtual.name[1] = 's';
	for (size_t i = 2; i < sizeof(virtual.name); i++)
		virtual.name[i] = formats[index - count]->name[i - 1];
	return &virtual;
}

static bool guests_own(const struct vmm_pt_format *format)
{
	return format->name[0] == 'v';
}

static int page_alloc(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	/* The first four are the root's. */
	for (size_t i = 4; i < TABLES_MAX; i++) {
		if (used[i])
			continue;
		used[i] = 1;
		*pa_out = GUEST_TABLES + i * VMM_PAGE_SIZE;
		return VMM_OK;
	}
	return VMM_ENOMEM;
}

static void page_free(void *ctx, vmm_pa_t pa)
{
	uint64_t *words = (uint64_t *)pa;
	const size_t i = (pa - GUEST_TABLES) / VMM_PAGE_SIZE;

	(void)ctx;
	CHECK(i < TABLES_MAX && used[i]);
	used[i] = 0;
	/* A table that is walked after it was freed must be noticed. */
	for (size_t at = 0; at < VMM_PAGE_SIZE / 8; at++)
		words[at] = UINT64_MAX;
}

static const struct vmm_pages pages = {page_alloc, page_free, NULL};

void guest_table_on(struct vmm_pt *pt, const struct vmm_pt_format *format)
{
	vmm_pt_init(pt, format, &pages, 0, GUEST_TABLES);
	if (guest_stage(format))
		__asm__ volatile("csrw hgatp, %0\n\t"
				 ".insn r 0x73, 0, 0x31, x0, x0, x0"
				 :
				 : "r"(vmm_riscv_hgatp(pt, 0))
				 : "memory");
	else if (guests_own(format))
		__asm__ volatile("csrw vsatp, %0\n\t"
				 ".insn r 0x73, 0, 0x11, x0, x0, x0"
				 :
				 : "r"(vmm_riscv_satp(pt, 0))
				 : "memory");
	else
		vmm_riscv_satp_write(vmm_riscv_satp(pt, 0));
}

void guest_table_off(struct vmm_pt *pt)
{
	struct vmm_tlb_gather gather;
	const vmm_va_t half = UINT64_C(1) << (pt->format->va_bits - 1);

	vmm_tlb_gather_init(&gather, NULL, 0);
	CHECK_EQ(vmm_pt_prune(pt, 0, half, &gather), VMM_OK);
	CHECK_EQ(vmm_pt_prune(pt, guest_stage(pt->format) ? half : -half, half,
			 &gather),
		VMM_OK);
	guest_flush(pt, &gather);
	CHECK_EQ(pt->table_count, 1);
	__asm__ volatile("csrw satp, zero\n\t"
			 "csrw hgatp, zero\n\t"
			 "csrw vsatp, zero\n\t"
			 "sfence.vma"
			 :
			 :
			 : "memory");
	vmm_pt_fini(pt);
	for (size_t i = 0; i < TABLES_MAX; i++)
		CHECK(used[i] == 0);
}

/* By each of the library's ways, and by the two for satp in turn. */
void guest_flush(struct vmm_pt *pt, struct vmm_tlb_gather *gather)
{
	static unsigned turn;

	if (guest_stage(pt->format))
		vmm_riscv_flush_guest(gather, 0);
	else if (guests_own(pt->format))
		vmm_riscv_flush_guests_own(gather, 0);
	else if (turn++ % 2 == 0)
		vmm_riscv_flush_svinval(gather, 0);
	else
		vmm_riscv_flush(gather, 0);
	vmm_pt_reap(pt, gather);
}

void guest_set_adue(bool on)
{
	uint64_t got;

	/* henvcfg is for vsatp, and has what menvcfg has at most. */
	if (on)
		__asm__ volatile("csrs menvcfg, %0\n\t"
				 "csrs henvcfg, %0"
				 :
				 : "r"(MENVCFG_ADUE));
	else
		__asm__ volatile("csrc henvcfg, %0\n\t"
				 "csrc menvcfg, %0"
				 :
				 : "r"(MENVCFG_ADUE));
	__asm__ volatile("csrr %0, menvcfg\n\t"
			 "sfence.vma"
			 : "=r"(got));
	/* A machine that has only one of the two judges only half. */
	CHECK(((got & MENVCFG_ADUE) != 0) == on);
}

static struct outcome make_access(
	const struct vmm_pt *pt, vmm_va_t va, struct access access)
{
	const bool virtual = guest_stage(pt->format) || guests_own(pt->format);
	uint64_t mstatus = (access.user ? 0 : MSTATUS_MPP_S) |
			   (access.sum ? MSTATUS_SUM : 0) |
			   (access.mxr ? MSTATUS_MXR : 0) |
			   (virtual ? MSTATUS_MPV : 0);
	vmm_pa_t pa = 0;

	/* In a guest, its own register has the two bits. */
	__asm__ volatile("csrw vsstatus, %0"
			 :
			 : "r"(mstatus & (MSTATUS_SUM | MSTATUS_MXR)));
	if (access.kind == FETCH)
		return access_fetch(va, mstatus);
	if (access.kind == LOAD)
		return access_load(va, mstatus | MSTATUS_MPRV);
	/* What is there anyway, so that frames keep their words. */
	(void)!vmm_pt_translate(pt, va, &pa, NULL);
	return access_store(va, mstatus | MSTATUS_MPRV, page_word(pa));
}

struct outcome guest_access(
	const struct vmm_pt *pt, vmm_va_t va, struct access access)
{
	struct outcome outcome = make_access(pt, va, access);
	const bool guest = guest_stage(pt->format);

	switch (outcome.cause) {
	case NO_TRAP:
	case ECALL_U:
	case ECALL_S:
	case ECALL_VS:
		outcome.cause = CAUSE_NONE;
		break;
	case PAGE_LOAD:
	case GUEST_LOAD:
		CHECK_EQ(outcome.cause, guest ? GUEST_LOAD : PAGE_LOAD);
		outcome.cause = CAUSE_LOAD;
		break;
	case PAGE_STORE:
	case GUEST_STORE:
		CHECK_EQ(outcome.cause, guest ? GUEST_STORE : PAGE_STORE);
		outcome.cause = CAUSE_STORE;
		break;
	default:
		CHECK_EQ(outcome.cause, guest ? GUEST_FETCH : PAGE_FETCH);
		outcome.cause = CAUSE_FETCH;
	}
	return outcome;
}
