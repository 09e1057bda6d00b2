"""restante fetch against servers that lie, break off, or never end: a clear word, an exit status that fits, nothing deleted
that is not stored, no other account harmed, and no memory that grows with what a stranger sends."""

import re
import tempfile

import pytest

import collector as c
import hostile
import restante
from collector import Collector
from hostile import Hostile, Maildrop, endless, whole
from restante import PASSWORD

COUNT = 6


def message(number, body=b"A line.\r\n.dot\r\n"):
    return b"From: a@example.org\r\nMessage-ID: <%d@example.org>\r\nSubject: %d\r\n\r\n%s" % (number, number, body)


MESSAGES = {"uidl-%d" % number: message(number) for number in range(1, COUNT + 1)}
ALL = sorted(MESSAGES.values())

# What a process of the tests' build may take at most, for lists and for messages. Servers here would have it take more.
PEAK_KIB, MESSAGE_PEAK_KIB = 240 * 1024, 160 * 1024
ENDLESS_OCTETS = 200 << 20


@pytest.fixture
def place(workshop):
    return tempfile.mkdtemp(prefix="hostile-", dir=workshop)


@pytest.fixture(scope="module")
def certificates_of(workshop):
    """kind -> (chain, key); "ca": whom to trust."""
    directory = tempfile.mkdtemp(prefix="authority-", dir=workshop)
    return {**hostile.make_certificates(directory), "ca": directory + "/authority.pem"}


def listing(*lines):
    return "\n".join(["+OK", *lines, "."])


def uidls(*names):
    return listing(*("%d %s" % (number, name) for number, name in enumerate(names, 1)))


NAMES = list(MESSAGES)


def sizes(size, *more):
    """A list in which each message has that size."""
    return listing(*("%d %s" % (number, size) for number in range(1, COUNT + 1)), *more)


LINE = b"x" * 65536

# These give a message another UIDL, and are believed: it cannot be known any more who is who.
CONFUSING = {"a UIDL that goes up"}

