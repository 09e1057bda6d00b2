/* See extension.h. */

#include "smtp/extension.h"

#include <string.h>

static bool
detail_safe(const char *detail)
{
	if (*detail == '.')
		return false;
	for (const char *c = detail; *c != '\0'; c++)
		if (*c == '/' || (unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

void
extension_split(const struct path *path, char delimiter, struct path *base, char detail[DETAIL_SIZE])
{
	struct path copy = *path;
	char *end = NULL;

	detail[0] = '\0';
	if (delimiter != '\0' && copy.local[0] != '\0' && copy.domain[0] != '\0')
		end = strchr(copy.local + 1, delimiter);
	if (end != NULL) {
		if (detail_safe(end + 1))
			memcpy(detail, end + 1, strlen(end + 1) + 1);
		*end = '\0';
	}
	*base = copy;
}
