/* The table of users; see users.h. */

#include "users/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/octets.h"
#include "base/secret.h"
#include "users/line.h"
#include "users/password.h"

#define FILE_SIZE_MAX ((size_t)1 << 30)

/* The directory that holds all homes of a uid: the first size octets of path. */
struct root {
	const char *path; /* NULL: the row is free */
	size_t size;
	uint32_t uid;
};

struct users {
	char *text; /* the file, taken apart in place */
	size_t text_size;
	struct user *users;
	size_t count;
	/* Hash tables with linear probing, at most half full; bucket_count is a power of two. */
	uint32_t *buckets; /* index + 1 of the user; 0: free */
	struct root *roots;
	size_t bucket_count;
	const char *dearest;
	uint64_t dearest_cost;
};

/* FNV-1a: names in the table are the administrator's, nobody chooses them to collide. */
static size_t
hash_name(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
	return (size_t)(hash ^ (hash >> 32));
}

static size_t
bucket_of(const struct users *users, const char *name)
{
	size_t mask = users->bucket_count - 1;
	size_t bucket = hash_name(name) & mask;

	while (users->buckets[bucket] != 0 &&
	       strcmp(users->users[users->buckets[bucket] - 1].name, name) != 0)
		bucket = (bucket + 1) & mask;
	return bucket;
}

static struct root *
root_of(const struct users *users, uint32_t uid)
{
	size_t mask = users->bucket_count - 1;
	size_t row = (size_t)(uid * 2654435761u) & mask;

	while (users->roots[row].path != NULL && users->roots[row].uid != uid)
		row = (row + 1) & mask;
	return &users->roots[row];
}

/* How much of a, whole components only, is also the beginning of b. */
static size_t
common_size(const char *a, size_t a_size, const char *b)
{
	size_t whole = 0, i = 0;

	while (i < a_size && b[i] != '\0' && a[i] == b[i]) {
		i++;
		if ((i == a_size || a[i] == '/') && (b[i] == '\0' || b[i] == '/'))
			whole = i;
	}
	return whole;
}

static void
add_home(struct users *users, const struct user *user)
{
	struct root *root = root_of(users, user->uid);

	if (*user->home == '\0')
		return;
	if (root->path == NULL)
		*root = (struct root){ user->home, strlen(user->home), user->uid };
	else
		root->size = common_size(root->path, root->size, user->home);
}

/* NULL, or what is wrong. */
static const char *
add_user(struct users *users, const struct user *user)
{
	size_t bucket = bucket_of(users, user->name);
	uint64_t cost = password_cost_microseconds(user->password);

	if (users->buckets[bucket] != 0)
		return "the user is there already, and the first line counts";
	users->users[users->count] = *user;
	users->buckets[bucket] = (uint32_t)++users->count;
	add_home(users, user);
	if (cost > users->dearest_cost) {
		users->dearest_cost = cost;
		users->dearest = user->password;
	}
	return NULL;
}

static int
allocate(struct users *users, struct error *error)
{
	size_t lines = 1;

	for (size_t i = 0; i < users->text_size; i++)
		lines += users->text[i] == '\n';
	users->bucket_count = 16;
	while (users->bucket_count < lines * 2)
		users->bucket_count *= 2;
	users->users = calloc(lines, sizeof(*users->users));
	users->buckets = calloc(users->bucket_count, sizeof(*users->buckets));
	users->roots = calloc(users->bucket_count, sizeof(*users->roots));
	if (users->users == NULL || users->buckets == NULL || users->roots == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for %zu users", lines);
	return 0;
}

static void
take_line(struct users *users, char *line, size_t size, size_t number,
    users_problem_function *problem, void *context)
{
	struct user user = { .line = (uint32_t)number };
	const char *wrong = NULL, *doubt = NULL;

	if (size > 0 && line[size - 1] == '\r')
		line[--size] = '\0';
	if (strlen(line) != size)
		wrong = "the line holds NUL";
	else if (line_is_comment(line))
		return;
	if (wrong == NULL)
		wrong = line_take_user(line, &user, &doubt);
	if (wrong == NULL)
		wrong = add_user(users, &user);
	if (problem != NULL && (wrong != NULL || doubt != NULL))
		problem(context, number, wrong != NULL, wrong != NULL ? wrong : doubt);
}

/* Takes ownership of text, which has room for a NUL at text[size]. */
static int
build(struct users **out, char *text, size_t size, users_problem_function *problem, void *context,
    struct error *error)
{
	struct users *users = calloc(1, sizeof(*users));
	size_t number = 0;

	if (users == NULL) {
		secret_wipe(text, size);
		free(text);
		return error_set(error, ERROR_TEMPORARY, "no memory for the users");
	}
	users->text = text;
	users->text_size = size;
	if (allocate(users, error) < 0) {
		users_free(users);
		return -1;
	}
	for (char *line = text, *end = text + size; line < end;) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		char *line_end = newline != NULL ? newline : end;

		*line_end = '\0';
		take_line(users, line, (size_t)(line_end - line), ++number, problem, context);
		line = line_end + 1;
	}
	*out = users;
	return 0;
}

