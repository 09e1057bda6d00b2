/*
 * The ways to check credentials.
 *
 * A password of a user who does not exist is compared with the dearest hash of the users file, and
 * so is one that did not match a {PLAIN} password: nobody learns from the time who exists. (What
 * differences remain between cheap and dear hashes are hidden by the delay of every refusal.)
 */

#include "auth/verify.h"

#include <nettle/md5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

static bool
password_quick(struct verify_job *job)
{
	bool cheap = !job->known || password_plain(job->stored) != NULL;

	if (!cheap)
		return false;
	job->reason = REASON_UNKNOWN_USER;
	if (job->known)
		job->reason = password_verify(job->stored, job->password) ? NULL : REASON_PASSWORD;
	return job->reason == NULL || job->dearest[0] == '\0';
}

static void
password_slow(struct verify_job *job)
{
	const char *stored = job->reason == NULL ? job->stored : job->dearest;
	bool right = password_verify(stored, job->password);

	/* A reason that is there already is the verdict; only the time was to be spent. */
	if (job->reason == NULL && !right)
		job->reason = REASON_PASSWORD;
}

/* RFC 1939, section 7: MD5 of timestamp and password, in 32 lower-case hexadecimal digits. */
static void
apop_digest(char digest[33], const char *timestamp, const char *password)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t octets[MD5_DIGEST_SIZE];
	struct md5_ctx md5;

	md5_init(&md5);
	md5_update(&md5, strlen(timestamp), (const uint8_t *)timestamp);
	md5_update(&md5, strlen(password), (const uint8_t *)password);
	md5_digest(&md5, sizeof(octets), octets);
	secret_wipe(&md5, sizeof(md5));
	for (size_t i = 0; i < sizeof(octets); i++) {
		digest[2 * i] = hex[octets[i] >> 4];
		digest[2 * i + 1] = hex[octets[i] & 15];
	}
	digest[32] = '\0';
}

static bool
apop_quick(struct verify_job *job)
{
	const char *password = job->known ? password_plain(job->stored) : NULL;
	char digest[33];

	if (password == NULL) {
		job->reason = job->known ? REASON_NO_PLAIN : REASON_UNKNOWN_USER;
		return true;
	}
	apop_digest(digest, job->timestamp, password);
	/* Without a timestamp there is nothing that would make a digest good for once only. */
	if (job->timestamp[0] != '\0' && strlen(job->password) == sizeof(digest) - 1 &&
	    secret_equal(digest, job->password, sizeof(digest) - 1))
		job->reason = NULL;
	else
		job->reason = REASON_PASSWORD;
	secret_wipe(digest, sizeof(digest));
	return true;
}

const struct verify_way verify_ways[VERIFY_METHOD_COUNT] = {
	[VERIFY_PASSWORD] = { "password", password_quick, password_slow, true },
	[VERIFY_APOP] = { "apop", apop_quick, NULL, false },
};

static void
run(struct pool_job *pool_job)
{
	struct verify_job *job = (struct verify_job *)pool_job;

	verify_ways[job->method].slow(job);
	secret_wipe(job->dearest, sizeof(job->dearest));
	secret_wipe(job->stored, sizeof(job->stored));
}

void
verify_prepare(struct verify_job *job, const struct users_file *file, const struct user *user)
{
	const char *dearest = users_dearest_password(file->users);

	job->job.run = run;
	job->reason = NULL;
	job->generation = file->generation;
	job->known = user != NULL;
	/* The table holds no password that does not fit, see password_problem(). */
	snprintf(job->stored, sizeof(job->stored), "%s", user != NULL ? user->password : "");
	snprintf(job->dearest, sizeof(job->dearest), "%s", dearest != NULL ? dearest : "");
}

bool
verify_quick(struct verify_job *job)
{
	return verify_ways[job->method].quick(job);
}

void
verify_free(struct verify_job *job)
{
	if (job == NULL)
		return;
	secret_wipe(job, sizeof(*job));
	free(job);
}
