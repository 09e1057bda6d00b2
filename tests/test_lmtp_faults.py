"""Delivery when something fails: processes that are killed, disks that are full, recipients that are broken,
senders that are slow, endless or malicious. What was acknowledged is there and whole, and nobody else notices.
"""

import contextlib
import fcntl
import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest

import restante
from restante import wait_until

BIG = 200000  # octets that do not stay in memory: see SPOOL_MEMORY_SIZE
PROGRAMS = ["restante-lmtp", "restante-auth", "restante-maildrop"]
TRACE = re.compile(rb"\AReturn-Path: .*\r\nDelivered-To: .*\r\nReceived: .*\r\n(?:[ \t].*\r\n)*")

as_root = pytest.mark.skipif(os.getuid() != 0, reason="not root")


@pytest.fixture(params=["maildir", "mbox"])
def server(request, make_server):
    """anna and bert, of different uids where root can have that; started by the test."""
    server = make_server().speak_lmtp()
    server.store = request.param
    if server.store == "mbox":
        server.options["mail_place"] = "mbox:%h/mbox"
    server.add_user("anna")
    server.add_user("bert", restante.OTHER_MAIL_UID if server.is_root else None)
    server.expected_deaths = True
    return server


def address(user):
    return user.name + "@localhost"


def stored_path(user):
    return user.home + "/mbox"


def fetched(server, user):
    """The messages of a maildrop as they are on the wire, without the trace lines that each must have."""
    with server.login(user) as client:
        messages = [client.retrieve(number + 1) for number in range(int(client.ok("STAT").split()[0]))]
    for message in messages:
        assert TRACE.match(message), message[:400]
    return [TRACE.sub(b"", message) for message in messages]


def greeted(server):
    client = server.lmtp()
    client.hello()
    return client


def letter(name, size=0):
    return b"Subject: %s\r\n\r\n" % name.encode() + (71 * b"x" + b"\r\n") * (size // 73) + b"end of %s\r\n" % name.encode()


def deliver_at_last(server, *users):
    """The next message, as soon as everybody who was killed is there again."""
    def delivered():
        try:
            client = greeted(server)
            told = client.deliver(letter("next"), *map(address, users))
            client.close()
        except (AssertionError, OSError):
            return False
        assert all(reply[:4] in ("250 ", "451 ") for reply in told), told
        return all(reply.startswith("250 ") for reply in told)

    wait_until(delivered, "the next message:\n" + server.log()[-3000:])


def kill_all(server, program):
    pids = server.pids(program)
    assert pids
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(pids) & set(server.pids(program)), "its end")


