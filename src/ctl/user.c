/*
 * restantectl user: who is in the users file.
 *
 * It changes the file itself, under a lock, and asks no process: restante-auth notices. The order
 * of a change is: look whether it can be made, read the password, make its hash, change the file.
 */

#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/number.h"
#include "base/secret.h"
#include "ctl/ctl.h"
#include "ctl/options.h"
#include "ctl/secret_input.h"
#include "ctl/user.h"
#include "users/edit.h"
#include "users/password.h"

static const char usage[] =
    "usage: restantectl user add NAME [--uid UID] [--gid GID] [--home DIRECTORY]\n"
    "       restantectl user passwd NAME\n"
    "       restantectl user delete NAME\n"
    "       restantectl user list\n"
    "       restantectl user check [NAME]\n"
    "\n"
    "  -f, --users-file FILE  the users file, if not that of the configuration\n"
    "  --scheme SCHEME        how the password is stored: YESCRYPT (the default), BLF-CRYPT,\n"
    "                         SHA512-CRYPT, SHA256-CRYPT; PLAIN only for users of APOP\n"
    "  --password-fd N        read the password from descriptor N, not from the terminal\n"
    "\n"
    "Without --uid and --home they are those of the system's user of that name. If there is none,\n"
    "uid and gid are one's own, unless one is root, and --home has to be said where mail_place\n"
    "has %h in it.\n";

/* An error of a kind ends the program with this status. */
static int
fail(const struct error *error)
{
	static const int statuses[ERROR_KIND_COUNT] = {
		[ERROR_TEMPORARY] = EX_TEMPFAIL,
		[ERROR_PERMANENT] = EX_DATAERR,
		[ERROR_BUSY] = EX_CANTCREAT,
		[ERROR_DENIED] = EX_NOPERM,
		[ERROR_GONE] = EX_NOUSER,
		[ERROR_PROTOCOL] = EX_PROTOCOL,
		[ERROR_FULL] = EX_CANTCREAT,
	};

	return ctl_fail(statuses[error->kind], "%s", error->text);
}

/* Reads a new password and makes of it what is stored. */
static int
make_password(const struct user_request *request, char stored[PASSWORD_STORED_SIZE], struct error *error)
{
	const char *scheme = request->scheme != NULL ? request->scheme : password_schemes[0];
	char password[PASSWORD_SIZE];
	int result;

	if (strcasecmp(scheme, "PLAIN") == 0)
		fprintf(stderr,
		    "The password will stand in the file in clear text, as APOP needs it "
		    "(RFC 1939, section 7):\nwhoever can read the file can use it. Without "
		    "APOP, leave out --scheme.\n");
	result = secret_input(password, request->password_descriptor, request->name, true, error);
	if (result == 0)
		result = password_make(stored, PASSWORD_STORED_SIZE, scheme, password, error);
	secret_wipe(password, sizeof(password));
	return result;
}

static bool
take_id(const char *text, uint32_t *id)
{
	uint64_t number;

	if (!number_parse(text, &number) || number >= UINT32_MAX)
		return false;
	*id = (uint32_t)number;
	return true;
}

static int
choose_uid(const struct user_request *request, const struct passwd *account, struct user *user,
    struct error *error)
{
	const struct passwd *named;

	if (request->uid == NULL && account != NULL) {
		user->uid = account->pw_uid;
		user->gid = account->pw_gid;
	} else if (request->uid == NULL && geteuid() != 0) {
		user->uid = geteuid();
		user->gid = getegid();
	} else if (request->uid == NULL) {
		return error_set(error, ERROR_PERMANENT,
		    "the system has no user %s: say with --uid who owns the mail", user->name);
	} else if (take_id(request->uid, &user->uid)) {
		named = getpwuid(user->uid);
		user->gid = named != NULL ? named->pw_gid : user->uid;
	} else if ((named = getpwnam(request->uid)) != NULL) {
		user->uid = named->pw_uid;
		user->gid = named->pw_gid;
	} else {
		return error_set(
		    error, ERROR_PERMANENT, "--uid: the system has no user %s", request->uid);
	}
	if (user->uid == 0)
		return error_set(error, ERROR_PERMANENT, "root cannot have a maildrop: use --uid");
	return 0;
}

static int
choose_gid(const struct user_request *request, struct user *user, struct error *error)
{
	const struct group *group;

	if (request->gid == NULL || take_id(request->gid, &user->gid))
		return 0;
	group = getgrnam(request->gid);
	if (group == NULL)
		return error_set(
		    error, ERROR_PERMANENT, "--gid: the system has no group %s", request->gid);
	user->gid = group->gr_gid;
	return 0;
}

