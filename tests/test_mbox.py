"""mbox: places as Debian's spool is: real clients, other programs that share the file, other users."""

import fcntl
import mailbox
import os
import re
import subprocess
import time

import pytest

import restante
import test_clients as clients
from restante import TOP, wire_form
from test_clients import place  # noqa: F401 (a fixture)

ENVELOPE = b"From bert@example.org Fri Jul  8 12:08:34 2011\n"

# What other programs note in a header: in the file for ever, never handed out.
NOTES = [b"", b"Status: RO\nX-Status: AF\n", b"X-UIDL: 8Q!\"#4i\nStatus: O\n",
         b"X-UID: 17\nX-Keywords: \n", b"Content-Length: 99999\nLines: 12\n"]


class Box:
    """A user's mbox with the demonstration's messages."""

    def __init__(self, server, user, spool):
        self.server, self.user, self.path = server, user, spool + "/" + user.name
        self.pieces, self.expected = [], []
        subprocess.run([TOP + "/tools/demonstration", user.maildir], check=True)
        for number, text in enumerate(user.stored().values()):
            self.add(text, NOTES[number % len(NOTES)])
        self.write()

    def add(self, text, note=b""):
        """As a delivery agent does: a line of the body that begins with From is quoted."""
        text = re.sub(rb"(?m)^(>*From )", rb">\1", text)
        end = b"\n" if text.endswith(b"\n") else b"\n\n"
        self.pieces.append(ENVELOPE + note + text + end)
        # The empty line that ends a message ends the header of one that has nothing else.
        bare = b"\n\n" not in b"\n" + text.replace(b"\r", b"")
        self.expected.append(wire_form(text) + (b"\r\n" if bare else b""))

    def write(self):
        with open(self.path, "wb") as file:
            file.write(b"".join(self.pieces))
        os.chmod(self.path, 0o600)
        restante.Server.give(self.path, self.user.uid)

    def content(self):
        with open(self.path, "rb") as file:
            return file.read()


@pytest.fixture(params=["open", "closed"])
def box(request, make_server):
    """open: files can be made beside the mbox. closed: as in /var/mail, they cannot."""
    server = make_server()
    anna = server.add_user("anna")
    spool = server.directory + "/spool"
    os.mkdir(spool)
    box = Box(server, anna, spool)
    server.options["mail_place"] = "mbox:" + spool + "/%n"
    if request.param == "open":
        server.give(spool, anna.uid)
    elif os.getuid() == 0:
        os.chown(spool, 0, 8)
        os.chmod(spool, 0o2775)
    else:
        os.chmod(spool, 0o555)
    server.start()
    yield box
    os.chmod(spool, 0o755)


def kept(fetched):
    """What a client that adds a line has kept."""
    return clients.as_kept(fetched, b"Return-Path: <unknown>\r\n")


def test_curl(box, place):
    count = len(box.expected)
    clients.curl(box.server, box.user, "stls", place, "[1-%d]" % count, "--output", place + "/message-#1")
    for number, expected in enumerate(box.expected, 1):
        with open("%s/message-%d" % (place, number), "rb") as file:
            assert file.read() == expected
    assert box.content() == b"".join(box.pieces)


def test_mpop(box, place):
    inbox = clients.make_maildir(place)
    for _ in range(2):
        clients.mpop(box.server, box.user, "implicit", place, keep=True)
        assert clients.fetched(inbox) == sorted(box.expected)
    assert box.content() == b"".join(box.pieces)
    # What another program notes meanwhile makes no new message of an old one.
    box.pieces[0] = box.pieces[0].replace(ENVELOPE, ENVELOPE + b"Status: RO\n")
    box.write()
    clients.mpop(box.server, box.user, "implicit", place, keep=False)
    assert clients.fetched(inbox) == sorted(box.expected)
    assert box.content() == b""


def test_getmail(box, place):
    inbox = clients.make_maildir(place)
    for delete in (False, True):
        clients.getmail(box.server, box.user, "clear", place, delete=delete)
        assert clients.fetched(inbox) == kept(sorted(box.expected))
        assert box.content() == (b"" if delete else b"".join(box.pieces))