int
users_parse(struct users **out, const char *text, size_t size, users_problem_function *problem,
    void *context, struct error *error)
{
	char *copy = malloc(size + 1);

	if (copy == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for the users");
	memcpy(copy, text, size);
	return build(out, copy, size, problem, context, error);
}

/* The whole file, with one octet to spare. NULL: *error says why. */
static char *
slurp(int file, const char *path, size_t *size, struct error *error)
{
	struct stat status;
	size_t room;
	ssize_t n;
	char *text;

	if (fstat(file, &status) < 0) {
		error_errno(error, ERROR_TEMPORARY, "%s", path);
		return NULL;
	}
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > FILE_SIZE_MAX) {
		error_set(error, ERROR_PERMANENT, "%s: not a file, or larger than 1 GiB", path);
		return NULL;
	}
	room = (size_t)status.st_size;
	text = malloc(room + 1);
	if (text == NULL || (n = octets_read(file, text, room)) < 0) {
		error_errno(error, ERROR_TEMPORARY, "%s", path);
		if (text != NULL)
			secret_wipe(text, room);
		free(text);
		return NULL;
	}
	*size = (size_t)n;
	return text;
}

int
users_read(struct users **out, const char *path, users_problem_function *problem, void *context,
    struct error *error)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t size = 0;
	char *text;

	if (file < 0)
		return error_errno(error, ERROR_TEMPORARY, "%s", path);
	text = slurp(file, path, &size, error);
	close(file);
	return text == NULL ? -1 : build(out, text, size, problem, context, error);
}

void
users_free(struct users *users)
{
	if (users == NULL)
		return;
	if (users->text != NULL)
		secret_wipe(users->text, users->text_size);
	free(users->text);
	free(users->users);
	free(users->buckets);
	free(users->roots);
	free(users);
}

const struct user *
users_find(const struct users *users, const char *name)
{
	uint32_t found = users->buckets[bucket_of(users, name)];

	return found == 0 ? NULL : &users->users[found - 1];
}

size_t
users_count(const struct users *users)
{
	return users->count;
}

const struct user *
users_at(const struct users *users, size_t index)
{
	return &users->users[index];
}

const char *
users_dearest_password(const struct users *users)
{
	return users->dearest;
}

bool
users_home_root(const struct users *users, uint32_t uid, char *text, size_t size)
{
	const struct root *root = root_of(users, uid);

	if (root->path == NULL || root->size < 2 || root->size >= size)
		return false;
	memcpy(text, root->path, root->size);
	text[root->size] = '\0';
	return true;
}

static bool
part_fits(const char *part, size_t size)
{
	if (size == 0 || (size == 1 && part[0] == '.') ||
	    (size == 2 && part[0] == '.' && part[1] == '.'))
		return false;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f || part[i] == '/')
			return false;
	return true;
}

bool
users_name_fits_path(const char *name)
{
	const char *at = strchr(name, '@');

	if (at == NULL)
		return part_fits(name, strlen(name));
	return part_fits(name, (size_t)(at - name)) && part_fits(at + 1, strlen(at + 1));
}