/* A new file belongs to whoever has to read it; that matters only if root makes it. */
static struct users_owner
choose_owner(const struct user_request *request)
{
	struct users_owner owner;

	if (geteuid() != 0 || !user_file_reader(request, &owner))
		owner = (struct users_owner){ (uid_t)-1, (gid_t)-1 };
	return owner;
}

/* The file as it is now; the caller frees the table. A file that is not there has no users. */
static int
find_user(const struct user_request *request, struct users **users, const struct user **user,
    struct error *error)
{
	struct stat status;

	*users = NULL;
	*user = NULL;
	if (stat(request->path, &status) < 0)
		return 0;
	if (users_read(users, request->path, NULL, NULL, error) < 0)
		return -1;
	*user = users_find(*users, request->name);
	return 0;
}

/* Is the user there, as it has to be? Asked before a password is. */
static int
require_user(const struct user_request *request, bool present, struct error *error)
{
	const struct user *user;
	struct users *users;
	bool found;

	if (find_user(request, &users, &user, error) < 0)
		return -1;
	found = user != NULL;
	users_free(users);
	if (found && !present)
		return error_set(error, ERROR_BUSY, "user %s exists already", request->name);
	if (!found && present)
		return error_set(
		    error, ERROR_GONE, "%s: there is no user %s", request->path, request->name);
	return 0;
}

/* By default that of the system's user. Without one, mail_place must not need it. */
static int
choose_home(const struct user_request *request, const struct passwd *account, char home[PLACE_SIZE],
    struct error *error)
{
	char place[PLACE_SIZE];

	snprintf(home, PLACE_SIZE, "%s",
	    request->home != NULL ? request->home
	    : account != NULL     ? account->pw_dir
				  : "");
	if (*home != '\0' || !config_place_has(&request->config, 'h'))
		return 0;
	user_describe_place(request, place, sizeof(place));
	return error_set(error, ERROR_PERMANENT,
	    "%.64s needs a home: say with --home where it is (%.128s)", request->name, place);
}

static int
user_add(struct user_request *request)
{
	struct users_owner owner = choose_owner(request);
	char stored[PASSWORD_STORED_SIZE], home[PLACE_SIZE];
	struct user user = { .name = request->name, .password = stored, .home = home };
	const struct passwd *account = getpwnam(request->name);
	struct error error;

	if (!users_name_fits_path(request->name)) {
		error_set(&error, ERROR_PERMANENT, "%s: not a name that can be a part of a path",
		    request->name);
		return fail(&error);
	}
	if (choose_home(request, account, home, &error) < 0 ||
	    choose_uid(request, account, &user, &error) < 0 ||
	    choose_gid(request, &user, &error) < 0 || require_user(request, false, &error) < 0 ||
	    make_password(request, stored, &error) < 0 ||
	    users_add(request->path, &user, &owner, &error) < 0)
		return fail(&error);
	secret_wipe(stored, sizeof(stored));
	printf("%s: uid %u, gid %u, home %s\n", user.name, user.uid, user.gid,
	    *home != '\0' ? home : "none");
	user_warn_of_access(request);
	return EX_OK;
}

static int
user_passwd(struct user_request *request)
{
	char stored[PASSWORD_STORED_SIZE];
	struct error error;

	if (require_user(request, true, &error) < 0 || make_password(request, stored, &error) < 0 ||
	    users_set_password(request->path, request->name, stored, &error) < 0)
		return fail(&error);
	secret_wipe(stored, sizeof(stored));
	user_warn_of_access(request);
	return EX_OK;
}

static int
user_delete(struct user_request *request)
{
	struct error error;

	return users_delete(request->path, request->name, &error) < 0 ? fail(&error) : EX_OK;
}

/* The scheme and the method of a stored password, and nothing of the rest. */
static const char *
describe_password(const char *stored, char text[32])
{
	const char *hash = stored[0] == '{' ? strchr(stored, '}') + 1 : stored;
	const char *method_end = hash[0] == '$' ? strchr(hash + 1, '$') : NULL;

	if (password_plain(stored) != NULL)
		return "{PLAIN}";
	snprintf(text, 32, "%.*s%.*s", (int)(hash - stored), stored,
	    method_end != NULL ? (int)(method_end - hash) + 1 : 0, hash);
	return *text != '\0' ? text : "{CRYPT}";
}

