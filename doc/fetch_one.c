/*
 * Prints the newest message of a maildrop: an example of librestante.
 *	cc fetch_one.c $(pkg-config --cflags --libs restante) -o fetch_one
 *	fetch_one pops://anna@pop.example < password
 */

#include <stdio.h>

#include <restante/restante.h>

/* Whatever goes wrong is in the session, in words. */
static int
failed(const struct restante_session *session)
{
	fprintf(stderr, "fetch_one: %s: %s\n", restante_result_text(restante_session_result(session)),
	    restante_session_error(session));
	return 1;
}

static int
fetch_newest(struct restante_session *session)
{
	char buffer[8192];
	uint64_t count, octets;
	ptrdiff_t size;

	/* Connects, checks the certificate and logs in, too. */
	if (restante_session_stat(session, &count, &octets) != RESTANTE_OK)
		return failed(session);
	if (count > 0) {
		unsigned long command = restante_client_retr(restante_session_client(session), count);

		while ((size = restante_session_read(session, command, buffer, sizeof(buffer))) > 0)
			fwrite(buffer, 1, (size_t)size, stdout);
		if (size < 0)
			return failed(session);
	}
	return restante_session_quit(session) == RESTANTE_OK ? 0 : failed(session);
}

int
main(int argc, char *argv[])
{
	struct restante_options *options = restante_options_new();
	struct restante_session *session = NULL;
	char password[256] = "";
	int status = 1;

	if (options == NULL || argc != 2 || scanf("%255[^\n]", password) != 1)
		fprintf(stderr, "usage: fetch_one pops://user@host < password\n");
	else if (restante_options_set_url(options, argv[1]) != 0 ||
	    restante_options_set(options, RESTANTE_PASSWORD, password) != 0)
		fprintf(stderr, "fetch_one: %s\n", restante_options_error(options));
	else if ((session = restante_session_new(options)) != NULL)
		status = fetch_newest(session);
	restante_session_free(session);
	restante_options_free(options);
	return status;
}
