"""Where indexes lie: beside the mail, or in index_directory, for mail beside which nothing can be written.

Whether an index was used is seen by a message that is rewritten in its place: the directories, or the
times and the tail of an mbox, do not show it, so that only an index can have told the old size.
"""

import contextlib
import os
import re
import shutil
import stat
import time

import pytest

import restante

ENVELOPE = b"From bert@example.org Fri Jul  8 12:08:34 2011\n"
LETTER = b"Subject: a\n\nalpha\n"
LONGER = b"Subject: a\n\nalpha and omega\n"
FILLER = ENVELOPE + b"Subject: filler\n\n" + b"This makes the file longer than its tail.\n" * 300 + b"\n"


@pytest.fixture(params=["root", "ordinary user"])
def apart(request, make_server):
    """A server whose indexes have a directory of their own; anna's is not started yet."""
    if request.param == "root" and os.getuid() != 0:
        pytest.skip("not root")
    server = make_server(restante.PLAIN_UID if request.param != "root" and os.getuid() == 0 else None)
    server.add_user("anna")
    server.options["index_directory"] = server.directory + "/indexes"
    return server


def settle(path):
    """Until the last change is older than clocks are coarse."""
    restante.wait_until(lambda: time.time() - os.stat(path).st_ctime > 0.3, "a moment to pass")


def poll(server, user):
    """(count, octets), and the session is over, its index written."""
    before = len(server.events("session-end"))
    with server.login(user) as client:
        told = tuple(map(int, client.ok("STAT").split()))
        client.ok("QUIT")
    server.wait_event("session-end", before + 1)
    return told


def own_directory(server, user):
    return "%s/%d" % (server.options["index_directory"], user.uid)


def indexes(server, user):
    try:
        return sorted(name for name in os.listdir(own_directory(server, user)) if len(name) == 64)
    except FileNotFoundError:
        return []


def index_file(server, user, count=1):
    """Written behind the last answer."""
    restante.wait_until(lambda: len(indexes(server, user)) >= count, "an index")
    return own_directory(server, user) + "/" + indexes(server, user)[0]


class Maildir:
    """One message, in directories that nobody can write in."""

    def __init__(self, server, user):
        self.user = user
        name = user.deliver(LETTER, "cur", name="17.M1P1.test")
        self.file = "%s/cur/%s:2," % (user.maildir, name)
        for path in [user.maildir + part for part in ("/new", "/cur", "")]:
            os.chmod(path, 0o555)
        settle(user.maildir + "/cur")
        self.beside = user.maildir + "/restante-index"
        self.before, self.after = (1, len(LETTER) + 3), (1, len(LONGER) + 3)

    def make_writable(self):
        for part in ("", "/new", "/cur"):
            os.chmod(self.user.maildir + part, 0o700)

    def rewrite(self):
        os.chmod(self.file, 0o644)
        with open(self.file, "r+b") as file:
            file.write(LONGER)


class Mbox:
    """A spool like /var/mail: its user can write the file, and make none beside it."""

    def __init__(self, server, user):
        spool = server.directory + "/spool"
        os.mkdir(spool)
        self.user, self.file = user, spool + "/" + user.name
        with open(self.file, "wb") as file:
            file.write(ENVELOPE + LETTER + b"\n" + FILLER)
        restante.Server.give(self.file, user.uid)
        if os.getuid() == 0:
            os.chown(spool, 0, 8)
            os.chmod(spool, 0o2775)
        else:
            os.chmod(spool, 0o555)
        settle(self.file)
        self.beside = spool + "/." + user.name + ".restante-index"
        server.options["mail_place"] = "mbox:" + spool + "/%n"
        octets = len(restante.wire_form(LETTER)) + len(restante.wire_form(FILLER[len(ENVELOPE):-1]))
        self.before, self.after = (2, octets), (2, octets)

    def make_writable(self):
        os.chmod(os.path.dirname(self.file), 0o755)

    def rewrite(self):
        """Other words, the same size and time."""
        times = os.stat(self.file)
        with open(self.file, "r+b") as file:
            file.write((ENVELOPE + LETTER).replace(b"alpha", b"omega"))
        os.utime(self.file, ns=(times.st_atime_ns, times.st_mtime_ns))




