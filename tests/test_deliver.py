"""restante-deliver, as a mail server calls it: what arrives, where, and what its exit status says."""

import contextlib
import datetime
import fcntl
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import zoneinfo

import pytest

import restante
import test_clients as clients
from restante import PASSWORD, PATIENCE_SECONDS, wait_until
from test_clients import demo, place  # noqa: F401 (fixtures)
from test_lmtp import Opened

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
def retrieve(programs):
    """retrieve(place): the messages of a maildrop, as a session hands them out."""
    def run(place):
        talk = b"".join(b"RETR %d\r\n" % number for number in range(1, 10)) + b"QUIT\r\n"
        done = subprocess.run([programs + "/restante-maildrop", place], input=talk, capture_output=True,
                              timeout=PATIENCE_SECONDS,
                              env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        parts = done.stdout.split(b" octets\r\n")[1:]
        return [part[:part.index(b"\r\n.\r\n") + 2].replace(b"\r\n..", b"\r\n.") for part in parts]
    return run


def wire(stored):
    return restante.wire_form(stored)


@pytest.mark.parametrize("scheme", ["maildir", "mbox"])
def test_what_is_delivered_is_handed_out(deliver, retrieve, tmp_path, scheme):
    place = "%s:%s/mail" % (scheme, tmp_path)
    assert deliver(MESSAGE, place).returncode == 0
    assert deliver(b"Subject: CRLF\r\n\r\nno end", place).returncode == 0
    # An mbox quotes lines that would begin a message, and is handed out as it is.
    kept = MESSAGE.replace(b"\nFrom ", b"\n>From ") if scheme == "mbox" else MESSAGE
    assert retrieve(place) == [wire(kept), wire(b"Subject: CRLF\n\nno end\n")]


def test_the_next_poll_reads_nothing(deliver, retrieve, tmp_path):
    """What came alone is learnt; of a burst only what came first. A poll then opens no directory of the Maildir."""
    place, index = "maildir:%s/mail" % tmp_path, tmp_path / "mail/restante-index"
    for number in range(2):
        assert deliver(MESSAGE, place).returncode == 0
        [name] = [name for name in os.listdir(tmp_path / "mail/new") if not number or name.encode() not in before]
        before = index.read_bytes()
        assert name.encode() in before
        opened = Opened(str(tmp_path / "mail"))
        assert retrieve(place) == (number + 1) * [wire(MESSAGE)]
        names = opened.names(directories=True)
        assert len(names) == number + 1 and "" not in names
        assert index.read_bytes() == before
        os.close(opened.descriptor)
        quiet(tmp_path / "mail/new")
    inode = index.stat().st_ino
    assert deliver(MESSAGE, place).returncode == 0
    assert index.stat().st_ino != inode
    inode = index.stat().st_ino
    os.utime(tmp_path / "mail/new")
    assert deliver(MESSAGE, place).returncode == 0
    assert index.stat().st_ino == inode


def quiet(path):
    """Its last change was long ago."""
    os.utime(path, (1000000000, 1000000000))


@pytest.mark.parametrize("scheme, index", [("maildir", "mail/restante-index"), ("mbox", ".mail.restante-index")])
def test_what_cannot_be_learnt_is_delivered_all_the_same(deliver, retrieve, tmp_path, scheme, index):
    """An index that cannot be written, one that is damaged, a session that is open: 0, and no word."""
    place = "%s:%s/mail" % (scheme, tmp_path)
    os.makedirs(tmp_path / index)
    done = deliver(MESSAGE, place)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    os.rmdir(tmp_path / index)
    (tmp_path / index).write_bytes(b"nonsense")
    at = tmp_path / ("mail/new" if scheme == "maildir" else "mail")
    quiet(at)
    done = deliver(MESSAGE, place)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    known = (tmp_path / index).read_bytes()
    assert len(known) > 100
    quiet(at)
    session = os.open(tmp_path / "mail", os.O_RDONLY)
    fcntl.flock(session, fcntl.LOCK_EX)
    done = deliver(MESSAGE, place)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / index).read_bytes() == known
    os.close(session)
    assert len(retrieve(place)) == 3


