"""restante fetch collects from restante itself and from Debian's other POP3 servers: all messages, byte for byte, however
the connection is protected and by every mechanism that both sides have; a second run fetches nothing; what may
go is deleted."""

import os
import tempfile

import pytest

import pop_servers
import restante
from collector import Collector
from restante import PASSWORD, wire_form

# The client's, see restante-config(5).
MECHANISMS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "EXTERNAL", "GSSAPI", "OAUTHBEARER", "XOAUTH2", "SCRAM-SHA-256",
              "SCRAM-SHA-1", "CRAM-MD5", "APOP", "PLAIN", "LOGIN", "USER")
BOUND = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS")
NEED_TLS = ("EXTERNAL",)
SMALL_COUNT = 1000


def message(name, body, more=b""):
    """A message as it is stored; its header makes it one of a kind."""
    return (b"Date: Thu, 1 Jan 2026 00:00:00 +0000\nFrom: sender@example.org\nTo: anna@example.org\n"
            b"Message-ID: <%s@example.org>\nSubject: %s\n%s\n%s" % (name, name, more, body))


USUAL = [
    message(b"one", b"A line.\n"),
    message(b"dots", b".\n..\n...\n.dot\n. \n\n.\n"),
    message(b"ends-with-a-dot", b"text\n.\n"),
    message(b"no-final-newline", b"the end"),
    message(b"empty-body", b""),
    message(b"long", b"x" * 990 + b"\n" + b"y " * 490 + b"\n"),
    message(b"from", b"From here on\n>From there\nFrom  x\n"),
    message(b"8bit", b"na\xc3\xafve \xe9\xff\x80\n"),
    message(b"folded", b"text\n", b"X-Long: a\n\tb\n c\n"),
    message(b"blank", b"\n\n \n\t\n\n"),
]
ODD = [
    message(b"nul", b"a\0b\n\0\n"),
    message(b"mixed", b"one\r\ntwo\nthree\r\n\r\nfour\n"),
    message(b"lone-cr", b"a\rb\n\rc\r\r\n"),
    message(b"very-long", b"z" * 300000 + b"\n.\n"),
    b"Subject: header only\n",
    b"\nno header at all\n",
    b"no header and no end",
    b"\n",
]
BIG = message(b"big", b"".join(b"%09d %s\n" % (number, b"0123456789" * 6) for number in range(720000)))


class Restante:
    """Ourselves."""

    protections, bindings, tolerates = ("clear", "stls", "tls"), (), True
    mechanisms = ("USER", "APOP", "PLAIN", "LOGIN")

    def __init__(self, directory, server):
        self.server = server
        self.port, self.tls_port = server.clear_port, server.tls_port
        server.listeners[2] = ("clear", server.clear_port, "stls")

    @staticmethod
    def missing():
        return None

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop()

    @staticmethod
    def deliver(user, texts):
        for text in texts:
            user.deliver(text)


KINDS = {"restante": Restante, **pop_servers.SERVERS}


@pytest.fixture(params=KINDS)
def kind(request):
    why = KINDS[request.param].missing()
    if why:
        pytest.skip(why)
    if request.param != "restante" and os.getuid() != 0:
        pytest.skip("other servers are started by root")
    return KINDS[request.param]


@pytest.fixture
def place(workshop):
    return tempfile.mkdtemp(prefix="collector-", dir=workshop)


def reference(server, user):
    """All messages as the server sends them, read octet by octet without any client of ours."""
    client = restante.Client(server.port)
    assert client.line().startswith(b"+OK")
    for line in ("USER " + user.name, "PASS " + PASSWORD, "STAT"):
        reply = client.command(line)
        assert reply.startswith(b"+OK"), (line, reply)
    count, found = int(reply.split()[1]), []
    for number in range(1, count + 1):
        assert client.command("RETR %d" % number).startswith(b"+OK")
        pieces = [b"\r\n", client.pending]
        while not (pieces[-2][-5:] + pieces[-1]).endswith(b"\r\n.\r\n"):
            pieces.append(client.socket.recv(1 << 20))
            assert pieces[-1]
        client.pending = b""
        found.append(b"".join(pieces)[2:-3].replace(b"\r\n..", b"\r\n."))
        found[-1] = found[-1][1:] if found[-1].startswith(b"..") else found[-1]
    assert client.command("QUIT").startswith(b"+OK")
    client.close()
    return sorted(found)


def without_marks(texts):
    """Mailutils writes its own lines into a header when a message is read, and perhaps an empty line behind it."""
    marks = (b"X-UIDL:", b"X-IMAPbase:", b"X-UID:", b"Status:")
    return sorted(b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(marks)).rstrip(b"\r\n")
                  for text in texts)


def account(collector, name, server, user, protection, **more):
    """How that user collects from there."""
    tls = {} if protection == "clear" else {
        "security": protection, "ca_file": server.server.certificates[0][0], "server_name": "localhost",
        "clear_password": None}
    return collector.add(name, server.tls_port if protection == "tls" else server.port, user=user.name, **{**tls, **more})