# What the server says instead of what is right; status; a word that stands in what is said; whether the mail must be there all
# the same.
LIES = {
    # Endless.
    "greeting without end": ({"greeting": lambda *_: endless(b"+OK ", LINE)}, c.PROTOCOL, "line", False),
    "reply without end": ({"UIDL": lambda *_: endless(b"+OK ", LINE)}, c.PROTOCOL, "line", False),
    "list with a line without end": ({"UIDL": lambda *_: endless(b"+OK\r\n1 ", LINE)}, c.PROTOCOL, "line", False),
    "capabilities without end": ({"CAPA": lambda *_: endless(b"+OK\r\n", b"X" * 70 + b"\r\n")}, c.PROTOCOL, "", False),
    "list that says the same for ever": (
        {"UIDL": lambda *_: endless(b"+OK\r\n", b"1 uidl-1\r\n" * 5000)}, c.PROTOCOL, "", False),
    "list that goes on for ever": ({"UIDL": lambda *_: rising(b"u")}, c.PROTOCOL, "", False),
    "list of long UIDLs that goes on for ever": ({"UIDL": lambda *_: rising(b"u" * 1000)}, c.PROTOCOL, "", False),
    "challenges without end": ({"AUTH": lambda talk, _: (b"+ eA==\r\n" for _ in range(1 << 30))}, None, "", False),
    # No end where there must be one.
    "message without a final dot": ({"RETR 2": whole(MESSAGES["uidl-2"])[:-3] + b"\r\n"}, c.PROTOCOL, "", False),
    "message that ends in its middle": (
        {"RETR 2": lambda talk, _: cut_short(talk, whole(MESSAGES["uidl-2"])[:-20])}, c.TRY_LATER, "", False),
    "list without a final dot": ({"UIDL": lambda talk, _: cut_short(talk, b"+OK\r\n1 uidl-1\r\n2 uidl-2\r\n")},
                                 c.TRY_LATER, "", False),
    # Numbers.
    "STAT counts more": ({"STAT": "+OK 100 100"}, c.OK, "", True),
    "STAT counts none": ({"STAT": "+OK 0 0"}, c.OK, "", True),
    "STAT is negative": ({"STAT": "+OK -1 -5"}, None, "", None),
    "LIST has fewer": ({"LIST": listing("1 100", "2 100")}, None, "", None),
    "LIST has more": ({"LIST": listing(*("%d 100" % n for n in range(1, 20)))}, None, "", None),
    "LIST sizes are huge": ({"LIST": listing(*("%d 9223372036854775807" % n for n in range(1, COUNT + 1)))},
                            c.OK, "", True),
    "LIST sizes are of 64 bits": ({"LIST": listing(*("%d 18446744073709551615" % n for n in range(1, COUNT + 1)))},
                                  c.OK, "", True),
    "LIST sizes are over 32 bits": ({"LIST": listing(*("%d 4294967297" % n for n in range(1, COUNT + 1)))},
                                    c.OK, "", True),
    "LIST sizes overflow": ({"LIST": listing(*("%d 99999999999999999999" % n for n in range(1, COUNT + 1)))},
                            None, "", None),
    "LIST sizes are 2^63": ({"LIST": sizes("9223372036854775808")}, c.OK, "", True),
    "LIST sizes are 2^64": ({"LIST": sizes("18446744073709551616")}, c.OK, "", True),
    "STAT counts 2^64-1": ({"STAT": "+OK 18446744073709551615 18446744073709551615"}, c.OK, "", True),
    "STAT counts 2^64": ({"STAT": "+OK 18446744073709551616 18446744073709551616"}, c.OK, "", True),
    "LIST counts 2^64-1 in its first line": (
        {"LIST": "+OK 18446744073709551615 messages (18446744073709551615 octets)\n" + sizes("100")[4:]}, c.OK, "", True),
    "LIST goes up to 2^64-1": ({"LIST": sizes("100", "18446744073709551615 100")}, c.OK, "", True),
    "LIST goes up to 2^63": ({"LIST": sizes("100", "9223372036854775808 100")}, c.OK, "", True),
    "LIST goes up to 2^64": ({"LIST": sizes("100", "18446744073709551616 100")}, c.PROTOCOL, "18446744073709551616", False),
    "UIDL goes up to 2^64-1": ({"UIDL": uidls(*NAMES)[:-1] + "18446744073709551615 far\n."}, None, "18446744073709551615", True),
    "UIDL goes up to 2^63": ({"UIDL": uidls(*NAMES)[:-1] + "9223372036854775808 far\n."}, None, "9223372036854775808", True),
    "UIDL goes up to 2^64": ({"UIDL": uidls(*NAMES)[:-1] + "18446744073709551616 far\n."}, c.PROTOCOL,
                             "18446744073709551616", False),
    "both lists have one beyond the count": (
        {"LIST": sizes("100", "4294967296 100"), "UIDL": uidls(*NAMES)[:-1] + "4294967296 far\n."}, c.UNAVAILABLE,
        "message 4294967296", True),
    "LIST sizes are negative": ({"LIST": listing(*("%d -100" % n for n in range(1, COUNT + 1)))}, None, "", None),
    "LIST sizes are 0": ({"LIST": listing(*("%d 0" % n for n in range(1, COUNT + 1)))}, c.OK, "", True),
    "LIST numbers begin with 0": ({"LIST": listing(*("%d 100" % n for n in range(COUNT)))}, None, "", None),
    "LIST is no list": ({"LIST": listing("hello", "this is", "no list")}, None, "", None),
    "UIDL has numbers beyond all": ({"UIDL": listing("18446744073709551615 uidl-1", "4294967296 uidl-2")}, None, "", None),
    "UIDL has a number twice": ({"UIDL": listing("1 uidl-1", "1 uidl-2", "2 uidl-3")}, None, "", None),
    "UIDL skips numbers": ({"UIDL": listing(*("%d %s" % (2 * n, name) for n, name in enumerate(NAMES, 1)))},
                           None, "", None),
    "UIDL is negative": ({"UIDL": listing("-1 uidl-1", "-2 uidl-2")}, None, "", None),
    # UIDLs.
    "a UIDL of 10,000 octets": ({"UIDL": uidls("u" * 10000, *NAMES[1:])}, None, "", None),
    "a UIDL of 2,000 octets": ({"UIDL": uidls("u" * 2000, *NAMES[1:])}, None, "", None),
    "an empty UIDL": ({"UIDL": listing("1 ", "2 uidl-2")}, None, "", None),
    "a UIDL with a NUL": ({"UIDL": b"+OK\r\n1 a\0b\r\n2 uidl-2\r\n.\r\n"}, None, "", None),
    "a UIDL that goes up": ({"UIDL": uidls("../../../etc/passwd", "/etc/shadow", *NAMES[2:])}, None, "", None),
    # Replies that nobody asked for.
    "an unsolicited reply behind the greeting": ({"greeting": "+OK hello\n+OK who asked?"}, None, "", None),
    "an unsolicited reply behind a message": ({"RETR 1": whole(MESSAGES["uidl-1"]) + b"+OK also\r\n"}, None, "", None),
    "an unsolicited -ERR in the middle": ({"UIDL": uidls(*NAMES) + "\n-ERR never mind"}, None, "", None),
    "neither +OK nor -ERR": ({"UIDL": "hello"}, c.PROTOCOL, "", False),
    "a challenge instead of a reply": ({"UIDL": "+ eA=="}, c.PROTOCOL, "", False),
    "HTTP": ({"greeting": "HTTP/1.1 400 Bad Request\nConnection: close\n"}, c.PROTOCOL, "", False),
    "SMTP": ({"greeting": "220 mx.example.org ESMTP"}, c.PROTOCOL, "", False),
    "nothing at all": ({"greeting": ""}, c.TRY_LATER, "", False),
    "octets that are no text": ({"UIDL": b"+OK\r\n" + bytes(range(1, 256)) * 3 + b"\r\n.\r\n"}, None, "", None),
    "escape sequences for a terminal": ({"UIDL": b"-ERR \x1b]0;owned\x07\x1b[2J\r\n"}, None, "", False),
    # Refusals.
    "the password is wrong": ({"AUTH": "-ERR [AUTH] no"}, c.DENIED, "password", False),
    "the maildrop is in use": ({"AUTH": "-ERR [IN-USE] no"}, c.TRY_LATER, "", False),
    "it is too early": ({"AUTH": "-ERR [LOGIN-DELAY] no"}, c.TRY_LATER, "", False),
    "the server has a problem": ({"AUTH": "-ERR [SYS/TEMP] no"}, c.TRY_LATER, "", False),
    "the server is broken": ({"AUTH": "-ERR [SYS/PERM] no"}, c.UNAVAILABLE, "", False),
    "no UIDL": ({"UIDL": "-ERR what?"}, None, "", None),
    "no LIST": ({"LIST": "-ERR not today"}, c.UNAVAILABLE, "not today", False),
    "a message cannot be had": ({"RETR 2": "-ERR [SYS/TEMP] not now"}, None, "", None),
    "a message cannot be deleted": ({"DELE 2": "-ERR no"}, None, "", True),
    "QUIT fails": ({"QUIT": "-ERR some were not removed"}, None, "", True),
    "QUIT ends the connection": ({"QUIT": ""}, None, "", True),
}


