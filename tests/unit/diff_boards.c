/* SPDX-License-Identifier: MIT */
/*
 * The trees of QEMU's machines and of real boards through libfdt and through
 * our reader. They are collected by tests/fdt; boot loaders carry theirs
 * somewhere inside, so a tree is taken from wherever in a file one is found.
 */
#include "support/fdt_diff.h"
#include "support/test.h"

#include <dirent.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX    (4 << 20)
#define TREES_MAX   1024
#define MUTATIONS   60
#define DAMAGED_MAX 65536 /* larger trees are images that contain trees */

static unsigned char file[FILE_MAX];
static uint64_t blob[FILE_MAX / 8];
static uint64_t good[FILE_MAX / 8];
static uint64_t digests[TREES_MAX];
static size_t tree_count; /* distinct ones so far */
static struct rng rng;

static bool is_new(uint64_t digest)
{
	for (size_t i = 0; i < tree_count; i++) {
		if (digests[i] == digest)
			return false;
	}
	CHECK(tree_count < TREES_MAX);
	digests[tree_count++] = digest;
	return true;
}

static void damage(size_t size)
{
	memcpy(good, blob, size);
	for (uint64_t n = 0; n < MUTATIONS * test_factor; n++) {
		fdt_diff_mutate(blob, good, size, &rng);
		(void)fdt_diff(blob, size);
	}
}

/*
 * Compare the tree that starts in the file at @at, if one does; the magic
 * number alone also stands in the code of boot loaders. QEMU's trees have room
 * to grow, a megabyte of it, which damage would only get lost in.
 */
static void tree_at(size_t at, size_t left)
{
	size_t size;

	if (left < VMM_FDT_HEADER_SIZE ||
		vmm_fdt_size(file + at, left, &size) != VMM_OK)
		return;
	memcpy(blob, file + at, size);
	if (fdt_check_full(blob, size) != 0) {
		CHECK(fdt_diff(blob, size) != VMM_OK);
		return;
	}
	if (!is_new(test_digest(TEST_DIGEST_INIT, blob, size)))
		return;
	fdt_diff_good(blob, size);
	CHECK(fdt_pack(blob) == 0);
	size = fdt_totalsize(blob);
	fdt_diff_good(blob, size);
	if (size <= DAMAGED_MAX)
		damage(size);
}

static void told(size_t count)
{
	test_put_dec(count);
	test_puts(" distinct trees\n");
}

static size_t read_file(const char *dir, const char *name)
{
	char path[1024];
	size_t size;
	FILE *from;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	from = fopen(path, "rb");
	CHECK(from != NULL);
	size = fread(file, 1, FILE_MAX, from);
	CHECK(size < FILE_MAX);
	(void)fclose(from);
	return size;
}

/* Call @use with the name of each file in a directory and its size. */
static void each_file(const char *dir, void (*use)(const char *name, size_t n))
{
	DIR *list = opendir(dir);
	struct dirent *entry;

	CHECK(list != NULL);
	while ((entry = readdir(list)) != NULL) {
		if (entry->d_name[0] != '.')
			use(entry->d_name, read_file(dir, entry->d_name));
	}
	(void)closedir(list);
}

static void use_board(const char *name, size_t size)
{
	static const unsigned char magic[] = {0xd0, 0x0d, 0xfe, 0xed};
	const unsigned char *at = file;

	(void)name;
	while ((at = memmem(at, size - (size_t)(at - file), magic,
			sizeof(magic))) != NULL) {
		tree_at((size_t)(at - file), size - (size_t)(at - file));
		at++;
	}
}

/* Real boards, of seven makers of chips, as their boot loaders see them. */
TEST(diff_boards_of_boot_loaders)
{
	rng.state = test_seed;
	tree_count = 0;
	each_file(VMM_TEST_TREES "/boards", use_board);
	told(tree_count);
	CHECK(tree_count >= 60);
}

/* The name of a dump says what is in it: NAME,MIB,HARTS.dtb. */
static void use_machine(const char *name, size_t size)
{
	const char *facts = strchr(name, ',');
	struct vmm_fdt_mem mem = {0};
	struct vmm_fdt fdt;
	unsigned long mib;
	unsigned expected;
	unsigned bits;
	uint32_t harts;
	uint64_t ram = 0;

	tree_at(0, size);
	if (facts == NULL)
		return;
	CHECK(sscanf(facts, ",%lu,%u.dtb", &mib, &expected) == 2);
	CHECK(vmm_fdt_init(&fdt, file, size) == VMM_OK);
	CHECK(vmm_fdt_mmu_type(&fdt, &bits, &harts) == VMM_OK);
	CHECK(bits == 32 || bits == 39 || bits == 48 || bits == 57);
	CHECK_EQ(harts, expected);
	while (vmm_fdt_mem_next(&fdt, &mem) == VMM_OK)
		ram += mem.source == VMM_FDT_MEM_RAM ? mem.size : 0;
	CHECK_EQ(ram, VMM_MIB(mib));
	if (strncmp(name, "virt-initrd", 11) != 0)
		return;
	mem = (struct vmm_fdt_mem){0};
	do
		CHECK(vmm_fdt_mem_next(&fdt, &mem) == VMM_OK);
	while (mem.source != VMM_FDT_MEM_INITRD);
	CHECK_EQ(mem.size, 123457);
}

/* QEMU's machines with RAM, harts, nodes and an initrd as we asked for. */
TEST(diff_boards_of_machines)
{
	rng.state = test_seed;
	tree_count = 0;
	each_file(VMM_TEST_TREES "/machines", use_machine);
	told(tree_count);
	CHECK(tree_count >= 25);
}
