/* See greeting.h. */

#include "login/greeting.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "pop3/reply.h"

#define COUNT_BITS 24
/* What a timestamp leaves for the domain: "<", 16 and 16 digits, ".", "@", ">" and NUL. */
#define DOMAIN_LENGTH_MAX (TEXT_SIZE - 37)

struct domain {
	struct domain *next;
	char text[DOMAIN_LENGTH_MAX + 1];
};

static struct {
	uint64_t part;		/* the upper bits of session ids */
	uint64_t count;
	uint64_t boot;		/* in every timestamp: makes them hard to guess, too */
	struct domain *domains;	/* a new one at most with every reload */
} names;

static int
draw(uint64_t *number)
{
	return getrandom(number, sizeof(*number), 0) == sizeof(*number) ? 0 : -1;
}

int
greeting_startup(struct error *error)
{
	if (draw(&names.part) < 0 || draw(&names.boot) < 0)
		return error_errno(error, ERROR_TEMPORARY, "no random numbers");
	names.part = names.part << COUNT_BITS;
	names.count = 0;
	return 0;
}

uint64_t
session_next(void)
{
	uint64_t part;

	if (++names.count >> COUNT_BITS != 0) {
		/* Without a new random part the old one goes up by one: still new here. */
		names.part = draw(&part) == 0 ? part << COUNT_BITS :
		    names.part + (1ULL << COUNT_BITS);
		names.count = 1;
	}
	return names.part | names.count;
}

const char *
greeting_domain(const char *hostname)
{
	struct domain *domain = calloc(1, sizeof(*domain));
	size_t length = strnlen(hostname, DOMAIN_LENGTH_MAX);

	if (domain == NULL)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)hostname[i];

		domain->text[i] = c < 0x80 && (isalnum(c) || c == '.' || c == '-') ? (char)c : '-';
	}
	if (length == 0)
		snprintf(domain->text, sizeof(domain->text), "localhost");
	for (struct domain *known = names.domains; known != NULL; known = known->next) {
		if (strcmp(known->text, domain->text) == 0) {
			free(domain);
			return known->text;
		}
	}
	domain->next = names.domains;
	names.domains = domain;
	return domain->text;
}

void
greeting_timestamp(const char *domain, uint64_t session, char text[TEXT_SIZE])
{
	snprintf(text, TEXT_SIZE, "<%" PRIx64 ".%" PRIx64 "@%s>", session, names.boot, domain);
}

void
greeting_write(struct writer *w, const char *greeting, const char *domain, uint64_t session)
{
	char timestamp[TEXT_SIZE];

	if (domain == NULL) {
		reply_ok(w, "%s", greeting);
		return;
	}
	greeting_timestamp(domain, session, timestamp);
	reply_ok(w, "%s %s", greeting, timestamp);
}
