/* What the subcommands with options of their own have in common. */
#pragma once

#include <getopt.h>
#include <stdbool.h>

struct ctl_options {
	const char *usage;
	const char *letters;	/* as getopt(3) wants them, with h for --help */
	const struct option *names;
	/* False: it makes no sense. */
	bool (*take)(void *request, int option, const char *value);
};

#define CTL_GO_ON (-1)

/* CTL_GO_ON, and *words is what stands behind the options; or the exit status to end with. */
int ctl_options_read(const struct ctl_options *, int argc, char **argv, void *request, char ***words);
/* Says how the subcommand is used; returns EX_USAGE. */
int ctl_options_misused(const struct ctl_options *);
