/* See http.h. */

#include "fetch/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "fetch/http_library.h"

#define FORM_SIZE       65536
#define TIMEOUT_SECONDS 60L

struct body {
	char *text;
	size_t used;
};

/* Less than was offered: libcurl ends the transfer. */
static size_t
body_take(char *data, size_t one, size_t size, void *context)
{
	struct body *body = context;

	(void)one;
	if (size >= HTTP_BODY_SIZE - body->used)
		return 0;
	memcpy(body->text + body->used, data, size);
	body->used += size;
	return size;
}

/* False: the form is too long. */
static bool
field_append(const struct http_library *http, CURL *curl, char form[FORM_SIZE], const struct http_field *field)
{
	char *value = http->curl_easy_escape(curl, field->value, 0);
	size_t used = strlen(form);
	bool fits = value != NULL && snprintf(form + used, FORM_SIZE - used, "%s%s=%s", used > 0 ? "&" : "",
					 field->name, value) < (int)(FORM_SIZE - used);

	if (value != NULL)
		secret_wipe(value, strlen(value));
	http->curl_free(value);
	return fits;
}

static int
host_check(const struct http_library *http, CURLU *parts, const char *url, bool is_plain, struct error *error)
{
	char *scheme = NULL, *host = NULL;
	int result = 0;

	if (http->curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    http->curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    http->curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		result = error_set(error, ERROR_PERMANENT, "%.150s is no URL", url);
	else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
		result = error_set(error, ERROR_PERMANENT, "%.150s does not begin with https://", url);
	else if (strcmp(scheme, "http") == 0 &&
		 (!is_plain || (strcmp(host, "127.0.0.1") != 0 && strcmp(host, "[::1]") != 0)))
		result = error_set(error, ERROR_PERMANENT,
		    "%.150s is not protected: tokens go by https:// alone (or with oauth_plain_http = yes to "
		    "127.0.0.1)",
		    url);
	http->curl_free(scheme);
	http->curl_free(host);
	return result;
}

static int
url_check(const struct http_library *http, const char *url, bool is_plain, struct error *error)
{
	CURLU *parts = http->curl_url();
	int result;

	if (parts == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a request");
	result = host_check(http, parts, url, is_plain, error);
	http->curl_url_cleanup(parts);
	return result;
}

static void
curl_prepare(const struct http_library *http, CURL *curl, const char *url, bool is_plain, const char *form,
    struct body *body, char *reason)
{
	http->curl_easy_setopt(curl, CURLOPT_URL, url);
	http->curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
	http->curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, is_plain ? "https,http" : "https");
	http->curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	http->curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_SECONDS);
	http->curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	http->curl_easy_setopt(curl, CURLOPT_USERAGENT, "restante/" RESTANTE_VERSION);
	http->curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
	http->curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	http->curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	/* What is in clear text must not go to a proxy. */
	if (strncasecmp(url, "http:", 5) == 0)
		http->curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

static int
post(const struct http_library *http, CURL *curl, const char *url, bool is_plain, const char *form, long *status,
    struct body *body, struct error *error)
{
	char reason[CURL_ERROR_SIZE] = "";
	CURLcode code;

	curl_prepare(http, curl, url, is_plain, form, body, reason);
	code = http->curl_easy_perform(curl);
	if (code == CURLE_WRITE_ERROR)
		return error_set(
		    error, ERROR_TEMPORARY, "%.150s answers with more than %d octets", url, HTTP_BODY_SIZE - 1);
	if (code != CURLE_OK)
		return error_set(error, ERROR_TEMPORARY, "%.100s: %.120s", url,
		    reason[0] != '\0' ? reason : http->curl_easy_strerror(code));
	http->curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	body->text[body->used] = '\0';
	return 0;
}

int
http_post(const char *url, bool is_plain, const struct http_field fields[], long *status,
    char body[HTTP_BODY_SIZE], struct error *error)
{
	const struct http_library *http = http_library(error);
	struct body taken = { .text = body };
	char *form = NULL;
	CURL *curl = NULL;
	bool fits = true;
	int result;

	if (http == NULL || url_check(http, url, is_plain, error) != 0)
		return -1;
	form = calloc(1, FORM_SIZE);
	curl = http->curl_easy_init();
	for (; form != NULL && curl != NULL && fields->name != NULL; fields++)
		if (fields->value[0] != '\0')
			fits = fits && field_append(http, curl, form, fields);
	if (form == NULL || curl == NULL || !fits)
		result = error_set(error, ERROR_TEMPORARY, "no memory for a request");
	else
		result = post(http, curl, url, is_plain, form, status, &taken, error);
	http->curl_easy_cleanup(curl);
	if (form != NULL)
		secret_wipe(form, FORM_SIZE);
	free(form);
	return result;
}
