/*
 * The Received line of a message that was collected (RFC 5321, section 4.4, as fetchmail and getmail write
 * it). No Delivered-To is written: the message has been delivered before, and one with the address of an
 * account would make the mail of somebody who forwards it there a loop.
 */

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/writer.h"
#include "fetch/target_inside.h"

/* Can it stand as a word? Anything else is left out. */
static bool
is_word(const char *text)
{
	for (const char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr("()<>;\\\"", *at) != NULL)
			return false;
	return text[0] != '\0';
}

size_t
target_trace(const struct target *target, unsigned number, char *text, size_t size)
{
	char host[HOST_SIZE] = "", date[64] = "";
	time_t now = time(NULL);
	struct writer writer;
	struct tm tm;

	if (gethostname(host, sizeof(host) - 1) != 0 || !is_word(host))
		snprintf(host, sizeof(host), "localhost");
	/* The names are English: nobody calls setlocale(). */
	if (localtime_r(&now, &tm) == NULL || strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S %z", &tm) == 0)
		return 0;
	writer_init(&writer, text, size, NULL, NULL);
	writer_printf(&writer, "Received: from %s\r\n\tby %s (restante) with POP3 id %llx.%u",
	    is_word(target->server) ? target->server : "unknown", host, (unsigned long long)now, number);
	if (is_word(target->account))
		writer_printf(&writer, "\r\n\t(account %s)", target->account);
	return writer_printf(&writer, "; %s\r\n", date) ? writer.used : 0;
}
