/* What is said about LMTP: its own values, its listeners, and what may not be meant. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/network.h"
#include "config/value.h"

#define WORD_SIZE 64
#define MODE_MAX  0777u

bool
config_speaks(const struct config *config, enum config_protocol protocol)
{
	for (uint32_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].protocol == (uint32_t)protocol)
			return true;
	return false;
}

bool
config_is_path(const char *address)
{
	return address[0] == '/';
}

bool
config_listener_has(const struct config_listener *listener, const char *key)
{
	bool of_path = strcmp(key, "mode") == 0 || strcmp(key, "group") == 0;
	bool of_port = strcmp(key, "port") == 0 || strcmp(key, "tls") == 0;

	return config_is_path(listener->address) ? !of_port : !of_path;
}

unsigned
config_mode(const struct config_listener *listener)
{
	return (unsigned)strtoul(listener->mode, NULL, 8);
}

static void
check_networks(const struct config *config, const char *name, const char *words, const char *also,
    struct problems *problems)
{
	struct network network;
	char word[WORD_SIZE];

	while (word_next(&words, word, sizeof(word)))
		if (strcmp(word, also) != 0 && !network_parse(word, &network))
			problem_add(problems, line_of(config, name),
			    "%s: `%s` is no network; write it as in 192.0.2.0/24 or 2001:db8::/32, without "
			    "bits behind the prefix", name, word);
}

void
check_lmtp(const struct config *config, struct problems *problems)
{
	char delimiter = config->lmtp_delimiter[0];

	check_networks(config, "lmtp_networks", config->lmtp_networks, "", problems);
	check_networks(config, "lmtp_xclient_hosts", config->lmtp_xclient_hosts, "unix", problems);
	if (delimiter != '\0' && (isalnum((unsigned char)delimiter) || strchr("@\" ", delimiter) != NULL))
		problem_add(problems, line_of(config, "lmtp_delimiter"),
		    "lmtp_delimiter = `%s` would cut names apart; it is mostly + or -", config->lmtp_delimiter);
}

/* run_directory/control, which the parent makes. */
static bool
is_control(const struct config *config, const char *path)
{
	size_t size = strlen(config->run_directory);

	return strncmp(path, config->run_directory, size) == 0 && strcmp(path + size, "/control") == 0;
}

void
check_socket(const struct config *config, uint32_t index, const struct section_lines *lines,
    struct problems *problems)
{
	const struct config_listener *listener = &config->listeners[index];
	int line = lines->listeners[index];
	const char *title = listener->title;

	if (listener->protocol != CONFIG_LMTP)
		problem_add(problems, line,
		    "listener `%s`: only lmtp is spoken on a Unix socket; add protocol = lmtp", title);
	if (lines->port_given[index])
		problem_add(problems, line, "listener `%s`: a Unix socket has no port; leave it out", title);
	if (listener->tls != CONFIG_TLS_NONE)
		problem_add(problems, line, "listener `%s`: there is no TLS on a Unix socket; leave it out",
		    title);
	if (listener->mode[0] == '\0' || listener->mode[strspn(listener->mode, "01234567")] != '\0' ||
	    config_mode(listener) > MODE_MAX)
		problem_add(problems, line, "listener `%s`: mode `%s` is none; write it in octal, as in 0660",
		    title, listener->mode);
	if (!path_is_sound(listener->address) || strrchr(listener->address, '/')[1] == '\0')
		problem_add(problems, line,
		    "listener `%s`: write %s without //, . and .., and without a / behind it", title,
		    listener->address);
	if (is_control(config, listener->address))
		problem_add(problems, line,
		    "listener `%s`: %s is the socket for restantectl; give this one another name", title,
		    listener->address);
	for (uint32_t i = 0; i < index; i++)
		if (strcmp(config->listeners[i].address, listener->address) == 0)
			problem_add(problems, line,
			    "listener `%s`: listener `%s` has that path; give it another or leave it out", title,
			    config->listeners[i].title);
}

static bool
is_local(const char *address)
{
	return config_is_path(address) || strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

void
lmtp_doubts(const struct config *config, struct problems *doubts)
{
	const char *words = config->lmtp_networks;
	struct network network;
	char word[WORD_SIZE];

	if (!config_speaks(config, CONFIG_LMTP))
		return;
	for (uint32_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].protocol == CONFIG_LMTP && !is_local(config->listeners[i].address) &&
		    line_of(config, "lmtp_networks") == 0)
			problem_add(doubts, 0,
			    "warning: listener `%s` can be reached from elsewhere, but lmtp_networks lets in only "
			    "this host; name the hosts of your MTAs there, or listen on 127.0.0.1 or a "
			    "Unix socket",
			    config->listeners[i].title);
	while (word_next(&words, word, sizeof(word)))
		if (network_parse(word, &network) && strcmp(word + strcspn(word, "/"), "/0") == 0)
			problem_add(doubts, line_of(config, "lmtp_networks"),
			    "warning: with %s in lmtp_networks anybody may hand in mail; name the hosts of your "
			    "MTAs", word);
}
