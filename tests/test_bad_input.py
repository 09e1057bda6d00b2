"""What strangers and broken clients send: a clear -ERR or a closed connection, and nothing else
suffers."""

import contextlib
import socket
import ssl
import threading
import time
import warnings

import pytest

import restante
from restante import memory_kib, wait_until

MEBIBYTE = 1 << 20
# What a process may grow by while somebody floods it: far less than the flood.
GROWTH_KIB = 12 * 1024


@contextlib.contextmanager
def bounded_memory(server):
    """No process grows with what a stranger sends."""
    before = {pid: memory_kib(pid) for pid in server.all_pids()}
    yield
    for pid in server.all_pids():
        grown = memory_kib(pid) - before.get(pid, 0)
        assert pid not in before or grown < GROWTH_KIB, (restante.program_of(pid), grown)


@pytest.fixture(params=["before login", "after login", "after login, TLS"])
def client(request, shared, user):
    user.deliver(b"Subject: x\n\ntext\n")
    if request.param == "before login":
        client = shared.connect("clear")
    else:
        client = shared.login(user, "implicit" if "TLS" in request.param else "clear")
    with client:
        yield client


def test_longest_line_and_one_more(client):
    assert client.command("NOOP" + " " * 249) == client.command("NOOP")  # 255 with CRLF
    client.error("NOOP" + " " * 250)
    client.ok("CAPA")


@pytest.mark.parametrize("size", [256, 4096, 65536, 1000000])
def test_long_line_is_one_error_and_is_skipped(client, size):
    client.send(b"x" * size + b"\r\nCAPA\r\n")
    assert client.line().startswith(b"-ERR ")
    assert client.line().startswith(b"+OK ")
    client.lines()


def test_endless_line_takes_no_memory(shared, client):
    client.error(b"x" * 1000)
    with bounded_memory(shared):
        for _ in range(64):
            client.send(b"x" * MEBIBYTE)
    client.send(b"\r\n")
    assert client.line().startswith(b"-ERR ")
    client.ok("CAPA")


def test_nul_is_one_error(client):
    client.error(b"NOOP\0")
    client.error(b"\0")
    client.error(b"CAPA\0CAPA")
    client.ok("CAPA")


def test_bare_carriage_return_ends_no_line(client):
    client.error(b"CAPA\rCAPA")
    client.ok(b"CAPA")
    client.lines()
    client.error(b"CAPA\r\r")
    client.ok("CAPA")


@pytest.mark.parametrize("octets", [b"\xff\xfe\xfd", "g\u00fcnther".encode(), b"STAT\xa0", b"\x1b[2J",
                                    b"\x7f", b"%s%n%s%n", b"'; drop table", b"STATSTATSTATSTATSTATSTAT"])
def test_other_octets_are_an_error(client, octets):
    client.error(octets)
    client.ok("CAPA")


@pytest.mark.parametrize("name", ["g\u00fcnther", "\u4f60\u597d", "../../etc/passwd", "a b c", "a/b",
                                  "%h", "-", "x" * 240, "a:b", '"anna"', "\\", "$(id)"])
def test_strange_user_name_is_an_unknown_user(shared, name):
    with shared.connect("clear") as client:
        reply = client.command("USER " + name)
        if reply.startswith(b"+OK "):
            assert client.error("PASS secret").startswith("[AUTH] ")
        client.ok("CAPA")


def test_octets_that_are_no_utf8(shared):
    with shared.connect("clear") as client:
        client.command(b"USER \xff\xfe\x80")
        client.command(b"PASS \xff")
        client.ok("CAPA")


def test_log_cannot_be_forged(shared):
    with shared.connect("clear") as client:
        client.command(b"USER x\rrestanted[1]: stopped status=0 \x1b[31m")
        client.command(b"PASS x")
        client.ok("CAPA")
    assert "\x1b" not in shared.log() and "\r" not in shared.log()
    assert not shared.events("stopped")


def test_tls_client_on_the_clear_port(shared, user):
    for mode in ("clear", "stls"):
        with shared.connect(mode) as client:
            with pytest.raises((ssl.SSLError, OSError)):
                client.wrap()
    shared.login(user).close()


def test_clear_client_on_the_tls_port(shared, user):
    for octets in (b"CAPA\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\0" * 1000):
        with shared.connect("implicit-raw", greeting=False) as client:
            client.send(octets)
            assert b"+OK" not in client.rest()
    shared.login(user, "implicit").close()


def test_clear_commands_instead_of_the_handshake(shared, user):
    with shared.connect("stls") as client:
        client.ok("STLS")
        client.send(b"USER %s\r\nPASS %s\r\nSTAT\r\n" % (user.name.encode(), user.password.encode()))
        assert b"+OK" not in client.rest()


def test_tls_1_1_is_refused(shared):
    context = restante.trusting_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with shared.connect("stls") as client:
        client.ok("STLS")
        with pytest.raises((ssl.SSLError, OSError)):
            client.wrap(context)


def test_http_request_is_closed_after_a_few_errors(shared):
    with shared.connect("clear") as client:
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Header: y\r\n" * 40 + b"\r\n")
        replies = client.rest().split(b"\r\n")
        assert 0 < len(replies) <= 11
        assert all(reply.startswith(b"-ERR ") for reply in replies[:-1])


