/* POP URLs: what is read can be written, and is then read as the same. */

#include "fuzz.h"
#include "pop3/url.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), written[4096];
	struct pop_url url, again;
	struct error error;
	struct writer w;

	memset(&url, 0, sizeof(url));
	memset(&again, 0, sizeof(again));
	if (pop_url_parse(&url, text, &error) == 0) {
		writer_init(&w, written, sizeof(written) - 1, NULL, NULL);
		PROMISE(pop_url_write(&url, &w));
		written[w.used] = '\0';
		PROMISE(pop_url_parse(&again, written, &error) == 0);
		PROMISE(again.tls == url.tls && again.port == url.port);
		PROMISE(strcmp(again.host, url.host) == 0 && strcmp(again.user, url.user) == 0);
		PROMISE(strcmp(again.mechanism, url.mechanism) == 0);
	}
	free(text);
	return 0;
}
