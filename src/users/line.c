/* One line of the users file; see users.h for its form. */

#include "users/line.h"

#include <string.h>

#include "base/number.h"
#include "users/password.h"
#include "users/quota.h"

enum field {
	FIELD_NAME,
	FIELD_PASSWORD,
	FIELD_UID,
	FIELD_GID,
	FIELD_GECOS,
	FIELD_HOME,
	FIELD_SHELL,
	FIELD_EXTRA,	/* to the end of the line */
	FIELD_COUNT
};

bool
line_is_comment(const char *line)
{
	return *line == '\0' || *line == '#' || *line == ':';
}

/* A missing field is "". */
static void
split(char *line, char *fields[FIELD_COUNT])
{
	static char none[1];

	for (size_t i = 0; i < FIELD_EXTRA; i++)
		fields[i] = line != NULL ? strsep(&line, ":") : none;
	fields[FIELD_EXTRA] = line != NULL ? line : none;
}

/* (uid_t)-1 means "nobody changes" to chown(2) and setresuid(2), and is never an owner. */
static bool
take_id(const char *text, uint32_t *id)
{
	uint64_t number;

	if (!number_parse(text, &number) || number >= UINT32_MAX)
		return false;
	*id = (uint32_t)number;
	return true;
}

const char *
line_take_user(char *line, struct user *user, const char **doubt)
{
	char *fields[FIELD_COUNT];
	struct user taken = { .line = user->line };
	const char *problem;

	split(line, fields);
	taken.name = fields[FIELD_NAME];
	taken.password = fields[FIELD_PASSWORD];
	taken.home = fields[FIELD_HOME];
	if (strlen(taken.name) >= USER_SIZE)
		return "the user name is too long";
	problem = password_problem(taken.password);
	if (problem != NULL)
		return problem;
	if (!take_id(fields[FIELD_UID], &taken.uid))
		return "the third field, uid, must be a number (id -u NAME prints it)";
	if (!take_id(fields[FIELD_GID], &taken.gid))
		return "the fourth field, gid, must be a number (id -g NAME prints it)";
	if (strlen(taken.home) >= PLACE_SIZE)
		return "the home is too long";
	if (*taken.home != '\0' && *taken.home != '/')
		return "the sixth field, home, must begin with '/'";
	for (size_t end = strlen(taken.home); end > 1 && taken.home[end - 1] == '/'; end--)
		fields[FIELD_HOME][end - 1] = '\0';
	*doubt = quota_take(&taken.quota, fields[FIELD_EXTRA]);
	*user = taken;
	return NULL;
}