@pytest.mark.parametrize("mode", ["clear", "implicit"])
@pytest.mark.parametrize("last", [b"QUIT\r\n", b"BOGUS\r\n" * 20])
@pytest.mark.parametrize("state", ["before login", "after login"])
def test_the_last_reply_comes_before_what_nobody_reads(shared, user, mode, last, state):
    for _ in range(5):
        with shared.connect(mode) if state == "before login" else shared.login(user, mode) as client:
            client.ok("CAPA")
            client.lines()
            client.send(last + b"X-Header: y\r\n" * 20000)
            pieces = []
            while octets := client.socket.recv(65536):  # it would raise at a reset
                pieces.append(octets)
            replies = b"".join(pieces).split(b"\r\n")
            assert replies[-2:-1] and replies[-1] == b"", replies
            assert replies[-2].startswith(b"+OK " if last.startswith(b"QUIT") else b"-ERR ")


def test_bad_commands_end_the_connection(make_server):
    server = make_server()
    anna = server.add_user("anna")
    server.options["bad_commands_max"] = 3
    server.start()
    for begin in (lambda: server.connect("clear"), lambda: server.login(anna),
                  lambda: server.login(anna, "implicit")):
        with begin() as client:
            client.send(b"BOGUS\r\n" * 20)
            replies = client.rest().split(b"\r\n")
            assert len(replies) == 4, replies
            assert all(reply.startswith(b"-ERR ") for reply in replies[:-1])


def test_bad_commands_are_answered_ever_more_slowly(make_server):
    # That an answer comes not before its time holds on the slowest host.
    server = make_server()
    anna = server.add_user("anna")
    server.options["bad_command_delay_milliseconds"] = 300
    server.start()
    for client in (server.connect("clear"), server.login(anna)):
        with client:
            taken = []
            for _ in range(4):
                began = time.monotonic()
                client.error("BOGUS")
                taken.append(time.monotonic() - began)
            assert taken[2] >= 0.3 and taken[3] >= 0.6, taken


def test_connection_that_says_nothing_costs_nobody_else(shared, user):
    silent = [shared.connect("clear", greeting=False) for _ in range(50)]
    silent += [shared.connect("implicit-raw", greeting=False) for _ in range(50)]
    with shared.login(user) as client:
        client.ok("STAT")
    for client in silent:
        client.close()


def send_until_stuck(client, flood):
    """Sends without reading; how many octets went before nothing more would for a second."""
    client.socket.setblocking(False)
    sent = 0
    moved = time.monotonic()
    while sent < len(flood) and time.monotonic() - moved < 1:
        try:
            sent += client.socket.send(flood[sent:sent + 65536])
            moved = time.monotonic()
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            time.sleep(0.01)
    client.socket.setblocking(True)
    client.socket.settimeout(restante.PATIENCE_SECONDS)
    return sent


@pytest.mark.parametrize("state", ["before login", "clear", "implicit"])
def test_100000_pipelined_commands_from_a_client_that_does_not_read(shared, user, state):
    count = 100000
    user.deliver(b"Subject: x\n\ntext\n")
    # Long ones: 20 MB are more than the kernel keeps.
    command = (b"CAPA" if state == "before login" else b"UIDL") + b" " * 200 + b"\r\n"
    lines = 3
    if state == "before login":
        client = shared.connect("clear", receive_size=4096)
        client.ok("CAPA")
        lines = len(client.lines()) + 2
    else:
        client = shared.login(user, state, receive_size=4096)
    flood = command * count
    other_user = next(shared.unused)
    with client:
        with bounded_memory(shared):
            sent = send_until_stuck(client, flood)
            for mode in ("clear", "implicit"):
                with shared.login(other_user, mode) as other:
                    other.ok("STAT")
                    other.ok("QUIT")
        # Once it reads, each command is answered, in order.
        assert sent < len(flood), "no back-pressure"
        reader = threading.Thread(target=client.send, args=(flood[sent:] + b"QUIT\r\n",))
        if state == "implicit":
            # One thread at a time may use a TLS connection: what was sent is enough.
            whole = sent // len(command)
            dots = 0
            while dots < whole:
                if client.line() == b".":
                    dots += 1
            return
        reader.start()
        seen = client.rest()
        reader.join()
        assert seen.count(b"\r\n") == lines * count + 1
        assert seen.count(b"\r\n.\r\n") == count


def test_large_message_to_a_client_that_does_not_read(shared, user):
    user.deliver(b"Subject: large\n\n" + b"some text on a line\n" * 2000000)
    with shared.login(user, receive_size=4096) as client:
        with bounded_memory(shared):
            client.send(b"RETR 1\r\n" * 10)
            other_user = next(shared.unused)
            for mode in ("clear", "implicit"):
                with shared.login(other_user, mode) as other:
                    other.ok("STAT")
                    other.ok("QUIT")
    wait_until(lambda: shared.events("session-end", user=user.name), "the end of the session")
    assert len(user.stored()) == 1


def test_more_connections_from_one_address_than_allowed(make_server):
    server = make_server()
    server.add_user("anna")
    server.options["connections_per_address_max"] = 5
    server.options["login_processes"] = 1
    server.start()
    crowd = [server.connect("clear") for _ in range(5)]
    with server.connect("clear", greeting=False) as late:
        assert not late.rest().startswith(b"+OK")
    with server.connect("clear", source="127.0.0.2") as elsewhere:
        elsewhere.ok("CAPA")
    for client in crowd:
        client.ok("CAPA")
        client.close()

    def admitted():
        with server.connect("clear", greeting=False) as client:
            return client.fill() and client.pending.startswith(b"+OK ")

    wait_until(admitted, "a free place")


def test_half_closed_connection(shared, user):
    user.deliver(b"Subject: x\n\ntext\n")
    with shared.connect("clear") as client:
        client.send(b"USER %s\r\nPASS %s\r\nRETR 1\r\nQUIT\r\n"
                    % (user.name.encode(), user.password.encode()))
        client.socket.shutdown(socket.SHUT_WR)
        replies = client.rest()
        assert b"Subject: x\r\n" in replies and replies.count(b"+OK ") == 4
