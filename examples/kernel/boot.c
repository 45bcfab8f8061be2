/* SPDX-License-Identifier: MIT */
/*
 * What runs before paging is on, at the load address: read the devicetree,
 * build boot tables, look at them as the hardware will, turn them on. The code
 * is reached relative to pc and uses no constant that holds a pointer.
 */
#include "boot.h"

#include "console.h"
#include "machine.h"

#include <vmm/boot.h>
#include <vmm/riscv.h>

uint64_t boot_enter(vmm_pa_t fdt_pa, vmm_pa_t load_pa);

extern SYMBOL char stack_bottom[], stack_top[], paging_on_next[];
void paging_on(uint64_t satp);

/* A devicetree larger than this is no devicetree. */
#define FDT_SIZE_MAX VMM_MIB(2)

/*
 * Pages for boot tables. In Sv57: a root, four for the identity map, four for
 * the image, and for the direct map three and two more for each ragged end of
 * a bank of RAM.
 */
#define SCRATCH_PAGES 32

#define RX (VMM_PT_READ | VMM_PT_EXEC)
#define RW (VMM_PT_READ | VMM_PT_WRITE)

struct kernel kernel;
struct boot boot;

/* Used before the jump only: the pointers in it are physical addresses. */
static struct vmm_pt boot_pt;

__attribute__((section(".scratch"),
	aligned(4096))) static char scratch[SCRATCH_PAGES][4096];

static bool starts_with(const char *text, const char *start)
{
	while (*start != '\0' && *text == *start) {
		text++;
		start++;
	}
	return *start == '\0';
}

/* What follows @start in the first argument that starts with it, or NULL. */
static const char *argument(const char *arguments, const char *start)
{
	bool at_start = true;
	size_t n = 0;

	while (start[n] != '\0')
		n++;
	for (; *arguments != '\0'; arguments++) {
		if (at_start && starts_with(arguments, start))
			return arguments + n;
		at_start = *arguments == ' ';
	}
	return NULL;
}

static bool is_word(const char *text, const char *word)
{
	size_t n = 0;

	while (word[n] != '\0')
		n++;
	return starts_with(text, word) && (text[n] == '\0' || text[n] == ' ');
}

/*
 * The command line: "mode=sv39" asks for a mode, "hold" keeps the machine on
 * after the last line, for a debugger or QEMU's monitor.
 */
static const char *read_arguments(void)
{
	const char *arguments;
	const char *hold;

	if (vmm_fdt_find_text(&boot.fdt, "/chosen", "bootargs", &arguments) !=
		VMM_OK)
		return NULL;
	hold = argument(arguments, "hold");
	kernel.hold = hold != NULL && is_word(hold, "");
	return argument(arguments, "mode=");
}

/*
 * The paging mode that the command line asks for, or the widest one that the
 * devicetree names; @asked tells which.
 */
static unsigned wanted_bits(bool *asked)
{
	const char *mode = read_arguments();
	unsigned bits;
	uint32_t harts;

	*asked = mode != NULL;
	if (mode == NULL) {
		if (vmm_fdt_mmu_type(&boot.fdt, &bits, &harts) != VMM_OK ||
			bits < 39)
			return 57;
		return bits;
	}
	if (is_word(mode, "sv39"))
		return 39;
	if (is_word(mode, "sv48"))
		return 48;
	if (!is_word(mode, "sv57"))
		fail("unknown mode \"%s\"", mode);
	return 57;
}

const struct vmm_pt_format *kernel_format(unsigned va_bits)
{
	if (va_bits == 39)
		return &vmm_pt_sv39;
	return va_bits == 48 ? &vmm_pt_sv48 : &vmm_pt_sv57;
}

/* What the devicetree says, and where the kernel itself is. */
static void read_memory_map(vmm_pa_t fdt_pa)
{
	const vmm_pa_t image = (uintptr_t)__image_start;
	const vmm_pa_t boot_pages = (uintptr_t)__scratch_start;
	size_t size;
	int err;

	err = vmm_fdt_size(
		(const void *)(uintptr_t)fdt_pa, FDT_SIZE_MAX, &size);
	if (err == VMM_OK)
		err = vmm_fdt_init(
			&boot.fdt, (const void *)(uintptr_t)fdt_pa, size);
	expect(err == VMM_OK, "devicetree: %s", vmm_err_name(err));
	vmm_memmap_init(&kernel.map, kernel.map_entries, MAP_ENTRIES);
	err = vmm_fdt_memmap(&boot.fdt, fdt_pa, &kernel.map);
	if (err == VMM_OK)
		err = vmm_memmap_reserve(&kernel.map, image,
			(uintptr_t)__image_end - image, VMM_MEM_PERMANENT);
	if (err == VMM_OK)
		err = vmm_memmap_reserve(&kernel.map, boot_pages,
			(uintptr_t)__scratch_end - boot_pages, VMM_MEM_LOADER);
	expect(err == VMM_OK, "memory map: %s", vmm_err_name(err));
	boot.fdt_pa = fdt_pa;
}