def rising(uidl):
    """A list that never ends, and in which no line is wrong."""
    yield b"+OK\r\n"
    for number in range(1, 20000000, 1000):
        yield b"".join(b"%d %s%d\r\n" % (n, uidl, n) for n in range(number, number + 1000))


def cut_short(talk, octets):
    talk.say(octets)
    raise hostile.Over


@pytest.mark.parametrize("lie", LIES)
def test_lies(lie, place):
    """Another account is served well meanwhile; when the server behaves again, all mail is there once."""
    replies, status, word, is_there = LIES[lie]
    bad, good = Maildrop(MESSAGES, replies), Maildrop(MESSAGES)
    with Hostile({"127.0.0.1": bad, "127.0.0.2": good}) as server:
        person = Collector(place + "/home").add("bad", server.port).add("good", server.port, host="127.0.0.2")
        person.accounts["bad"]["timeout_seconds"] = 5
        done = person.fetch("--retries", "0", status=None)
        assert person.mail("good") == ALL and not good.messages
        explains(person, done, status, word)
        assert done.peak_kib < PEAK_KIB
        if is_there is not None:
            assert (person.mail("bad") == ALL) == is_there, done
        only_stored_is_removed(person, "bad", bad)
        assert person.is_clean("bad")
        bad.behave()
        person.fetch(status=None)
        done = person.fetch(status=None)
        if lie not in CONFUSING:
            once(person, "bad", bad, done)


