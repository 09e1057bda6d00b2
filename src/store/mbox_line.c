/* See mbox_line.h. */

#include "store/mbox_line.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define FROM "From "
#define WORDS_MAX 64	/* of a "From " line; a sender with more blanks than that is none */

struct word {
	const char *text;
	size_t size;
};

static bool
is_one_of(const struct word *word, const char *names)
{
	if (word->size != 3)
		return false;
	for (; *names != '\0'; names += 3)
		if (memcmp(word->text, names, 3) == 0)
			return true;
	return false;
}

/* Does the word look like the pattern, in which 9 stands for a digit? */
static bool
looks_like(const struct word *word, const char *pattern)
{
	if (word->size != strlen(pattern))
		return false;
	for (size_t i = 0; i < word->size; i++)
		if (pattern[i] == '9' ? !isdigit((unsigned char)word->text[i])
		                      : word->text[i] != pattern[i])
			return false;
	return true;
}

static size_t
words_split(struct word words[WORDS_MAX], const char *line, size_t size)
{
	size_t count = 0, at = 0;

	while (at < size && count < WORDS_MAX) {
		size_t begin = at;

		while (at < size && line[at] != ' ')
			at++;
		if (at > begin)
			words[count++] = (struct word){ line + begin, at - begin };
		at += at < size;
	}
	return count;
}

/* "Fri Jul  8 12:08:34 2011", perhaps without seconds, perhaps with time zones before the year. */
static bool
is_date(const struct word *words, size_t count)
{
	if (count < 5 || !is_one_of(&words[0], "MonTueWedThuFriSatSun") ||
	    !is_one_of(&words[1], "JanFebMarAprMayJunJulAugSepOctNovDec") ||
	    !(looks_like(&words[2], "9") || looks_like(&words[2], "99")) ||
	    !(looks_like(&words[3], "99:99:99") || looks_like(&words[3], "99:99")))
		return false;
	for (size_t i = 4; i < count && i < 8; i++)
		if (looks_like(&words[i], "9999"))
			return true;
	return false;
}

bool
mbox_line_is_from(const char *line, size_t size)
{
	struct word words[WORDS_MAX];
	size_t count;

	if (size < sizeof(FROM) - 1 || memcmp(line, FROM, sizeof(FROM) - 1) != 0)
		return false;
	count = words_split(words, line + sizeof(FROM) - 1, size - sizeof(FROM) + 1);
	for (size_t i = 0; i < count; i++)
		if (is_date(&words[i], count - i))
			return true;
	return false;
}

static bool
is_named(const char *line, size_t size, const char *name)
{
	size_t name_size = strlen(name);

	return size > name_size && line[name_size] == ':' && strncasecmp(line, name, name_size) == 0;
}

bool
mbox_line_is_hidden(const char *line, size_t size)
{
	/* Lines: and Content-Length: are what mutt writes anew whenever it writes the file. */
	static const char *const names[] = { "Status", "X-Status", "X-UID", "X-UIDL", "X-Keywords",
		"X-IMAP", "X-IMAPbase", "Content-Length", "Lines" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_named(line, size, names[i]))
			return true;
	return false;
}

bool
mbox_line_is_internal(const char *line, size_t size)
{
	return is_named(line, size, "X-IMAP");
}
