/* What a connection is offered, as it is protected or not; see connection.h. */

#include "login/connection.h"
#include "login/login.h"
#include "login/sasl.h"

bool
connection_is_protected(const struct connection *c)
{
	return c->stream.tls != NULL;
}

bool
connection_takes_passwords(const struct connection *c)
{
	uint64_t policy = c->login->settings.plaintext_logins;

	return connection_is_protected(c) || policy == CONFIG_PLAINTEXT_ALWAYS ||
	    (policy == CONFIG_PLAINTEXT_LOOPBACK && peer_is_loopback(&c->peer));
}

void
connection_capabilities(const struct connection *c, struct capabilities *capabilities, char *sasl,
    size_t sasl_size)
{
	const struct login *login = c->login;

	sasl_announce(c, sasl, sasl_size);
	*capabilities = (struct capabilities){
		.stls = c->tls_mode == CONFIG_TLS_STLS && login->keyring.tls != NULL &&
		    !connection_is_protected(c),
		.user = connection_takes_passwords(c),
		.sasl = sasl,
		.implementation = login->settings.implementation,
	};
}
