/* The commands of the TRANSACTION state: one row and one function each. */
#pragma once

#include "maildrop/session.h"
#include "pop3/request.h"

struct command {
	const char *keyword;
	enum request_arguments arguments;
	/* index: of the message that the request names, which exists and is not deleted. */
	void (*run)(struct session *, const struct request *, size_t index);
	bool (*enabled)(const struct rules *);	/* NULL: always */
};

/* NULL: there is no such command here. */
const struct command *command_find(const char *keyword, const struct rules *);
/* What to say about a keyword that command_find() does not know. */
const char *command_problem(const char *keyword);
