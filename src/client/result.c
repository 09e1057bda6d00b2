/* What a result means, for people. */

#include <restante/result.h>

#include <stddef.h>

const char *
restante_result_text(enum restante_result result)
{
	static const char *const texts[RESTANTE_RESULT_COUNT] = {
		[RESTANTE_OK] = "all went well",
		[RESTANTE_MEMORY] = "there is no memory left",
		[RESTANTE_USAGE] = "this cannot be asked for",
		[RESTANTE_UNKNOWN_HOST] = "there is no host of that name",
		[RESTANTE_UNREACHABLE] = "the server cannot be reached",
		[RESTANTE_TIMED_OUT] = "the server does not answer",
		[RESTANTE_CLOSED] = "the connection was closed",
		[RESTANTE_BROKEN] = "the server does not speak POP3 as it should",
		[RESTANTE_TLS_FAILED] = "no TLS came about with the server",
		[RESTANTE_UNTRUSTED] = "the server's certificate cannot be trusted",
		[RESTANTE_UNPROTECTED] = "the server offers no protection of the connection",
		[RESTANTE_NO_MECHANISM] = "there is no way to log in that both sides have",
		[RESTANTE_DENIED] = "the server wants another password or name",
		[RESTANTE_IN_USE] = "the maildrop is open in another session",
		[RESTANTE_LOGIN_DELAY] = "it is too early after the last login",
		[RESTANTE_TEMPORARY] = "the server has a problem for now",
		[RESTANTE_PERMANENT] = "the server has a problem that its operator must solve",
		[RESTANTE_NEEDS_UTF8] = "the message can be had in UTF8 mode only",
		[RESTANTE_REFUSED] = "the server refused",
	};

	if ((unsigned)result >= RESTANTE_RESULT_COUNT || texts[result] == NULL)
		return "unknown result";
	return texts[result];
}