def hold_still(pid):
    """Returns when none of its threads runs any more."""
    os.kill(pid, signal.SIGSTOP)

    def stopped():
        states = []
        for thread in os.listdir("/proc/%d/task" % pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open("/proc/%d/task/%s/stat" % (pid, thread)) as file:
                    states.append(file.read().rsplit(")", 1)[1].split()[0])
        return set(states) == {"T"}

    wait_until(stopped, "a process that holds still")


def messages_held(pid):
    """Descriptors of messages that a process has open: in memory, or in a file without a name."""
    held = 0
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc/%d/fd" % pid):
            with contextlib.suppress(FileNotFoundError):
                held += "(deleted)" in os.readlink("/proc/%d/fd/%s" % (pid, name))
    return held


def nothing_is_left(server):
    assert os.listdir(server.options["lmtp_spool_directory"]) == []
    if os.getuid() == 0:
        for program in "restante-lmtp", "restante-maildrop":
            wait_until(lambda: not any(map(messages_held, server.pids(program))), "an end of descriptors")


@pytest.mark.parametrize("size", [0, BIG])
@pytest.mark.parametrize("program", PROGRAMS)
def test_killed_during_data(server, program, size):
    users = list(server.users.values())
    server.start()
    deliver_at_last(server, *users)
    client = greeted(server)
    assert all(reply.startswith("250 ") for reply in client.envelope(*map(address, users)))
    assert client.ask("DATA").startswith("354 ")
    text = letter("half", size)
    client.say(text[:len(text) // 2])
    if size and server.is_root:
        wait_until(lambda: sum(map(messages_held, server.pids("restante-lmtp"))), "the file that is spooled to")
    kill_all(server, program)
    told = []
    with contextlib.suppress(OSError, AssertionError):
        client.say(text[len(text) // 2:] + b".\r\n")
        told.append(client.reply())
        told.append(client.reply())
    client.close()
    assert len(told) == (0 if program == "restante-lmtp" else 2)
    assert all(reply[:4] in ("250 ", "451 ") for reply in told), told
    deliver_at_last(server, *users)
    for user, reply in zip(users, told or ["", ""]):
        # It is answered before it can be delivered: no more than what was acknowledged is there.
        found = fetched(server, user)
        assert found.count(text) == reply.startswith("250 ")
        assert set(found) <= {text, letter("next")}
    nothing_is_left(server)


@as_root
@pytest.mark.parametrize("size", [0, BIG])
@pytest.mark.parametrize("program", PROGRAMS)
def test_killed_between_data_and_reply(server, program, size):
    """The maildrop processes hold still, so that the message is certainly under way when somebody dies."""
    users = list(server.users.values())
    server.start()
    deliver_at_last(server, *users)
    client = greeted(server)
    assert all(reply.startswith("250 ") for reply in client.envelope(*map(address, users)))
    stopped = server.pids("restante-maildrop")
    for pid in stopped:
        hold_still(pid)
    text = letter("on its way", size)
    assert client.ask("DATA").startswith("354 ")
    client.say(text + b".\r\n")
    [lmtp] = server.pids("restante-lmtp")
    wait_until(lambda: messages_held(lmtp), "the message")
    assert client.is_silent()
    kill_all(server, program)
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    told = []
    with contextlib.suppress(OSError, AssertionError):
        told = [client.reply(), client.reply()]
    client.close()
    # auth is not needed any more. A maildrop process that dies leaves doubt, and the message is to come again, unless it
    # was not handed over yet: then another gets it.
    assert len(told) == (0 if program == "restante-lmtp" else 2)
    assert {reply[:4] for reply in told} <= ({"250 "} if program == "restante-auth" else {"250 ", "451 "}), told
    deliver_at_last(server, *users)
    for user, reply in zip(users, told or ["", ""]):
        found = fetched(server, user)
        assert set(found) <= {text, letter("next")}
        assert found.count(text) in ((reply.startswith("250 "),) if told else (0, 1))
    nothing_is_left(server)


class Sender(threading.Thread):
    """An MTA with a queue: hands in numbered messages, again what was not acknowledged, until all are."""

    def __init__(self, server, number, stopping):
        super().__init__()
        self.server, self.number, self.stopping = server, number, stopping
        self.users = list(server.users.values())
        self.acknowledged, self.doubtful = {}, {}  # (user, text) -> how often
        self.problem = None

    def through_to(self, user):
        """How many different messages were acknowledged."""
        return sum(name == user.name for name, _ in list(self.acknowledged))

    def run(self):
        try:
            count = 0
            while not self.stopping.is_set():
                count += 1
                self.hand_in(letter("%d-%d" % (self.number, count), BIG if count % 7 == 0 else 100))
        except Exception as problem:
            self.problem = problem

    def hand_in(self, text):
        waiting = self.users
        end = time.monotonic() + restante.PATIENCE_SECONDS
        while waiting:
            assert time.monotonic() < end, "a message does not get through"
            waiting = self.attempt(text, waiting)
            if waiting:
                time.sleep(0.02)

    def attempt(self, text, users):
        """Those who have not got it for certain."""
        left, client = [], None
        asked = []
        try:
            client = greeted(self.server)
            told = client.envelope(*map(address, users))
            assert all(reply[:4] in ("250 ", "451 ") for reply in told), told
            asked = [user for user, reply in zip(users, told) if reply.startswith("250 ")]
            left = [user for user in users if user not in asked]
            if asked:
                assert client.ask("DATA").startswith("354 ")
                client.say(text.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            while asked:
                reply = client.reply()
                user = asked.pop(0)
                counts = self.acknowledged if reply.startswith("250 ") else self.doubtful
                counts[user.name, text] = counts.get((user.name, text), 0) + 1
                if not reply.startswith("250 "):
                    assert reply.startswith("451 "), reply
                    left.append(user)
        except (OSError, AssertionError) as problem:
            if isinstance(problem, AssertionError) and str(problem) not in ("b''", "") and "b''" not in str(problem):
                raise
            if not asked and not left:
                return users
            for user in asked:
                self.doubtful[user.name, text] = self.doubtful.get((user.name, text), 0) + 1
            left += asked
        finally:
            if client is not None:
                client.close()
        return left


def test_killed_at_random(server):
    """However often, and whenever: all that was acknowledged is there, once unless an earlier try is in doubt."""
    server.start()
    stopping = threading.Event()
    senders = [Sender(server, number, stopping) for number in range(4)]
    for sender in senders:
        sender.start()
    # After so many deaths the parent waits for seconds before it starts one again.
    for program in random.sample(4 * PROGRAMS, 4 * len(PROGRAMS)):
        time.sleep(random.uniform(0, 0.6))
        pids = server.pids(program)
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(pids), signal.SIGKILL)
    # However slow the machine: each gets some through to each, before it is looked what arrived.
    wait_until(lambda: any(sender.problem for sender in senders) or all(
        sender.through_to(user) > 3 for sender in senders for user in server.users.values()), "messages")
    stopping.set()
    for sender in senders:
        sender.join()
    assert [sender.problem for sender in senders] == 4 * [None], server.log()[-6000:]
    wait_until(lambda: all(map(server.pids, PROGRAMS)), "everybody")
    deliver_at_last(server, *server.users.values())
    for user in server.users.values():
        found = [text for text in fetched(server, user) if text != letter("next")]
        counts = {text: found.count(text) for text in set(found)}
        for sender in senders:
            mine = {text: count for (name, text), count in sender.acknowledged.items() if name == user.name}
            for text, count in mine.items():
                copies = counts.pop(text, 0)
                assert count <= copies <= count + sender.doubtful.get((user.name, text), 0), (text[:40], copies)
        assert not counts, "nobody sent that: %s" % [text[:40] for text in counts]
    nothing_is_left(server)


def in_a_room(server, **mounts):
    """The server sees small disks in these places: name -> (path, uid, octets). Returns the way to look there."""
    script = "".join("mkdir -p %s && mount -t tmpfs -o size=%d,mode=700,uid=%d,gid=%d small %s && " % (
        path, size, uid, uid, path) for path, uid, size in mounts.values())
    if subprocess.run(["unshare", "--mount", "sh", "-c", script + "true"], capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    server.wrap_command = ["unshare", "--mount", "sh", "-c", script + 'exec "$@"', "room"], ()

    def inside(path):
        return "/proc/%d/root%s" % (server.process.pid, path)
    return inside


def fill(path):
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(4096 * b"f")


@as_root
def test_a_full_disk_below_a_maildrop(server):
    """Who has room gets his mail; who has none keeps what he had, and gets more when there is room."""
    anna, bert = server.users.values()
    inside = in_a_room(server, bert=(bert.home, bert.uid, 1 << 20))
    server.start()
    client = greeted(server)
    first, second = letter("first", 50000), letter("second", 50000)
    assert [reply[:4] for reply in client.deliver(first, address(anna), address(bert))] == 2 * ["250 "]
    fill(inside(bert.home + "/filler"))
    for user in bert, anna:  # whoever is named first
        told = client.deliver(second, *[address(user), address(anna if user is bert else bert)])
        outcomes = dict(zip([user.name, (anna if user is bert else bert).name], told))
        assert outcomes["anna"].startswith("250 2.1.5 ") and outcomes["bert"][:4] in ("451 ", "452 "), told
    failed = server.wait_event("delivery-failed", user="bert", count=2)
    assert "No space left" in failed.fields["reason"]
    assert fetched(server, bert) == [first]
    os.unlink(inside(bert.home + "/filler"))
    assert client.deliver(second, address(bert))[0].startswith("250 ")
    client.close()
    assert fetched(server, bert) == [first, second]
    assert fetched(server, anna) == [first, second, second]
    if server.store == "maildir":
        assert os.listdir(inside(bert.maildir + "/tmp")) == []
    nothing_is_left_inside(server, inside)


def nothing_is_left_inside(server, inside):
    assert os.listdir(inside(server.options["lmtp_spool_directory"])) == []


@as_root
def test_a_full_disk_below_the_spool(server):
    """Big messages are refused for now, small ones do not need it."""
    anna, bert = server.users.values()
    inside = in_a_room(server, spool=(server.options["lmtp_spool_directory"], restante.LMTP_UID, 1 << 20))
    server.start()
    client = greeted(server)
    big, small = letter("big", BIG), letter("small")
    fill(inside(server.options["lmtp_spool_directory"] + "/filler"))
    assert [reply[:9] for reply in client.deliver(big, address(anna), address(bert))] == 2 * ["452 4.3.1"]
    assert "No space left" in server.wait_event("spool-failed").fields["reason"]
    assert [reply[:4] for reply in client.deliver(small, address(anna), address(bert))] == 2 * ["250 "]
    # There is room again in the middle of a message: that does not make it whole.
    assert client.envelope(address(anna))[0].startswith("250 ")
    assert client.ask("DATA").startswith("354 ")
    client.say(big[:BIG // 2])
    server.wait_event("spool-failed", count=2)
    os.unlink(inside(server.options["lmtp_spool_directory"] + "/filler"))
    client.say(big[BIG // 2:] + b".\r\n")
    assert client.reply().startswith("452 4.3.1 ")
    # A message that is bigger than the disk: what was kept of it is given back.
    assert [reply[:9] for reply in client.deliver(letter("huge", 2 << 20), address(anna))] == ["452 4.3.1"]
    nothing_is_left_inside(server, inside)
    assert [reply[:4] for reply in client.deliver(big, address(anna), address(bert))] == 2 * ["250 "]
    client.close()
    for user in anna, bert:
        assert fetched(server, user) == [small, big]
    nothing_is_left_inside(server, inside)


def test_an_open_maildrop(server):
    """Mail arrives during a session: its numbers, UIDLs and sizes hold still, and it removes what it means."""
    anna = server.users["anna"]
    server.start()
    client = greeted(server)
    texts = [letter("%d" % number, 500 * number) for number in range(6)]
    for text in texts[:3]:
        assert client.deliver(text, address(anna))[0].startswith("250 ")
    with server.login(anna) as session:
        before = session.listing("UIDL"), session.listing("LIST"), session.ok("STAT")
        session.ok("DELE 2")
        for text in texts[3:]:
            assert client.deliver(text, address(anna))[0].startswith("250 ")
            assert TRACE.sub(b"", session.retrieve(3)) == texts[2]
            assert session.error("RETR 4")
        session.ok("RSET")
        assert (session.listing("UIDL"), session.listing("LIST"), session.ok("STAT")) == before
        session.ok("DELE 2")
        session.ok("QUIT")
    client.close()
    assert fetched(server, anna) == [texts[0], *texts[2:]]


def test_octet_by_octet(server):
    anna = server.users["anna"]
    server.start()
    client = server.lmtp()
    text = b"Subject: slow\r\n\r\n.dot\r\n..\r\n\r\nend.\r\n"
    for octet in (b"LHLO slow.example\r\nMAIL FROM:<>\r\nRCPT TO:<anna@localhost>\r\nDATA\r\n" +
                  text.replace(b"\r\n.", b"\r\n..") + b".\r\nQUIT\r\n"):
        client.say(bytes([octet]))
    replies = [client.reply()[:3] for _ in range(6)]
    assert replies == ["250", "250", "250", "354", "250", "221"]
    client.close()
    assert fetched(server, anna) == [text]
    nothing_is_left(server)


@pytest.mark.parametrize("size", [0, BIG])
def test_data_without_an_end(server, size):
    """A client that begins a message and never ends it is sent away; nothing is left, and nobody gets any of it."""
    anna = server.users["anna"]
    # In place of lmtp_timeout_seconds, which may not be so few.
    server.environment["RESTANTE_LMTP_TIMEOUT_MILLISECONDS"] = "3000"
    server.start()
    deliver_at_last(server, anna)
    client = greeted(server)
    assert client.envelope(address(anna))[0].startswith("250 ")
    assert client.ask("DATA").startswith("354 ")
    client.say(letter("never ended", size))
    assert client.reply().startswith("421 4.4.2 ")
    assert client.file.read() == b""
    client.close()
    server.wait_event("disconnect", reason="timeout")
    nothing_is_left(server)
    assert fetched(server, anna) == [letter("next")]
    deliver_at_last(server, anna)


def test_what_a_killed_process_left(server):
    """A file has a name for a moment. Killed in it, a process leaves that: the next one removes it, and nothing else."""
    spool = server.options["lmtp_spool_directory"]
    os.mkdir(spool, 0o700)
    names = {"0123456789abcdef", "0123456789abcdef0", "message", "0123456789abcde"}
    for name in names:
        open(spool + "/" + name, "wb").close()
        server.give(spool + "/" + name, restante.LMTP_UID if server.is_root else server.as_uid)
    server.give(spool, restante.LMTP_UID if server.is_root else server.as_uid)
    server.start()
    deliver_at_last(server, server.users["anna"])
    assert set(os.listdir(spool)) == names - {"0123456789abcdef"}


def peak_kib(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))


def test_recipients_without_end(server):
    """Beyond lmtp_recipients_max each costs a reply and nothing else, here or in auth; the others get their mail."""
    anna = server.users["anna"]
    server.options["lmtp_recipients_max"] = 100
    server.start()
    client = greeted(server)
    assert client.ask("MAIL FROM:<>").startswith("250 ")
    first = "".join("RCPT TO:<anna+%d@localhost>\r\n" % number for number in range(100))
    client.say(first)
    assert all(client.reply().startswith("250 ") for _ in range(100))
    pids = server.pids("restante-lmtp") + server.pids("restante-auth")
    before = [peak_kib(pid) for pid in pids]
    more = "".join("RCPT TO:<anna+x%d@localhost>\r\n" % number for number in range(500))
    for _ in range(200):
        client.say(more)
        assert all(client.reply().startswith("452 4.5.3 ") for _ in range(500))
    assert all(peak_kib(pid) < size + 4096 for pid, size in zip(pids, before))
    assert all(reply.startswith("250 ") for reply in client.message(letter("many"), 100))
    client.close()
    assert fetched(server, anna) == 100 * [letter("many")]


def break_maildrop(server, user):
    """Nobody can write there."""
    path = user.maildir if server.store == "maildir" else user.home
    for directory in (path + "/new", path + "/tmp", path + "/cur", path) if server.store == "maildir" else (path,):
        if os.getuid() == 0:
            os.chown(directory, 0, 0)
        os.chmod(directory, 0o555)
    return lambda: [os.chmod(where, 0o700) for where, _, _ in os.walk(path)]


@contextlib.contextmanager
def locked(server, user):
    """As another program does that writes to it."""
    if server.store == "maildir":
        yield
        return
    with open(os.open(stored_path(user), os.O_CREAT | os.O_RDWR, 0o600), "r+b") as file:
        restante.Server.give(stored_path(user), user.uid)
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def test_one_recipient_is_not_anothers_business(server):
    """51 recipients: who cannot be delivered to is told so, in his place, and the others have their mail."""
    good = [server.add_user("good%d" % number) for number in range(47)]
    broken, full, held = (server.add_user(name) for name in ("broken", "full", "held"))
    full.line = lambda: restante.User.line(full).rstrip("\n") + "quota_rule=*:bytes=100\n"
    mend = break_maildrop(server, broken)
    server.start()
    everybody = good + [broken, full, held]
    random.shuffle(everybody)
    names = [address(user) for user in everybody]
    names.insert(random.randrange(51), "nobody@localhost")
    client = greeted(server)
    with locked(server, held):
        told = dict(zip(names, client.deliver(letter("to all", 1000), *names)))
    mend()
    assert told.pop("nobody@localhost").startswith("550 5.1.1 ")
    assert told.pop(address(broken)).startswith("451 4.3.0 ")
    assert told.pop(address(full)).startswith("452 4.2.2 ")
    assert told.pop(address(held))[:4] == ("250 " if server.store == "maildir" else "451 ")
    assert len(told) == 47 and all(reply.startswith("250 2.1.5 ") for reply in told.values()), told
    for user in good:
        assert fetched(server, user) == [letter("to all", 1000)]
    assert fetched(server, full) == []
    for user in broken, full:
        assert server.events("delivery-failed", user=user.name)
    client.close()
    nothing_is_left(server)


# What one server may take for the end of a message and another may not; behind it, what a smuggler wants to be said.
SMUGGLED = b"MAIL FROM:<evil@a.example>\r\nRCPT TO:<bert@localhost>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n"
ENDS = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\n", b"\n\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n",
        b"\r\n.\r\r\n"]


def as_stored(server, text):
    """
    What POP hands out of it: lines end with CRLF. An mbox marks those that would begin a message, and the empty
    line behind a message is the end of its header, where it has no other.
    """
    text = text.replace(b"\r\n", b"\n")
    if server.store == "mbox":
        text = re.sub(rb"(?m)^(>*From )", rb">\1", text)
        text += b"" if b"\n\n" in text else b"\n"
    return text.replace(b"\n", b"\r\n")


def dotted(text):
    """Dots at the beginning of a line, and that is behind CRLF alone."""
    return re.sub(rb"(\A|\r\n)\.", rb"\1..", text)


@pytest.mark.parametrize("way", ["DATA", "BDAT"])
def test_a_message_is_one_message(server, way):
    anna, bert = server.users.values()
    server.start()
    client = greeted(server)
    texts = [b"Subject: %d\r\n\r\nbefore" % number + end + SMUGGLED for number, end in enumerate(ENDS)] + [
        b"Subject: From\r\n\r\nFrom evil@a.example Thu Jan  1 00:00:00 1970\nFrom x\r\n>From y\r\rFrom z\r\n",
        b"Subject: NUL\r\n\r\n\0\r\n" + 5000 * b"\0" + b"\r\n",
        b"Subject: long\r\n\r\n" + 300000 * b"l" + b"\r\n" + 70000 * b"\r" + b"\r\n",
        b"Subject: nothing but LF\n\nFrom b\n.\n\r\n",
        b".\r\n.\r\n..\r\n",
        b"no header at all\r\n",
    ]
    for text in texts:
        assert client.envelope(address(anna))[0].startswith("250 ")
        if way == "DATA":
            # A smuggler's dots are not doubled: his MTA does not take them for the beginning of a line.
            sent = text if SMUGGLED in text else dotted(text)
            text = re.sub(rb"(\A|\r\n)\.", rb"\1", sent)
            assert client.ask("DATA").startswith("354 ")
            client.say(sent + b".\r\n")
        else:
            client.say(b"BDAT %d LAST\r\n" % len(text) + text)
        assert client.reply().startswith("250 2.1.5 <anna@localhost>")
        assert client.ask("NOOP").startswith("250 2.0.0 ")
        assert fetched(server, anna)[-1] == as_stored(server, text)
    client.close()
    assert len(fetched(server, anna)) == len(texts)
    assert fetched(server, bert) == []
