/* What a server answers, line by line: replies, lines of LIST and UIDL, CAPA, greetings. */

#include "fuzz.h"
#include "pop3/greeting.h"
#include "pop3/listing.h"
#include "pop3/offer.h"
#include "pop3/response.h"

static void
try_response(const uint8_t *data, size_t size)
{
	char *line = fuzz_text(data, size), *end = line + strlen(line);
	struct response response;
	struct error error;

	if (response_parse(&response, line, &error) == 0) {
		PROMISE(response.code < CODE_COUNT);
		PROMISE(response.text > line && response.text <= end);
		PROMISE(response.status == RESPONSE_ERROR || response.code == CODE_NONE);
	} else {
		PROMISE(error.kind == ERROR_PROTOCOL);
	}
	free(line);
}

static void
try_listing(const uint8_t *data, size_t size,
    int (*parse)(struct listing *, char *line, struct error *))
{
	char *line = fuzz_text(data, size);
	struct listing listing = { .number = 1 };
	struct error error;

	if (parse(&listing, line, &error) == 0) {
		PROMISE(!listing.is_octets_unknown || listing.octets == 0);
		if (listing.uidl != NULL)
			PROMISE(*listing.uidl != '\0' && strlen(listing.uidl) <= LISTING_UIDL_MAX);
	} else {
		PROMISE(error.kind == ERROR_PROTOCOL && listing.number == 1);
	}
	free(line);
}

static void
try_offer(const uint8_t *data, size_t size)
{
	char *lines = fuzz_text(data, size), *rest = lines, *line;
	struct offer offer;

	offer_begin(&offer);
	while ((line = strsep(&rest, "\n")) != NULL)
		offer_line(&offer, line);
	PROMISE(strlen(offer.mechanisms) < sizeof(offer.mechanisms));
	PROMISE(strlen(offer.implementation) < sizeof(offer.implementation));
	PROMISE(offer.expire_days >= OFFER_NEVER && offer.login_delay_seconds >= 0);
	PROMISE(offer.mechanisms[0] == '\0' || (offer.capabilities & OFFER_SASL) != 0);
	free(lines);
}

static void
try_greeting(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), timestamp[64];

	if (greeting_timestamp(text, timestamp, sizeof(timestamp)))
		PROMISE(timestamp[0] == '<' && timestamp[strlen(timestamp) - 1] == '>' &&
		    strstr(text, timestamp) != NULL);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_response(data, size);
	try_listing(data, size, listing_scan);
	try_listing(data, size, listing_uidl);
	try_listing(data, size, listing_stat);
	try_listing(data, size, listing_last);
	try_offer(data, size);
	try_greeting(data, size);
	return 0;
}
