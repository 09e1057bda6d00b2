"""Mail comes from another server, and no client fetches again what it has: Debian's Dovecot and
Courier serve a Maildir first, then restante does, on the same port, for the same client."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading

import pytest

import restante
from oldservers import OLD_SERVERS, Dovecot
from restante import TOP, wait_until
from test_clients import fetched, getmail, make_maildir, mpop, place  # noqa: F401

CLIENTS = {
    "mpop": lambda server, user, place: mpop(server, user, "clear", place, keep=True),
    "getmail": lambda server, user, place: getmail(server, user, "clear", place, delete=False),
}


@pytest.fixture(params=OLD_SERVERS)
def old(request, make_server):
    """(kind, server, start): start(port, settings) is the old server, to be used with `with`."""
    return prepare(request.param, make_server)


def prepare(kind, make_server):
    if os.getuid() != 0:
        pytest.skip("other servers are started by root")
    if OLD_SERVERS[kind].missing():
        pytest.skip("Debian's %s is not installed" % kind)
    server = make_server()
    user = server.add_user("anna")
    subprocess.run([TOP + "/tools/demonstration", user.maildir], check=True)
    user.give_away()
    return kind, server, lambda port, settings="": OLD_SERVERS[kind](
        server.directory + "/old-%d" % port, server, port, settings)


class Port:
    """As much of a server as a client has to know."""

    def __init__(self, port):
        self.clear_port = self.port = self.tls_port = port


def log_in(client, user):
    """Some servers say nothing behind +OK."""
    assert client.command("USER " + user.name).startswith(b"+OK")
    assert client.command("PASS " + user.password).startswith(b"+OK")


def listing(port, user):
    """UIDL -> size, as a client sees it, and the UIDLs in order."""
    with restante.Client(port) as client:
        client.line()
        log_in(client, user)
        replies = []
        for command in ("UIDL", "LIST"):
            assert client.command(command).startswith(b"+OK")
            replies.append([line.split()[1].decode() for line in client.lines()])
        assert client.command("QUIT").startswith(b"+OK")
    uidls, sizes = replies[0], list(map(int, replies[1]))
    assert len(set(uidls)) == len(uidls) == len(sizes)
    return dict(zip(uidls, sizes)), uidls


def ours(server, user):
    return listing(server.clear_port, user)


def imported(server, *arguments):
    finished = server.control("import-uidl", *arguments)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_is_fetched_again(old, client, place, workshop):  # noqa: F811
    kind, server, start = old
    fetch = CLIENTS[client]
    user = server.users["anna"]
    inbox = make_maildir(place)
    with start(server.clear_port):
        fetch(Port(server.clear_port), user, place)
        everything = fetched(inbox)
        assert len(everything) == len(user.stored()) == 15
        fetch(Port(server.clear_port), user, place)
        assert fetched(inbox) == everything
    # Without the import all is fetched again; this client has a copy of the other's memory. What it
    # calls by the name of its directory has to be called by the copy's.
    server.start()
    other = place + "-other"
    shutil.copytree(place, other)
    fetch(server, user, other)
    assert len(fetched(other + "/inbox")) == 30
    # A dry run says the same and changes nothing.
    before = ours(server, user)
    said = imported(server, "--dry-run", "anna")
    assert "anna: 15 messages, 15 UIDLs taken, 0 already had, 0 without one" in said
    assert "Nothing was changed" in said
    assert ours(server, user) == before
    assert imported(server, "--from", kind, "anna") == said.replace("Nothing was changed (--dry-run).\n", "")
    assert "anna: 15 messages, 0 UIDLs taken, 15 already had" in imported(server, "anna")
    fetch(server, user, place)
    assert fetched(inbox) == everything
    # New mail arrives: exactly that.
    user.deliver(b"Subject: new\n\nmail\n")
    fetch(server, user, place)
    assert len(fetched(inbox)) == 16
    assert b"Subject: new\r\n\r\nmail\r\n" in b"".join(fetched(inbox))
    shutil.rmtree(other)


FORMATS = ["%08Xu%08Xv", "%08Xv%08Xu", "%v.%u", "%v-%u", "%u", "%f", "%g", "%Mf", "%LMg%3u", "%-4.3Xv-%05u",
           "%Rf", "%2.4v%%%XUu"]


@pytest.mark.parametrize("uidl_format", FORMATS)
def test_formats_of_dovecot(make_server, uidl_format):
    _, server, start = prepare("dovecot", make_server)
    user = server.users["anna"]
    port, = restante.free_ports(1)
    with start(port, "pop3_uidl_format = %s\n" % uidl_format):
        wanted, _ = listing(port, user)
    server.options["uidl_format"] = uidl_format
    server.start()
    imported(server, "anna")
    assert ours(server, user)[0] == wanted


def test_uidls_that_dovecot_was_given(make_server):
    """P in dovecot-uidlist: Dovecot itself has saved them there, and goes on giving them when its
    configuration says otherwise."""
    _, server, start = prepare("dovecot", make_server)
    user = server.users["anna"]
    port, = restante.free_ports(1)
    with start(port, "pop3_uidl_format = old-%u\npop3_save_uidl = yes\n"):
        listing(port, user)
    user.deliver(b"Subject: later\n\nmail\n")
    with start(port):
        wanted, _ = listing(port, user)
    assert sum(uidl.startswith("old-") for uidl in wanted) == 15 and len(wanted) == 16
    server.start()
    imported(server, "anna")
    assert ours(server, user)[0] == wanted


def test_flags_and_other_programs_afterwards(old):
    """Dovecot goes on in the same Maildir: moves it to cur/, flags it."""
    kind, server, start = old
    user = server.users["anna"]
    port, = restante.free_ports(1)
    with start(port):
        wanted = listing(port, user)
    server.start()
    imported(server, "anna")
    found = ours(server, user)
    if kind == "dovecot":
        assert found[0] == wanted[0]
    else:
        # Its order is ours; lines that are stored with CRLF it counts wrongly.
        assert found[1] == wanted[1]
    if Dovecot.missing():
        return
    seen = sum(":2,S" in path for path in user.files())
    with Dovecot(server.directory + "/later", server, port):
        with restante.Client(port) as client:
            client.line()
            log_in(client, user)
            client.retrieve(1)
            client.retrieve(2)
            assert client.command("QUIT").startswith(b"+OK")
    assert sum(":2,S" in path for path in user.files()) > seen
    assert ours(server, user) == found


def test_many_maildrops(make_server):
    """All users, or a tree: one that is in use, one without a list, one that is damaged, a link."""
    _, server, start = prepare("dovecot", make_server)
    anna = server.users["anna"]
    others = {name: server.add_user(name, **more) for name, more in (
        ("bert", {}), ("cleo", {"uid": restante.OTHER_MAIL_UID}), ("dora", {}), ("emil", {}))}
    for user in others.values():
        user.deliver(b"Subject: x\n\ny\n", name="1700000000.M1P1.x")
    port, = restante.free_ports(1)
    with start(port):
        wanted, _ = listing(port, anna)
        listing(port, others["bert"])
    for name, text in (("cleo", "3 V7 N9\n3 :1700000000.M1P1.x\n"), ("emil", "3 V7 N9\nx\n")):
        with open(others[name].maildir + "/dovecot-uidlist", "w") as file:
            file.write(text)
    # What a user makes of his directory concerns nobody else: a link to another's list.
    secret = server.directory + "/home/cleo/Maildir/dovecot-uidlist"
    os.chmod(secret, 0o600)
    for user in others.values():
        user.give_away()
    os.symlink(secret, others["dora"].maildir + "/dovecot-uidlist")
    server.start()
    with server.login(others["bert"]) as session:
        session.ok("STAT")
        finished = server.control("import-uidl", "--all")
    lines = dict(line.split(": ", 1) for line in finished.stdout.splitlines() if ": " in line)
    assert finished.returncode == 75  # that of the first that failed
    assert lines["anna"].startswith("15 messages, 15 UIDLs taken")
    assert "a session has the maildrop open" in lines["bert"]
    assert lines["cleo"].startswith("1 messages, 1 UIDLs taken")
    assert "cannot open dovecot-uidlist" in lines["dora"]
    assert "dovecot-uidlist: line 2: " in lines["emil"]
    assert "5 maildrops" in lines and "; 3 maildrops failed" in lines["5 maildrops"]
    assert ours(server, anna)[0] == wanted
    assert ours(server, others["cleo"])[1] == ["0000000300000007"]
    written = others["cleo"].maildir + "/restante-uidls"
    assert os.stat(written).st_uid == restante.OTHER_MAIL_UID and os.stat(written).st_mode & 0o777 == 0o600
    assert not os.path.exists(others["emil"].maildir + "/restante-uidls")
    os.unlink(others["dora"].maildir + "/dovecot-uidlist")
    os.unlink(others["emil"].maildir + "/dovecot-uidlist")
    wait_until(lambda: server.events("session-end", user="bert"), "the end of the session")
    finished = server.control("import-uidl", "--tree", server.directory + "/home")
    assert finished.returncode == 0, finished.stdout
    assert "5 maildrops: 17 messages, 1 UIDLs taken, 16 already had, 0 without one; 2 maildrops " \
        "without a list" in finished.stdout


def test_not_for_others(make_server):
    """An ordinary user works on what is theirs, and on nothing else."""
    _, server, _ = prepare("dovecot", make_server)
    user = server.users["anna"]
    server.write_users()
    server.write_configuration()
    command = ["setpriv", "--reuid", str(restante.OTHER_MAIL_UID), "--clear-groups",
               server.programs + "/restantectl", "-c", server.configuration_file, "import-uidl"]
    finished = subprocess.run([*command, user.maildir], capture_output=True, text=True)
    assert finished.returncode in (65, 77) and "only root" in finished.stdout + finished.stderr or \
        "cannot be looked at" in finished.stdout
    finished = server.control("import-uidl", "/etc")
    assert finished.returncode == 77 and "belongs to root" in finished.stdout


def test_a_plain_list(make_server):
    _, server, _ = prepare("dovecot", make_server)
    user = server.users["anna"]
    names = sorted(user.stored())
    path = server.directory + "/list"
    with open(path, "w") as file:
        file.write("".join("%s mine-%d\n" % (name, number) for number, name in enumerate(names[:10])))
    server.start()
    said = imported(server, "--from", "list", "--list", path, "anna")
    assert "15 messages, 10 UIDLs taken, 0 already had, 5 without one" in said
    assert "fetches them again" in said
    assert len([uidl for uidl in ours(server, user)[0] if uidl.startswith("mine-")]) == 10
    with open(path, "w") as file:
        file.write("%s twice\n%s twice\n" % tuple(names[:2]))
    finished = server.control("import-uidl", "--from", "list", "--list", path, "anna")
    assert finished.returncode == 65
    assert "both have the UIDL twice" in finished.stdout and "left as it was" in finished.stdout
    assert len([uidl for uidl in ours(server, user)[0] if uidl.startswith("mine-")]) == 10


@pytest.mark.parametrize("arguments", [
    [], ["--from", "cyrus", "anna"], ["--from", "list", "anna"], ["--all", "anna"],
    ["--all", "--tree", "/"], ["--list", "/dev/null", "anna"], ["--format", "%m", "anna"],
    ["--list", "/dev/null", "--from", "list", "anna", "bert"], ["--nonsense"]])
def test_arguments(server, arguments):
    server.write_users()
    server.write_configuration()
    finished = server.control("import-uidl", *arguments)
    assert finished.returncode == 64 and finished.stderr


# verify-uidl


def verified(server, port, *more, user="anna", password=restante.PASSWORD, host="127.0.0.1"):
    return server.control("verify-uidl", "--host", host, "--port", str(port), "--user", user,
                          "--password-command", "echo '%s'; echo more" % password, *more)


def test_verify(old):
    kind, server, start = old
    user = server.users["anna"]
    port, = restante.free_ports(1)
    with start(port):
        listing(port, user)
        server.start()
        finished = verified(server, port)
        assert finished.returncode == 65, finished.stderr
        assert "15 messages there, 15 here; 0 keep their UIDL" in finished.stdout
        assert "15 messages are only here; a client would fetch them, again" in finished.stdout
        assert "15 messages are only there:" in finished.stdout and "and 5 more" in finished.stdout
        imported(server, "anna")
        stored = user.stored()
        finished = verified(server, port)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert "15 messages there, 15 here; 15 keep their UIDL" in finished.stdout
        assert "No client would fetch anything again." in finished.stdout
        assert ("4 sizes differ" in finished.stdout) == (kind == "courier")
        unchanged = stored == user.stored()
        assert unchanged
        # One that is gone here, and one that is new to the old server, too.
        with server.login(user) as client:
            client.ok("DELE 3")
            client.ok("QUIT")
        user.deliver(b"Subject: new\n\nmail\n", name="1999999999.M1P1.x")
        finished = verified(server, port)
        assert finished.returncode == 65
        assert "15 messages there, 15 here; 14 keep" in finished.stdout
        assert "1 messages are only here" in finished.stdout and "1999999999.M1P1.x" in finished.stdout
        assert verified(server, port, password="wrong").returncode == 77
        with server.login(user):
            finished = verified(server, port)
            assert finished.returncode == 75 and "session" in finished.stderr


def test_verify_says_that_the_order_differs(make_server):
    """Dovecot's order is that of its UIDs, ours is that of the times in the names."""
    _, server, start = prepare("dovecot", make_server)
    user = server.users["anna"]
    port, = restante.free_ports(1)
    with start(port):
        listing(port, user)
        user.deliver(b"Subject: old\n\nmail\n", name="1.M1P1.x")
        listing(port, user)
        server.start()
        imported(server, "anna")
        finished = verified(server, port)
    assert finished.returncode == 0
    assert "The order differs from message 16 on (clients do not care)." in finished.stdout


