/* See outcome.h. restante(1) has the statuses for its readers. */

#include "fetch/outcome.h"

#include <stddef.h>
#include <sysexits.h>

static const struct {
	int status;
	bool may_pass;
	const char *advice;
} results[RESTANTE_RESULT_COUNT] = {
	[RESTANTE_OK] = { EX_OK, false, NULL },
	[RESTANTE_MEMORY] = { EX_OSERR, false, NULL },
	[RESTANTE_USAGE] = { EX_CONFIG, false, "correct the account" },
	[RESTANTE_UNKNOWN_HOST] = { EX_NOHOST, false, "look at the spelling of `server`, and at the network" },
	[RESTANTE_UNREACHABLE] = { EX_TEMPFAIL, true,
	    "look at `server` and the network; a later run may succeed" },
	[RESTANTE_TIMED_OUT] = { EX_TEMPFAIL, true,
	    "a later run may succeed; `timeout_seconds` is how long to wait" },
	[RESTANTE_CLOSED] = { EX_TEMPFAIL, true, "what was stored is kept; the next run goes on from there" },
	[RESTANTE_BROKEN] = { EX_PROTOCOL, false, "run it with --verbose to see what the server says" },
	[RESTANTE_TLS_FAILED] = { EX_PROTOCOL, false,
	    "look at `security` and the port: tls is for 995, stls for 110" },
	[RESTANTE_UNTRUSTED] = { EX_UNAVAILABLE, false,
	    "nothing was sent to it; if it is the right server, give its certificate's issuer as `ca_file` or "
	    "its key as `pin`" },
	[RESTANTE_UNPROTECTED] = { EX_UNAVAILABLE, false,
	    "nothing was sent to it; if it offers no TLS on any port, `security = clear` does without" },
	[RESTANTE_NO_MECHANISM] = { EX_UNAVAILABLE, false,
	    "`restante capabilities` shows what the server offers; without TLS a password leaves only with "
	    "`clear_password = yes`; for OAuth 2 run `restante login ACCOUNT`" },
	[RESTANTE_DENIED] = { EX_NOPERM, false,
	    "look at `user` and where its password comes from; some servers want a password made for this "
	    "program" },
	[RESTANTE_IN_USE] = { EX_TEMPFAIL, true,
	    "another program has the maildrop open; a later run may succeed" },
	[RESTANTE_LOGIN_DELAY] = { EX_TEMPFAIL, false, "the server wants longer pauses between logins" },
	[RESTANTE_TEMPORARY] = { EX_TEMPFAIL, true, "the server has a problem that should pass" },
	[RESTANTE_PERMANENT] = { EX_UNAVAILABLE, false,
	    "the server has a problem that its operator must solve" },
	[RESTANTE_NEEDS_UTF8] = { EX_CONFIG, false, "say `utf8 = yes` in the account" },
	[RESTANTE_REFUSED] = { EX_UNAVAILABLE, false, NULL },
};

static const int errors[ERROR_KIND_COUNT] = {
	[ERROR_NONE] = EX_OK,
	[ERROR_TEMPORARY] = EX_TEMPFAIL,
	[ERROR_PERMANENT] = EX_CONFIG,
	[ERROR_BUSY] = EX_TEMPFAIL,
	[ERROR_DENIED] = EX_NOPERM,
	[ERROR_GONE] = EX_NOINPUT,
	[ERROR_PROTOCOL] = EX_PROTOCOL,
	[ERROR_FULL] = EX_TEMPFAIL,
};

int
outcome_of_result(enum restante_result result)
{
	return result < RESTANTE_RESULT_COUNT ? results[result].status : EX_SOFTWARE;
}

int
outcome_of_error(enum error_kind kind)
{
	return kind < ERROR_KIND_COUNT ? errors[kind] : EX_SOFTWARE;
}

bool
outcome_may_pass(enum restante_result result)
{
	return result < RESTANTE_RESULT_COUNT && results[result].may_pass;
}

const char *
outcome_advice(enum restante_result result)
{
	return result < RESTANTE_RESULT_COUNT ? results[result].advice : NULL;
}

int
outcome_worse(int first, int second)
{
	if (first == EX_OK || (first == EX_TEMPFAIL && second != EX_OK))
		return second;
	return first;
}
