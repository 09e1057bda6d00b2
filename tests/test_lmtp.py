"""Mail comes in by LMTP and goes out by POP: the whole server, with its walls up."""

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import stat
import struct
import threading

import pytest

import restante
from restante import wait_until

MESSAGE = b"From: a@a.example\r\nSubject: what\r\n\r\n.dots\r\n..\r\nFrom here\r\n\xe4\x00\r\nend\r\n"


@pytest.fixture
def server(make_server):
    return make_server().speak_lmtp()


def fetched(server, user):
    """The messages of a maildrop on the wire, the trace lines apart: (trace, message)."""
    with server.login(user) as client:
        messages = [client.retrieve(number + 1) for number in range(int(client.ok("STAT").split()[0]))]
    parts = []
    for message in messages:
        at = re.search(rb"\A(Return-Path: .*\r\nDelivered-To: .*\r\nReceived: .*\r\n(?:[ \t].*\r\n)*)", message)
        assert at, message[:400]
        parts.append((at[1].decode(), message[at.end():]))
    return parts


@pytest.mark.parametrize("way", ["socket", "port", "STARTTLS"])
def test_what_comes_in_goes_out(server, way):
    anna, bert = server.add_user("anna"), server.add_user("bert")
    server.start()
    client = server.lmtp(tcp=way != "socket")
    assert client.greeting.startswith("220 mail.example.org LMTP")
    assert ("STARTTLS" in client.hello()) == (way != "socket")
    if way == "STARTTLS":
        client.wrap()
        client.hello()
    told = client.deliver(MESSAGE, "anna@mail.example.org", "nobody@mail.example.org", "bert@mail.example.org")
    assert [reply[:9] for reply in told] == ["250 2.1.5", "550 5.1.1", "250 2.1.5"]
    for user in anna, bert:
        [(trace, message)] = fetched(server, user)
        assert message == MESSAGE
        assert trace.startswith("Return-Path: <sender@a.example>\r\nDelivered-To: %s@mail.example.org\r\n" % user.name)
        assert "with LMTP%s id " % ("S" if way == "STARTTLS" else "") in trace
    assert client.ask("QUIT").startswith("221 ")
    client.close()
    assert os.listdir(server.options["lmtp_spool_directory"]) == []


def test_sockets_and_directories_have_their_modes(server):
    server.start()
    assert stat.S_IMODE(os.stat(server.lmtp_socket).st_mode) == 0o666
    spool = os.stat(server.options["lmtp_spool_directory"])
    assert stat.S_IMODE(spool.st_mode) == 0o700
    assert spool.st_uid == (restante.LMTP_UID if server.is_root else server.as_uid)
    server.stop()
    assert not os.path.exists(server.lmtp_socket)


@pytest.mark.parametrize("mode, problem", [(0o777, "has the mode 0777"), (0o500, "has the mode 0500"),
                                           (None, "is no directory")])
def test_spool_directory_that_is_not_as_it_should_be(server, mode, problem):
    path = server.directory + "/spool"
    server.options["lmtp_spool_directory"] = path
    if mode is None:
        open(path, "w").close()
    else:
        os.mkdir(path)
        os.chmod(path, mode)
    server.give(path, restante.LMTP_UID)
    server.start()
    assert problem in server.wait_event("spool-directory").fields["reason"]


def test_addresses(server):
    """Users with their domain, without, and what is behind the delimiter."""
    anna, full = server.add_user("anna"), server.add_user("carl@b.example")
    server.options["lmtp_detail_folders"] = "yes"
    os.makedirs(anna.maildir + "/.lists/cur")
    os.makedirs(anna.maildir + "/.lists/new")
    os.makedirs(anna.maildir + "/.lists/tmp")
    for directory, _, _ in os.walk(anna.maildir):
        restante.Server.give(directory, anna.uid)
    server.start()
    client = server.lmtp()
    client.hello()
    told = client.deliver(MESSAGE, "anna@b.example", "Carl@B.Example", "carl+x@b.example", "anna@localhost",
                          "anna+lists@localhost", "anna+nothing@localhost")
    assert [reply[:9] for reply in told] == ["550 5.1.1"] + 5 * ["250 2.1.5"]
    assert len(fetched(server, full)) == 2
    assert len(fetched(server, anna)) == 2
    assert len(os.listdir(anna.maildir + "/.lists/new")) == 1
    client.close()


