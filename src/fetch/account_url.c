/* See account_url.h. The URL is librestante's to understand. */

#include "fetch/account_url.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <restante/options.h>

#include "base/number.h"
#include "base/writer.h"

static const char *
value_of(const struct restante_options *options, enum restante_option option)
{
	const char *value = restante_options_get(options, option);

	return value != NULL ? value : "";
}

/* What no name of an account may have is "+" and two hexadecimal digits, and so is "+" itself. */
static bool
name_put(struct writer *name, const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if (isalnum((unsigned char)*p) || strchr("_@", *p) != NULL ||
		    (name->used > 0 && strchr("-.", *p) != NULL))
			writer_put(name, p, 1);
		else
			writer_printf(name, "+%02X", (unsigned)(unsigned char)*p);
	return !name->failed && name->used < name->size;
}

/*
 * Of another account another name, or two would have one state: each would take the other's mail for its own,
 * which was fetched before. False: it is too long.
 */
static bool
name_make(struct account *account)
{
	const uint64_t usual = account->security == ACCOUNT_TLS ? 995 : 110;
	char port[NUMBER_DIGITS_MAX + 2] = "";
	struct writer name;

	writer_init(&name, account->name, sizeof(account->name), NULL, NULL);
	if (account->port != 0 && account->port != usual)
		snprintf(port, sizeof(port), "@%" PRIu64, account->port);
	if (!name_put(&name, account->user) || !name_put(&name, account->user[0] != '\0' ? "@" : "") ||
	    !name_put(&name, account->host) || !name_put(&name, port))
		return false;
	account->name[name.used] = '\0';
	return true;
}

static int
options_take(struct account *account, const struct restante_options *options, struct error *error)
{
	const char *port = value_of(options, RESTANTE_PORT);

	snprintf(account->host, sizeof(account->host), "%s", value_of(options, RESTANTE_HOST));
	snprintf(account->user, sizeof(account->user), "%s", value_of(options, RESTANTE_USER));
	if (strcmp(value_of(options, RESTANTE_MECHANISMS), "*") != 0)
		snprintf(account->mechanisms, sizeof(account->mechanisms), "%s",
		    value_of(options, RESTANTE_MECHANISMS));
	account->security =
	    strcmp(value_of(options, RESTANTE_SECURITY), "tls") == 0 ? ACCOUNT_TLS : ACCOUNT_STLS;
	if (port[0] != '\0')
		(void)number_parse(port, &account->port);
	if (name_make(account))
		return 0;
	return error_set(error, ERROR_PERMANENT,
	    "the user and the host of this URL are too long for the name of an account; give them a section in "
	    "the "
	    "configuration");
}

int
account_from_url(struct account *account, const char *url, struct error *error)
{
	struct restante_options *options = restante_options_new();
	struct account made;
	int result;

	if (options == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a URL");
	account_defaults(&made, "");
	if (restante_options_set_url(options, url) != 0)
		result = error_set(error, ERROR_PERMANENT, "%s", restante_options_error(options));
	else
		result = options_take(&made, options, error);
	restante_options_free(options);
	if (result == 0)
		*account = made;
	return result;
}
