"""restante fetch that hands the mail on, by LMTP or SMTP: what the server there hears, and what becomes of a message
that it refuses, puts off, or may have taken. The server is fake_lmtp.py, the mail is hostile.py's, which behaves."""

import contextlib
import os
import signal
import socket
import struct

import pytest

import collector as c
import restante
from collector import Collector
from fake_lmtp import STEPS, FakeLmtp
from hostile import Hostile, Maildrop

# Nothing in a message may look like its end, or like a command.
TEXTS = [b"Subject: %d\r\n\r\n%s" % (number, body) for number, body in enumerate([
    b"a line\r\n", b".\r\n.dot\r\n..\r\nMAIL FROM:<eve@example.org>\r\n", b"\xc3\xa9\r\n", b"", b"x" * 70000 + b"\r\n"])]
NAMES = ["uidl-%d" % number for number in range(len(TEXTS))]
MESSAGES = dict(zip(NAMES, TEXTS))


def wire(text):
    """As it must come after DATA."""
    return (b"\r\n" + text).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


LETTERS = [wire(text) for text in TEXTS]


@pytest.fixture
def maildrop():
    return Maildrop(MESSAGES)


@pytest.fixture
def pop(maildrop):
    with Hostile(maildrop) as server:
        yield server


@pytest.fixture
def person(pop, tmp_path):
    return Collector(str(tmp_path / "home")).add("work", pop.port, recipient="anna@example.org",
                                                 sender="bert@example.net")


@contextlib.contextmanager
def target(person, kind, replies=None):
    """A server of that kind, to which all of the person's mail goes."""
    place = person.home + "/socket" if kind == "lmtp:unix:" else restante.free_ports(1)[0]
    person.accounts["work"]["deliver_to"] = kind + str(place)
    with FakeLmtp(place, replies) as server:
        yield server


KINDS = ["smtp:127.0.0.1:", "smtp:localhost:", "lmtp:127.0.0.1:", "lmtp:unix:"]
HELLO = {"smtp": "EHLO", "lmtp": "LHLO"}


def at_the_second(step, reply):
    """That reply for the second message alone."""
    count = iter(range(1000))
    return {step: lambda _: reply if next(count) == 1 else FakeLmtp.USUAL[step]}


@pytest.mark.parametrize("kind", KINDS)
def test_mail_is_handed_over(person, maildrop, kind):
    """By one connection, one message behind the answer to the one before, each once; then it leaves the POP3 server."""
    with target(person, kind) as server:
        assert "work: 5 messages (" in person.fetch().output
        assert server.letters == LETTERS
        sizes = [len(restante.wire_form(text)) for text in TEXTS]
        assert server.all_heard()[0].split(" ")[0] == HELLO[kind[:4]]
        assert server.heard[1:] == [line for size, text in zip(sizes, TEXTS) for line in (
            "MAIL FROM:<bert@example.net> SIZE=%d%s" % (size, " BODY=8BITMIME" if b"\xc3" in text else ""),
            "RCPT TO:<anna@example.org>", "DATA")] + ["QUIT"]
        assert sorted(maildrop.removed) == NAMES
        server.heard = ["nobody came"]
        assert person.fetch().output == "" and server.heard == ["nobody came"]


def test_who_says_nothing_else_is_the_recipient(person):
    del person.accounts["work"]["recipient"], person.accounts["work"]["sender"]
    with target(person, "smtp:127.0.0.1:", {"EHLO": "500 5.5.1 what?"}) as server:
        person.fetch()
        assert server.letters == LETTERS and server.heard[1].startswith("HELO ")
        assert server.heard[2] == "MAIL FROM:<>" and server.heard[3].endswith("@localhost>")


def goes_on(person, server, maildrop, expected):
    """At the next run, when the server takes mail again."""
    server.replies = FakeLmtp.USUAL
    person.fetch()
    assert server.letters == expected and not maildrop.messages
    assert person.fetch().output == ""


@pytest.mark.parametrize("kind", ["smtp:127.0.0.1:", "lmtp:unix:"])
@pytest.mark.parametrize("step, reply", [("MAIL", "451 4.3.0 come later"), ("RCPT", "450 4.2.0 come later"),
                                         ("DATA", "421 4.3.2 come later"), ("message", "421 4.3.2 come later")])
def test_a_server_that_puts_off_everything(person, maildrop, kind, step, reply):
    """It is not tried with what was asked for before it said so, either."""
    with target(person, kind, at_the_second(step, reply)) as server:
        done = person.fetch(status=c.TRY_LATER)
        assert "message 2 was not stored: the server says: " + reply in done.output
        assert "work: 1 message (" in done.output and "1 failed" in done.output and maildrop.removed == NAMES[:1]
        goes_on(person, server, maildrop, server.letters + LETTERS[1:])


@pytest.mark.parametrize("kind", ["smtp:127.0.0.1:", "lmtp:unix:"])
def test_a_message_that_is_put_off(person, maildrop, kind):
    """It stays, and those behind it go by: one that is put off for ever is no end for them."""
    with target(person, kind, at_the_second("message", "451 4.7.1 come later")) as server:
        done = person.fetch(status=c.TRY_LATER)
        assert "message 2 was not stored: the server says: 451 4.7.1 come later" in done.output
        assert server.letters == LETTERS and list(maildrop.messages) == NAMES[1:2]
        goes_on(person, server, maildrop, LETTERS + LETTERS[1:2])


