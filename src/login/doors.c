/* See doors.h. */

#include "login/doors.h"

#include <string.h>

#include "login/login.h"

int
door_send(struct login *login, uint32_t number, const struct ipc_handover *handover, int socket,
    const char *early, size_t early_size, struct error *error)
{
	struct door *door = door_find(&login->doors, number);
	struct ipc_early before;

	if (door == NULL)
		return error_set(error, ERROR_GONE, "the maildrop process has gone");
	if (early_size > EARLY_SIZE)
		return error_set(error, ERROR_PROTOCOL, "too much came behind the password");
	if (early_size > 0) {
		memset(&before, 0, sizeof(before));
		before.session = handover->session;
		before.size = (uint32_t)early_size;
		memcpy(before.data, early, early_size);
		if (link_send(&door->link, IPC_EARLY, &before, -1, error) < 0)
			return -1;
	}
	return link_send(&door->link, IPC_HANDOVER, handover, socket, error);
}
