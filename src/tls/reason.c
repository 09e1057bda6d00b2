/* Why OpenSSL failed: what both sides of TLS say in their errors. */

#include "tls/internal.h"

#include <string.h>

const char *
tls_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason;

	if (code == 0)
		return "no reason given";
	reason = ERR_SYSTEM_ERROR(code) ? strerrordesc_np(ERR_GET_REASON(code)) :
	    ERR_reason_error_string(code);
	return reason != NULL ? reason : "unknown reason";
}