/* A section of the image, at a distance from where it is loaded. */
static struct vmm_boot_map section(
	const char *first, const char *end, uint64_t distance, unsigned prot)
{
	const vmm_pa_t pa = (uintptr_t)first;

	return (struct vmm_boot_map){pa + distance, pa, (uint64_t)(end - first),
		prot, VMM_BOOT_EXACT};
}

/*
 * The image twice, where it is and where it was linked, each section with its
 * own rights; and all RAM but the image, for reading and writing.
 */
static int build_tables(const struct vmm_pt_format *format, uint64_t distance)
{
	const vmm_pa_t image = (uintptr_t)__image_start;
	const struct vmm_boot_carve carve = {
		image, (uintptr_t)__image_end - image, 0};
	struct vmm_boot_map maps[6];
	int err;

	for (size_t i = 0; i < 2; i++) {
		uint64_t to = i == 0 ? 0 : distance;

		maps[3 * i] = section(__image_start, __rodata_start, to, RX);
		maps[3 * i + 1] =
			section(__rodata_start, __data_start, to, VMM_PT_READ);
		maps[3 * i + 2] = section(__data_start, __image_end, to, RW);
	}
	err = vmm_boot_tables(
		&boot_pt, format, (uintptr_t)scratch, SCRATCH_PAGES, maps, 6);
	if (err == VMM_OK)
		err = vmm_boot_map_ram(&boot_pt, &kernel.map,
			kernel_area(VMM_ROW_DIRECT)->base, RW, &carve, 1);
	return err;
}

/* Where traps go now: stvec without its mode bits. */
static vmm_pa_t trap_vector(void)
{
	uint64_t stvec;

	__asm__ volatile("csrr %0, stvec" : "=r"(stvec));
	return vmm_align_down(stvec, 4);
}

/* Would the hart survive? If not, say what it would stumble over. */
static void look_before_leaping(void)
{
	/* All of the stack: the callers' frames are above this one. */
	const vmm_pa_t sp = (uintptr_t)stack_top;
	const vmm_pa_t pc = (uintptr_t)paging_on_next;
	const struct vmm_boot_state state = {.pc = pc,
		.pc_pa = pc,
		.sp = sp,
		.sp_pa = sp,
		.stack = sp - (uintptr_t)stack_bottom,
		.trap = trap_vector(),
		.trap_pa = trap_vector()};
	struct vmm_boot_verdict verdict;
	struct vmm_sink sink = console();

	if (vmm_boot_check(&boot_pt, &state, &verdict) == VMM_OK)
		return;
	print("kernel: FAILED: boot tables: ");
	vmm_boot_verdict_dump(&verdict, &sink);
	print("\n");
	machine_off(false);
}

/* Turn paging on in one mode; false if the hart does not have it. */
static bool try_mode(unsigned va_bits, uint64_t distance)
{
	int err;

	kernel.va_bits = va_bits;
	err = build_tables(kernel_format(va_bits), distance);
	expect(err == VMM_OK, "boot tables: %s", vmm_err_name(err));
	look_before_leaping();
	boot.satp = vmm_riscv_satp(&boot_pt, 0);
	paging_on(boot.satp);
	/* A mode that the hart lacks leaves satp as it was. */
	return vmm_riscv_satp_read() == boot.satp;
}

/* Returns the distance from the load address to the link address. */
uint64_t boot_enter(vmm_pa_t fdt_pa, vmm_pa_t load_pa)
{
	const uint64_t distance = link_address - load_pa;
	bool asked;
	unsigned bits;
	bool on;

	kernel.load_pa = load_pa;
	read_memory_map(fdt_pa);
	bits = wanted_bits(&asked);
	/* Asked for one mode: that or none. Else down to the narrowest. */
	on = try_mode(bits, distance);
	while (!on && !asked && bits > 39) {
		bits -= 9;
		on = try_mode(bits, distance);
	}
	if (!on)
		fail("this hart has no sv%u", (uint64_t)bits);
	return distance;
}
