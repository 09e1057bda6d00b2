"""Real clients and the demonstration maildrop: every message octet by octet, over clear text, STLS
and implicit TLS; deleting what was fetched; leaving it on the server and fetching nothing twice."""

import os
import poplib
import pwd
import re
import shutil
import subprocess
import tempfile

import pytest

import restante
from restante import PASSWORD, PATIENCE_SECONDS, TOP, wire_form

NOBODY = pwd.getpwnam("nobody").pw_uid
MODES = ["clear", "stls", "implicit"]


@pytest.fixture
def demo(shared):
    """A user with the demonstration maildrop."""
    user = next(shared.unused)
    subprocess.run([TOP + "/tools/demonstration", user.maildir], check=True)
    user.give_away()
    return user


def sent(user):
    """Each message as it must arrive."""
    found = [wire_form(text) for text in user.stored().values()]
    assert len(found) >= 12
    return sorted(found)


@pytest.fixture
def place(workshop):
    """A client's directory. Where root runs the tests it is nobody's: mail clients do not like to
    be root, nor to be a number without a name."""
    place = tempfile.mkdtemp(prefix="client-", dir=workshop)
    restante.Server.give(place, NOBODY)
    return place


def run(place, *command, statuses=(0,), environment={}):
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", str(NOBODY), place], check=True)
        command = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY),
                   "--clear-groups", *command]
    finished = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=place,
        timeout=PATIENCE_SECONDS, env={"PATH": os.environ["PATH"], "HOME": place, "LC_ALL": "C.UTF-8", **environment})
    assert finished.returncode in statuses, finished.stdout.decode(errors="replace")
    return finished.stdout


def write(path, text):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return path


def port_of(server, mode):
    return {"clear": server.clear_port, "stls": server.port, "implicit": server.tls_port}[mode]


def fetched(maildir):
    """What a client has put into a Maildir of its own, as it was on the wire."""
    found = []
    for folder in ("new", "cur"):
        for name in os.listdir("%s/%s" % (maildir, folder)):
            with open("%s/%s/%s" % (maildir, folder, name), "rb") as file:
                found.append(wire_form(file.read()))
    return sorted(found)


def make_maildir(place):
    for part in ("tmp", "new", "cur"):
        os.makedirs("%s/inbox/%s" % (place, part))
    return place + "/inbox"


# curl


def curl(server, user, mode, place, path, *more):
    scheme = "pop3s" if mode == "implicit" else "pop3"
    return run(place, "curl", "--silent", "--show-error", "--user", user.name + ":" + PASSWORD,
               "--cacert", server.certificates[0][0], *(["--ssl-reqd"] if mode == "stls" else []),
               *more, "%s://127.0.0.1:%d/%s" % (scheme, port_of(server, mode), path))


@pytest.mark.parametrize("mode", MODES)
def test_curl(shared, demo, place, mode):
    expected = sent(demo)
    listing = curl(shared, demo, mode, place, "").decode().split("\r\n")
    count = len(expected)
    assert [line.split()[0] for line in listing if line] == [str(n + 1) for n in range(count)]
    # One connection for all of them.
    curl(shared, demo, mode, place, "[1-%d]" % count, "--output", place + "/message-#1")
    messages = []
    for number in range(1, count + 1):
        with open("%s/message-%d" % (place, number), "rb") as file:
            messages.append(file.read())
    assert sorted(messages) == expected
    assert [len(text) for text in messages] == [int(line.split()[1]) for line in listing if line]
    # Deleting: a command of the user's own, without a body in its reply.
    curl(shared, demo, mode, place, "1", "--request", "DELE", "--list-only")
    shared.wait_event("session-end", user=demo.name, deleted=1)
    assert sent_count(demo) == count - 1


def sent_count(user):
    return len(user.stored())


@pytest.mark.parametrize("login", ["AUTH=PLAIN", "AUTH=LOGIN", "AUTH=+APOP"])
def test_curl_login_options(shared, demo, place, login):
    curl(shared, demo, "stls", place, "1", "--login-options", login)
    method = login.removeprefix("AUTH=").removeprefix("+")
    assert shared.wait_event("login", user=demo.name).fields["method"] == method


# Python's poplib


