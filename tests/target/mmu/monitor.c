/* SPDX-License-Identifier: MIT */
#include "monitor.h"

#include "support/test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* No answer takes that long, on any machine. */
#define PATIENCE_MS 20000

_Noreturn static void fail(const char *what, const char *text)
{
	test_puts(what);
	test_puts(": ");
	test_puts(text);
	test_puts("\n");
	test_fail(__FILE__, __LINE__, "QEMU's monitor");
}

void monitor_start(struct monitor *monitor, const char *const *argv)
{
	const pid_t parent = getpid();
	int to[2];
	int from[2];

	CHECK(pipe(to) == 0 && pipe(from) == 0);
	/* A QEMU that died is seen by the missing answer. */
	signal(SIGPIPE, SIG_IGN);
	monitor->pid = fork();
	CHECK(monitor->pid >= 0);
	if (monitor->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || dup2(to[0], 0) < 0 ||
			dup2(from[1], 1) < 0)
			_exit(126);
		close(to[1]);
		close(from[0]);
		execv(argv[0], (char *const *)argv);
		perror(argv[0]);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	monitor->to = to[1];
	monitor->from = from[0];
	monitor->used = 0;
	monitor->line[0] = '\0';
	monitor_execute(monitor, "qmp_capabilities");
}

static void send_line(struct monitor *monitor, const char *text)
{
	const size_t size = strlen(text);

	if (write(monitor->to, text, size) != (ssize_t)size)
		fail("not taken", text);
}

/* The next line of what QEMU says; good until the next call. */
static void read_more(struct monitor *monitor)
{
	struct pollfd ready = {.fd = monitor->from, .events = POLLIN};
	ssize_t got;

	if (poll(&ready, 1, PATIENCE_MS) != 1)
		fail("no answer after", monitor->line);
	got = read(monitor->from, monitor->line + monitor->used,
		sizeof(monitor->line) - 1 - monitor->used);
	if (got <= 0)
		fail("QEMU has ended after", monitor->line);
	monitor->used += (size_t)got;
	monitor->line[monitor->used] = '\0';
}

/* Copy the answer to the last command to @text. Events pass by. */
static void read_answer(struct monitor *monitor, char *text, size_t size)
{
	for (;;) {
		char *end = memchr(monitor->line, '\n', monitor->used);
		size_t length;

		if (end == NULL) {
			read_more(monitor);
			continue;
		}
		length = (size_t)(end - monitor->line);
		CHECK(length < size);
		memcpy(text, monitor->line, length);
		text[length] = '\0';
		monitor->used -= length + 1;
		memmove(monitor->line, end + 1, monitor->used + 1);
		if (strstr(text, "\"error\"") != NULL)
			fail("refused", text);
		if (strstr(text, "\"return\"") != NULL)
			return;
	}
}

void monitor_execute(struct monitor *monitor, const char *command)
{
	char text[512];

	snprintf(text, sizeof(text), "{\"execute\": \"%s\"}\n", command);
	send_line(monitor, text);
	read_answer(monitor, text, sizeof(text));
}

void monitor_ask(struct monitor *monitor, vmm_va_t va)
{
	char text[128];

	snprintf(text, sizeof(text),
		"{\"execute\": \"human-monitor-command\", \"arguments\": "
		"{\"command-line\": \"gva2gpa 0x%llx\"}}\n",
		(unsigned long long)va);
	send_line(monitor, text);
}

bool monitor_answer(struct monitor *monitor, vmm_pa_t *pa_out)
{
	static const char good[] = "\"gpa: ";
	char text[512];
	const char *at;
	char *end;

	read_answer(monitor, text, sizeof(text));
	if (strstr(text, "\"Unmapped") != NULL)
		return false;
	at = strstr(text, good);
	if (at == NULL)
		fail("not understood", text);
	errno = 0;
	*pa_out = strtoull(at + sizeof(good) - 1, &end, 0);
	if (errno != 0 || *end != '\\')
		fail("not understood", text);
	return true;
}

void monitor_end(struct monitor *monitor)
{
	int status;

	monitor_execute(monitor, "quit");
	CHECK(waitpid(monitor->pid, &status, 0) == monitor->pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(monitor->to);
	close(monitor->from);
}
