/* status, who, kick, reload: what is asked of the running server, and how its answers look. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/ctl.h"

/* "3d 04:05:06" */
static const char *
duration(uint64_t seconds, char text[32])
{
	unsigned long days = (unsigned long)(seconds / 86400);
	unsigned hours = (unsigned)(seconds / 3600 % 24), minutes = (unsigned)(seconds / 60 % 60);

	if (days > 0)
		snprintf(text, 32, "%lud %02u:%02u:%02u", days, hours, minutes,
		    (unsigned)(seconds % 60));
	else
		snprintf(text, 32, "%02u:%02u:%02u", hours, minutes, (unsigned)(seconds % 60));
	return text;
}

/* Names come from clients: nothing in them may move the cursor. */
static void
print_name(const char *name, int width)
{
	int printed = 0;

	if (name[0] == '\0')
		name = "-";
	for (; *name != '\0'; name++, printed++)
		putchar(*name > 0x20 && *name < 0x7f ? *name : '?');
	printf("%*s", printed < width ? width - printed : 0, "");
}

struct count {
	char process[32];
	int32_t pid;
	char name[64];
	uint64_t number;
};

struct counts {
	struct count *list;
	size_t count, size;
};

static void
count_keep(void *context, const struct ipc_ctl_row *row)
{
	struct counts *counts = context;
	struct count *list;

	if (counts->count == counts->size) {
		counts->size = counts->size * 2 + 64;
		list = reallocarray(counts->list, counts->size, sizeof(*list));
		if (list == NULL)
			exit(ctl_fail(EX_OSERR, "no memory"));
		counts->list = list;
	}
	list = &counts->list[counts->count++];
	snprintf(list->process, sizeof(list->process), "%s", row->process);
	snprintf(list->name, sizeof(list->name), "%.63s", row->row.name);
	list->pid = row->pid;
	list->number = row->row.number;
}

static int
by_process(const void *a, const void *b)
{
	const struct count *x = a, *y = b;
	int order = strcmp(x->process, y->process);

	/* restanted before its children */
	if (order != 0)
		return strcmp(x->process, "restanted") == 0   ? -1
		       : strcmp(y->process, "restanted") == 0 ? 1
							      : order;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return 0;
}

static void
counts_print(struct counts *counts)
{
	char text[32];

	qsort(counts->list, counts->count, sizeof(counts->list[0]), by_process);
	printf("%-18s %8s  %-14s %s\n", "PROCESS", "PID", "RUNNING", "COUNTS");
	for (size_t i = 0; i < counts->count;) {
		const struct count *process = &counts->list[i];
		uint64_t running = 0;
		size_t end;

		for (end = i; end < counts->count && counts->list[end].pid == process->pid; end++)
			if (strcmp(counts->list[end].name, "running_seconds") == 0)
				running = counts->list[end].number;
		printf("%-18s %8d  %-14s", process->process, (int)process->pid,
		    duration(running, text));
		for (const char *separator = " "; i < end; i++) {
			if (strcmp(counts->list[i].name, "running_seconds") == 0)
				continue;
			printf("%s%" PRIu64 " %s", separator, counts->list[i].number,
			    counts->list[i].name);
			separator = ", ";
		}
		putchar('\n');
	}
}

int
ctl_status(int argc, char **argv)
{
	struct ipc_ctl_report report = { .kind = IPC_REPORT_COUNTS };
	struct counts counts = { .list = NULL };
	struct ipc_ctl_result result;
	int status;

	if (argc != 1)
		return ctl_usage(argv[0]);
	status = ctl_ask(IPC_CTL_REPORT, &report, count_keep, &counts, &result);
	if (status == EX_OK) {
		counts_print(&counts);
		if (result.failed)
			status = ctl_fail(EX_TEMPFAIL, "%s", result.text);
	}
	free(counts.list);
	return status;
}

/* The heading stands above the first session. */
static void
heading_print(bool *printed)
{
	if (!*printed)
		printf("%-16s  %-24s %-24s %-12s %9s %7s %12s\n", "SESSION", "USER", "PEER",
		    "SINCE", "RETRIEVED", "DELETED", "OCTETS");
	*printed = true;
}

static void
session_print(void *context, const struct ipc_ctl_row *row)
{
	char text[32];

	heading_print(context);
	printf("%016" PRIx64 "  ", row->row.session);
	print_name(row->row.name, 24);
	putchar(' ');
	print_name(row->row.peer, 24);
	printf(" %-12s %9" PRIu64 " %7" PRIu64 " %12" PRIu64 "\n", duration(row->row.number, text),
	    row->row.retrieved, row->row.deleted, row->row.octets_out);
}

int
ctl_who(int argc, char **argv)
{
	struct ipc_ctl_report report = { .kind = IPC_REPORT_SESSIONS };
	struct ipc_ctl_result result;
	bool printed = false;
	int status;

	if (argc != 1)
		return ctl_usage(argv[0]);
	status = ctl_ask(IPC_CTL_REPORT, &report, session_print, &printed, &result);
	if (status != EX_OK)
		return status;
	heading_print(&printed);
	if (result.failed)
		status = ctl_fail(EX_TEMPFAIL, "%s", result.text);
	return status;
}

/* A session is written in hexadecimal; so may be a user. */
static bool
session_parse(const char *text, uint64_t *session)
{
	size_t length = strlen(text);

	if (length == 0 || length > 16 || strspn(text, "0123456789abcdefABCDEF") != length)
		return false;
	*session = strtoull(text, NULL, 16);
	return *session != 0;
}

static int
kick(uint64_t session, const char *user, struct ipc_ctl_result *result)
{
	struct ipc_ctl_kick question;

	memset(&question, 0, sizeof(question));
	question.session = session;
	if (session == 0)
		snprintf(question.user, sizeof(question.user), "%s", user);
	return ctl_ask(IPC_CTL_KICK, &question, NULL, NULL, result);
}

int
ctl_kick(int argc, char **argv)
{
	struct ipc_ctl_result result;
	uint64_t session;
	int status;

	if (argc != 2 || argv[1][0] == '\0')
		return ctl_usage(argv[0]);
	if (strlen(argv[1]) >= USER_SIZE)
		return ctl_fail(EX_USAGE, "no user has so long a name");
	status = kick(0, argv[1], &result);
	if (status == EX_OK && !result.failed && result.number == 0 &&
	    session_parse(argv[1], &session))
		status = kick(session, NULL, &result);
	if (status != EX_OK)
		return status;
	if (result.failed)
		return ctl_fail(EX_TEMPFAIL, "%s", result.text);
	if (result.number == 0)
		return ctl_fail(EX_NOUSER, "no session of that name");
	printf("%" PRIu64 " ended\n", result.number);
	return EX_OK;
}

int
ctl_reload(int argc, char **argv)
{
	struct ipc_ctl_result result;
	int status;

	if (argc != 1)
		return ctl_usage(argv[0]);
	status = ctl_ask(IPC_CTL_RELOAD, NULL, NULL, NULL, &result);
	if (status != EX_OK)
		return status;
	if (result.failed) {
		fprintf(stderr, "%s\n", result.text);
		return ctl_fail(EX_CONFIG, "the old configuration stays in force");
	}
	puts("the configuration is in force");
	return EX_OK;
}