def poplib_session(server, user, mode):
    if mode == "implicit":
        client = poplib.POP3_SSL("127.0.0.1", server.tls_port, timeout=PATIENCE_SECONDS,
                                 context=restante.trusting_context())
    else:
        client = poplib.POP3("127.0.0.1", port_of(server, mode), timeout=PATIENCE_SECONDS)
        if mode == "stls":
            client.stls(restante.trusting_context())
    client.user(user.name)
    client.pass_(PASSWORD)
    return client


@pytest.mark.parametrize("mode", MODES)
def test_poplib(shared, demo, mode):
    expected = sent(demo)
    client = poplib_session(shared, demo, mode)
    count, octets = client.stat()
    assert (count, octets) == (len(expected), sum(map(len, expected)))
    messages = []
    for number in range(1, count + 1):
        _, lines, _ = client.retr(number)
        messages.append(b"".join(line + b"\r\n" for line in lines))
    assert sorted(messages) == expected
    seen = {line.split()[1] for line in client.uidl()[1]}
    client.quit()
    shared.wait_event("session-end", user=demo.name)
    # Leaving them on the server: the second session sees nothing new.
    client = poplib_session(shared, demo, mode)
    assert {line.split()[1] for line in client.uidl()[1]} == seen
    for number in range(1, count + 1):
        client.dele(number)
    client.quit()
    shared.wait_event("session-end", 2, user=demo.name)
    assert not demo.stored()


def test_poplib_apop(shared, demo):
    client = poplib.POP3("127.0.0.1", shared.clear_port, timeout=PATIENCE_SECONDS)
    client.apop(demo.name, PASSWORD)
    assert client.stat()[0] == len(sent(demo))
    client.quit()


# fetchmail


def fetchmail(server, user, mode, place, options, statuses):
    certificate = server.certificates[0][0]
    protection = {"clear": "sslproto ''", "stls": "sslproto 'TLS1.2+' sslcertck sslcommonname localhost sslcertfile '%s'",
                  "implicit": "ssl sslcertck sslcommonname localhost sslcertfile '%s'"}[mode]
    if "%s" in protection:
        protection %= certificate
    script = write("%s/store" % place,
                   "#!/bin/sh\nexec cat >\"$(mktemp %s/inbox/new/XXXXXX)\"\n" % place)
    os.chmod(script, 0o700)
    rc = write("%s/fetchmailrc" % place,
               "set no bouncemail\nset idfile %s/ids\nset no syslog\n"
               "poll 127.0.0.1 protocol POP3 port %d %s\n"
               "  user '%s' password '%s' is root here %s\n  %s\n  no rewrite pass8bits mda '%s'\n" % (
                   place, port_of(server, mode),
                   "uidl" if "keep" in options.split() and "no keep" not in options else "no uidl",
                   user.name, PASSWORD, options, protection, script))
    # fetchmail refuses to run as another user than the one that owns its files.
    return run(place, "fetchmail", "--fetchmailrc", rc, "--pidfile", "%s/pid" % place,
               "--invisible", "--nosyslog", "--verbose", statuses=statuses)


def as_kept(messages, added_header):
    """fetchmail and getmail write a message as a mail with header and body: a header without its
    empty line gets one, and a body without a header gets what they add to every message that lacks
    it."""
    kept = []
    for text in messages:
        if text.startswith(b"\r\n"):
            text = added_header + text
        if b"\r\n\r\n" not in text:
            text += b"\r\n"
        kept.append(text)
    return sorted(kept)


def as_fetchmail_keeps(messages, user):
    return as_kept(messages, b"From: FETCHMAIL-DAEMON\r\nTo: USER@HOST\r\nSubject: Headerless mail "
                   b"from %s's mailbox on 127.0.0.1\r\n" % user.name.encode())


def fetched_by_fetchmail(inbox):
    return sorted(re.sub(rb"^(From: FETCHMAIL-DAEMON\r\nTo: ).*@.*", rb"\1USER@HOST\r", text)
                  for text in fetched(inbox))


@pytest.mark.parametrize("mode", MODES)
def test_fetchmail(shared, demo, place, mode):
    expected = as_fetchmail_keeps(sent(demo), demo)
    inbox = make_maildir(place)
    fetchmail(shared, demo, mode, place, "keep", (0,))
    assert fetched_by_fetchmail(inbox) == expected
    # Status 1: there was nothing to fetch.
    fetchmail(shared, demo, mode, place, "keep", (1,))
    assert fetched_by_fetchmail(inbox) == expected and sent_count(demo) == len(expected)