class Opened:
    """What is opened of a Maildir from now on (inotify(7))."""

    IN_OPEN, IN_ISDIR, IN_NONBLOCK = 0x20, 0x40000000, 0o4000

    def __init__(self, maildir):
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.inotify_init1(self.IN_NONBLOCK)
        assert self.descriptor >= 0
        for directory in ("new", "cur"):
            assert libc.inotify_add_watch(self.descriptor, os.fsencode(maildir + "/" + directory), self.IN_OPEN) > 0

    def names(self, directories=False):
        """Of the files since the last call."""
        found = []
        with contextlib.suppress(BlockingIOError):
            events = os.read(self.descriptor, 65536)
            while events:
                _, mask, _, size = struct.unpack_from("iIII", events)
                if directories or not mask & self.IN_ISDIR:
                    found.append(events[16:16 + size].rstrip(b"\0").decode())
                events = events[16 + size:]
        return found


def test_a_poll_reads_nothing_of_what_was_delivered(server):
    """Its size and its UIDL are known, with an index that is older and without any."""
    anna = server.add_user("anna")
    server.start()
    client = server.lmtp()
    client.hello()
    for round_number in range(3):
        assert client.deliver(MESSAGE, "anna@mail.example.org")[0].startswith("250 ")
        if round_number == 2:
            os.unlink(anna.maildir + "/restante-index")
        opened = Opened(anna.maildir)
        with server.login(anna) as pop:
            assert pop.ok("STAT").split()[0] == str(round_number + 1)
            sizes = [int(line.split()[1]) for line in pop.listing("LIST")]
            assert len(pop.listing("UIDL")) == round_number + 1
            assert opened.names() == []
            message = pop.retrieve(round_number + 1)
            assert len(opened.names()) == 1
            assert len(message) == sizes[round_number]
            pop.ok("QUIT")
        wait_until(lambda: os.path.exists(anna.maildir + "/restante-index"), "the index")
        os.close(opened.descriptor)
    client.close()


def newest(maildir):
    """The UIDL of what was delivered last."""
    names = os.listdir(maildir + "/new")
    return max(names, key=lambda name: os.stat(maildir + "/new/" + name).st_ctime_ns).split(",")[0].encode()


def is_learnt(index, what):
    with contextlib.suppress(FileNotFoundError), open(index, "rb") as file:
        return what in file.read()
    return False