def test_who_is_told_to_end_while_it_learns(programs, tmp_path):
    """The message is delivered, and that is what it says."""
    os.makedirs(tmp_path / "mail/new")
    quiet(tmp_path / "mail/new")
    session = os.open(tmp_path / "mail", os.O_RDONLY)
    fcntl.flock(session, fcntl.LOCK_EX)
    process = subprocess.Popen([programs + "/restante-deliver", "maildir:%s/mail" % tmp_path], stdin=subprocess.PIPE)
    process.stdin.write(MESSAGE)
    process.stdin.close()
    wait_until(lambda: os.listdir(tmp_path / "mail/new"), "the message")
    wait_until(lambda: is_ignored(process.pid, signal.SIGTERM), "the learning")
    process.terminate()
    assert process.wait(PATIENCE_SECONDS) == 0
    os.close(session)


def is_ignored(pid, number):
    status = pathlib.Path("/proc/%d/status" % pid).read_text()
    ignored = re.search(r"^SigIgn:\s*(\w+)", status, re.M)
    return ignored is not None and int(ignored[1], 16) >> (number - 1) & 1


# What stands before the message: arguments, input, what is stored.
TRACES = [
    ([], b"", b""),
    (["-f", "anna@example.org"], b"", b"Return-Path: <anna@example.org>\n"),
    (["-f", ""], b"", b"Return-Path: <>\n"),
    (["-f", "MAILER-DAEMON"], b"", b"Return-Path: <>\n"),
    (["-f", "root"], b"", b"Return-Path: <root@localhost>\n"),
    (["-f", "<>", "-a", "<bert@example.org>"], b"", b"Return-Path: <>\nDelivered-To: bert@example.org\n"),
    ([], b"From carl@example.org  Sun Nov 29 12:00:00 2026\n", b""),
    (["-f", "anna@example.org"], b"From carl Sun Nov 29\n", b"Return-Path: <anna@example.org>\n"),
    # Whoever calls may have written it already.
    (["-a", "bert@example.org"], b"Delivered-To: bert@example.org\nReceived: from a by b\n",
     b"Delivered-To: bert@example.org\nDelivered-To: bert@example.org\nReceived: from a by b\n"),
    (["-a", "bert@example.org"], b"Delivered-To: other@example.org\n",
     b"Delivered-To: bert@example.org\nDelivered-To: other@example.org\n"),
]


@pytest.mark.parametrize("arguments, before, stored", TRACES)
def test_trace(deliver, tmp_path, arguments, before, stored):
    assert deliver(before + MESSAGE, *arguments, "maildir:%s/m" % tmp_path).returncode == 0
    files = list((tmp_path / "m" / "new").iterdir())
    assert [file.read_bytes() for file in files] == [stored + MESSAGE]
    assert not list((tmp_path / "m" / "tmp").iterdir())


# What is refused: arguments, input, exit status, a word of what is said.
REFUSED = [
    (["-a", "anna@example.org", "maildir:{}/m"],
     b"Received: from a by b\nDelivered-To: anna@EXAMPLE.org\n" + MESSAGE, 69, b"5.4.6"),
    (["maildir:{}/m"], b"Received: from a by b\n" * 101 + MESSAGE, 69, b"loop"),
    (["floppy:{}/m"], MESSAGE, 73, b"floppy"),
    (["maildir:{}/missing/m"], MESSAGE, 75, b"missing"),
    (["-f", "anna@@example.org", "maildir:{}/m"], MESSAGE, 64, b""),
    (["-f", "a b", "maildir:{}/m"], MESSAGE, 64, b"restante-deliver"),
    (["-f", "a" * 70, "maildir:{}/m"], MESSAGE, 64, b"restante-deliver"),
    (["-a", "", "maildir:{}/m"], MESSAGE, 64, b""),
    (["maildir:{}/m", "maildir:{}/n"], MESSAGE, 64, b"usage"),
    (["-d", "anna", "maildir:{}/m"], MESSAGE, 64, b"usage"),
    (["-c", "{}/missing.conf", "-d", "anna"], MESSAGE, 73, b"missing.conf"),
]


