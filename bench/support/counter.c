/* SPDX-License-Identifier: MIT */
/*
 * A plugin for QEMU's user-mode emulation that counts the instructions of the
 * emulated program, and tells it the count when it asks (counter.h). Run as
 *
 *	qemu-x86_64 -plugin bench_counter.so PROGRAM
 *
 * Every instruction of every translated block adds one, in the translated code
 * itself; so the count is exact, and reading it stops nothing. The program is
 * of one thread, and its addresses are the emulator's (a 64-bit program on a
 * 64-bit host), so the answer can be written where it says.
 *
 * Debian's packages of QEMU 7.2 can load plugins but do not bring the header,
 * so the part of the interface that is used here is declared below, as QEMU's
 * documentation of TCG plugins, version 1 of the interface, describes it.
 */
#include "support/counter.h"

#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(
	uint64_t id, void (*translated)(uint64_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_syscall_cb(uint64_t id,
	void (*called)(uint64_t, unsigned, int64_t, uint64_t, uint64_t,
		uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(
	const struct qemu_plugin_tb *tb, size_t at);
void qemu_plugin_register_vcpu_insn_exec_inline(
	struct qemu_plugin_insn *insn, int op, void *number, uint64_t add);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(
	uint64_t id, const void *info, int argc, char **argv);

static uint64_t count;

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		qemu_plugin_register_vcpu_insn_exec_inline(
			qemu_plugin_tb_get_insn(tb, i),
			QEMU_PLUGIN_INLINE_ADD_U64, &count, 1);
}

static void called(uint64_t id, unsigned cpu, int64_t number, uint64_t a1,
	uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
	uint64_t a7, uint64_t a8)
{
	(void)id, (void)cpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6;
	(void)a7, (void)a8;
	if (number == BENCH_COUNTER_CALL)
		*(uint64_t *)(uintptr_t)a1 = count;
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_vcpu_syscall_cb(id, called);
	return 0;
}
