/* See account_url.h. The URL is librestante's to understand. */

#include "fetch/account_url.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <restante/options.h>

#include "base/number.h"

static const char *
value_of(const struct restante_options *options, enum restante_option option)
{
	const char *value = restante_options_get(options, option);

	return value != NULL ? value : "";
}

/* False: it is too long. Cut off, two accounts could have one state. */
static bool
name_make(struct account *account)
{
	char name[USER_SIZE + HOST_SIZE + 2];

	snprintf(name, sizeof(name), "%s@%s", account->user, account->host);
	for (char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.@+", *p) == NULL)
			*p = '_';
	if (name[0] == '.' || name[0] == '-')
		name[0] = '_';
	return snprintf(account->name, sizeof(account->name), "%s", name) < (int)sizeof(account->name);
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
