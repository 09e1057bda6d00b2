/* Inside restantectl user: what was asked for, and what is said about the users file as a whole. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "users/edit.h"

struct user_request {
	const char *path; /* the users file */
	const char *name, *uid, *gid, *home, *scheme;
	int password_descriptor;
	bool configured; /* config is that of the server; if not, it holds the defaults */
	struct config config;
};

/* Finds whom restante-auth runs as, and who so has to be able to read the file. False: nobody yet. */
bool user_file_reader(const struct user_request *, struct users_owner *);
/* On stderr, if whom restante-auth runs as could not read the file as it is now. */
void user_warn_of_access(const struct user_request *);
/* On stderr: who has no home where mail_place needs one. How many of them there are. */
size_t user_name_homeless(const struct user_request *, const struct users *);
/* "mail_place = `...` (FILE:LINE)", for a sentence. */
void user_describe_place(const struct user_request *, char *text, size_t size);
/* Each thing that is wrong with the file on stderr, how many there are on stdout. Exit status. */
int user_check_file(const struct user_request *);
