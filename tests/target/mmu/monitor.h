/* SPDX-License-Identifier: MIT */
/*
 * A QEMU of ours and its monitor, over the machine protocol (QMP) on a pair of
 * pipes. Whatever goes wrong ends the test with the reason; QEMU ends with the
 * test, however that ends.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include <vmm/types.h>

struct monitor {
	int pid;
	int to;	  /* QEMU reads here */
	int from; /* and answers here */
	size_t used;
	char line[4096]; /* of which @used bytes are read ahead */
};

/**
 * monitor_start() - Start QEMU and greet its monitor.
 * @argv: Program and arguments, ended by NULL; "-qmp stdio" among them.
 */
void monitor_start(struct monitor *monitor, const char *const *argv);

/* Execute a command that takes no arguments: "stop", "quit". */
void monitor_execute(struct monitor *monitor, const char *command);

/**
 * monitor_ask() - Ask the guest's MMU for one address.
 * @va: Any address; what it means depends on the CPU's state.
 *
 * The answers come in the order of the questions. Ask a few at once: each turn
 * between two processes costs more than the answer.
 */
void monitor_ask(struct monitor *monitor, vmm_va_t va);

/**
 * monitor_answer() - Take the next answer.
 * @pa_out: Receives the physical address.
 *
 * Return: true, or false if QEMU says that nothing is mapped there.
 */
bool monitor_answer(struct monitor *monitor, vmm_pa_t *pa_out);

/* Let QEMU quit, and see that it did so well. */
void monitor_end(struct monitor *monitor);

#endif /* MONITOR_H */
