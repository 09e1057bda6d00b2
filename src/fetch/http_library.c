/* See http_library.h. It stays to the end: libraries that it brings along cannot be taken out again. */

#include "fetch/http_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#define NAME "libcurl.so.4"

static struct http_library loaded;
static bool is_whole;

static void
load(void)
{
	void *library = dlopen(NAME, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		return;
	is_whole = true;
	/* dlsym() gives objects where these are functions; POSIX has it this way. */
#define FIND(name)                                         \
	*(void **)&loaded.name = dlsym(library, #name); \
	is_whole = is_whole && loaded.name != NULL;
	HTTP_LIBRARY_FUNCTIONS(FIND)
#undef FIND
	is_whole = is_whole && loaded.curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

const struct http_library *
http_library(struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (is_whole)
		return &loaded;
	error_set(error, ERROR_PERMANENT, "OAuth 2 needs libcurl, and " NAME " is not there");
	return NULL;
}
