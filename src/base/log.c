/* One line an event; see log.h for the form. */

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FACILITY_MAIL (2 << 3)

static struct {
	const char *program;
	atomic_int descriptor;
	atomic_int form;
	atomic_int level;
} log_state = { .program = "restante", .descriptor = 2, .level = LOG_LEVEL_INFO };

/* As much as a pipe takes in one piece, so that the lines of several processes do not mix. */
#define GATHER_SIZE 4096

static struct {
	bool on;
	size_t used;
	char lines[GATHER_SIZE];
} gathered;

static const int priorities[] = {
	[LOG_LEVEL_ERROR] = 3,
	[LOG_LEVEL_WARNING] = 4,
	[LOG_LEVEL_INFO] = 6,
	[LOG_LEVEL_DEBUG] = 7,
};

void
log_open(const char *program, int descriptor, enum log_form form, enum log_level level)
{
	log_state.program = program;
	log_state.descriptor = descriptor;
	log_state.form = (int)form;
	log_state.level = (int)level;
}

void
log_level_set(enum log_level level)
{
	log_state.level = (int)level;
}

void
log_descriptor_set(int descriptor, enum log_form form)
{
	int old;

	log_flush();
	old = atomic_exchange(&log_state.descriptor, descriptor);
	log_state.form = (int)form;
	if (old != 2 && old != descriptor)
		close(old);
}

void
log_gather(void)
{
	if (!gathered.on)
		(void)atexit(log_flush);
	gathered.on = true;
}

void
log_flush(void)
{
	size_t size = gathered.used;
	int saved_errno = errno;

	gathered.used = 0;
	if (size > 0)
		(void)!write(atomic_load(&log_state.descriptor), gathered.lines, size);
	errno = saved_errno;
}

static void
gather(enum log_level level, const char *line, size_t size)
{
	if (size > sizeof(gathered.lines) - gathered.used)
		log_flush();
	memcpy(gathered.lines + gathered.used, line, size);
	gathered.used += size;
	if (level <= LOG_LEVEL_WARNING)
		log_flush();
}

static bool
is_plain(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '=' && c != '\\';
}

/* Appends c unless the line is full; one octet always stays free for the NUL. */
static int
put(char *line, int size, int used, char c)
{
	if (used < size - 1)
		line[used++] = c;
	return used;
}

static int
put_text(char *line, int size, int used, const char *text)
{
	while (*text != '\0')
		used = put(line, size, used, *text++);
	return used;
}

static int
put_value(char *line, int size, int used, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	bool plain = *text != '\0';

	for (const char *p = text; *p != '\0'; p++)
		plain = plain && is_plain((unsigned char)*p);
	if (plain)
		return put_text(line, size, used, text);
	used = put(line, size, used, '"');
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (is_plain(c) || c == ' ' || c == '=') {
			used = put(line, size, used, *p);
			continue;
		}
		used = put_text(line, size, used, "\\x");
		used = put(line, size, used, hex[c >> 4]);
		used = put(line, size, used, hex[c & 15]);
	}
	return put(line, size, used, '"');
}

int
log_format(char *line, int size, const char *event, const struct log_field fields[])
{
	int used = put_text(line, size, 0, event);

	for (const struct log_field *field = fields; field->key != NULL; field++) {
		char number[24];

		used = put(line, size, used, ' ');
		used = put_text(line, size, used, field->key);
		used = put(line, size, used, '=');
		if (field->text != NULL) {
			used = put_value(line, size, used, field->text);
			continue;
		}
		snprintf(number, sizeof(number),
		    strcmp(field->key, "session") == 0 ? "%" PRIx64 : "%" PRIu64, field->number);
		used = put_text(line, size, used, number);
	}
	line[used] = '\0';
	return used;
}

/* The C library asks the kernel each time; a line is written several times in each session. */
static int
log_pid(void)
{
	static atomic_int pid;

	if (pid == 0)
		pid = (int)getpid();
	return pid;
}

void
log_write(enum log_level level, const char *event, const struct log_field fields[])
{
	enum log_form form = (enum log_form)atomic_load(&log_state.form);
	char line[LOG_LINE_SIZE];
	int saved_errno = errno;
	int used = 0;

	if ((int)level > atomic_load(&log_state.level))
		return;
	if (form != LOG_FORM_PLAIN)
		used = snprintf(line, sizeof(line), "<%d>",
		    priorities[level] | (form == LOG_FORM_SYSLOG ? FACILITY_MAIL : 0));
	used += snprintf(line + used, sizeof(line) - (size_t)used, "%s[%d]: ", log_state.program,
	    log_pid());
	used += log_format(line + used, (int)sizeof(line) - used - 1, event, fields);
	if (form != LOG_FORM_SYSLOG)
		line[used++] = '\n';
	if (gathered.on && form != LOG_FORM_SYSLOG) {
		gather(level, line, (size_t)used);
		errno = saved_errno;
		return;
	}
	/* A log that cannot be written must not stop the mail; stderr gets what syslog refuses. */
	if (write(atomic_load(&log_state.descriptor), line, (size_t)used) < 0 &&
	    form == LOG_FORM_SYSLOG) {
		line[used++] = '\n';
		(void)!write(2, line, (size_t)used);
	}
	errno = saved_errno;
}
