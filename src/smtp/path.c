/* See path.h. */

#include "smtp/path.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "smtp/utf8.h"

#define LABEL_OCTETS_MAX 63	/* RFC 1035, section 2.3.4 */

/* A path while it is read: nothing of it is handed out before all of it is right. */
struct reading {
	const char *at;
	struct path path;
};

static bool
is_atext(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* How many octets at text are one character of an atom or a label; 0: none. */
static size_t
atom_character(const char *text, bool in_domain)
{
	if ((unsigned char)*text >= 0x80)
		return utf8_character(text);
	if (in_domain)
		return isalnum((unsigned char)*text) || *text == '-' || *text == '_';
	return is_atext(*text);
}

/* Appends octets to a field of so many octets, the NUL aside. */
static bool
append(char *field, size_t *used, size_t octets_max, const char *octets, size_t size)
{
	if (size > octets_max - *used)
		return false;
	memcpy(field + *used, octets, size);
	*used += size;
	field[*used] = '\0';
	return true;
}

static const char *
local_quoted(struct reading *r)
{
	size_t used = 0;

	for (r->at++; *r->at != '"';) {
		size_t size;

		if (*r->at == '\\') {
			r->at++;
			if (*r->at < ' ' || *r->at == 0x7f)
				return "a quoted local part that is not ended";
		}
		size = utf8_character(r->at);
		if (size == 0 || (size == 1 && (*r->at < ' ' || *r->at == 0x7f)))
			return "a quoted local part that is not ended";
		r->path.utf8 |= size > 1;
		if (!append(r->path.local, &used, LOCAL_OCTETS_MAX, r->at, size))
			return "the local part is too long";
		r->at += size;
	}
	r->at++;
	return used == 0 ? "the local part is empty" : NULL;
}

static const char *
local_dotted(struct reading *r)
{
	size_t used = 0;

	for (;;) {
		size_t size = atom_character(r->at, false);

		if (size == 0)
			return "a local part is wanted";
		for (; size > 0; size = atom_character(r->at, false)) {
			r->path.utf8 |= size > 1;
			if (!append(r->path.local, &used, LOCAL_OCTETS_MAX, r->at, size))
				return "the local part is too long";
			r->at += size;
		}
		if (*r->at != '.')
			return NULL;
		if (!append(r->path.local, &used, LOCAL_OCTETS_MAX, r->at++, 1))
			return "the local part is too long";
	}
}

/* RFC 5321, section 4.1.3. */
static bool
literal_valid(const char *text, size_t length)
{
	char copy[DOMAIN_OCTETS_MAX + 1];
	struct in6_addr address;
	const char *colon;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (strncasecmp(copy, "IPv6:", 5) == 0)
		return inet_pton(AF_INET6, copy + 5, &address) == 1;
	colon = strchr(copy, ':');
	if (colon == NULL)
		return inet_pton(AF_INET, copy, &address) == 1;
	/* A tag that is not registered yet. */
	for (const char *c = copy; c < colon; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			return false;
	for (const char *c = colon + 1; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '\\' || *c == '[')
			return false;
	return colon > copy && colon[-1] != '-' && colon[1] != '\0';
}

/* Moves *at behind a domain or an address literal; *utf8 is set where it is not ASCII. */
static bool
domain_skip(const char **at, bool *utf8)
{
	const char *c = *at;

	if (*c == '[') {
		size_t length = strcspn(c + 1, "]");

		if (c[1 + length] != ']' || !literal_valid(c + 1, length))
			return false;
		*at = c + length + 2;
		return true;
	}
	for (;; c++) {
		const char *label = c;
		size_t size;

		while ((size = atom_character(c, true)) > 0) {
			*utf8 |= size > 1;
			c += size;
		}
		if (c == label || c - label > LABEL_OCTETS_MAX || *label == '-' || c[-1] == '-')
			return false;
		if (*c != '.')
			break;
	}
	*at = c;
	return true;
}

static const char *
mailbox_read(struct reading *r)
{
	const char *start, *problem = *r->at == '"' ? local_quoted(r) : local_dotted(r);
	size_t used = 0;

	if (problem != NULL)
		return problem;
	if (*r->at != '@')
		return "\"@\" and a domain are wanted";
	start = ++r->at;
	if (!domain_skip(&r->at, &r->path.utf8))
		return "that is not a domain";
	if (!append(r->path.domain, &used, DOMAIN_OCTETS_MAX, start, (size_t)(r->at - start)))
		return "the domain is too long";
	return NULL;
}

/* A source route is read and forgotten (RFC 5321, section 4.1.2 and appendix C). */
static bool
route_skip(struct reading *r)
{
	bool utf8 = false;

	for (; *r->at == '@'; r->at++) {
		r->at++;
		if (!domain_skip(&r->at, &utf8))
			return false;
		if (*r->at == ':') {
			r->at++;
			return true;
		}
		if (*r->at != ',')
			return false;
	}
	return false;
}

const char *
path_take(struct path *path, const char **text, enum path_kind kind)
{
	static const char postmaster[] = "<Postmaster>";
	struct reading r = { .at = *text };
	const char *problem = NULL;

	if (*r.at != '<')
		return "a path in \"<\" and \">\" is wanted";
	if (kind == PATH_FORWARD && strncasecmp(r.at, postmaster, sizeof(postmaster) - 1) == 0) {
		/* RFC 5321, section 4.5.1. */
		memcpy(r.path.local, r.at + 1, sizeof(postmaster) - 3);
		r.at += sizeof(postmaster) - 2;
	} else if (kind == PATH_FORWARD || r.at[1] != '>') {
		r.at++;
		if (*r.at == '@' && !route_skip(&r))
			return "that is not a source route";
		problem = mailbox_read(&r);
	} else {
		r.at++;
	}
	if (problem != NULL)
		return problem;
	if (*r.at != '>')
		return "\">\" is missing";
	r.at++;
	if (r.at - *text > PATH_OCTETS_MAX)
		return "the path is too long";
	*path = r.path;
	*text = r.at;
	return NULL;
}

const char *
path_parse(struct path *path, const char *text)
{
	struct reading r = { .at = text };
	const char *problem = mailbox_read(&r);

	if (problem != NULL)
		return problem;
	if (*r.at != '\0')
		return "there is more behind the address";
	if (r.at - text > PATH_OCTETS_MAX - 2)
		return "the path is too long";
	*path = r.path;
	return NULL;
}

/* Can a local part stand without quotes? */
static bool
is_dotted(const char *local)
{
	struct reading r = { .at = local };

	return local_dotted(&r) == NULL && *r.at == '\0';
}

void
path_text(const struct path *path, char text[ADDRESS_SIZE])
{
	char *end = text;
	bool quoted = path->local[0] != '\0' && !is_dotted(path->local);

	/*
	 * No longer than what it was read from, and that had PATH_OCTETS_MAX octets with "<" and ">". Where an
	 * extension was cut off, what is left may want quotes ("a.+b"): one octet more at most.
	 */
	if (quoted)
		*end++ = '"';
	for (const char *c = path->local; *c != '\0'; c++) {
		if (quoted && (*c == '"' || *c == '\\'))
			*end++ = '\\';
		*end++ = *c;
	}
	if (quoted)
		*end++ = '"';
	if (path->domain[0] != '\0') {
		*end++ = '@';
		end = mempcpy(end, path->domain, strnlen(path->domain, (size_t)(text + ADDRESS_SIZE - 1 - end)));
	}
	*end = '\0';
}

bool
path_equal(const struct path *a, const struct path *b)
{
	return path_compare(a, b) == 0;
}

int
path_compare(const struct path *a, const struct path *b)
{
	int result = strcmp(a->local, b->local);

	return result != 0 ? result : strcasecmp(a->domain, b->domain);
}

bool
domain_valid(const char *text)
{
	const char *at = text;
	bool utf8 = false;

	return domain_skip(&at, &utf8) && *at == '\0' && !utf8 && at - text <= DOMAIN_OCTETS_MAX;
}
