/*
 * libcurl, loaded when a token is asked for. It brings some twenty libraries along, which would be a third of
 * the memory of every fetch. What is loaded has the interface of the headers it is compiled with.
 */
#pragma once

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/error.h"

#define HTTP_LIBRARY_FUNCTIONS(each)                                                               \
	each(curl_global_init) each(curl_easy_init) each(curl_easy_cleanup) each(curl_easy_setopt) \
	each(curl_easy_perform) each(curl_easy_getinfo) each(curl_easy_strerror)                   \
	each(curl_easy_escape) each(curl_free) each(curl_url) each(curl_url_cleanup)               \
	each(curl_url_get) each(curl_url_set)

struct http_library {
#define MEMBER(name) __typeof__(name) *name;
	HTTP_LIBRARY_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* NULL: it is not there. Of all threads the first one loads it. */
const struct http_library *http_library(struct error *);