def expect_nothing_new(collector, name):
    before = {folder: collector.files(name, folder) for folder in ("new", "cur", "tmp")}
    collector.fetch(name)
    assert {folder: collector.files(name, folder) for folder in ("new", "cur", "tmp")} == before


def test_all_messages(kind, server, place):
    """However the connection is protected: first they stay on the server, then they are deleted there."""
    del server.users["anna"]
    users = {protection: server.add_user(protection) for protection in kind.protections}
    other = kind(server.directory + "/other", server)
    texts = USUAL + (ODD if kind.tolerates else [])
    if kind is not pop_servers.Cyrus:
        for user in users.values():
            other.deliver(user, texts)
    with other:
        if kind is pop_servers.Cyrus:
            for user in users.values():
                reference(other, user)  # makes the mailbox
                other.deliver(user, texts)
        collector = Collector(place + "/home")
        for protection, user in users.items():
            expected = reference(other, user)
            assert len(expected) == len(texts)
            account(collector, protection, other, user, protection, keep="all")
            collector.fetch(protection)
            if kind is pop_servers.Mailutils:
                assert without_marks(collector.mail(protection)) == without_marks(expected)
            else:
                assert collector.mail(protection) == expected
            expect_nothing_new(collector, protection)
            collector.accounts[protection]["keep"] = "none"
            expect_nothing_new(collector, protection)
            assert reference(other, user) == []


def may_be_tried(kind, mechanism, protection):
    if mechanism in BOUND:
        return protection in kind.bindings
    return protection != "clear" or mechanism not in NEED_TLS


def secrets(kind, other, mechanism, user):
    """What the account says beyond the name of the mechanism."""
    if mechanism in ("XOAUTH2", "OAUTHBEARER"):
        return {"password": None, "token_command": "printf %%s '%s/%s'" % (pop_servers.TOKEN, user.name)}
    if mechanism == "EXTERNAL":
        chain, key = pop_servers.issue_certificate(other.server.directory, user.name)
        return {"password": None, "certificate": chain, "key": key}
    return {"password": None} if mechanism == "GSSAPI" else {}


def test_mechanisms(kind, server, place):
    """Each for itself, in clear where it may be; then the choice is the client's."""
    common = [mechanism for mechanism in MECHANISMS if mechanism in kind.mechanisms]
    ways = [(mechanism, protection) for mechanism in [*common, None] for protection in kind.protections
            if may_be_tried(kind, mechanism, protection)]
    users = [server.add_user("u%d" % number) for number in range(len(ways))]
    other = kind(server.directory + "/other", server)
    text = message(b"single", b"A line.\n")
    if kind is not pop_servers.Cyrus:
        for user in users:
            other.deliver(user, [text])
    with other:
        if kind is pop_servers.Cyrus:
            for user in users:
                reference(other, user)
                other.deliver(user, [text])
        collector = Collector(place + "/home")
        for (mechanism, protection), user in zip(ways, users):
            name = "%s-%s" % (mechanism, protection)
            account(collector, name, other, user, protection, mechanisms=mechanism,
                    **secrets(kind, other, mechanism, user))
            if mechanism == "GSSAPI":
                options = collector.accounts[name]
                options["server"] = options["server"].replace("127.0.0.1", "localhost")
                collector.environment = other.ticket(user)
            collector.fetch(name)
            collector.environment = {}
            assert len(collector.mail(name)) == 1, name
            assert wire_form(text)[-10:] in collector.mail(name)[0]
            assert reference(other, user) == []


@pytest.mark.parametrize("name", ["restante", "dovecot"])
def test_many_and_big(name, server, place):
    kind = KINDS[name]
    if kind.missing():
        pytest.skip(kind.missing())
    user = server.users["anna"]
    texts = [message(b"small-%d" % number, b"%d\n" % number) for number in range(SMALL_COUNT)] + [BIG]
    other = kind(server.directory + "/other", server)
    other.deliver(user, texts)
    with other:
        collector = Collector(place + "/home")
        account(collector, "all", other, user, "stls")
        collector.fetch()
        assert collector.mail("all") == sorted(map(wire_form, texts))
        assert reference(other, user) == []
        user.deliver(message(b"late", b"new\n"))
        collector.fetch()
        assert len(collector.mail("all")) == len(texts) + 1


def test_popa3d_gives_one_uidl_to_the_same_message_twice(server, place):
    """Its UIDL is a digest of some header lines. Both have to be collected, and no third."""
    kind = pop_servers.Popa3d
    if kind.missing() or os.getuid() != 0:
        pytest.skip(kind.missing() or "other servers are started by root")
    user = server.users["anna"]
    text = message(b"twin", b"a line\n")
    other = kind(server.directory + "/other", server)
    other.deliver(user, [text, text])
    with other:
        collector = Collector(place + "/home")
        account(collector, "twins", other, user, "clear", keep="all")
        collector.fetch(status=None)
        collector.fetch(status=None)
        collector.accounts["twins"]["keep"] = "none"
        collector.fetch(status=None)
        assert collector.mail("twins") == [wire_form(text)] * 2
        assert reference(other, user) == []


