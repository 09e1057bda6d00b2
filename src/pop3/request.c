/* See request.h. */

#include "pop3/request.h"

#include <string.h>

#include "base/number.h"

static char
to_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

void
request_begin(struct request *request, char *line)
{
	size_t length = strcspn(line, " ");

	*request = (struct request){ .rest = line + length };
	if (length >= sizeof(request->keyword))
		return;
	for (size_t i = 0; i < length; i++)
		request->keyword[i] = to_upper(line[i]);
}

/* Cuts the next word off *text; NULL at the end. */
static char *
word_take(char **text)
{
	char *word = *text + strspn(*text, " ");
	size_t length = strcspn(word, " ");

	if (length == 0)
		return NULL;
	*text = word + length;
	if (**text == ' ')
		*(*text)++ = '\0';
	return word;
}

static void
trim_end(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == ' ')
		text[--length] = '\0';
}

static const char *
arguments_none(struct request *request)
{
	return request->rest[strspn(request->rest, " ")] == '\0' ? NULL
	                                                        : "this command takes no argument";
}

static const char *
message_number(struct request *request, const char *word)
{
	uint64_t number;

	if (!number_parse(word, &number) || number == 0)
		return "not a message number";
	request->number = number;
	return NULL;
}

static const char *
arguments_maybe_message(struct request *request)
{
	char *word = word_take(&request->rest);

	if (word == NULL) {
		request->all = true;
		return NULL;
	}
	if (word_take(&request->rest) != NULL)
		return "one message number at most";
	return message_number(request, word);
}

static const char *
arguments_message(struct request *request)
{
	const char *problem = arguments_maybe_message(request);

	return problem == NULL && request->all ? "a message number is missing" : problem;
}

static const char *
arguments_message_and_lines(struct request *request)
{
	char *message = word_take(&request->rest), *lines = word_take(&request->rest);

	if (lines == NULL || word_take(&request->rest) != NULL)
		return "a message number and a number of lines are wanted";
	if (!number_parse(lines, &request->lines))
		return "not a number of lines";
	return message_number(request, message);
}

static const char *
arguments_maybe_rest(struct request *request)
{
	request->words[0] = request->rest + strspn(request->rest, " ");
	trim_end(request->words[0]);
	return NULL;
}

static const char *
arguments_rest(struct request *request)
{
	arguments_maybe_rest(request);
	return request->words[0][0] == '\0' ? "an argument is missing" : NULL;
}

static const char *
arguments_verbatim(struct request *request)
{
	request->words[0] = request->rest + (request->rest[0] == ' ');
	return NULL;
}

/* A name may hold spaces, the digest behind it cannot: split at the last one. */
static const char *
arguments_two_words(struct request *request)
{
	static const char problem[] = "a name and a digest are wanted";
	char *last;

	if (arguments_rest(request) != NULL)
		return problem;
	last = strrchr(request->words[0], ' ');
	if (last == NULL)
		return problem;
	request->words[1] = last + 1;
	*last = '\0';
	trim_end(request->words[0]);
	return NULL;
}

const char *
request_arguments(struct request *request, enum request_arguments arguments)
{
	static const char *(*const readers[])(struct request *) = {
		[ARGS_NONE] = arguments_none,
		[ARGS_MESSAGE] = arguments_message,
		[ARGS_MAYBE_MESSAGE] = arguments_maybe_message,
		[ARGS_MESSAGE_AND_LINES] = arguments_message_and_lines,
		[ARGS_REST] = arguments_rest,
		[ARGS_MAYBE_REST] = arguments_maybe_rest,
		[ARGS_VERBATIM] = arguments_verbatim,
		[ARGS_TWO_WORDS] = arguments_two_words,
	};

	return readers[arguments](request);
}
