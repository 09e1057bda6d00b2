/* See octets.h. */

#include "base/octets.h"

#include <errno.h>
#include <unistd.h>

int
octets_write(int descriptor, const void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(descriptor, (const char *)data + done, size - done);

		/* 0 is none of write(2)'s answers, and must not have us wait for more. */
		if (n == 0)
			errno = EIO;
		if (n <= 0 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

ssize_t
octets_read(int descriptor, void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(descriptor, (char *)buffer + done, size - done);

		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)done;
}