@pytest.mark.parametrize("mode", ["stls", "implicit"])
def test_verify_over_tls(make_server, mode):
    _, server, start = prepare("dovecot", make_server)
    user = server.users["anna"]
    port, = restante.free_ports(1)
    with start(port, "ssl = required\n") as running:
        port = running.tls_port if mode == "implicit" else port
        authority = server.certificates[0][0]
        server.start()
        for host, trusted, status in (("127.0.0.1", True, 65), ("localhost", True, 65),
                                      ("127.0.0.1", False, 76)):
            finished = verified(server, port, "--tls", mode, "--ca-file" if trusted else "--ours",
                                authority if trusted else "anna", host=host)
            assert finished.returncode == status, (host, trusted, finished)
            assert ("15 messages there" in finished.stdout) == trusted
        with open(running.directory + "/log") as file:
            log = file.read()
        # Where the certificate was not good, no name was sent.
        assert log.count("Login: user=") == 2 and log.count("user=<anna>") >= 2, log
    assert user.stored()


class Hostile:
    """Says what it is told to, whatever it hears."""

    def __init__(self, *replies):
        self.replies, self.heard = replies, b""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()
        return self.socket.getsockname()[1]

    def __exit__(self, *_):
        self.socket.close()

    def serve(self):
        connection, _ = self.socket.accept()
        with connection, contextlib.suppress(OSError):
            for number, reply in enumerate(self.replies, 1):
                connection.sendall(reply)
                if number < len(self.replies):
                    self.heard += connection.recv(4096)