@pytest.fixture(params=[Maildir, Mbox])
def mail(request, apart):
    mail = request.param(apart, apart.users["anna"])
    yield mail
    mail.make_writable()


def first_line_of_text(server, user):
    """The third line of message 1, or None where it is not there any more."""
    with server.login(user) as client:
        reply = client.command("RETR 1")
        line = client.lines()[2] if reply.startswith(b"+OK") else None
        client.ok("QUIT")
    return line


def test_it_is_written_apart_and_used(apart, mail):
    server, anna = apart, mail.user
    server.start()
    assert poll(server, anna) == mail.before
    path = index_file(server, anna)
    status, directory = os.stat(path), os.stat(own_directory(server, anna))
    assert re.fullmatch("[0-9a-f]{64}", os.path.basename(path))
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, anna.uid)
    assert (stat.S_IMODE(directory.st_mode), directory.st_uid) == (0o700, anna.uid)
    whole = os.stat(server.options["index_directory"])
    assert (stat.S_IMODE(whole.st_mode), whole.st_uid) == (0o711, server.as_uid)
    assert not os.path.exists(mail.beside)
    mail.rewrite()
    assert poll(server, anna) == mail.before
    if isinstance(mail, Mbox):
        # What only the index knows is not handed out.
        assert first_line_of_text(server, anna) is None
    assert os.stat(path).st_ino == status.st_ino
    os.unlink(path)
    assert poll(server, anna) == mail.after
    assert first_line_of_text(server, anna) in (b"alpha and omega", b"omega")
    assert not server.events("index-not-written") + server.events("index-ignored")


def test_without_the_key_there_is_none_and_one_line_says_so(apart, mail):
    server, anna = apart, mail.user
    del server.options["index_directory"]
    server.start()
    for _ in range(3):
        assert poll(server, anna) == mail.before
    mail.rewrite()
    assert poll(server, anna) == mail.after
    server.stop()
    assert len(server.events("index-not-written")) == 1
    assert not os.path.exists(mail.beside)


def test_one_that_is_damaged_is_told_of_once_and_replaced(apart, mail):
    server, anna = apart, mail.user
    server.start()
    poll(server, anna)
    path = index_file(server, anna)
    with open(path, "rb") as file:
        good = file.read()
    for damaged in (b"", good[:40], good[:-1], good[:100] + b"!!" + good[102:]):
        count = len(server.events("index-ignored"))
        with open(path, "wb") as file:
            file.write(damaged)
        assert poll(server, anna) == mail.before
        restante.wait_until(lambda: open(path, "rb").read() == good, "a good index")
        assert poll(server, anna) == mail.before
        assert len(server.events("index-ignored")) == count + 1


def test_that_of_another_maildrop_is_not_used(apart, mail):
    server, anna = apart, mail.user
    server.options["mail_place"] = server.options["mail_place"].replace("%h", server.directory + "/home/%n")
    bert = server.add_user("bert")
    if isinstance(mail, Mbox):
        mail.make_writable()
        shutil.copyfile(mail.file, os.path.dirname(mail.file) + "/bert")
        restante.Server.give(os.path.dirname(mail.file) + "/bert", bert.uid)
        os.chmod(os.path.dirname(mail.file), 0o555)
    server.start()
    poll(server, anna)
    path = index_file(server, anna)
    poll(server, bert)
    restante.wait_until(lambda: len(indexes(server, anna)) == 2, "a second index")
    own = os.path.basename(path)
    other = [name for name in indexes(server, anna) if name != own][0]
    directory = own_directory(server, anna) + "/"
    os.rename(directory + own, directory + "kept")
    os.rename(directory + other, directory + own)
    assert poll(server, anna) == mail.before
    assert "another maildrop" in server.wait_event("index-ignored").fields["reason"]
    # Also with the right name for the wrong one.
    os.rename(directory + "kept", directory + other)
    assert poll(server, bert) == (mail.before if isinstance(mail, Mbox) else (0, 0))
    assert "another maildrop" in server.wait_event("index-ignored", 2).fields["reason"]


