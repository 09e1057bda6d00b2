/* See netrc.h. Words, some with quotes, with no regard to lines but for comments and macros. */

#include "fetch/netrc.h"

#include <string.h>
#include <strings.h>

static const char blanks[] = " \t\r\n";

/* Undoes the quotes and backslashes of a word that begins with a quote; returns what is behind it. */
static char *
quoted_end(char *word)
{
	char *from = word + 1, *to = word;

	while (*from != '\0' && *from != '"') {
		if (*from == '\\' && from[1] != '\0') {
			from++;
			if (*from == 'n' || *from == 'r' || *from == 't')
				*from = *from == 'n' ? '\n' : *from == 'r' ? '\r' : '\t';
		}
		*to++ = *from++;
	}
	if (*from == '"')
		from++;
	*to = '\0';
	return from;
}

/* The next word, with a NUL behind it; NULL: there is none. *text moves behind it. */
static char *
netrc_word(char **text)
{
	char *word = *text + strspn(*text, blanks), *end;

	if (*word == '\0')
		return NULL;
	if (*word == '"') {
		*text = quoted_end(word);
		return word;
	}
	end = word + strcspn(word, blanks);
	*text = *end == '\0' ? end : end + 1;
	*end = '\0';
	return word;
}

/* The text behind the empty line that ends a macro. */
static char *
macro_end(char *text)
{
	char *end = strstr(text, "\n\n"), *other = strstr(text, "\n\r\n");

	if (end == NULL || (other != NULL && other < end))
		end = other;
	return end != NULL ? end : text + strlen(text);
}

struct entry {
	bool is_host; /* it names the host, or is the default one */
	const char *login, *password;
};

static bool
entry_is_it(const struct entry *entry, const char *user)
{
	return entry->is_host && entry->password != NULL &&
	       (user[0] == '\0' || entry->login == NULL || strcmp(entry->login, user) == 0);
}

/*
 * One word of the file, and what belongs to it. A comment goes to the end of its line, of which the word
 * itself may be all: then the end of line has become the NUL before *text.
 */
static void
entry_take(struct entry *entry, const char *word, bool is_line_over, char **text, const char *host)
{
	if (word[0] == '#') {
		if (!is_line_over)
			*text += strcspn(*text, "\n");
	} else if (strcmp(word, "machine") == 0) {
		const char *name = netrc_word(text);

		*entry = (struct entry){ .is_host = name != NULL && strcasecmp(name, host) == 0 };
	} else if (strcmp(word, "default") == 0) {
		*entry = (struct entry){ .is_host = true };
	} else if (strcmp(word, "login") == 0) {
		entry->login = netrc_word(text);
	} else if (strcmp(word, "password") == 0) {
		entry->password = netrc_word(text);
	} else if (strcmp(word, "account") == 0) {
		(void)netrc_word(text);
	} else if (strcmp(word, "macdef") == 0) {
		*text = macro_end(*text);
	}
}

bool
netrc_find(char *text, const char *host, const char *user, char *secret, size_t size)
{
	struct entry entry = { .is_host = false };

	for (;;) {
		char *word = text + strspn(text, blanks);
		bool is_line_over = word[strcspn(word, blanks)] == '\n';

		word = netrc_word(&text);
		/* Over where the next one begins, or the file ends: a login may stand behind its password. */
		if (word == NULL || strcmp(word, "machine") == 0 || strcmp(word, "default") == 0) {
			if (entry_is_it(&entry, user))
				break;
			if (word == NULL)
				return false;
		}
		entry_take(&entry, word, is_line_over, &text, host);
	}
	if (strlen(entry.password) >= size || entry.password[0] == '\0')
		return false;
	memcpy(secret, entry.password, strlen(entry.password) + 1);
	return true;
}
