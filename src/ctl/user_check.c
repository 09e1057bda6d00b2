/* restantectl user check: is the users file one that restante-auth can use for everybody in it? */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/number.h"
#include "ctl/ctl.h"
#include "ctl/user.h"
#include "users/password.h"

#define SENTENCE_SIZE 2048

struct findings {
	const char *path;
	size_t count;
};

/* As the parent finds it: a name or a number; without root's rights it is whoever runs the server. */
bool
user_file_reader(const struct user_request *request, struct users_owner *reader)
{
	const char *name = request->config.auth_user;
	const struct passwd *account;
	uint64_t number = 0;
	bool numeric = number_parse(name, &number) && number < UINT32_MAX;

	*reader = (struct users_owner){ geteuid(), getegid() };
	if (geteuid() != 0)
		return true;
	account = numeric ? getpwuid((uid_t)number) : getpwnam(name);
	if (account != NULL)
		*reader = (struct users_owner){ account->pw_uid, account->pw_gid };
	else if (numeric)
		*reader = (struct users_owner){ (uid_t)number, (gid_t)number };
	return account != NULL || numeric;
}

/* 0, or why that user cannot read the file. Asked of the kernel, which knows of directories, too. */
static int
reading_error(const char *path, const struct users_owner *reader)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) < 0 ||
					  setresgid(reader->gid, reader->gid, reader->gid) < 0 ||
					  setresuid(reader->uid, reader->uid, reader->uid) < 0))
			_exit(errno);
		_exit(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) < 0 ? errno : 0);
	}
	if (pid < 0)
		return errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* False: whom restante-auth runs as can read the file. Otherwise the text says what would be right. */
static bool
access_problem(const struct user_request *request, char text[SENTENCE_SIZE])
{
	const char *path = request->path, *name = request->config.auth_user;
	struct users_owner reader;
	struct stat status;
	int error;

	if (!user_file_reader(request, &reader)) {
		snprintf(text, SENTENCE_SIZE,
		    "%s: nobody can log in: restante-auth runs as auth_user = `%s`, and there is "
		    "no such user; make it (systemd-sysusers, if it is the default), then: "
		    "chown %s: %s",
		    path, name, name, path);
		return true;
	}
	error = reading_error(path, &reader);
	if (error == 0 || stat(path, &status) < 0)
		return false;
	if (geteuid() != 0)
		name = "you";
	if (status.st_uid == reader.uid && (status.st_mode & 0400) != 0)
		snprintf(text, SENTENCE_SIZE,
		    "%s: nobody can log in: restante-auth, which runs as %s, cannot read it (%s); "
		    "the directories above it must let it pass",
		    path, name, strerrordesc_np(error));
	else
		snprintf(text, SENTENCE_SIZE,
		    "%s: nobody can log in: restante-auth, which runs as %s, cannot read it (%s); "
		    "do: chown %s: %s; chmod 0600 %s",
		    path, name, strerrordesc_np(error), name, path, path);
	return true;
}

void
user_warn_of_access(const struct user_request *request)
{
	char text[SENTENCE_SIZE];

	if (access_problem(request, text))
		fprintf(stderr, "warning: %s\n", text);
}

static void
print_problem(void *context, size_t line, const char *problem)
{
	struct findings *findings = context;

	findings->count++;
	fprintf(stderr, "%s:%zu: %s\n", findings->path, line, problem);
}

/* What is served only in part is a problem as well. */
static void
take_problem(void *context, size_t line, bool skipped, const char *problem)
{
	(void)skipped;
	print_problem(context, line, problem);
}

/* Can those read it who should, and nobody else? */
static void
check_access(const struct user_request *request, struct findings *findings)
{
	char text[SENTENCE_SIZE];
	struct stat status;

	if (stat(request->path, &status) < 0)
		return;
	if ((status.st_mode & 0037) != 0) {
		findings->count++;
		fprintf(stderr, "%s: others can read or change it; its mode should be 0600\n",
		    request->path);
	}
	if (access_problem(request, text)) {
		findings->count++;
		fprintf(stderr, "%s\n", text);
	}
}

static void
describe_key(const struct user_request *request, const char *name, char *text, size_t size)
{
	char value[2 * PLACE_SIZE];
	size_t row = 0;

	while (strcmp(config_keys[row].name, name) != 0)
		row++;
	config_value(&request->config, &config_keys[row], value, sizeof(value));
	if (request->configured && request->config.lines[row] != 0)
		snprintf(text, size, "%s:%u: %s = %s", ctl_config_path(),
		    request->config.lines[row], name, value);
	else
		snprintf(text, size, "%s = %s (the default)", name, value);
}

void
user_describe_place(const struct user_request *request, char *text, size_t size)
{
	describe_key(request, "mail_place", text, size);
}

size_t
user_name_homeless(const struct user_request *request, const struct users *users)
{
	struct findings findings = { .path = request->path };
	char place[SENTENCE_SIZE], text[SENTENCE_SIZE + USER_SIZE + 128];

	if (!config_place_has(&request->config, 'h'))
		return 0;
	user_describe_place(request, place, sizeof(place));
	for (size_t i = 0; i < users_count(users); i++) {
		const struct user *user = users_at(users, i);

		if (*user->home != '\0')
			continue;
		snprintf(text, sizeof(text),
		    "%s has no home and cannot log in: %s needs one; write it into the sixth field",
		    user->name, place);
		print_problem(&findings, user->line, text);
	}
	return findings.count;
}

static void
check_users(const struct user_request *request, const struct users *users, struct findings *findings)
{
	for (size_t i = 0; i < users_count(users); i++) {
		const struct user *user = users_at(users, i);

		if (user->uid == 0)
			print_problem(findings, user->line, "root cannot have a maildrop");
		if (!users_name_fits_path(user->name))
			print_problem(findings, user->line, "the name cannot be a part of a path");
	}
	findings->count += user_name_homeless(request, users);
}

int
user_check_file(const struct user_request *request)
{
	struct findings findings = { .path = request->path };
	char key[SENTENCE_SIZE];
	struct users *users;
	struct error error;

	if (access(request->path, F_OK) < 0 && errno == ENOENT) {
		describe_key(request, "users_file", key, sizeof(key));
		if (request->path == request->config.users_file)
			fprintf(stderr, "%s: ", key);
		fprintf(stderr,
		    "there is no file %s, and nobody can log in; `restantectl user add NAME` "
		    "makes it\n",
		    request->path);
		return EX_DATAERR;
	}
	if (users_read(&users, request->path, take_problem, &findings, &error) < 0)
		return ctl_fail(EX_DATAERR, "%s", error.text);
	check_users(request, users, &findings);
	check_access(request, &findings);
	printf("%s: %zu users, %zu problems\n", request->path, users_count(users), findings.count);
	users_free(users);
	return findings.count == 0 ? EX_OK : EX_DATAERR;
}
