/* What a step of a connection came to, on the server's side and on the client's. */
#pragma once

enum tls_status {
	TLS_DONE,
	TLS_WANT_READ,		/* again when there is more from the peer */
	TLS_WANT_WRITE,		/* again when what waits has been sent */
	TLS_CLOSED,		/* the peer said goodbye; to a server also: or just went */
	TLS_FAILED,		/* the failure's text says why; nothing more can be done with it */
};
