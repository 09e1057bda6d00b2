/* See http.h. */

#include "fetch/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define FORM_SIZE       65536
#define TIMEOUT_SECONDS 60L

struct body {
	char *text;
	size_t used;
};

static void
curl_begin(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

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
field_append(CURL *curl, char form[FORM_SIZE], const struct http_field *field)
{
	char *value = curl_easy_escape(curl, field->value, 0);
	size_t used = strlen(form);
	bool fits = value != NULL && snprintf(form + used, FORM_SIZE - used, "%s%s=%s", used > 0 ? "&" : "",
					 field->name, value) < (int)(FORM_SIZE - used);

	if (value != NULL)
		secret_wipe(value, strlen(value));
	curl_free(value);
	return fits;
}

static int
host_check(CURLU *parts, const char *url, bool is_plain, struct error *error)
{
	char *scheme = NULL, *host = NULL;
	int result = 0;

	if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		result = error_set(error, ERROR_PERMANENT, "%.150s is no URL", url);
	else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
		result = error_set(error, ERROR_PERMANENT, "%.150s does not begin with https://", url);
	else if (strcmp(scheme, "http") == 0 &&
		 (!is_plain || (strcmp(host, "127.0.0.1") != 0 && strcmp(host, "[::1]") != 0)))
		result = error_set(error, ERROR_PERMANENT,
		    "%.150s is not protected: tokens go by https:// alone (or with oauth_plain_http = yes to "
		    "127.0.0.1)",
		    url);
	curl_free(scheme);
	curl_free(host);
	return result;
}

static int
url_check(const char *url, bool is_plain, struct error *error)
{
	CURLU *parts = curl_url();
	int result;

	if (parts == NULL)
		return error_set(error, ERROR_TEMPORARY, "no memory for a request");
	result = host_check(parts, url, is_plain, error);
	curl_url_cleanup(parts);
	return result;
}

static void
curl_prepare(CURL *curl, const char *url, bool is_plain, const char *form, struct body *body, char *reason)
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, is_plain ? "https,http" : "https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "restante/" RESTANTE_VERSION);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	/* What is in clear text must not go to a proxy. */
	if (strncasecmp(url, "http:", 5) == 0)
		curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

static int
post(CURL *curl, const char *url, bool is_plain, const char *form, long *status, struct body *body,
    struct error *error)
{
	char reason[CURL_ERROR_SIZE] = "";
	CURLcode code;

	curl_prepare(curl, url, is_plain, form, body, reason);
	code = curl_easy_perform(curl);
	if (code == CURLE_WRITE_ERROR)
		return error_set(
		    error, ERROR_TEMPORARY, "%.150s answers with more than %d octets", url, HTTP_BODY_SIZE - 1);
	if (code != CURLE_OK)
		return error_set(error, ERROR_TEMPORARY, "%.100s: %.120s", url,
		    reason[0] != '\0' ? reason : curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	body->text[body->used] = '\0';
	return 0;
}

int
http_post(const char *url, bool is_plain, const struct http_field fields[], long *status,
    char body[HTTP_BODY_SIZE], struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct body taken = { .text = body };
	char *form = NULL;
	CURL *curl = NULL;
	bool fits = true;
	int result;

	if (url_check(url, is_plain, error) != 0)
		return -1;
	pthread_once(&once, curl_begin);
	form = calloc(1, FORM_SIZE);
	curl = curl_easy_init();
	for (; form != NULL && curl != NULL && fields->name != NULL; fields++)
		if (fields->value[0] != '\0')
			fits = fits && field_append(curl, form, fields);
	if (form == NULL || curl == NULL || !fits)
		result = error_set(error, ERROR_TEMPORARY, "no memory for a request");
	else
		result = post(curl, url, is_plain, form, status, &taken, error);
	curl_easy_cleanup(curl);
	if (form != NULL)
		secret_wipe(form, FORM_SIZE);
	free(form);
	return result;
}
