/* What the values mean together: addresses, names, sections that need or exclude each other. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "config/value.h"

#define POP3_PORT  110
#define POP3S_PORT 995
#define LMTP_PORT  24

#define LABEL_LENGTH_MAX 63

int
line_of(const struct config *config, const char *name)
{
	return (int)config->lines[key_find(config_keys, name) - config_keys];
}

/*
 * RFC 1035, section 2.3.1, with digits anywhere (RFC 1123, section 2.1). It is what stands behind
 * the @ of APOP's timestamp, where some clients refuse anything else.
 */
static bool
is_domain_name(const char *text)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

	for (;;) {
		size_t length = strspn(text, letters);

		if (length == 0 || length > LABEL_LENGTH_MAX || text[0] == '-' ||
		    text[length - 1] == '-' || strchr(".", text[length]) == NULL)
			return false;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

static void
check_texts(const struct config *config, struct problems *problems)
{
	int line = line_of(config, "hostname");

	/* The host's own name is what it is; only what somebody wrote is held to the rule. */
	if (line != 0 && !is_domain_name(config->hostname))
		problem_add(problems, line,
		    "hostname = `%s` is no domain name; write words of letters, digits and - with "
		    "dots between them, as in mail.example.org",
		    config->hostname);
	/* RFC 1939, section 7, and RFC 2449, section 8: both would be taken for something else. */
	if (strpbrk(config->greeting, "<>") != NULL || config->greeting[0] == '[')
		problem_add(problems, line_of(config, "greeting"),
		    "greeting must not hold < or > or begin with [; clients would read a timestamp "
		    "or a "
		    "response code");
}

static void
check_limits(const struct config *config, struct problems *problems)
{
	int line = line_of(config, "first_uid");

	if (config->first_uid > config->last_uid)
		problem_add(problems, line != 0 ? line : line_of(config, "last_uid"),
		    "first_uid is above last_uid: nobody could have mail");
	if (config->maildrop_threads > config->maildrop_threads_max)
		problem_add(problems, line_of(config, "maildrop_threads"),
		    "maildrop_threads is above maildrop_threads_max; raise that one too");
}

static bool
address_parse(const char *text, struct in6_addr *address)
{
	struct in_addr v4;

	if (inet_pton(AF_INET6, text, address) == 1)
		return true;
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	memset(address, 0, sizeof(*address));
	address->s6_addr[10] = address->s6_addr[11] = 0xff;
	memcpy(&address->s6_addr[12], &v4, sizeof(v4));
	return true;
}

static bool
same_address(const char *a, const char *b)
{
	struct in6_addr x, y;

	if (strcmp(a, "*") == 0 || strcmp(b, "*") == 0)
		return true;
	return address_parse(a, &x) && address_parse(b, &y) && memcmp(&x, &y, sizeof(x)) == 0;
}

static void
check_listener(const struct config *config, uint32_t index, const struct section_lines *lines,
    struct problems *problems)
{
	const struct config_listener *listener = &config->listeners[index];
	int line = lines->listeners[index];
	struct in6_addr address;

	if (config_is_path(listener->address)) {
		check_socket(config, index, lines, problems);
		return;
	}
	if (lines->mode_given[index])
		problem_add(problems, line,
		    "listener `%s`: mode and group are for a Unix socket; leave them out, or write its "
		    "path as the address", listener->title);
	if (strcmp(listener->address, "*") != 0 && !address_parse(listener->address, &address))
		problem_add(problems, line,
		    "listener `%s`: address `%.40s` is not numeric; write it as in 192.0.2.1 or 2001:db8::1, or "
		    "\"*\" for all%s",
		    listener->title, listener->address,
		    listener->protocol == CONFIG_LMTP ? ", or a path as in /run/restante/lmtp" : "");
	if (listener->tls != CONFIG_TLS_NONE && config->certificate_count == 0)
		problem_add(problems, line,
		    "listener `%s`: tls = %s needs a certificate; add a section certificate with "
		    "chain and "
		    "key",
		    listener->title, listener->tls == CONFIG_TLS_STLS ? "stls" : "implicit");
	for (uint32_t i = 0; i < index; i++) {
		const struct config_listener *other = &config->listeners[i];

		if (other->port == listener->port && !config_is_path(other->address) &&
		    same_address(other->address, listener->address))
			problem_add(problems, line,
			    "listener `%s`: port %u of that address is taken by listener `%s`; "
			    "give it "
			    "another port or leave it out",
			    listener->title, listener->port, other->title);
	}
}

/* A port decides the TLS mode, or the mode the port, where only one of them was given. */
static void
complete_listener(struct config *config, uint32_t index, const struct section_lines *lines)
{
	struct config_listener *listener = &config->listeners[index];
	bool lmtp = listener->protocol == CONFIG_LMTP;

	if (!lines->address_given[index])
		snprintf(listener->address, sizeof(listener->address), "%s",
		    lmtp ? "127.0.0.1" : config_listener_keys[0].fallback);
	if (config_is_path(listener->address))
		return;
	if (!lines->tls_given[index]) {
		if (lines->port_given[index] && listener->port == POP3S_PORT)
			listener->tls = CONFIG_TLS_IMPLICIT;
		else
			listener->tls =
			    config->certificate_count > 0 ? CONFIG_TLS_STLS : CONFIG_TLS_NONE;
	}
	if (!lines->port_given[index])
		listener->port = lmtp ? LMTP_PORT :
		    listener->tls == CONFIG_TLS_IMPLICIT ? POP3S_PORT : POP3_PORT;
}

/*
 * For POP3, where the file has none. Without a certificate nobody's password should travel further than this
 * host.
 */
static void
default_listeners(struct config *config)
{
	static const struct config_listener with_tls[2] = {
		{ .title = "pop3", .address = "*", .port = POP3_PORT, .tls = CONFIG_TLS_STLS },
		{ .title = "pop3s",
		    .address = "*",
		    .port = POP3S_PORT,
		    .tls = CONFIG_TLS_IMPLICIT },
	};
	static const struct config_listener without_tls[2] = {
		{ .title = "loopback", .address = "127.0.0.1", .port = POP3_PORT },
		{ .title = "loopback6", .address = "::1", .port = POP3_PORT },
	};

	if (config->listener_count + 2 > CONFIG_LISTENERS_MAX)
		return;
	memcpy(&config->listeners[config->listener_count],
	    config->certificate_count > 0 ? with_tls : without_tls, sizeof(with_tls));
	config->listener_count += 2;
}

static void
check_certificates(
    const struct config *config, const struct section_lines *lines, struct problems *problems)
{
	for (uint32_t i = 0; i < config->certificate_count; i++) {
		const struct config_certificate *certificate = &config->certificates[i];

		if (certificate->chain[0] == '\0')
			problem_add(problems, lines->certificates[i],
			    "certificate `%s` has no chain; name the PEM file with the certificate",
			    certificate->title);
		if (certificate->key[0] == '\0')
			problem_add(problems, lines->certificates[i],
			    "certificate `%s` has no key; name the PEM file with its private key",
			    certificate->title);
	}
}

void
config_check(struct config *config, const struct section_lines *lines, struct problems *problems)
{
	check_place(config, problems);
	check_texts(config, problems);
	check_limits(config, problems);
	check_certificates(config, lines, problems);
	check_lmtp(config, problems);
	config->listeners_from_file = config->listener_count;
	for (uint32_t i = 0; i < config->listener_count; i++)
		complete_listener(config, i, lines);
	if (!config_speaks(config, CONFIG_POP3))
		default_listeners(config);
	for (uint32_t i = 0; i < config->listener_count; i++)
		check_listener(config, i, lines, problems);
}