/* As quota_rule has it, in octets; "-" where the configuration decides. */
static const char *
describe_quota(const struct user_quota *quota, char text[80])
{
	if (!quota->given)
		return "-";
	if (quota->octets == 0 && quota->messages == 0)
		return "none";
	snprintf(text, 80, "bytes=%" PRIu64 ":messages=%" PRIu64, quota->octets, quota->messages);
	return text;
}

static void
print_user(const struct user *user)
{
	char password[32], quota[80];

	printf("%s\t%u\t%u\t%s\t%s\t%s\n", user->name, user->uid, user->gid,
	    *user->home != '\0' ? user->home : "-", describe_password(user->password, password),
	    describe_quota(&user->quota, quota));
}

static int
user_list(struct user_request *request)
{
	struct users *users;
	struct error error;

	if (users_read(&users, request->path, NULL, NULL, &error) < 0)
		return fail(&error);
	for (size_t i = 0; i < users_count(users); i++)
		print_user(users_at(users, i));
	fflush(stdout);
	(void)user_name_homeless(request, users);
	users_free(users);
	return EX_OK;
}

/* Without a name the file is checked; with one, whether the password would open the maildrop. */
static int
user_check(struct user_request *request)
{
	char password[PASSWORD_SIZE];
	const struct user *user;
	struct users *users;
	struct error error;
	bool right;

	if (request->name == NULL)
		return user_check_file(request);
	if (require_user(request, true, &error) < 0 ||
	    secret_input(password, request->password_descriptor, request->name, false, &error) <
		0 ||
	    find_user(request, &users, &user, &error) < 0)
		return fail(&error);
	right = user != NULL && password_verify(user->password, password);
	secret_wipe(password, sizeof(password));
	if (user != NULL)
		print_user(user);
	users_free(users);
	puts(right ? "the password is right" : "the password is wrong");
	return right ? EX_OK : EX_NOPERM;
}

static const struct verb {
	const char *word;
	int (*run)(struct user_request *);
	bool name, optional; /* does it take a name, may that be missing? */
} verbs[] = {
	{ "add", user_add, true, false },
	{ "passwd", user_passwd, true, false },
	{ "delete", user_delete, true, false },
	{ "list", user_list, false, false },
	{ "check", user_check, true, true },
};

static bool
take_option(void *context, int option, const char *value)
{
	struct user_request *request = context;
	uint64_t number;
	const struct {
		int option;
		const char **field;
	} texts[] = {
		{ 'f', &request->path },
		{ 'u', &request->uid },
		{ 'g', &request->gid },
		{ 'd', &request->home },
		{ 's', &request->scheme },
	};

	if (option == 'p' && number_parse(value, &number) && number < 1024 * 1024) {
		request->password_descriptor = (int)number;
		return true;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].option == option) {
			*texts[i].field = value;
			return true;
		}
	}
	return false;
}

/* The configuration says which file it is, and who has to read it. */
static int
read_configuration(struct user_request *request)
{
	char problems[512];

	if (request->path == NULL) {
		request->path = request->config.users_file;
		request->configured = true;
		return ctl_config_read(&request->config);
	}
	/* Without one, who has to read the file, and where the mail is, are the defaults. */
	config_defaults(&request->config);
	request->configured =
	    config_read(&request->config, ctl_config_path(), problems, sizeof(problems)) == 0;
	return EX_OK;
}

static const struct verb *
find_verb(int count, char **words)
{
	for (size_t i = 0; count > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].word, words[0]) == 0)
			return count == 1 + verbs[i].name || (count == 1 && verbs[i].optional)
				   ? &verbs[i]
				   : NULL;
	return NULL;
}

int
ctl_user(int argc, char **argv)
{
	static const struct option names[] = {
		{ "users-file", required_argument, NULL, 'f' },
		{ "uid", required_argument, NULL, 'u' },
		{ "gid", required_argument, NULL, 'g' },
		{ "home", required_argument, NULL, 'd' },
		{ "scheme", required_argument, NULL, 's' },
		{ "password-fd", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct ctl_options options = { usage, "f:h", names, take_option };
	struct user_request request = { .password_descriptor = SECRET_INPUT_TERMINAL };
	const struct verb *verb;
	char **words;
	int status = ctl_options_read(&options, argc, argv, &request, &words);

	if (status != CTL_GO_ON)
		return status;
	verb = find_verb((int)(argv + argc - words), words);
	if (verb == NULL)
		return ctl_options_misused(&options);
	request.name = words[1];
	status = read_configuration(&request);
	return status == EX_OK ? verb->run(&request) : status;
}
