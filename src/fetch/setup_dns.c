/* See setup_dns.h. What a name server says is a stranger's word: glibc's parser looks at every length. */

#include "fetch/setup_dns.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_SIZE 8192

/* RFC 2782: the lowest priority. Of one priority the heaviest: this asks once, and need not share the load. */
static int
by_priority(const void *a, const void *b)
{
	const struct srv *x = a, *y = b;

	return x->priority != y->priority ? x->priority - y->priority : y->weight - x->weight;
}

/* False: it is no SRV record, or a broken one. */
static bool
record_parse(ns_msg *message, int index, struct srv *srv)
{
	const unsigned char *data;
	ns_rr record;

	if (ns_parserr(message, ns_s_an, index, &record) != 0 || ns_rr_type(record) != ns_t_srv ||
	    ns_rr_rdlen(record) < 7)
		return false;
	data = ns_rr_rdata(record);
	srv->priority = (uint16_t)ns_get16(data);
	srv->weight = (uint16_t)ns_get16(data + 2);
	srv->port = (uint16_t)ns_get16(data + 4);
	return ns_name_uncompress(
		   ns_msg_base(*message), ns_msg_end(*message), data + 6, srv->host, sizeof(srv->host)) > 0;
}

/* It comes from elsewhere, is shown, and is written into a file. */
static bool
host_is_sound(const char *host)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

	return host[0] != '\0' && host[0] != '-' && host[0] != '.' && host[strspn(host, letters)] == '\0';
}

size_t
srv_parse(const unsigned char *answer, size_t size, struct srv found[], size_t max, bool *is_denied)
{
	size_t count = 0;
	ns_msg message;

	*is_denied = false;
	if (ns_initparse(answer, (int)size, &message) != 0)
		return 0;
	for (int i = 0; i < ns_msg_count(message, ns_s_an) && count < max; i++) {
		if (!record_parse(&message, i, &found[count]))
			continue;
		/* The root as the target: "decidedly not available at this domain". */
		if (strcmp(found[count].host, ".") == 0 || found[count].host[0] == '\0')
			*is_denied = true;
		else if (found[count].port != 0 && host_is_sound(found[count].host))
			count++;
	}
	qsort(found, count, sizeof(found[0]), by_priority);
	return count;
}

#ifdef RESTANTE_TEST_HOOKS
/* A test's name server: "127.0.0.1:5353". */
static void
use_test_server(struct __res_state *resolver)
{
	const char *server = getenv("RESTANTE_TEST_NAMESERVER");
	struct sockaddr_in *address = &resolver->nsaddr_list[0];

	if (server == NULL)
		return;
	resolver->nscount = 1;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address->sin_port = htons((uint16_t)atoi(strchr(server, ':') + 1));
}
#endif

size_t
srv_find(const char *service, struct srv found[], size_t max, bool *is_denied)
{
	struct __res_state resolver;
	unsigned char answer[ANSWER_SIZE];
	size_t count = 0;
	int size;

	*is_denied = false;
	memset(&resolver, 0, sizeof(resolver));
	if (res_ninit(&resolver) != 0)
		return 0;
#ifdef RESTANTE_TEST_HOOKS
	use_test_server(&resolver);
#endif
	size = res_nquery(&resolver, service, ns_c_in, ns_t_srv, answer, sizeof(answer));
	if (size > 0)
		count =
		    srv_parse(answer, size < ANSWER_SIZE ? (size_t)size : ANSWER_SIZE, found, max, is_denied);
	res_nclose(&resolver);
	return count;
}
