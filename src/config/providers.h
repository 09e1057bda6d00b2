/*
 * Providers of OAuth 2: where a login begins, where tokens come from, what is asked for. A data file, in
 * the syntax of the accounts; one's own goes before what is installed.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/limits.h"
#include "config/config.h"

#define PROVIDERS_MAX 100

struct provider {
	char name[TEXT_SIZE];
	char device_url[PATH_SIZE]; /* empty: it has no such login for mail; note says what there is instead */
	char token_url[PATH_SIZE];
	char scope[PATH_SIZE];
	char client_id[LIST_SIZE]; /* empty: the account must say */
	char domains[LIST_SIZE];   /* whose mail is there, separated by spaces */
	char server[HOST_SIZE];    /* empty: it is found as any other */
	char note[PATH_SIZE];      /* for people, before a login */
};

struct providers {
	size_t count;
	struct provider all[PROVIDERS_MAX];
};

/* Ended by a NULL name: a section of the file. */
extern const struct config_key provider_keys[];

/*
 * Adds those of a file behind those that are there. ERROR_GONE: there is no such file; ERROR_PERMANENT:
 * the first thing that is wrong in it. One reading at a time.
 */
int providers_read(struct providers *, const char *path, struct error *);
/* Those of ~/.config/restante/providers.conf, then those installed. No file is needed. */
int providers_load(struct providers *, struct error *);
/* The first of that name, or with that domain; NULL: none. */
const struct provider *providers_find(const struct providers *, const char *name);
const struct provider *providers_of_domain(const struct providers *, const char *domain);