def is_free(maildir):
    """Nobody has its lock: who learns keeps it for a moment behind the index, and a session that comes then looks at
    the gate, which is new/."""
    directory = os.open(maildir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(directory)


def test_a_poll_behind_a_delivery_reads_nothing_at_all(server):
    """What was delivered is learnt in passing; the poll opens neither new/ nor cur/ nor a message. A folder is not learnt."""
    anna, bert = server.add_user("anna"), server.add_user("bert")
    server.options["lmtp_detail_folders"] = "yes"
    for part in "cur", "new", "tmp":
        os.makedirs(bert.maildir + "/.lists/" + part)
    bert.give_away()
    server.start()
    client = server.lmtp()
    client.hello()
    assert client.deliver(MESSAGE, "bert+lists@localhost")[0].startswith("250 ")
    index = anna.maildir + "/restante-index"
    for round_number in range(3):
        assert client.deliver(MESSAGE, "anna@localhost")[0].startswith("250 ")
        wait_until(lambda: is_learnt(index, newest(anna.maildir)) and is_free(anna.maildir), "the index")
        opened = Opened(anna.maildir)
        with server.login(anna) as pop:
            assert pop.ok("STAT").split()[0] == str(round_number + 1)
            sizes = [int(line.split()[1]) for line in pop.listing("LIST")]
            assert len(pop.listing("UIDL")) == round_number + 1
            pop.ok("QUIT")
        with server.login(anna) as pop:
            assert opened.names(directories=True) == []
            assert len(pop.retrieve(round_number + 1)) == sizes[round_number]
            pop.ok("QUIT")
        os.close(opened.descriptor)
    client.close()
    assert not os.path.exists(bert.maildir + "/.lists/restante-index")


def mbox_index_end(user):
    """How much of the mbox its index knows (store/mbox_index_file.h)."""
    with contextlib.suppress(FileNotFoundError), open(user.home + "/.mbox.restante-index", "rb") as file:
        return struct.unpack_from("Q", file.read(), 40)[0]
    return 0


def octets_read(pid):
    with open("/proc/%d/io" % pid) as io:
        return int(re.search(r"^rchar: (\d+)", io.read(), re.M)[1])


def test_a_poll_of_an_mbox_behind_a_delivery(server):
    """It reads no more of the text than one of an mbox that has not changed."""
    server.options["mail_place"] = "mbox:%h/mbox"
    anna = server.add_user("anna")
    server.start()
    client = server.lmtp()
    client.hello()
    text = b"Subject: some\r\n\r\n" + 5000 * (70 * b"z" + b"\r\n")
    for round_number in range(2):
        assert client.deliver(text, "anna@localhost")[0].startswith("250 ")
        wait_until(lambda: mbox_index_end(anna) == os.stat(anna.home + "/mbox").st_size, "the index")
        [maildrop] = server.pids("restante-maildrop")
        before = octets_read(maildrop)
        with server.login(anna) as pop:
            assert pop.ok("STAT").split()[0] == str(round_number + 1)
            assert len(pop.listing("LIST")) == len(pop.listing("UIDL")) == round_number + 1
            pop.ok("QUIT")
        assert octets_read(maildrop) - before < 50000
    client.close()


def test_a_user_whose_name_holds_the_delimiter(server):
    """What looks like an extension of anna's address is somebody else's name: his mail is not hers, in no folder."""
    anna, work = server.add_user("anna"), server.add_user("anna+work")
    server.options["lmtp_detail_folders"] = "yes"
    for user in anna, work:
        for part in "cur", "new", "tmp":
            os.makedirs(user.maildir + "/.work/" + part)
        user.give_away()
    server.start()
    client = server.lmtp()
    client.hello()
    for name in "anna+Work", "anna+work", "anna+work", "anna+more", "anna":
        assert client.deliver(MESSAGE, name + "@localhost")[0].startswith("250 ")
    client.close()
    assert (len(fetched(server, anna)), len(fetched(server, work))) == (2, 3)


def test_a_full_maildrop(server):
    anna, bert = server.add_user("anna"), server.add_user("bert")
    server.options["quota_storage_max"] = 4000
    server.start()
    client = server.lmtp()
    client.hello()
    big = b"Subject: big\r\n\r\n" + 50 * (60 * b"x" + b"\r\n")
    assert client.deliver(big, "anna@localhost")[0].startswith("250 ")
    assert [reply[:9] for reply in client.deliver(big, "anna@localhost", "bert@localhost")] == ["452 4.2.2", "250 2.1.5"]
    server.options["over_quota"] = "permanent"
    server.write_configuration()
    assert server.control("reload").returncode == 0
    assert client.deliver(big, "anna@localhost")[0].startswith("552 5.2.2")
    client.close()
    assert len(fetched(server, anna)) == len(fetched(server, bert)) == 1


def test_a_big_message(server):
    """Kept once, in a file that has no name; each gets all of it, and memory does not grow with it."""
    users = [server.add_user(name) for name in ("anna", "bert")]
    if server.is_root:
        users.append(server.add_user("carl", restante.OTHER_MAIL_UID))
    server.start()
    client = server.lmtp()
    client.hello()
    text = b"Subject: big\r\n\r\n" + (75 * b"y" + b"\r\n") * 800000
    [lmtp] = server.pids("restante-lmtp")
    before = restante.memory_kib(lmtp)
    told = client.deliver(text, *["%s@localhost" % user.name for user in users])
    assert [reply[:4] for reply in told] == len(users) * ["250 "]
    assert restante.memory_kib(lmtp) < before + 30000
    for user in users:
        [(_, message)] = fetched(server, user)
        assert message == text
    client.close()
    assert os.listdir(server.options["lmtp_spool_directory"]) == []


def test_many_at_once(server):
    """Every 250 is a message, and every message is there once."""
    users = [server.add_user("user%d" % number) for number in range(5)]
    server.start()
    accepted, problems = [], []

    def hand_in(sender):
        try:
            client = server.lmtp()
            client.hello()
            for number in range(20):
                text = b"Subject: %d-%d\r\n\r\nx\r\n" % (sender, number)
                told = client.deliver(text, *["%s@localhost" % user.name for user in users])
                accepted.extend(user.name for user, reply in zip(users, told) if reply.startswith("250 "))
            client.close()
        except (AssertionError, OSError) as problem:
            problems.append(problem)

    threads = [threading.Thread(target=hand_in, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(accepted) == 8 * 20 * len(users)
    for user in users:
        texts = [text for _, text in fetched(server, user)]
        assert sorted(texts) == sorted(b"Subject: %d-%d\r\n\r\nx\r\n" % (sender, number)
                                       for sender in range(8) for number in range(20))


def test_mail_for_an_open_maildrop(server):
    """Delivery goes on, and the session's numbers hold still."""
    anna = server.add_user("anna")
    server.start()
    client = server.lmtp()
    client.hello()
    assert client.deliver(MESSAGE, "anna@localhost")[0].startswith("250 ")
    with server.login(anna) as session:
        assert session.ok("STAT").startswith("1 ")
        assert client.deliver(MESSAGE, "anna@localhost")[0].startswith("250 ")
        assert session.ok("STAT").startswith("1 ")
        session.ok("DELE 1")
        session.ok("QUIT")
    assert len(fetched(server, anna)) == 1
    client.close()


@pytest.mark.parametrize("program", ["restante-lmtp", "restante-auth", "restante-maildrop"])
def test_a_process_is_killed(server, program):
    """In the middle of DATA: what was acknowledged is there, what was not is absent or whole, and it goes on."""
    anna = server.add_user("anna")
    server.expected_deaths = True
    server.start()
    client = server.lmtp()
    client.hello()
    assert client.deliver(MESSAGE, "anna@localhost")[0].startswith("250 ")
    assert client.envelope("anna@localhost")[0].startswith("250 ")
    assert client.ask("DATA").startswith("354 ")
    client.say("Subject: half\r\n")
    old = server.pids(program)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(old) & set(server.pids(program)), "its end")
    if program == "restante-lmtp":
        with contextlib.suppress(ConnectionResetError):
            assert client.file.readline() == b""
        good = 1
    else:
        wait_until(lambda: server.pids("restante-auth"), "auth")
        client.say(".\r\n")
        told = client.reply()
        assert told[:4] in ("250 ", "451 "), told
        good = 1 + told.startswith("250 ")
    client.close()

    def later():
        try:
            again = server.lmtp()
            again.hello()
            told = again.deliver(MESSAGE, "anna@localhost")[0]
            again.close()
        except (AssertionError, OSError):
            return False
        assert told[:4] in ("250 ", "451 "), told
        return told.startswith("250 ")

    wait_until(later, "the next message")
    assert len(fetched(server, anna)) == good + 1
    assert os.listdir(server.options["lmtp_spool_directory"]) == []


def test_strangers_are_sent_away(server):
    server.options["lmtp_networks"] = "192.0.2.0/24"
    server.start()
    client = server.lmtp(tcp=True)
    assert client.greeting.startswith("554 5.7.1 ")
    client.close()
    server.wait_event("client-refused")
    client = server.lmtp()
    assert client.greeting.startswith("220 ")
    client.close()


def test_it_comes_and_goes_with_its_listener(make_server):
    server = make_server()
    anna = server.add_user("anna")
    server.start()
    assert server.pids("restante-lmtp") == []
    server.speak_lmtp().write_configuration()
    assert server.control("reload").returncode == 0
    wait_until(lambda: os.path.exists(server.lmtp_socket) and server.pids("restante-lmtp"), "restante-lmtp")
    client = server.lmtp()
    client.hello()
    assert client.deliver(MESSAGE, "anna@localhost")[0].startswith("250 ")
    status = server.control("status").stdout
    assert re.search(r"restante-lmtp\b.*\n?(.*\n)*?.*messages\D+1\b", status), status
    server.lmtp_socket = None
    server.write_configuration()
    assert server.control("reload").returncode == 0
    assert client.file.readline().startswith(b"421 4.3.2 ")
    client.close()
    wait_until(lambda: not server.pids("restante-lmtp"), "its end")
    assert len(fetched(server, anna)) == 1


def test_the_log_ties_a_message_together(server):
    server.add_user("anna")
    server.start()
    client = server.lmtp()
    client.hello()
    client.deliver(MESSAGE, "anna@localhost", sender="")
    client.close()
    message = server.wait_event("message")
    session = message.fields["session"]
    assert message.fields["delivered"] == "1" and message.fields["sender"] == ""
    for program in "restante-lmtp", "restante-maildrop":
        assert [event for event in server.events("delivered", session=session) if event.program == program]
    server.wait_event("disconnect", session=session)
