/*
 * What a client is to know before it connects: where to, how protected, as whom.
 *
 * Ownership: values are copied when they are set; what is lent back stays valid until the next call
 * on the same options. Options are not changed by a client that is made of them, and may be freed
 * before it. Blocking: nothing here waits; RESTANTE_CA_FILE and the client's certificate are read
 * when a client is made. Threads: one at a time for one object, any number of objects.
 */
#ifndef RESTANTE_OPTIONS_H
#define RESTANTE_OPTIONS_H

#ifdef __cplusplus
extern "C" {
#endif

struct restante_options;

/* Values are texts, numbers in decimal, "yes" or "no". New ones are added at the end. */
enum restante_option {
	RESTANTE_HOST = 1,		/* a name or an address; no default */
	RESTANTE_PORT,			/* default: 995 with "tls", else 110 (RFC 1939, RFC 8314) */
	/*
	 * "tls": from the first octet (RFC 8314; default). "stls": STLS, or no login (RFC 2595). "clear":
	 * no protection; a password leaves in clear only where RESTANTE_CLEAR_PASSWORD says so.
	 */
	RESTANTE_SECURITY,
	RESTANTE_CLEAR_PASSWORD,	/* "yes": PLAIN, LOGIN, USER and tokens even without TLS; default "no" */
	RESTANTE_SERVER_NAME,		/* whom the certificate must name (RFC 9525); default: the host */
	RESTANTE_CA_FILE,		/* PEM; default: what the system trusts */
	/* SHA-256 of the server's SubjectPublicKeyInfo, in hex or base64; then names and issuers do not count. */
	RESTANTE_PIN,
	RESTANTE_CERTIFICATE_FILE,	/* the client's own, PEM, for EXTERNAL */
	RESTANTE_KEY_FILE,
	RESTANTE_USER,
	RESTANTE_AUTHORIZATION,		/* whose maildrop, where it is another's (RFC 4422) */
	RESTANTE_PASSWORD,
	RESTANTE_TOKEN,			/* of OAuth 2, for OAUTHBEARER (RFC 7628) and XOAUTH2 */
	/*
	 * Names separated by spaces, the best first, "APOP" and "USER" among them; "*" or nothing: all, the
	 * strongest first.
	 */
	RESTANTE_MECHANISMS,
	RESTANTE_UTF8,			/* "yes": UTF8 where the server has it (RFC 6856); default "no" */
	RESTANTE_LANGUAGE,		/* for the texts of the server, a tag as LANG takes it (RFC 6856) */
	RESTANTE_PIPELINING,		/* "no": one command at a time whatever the server announces */
	RESTANTE_WINDOW,		/* replies to wait for at once with pipelining; default 64 */
	RESTANTE_TIMEOUT,		/* seconds without an octet from the server, blocking face only; default 60 */
	RESTANTE_CONNECT_TIMEOUT,	/* seconds for each address, blocking face only; default 20 */
	RESTANTE_OPTION_COUNT
};

/* NULL: no memory. */
struct restante_options *restante_options_new(void);
/* Wipes what is secret. NULL is fine. */
void restante_options_free(struct restante_options *options);
/* NULL takes a value back. 0, or -1: unknown option or impossible value; restante_options_error() says why. */
int restante_options_set(struct restante_options *options, enum restante_option option, const char *value);
/* What was set, or NULL. */
const char *restante_options_get(const struct restante_options *options, enum restante_option option);
/*
 * Host, port, user and mechanism from "pop://user;AUTH=mech@host:port" (RFC 2384), or "pops://" for TLS
 * (curl's; "pop" means STLS). A password in a URL is refused. 0 or -1, as above.
 */
int restante_options_set_url(struct restante_options *options, const char *url);
/* What stands in the options as a POP URL, to be freed with free(3); NULL: no host, or no memory. */
char *restante_options_url(const struct restante_options *options);
/* Of the last call that failed. */
const char *restante_options_error(const struct restante_options *options);

#ifdef __cplusplus
}
#endif

#endif
