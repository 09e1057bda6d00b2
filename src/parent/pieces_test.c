/* Back-off, addresses, socket activation, whose maildrop process may be started, and the ring. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "parent/parent.h"

static void
test_backoff(void **state)
{
	static const struct {
		uint64_t last, lived, next;
	} cases[] = {
		{ 0, 0, 100 },
		{ 0, 100000, 100 },
		{ 100, 5, 200 },
		{ 200, 59999, 400 },
		{ 12800, 0, 25600 },
		{ 25600, 0, 30000 },
		{ 30000, 0, 30000 },
		{ 30000, 59999, 30000 },
		{ 30000, 60000, 100 },
		{ 800, 3600000, 100 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(backoff_next(cases[i].last, cases[i].lived), cases[i].next);
}

static void
test_uids(void **state)
{
	static const struct {
		uint32_t self, uid, gid;
		bool accepted;
	} cases[] = {
		{ 0, 1000, 1000, true },
		{ 0, 60000, 8, true },
		{ 0, 999, 1000, false },
		{ 0, 60001, 1000, false },
		{ 0, 0, 0, false },
		{ 0, 0, 1000, false },
		{ 0, 1000, 0, false },
		{ 0, 65534, 1000, false },
		{ 0, UINT32_MAX, 1000, false },
		{ 0, 1000, UINT32_MAX, false },
		{ 500, 500, 500, true },
		{ 500, 501, 500, false },
		{ 500, 0, 0, false },
		{ 500, 1000, 1000, false },
	};
	static struct config config;

	(void)state;
	config_defaults(&config);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    uid_problem(&config, cases[i].self, cases[i].uid, cases[i].gid) == NULL,
		    cases[i].accepted);
	/* Wide limits open neither root nor nobody. */
	config.first_uid = 1;
	config.last_uid = UINT32_MAX - 1;
	assert_null(uid_problem(&config, 0, 1, 1));
	assert_non_null(uid_problem(&config, 0, 0, 1));
	assert_non_null(uid_problem(&config, 0, 65534, 65534));
}

static struct address
one_address(const char *text, uint32_t port)
{
	struct config_listener listener = { .port = port };
	struct address found[2];

	snprintf(listener.address, sizeof(listener.address), "%s", text);
	assert_true(addresses_of(&listener, found) >= 1);
	return found[0];
}

static void
test_addresses(void **state)
{
	struct config_listener any = { .address = "*", .port = 110 };
	struct address found[2];
	char text[LISTENER_SIZE];

	(void)state;
	assert_int_equal(addresses_of(&any, found), 2);
	address_text(&found[0], text);
	assert_string_equal(text, "0.0.0.0:110");
	address_text(&found[1], text);
	assert_string_equal(text, "[::]:110");
	found[0] = one_address("2001:db8::1", 995);
	address_text(&found[0], text);
	assert_string_equal(text, "[2001:db8::1]:995");
}

static void
test_activation_matches(void **state)
{
	static const struct {
		const char *have;
		uint32_t have_port;
		bool dual;
		const char *wanted;
		uint32_t wanted_port;
		bool serves;
	} cases[] = {
		{ "0.0.0.0", 110, false, "0.0.0.0", 110, true },
		{ "0.0.0.0", 110, false, "0.0.0.0", 995, false },
		{ "::", 110, true, "::", 110, true },
		{ "::", 110, true, "0.0.0.0", 110, true },
		{ "::", 110, false, "0.0.0.0", 110, false },
		{ "::", 110, true, "0.0.0.0", 995, false },
		{ "::", 110, true, "127.0.0.1", 110, false },
		{ "::1", 110, true, "0.0.0.0", 110, false },
		{ "127.0.0.1", 110, false, "0.0.0.0", 110, false },
		{ "127.0.0.1", 110, false, "127.0.0.1", 110, true },
		{ "2001:db8::1", 110, false, "2001:db8:0::1", 110, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address have = one_address(cases[i].have, cases[i].have_port);
		struct address wanted = one_address(cases[i].wanted, cases[i].wanted_port);

		assert_int_equal(address_serves(&have, cases[i].dual, &wanted), cases[i].serves);
	}
}

/* A free port of the loopback address, and a socket that listens there. */
static int
listen_somewhere(const char *host, bool v6only, uint32_t *port)
{
	struct address address = one_address(host, 0);
	int descriptor = socket(address.socket.ss_family, SOCK_STREAM, 0), on = v6only;

	assert_true(descriptor >= 0);
	if (address.socket.ss_family == AF_INET6)
		setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(descriptor, (struct sockaddr *)&address.socket, address.size) < 0)
		return -1;
	assert_int_equal(listen(descriptor, 1), 0);
	assert_int_equal(
	    getsockname(descriptor, (struct sockaddr *)&address.socket, &address.size), 0);
	*port = ntohs(address.socket.ss_family == AF_INET
			  ? ((struct sockaddr_in *)&address.socket)->sin_port
			  : ((struct sockaddr_in6 *)&address.socket)->sin6_port);
	return descriptor;
}