@pytest.mark.parametrize("mode", MODES)
def test_fetchmail_deletes(shared, demo, place, mode):
    expected = as_fetchmail_keeps(sent(demo), demo)
    inbox = make_maildir(place)
    fetchmail(shared, demo, mode, place, "no keep fetchall", (0,))
    assert fetched_by_fetchmail(inbox) == expected
    assert not demo.stored()


# mpop


def mpop(server, user, mode, place, keep):
    tls = {"clear": "tls off", "stls": "tls on\ntls_starttls on",
           "implicit": "tls on\ntls_starttls off"}[mode]
    if mode != "clear":
        tls += "\ntls_trust_file " + server.certificates[0][0]
    rc = write("%s/mpoprc" % place,
               "account default\nhost 127.0.0.1\nport %d\n%s\nuser %s\npassword %s\nauth user\n"
               "keep %s\ndelivery maildir %s/inbox\nuidls_file %s/uidls\nreceived_header off\n" % (
                   port_of(server, mode), tls, user.name, PASSWORD, "on" if keep else "off",
                   place, place))
    return run(place, "mpop", "--file=" + rc)


@pytest.mark.parametrize("mode", MODES)
def test_mpop(shared, demo, place, mode):
    expected = sent(demo)
    inbox = make_maildir(place)
    mpop(shared, demo, mode, place, keep=True)
    assert fetched(inbox) == expected
    mpop(shared, demo, mode, place, keep=True)
    assert fetched(inbox) == expected and sent(demo) == expected
    # Now it may delete: what it has fetched already, without fetching it again.
    mpop(shared, demo, mode, place, keep=False)
    assert fetched(inbox) == expected and not demo.stored()


@pytest.mark.parametrize("mode", MODES)
def test_mpop_deletes(shared, demo, place, mode):
    expected = sent(demo)
    inbox = make_maildir(place)
    mpop(shared, demo, mode, place, keep=False)
    assert fetched(inbox) == expected and not demo.stored()


# getmail

def getmail(server, user, mode, place, delete):
    retriever = "SimplePOP3SSLRetriever" if mode == "implicit" else "SimplePOP3Retriever"
    rc = write("%s/getmailrc" % place,
               "[retriever]\ntype = %s\nserver = 127.0.0.1\nport = %d\nusername = %s\npassword = %s\n"
               "%s"
               "[destination]\ntype = Maildir\npath = %s/inbox/\n"
               "[options]\ndelete = %s\nread_all = false\ndelivered_to = false\nreceived = false\n" % (
                   retriever, port_of(server, mode), user.name, PASSWORD,
                   "ca_certs = %s\n" % server.certificates[0][0] if mode == "implicit" else "",
                   place, "true" if delete else "false"))
    shutil.copy(TOP + "/tests/getmail_cure.py", place + "/sitecustomize.py")
    return run(place, "getmail", "--getmaildir", place, "--rcfile", rc,
               environment={"PYTHONPATH": place})


# getmail 6 has no STLS.
@pytest.mark.parametrize("mode", ["clear", "implicit"])
def test_getmail(shared, demo, place, mode):
    expected = as_kept(sent(demo), b"Return-Path: <unknown>\r\n")
    inbox = make_maildir(place)
    getmail(shared, demo, mode, place, delete=False)
    assert fetched(inbox) == expected
    getmail(shared, demo, mode, place, delete=False)
    assert fetched(inbox) == expected and sent_count(demo) == len(expected)


@pytest.mark.parametrize("mode", ["clear", "implicit"])
def test_getmail_deletes(shared, demo, place, mode):
    expected = as_kept(sent(demo), b"Return-Path: <unknown>\r\n")
    inbox = make_maildir(place)
    getmail(shared, demo, mode, place, delete=True)
    assert fetched(inbox) == expected and not demo.stored()


# openssl, as the README and `make run` tell one to use it


def test_openssl_s_client(shared, demo):
    script = "USER %s\r\nPASS %s\r\nRETR 1\r\nQUIT\r\n" % (demo.name, PASSWORD)
    finished = subprocess.run(
        ["openssl", "s_client", "-quiet", "-CAfile", shared.certificates[0][0], "-starttls", "pop3",
         "-verify_return_error", "-connect", "127.0.0.1:%d" % shared.port],
        input=script.encode(), capture_output=True, timeout=PATIENCE_SECONDS)
    assert re.search(rb"Subject: Welcome\r\n", finished.stdout), finished.stderr