@pytest.mark.parametrize("arguments, message, status, word", REFUSED)
def test_refused(deliver, tmp_path, arguments, message, status, word):
    told = deliver(message, *[argument.format(tmp_path) for argument in arguments])
    assert told.returncode == status and word in told.stderr and told.stderr
    assert not list(tmp_path.rglob("*S=*"))


def configure(tmp_path, uid):
    users = tmp_path / "users"
    users.write_text("anna:{PLAIN}x:%d:%d::%s/anna::\nroot:{PLAIN}x:0:0::%s/root::\n"
                     % (uid, uid, tmp_path, tmp_path))
    conf = tmp_path / "restanted.conf"
    conf.write_text('users_file = "%s"\nmail_place = "maildir:%%h/Maildir"\n' % users)
    home = tmp_path / "anna"
    home.mkdir()
    os.chown(home, uid, uid)
    for directory in [tmp_path, *list(tmp_path.parents)[:-2]]:
        os.chmod(directory, os.stat(directory).st_mode | 0o111)
    return str(conf)


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to become somebody")
def test_root_becomes_the_owner(deliver, tmp_path):
    conf = configure(tmp_path, restante.MAIL_UID)
    assert deliver(MESSAGE, "-c", conf, "-d", "anna").returncode == 0
    files = [file for file in tmp_path.rglob("*") if "anna/" in str(file)]
    assert len([file for file in files if file.is_file() and file.name != "restante-index"]) == 1
    assert {os.stat(file).st_uid for file in files} == {restante.MAIL_UID}
    told = deliver(MESSAGE, "-c", conf, "-d", "root")
    assert told.returncode == 73 and b"uid 0" in told.stderr
    told = deliver(MESSAGE, "-c", conf, "-d", "eve")
    assert told.returncode == 67 and b"eve" in told.stderr


def test_no_index_beside_the_mail_where_it_is_apart(deliver, tmp_path):
    conf = configure(tmp_path, os.geteuid() or restante.MAIL_UID)
    with open(conf, "a") as file:
        file.write('index_directory = "%s/indexes"\n' % tmp_path)
    assert deliver(MESSAGE, "-c", conf, "-d", "anna").returncode == 0
    new = tmp_path / "anna/Maildir/new"
    assert len(os.listdir(new)) == 1 and not list(tmp_path.rglob("restante-index"))
    with open(conf) as file:
        beside = file.read().replace("index_directory", "# index_directory")
    pathlib.Path(conf).write_text(beside)
    quiet(new)
    assert deliver(MESSAGE, "-c", conf, "-d", "anna").returncode == 0
    assert list(tmp_path.rglob("restante-index"))


def test_a_quota(deliver, tmp_path):
    conf = configure(tmp_path, os.geteuid() or restante.MAIL_UID)
    users = tmp_path / "users"
    mail = tmp_path / "anna" / "Maildir" / "new"
    # A user's own goes before that of all.
    users.write_text(users.read_text().replace("anna::", "anna::quota_rule=*:messages=2"))
    with open(conf, "a") as file:
        file.write("quota_messages_max = 1\n")
    assert [deliver(MESSAGE, "-c", conf, "-d", "anna").returncode for _ in range(3)] == [0, 0, 75]
    users.write_text(users.read_text().replace("quota_rule=*:messages=2", ""))
    assert deliver(MESSAGE, "-c", conf, "-d", "anna").returncode == 75
    assert len(list(mail.iterdir())) == 2


