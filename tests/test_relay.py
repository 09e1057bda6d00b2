"""restante-deliver over the server's socket: what it says there, and what its exit status says afterwards. Every way
in which a server can refuse, be gone or be silent is played by fake_lmtp.py."""

import os
import socket
import struct
import subprocess
import threading

import pytest

import restante
from fake_lmtp import STEPS, FakeLmtp
from restante import PATIENCE_SECONDS

MESSAGE = b"Subject: a letter\n\n.dot\nFrom the heart\n"


@pytest.fixture
def deliver(programs):
    """deliver(message, argument, ...): the finished process."""
    def run(message, *arguments, **more):
        return subprocess.run([programs + "/restante-deliver", *arguments], input=message,
                              capture_output=True, timeout=PATIENCE_SECONDS,
                              env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"), **more)
    return run


@pytest.fixture
def path(tmp_path):
    """Of a socket: whoever may use it reaches it."""
    for directory in [tmp_path, *list(tmp_path.parents)[:-2]]:
        os.chmod(directory, os.stat(directory).st_mode | 0o111)
    return str(tmp_path / "lmtp")


# What a step is answered with: the exit status, and a word of what is said.
ANSWERS = [
    ({}, 0, b""),
    ({"message": "250-2.0.0 more\r\n250 delivered"}, 0, b""),
    ({"greeting": "421 4.3.2 later"}, 75, b"421 4.3.2 later"),
    ({"greeting": "554 5.3.2 not for you"}, 75, b"not for you"),
    ({"LHLO": "500 5.5.1 this is SMTP"}, 75, b"this is SMTP"),
    ({"MAIL": "451 4.3.0 later"}, 75, b"451"),
    ({"MAIL": "552 5.3.4 too big"}, 69, b"too big"),
    ({"RCPT": "550 5.1.1 no such user"}, 67, b"no such user"),
    ({"RCPT": "550 5.1.10 null MX"}, 67, b"5.1.10"),
    ({"RCPT": "550 5.2.1 closed"}, 69, b"5.2.1"),
    ({"RCPT": "552 5.2.2 over quota"}, 77, b"over quota"),
    ({"RCPT": "452 4.2.2 over quota"}, 75, b"over quota"),
    ({"RCPT": "550 5.7.1 not by you"}, 77, b"not by you"),
    ({"RCPT": "550 unknown"}, 69, b"unknown"),
    ({"RCPT": "354 what"}, 75, b"354"),
    ({"DATA": "451 4.3.0 later"}, 75, b"451"),
    ({"DATA": "554 5.5.1 no recipients"}, 69, b"5.5.1"),
    ({"DATA": "250 what"}, 75, b"250"),
    ({"message": "452 4.2.2 over quota"}, 75, b"4.2.2"),
    ({"message": "552 5.2.2 over quota"}, 77, b"5.2.2"),
    ({"message": "554 5.4.6 loop"}, 69, b"5.4.6"),
    ({"message": "354 what"}, 75, b"354"),
    ({"message": "fine"}, 75, b"no LMTP"),
    ({"message": "25"}, 75, b"no LMTP"),
    ({"message": "250\x1b[2J"}, 75, b"250?[2J"),
    ({"LHLO": "\r\n".join(["250-more"] * 200) + "\r\n250 end"}, 75, b"does not end"),
]


@pytest.mark.parametrize("replies, status, word", ANSWERS)
def test_answer(deliver, path, replies, status, word):
    with FakeLmtp(path, replies) as server:
        told = deliver(MESSAGE, "-s", path, "-d", "anna")
        assert told.returncode == status and word in told.stderr and bool(told.stderr) == (status != 0)
        assert b"\x1b" not in told.stderr
        assert (server.message is not None) == ("message" in replies or not replies)


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_goes_away(deliver, path, step):
    with FakeLmtp(path, {step: ""}):
        told = deliver(MESSAGE, "-s", path, "-d", "anna")
        assert told.returncode == 75 and told.stderr


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_is_silent(deliver, path, step):
    with FakeLmtp(path, {step: None}):
        told = deliver(MESSAGE, "-s", path, "-t", "1", "-d", "anna")
        assert told.returncode == 75 and b"silent" in told.stderr


def test_a_server_that_does_not_read(deliver, path):
    """The message is larger than what waits in sockets."""
    enough = threading.Event()
    with FakeLmtp(path) as server:
        server.serve = lambda client, lines: (client.sendall(
            b"220 a\r\n250 b\r\n250 c\r\n250 d\r\n354 e\r\n"), enough.wait(PATIENCE_SECONDS))
        told = deliver(b"\n" * 5000000, "-s", path, "-t", "1", "-d", "anna")
        enough.set()
        assert told.returncode == 75 and b"silent" in told.stderr


def test_no_server(deliver, path):
    assert deliver(MESSAGE, "-s", path, "-d", "anna").returncode == 75
    with FakeLmtp(path):
        pass
    told = deliver(MESSAGE, "-s", path, "-d", "anna")
    assert told.returncode == 75 and path.encode() in told.stderr
    assert deliver(MESSAGE, "-s", path + "x" * 120, "-d", "anna").returncode == 73


# Lines as they come, and as they must be on the wire: nothing in a message may look like its end.
MESSAGES = [
    (b"", b".\r\n"),
    (b"\n", b"\r\n.\r\n"),
    (MESSAGE, b"Subject: a letter\r\n\r\n..dot\r\nFrom the heart\r\n.\r\n"),
    (b"no: end", b"no: end\r\n.\r\n"),
    (b".\n", b"..\r\n.\r\n"),
    (b"a: b\r\n\r\n.\r\n..\r\n", b"a: b\r\n\r\n..\r\n...\r\n.\r\n"),
    (b"a\n.\nRCPT TO:<eve@example.org>\n", b"a\r\n..\r\nRCPT TO:<eve@example.org>\r\n.\r\n"),
    (b"a\r\n.\nMAIL\n", b"a\r\n..\r\nMAIL\r\n.\r\n"),
    (b"a\n.\r\nMAIL\n", b"a\r\n..\r\nMAIL\r\n.\r\n"),
    (b"a\r.\rb\n", b"a\r.\rb\r\n.\r\n"),
    (b"a\r\r\n.\n", b"a\r\r\n..\r\n.\r\n"),
    (b"a\r", b"a\r\n.\r\n"),
    (b"\0\xff\n", b"\0\xff\r\n.\r\n"),
    (b"x" * 200000 + b"\n" + b".\n" * 100000, b"x" * 200000 + b"\r\n" + b"..\r\n" * 100000 + b".\r\n"),
    (b"From anna@example.net Sun Nov 29\nSubject: x\n", b"Subject: x\r\n.\r\n"),
]


@pytest.mark.parametrize("message, wire", MESSAGES, ids=range(len(MESSAGES)))
def test_message(deliver, path, message, wire):
    with FakeLmtp(path) as server:
        told = deliver(message, "-s", path, "-d", "anna")
        assert told.returncode == 0 and told.stderr == b""
        assert server.message == wire
        if not message.startswith(b"From "):
            assert " SIZE=%d" % (len(wire) - 3 - (b"\n" + wire).count(b"\n..")) in server.heard[1]
        assert server.all_heard()[-1] == "QUIT"


# What stands in the envelope: arguments, the message, MAIL, RCPT.
ENVELOPES = [
    (["-d", "anna"], MESSAGE, "FROM:<> SIZE=%d", "TO:<anna@localhost>"),
    (["-d", "anna@example.org"], MESSAGE, "FROM:<> SIZE=%d", "TO:<anna@example.org>"),
    (["-f", "bert@example.net", "-d", "anna"], MESSAGE, "FROM:<bert@example.net> SIZE=%d", "TO:<anna@localhost>"),
    (["-f", "", "-a", "anna+lists@example.org"], MESSAGE, "FROM:<> SIZE=%d", "TO:<anna+lists@example.org>"),
    (["-a", "anna+lists@example.org", "-d", "anna"], MESSAGE, "FROM:<> SIZE=%d", "TO:<anna+lists@localhost>"),
    (["-a", "bert+lists@example.org", "-d", "anna"], MESSAGE, "FROM:<> SIZE=%d", "TO:<anna@localhost>"),
    (["-a", "annabel@example.org", "-d", "anna"], MESSAGE, "FROM:<> SIZE=%d", "TO:<anna@localhost>"),
    (["-d", "anna"], b"From carl@example.org Sun Nov 29\n" + MESSAGE, "FROM:<carl@example.org> SIZE=%d",
     "TO:<anna@localhost>"),
    (["-d", "anna"], b"From MAILER-DAEMON Sun Nov 29\n" + MESSAGE, "FROM:<> SIZE=%d", "TO:<anna@localhost>"),
    (["-d", "anna"], MESSAGE + b"\xc3\xa9\n", "FROM:<> SIZE=%d BODY=8BITMIME", "TO:<anna@localhost>"),
    (["-d", "ann\u00e9"], MESSAGE, "FROM:<> SIZE=%d SMTPUTF8", "TO:<ann\u00e9@localhost>"),
    (["-f", "b\u00e9@example.org", "-d", "anna"], MESSAGE, "FROM:<b\u00e9@example.org> SIZE=%d SMTPUTF8",
     "TO:<anna@localhost>"),
]


@pytest.mark.parametrize("arguments, message, sender, recipient", ENVELOPES)
def test_envelope(deliver, path, arguments, message, sender, recipient):
    with FakeLmtp(path) as server:
        told = deliver(message, "-s", path, *arguments)
        assert told.returncode == 0, told.stderr
        size = len(restante.wire_form(message.split(b"\n", 1)[1] if message.startswith(b"From ") else message))
        assert server.all_heard() == ["LHLO localhost", "MAIL " + sender % size, "RCPT " + recipient, "DATA", "QUIT"]


def test_a_server_that_can_do_nothing(deliver, path):
    with FakeLmtp(path, {"LHLO": "250 mail.example.org"}) as server:
        assert deliver(MESSAGE + b"\xff\n", "-s", path, "-d", "anna").returncode == 0
        assert server.heard[1] == "MAIL FROM:<>"
        told = deliver(MESSAGE, "-s", path, "-d", "ann\u00e9")
        assert told.returncode == 69 and b"ASCII" in told.stderr


@pytest.mark.parametrize("arguments", [["maildir:/tmp/m"], ["-t", "0"], ["-t", "1s"], ["-t", "99999999"]])
def test_wrong_arguments(deliver, path, arguments):
    told = deliver(MESSAGE, "-s", path, *arguments)
    assert told.returncode == 64 and told.stderr


def test_a_message_that_was_here(deliver, path):
    with FakeLmtp(path) as server:
        told = deliver(b"Received: by a\nDelivered-To: anna@example.org\n" + MESSAGE, "-s", path, "-a", "anna@example.org")
        assert told.returncode == 69 and server.heard == []


def test_it_is_locked_in_while_it_talks(deliver, path):
    """By the time the server is listened to: no root, no way back, no calls but those on the list."""
    status = {}

    class Watch(FakeLmtp):
        def say(self, client, lines, step):
            if step == "MAIL":
                pid = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
                with open("/proc/%d/status" % pid) as file:
                    status.update(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            return super().say(client, lines, step)

    with Watch(path):
        assert deliver(MESSAGE, "-s", path, "-d", "anna").returncode == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    if os.geteuid() == 0:
        assert set(status["Uid"].split() + status["Gid"].split()) == {"65534"} and status["Groups"].strip() == ""


@pytest.fixture
def others(tmp_path, path):
    """A configuration with anna, whose mail another uid owns; arguments for her."""
    (tmp_path / "users").write_text("anna:{PLAIN}x:%d:%d::%s::\n" % (
        restante.MAIL_UID, restante.MAIL_UID, tmp_path))
    (tmp_path / "restanted.conf").write_text(
        'users_file = "%s/users"\nmail_place = "maildir:%%h/Maildir"\nlmtp_delimiter = "-"\n'
        'listener lmtp {\n\tprotocol = lmtp\n\taddress = "%s"\n}\n' % (tmp_path, path))
    return ["-c", str(tmp_path / "restanted.conf"), "-d", "anna"]


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to become somebody")
@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_what_the_caller_may_not_deliver_goes_to_the_server(deliver, path, others, tmp_path, mode):
    """Another's mail; or nobody knows whose, since the users file is not for everybody."""
    os.chmod(tmp_path / "users", mode)
    arguments = [*others, "-a", "anna-lists@example.org"]
    told = deliver(MESSAGE, *arguments, user=restante.OTHER_MAIL_UID)
    assert told.returncode in (73, 75) and told.stderr
    with FakeLmtp(path) as server:
        assert deliver(MESSAGE, *arguments, user=restante.OTHER_MAIL_UID).returncode == 0
        assert server.heard[2] == "RCPT TO:<anna-lists@localhost>"
        # A socket that is not for the caller is no way.
        os.chmod(path, 0o600)
        told = deliver(MESSAGE, *arguments, user=restante.OTHER_MAIL_UID)
        assert told.returncode in (73, 75) and path.encode() not in told.stderr
        os.chmod(path, 0o666)
        server.heard = []
        os.chmod(tmp_path, 0o777)
        assert deliver(MESSAGE, *arguments).returncode == 0
        assert server.heard == []  # root needs no server
    assert len(list((tmp_path / "Maildir" / "new").iterdir())) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to become somebody")
@pytest.mark.parametrize("policy, status", [("temporary", 75), ("permanent", 77)])
def test_over_quota_is_what_the_policy_says(deliver, others, tmp_path, policy, status):
    with open(others[1], "a") as file:
        file.write("quota_storage_max = 10\nover_quota = %s\n" % policy)
    os.chmod(tmp_path, 0o777)
    told = deliver(MESSAGE, *others)
    assert told.returncode == status and told.stderr


@pytest.fixture
def server(server):
    """One that takes mail by LMTP, whose user is anna."""
    return server.speak_lmtp()


def mail_of(server, user):
    with server.login(user) as client:
        return [client.retrieve(int(line.split()[0])) for line in client.listing("LIST")]


def test_a_real_server(deliver, server):
    anna = server.users["anna"]
    server.options["quota_messages_max"] = 2
    server.start()
    path = server.lmtp_socket
    body = b"Subject: a letter\n\n.dot\n" + b"\xff" * 3000000 + b"\nbare \r here\r.\rno end"
    assert deliver(body, "-s", path, "-f", "bert@example.net", "-d", "anna").returncode == 0
    assert deliver(MESSAGE, "-s", path, "-a", "anna+lists@localhost").returncode == 0
    first, second = mail_of(server, anna)
    assert first.startswith(b"Return-Path: <bert@example.net>\r\nDelivered-To: anna@localhost\r\n")
    assert first.endswith(b"\r\n" + restante.wire_form(body))
    assert second.startswith(b"Return-Path: <>\r\nDelivered-To: anna+lists@localhost\r\n")
    told = deliver(MESSAGE, "-s", path, "-d", "eve")
    assert told.returncode == 67 and b"5.1.1" in told.stderr
    told = deliver(MESSAGE, "-s", path, "-d", "anna")
    assert told.returncode == 75 and b"4.2.2" in told.stderr
    server.stop()
    assert deliver(MESSAGE, "-s", path, "-d", "anna").returncode == 75


def test_a_real_server_with_a_policy(deliver, server):
    server.options.update(quota_messages_max=1, over_quota="permanent")
    server.start()
    assert deliver(MESSAGE, "-s", server.lmtp_socket, "-d", "anna").returncode == 0
    told = deliver(MESSAGE, "-s", server.lmtp_socket, "-d", "anna")
    assert told.returncode == 77 and b"5.2.2" in told.stderr
    assert len(mail_of(server, server.users["anna"])) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to become somebody")
def test_a_real_server_is_the_way_to_other_users(deliver, server):
    """The same command, run by three: root and the owner put it there themselves, others have the server do it."""
    anna = server.users["anna"]
    server.start()
    for uid in (0, anna.uid, restante.OTHER_MAIL_UID):
        told = deliver(MESSAGE, "-c", server.configuration_file, "-f", "bert@example.net", "-d", "anna", user=uid)
        assert told.returncode == 0, told.stderr
    by_server = [b"\r\nReceived: " in text for text in mail_of(server, anna)]
    assert sorted(by_server) == [False, True, True]  # the owner may not read the users file