def test_messages_that_are_all_put_off(person, maildrop):
    """Ten in a row, and the rest is not fetched in vain; one that is taken begins a new row."""
    maildrop.messages = {"uidl-%d" % number: TEXTS[0] for number in range(30)}
    count = iter(range(100))
    replies = {"message": lambda _: "250 2.0.0 ok" if next(count) == 9 else "451 4.7.1 come later"}
    with target(person, "smtp:127.0.0.1:", replies) as server:
        done = person.fetch(status=c.TRY_LATER)
        assert len(server.letters) == 20 and "19 failed" in done.output and maildrop.removed == ["uidl-9"]
        server.replies = FakeLmtp.USUAL
        assert "29 messages (" in person.fetch().output


# What the second message is answered with: status; whether the others are handed over all the same.
REFUSALS = [
    ("message", "554 5.7.1 spam", c.DENIED, True),
    ("message", "554 no", c.DENIED, True),
    ("MAIL", "552 5.3.4 too big", c.DENIED, True),
    ("DATA", "554 5.5.1 no", c.DENIED, True),
    ("RCPT", "550 5.1.1 no such user", c.CONFIGURATION, False),
]


@pytest.mark.parametrize("kind", ["smtp:127.0.0.1:", "lmtp:unix:"])
@pytest.mark.parametrize("step, reply, status, goes_by", REFUSALS)
def test_what_is_refused_stays(person, maildrop, kind, step, reply, status, goes_by):
    with target(person, kind, at_the_second(step, reply)) as server:
        done = person.fetch(status=status)
        assert "message 2 was not stored: the server says: " + reply in done.output
        others = NAMES[:1] + NAMES[2:] if goes_by else NAMES[:1]
        assert sorted(maildrop.removed) == others and list(maildrop.messages) == [n for n in NAMES if n not in others]
        goes_on(person, server, maildrop, server.letters + [LETTERS[NAMES.index(n)] for n in maildrop.messages])


@pytest.mark.parametrize("kind", ["smtp:127.0.0.1:", "lmtp:127.0.0.1:", "lmtp:unix:"])
@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_goes_away(person, maildrop, kind, step):
    """What was handed over stays so. Only that whose answer is missing may have been taken, which is said; it comes
    again."""
    step = HELLO[kind[:4]] if step == "LHLO" else step
    begins = step in ("greeting", *HELLO.values())
    with target(person, kind, {step: ""} if begins else at_the_second(step, "")) as server:
        done = person.fetch(status=c.TRY_LATER)
        number, taken = (1, 0) if begins else (2, 2 if step == "message" else 1)
        assert "message %d was not stored: the server has closed the connection" % number in done.output
        assert ("may come twice" in done.output) == (step == "message")
        assert server.letters == LETTERS[:taken] and sorted(maildrop.removed) == NAMES[:number - 1]
        goes_on(person, server, maildrop, server.letters + LETTERS[number - 1:])


@pytest.mark.parametrize("answer", ["fine", "\r\n".join(["250-more"] * 200)], ids=["no SMTP", "no end"])
def test_an_answer_that_is_none(person, maildrop, answer):
    with target(person, "smtp:127.0.0.1:", at_the_second("message", answer)) as server:
        done = person.fetch(status=c.TRY_LATER)
        assert "may come twice" in done.output and sorted(maildrop.removed) == NAMES[:1]
        goes_on(person, server, maildrop, LETTERS[:2] + LETTERS[1:])


@pytest.mark.parametrize("kind", ["smtp:127.0.0.1:", "lmtp:unix:"])
def test_a_server_that_takes_one_message_a_connection(person, maildrop, kind):
    replies = {"message": "250 2.0.0 taken\r\n421 4.3.2 next, please"}
    with target(person, kind, replies) as server:
        person.fetch()
        assert server.letters == LETTERS and not maildrop.messages


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_away(person, maildrop, kind):
    """It is looked for once in a run, not once for each message."""
    with target(person, kind) as server:
        pass
    done = person.fetch(status=c.TRY_LATER)
    assert done.output.count("was not stored: cannot reach") == 1 and str(server.place) in done.output
    assert not maildrop.removed and not maildrop.marked
    with FakeLmtp(server.place) as server:
        goes_on(person, server, maildrop, LETTERS)


def test_a_run_that_is_killed_before_the_answer(person, maildrop):
    """Nobody can tell what became of the second message: the next run says so, and hands it over again."""
    def kill(client):
        os.kill(struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0], signal.SIGKILL)
        return ""

    with target(person, "lmtp:unix:", at_the_second("message", None)) as server:
        second = server.replies["message"]
        server.replies["message"] = lambda client: second(client) or kill(client)
        person.fetch(status=-signal.SIGKILL)
        assert server.letters == LETTERS[:2] and not maildrop.removed
        server.replies = FakeLmtp.USUAL
        done = person.fetch()
        assert "for 1 nobody can tell" in done.output and "may be there twice" in done.output
        assert server.letters == LETTERS[:2] + LETTERS[1:] and not maildrop.messages
