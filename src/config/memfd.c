/* The configuration on its way to the other processes: a sealed memfd. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

int
config_to_memfd(const struct config *config, struct error *error)
{
	int memfd = memfd_create("settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (memfd < 0)
		return error_errno(error, ERROR_TEMPORARY, "memfd for the settings");
	if (write(memfd, config, sizeof(*config)) != (ssize_t)sizeof(*config) ||
	    fcntl(memfd, F_ADD_SEALS, SEALS) < 0) {
		error_errno(error, ERROR_TEMPORARY, "memfd for the settings");
		close(memfd);
		return -1;
	}
	return memfd;
}

int
config_from_memfd(struct config *config, int memfd, struct error *error)
{
	static const char refusal[] = "the settings are another build's";
	uint64_t magic;
	struct stat status;

	if (fstat(memfd, &status) < 0)
		return error_errno(error, ERROR_PERMANENT, "the settings");
	if (status.st_size != (off_t)sizeof(*config) ||
	    pread(memfd, &magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) ||
	    magic != CONFIG_MAGIC)
		return error_set(error, ERROR_PERMANENT, "%s", refusal);
	if (pread(memfd, config, sizeof(*config), 0) != (ssize_t)sizeof(*config))
		return error_set(error, ERROR_TEMPORARY, "the settings cannot be read");
	return 0;
}