def explains(person, done, status, word):
    """An account that failed is named with a reason, and nothing of what it said reaches a terminal raw."""
    assert status is None or done.status == status, done
    assert done.status in (c.OK, c.UNAVAILABLE, c.TRY_LATER, c.PROTOCOL, c.DENIED), done
    assert word in done.output.lower(), done
    assert PASSWORD not in done.output
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", done.output), done
    if done.status != c.OK:
        assert "bad" in done.output, done


def only_stored_is_removed(person, name, maildrop):
    mail = person.mail(name)
    for uidl in maildrop.removed:
        assert MESSAGES[uidl] in mail, uidl


def once(person, name, maildrop, done):
    """Every message, none twice, and all gone from the server."""
    assert person.mail(name) == ALL, done
    assert not maildrop.messages, done
    assert person.is_clean(name)


def test_uidls_twice(place):
    """Messages of one UIDL are different messages. All are collected; none is deleted before."""
    names = [*NAMES[:4], "uidl-1", "uidl-1"]
    numbers = dict(zip(range(1, COUNT + 1), MESSAGES))
    maildrop = Maildrop(MESSAGES, {"UIDL": uidls(*names)})
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port)
        for _ in range(3):
            done = person.fetch(status=None)
            only_stored_is_removed(person, "a", maildrop)
        assert set(ALL) >= set(person.mail("a")), numbers
        assert len(set(person.mail("a"))) == len(person.mail("a")), done
        assert person.mail("a") == ALL, done


def test_uidls_twice_and_a_connection_that_is_lost(place):
    """What is stored of one UIDL says nothing of the others that have it."""
    lost = []
    maildrop = Maildrop(MESSAGES, {"UIDL": uidls("one", "two", "three", "one", "two", "one"),
                                   "RETR 4": hostile.lose_once(lost)})
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port)
        done = person.fetch("--keep", "all")
        assert lost and person.mail("a") == ALL, done
        person.fetch()
        assert person.mail("a") == ALL and not maildrop.messages


def test_uidls_change(place):
    """Between two runs, all of them: the messages are known by what they are."""
    maildrop = Maildrop(MESSAGES)
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port, keep="all")
        person.fetch()
        assert person.mail("a") == ALL
        maildrop.messages = {"new-%d" % number: text for number, text in enumerate(MESSAGES.values())}
        maildrop.retrieved.clear()
        done = person.fetch(status=None)
        assert person.mail("a") == ALL, done
        assert not maildrop.retrieved, done


def test_uidls_change_in_a_session(place):
    """A UIDL that is another's at each question: no message gets lost."""
    said = []

    def changing(*_):
        said.append(1)
        return uidls(*("changed-%d-%d" % (len(said), number) for number in range(COUNT)))

    maildrop = Maildrop(MESSAGES, {"UIDL": changing})
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port)
        done = person.fetch(status=None)
        only_stored_is_removed(person, "a", maildrop)
        maildrop.behave()
        person.fetch(status=None)
        done = person.fetch(status=None)
        assert set(person.mail("a")) == set(ALL), done


