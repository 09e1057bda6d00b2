/* See maildir_name.h. */

#include "store/maildir_name.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nettle/sha2.h>

#define HOST_ESCAPED_SIZE 128

/* Digits from text up to end; false if there is anything else, nothing, or too much. */
static bool
digits_parse(const char *text, const char *end, uint64_t *number)
{
	uint64_t value = 0;

	if (text == end)
		return false;
	for (; text < end; text++) {
		unsigned digit = (unsigned char)*text - (unsigned)'0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

/* Cuts ",S=123" or ",W=123" off the end of name[0 .. size). */
static size_t
size_field_cut(struct maildir_name *parsed, const char *name, size_t size)
{
	const char *comma = memrchr(name, ',', size);
	uint64_t number;

	if (comma == NULL || name + size - comma < 4 || comma[2] != '=' ||
	    (comma[1] != 'S' && comma[1] != 'W') || !digits_parse(comma + 3, name + size, &number))
		return size;
	if (comma[1] == 'W') {
		parsed->has_wire_size = true;
		parsed->wire_size = number;
	} else {
		parsed->has_stored_size = true;
		parsed->stored_size = number;
	}
	return (size_t)(comma - name);
}

void
maildir_name_parse(struct maildir_name *parsed, const char *name)
{
	size_t size, shorter;

	*parsed = (struct maildir_name){ .base_size = strcspn(name, ":") };
	if (!digits_parse(name, name + strspn(name, "0123456789"), &parsed->time))
		parsed->time = 0;
	size = parsed->base_size;
	while ((shorter = size_field_cut(parsed, name, size)) < size)
		size = shorter;
	parsed->unique_size = size;
}

bool
maildir_name_is_uidl(const char *unique, size_t size)
{
	if (size == 0 || size >= UIDL_SIZE)
		return false;
	for (size_t i = 0; i < size; i++)
		if (unique[i] < 0x21 || unique[i] > 0x7e)
			return false;
	return true;
}

void
maildir_name_digest(const char *name, size_t size, uint64_t inode, char uidl[UIDL_SIZE])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, size, (const uint8_t *)name);
	if (inode != 0)
		sha256_update(&context, sizeof(inode), (const uint8_t *)&inode);
	sha256_digest(&context, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(uidl + 2 * i, 3, "%02x", digest[i]);
}

/* As qmail does: '/' ends a name, ':' its base. The others could not be a UIDL. */
static void
host_escape(char escaped[HOST_ESCAPED_SIZE])
{
	char host[HOST_SIZE] = "";
	size_t used = 0;

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		snprintf(host, sizeof(host), "localhost");
	for (const char *c = host; *c != '\0' && used < HOST_ESCAPED_SIZE - 5; c++) {
		if (*c == '/' || *c == ':' || *c <= ' ' || *c >= 0x7f)
			used += (size_t)snprintf(escaped + used, 5, "\\%03o", (unsigned char)*c);
		else
			escaped[used++] = *c;
	}
	escaped[used] = '\0';
}

void
maildir_name_make(char unique[NAME_MAX + 1])
{
	static atomic_uint counter;
	char host[HOST_ESCAPED_SIZE];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	host_escape(host);
	snprintf(unique, NAME_MAX + 1, "%lld.M%06ldP%dQ%u.%s", (long long)now.tv_sec, now.tv_nsec / 1000,
	    (int)getpid(), atomic_fetch_add(&counter, 1) + 1, host);
}
