/* What a trace shows, and that no secret is in it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/engine.h"


struct seen {
	char text[65536];
	size_t used;
};

static void
note(void *context, char direction, const char *line, size_t size)
{
	struct seen *seen = context;

	seen->used += (size_t)snprintf(seen->text + seen->used, sizeof(seen->text) - seen->used, "%c%.*s\n", direction,
	    (int)size, line);
}

static void
hear(struct restante_client *client)
{
	const struct restante_event *event;

	while (restante_client_next(client, &event) != RESTANTE_EVENT_NONE)
		continue;
}

/* Each text is what the server says behind what the client has said. */
static void
hold(struct seen *seen, const char *mechanisms, const char *const texts[])
{
	struct restante_options *options = restante_options_new();
	struct restante_client *client;
	size_t size;

	*seen = (struct seen){ 0 };
	restante_options_set(options, RESTANTE_SECURITY, "clear");
	restante_options_set(options, RESTANTE_USER, "anna");
	restante_options_set(options, RESTANTE_PASSWORD, "secret");
	restante_options_set(options, RESTANTE_CLEAR_PASSWORD, "yes");
	restante_options_set(options, RESTANTE_MECHANISMS, mechanisms);
	client = restante_client_new(options);
	restante_options_free(options);
	restante_client_trace(client, note, seen);
	restante_client_retr(client, 1);
	restante_client_command(client, "pass secret", false);
	restante_client_command(client, "AUTH PLAIN AGFubmEAc2VjcmV0", false);
	restante_client_command(client, "APOP anna 9e80c1a30c626f4ef208fb99b5aabfdb", false);
	hear(client);
	for (; *texts != NULL; texts++) {
		void *buffer = restante_client_input_buffer(client, &size);

		assert_true(size >= strlen(*texts));
		memcpy(buffer, *texts, strlen(*texts));
		restante_client_input_done(client, strlen(*texts));
		hear(client);
		while (restante_client_output(client, &size) != NULL && size > 0)
			restante_client_output_done(client, size);
	}
	restante_client_free(client);
	assert_null(strstr(seen->text, "secret"));
	assert_null(strstr(seen->text, "c2VjcmV0"));
	assert_null(strstr(seen->text, "AGFubmEAc2VjcmV0"));
	assert_null(strstr(seen->text, "9e80c1a30c626f4ef208fb99b5aabfdb"));
	assert_null(strstr(seen->text, "YW5uYSBlNmRk"));
}

static void
test_lines_pass(void **state)
{
	static const char *const texts[] = { "+OK hello\r\n", "-ERR what?\r\n", "+OK\r\n", "+OK in\r\n",
		"+OK 5 octets\r\nab\r\n.\r\n", "-ERR\r\n", "-ERR\r\n", "-ERR\r\n", NULL };
	struct seen seen;

	(void)state;
	hold(&seen, "USER", texts);
	assert_string_equal(seen.text, "<+OK hello\n>CAPA\n<-ERR what?\n>USER anna\n<+OK\n>PASS [...]\n<+OK in\n"
	    ">RETR 1\n<+OK 5 octets\n>PASS [...]\n<-ERR\n>AUTH [...]\n<-ERR\n>APOP [...]\n<-ERR\n");
}

static void
test_secrets_do_not(void **state)
{
	static const char *const plain[] = { "+OK\r\n", "+OK\r\nSASL PLAIN\r\n.\r\n", "+ \r\n", NULL };
	static const char *const login[] = { "+OK\r\n", "+OK\r\nSASL LOGIN\r\n.\r\n", "+ \r\n", "+ \r\n", NULL };
	static const char *const cram[] = { "+OK\r\n", "+OK\r\nSASL CRAM-MD5\r\n.\r\n", "+ PDEuMkBwb3AuZXhhbXBsZT4=\r\n", NULL };
	static const char *const apop[] = { "+OK <1.2@pop.example>\r\n", "-ERR\r\n", NULL };
	struct seen seen;

	(void)state;
	hold(&seen, "PLAIN", plain);
	assert_non_null(strstr(seen.text, ">AUTH PLAIN [...]\n<+ \n>[...]\n"));
	hold(&seen, "LOGIN", login);
	assert_non_null(strstr(seen.text, ">AUTH LOGIN\n<+ \n>[...]\n<+ \n>[...]\n"));
	hold(&seen, "CRAM-MD5", cram);
	assert_non_null(strstr(seen.text, ">AUTH CRAM-MD5\n<+ PDEuMkBwb3AuZXhhbXBsZT4=\n>[...]\n"));
	hold(&seen, "APOP", apop);
	assert_non_null(strstr(seen.text, ">APOP [...]\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_pass),
		cmocka_unit_test(test_secrets_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
