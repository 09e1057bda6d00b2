/* The configuration file: whatever it holds is read, or refused with words, and never half of it. */

#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config, before;
	static char problems[8192];
	char path[64];
	int file = memfd_create("restanted.conf", MFD_CLOEXEC);

	PROMISE(file >= 0 && write(file, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	memset(&config, 0x5a, sizeof(config));
	before = config;
	problems[0] = '\0';
	if (config_read(&config, path, problems, sizeof(problems)) != 0) {
		PROMISE(problems[0] != '\0' && strlen(problems) < sizeof(problems));
		PROMISE(memcmp(&config, &before, sizeof(config)) == 0);
	} else {
		PROMISE(config.magic == CONFIG_MAGIC);
		PROMISE(config.listener_count <= CONFIG_LISTENERS_MAX);
		PROMISE(config.certificate_count <= CONFIG_CERTIFICATES_MAX);
		PROMISE(config.idle_timeout_seconds >= 600);
	}
	close(file);
	return 0;
}
