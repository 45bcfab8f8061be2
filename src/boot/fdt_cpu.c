/* SPDX-License-Identifier: MIT */
/*
 * Devicetrees: harts, and the paging mode that all have who have any.
 */
#include "boot/fdt_token.h"

/* The values of `mmu-type` in the RISC-V binding; "riscv,none" has no row. */
static uint32_t mmu_bits(
	const struct vmm_fdt *fdt, const struct vmm_fdt_node *node)
{
	static const struct {
		uint32_t va_bits;
		char name[12];
	} types[] = {
		{32, "riscv,sv32"},
		{39, "riscv,sv39"},
		{48, "riscv,sv48"},
		{57, "riscv,sv57"},
	};
	struct vmm_fdt_prop prop;
	const char *text;

	if (vmm_fdt_prop_find(fdt, node, "mmu-type", &prop) != VMM_OK ||
		vmm_fdt_prop_text(&prop, 0, &text) != VMM_OK)
		return 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (vmm_fdt_same(types[i].name, text))
			return types[i].va_bits;
	}
	return 0;
}

static int read_id(const struct vmm_fdt *fdt, struct vmm_fdt_cpu *cpu)
{
	struct vmm_fdt_cells cells;
	struct vmm_fdt_prop reg;
	uint64_t none;
	int err;

	err = vmm_fdt_cells(fdt, &cpu->parent, &cells);
	if (err)
		return err;
	/* The binding demands 0 size cells and gives no meaning to others. */
	cells.size = 0;
	if (vmm_fdt_prop_find(fdt, &cpu->node, "reg", &reg) != VMM_OK ||
		vmm_fdt_prop_range(&reg, &cells, 0, &cpu->id, &none) != VMM_OK)
		return VMM_EINVAL;
	return VMM_OK;
}

int vmm_fdt_cpu_next(const struct vmm_fdt *fdt, struct vmm_fdt_cpu *cpu)
{
	struct vmm_fdt_prop type;
	int err;

	if (cpu->parent.name == NULL) {
		err = vmm_fdt_node_find(fdt, "/cpus", &cpu->parent);
		if (err)
			return err;
	}
	while (vmm_fdt_child_next(fdt, &cpu->parent, &cpu->node)) {
		if (vmm_fdt_prop_find(fdt, &cpu->node, "device_type", &type) !=
				VMM_OK ||
			!vmm_fdt_prop_has_text(&type, "cpu") ||
			!vmm_fdt_is_enabled(fdt, &cpu->node))
			continue;
		cpu->va_bits = mmu_bits(fdt, &cpu->node);
		return read_id(fdt, cpu);
	}
	return VMM_ENOENT;
}

int vmm_fdt_mmu_type(
	const struct vmm_fdt *fdt, unsigned *va_bits_out, uint32_t *harts_out)
{
	struct vmm_fdt_cpu cpu = {0};
	unsigned va_bits = 0;
	uint32_t paging = 0;
	uint32_t others = 0;
	int err;

	for (;;) {
		err = vmm_fdt_cpu_next(fdt, &cpu);
		if (err)
			break;
		if (cpu.va_bits == 0)
			others++;
		else if (paging++ == 0 || cpu.va_bits < va_bits)
			va_bits = cpu.va_bits;
	}
	if (err != VMM_ENOENT)
		return err;
	if (paging + others == 0)
		return VMM_ENOENT;
	*va_bits_out = va_bits;
	*harts_out = paging != 0 ? paging : others;
	return VMM_OK;
}
