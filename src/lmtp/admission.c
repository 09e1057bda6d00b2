/* See admission.h. On TCP it is the address that counts; a Unix socket has its mode and group. */

#include "lmtp/admission.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/network.h"
#include "lmtp/connection.h"

#define NOT_FROM_HERE "554 5.7.1 no mail is taken from your address\r\n"
#define TOO_MANY      "421 4.3.2 too many connections, come again\r\n"

/* event: logged once for a crowd of them. */
static void
refuse(struct listener *listener, int socket, const struct peer *peer, const char *reply, const char *event)
{
	char text[PEER_SIZE] = "unix";

	/* A client of implicit TLS could not read it. */
	if (listener->tls != CONFIG_TLS_IMPLICIT)
		(void)send(socket, reply, strlen(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
	close(socket);
	if (listener->refusing)
		return;
	if (peer != NULL)
		peer_text(peer, text);
	LOG(LOG_LEVEL_WARNING, event, LOG_TEXT("peer", text), LOG_TEXT("listener", listener->address));
	listener->refusing = true;
}

void
admission_accepted(struct listener *listener, int socket, const struct sockaddr_storage *address)
{
	struct lmtp *lmtp = listener->among->owner;
	const struct peer *client = NULL;
	struct peer peer;

	if (address->ss_family == AF_INET || address->ss_family == AF_INET6) {
		peer_from(&peer, (const struct sockaddr *)address);
		client = &peer;
	}
	if (client != NULL && !networks_contain(lmtp->settings.lmtp_networks, peer.address)) {
		refuse(listener, socket, client, NOT_FROM_HERE, "client-refused");
		return;
	}
	if (socket >= lmtp->listeners.sockets_max ||
	    lmtp->talking.count + lmtp->silent.count >= lmtp->settings.lmtp_connections_max) {
		refuse(listener, socket, client, TOO_MANY, "too-many-connections");
		return;
	}
	listener->refusing = false;
	connection_start(lmtp, socket, client, listener);
}