class Syslog:
    """The datagrams that arrive at /dev/log in a room whose /dev is empty but for that."""

    def __init__(self, path, **environment):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.setblocking(False)
        self.path, self.environment = path, environment

    def room(self, link):
        return ["unshare", "--mount", "sh", "-c",
                'mount -t tmpfs none /dev && { [ -z "$1" ] || ln -s "$1" /dev/log; } && shift && exec "$@"',
                "room", self.path if link else ""]

    def deliver(self, programs, *arguments, link=True):
        return subprocess.run([*self.room(link), programs + "/restante-deliver", *arguments], input=MESSAGE,
                              capture_output=True, timeout=PATIENCE_SECONDS,
                              env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0", **self.environment))

    def lines(self):
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.socket.recv(65536).decode().rstrip("\0\n"))
        return found


@pytest.fixture
def syslog(tmp_path):
    one = Syslog(str(tmp_path / "syslog"), TZ="Pacific/Kiritimati")
    if subprocess.run([*one.room(True), "true"], capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield one
    one.socket.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to mount another /dev")
def test_the_system_log_is_told(programs, syslog, tmp_path):
    """A warning when the quota's mark is passed, and what became of each; standard error has failures alone."""
    conf = configure(tmp_path, restante.MAIL_UID)
    users = tmp_path / "users"
    users.write_text(users.read_text().replace("anna::", "anna::quota_rule=*:messages=4"))
    with open(conf, "a") as file:
        file.write("quota_warning_percent = 70\n")
    before = datetime.datetime.now(zoneinfo.ZoneInfo("Pacific/Kiritimati"))
    told = [syslog.deliver(programs, "-c", conf, "-d", "anna") for _ in range(5)]
    after = datetime.datetime.now(before.tzinfo)
    assert [one.returncode for one in told] == 4 * [0] + [75]
    assert [one.stderr for one in told[:4]] == 4 * [b""] and told[4].stderr
    lines = [re.fullmatch(r"<(\d+)>(\w+ [ \d]\d \d\d):\d\d:\d\d restante-deliver\[\d+\]: (.*)", line)
             for line in syslog.lines()]
    assert all(lines), lines
    # The local time, whose rules cannot be read any more when the line is written.
    assert {line[2] for line in lines} <= {at.strftime("%b %e %H") for at in (before, after)}
    place = "place=maildir:%s/anna/Maildir" % tmp_path
    delivered = ("22", "delivered user=anna %s octets=%d" % (place, len(MESSAGE)))
    assert [(line[1], line[3]) for line in lines] == [
        delivered, delivered, delivered, ("20", "quota-warning user=anna %s percent=75" % place), delivered,
        ("20", 'delivery-failed user=anna %s kind=full reason="the maildrop has reached its quota"' % place)]


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to mount another /dev")
def test_a_place_alone_and_no_system_log(programs, syslog, tmp_path):
    place = "maildir:%s/m" % tmp_path
    for link in True, False:
        told = syslog.deliver(programs, place, link=link)
        assert (told.returncode, told.stderr) == (0, b"")
    assert [line.split("]: ")[1] for line in syslog.lines()] == [
        "delivered place=%s octets=%d" % (place, len(MESSAGE))]


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to become somebody")
def test_nobody_but_root_delivers_to_others(deliver, tmp_path):
    conf = configure(tmp_path, restante.MAIL_UID)
    told = deliver(MESSAGE, "-c", conf, "-d", "anna", user=restante.OTHER_MAIL_UID)
    assert told.returncode == 73 and b"root" in told.stderr
    told = deliver(MESSAGE, "maildir:%s/anna/Maildir" % tmp_path, user=restante.OTHER_MAIL_UID)
    assert told.returncode in (73, 75) and told.stderr
    assert not list((tmp_path / "anna").iterdir())
    assert deliver(MESSAGE, "-c", conf, "-d", "anna", user=restante.MAIL_UID).returncode == 0


def test_an_end_in_the_middle_leaves_nothing(programs, tmp_path):
    process = subprocess.Popen([programs + "/restante-deliver", "maildir:%s/m" % tmp_path],
                               stdin=subprocess.PIPE)
    process.stdin.write(MESSAGE * 10000)
    process.stdin.flush()
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_SECONDS)
    process.stdin.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to mount a small disk")
