/* See admission.h. */

#include "login/admission.h"

#include <unistd.h>

#include "base/log.h"
#include "login/connection.h"
#include "login/login.h"

static void
refuse(struct listener *listener, int socket, const struct peer *peer)
{
	static const char reply[] = "-ERR [SYS/TEMP] too many connections\r\n";
	char text[PEER_SIZE];

	/* A client of implicit TLS could not read it. */
	if (listener->tls != CONFIG_TLS_IMPLICIT)
		(void)send(socket, reply, sizeof(reply) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(socket);
	if (listener->refusing)
		return;
	peer_text(peer, text);
	LOG(LOG_LEVEL_WARNING, "too-many-connections", LOG_TEXT("peer", text),
	    LOG_TEXT("listener", listener->address));
	listener->refusing = true;
}

void
admission_accepted(struct listener *listener, int socket, const struct sockaddr_storage *address)
{
	struct login *login = listener->among->owner;
	struct peer peer;

	peer_from(&peer, (const struct sockaddr *)address);
	if (socket >= login->listeners.sockets_max)
		duty_is_full(login);
	if (socket >= login->listeners.sockets_max ||
	    login->young.count >= login->settings.connections_max ||
	    !addresses_enter(
		&login->addresses, &peer, login->settings.connections_per_address_max)) {
		refuse(listener, socket, &peer);
		return;
	}
	listener->refusing = false;
	duty_has_room(login);
	connection_start(login, socket, &peer, listener);
}
