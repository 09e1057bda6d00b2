/* restante show: one message as it is, with line ends as this system has them. */

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/number.h"
#include "fetch/options.h"
#include "fetch/visit.h"
#include "fetch/wanted.h"

struct screen {
	bool is_terminal; /* which obeys what a stranger writes, if it is let */
	char before;
};

static char
harmless(char octet, char before)
{
	bool is_c1 = before == '\xc2' && (unsigned char)octet >= 0x80 && (unsigned char)octet <= 0x9f;

	if (octet == '\n' || octet == '\t')
		return octet;
	return (unsigned char)octet < 0x20 || octet == 0x7f || is_c1 ? '?' : octet;
}

static void
put(struct screen *screen, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		/* CRLF becomes LF; a CR that is alone stays. */
		if (screen->before == '\r' && data[i] != '\n')
			putchar(screen->is_terminal ? '?' : '\r');
		if (data[i] != '\r')
			putchar(screen->is_terminal ? harmless(data[i], screen->before) : data[i]);
		screen->before = data[i];
	}
}

static void
print(struct visit *visit, uint64_t number)
{
	unsigned long command = restante_client_retr(visit->link.client, number);
	struct screen screen = { .is_terminal = isatty(STDOUT_FILENO) != 0 };
	char buffer[16384];
	ptrdiff_t size;

	while ((size = restante_session_read(visit->link.session, command, buffer, sizeof(buffer))) > 0)
		put(&screen, buffer, (size_t)size);
	if (size < 0)
		visit_failure(visit, restante_session_result(visit->link.session),
		    restante_session_error(visit->link.session));
}

static int
show(const struct fetch_context *context, const struct account *account, uint64_t number)
{
	struct report *report;
	struct visit visit;
	struct error error;

	if (report_open(&report, context, 0, &error) != 0)
		return command_fail(EX_CANTCREAT, "%s", error.text);
	if (visit_begin(&visit, context, report, account) == 0)
		print(&visit, number);
	visit_end(&visit);
	report_close(report);
	return visit.status;
}

int
command_show(struct fetch_context *context, int argc, char **argv)
{
	struct wanted wanted;
	uint64_t number;
	char **words;
	int count, status = options_read(context, command_find("show"), argc, argv, &words, &count);

	if (status != OPTIONS_GO_ON)
		return status;
	if (count < 1 || count > 2) {
		options_usage(stderr, command_find("show"));
		return EX_USAGE;
	}
	if (!number_parse(words[count - 1], &number))
		return command_fail(EX_USAGE,
		    "`%s` is no number of a message: `restante list` shows those there are", words[count - 1]);
	status = wanted_read(&wanted, context, words, count - 1);
	if (status != WANTED_GO_ON)
		return status;
	status = wanted.count == 1
		     ? show(context, wanted.all[0], number)
		     : command_fail(
			   EX_USAGE, "there are %zu accounts: name the one whose message it is", wanted.count);
	wanted_free(&wanted);
	return status;
}