def test_a_full_disk_is_told_and_leaves_nothing(deliver, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        told = deliver(b"Subject: large\n\n" + b"x" * 70 * 1024 + b"\n", "maildir:%s/m" % disk)
        assert told.returncode == 75 and told.stderr
        assert not [file for file in disk.rglob("*") if file.is_file()]
        assert deliver(MESSAGE, "maildir:%s/m" % disk).returncode == 0
        assert len(list((disk / "m" / "new").iterdir())) == 1
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("scheme", ["maildir", "mbox"])
def test_a_file_that_may_not_become_so_big(programs, tmp_path, scheme):
    place = tmp_path / "mail"
    done = subprocess.run(["prlimit", "--fsize=100000", programs + "/restante-deliver", "%s:%s" % (scheme, place)],
                          input=b"Subject: big\n\n" + 20000 * b"x" * 10 + b"\n", capture_output=True, check=False)
    assert done.returncode == 75 and b"too large" in done.stderr, done
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]
    assert not left


def test_many_at_once_all_arrive(programs, retrieve, tmp_path):
    place = "maildir:%s/m" % tmp_path
    processes = []
    for number in range(8):
        process = subprocess.Popen([programs + "/restante-deliver", place], stdin=subprocess.PIPE)
        process.stdin.write(b"Subject: %d\n\n" % number)
        process.stdin.close()
        processes.append(process)
    assert [process.wait(PATIENCE_SECONDS) for process in processes] == [0] * 8
    wait_until(lambda: len(retrieve(place)) == 8, "all eight")
    assert sorted(retrieve(place)) == [b"Subject: %d\r\n\r\n" % number for number in range(8)]
    assert not list(pathlib.Path(tmp_path, "m", "tmp").iterdir())


# Programs that fetch mail and have restante-deliver put it away.


def put_away(place):  # noqa: F811
    """What lies in place/mail, as it is on the wire."""
    return sorted(wire(file.read_bytes()) for file in pathlib.Path(place, "mail", "new").iterdir())


def test_fetchmail(shared, demo, place, programs):  # noqa: F811
    expected = clients.as_fetchmail_keeps(clients.sent(demo), demo)
    rc = clients.write(place + "/fetchmailrc", (
        "set no bouncemail\nset idfile %s/ids\nset no syslog\npoll 127.0.0.1 protocol POP3 port %d no uidl\n"
        "  user '%s' password '%s' is root here fetchall\n  sslproto ''\n  no rewrite pass8bits\n"
        "  mda \"%s/restante-deliver -f %%F maildir:%s/mail\"\n") % (
            place, shared.clear_port, demo.name, PASSWORD, programs, place))
    clients.run(place, "fetchmail", "--fetchmailrc", rc, "--pidfile", place + "/pid", "--invisible", "--nosyslog")
    assert not demo.stored()
    found = []
    for text in put_away(place):
        first, rest = text.split(b"\r\n", 1)
        assert first.startswith(b"Return-Path: <")
        found.append(re.sub(rb"^(From: FETCHMAIL-DAEMON\r\nTo: ).*@.*", rb"\1USER@HOST\r", rest))
    assert sorted(found) == expected


def test_getmail(shared, demo, place, programs):  # noqa: F811
    expected = clients.as_kept(clients.sent(demo), b"Return-Path: <unknown>\r\n")  # it writes that itself
    rc = clients.write(place + "/getmailrc", (
        "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = %d\nusername = %s\npassword = %s\n"
        "[destination]\ntype = MDA_external\npath = %s/restante-deliver\n"
        'arguments = ("maildir:%s/mail",)\n'
        "[options]\ndelete = true\ndelivered_to = false\nreceived = false\n") % (
            shared.clear_port, demo.name, PASSWORD, programs, place))
    shutil.copy(os.path.dirname(__file__) + "/getmail_cure.py", place + "/sitecustomize.py")
    clients.run(place, "getmail", "--getmaildir", place, "--rcfile", rc, environment={"PYTHONPATH": place})
    assert not demo.stored()
    assert put_away(place) == expected