@pytest.mark.parametrize("trap", ["open to all", "another's", "a link", "a file"])
def test_no_user_can_plant_one(apart, mail, trap):
    """Whoever could put something under a uid's name would say what is in that user's maildrop."""
    server, anna = apart, mail.user
    if trap == "another's" and os.getuid() != 0:
        pytest.skip("not root")
    directory, elsewhere = server.options["index_directory"], server.directory + "/elsewhere"
    os.mkdir(directory, 0o711)
    os.mkdir(elsewhere, 0o700)
    server.give(directory, server.as_uid)
    own = own_directory(server, anna)
    if trap == "open to all":
        os.chmod(directory, 0o1777)
    elif trap == "another's":
        os.mkdir(own)
        os.chmod(own, 0o777)
        server.give(own, restante.OTHER_MAIL_UID)
    elif trap == "a link":
        os.symlink(elsewhere, own)
    else:
        open(own, "w").close()
    server.start()
    owner = os.stat(elsewhere).st_uid
    for _ in range(2):
        assert poll(server, anna) == mail.before
    server.wait_event("index-directory-not-made")
    server.wait_event("no-indexes")
    assert os.stat(elsewhere).st_uid == owner and not os.listdir(elsewhere)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        assert not os.listdir(own)
    assert not os.path.exists(mail.beside)


def test_a_users_own_directory_open_to_others_is_not_used(apart, mail):
    server, anna = apart, mail.user
    directory, own = server.options["index_directory"], own_directory(server, anna)
    os.mkdir(directory, 0o711)
    server.give(directory, server.as_uid)
    os.mkdir(own)
    os.chmod(own, 0o777)
    server.give(own, anna.uid)
    server.start()
    assert poll(server, anna) == mail.before
    assert "alone" in server.wait_event("no-indexes").fields["reason"]
    assert not os.listdir(own)


def test_every_attempt_at_anothers_index_fails(apart):
    """Where all is one uid only Landlock stands between a maildrop process and the others' indexes."""
    server, anna = apart, apart.users["anna"]
    directory, other = server.options["index_directory"], server.options["index_directory"] + "/4711"
    os.mkdir(directory, 0o711)
    os.mkdir(other, 0o711)
    secret = other + "/" + "0" * 64
    open(secret, "w").close()
    for path in directory, other:
        server.give(path, server.as_uid)
    server.give(secret, anna.uid)
    server.environment = {"RESTANTE_PROBE": "1", "RESTANTE_PROBE_PATH": secret}
    server.start()
    assert poll(server, anna) == (0, 0)
    assert server.wait_event("probe", program="restante-maildrop").fields["path"] == "EACCES"


def test_a_reload_brings_another_directory(apart, mail):
    server, anna = apart, mail.user
    server.start()
    old = server.options["index_directory"]
    poll(server, anna)
    index_file(server, anna)
    with server.login(anna) as client:
        assert tuple(map(int, client.ok("STAT").split())) == mail.before
        server.options["index_directory"] = server.directory + "/others"
        server.write_configuration()
        assert server.control("reload").returncode == 0
        # The session goes on in the process that began it.
        assert len(client.listing("UIDL")) == mail.before[0]
        client.ok("QUIT")
    assert poll(server, anna) == mail.before
    index_file(server, anna)
    assert len(os.listdir(old + "/%d" % anna.uid)) == 1