def surplus(text, before=b"-ERR never mind\r\n"):
    """A reply behind one that nobody asked for: from now on each answer is about the message before."""
    return before + whole(text.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")


def test_filter_is_shown_the_right_header(place):
    """What it says of one message is never done to another."""
    for verdict in ("delete", "skip"):
        maildrop = Maildrop(MESSAGES, {"TOP 2 0": surplus(MESSAGES["uidl-2"])})
        with Hostile(maildrop) as server:
            person = Collector("%s/%s" % (place, verdict))
            person.add("a", server.port, filter="case $(cat) in *'<2@'*) echo %s;; *) echo fetch;; esac" % verdict)
            done = person.fetch("--retries", "0", status=None)
            assert done.status in (c.PROTOCOL, c.UNAVAILABLE), done
            assert "uidl-3" in maildrop.messages or MESSAGES["uidl-3"] in person.mail("a"), done
            maildrop.behave()
            for _ in range(2):
                done = person.fetch(status=None)
            assert person.mail("a") == sorted(set(ALL) - {MESSAGES["uidl-2"]}), done


@pytest.mark.parametrize("said", ["-ERR never mind", "twice"])
@pytest.mark.parametrize("sizes", ["exact", "never right"])
def test_reply_too_many_where_sizes_do_not_tell(sizes, said, place):
    """All messages have one size, or sizes are known to be of no use: none is stored as another, which is then lost."""
    texts = {"uidl-%02d" % number: message(number) for number in range(10, 60)}
    maildrop = Maildrop(texts)
    if sizes == "never right":
        maildrop.replies["LIST"] = lambda talk, _: talk.listing("%d 7" % number for number, _ in talk.present())
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port)
        if sizes == "never right":
            maildrop.messages = {"before": message(9)}
            person.fetch()
            assert person.mail("a") == [message(9)] and maildrop.heard.count("RETR 1") == 2
            maildrop.messages = dict(texts)
        before = dict(maildrop.replies)
        maildrop.replies["RETR 3"] = whole(texts["uidl-12"]) + (
            whole(texts["uidl-12"]) if said == "twice" else said.encode() + b"\r\n")
        done = person.fetch("--retries", "0", status=None)
        assert done.status in (c.PROTOCOL, c.UNAVAILABLE), done
        maildrop.replies = before
        for _ in range(2):
            done = person.fetch(status=None)
        assert set(person.mail("a")) >= set(texts.values()) and not maildrop.messages, done
        assert len(person.mail("a")) == len(set(person.mail("a"))), done


def test_reply_too_many_and_then_the_end(place):
    """What has come whole when a connection is lost, and has no proof, may be another message."""
    texts = {"uidl-%02d" % number: message(number) for number in range(10, 60)}
    maildrop = Maildrop(texts, {"RETR 4": 2 * whole(texts["uidl-13"]), "RETR 7": ""})
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port)
        person.fetch("--retries", "0", status=None)
        assert set(person.mail("a")) <= set(texts.values()) and len(person.mail("a")) == 3
        maildrop.behave()
        person.fetch()
        assert person.mail("a") == sorted(texts.values()) and not maildrop.messages


@pytest.mark.parametrize("refused", [{7}, {15, 31, 50}, {1, 3, 7, 50}, set(range(1, 51, 2)), set(range(2, 51))])
def test_messages_that_the_server_refuses(refused, place):
    """It does not list them either, so that they prove nothing: all others come, and are removed."""
    texts = {"uidl-%02d" % number: message(number) for number in range(10, 60)}
    no = {"%s %d" % (verb, number): "-ERR it is gone" for verb in ("RETR", "LIST") for number in refused}
    maildrop = Maildrop(texts, no)
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port)
        person.fetch(status=c.UNAVAILABLE)
        assert person.mail("a") == sorted(message(number) for number in range(10, 60) if number - 9 not in refused)
        assert sorted(maildrop.messages) == ["uidl-%02d" % (number + 9) for number in sorted(refused)]


def test_messages_of_which_none_has_a_proof(place):
    """More of them than a batch holds: then each is asked for with a proof of its own."""
    count = 600
    texts = {"uidl-%03d" % number: message(number) for number in range(100, 100 + count)}
    refused = {2 ** bits - 1 for bits in range(1, 6)} | set(range(63, count + 1, 32)) | {count}
    no = {"%s %d" % (verb, number): "-ERR it is gone" for verb in ("RETR", "LIST") for number in refused}
    maildrop = Maildrop(texts, no)
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port)
        person.fetch(status=None)
        assert person.mail("a") == sorted(message(number) for number in range(100, 100 + count)
                                          if number - 99 not in refused)
        assert len(maildrop.messages) == len(refused)


def test_messages_are_recognized_by_their_own_headers(place):
    """All UIDLs are new, and the server says one reply too many: nobody is taken for another."""
    maildrop = Maildrop(MESSAGES)
    last = maildrop.messages.pop("uidl-6")
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port, keep="all")
        person.fetch()
        maildrop.messages = {"new-%d" % number: text for number, text in enumerate([*maildrop.messages.values(), last])}
        maildrop.replies["TOP 1 0"] = surplus(MESSAGES["uidl-1"])
        person.fetch("--retries", "0", status=c.PROTOCOL)
        maildrop.behave()
        done = person.fetch("--keep", "none")
        assert person.mail("a") == ALL and not maildrop.messages, done


