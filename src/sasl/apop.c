/* APOP's digest: not SASL, but how a client logs in all the same. */

#include <nettle/md5.h>
#include <string.h>

#include "base/secret.h"
#include "sasl/client.h"

void
apop_digest(char hex[APOP_DIGEST_SIZE], const char *timestamp, const char *password)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[MD5_DIGEST_SIZE];
	struct md5_ctx context;

	md5_init(&context);
	md5_update(&context, strlen(timestamp), (const uint8_t *)timestamp);
	md5_update(&context, strlen(password), (const uint8_t *)password);
	md5_digest(&context, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[APOP_DIGEST_SIZE - 1] = '\0';
	secret_wipe(&context, sizeof(context));
}