def test_removal_leaves_the_others_octet_by_octet(box):
    pieces = list(box.pieces)
    for numbers in ([2, 5], [1], [len(pieces) - 3], [1, 2, 3]):
        with box.server.login(box.user) as client:
            for number in numbers:
                client.ok("DELE %d" % number)
            client.ok("QUIT")
        pieces = [piece for number, piece in enumerate(pieces, 1) if number not in numbers]
        assert box.content() == b"".join(pieces)
    status = os.stat(box.path)
    assert (status.st_mode & 0o7777, status.st_uid) == (0o600, box.user.uid)
    assert not os.path.exists(box.path + ".lock")


def test_mail_that_arrives_during_a_session_stays(box):
    count = len(box.expected)
    with box.server.login(box.user) as client:
        assert client.retrieve(1) == box.expected[0]
        deliver(box.path, b"Subject: first\n\nwhile the session runs\n")
        assert client.retrieve(2) == box.expected[1]
        client.ok("DELE 1")
        client.ok("DELE %d" % count)
        assert client.ok("STAT").split()[0] == str(count - 2)
        deliver(box.path, b"Subject: second\n\nFrom the same program\n")
        client.ok("QUIT")
    with box.server.login(box.user) as client:
        assert len(client.listing("UIDL")) == count
        assert [client.retrieve(number) for number in range(1, count - 1)] == box.expected[1:-1]
        assert client.retrieve(count - 1) == b"Subject: first\r\n\r\nwhile the session runs\r\n"
        assert client.retrieve(count) == b"Subject: second\r\n\r\n>From the same program\r\n"
    flags = [message.get_flags() for message in mailbox.mbox(box.path)]
    assert flags[:4] == ["ROAF", "O", "", ""]


def deliver(path, text):
    """As a program that takes the locks of the policy: fcntl, and NAME.lock where it can be made."""
    spool = mailbox.mbox(path, create=False)
    while True:
        try:
            spool.lock()
            break
        except mailbox.ExternalClashError:
            time.sleep(0.01)
    spool.add(text)
    spool.close()


def test_a_delivery_agent_that_holds_its_lock_is_waited_for(box):
    """No session looks at half a message: one that is being written is seen whole, or not yet."""
    # One descriptor for all: closing any other would give the fcntl lock up.
    with open(box.path, "r+b", buffering=0) as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.seek(0, os.SEEK_END)
        file.write(ENVELOPE + b"Subject: half\n\nThe first ")
        client = box.server.connect("clear")
        client.ok("USER " + box.user.name)
        client.send(b"PASS %s\r\n" % box.user.password.encode())
        box.server.wait_event("login", user=box.user.name)
        file.write(b"half, the second half.\n\n")
    assert client.line().startswith(b"+OK %d messages" % (len(box.expected) + 1))
    assert client.retrieve(len(box.expected) + 1) == b"Subject: half\r\n\r\nThe first half, the second half.\r\n"
    client.close()


@pytest.fixture
def two(make_server):
    """anna and bert with uids of their own, and one spool for both."""
    if os.getuid() != 0:
        pytest.skip("not root")
    server = make_server()
    server.add_user("anna")
    server.add_user("bert", uid=restante.OTHER_MAIL_UID)
    spool = server.directory + "/spool"
    os.mkdir(spool)
    os.chown(spool, 0, 8)
    os.chmod(spool, 0o2775)
    server.options["mail_place"] = "mbox:" + spool + "/%n"
    return server, spool


def test_an_mbox_of_another_user(two):
    server, spool = two
    anna, bert = server.users["anna"], server.users["bert"]
    box = Box(server, anna, spool)
    os.link(box.path, spool + "/bert")
    server.start()
    with server.connect("clear") as client:
        client.ok("USER bert")
        assert client.error("PASS " + bert.password).startswith("[SYS/PERM]")
    os.unlink(spool + "/bert")
    os.symlink("anna", spool + "/bert")
    with server.connect("clear") as client:
        client.ok("USER bert")
        assert client.error("PASS " + bert.password).startswith("[SYS/PERM]")
    with server.login(anna) as client:
        assert len(client.listing("UIDL")) == len(box.expected)


def test_every_attempt_at_anothers_mbox_fails(two):
    """The spool is one directory for all: what keeps bert's process from anna's mail is its uid."""
    server, spool = two
    box = Box(server, server.users["anna"], spool)
    server.environment = {"RESTANTE_PROBE": "1", "RESTANTE_PROBE_PATH": box.path}
    server.start()
    with server.login(server.users["bert"]) as client:
        assert client.ok("STAT") == "0 0"
    assert server.wait_event("probe", program="restante-maildrop").fields["path"] == "EACCES"