def test_long_uidls_twice(place):
    """What tells them apart makes them longer than any that the server may have."""
    for length in (1010, 1024):
        maildrop = Maildrop(MESSAGES, {"UIDL": uidls(*2 * ["u" * length], *NAMES[2:])})
        with Hostile(maildrop) as server:
            person = Collector("%s/%d" % (place, length)).add("a", server.port)
            done = person.fetch()
            assert person.mail("a") == ALL and not maildrop.messages, done


def test_refusal_does_not_end_a_doubt(place):
    """DELE is refused while nobody knows which answer is whose: the message in doubt is still asked for again."""
    texts = {"big": message(0, b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 65000), **MESSAGES}
    said = []

    def other_size(_talk, _):
        said.append(1)
        return whole(texts["uidl-1"]) if len(said) > 1 else whole(b"Subject: of nobody\r\n\r\n")

    maildrop = Maildrop(texts, {"RETR 2": other_size, "DELE 1": "-ERR not now"})
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port)
        done = person.fetch(status=None)
        assert "DELE 1" in maildrop.heard and len(said) == 2, done
        assert person.mail("a") == sorted(texts.values()), done


# Sizes that memory must not follow.


@pytest.mark.parametrize("protection", ["clear", "tls"])
def test_memory_does_not_grow_with_a_message(protection, certificates_of, place):
    """Without a final dot, and lines without end. Nothing is stored, nothing stays behind."""
    for number, piece in enumerate((b"x" * 65536, (b".." + b"x" * 60 + b"\r\n") * 1000)):
        maildrop = Maildrop(MESSAGES, {"RETR": lambda talk, _, of=piece: endless_message(of, ENDLESS_OCTETS)},
                            protection=protection, certificate=certificates_of["good"])
        with Hostile(maildrop) as server:
            person = Collector("%s/home-%d" % (place, number)).add("bad", server.port)
            if protection != "clear":
                tls_account(person, server, certificates_of, protection)
            done = person.fetch("--retries", "0", status=c.TRY_LATER)
            assert maildrop.sent > ENDLESS_OCTETS // 2 and done.peak_kib < MESSAGE_PEAK_KIB, done
            assert person.mail("bad") == [] and person.is_clean("bad") and maildrop.messages == MESSAGES