static void
test_activated_socket_is_used(void **state)
{
	static struct listeners none, next;
	static struct config config;
	struct activated activated = { .count = 1 };
	struct error error;
	uint32_t port;

	(void)state;
	config_defaults(&config);
	config.listener_count = 1;
	activated.list[0].socket = listen_somewhere("127.0.0.1", false, &port);
	activated.list[0].address = one_address("127.0.0.1", port);
	snprintf(config.listeners[0].address, PEER_SIZE, "127.0.0.1");
	config.listeners[0].port = port;
	assert_int_equal(listeners_prepare(&next, &none, &config, &activated, &error), 0);
	assert_int_equal(next.count, 1);
	assert_true(next.list[0].activated);
	assert_int_equal(next.list[0].socket, activated.list[0].socket);
	/* Without activation that port is taken, and that is said. */
	activated.count = 0;
	assert_int_equal(listeners_prepare(&next, &none, &config, &activated, &error), -1);
	assert_non_null(strstr(error.text, "in use"));
	close(activated.list[0].socket);
}

/* A dual-stack socket serves both addresses of "*" and is handed out once. */
static void
test_dual_stack_activation(void **state)
{
	static struct listeners none, next;
	static struct config config;
	struct activated activated = { .count = 1 };
	struct error error;
	uint32_t port;

	(void)state;
	config_defaults(&config);
	config.listener_count = 1;
	activated.list[0].socket = listen_somewhere("::", false, &port);
	if (activated.list[0].socket < 0)
		skip();
	activated.list[0].address = one_address("::", port);
	activated.list[0].dual = true;
	snprintf(config.listeners[0].address, PEER_SIZE, "*");
	config.listeners[0].port = port;
	assert_int_equal(listeners_prepare(&next, &none, &config, &activated, &error), 0);
	assert_int_equal(next.count, 1);
	assert_true(next.list[0].activated);
	close(activated.list[0].socket);
}

static void
test_ports_are_not_shared(void **state)
{
	static struct listeners none, first, second;
	static struct config config;
	const struct activated activated = { .count = 0 };
	struct error error;

	(void)state;
	config_defaults(&config);
	config.listener_count = 1;
	snprintf(config.listeners[0].address, PEER_SIZE, "127.0.0.1");
	close(listen_somewhere("127.0.0.1", false, &config.listeners[0].port));
	assert_int_equal(listeners_prepare(&first, &none, &config, &activated, &error), 0);
	assert_int_equal(listeners_prepare(&second, &none, &config, &activated, &error), -1);
	close(first.list[0].socket);
}

/* What stays is kept open, what goes is closed, what fails changes nothing. */
static void
test_listeners_change(void **state)
{
	static struct listeners now, next;
	static struct config config;
	const struct activated activated = { .count = 0 };
	struct error error;
	uint32_t ports[2], taken_port;
	int sockets[2], kept, dropped;
	int taken = listen_somewhere("127.0.0.1", false, &taken_port);

	(void)state;
	config_defaults(&config);
	config.listener_count = 2;
	for (int i = 0; i < 2; i++) {
		sockets[i] = listen_somewhere("127.0.0.1", false, &ports[i]);
		snprintf(config.listeners[i].address, PEER_SIZE, "127.0.0.1");
		config.listeners[i].port = ports[i];
	}
	close(sockets[0]);
	close(sockets[1]);
	assert_int_equal(listeners_prepare(&next, &now, &config, &activated, &error), 0);
	listeners_commit(&now, &next);
	assert_int_equal(now.count, 2);
	kept = now.list[0].socket;
	dropped = now.list[1].socket;

	config.listeners[1].port = taken_port;
	assert_int_equal(listeners_prepare(&next, &now, &config, &activated, &error), -1);
	assert_int_equal(dup2(kept, kept), kept);
	assert_int_equal(dup2(dropped, dropped), dropped);

	config.listener_count = 1;
	config.listeners[0].tls = CONFIG_TLS_STLS;
	assert_int_equal(listeners_prepare(&next, &now, &config, &activated, &error), 0);
	listeners_commit(&now, &next);
	assert_int_equal(now.list[0].socket, kept);
	assert_int_equal(now.list[0].tls, CONFIG_TLS_STLS);
	assert_int_equal(dup2(kept, kept), kept);
	assert_int_equal(dup2(dropped, dropped), -1);
	close(kept);
	close(taken);
}

static int
connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	result = connect(descriptor, (struct sockaddr *)&address, sizeof(address));
	close(descriptor);
	return result;
}

