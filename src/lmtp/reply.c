/* See reply.h. */

#include "lmtp/reply.h"

#include <string.h>

static const struct {
	const char *codes, *text;
} verdicts[VERDICT_COUNT] = {
	[VERDICT_OK] = { "250 2.1.5", "ok" },
	[VERDICT_UNKNOWN] = { "550 5.1.1", "no such mailbox" },
	[VERDICT_DISABLED] = { "550 5.2.1", "the mailbox takes no mail" },
	[VERDICT_FULL_FOR_NOW] = { "452 4.2.2", "the mailbox is full, try again later" },
	[VERDICT_FULL] = { "552 5.2.2", "the mailbox is full" },
	[VERDICT_TEMPORARY] = { "451 4.3.0", "not now, try again later" },
	[VERDICT_NO_SPACE] = { "452 4.3.1", "no space for the message, try again later" },
	[VERDICT_TOO_BIG] = { "552 5.3.4", "the message is too big" },
	[VERDICT_LOOP] = { "554 5.4.6", "the message goes round in circles" },
};

void
reply_verdict(struct writer *out, enum verdict verdict, const struct path *recipient)
{
	char address[ADDRESS_SIZE];

	path_text(recipient, address);
	writer_printf(out, "%s <%s> %s\r\n", verdicts[verdict].codes, address, verdicts[verdict].text);
}

void
reply_failure(struct writer *out, enum verdict verdict)
{
	writer_printf(out, "%s %s\r\n", verdicts[verdict].codes, verdicts[verdict].text);
}
