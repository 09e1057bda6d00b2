/* See options.h. */

#include "ctl/options.h"

#include <stdio.h>
#include <sysexits.h>

int
ctl_options_misused(const struct ctl_options *options)
{
	fputs(options->usage, stderr);
	return EX_USAGE;
}

int
ctl_options_read(const struct ctl_options *options, int argc, char **argv, void *request, char ***words)
{
	int option;

	optind = 0; /* getopt starts anew: main() has used it */
	while ((option = getopt_long(argc, argv, options->letters, options->names, NULL)) != -1) {
		if (option == 'h') {
			fputs(options->usage, stdout);
			return EX_OK;
		}
		if (!options->take(request, option, optarg))
			return ctl_options_misused(options);
	}
	*words = argv + optind;
	return CTL_GO_ON;
}
