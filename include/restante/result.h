/* What becomes of a connection and of each command, and the response codes that servers send. */
#ifndef RESTANTE_RESULT_H
#define RESTANTE_RESULT_H

#ifdef __cplusplus
extern "C" {
#endif

enum restante_result {
	RESTANTE_OK = 0,
	/* The connection is over: */
	RESTANTE_MEMORY,	/* no memory */
	RESTANTE_USAGE,		/* the caller asked for what cannot be; restante_client_error() says what */
	RESTANTE_UNKNOWN_HOST,
	RESTANTE_UNREACHABLE,	/* nobody there, or the network is away */
	RESTANTE_TIMED_OUT,
	RESTANTE_CLOSED,	/* the server, or the network, ended the connection */
	RESTANTE_BROKEN,	/* the server does not speak POP3 as it should, or sends more than it may */
	RESTANTE_TLS_FAILED,
	RESTANTE_UNTRUSTED,	/* the certificate: other name, expired, unknown issuer, other key than pinned */
	RESTANTE_UNPROTECTED,	/* protection was asked for and the server offers none */
	RESTANTE_NO_MECHANISM,	/* no way to log in that both sides have, or that may be used in clear */
	/* The server said -ERR: */
	/* [AUTH], or to a login without a code (but by a server that announces AUTH-RESP-CODE): name, password or token. */
	RESTANTE_DENIED,
	RESTANTE_IN_USE,	/* [IN-USE]: another session has the maildrop */
	RESTANTE_LOGIN_DELAY,	/* [LOGIN-DELAY]: too early after the last login */
	RESTANTE_TEMPORARY,	/* [SYS/TEMP] */
	RESTANTE_PERMANENT,	/* [SYS/PERM] */
	RESTANTE_NEEDS_UTF8,	/* [UTF8] */
	RESTANTE_REFUSED,	/* another code, or none */
	RESTANTE_RESULT_COUNT
};

/* RFC 2449, section 8; RFC 3206; RFC 6856. */
enum restante_code {
	RESTANTE_CODE_NONE = 0,
	RESTANTE_CODE_AUTH,
	RESTANTE_CODE_IN_USE,
	RESTANTE_CODE_LOGIN_DELAY,
	RESTANTE_CODE_SYS_TEMP,
	RESTANTE_CODE_SYS_PERM,
	RESTANTE_CODE_UTF8,
	RESTANTE_CODE_OTHER,	/* stands at the start of the text */
	RESTANTE_CODE_COUNT
};

/* "the server wants another password or name", ...: static, for people. */
const char *restante_result_text(enum restante_result result);

#ifdef __cplusplus
}
#endif

#endif