HELLO = [b"+OK\r\n", b"+OK\r\n", b"+OK\r\n"]


@pytest.mark.parametrize("replies, says", [
    ([b"220 mail ESMTP\r\n"], "does not speak POP3"),
    ([b"x" * 5000], "too long a line"),
    ([], "closed the connection"),
    ([*HELLO, b"+OK\r\n" + b"1 " + b"u" * 300 + b"\r\n"], "makes no sense"),
    ([*HELLO, b"+OK\r\n1 a\r\n"], "closed the connection"),
    ([*HELLO, b"+OK\r\n1 a\r\n.\r\n", b"+OK\r\n2 1\r\n.\r\n"], "different messages"),
    ([*HELLO, b"+OK\r\n1 \x1b[2J\r\n.\r\n", b"-ERR \x1b[2J\r\n"], "said -ERR ?[2J"),
])
def test_verify_and_a_hostile_server(server, replies, says):
    server.write_users()
    server.write_configuration()
    with Hostile(*replies) as port:
        finished = verified(server, port)
    assert finished.returncode in (76, 77) and says in finished.stderr
    assert "\x1b" not in finished.stdout + finished.stderr


RESOLVER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
	static int questions;
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
	    dlsym(RTLD_NEXT, "getaddrinfo");

	if (host != NULL && strcmp(host, "pop.example.org") == 0)
		host = questions++ == 0 ? "127.0.0.1" : "0.0.0.0";
	return real(host, port, hints, found);
}
"""


@pytest.mark.parametrize("arguments, heard", [([], None), (["--tls", "none"], b"PASS " + restante.PASSWORD.encode())])
def test_verify_and_a_resolver_that_changes_its_mind(server, arguments, heard):
    """What is this host's own when the kind of TLS is chosen is somebody else's when it is connected
    to: 0.0.0.0 is no loopback address, and leads here all the same."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    server.write_users()
    server.write_configuration()
    source, library = server.directory + "/resolver.c", server.directory + "/resolver.so"
    with open(source, "w") as file:
        file.write(RESOLVER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    hostile = Hostile(*HELLO)
    with hostile as port:
        finished = server.control(
            "verify-uidl", "--host", "pop.example.org", "--port", str(port), "--user", "anna", *arguments,
            "--password-command", "unset LD_PRELOAD; echo '%s'" % restante.PASSWORD,
            env=dict(os.environ, LD_PRELOAD=library, ASAN_OPTIONS="verify_asan_link_order=0"))
    if heard is not None:
        assert heard in hostile.heard
    else:
        assert finished.returncode == 75 and "pop.example.org has addresses of other hosts" in finished.stderr
        assert hostile.heard == b""


@pytest.mark.parametrize("arguments", [
    [], ["--host", "x", "--user", "y"], ["--nonsense"],
    ["--host", "127.0.0.1", "--user", "y", "--password-command", "true", "--tls", "maybe"],
    ["--host", "127.0.0.1", "--user", "y", "--password-command", "true", "more"]])
def test_arguments_of_verify(server, arguments):
    server.write_users()
    server.write_configuration()
    finished = server.control("verify-uidl", *arguments)
    assert finished.returncode == 64 and finished.stderr


def test_verify_needs_a_password_and_a_server(server):
    server.write_users()
    server.write_configuration()
    port, = restante.free_ports(1)
    assert verified(server, port).returncode == 75
    command = ["--host", "127.0.0.1", "--user", "anna", "--password-command"]
    for text in ("true", "echo x; false"):
        finished = server.control("verify-uidl", *command, text)
        assert finished.returncode == 65 and "password" in finished.stderr
    assert verified(server, port, "--ours", "nobody-of-that-name").returncode == 67