def endless_message(piece, octets):
    yield b"+OK\r\n"
    for _ in range(octets // len(piece)):
        yield piece
    raise hostile.Over


def test_one_octet_at_a_time(place):
    maildrop = Maildrop(MESSAGES, piece_size=1)
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("a", server.port)
        once(person, "a", maildrop, person.fetch())


# Protection.


def tls_account(person, server, certificates_of, protection, **more):
    return person.add("bad", server.port, security=protection, ca_file=certificates_of["ca"], server_name="localhost",
                      clear_password=None, **more)


CERTIFICATES = {"other name": ("other.example", "localhost"), "name in subject only": ("localhost",),
                "expired": ("expired", "2024"), "self-signed": ("issuer",)}


@pytest.mark.parametrize("protection", ["stls", "tls"])
@pytest.mark.parametrize("certificate", ["good", *CERTIFICATES])
def test_certificates(protection, certificate, certificates_of, place):
    maildrop = Maildrop(MESSAGES, protection=protection, certificate=certificates_of[certificate])
    with Hostile(maildrop) as server:
        person = Collector(place + "/home")
        tls_account(person, server, certificates_of, protection)
        if certificate == "good":
            return once(person, "bad", maildrop, person.fetch())
        done = person.fetch(status=c.UNAVAILABLE)
        explains(person, done, c.UNAVAILABLE, "certificate")
        for word in CERTIFICATES[certificate]:
            assert word in done.output, done
        assert maildrop.messages == MESSAGES and not [line for line in maildrop.heard if line not in ("CAPA", "STLS")]
        # What it tells to pin is what makes it trusted.
        pins = re.findall(r"\b[0-9a-f]{64}\b", done.output)
        assert pins, done
        person.accounts["bad"]["pin"] = pins[0]
        once(person, "bad", maildrop, person.fetch())
        person.accounts["bad"]["pin"] = "0" * 64
        person.fetch(status=c.UNAVAILABLE)


def no_secret(octets):
    assert PASSWORD.encode() not in octets
    assert b"AUTH" not in octets and b"USER" not in octets and b"APOP" not in octets, octets


STLS_TRICKS = {
    "not announced": {"CAPA": "+OK\nTOP\nUIDL\nUSER\nSASL PLAIN\nPIPELINING\n.", "STLS": "-ERR what?"},
    "no capabilities, no STLS": {"CAPA": "-ERR what?", "STLS": "-ERR what?"},
    "refused": {"STLS": "-ERR not today"},
    "injected behind its reply": {"STLS": "+OK begin\n+OK\nTOP\nUIDL\nUSER\nSASL PLAIN\n."},
    "injected with a reply to AUTH": {"STLS": "+OK begin\n+OK logged in"},
    "injected before its reply": {"STLS": "+OK\n+OK begin"},
    "injected before it was asked for": {"greeting": "+OK ready\n+OK begin"},
    "followed by no TLS": {"STLS": "+OK begin\n" + "no TLS at all " * 10},
}


@pytest.mark.parametrize("trick", STLS_TRICKS)
def test_stls_tricks(trick, certificates_of, place):
    """Nothing secret leaves, and nothing that came in clear counts."""
    maildrop = Maildrop(MESSAGES, STLS_TRICKS[trick], protection="stls", certificate=certificates_of["good"])
    with Hostile(maildrop) as server:
        person = Collector(place + "/home")
        tls_account(person, server, certificates_of, "stls")
        done = person.fetch("--retries", "0", status=None)
        assert done.status in (c.UNAVAILABLE, c.PROTOCOL, c.TRY_LATER), done
        explains(person, done, None, "")
        no_secret(maildrop.clear_octets)
        assert maildrop.messages == MESSAGES and person.mail("bad") == []


@pytest.mark.parametrize("capabilities", [("UIDL", "SASL PLAIN LOGIN"), ("UIDL", "USER"), ("UIDL", "SASL XOAUTH2")])
def test_no_password_in_clear(capabilities, place):
    maildrop = Maildrop(MESSAGES, capabilities=capabilities)
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("bad", server.port, clear_password=None)
        done = person.fetch(status=c.UNAVAILABLE)
        explains(person, done, c.UNAVAILABLE, "not protected")
        no_secret(maildrop.clear_octets)


@pytest.mark.parametrize("trick, status", [("honest", c.OK), ("wrong signature", None), ("no signature", None),
                                           ("a problem, and success", None)])
def test_scram_server_must_prove_itself(trick, status, place):
    """Who lets everybody in may be an impostor who wants to hand out mail of its own."""
    tricks = {"honest": {}, "wrong signature": {"signature": b"\0" * 32}, "no signature": {"skip": True},
              "a problem, and success": {"last": b"e=other-error"}}
    replies = {"AUTH": lambda talk, said: talk.auth_scram(said.partition(" ")[2], **tricks[trick])}
    maildrop = Maildrop(MESSAGES, replies, capabilities=("UIDL", "SASL SCRAM-SHA-256", "PIPELINING"))
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("bad", server.port, clear_password=None)
        done = person.fetch("--retries", "0", status=status)
        if trick == "honest":
            return once(person, "bad", maildrop, done)
        explains(person, done, None, "")
        assert done.status in (c.PROTOCOL, c.DENIED, c.UNAVAILABLE), done
        assert person.mail("bad") == [] and maildrop.messages == MESSAGES
        assert not [line for line in maildrop.heard if line.startswith(("RETR", "DELE"))], maildrop.heard


def test_nobody_listens(place):
    port, = restante.free_ports(1)
    person = Collector(place + "/home").add("bad", port)
    explains(person, person.fetch("--retries", "0", status=c.TRY_LATER), c.TRY_LATER, "")


def test_silence_ends(place):
    """A server that says nothing any more is given up after timeout_seconds."""
    maildrop = Maildrop(MESSAGES, {"RETR 3": None})
    with Hostile(maildrop) as server:
        person = Collector(place + "/home").add("bad", server.port, timeout_seconds=5)
        explains(person, person.fetch("--retries", "0", status=c.TRY_LATER), c.TRY_LATER, "")
        maildrop.behave()
        once(person, "bad", maildrop, person.fetch())