/* A Unix socket: in the place of a dead one, never of a living one or of a file; gone at the end. */
static void
test_unix_listeners(void **state)
{
	static struct listeners none, now, next;
	static struct config config;
	const struct activated activated = { .count = 0 };
	char directory[] = "/tmp/pieces_test_XXXXXX", path[64];
	struct stat status;
	struct error error;
	int kept;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/lmtp", directory);
	config_defaults(&config);
	config.listener_count = 1;
	config.listeners[0].protocol = CONFIG_LMTP;
	snprintf(config.listeners[0].address, LISTENER_SIZE, "%s", path);
	strcpy(config.listeners[0].mode, "0604");
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(listeners_prepare(&next, &none, &config, &activated, &error), -1);
	assert_non_null(strstr(error.text, "no socket"));
	assert_int_equal(unlink(path), 0);

	assert_int_equal(listeners_prepare(&now, &none, &config, &activated, &error), 0);
	assert_string_equal(now.list[0].text, path);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0604);
	assert_int_equal(connect_to(path), 0);
	/* Another server. */
	assert_int_equal(listeners_prepare(&next, &none, &config, &activated, &error), -1);
	assert_non_null(strstr(error.text, "another server has it"));
	assert_int_equal(connect_to(path), 0);
	/* A reload keeps it, with what is new about it. */
	kept = now.list[0].socket;
	strcpy(config.listeners[0].mode, "0600");
	assert_int_equal(listeners_prepare(&next, &now, &config, &activated, &error), 0);
	listeners_commit(&now, &next);
	assert_int_equal(now.list[0].socket, kept);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	strcpy(config.listeners[0].group, "no-such-group");
	assert_int_equal(listeners_prepare(&next, &now, &config, &activated, &error), -1);
	assert_int_equal(connect_to(path), 0);
	config.listeners[0].group[0] = '\0';

	/* The server dies: the path stays, and is no obstacle. */
	close(kept);
	assert_int_equal(connect_to(path), -1);
	assert_int_equal(listeners_prepare(&now, &none, &config, &activated, &error), 0);
	assert_int_equal(connect_to(path), 0);
	listeners_remove(&now);
	assert_int_equal(access(path, F_OK), -1);
	close(now.list[0].socket);
	assert_int_equal(rmdir(directory), 0);
}

/* A ring without processes: what children would hear comes out at the other end. */
static struct {
	struct parent parent;
	struct child auth, other;
	struct ipc_channel auth_hears, other_hears;
	struct ipc_message message;
} ring;

static void
ring_child(struct child *child, struct ipc_channel *hears, enum ipc_role role)
{
	struct error error;
	int ends[2];

	*child = (struct child){ .role = role, .state = CHILD_READY, .pid = getpid(),
		.kill_at = NEVER, .wanted = true, .next = ring.parent.children };
	ring.parent.children = child;
	assert_int_equal(ipc_pair(ends, &error), 0);
	channel_open(&child->control, ends[0], IPC_PARENT, role);
	channel_open(hears, ends[1], role, IPC_PARENT);
}

static void
ring_make(enum ipc_role role)
{
	memset(&ring, 0, sizeof(ring));
	config_defaults(&ring.parent.config);
	ring_child(&ring.auth, &ring.auth_hears, IPC_AUTH);
	ring_child(&ring.other, &ring.other_hears, role);
}

static void
ring_break(void)
{
	channel_close(&ring.auth.control);
	channel_close(&ring.auth_hears);
	channel_close(&ring.other.control);
	channel_close(&ring.other_hears);
}

/* The type of the next message; 0: there is none. */
static int
hears(struct ipc_channel *channel)
{
	struct error error;

	if (channel_receive(channel, &ring.message, &error) <= 0)
		return 0;
	if (ring.message.descriptor >= 0)
		close(ring.message.descriptor);
	return ring.message.type;
}

static void
test_a_lost_channel_is_replaced(void **state)
{
	const struct ipc_channel_for lost = { .role = IPC_AUTH };
	struct error error;

	(void)state;
	ring_make(IPC_LOGIN);
	ring.other.slot = 3;
	for (int i = 0; i < 100; i++)
		assert_int_equal(
		    channel_send(&ring.other_hears, IPC_CHANNEL_LOST, &lost, -1, &error), 0);
	child_hear(&ring.parent, &ring.other);
	assert_int_equal(hears(&ring.other_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_AUTH);
	assert_int_equal(hears(&ring.auth_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_LOGIN);
	assert_int_equal(ring.message.body.channel.slot, 3);
	/* Once, however often it says so; and again when time has passed. */
	assert_int_equal(hears(&ring.auth_hears), 0);
	ring.other.joined_at -= 1000;
	ring_join_again(&ring.parent, &ring.other);
	assert_int_equal(hears(&ring.auth_hears), IPC_CHANNEL);
	ring_break();
}

/* A maildrop process that cannot be joined to auth is of no use; auth must not wait for it. */
static void
test_a_maildrop_without_a_channel(void **state)
{
	struct rlimit before, full;
	char root[] = "/srv";
	int last = dup(0);

	(void)state;
	ring_make(IPC_MAILDROP);
	ring.other.root = root;
	ring.other.uid = ring.other.gid = 5000;
	close(last);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	full = (struct rlimit){ (rlim_t)last, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
	maildrop_ready(&ring.parent, &ring.other);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(hears(&ring.auth_hears), IPC_NOT_STARTED);
	assert_int_equal(ring.message.body.not_started.uid, 5000);
	assert_string_equal(ring.message.body.not_started.root, root);
	assert_int_equal(ring.message.body.not_started.kind, ERROR_TEMPORARY);
	assert_int_equal(hears(&ring.other_hears), IPC_STOP);
	assert_int_equal(ring.other.state, CHILD_STOPPING);
	ring_break();
	/* With room there is nothing to say about it. */
	ring_make(IPC_MAILDROP);
	ring.other.root = root;
	maildrop_ready(&ring.parent, &ring.other);
	assert_int_equal(hears(&ring.other_hears), IPC_CHANNEL);
	assert_int_equal(hears(&ring.auth_hears), IPC_STARTED);
	assert_int_equal(hears(&ring.auth_hears), 0);
	ring_break();
}

/* A maildrop and a login know of each other before auth speaks of either; others are left alone. */
static void
test_login_and_maildrop_are_joined(void **state)
{
	struct ipc_channel maildrop_hears;
	struct child maildrop;
	struct error error;

	(void)state;
	ring_make(IPC_LOGIN);
	ring.other.slot = 3;
	ring_child(&maildrop, &maildrop_hears, IPC_MAILDROP);
	maildrop.number = 17;
	maildrop_ready(&ring.parent, &maildrop);
	assert_int_equal(hears(&maildrop_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_LOGIN);
	assert_int_equal(ring.message.body.channel.slot, 3);
	assert_int_equal(hears(&maildrop_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_AUTH);
	assert_int_equal(hears(&ring.other_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_MAILDROP);
	assert_int_equal(ring.message.body.channel.slot, 17);
	assert_int_equal(hears(&ring.other_hears), 0);
	assert_int_equal(hears(&ring.auth_hears), IPC_STARTED);
	assert_int_equal(ring.message.body.started.number, 17);
	/* The same when it is the login that is new; and no more than auth's when auth is. */
	assert_int_equal(ring_join(&ring.parent, &ring.other), 0);
	assert_int_equal(hears(&ring.other_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.slot, 17);
	assert_int_equal(hears(&ring.other_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_AUTH);
	assert_int_equal(hears(&maildrop_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_LOGIN);
	assert_int_equal(hears(&ring.auth_hears), IPC_CHANNEL);
	ring_join_all(&ring.parent);
	assert_int_equal(hears(&maildrop_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_AUTH);
	assert_int_equal(hears(&maildrop_hears), 0);
	assert_int_equal(hears(&ring.other_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_AUTH);
	/* A door that was lost is made anew, but not at once again, and only to a process that there is. */
	for (uint32_t number = 16; number <= 17; number++)
		for (int i = 0; i < 5; i++)
			assert_int_equal(channel_send(&ring.other_hears, IPC_CHANNEL_LOST,
			    &(struct ipc_channel_for){ IPC_MAILDROP, number }, -1, &error), 0);
	child_hear(&ring.parent, &ring.other);
	assert_int_equal(hears(&maildrop_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.role, IPC_LOGIN);
	assert_int_equal(hears(&ring.other_hears), IPC_CHANNEL);
	assert_int_equal(ring.message.body.channel.slot, 17);
	assert_int_equal(hears(&ring.other_hears), 0);
	/* One that was asked to leave gets no new client. */
	maildrop.retired = true;
	assert_int_equal(ring_join(&ring.parent, &ring.other), 0);
	assert_int_equal(hears(&maildrop_hears), 0);
	channel_close(&maildrop.control);
	channel_close(&maildrop_hears);
	ring_break();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_uids),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_activation_matches),
		cmocka_unit_test(test_activated_socket_is_used),
		cmocka_unit_test(test_dual_stack_activation),
		cmocka_unit_test(test_ports_are_not_shared),
		cmocka_unit_test(test_listeners_change),
		cmocka_unit_test(test_unix_listeners),
		cmocka_unit_test(test_a_lost_channel_is_replaced),
		cmocka_unit_test(test_a_maildrop_without_a_channel),
		cmocka_unit_test(test_login_and_maildrop_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
