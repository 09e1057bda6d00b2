"""Debian's Postfix, Exim and OpenSMTPD in front of restante: what they take by SMTP is fetched by POP3, each message
once, octet by octet but for the lines that they and we put before it."""

import os
import smtplib
import tempfile
import threading

import pytest

import mtas
import restante
from mtas import contrib
from restante import wire_form

WHY_NOT = mtas.missing()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or "")

HEADER = (b"From: Bert <bert@example.net>\nTo: anna@example.org\nDate: Sun, 29 Nov 2026 12:00:00 +0000\n"
          b"Message-ID: <%s@example.net>\nSubject: %s\n")


def letter(name, body, more=b""):
    return HEADER % (name, name) + more + b"\n" + body


@pytest.fixture
def make_mta(workshop):
    """make_mta(kind, server): an MTA that is not configured yet, and knows the users of the server."""
    def make(kind, server):
        return kind(tempfile.mkdtemp(prefix="mta-", dir=workshop), workshop, server.users.values())
    return make


class Deliveries(threading.Thread):
    """Sends many messages by SMTP, on several connections in turn, never more than some ahead of what was fetched:
    so deliveries and sessions go on side by side to the end."""

    AHEAD = 40

    def __init__(self, mta, count):
        super().__init__(daemon=True)
        self.mta, self.sent, self.problem = mta, {}, None
        self.room = threading.Semaphore(self.AHEAD)
        for number in range(count):
            name = b"letter-%04d" % number
            self.sent[name] = letter(name, b"From the start\n.\n..\n%s\n" % name * (1 + number * 7 % 97))

    def run(self):
        try:
            self.send()
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem

    def send(self):
        clients = [smtplib.SMTP("127.0.0.1", self.mta.port, timeout=restante.PATIENCE_SECONDS) for _ in range(3)]
        for number, text in enumerate(self.sent.values()):
            assert self.room.acquire(timeout=restante.PATIENCE_SECONDS)
            clients[number % 3].sendmail("bert@example.net", ["anna@example.org"],
                                         wire_form(text))
        for client in clients:
            client.quit()


def fetch_and_delete(server, user, deliveries, kept):
    """Sessions, one after another, until everything was fetched. Every third one is dropped: it deletes nothing."""
    fetched, sessions = {}, 0

    def session():
        nonlocal sessions
        assert deliveries.problem is None, deliveries.problem
        with server.login(user) as client:
            uidls = dict(line.split() for line in client.listing("UIDL"))
            for number, uidl in uidls.items():
                text = client.retrieve(int(number))
                if uidl not in fetched:
                    deliveries.room.release()
                assert fetched.setdefault(uidl, text) == text
                client.ok("DELE " + number)
            if uidls:
                sessions += 1
            if sessions % 3 != 0 or not uidls:
                client.ok("QUIT")
        return len(fetched) >= len(deliveries.sent) and not uidls

    deliveries.mta.wait(session, "all messages")
    deliveries.join(restante.PATIENCE_SECONDS)
    assert sessions >= len(deliveries.sent) // deliveries.AHEAD and not deliveries.is_alive()
    expected = {name: wire_form(kept(text)) for name, text in deliveries.sent.items()}
    names = []
    for text in fetched.values():
        name = text.split(b"\r\nMessage-ID: <")[1].split(b"@")[0]
        assert text.endswith(b"\r\n" + expected[name])
        names.append(name)
    assert sorted(names) == sorted(expected)


def test_postfix_writes_maildirs_meanwhile(server, make_mta):
    user = server.users["anna"]
    server.start()
    postfix = make_mta(mtas.Postfix, server)
    postfix.configure(contrib("postfix/maildir.cf"))
    with postfix:
        deliveries = Deliveries(postfix, 300)
        deliveries.start()
        fetch_and_delete(server, user, deliveries, bytes)
        postfix.wait_queued(0)
    assert not user.stored()


def test_exim_writes_mbox_meanwhile(server, make_mta):
    user, spool = server.users["anna"], server.directory + "/spool"
    os.mkdir(spool)
    os.chown(spool, 0, 8)
    os.chmod(spool, 0o2775)
    server.options["mail_place"] = "mbox:" + spool + "/%n"
    server.start()
    exim = make_mta(mtas.Exim, server)
    exim.configure(contrib("exim/mbox.conf", spool=spool + "/"))
    with exim:
        deliveries = Deliveries(exim, 80)
        deliveries.start()
        fetch_and_delete(server, user, deliveries, lambda text: text.replace(b"\nFrom the", b"\n>From the"))
        exim.wait_queued(0)
    assert os.path.getsize(spool + "/anna") == 0
    assert os.listdir(spool) == ["anna"]


# Messages that something could go wrong with: name -> what an MTA passes on, line ends apart.
LETTERS = {
    b"plain": letter(b"plain", b"From the heart\n>From quoted\n"),
    b"dots": letter(b"dots", b".\n..\n.dot\n...\nend\n.\n"),
    b"empty": letter(b"empty", b""),
    b"8bit": letter(b"8bit", bytes(range(128, 256)) + b"\xc3\xa9\n", b"MIME-Version: 1.0\n"),
    b"spaces": letter(b"spaces", b"  \n\t\n\n\n trailing \n\n\n"),
    b"long": letter(b"long", b"x" * 990 + b"\n" + b"y" * 997 + b"\n"),
    b"big": letter(b"big", b"".join(b"%08d and so on until it is large\n" % line for line in range(130000))),
    b"unended": letter(b"unended", b"the last line ends nowhere"),
}


def retrieve_texts(server, user):
    """All that is there, which is deleted."""
    found = []
    with server.login(user) as client:
        for line in client.listing("LIST"):
            number = int(line.split()[0])
            found.append(client.retrieve(number))
            client.ok("DELE %d" % number)
        client.ok("QUIT")
    return found


def retrieve_all(server, user):
    """The same: what its Message-ID says -> text."""
    texts = retrieve_texts(server, user)
    found = {text.split(b"Message-ID: <", 1)[1].split(b"@")[0]: text for text in texts}
    assert len(found) == len(texts)
    return found


def wait_for_mail(server, user, mta, names):
    """Exactly these messages arrive, each once; what was before their own first line comes along."""
    found = {}

    def arrived():
        for name, text in retrieve_all(server, user).items():
            assert name not in found
            found[name] = text
        return set(found) >= set(names)

    mta.wait(arrived, "%d messages" % len(names))
    mta.wait_queued(0)
    assert not retrieve_all(server, user) and set(found) == set(names)
    traces = {}
    for name, text in found.items():
        expected = wire_form(LETTERS[name])
        assert text.endswith(expected), (name, text[:3000], expected[:3000])
        traces[name] = text[:-len(expected)]
    return traces


def send_all(mta, recipient="anna@example.org", names=LETTERS):
    for name in names:
        assert mtas.msmtp(mta, "bert@example.net", [recipient], LETTERS[name]) == 0, mta.log()


def deliver_command(server):
    return "%s/restante-deliver -c %s" % (server.programs, server.configuration_file)


def test_postfix_mailbox_command(server, make_mta):
    user = server.users["anna"]
    server.start()
    postfix = make_mta(mtas.Postfix, server)
    postfix.configure(contrib("postfix/deliver.cf", deliver=deliver_command(server)))
    with postfix:
        send_all(postfix)
        for trace in wait_for_mail(server, user, postfix, LETTERS).values():
            assert trace.count(b"Delivered-To:") == trace.count(b"Return-Path:") == 1


def test_postfix_mailbox_command_over_quota(server, make_mta):
    """The exit status is 75: Postfix keeps what does not fit, and tries again."""
    user = server.users["anna"]
    server.options["quota_messages_max"] = 1
    server.start()
    postfix = make_mta(mtas.Postfix, server)
    postfix.configure(contrib("postfix/deliver.cf", deliver=deliver_command(server)))
    with postfix:
        send_all(postfix, names=[b"plain"])
        postfix.wait_queued(0)
        send_all(postfix, names=[b"dots"])
        postfix.wait_deferred(1)
        assert list(retrieve_all(server, user)) == [b"plain"]
        postfix.flush()
        wait_for_mail(server, user, postfix, [b"dots"])


def test_postfix_forward(server, make_mta):
    user = server.users["anna"]
    with open(user.home + "/.forward", "w") as file:
        file.write('"|%s"\n' % deliver_command(server))
    user.give_away()
    server.start()
    postfix = make_mta(mtas.Postfix, server)
    postfix.configure(contrib("postfix/maildir.cf").replace("home_mailbox", "# home_mailbox"))
    with postfix:
        send_all(postfix, names=[b"plain", b"dots"])
        wait_for_mail(server, user, postfix, [b"plain", b"dots"])


@pytest.fixture
def virtual(make_server):
    """A server whose user is anna@example.org, mail belonging to vmail below one directory; (server, that directory)."""
    server = make_server()
    server.add_user("anna@example.org")
    directory = server.directory + "/virtual"
    os.makedirs(directory + "/example.org/anna")
    for path in (directory, directory + "/example.org", directory + "/example.org/anna"):
        os.chown(path, restante.MAIL_UID, restante.MAIL_UID)
    server.options["mail_place"] = "maildir:" + directory + "/%d/%n/Maildir"
    return server, directory


def virtual_settings(directory):
    return contrib("postfix/virtual.cf", virtual=directory).replace("hash:", "texthash:"), {
        "/etc/postfix/vmailbox": "anna@example.org example.org/anna/Maildir/\n"}


def test_postfix_virtual(virtual, make_mta):
    server, directory = virtual
    server.start()
    postfix = make_mta(mtas.Postfix, server)
    main, files = virtual_settings(directory)
    postfix.configure(main, files=files)
    with postfix:
        send_all(postfix)
        wait_for_mail(server, server.users["anna@example.org"], postfix, LETTERS)


def test_postfix_pipe(virtual, make_mta):
    server, directory = virtual
    server.start()
    postfix = make_mta(mtas.Postfix, server)
    main, files = virtual_settings(directory)
    postfix.configure(main + "virtual_transport = restante\nrestante_destination_recipient_limit = 1\n",
                      contrib("postfix/pipe.master", deliver=deliver_command(server), virtual=directory), files=files)
    with postfix:
        send_all(postfix)
        traces = wait_for_mail(server, server.users["anna@example.org"], postfix, LETTERS)
        assert all(trace.startswith(b"Return-Path: <bert@example.net>\r\nDelivered-To: anna@example.org\r\n")
                   for trace in traces.values())
        assert mtas.msmtp(postfix, "bert@example.net", ["../anna@example.org"], LETTERS[b"plain"]) != 0
        # A bounce has no sender, and arrives all the same.
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=restante.PATIENCE_SECONDS) as client:
            client.sendmail("", ["anna@example.org"], wire_form(LETTERS[b"plain"]))
        trace = wait_for_mail(server, server.users["anna@example.org"], postfix, [b"plain"])[b"plain"]
        assert trace.startswith(b"Return-Path: <>\r\n")


def test_exim_pipe(server, make_mta):
    user = server.users["anna"]
    server.start()
    exim = make_mta(mtas.Exim, server)
    exim.configure(contrib("exim/deliver.conf", deliver=deliver_command(server)))
    with exim:
        send_all(exim)
        traces = wait_for_mail(server, user, exim, LETTERS)
        assert all(trace.startswith(b"Delivered-To: anna@example.org\r\nReturn-path: <bert@example.net>\r\n")
                   for trace in traces.values())


def test_opensmtpd_mda(server, make_mta):
    user = server.users["anna"]
    server.start()
    opensmtpd = make_mta(mtas.Opensmtpd, server)
    opensmtpd.configure(contrib("opensmtpd/deliver.conf", deliver=deliver_command(server)))
    with opensmtpd:
        send_all(opensmtpd)
        wait_for_mail(server, user, opensmtpd, LETTERS)


def test_opensmtpd_writes_maildirs(server, make_mta):
    user = server.users["anna"]
    server.start()
    opensmtpd = make_mta(mtas.Opensmtpd, server)
    opensmtpd.configure(contrib("opensmtpd/maildir.conf"))
    with opensmtpd:
        send_all(opensmtpd)
        wait_for_mail(server, user, opensmtpd, LETTERS)


# By LMTP: kind of MTA, and what it takes of contrib/.
LMTP = {"postfix": (mtas.Postfix, "postfix/lmtp.cf", "postfix/lmtp.master"), "exim": (mtas.Exim, "exim/lmtp.conf"),
        "opensmtpd": (mtas.Opensmtpd, "opensmtpd/lmtp.conf"),
        "opensmtpd-relay": (mtas.Opensmtpd, "opensmtpd/relay.conf")}
# OpenSMTPD's own program for LMTP takes a refusal for good for one that will pass.
HEARS_REFUSALS = [name for name in LMTP if name != "opensmtpd"]


class Lmtp:
    """A server with anna and bert that takes mail by LMTP, and an MTA that hands it over. configure(more): with more
    lines behind the snippet."""

    def __init__(self, server, mta, configure):
        self.server, self.mta, self.configure = server, mta, configure
        self.anna, self.bert = server.users["anna"], server.users["bert"]

    def send(self, name, recipients, sender="bert@example.net"):
        assert mtas.msmtp(self.mta, sender, recipients, LETTERS[name]) == 0, self.mta.log()


@pytest.fixture(params=LMTP)
def lmtp(request, server, make_mta):
    server.add_user("bert")
    server.speak_lmtp()
    server.options["lmtp_domains"] = "example.org"
    kind, *snippets = LMTP[request.param]
    mta = make_mta(kind, server)

    def configure(more=""):
        mta.configure(contrib(snippets[0], socket=server.lmtp_socket, **(
            {"deliver": server.programs + "/restante-deliver"} if "relay" in snippets[0] else {})) + more,
                      *map(contrib, snippets[1:]))
    configure()
    return Lmtp(server, mta, configure)


def test_lmtp(lmtp):
    lmtp.server.start()
    with lmtp.mta:
        send_all(lmtp.mta)
        traces = wait_for_mail(lmtp.server, lmtp.anna, lmtp.mta, LETTERS)
        lmtp.send(b"plain", ["anna+lists@example.org"])
        extended = wait_for_mail(lmtp.server, lmtp.anna, lmtp.mta, [b"plain"])
    for trace in traces.values():
        assert trace.startswith(b"Return-Path: <bert@example.net>\r\nDelivered-To: anna@example.org\r\n")
    assert b"\r\nDelivered-To: anna+lists@example.org\r\n" in extended[b"plain"]


@pytest.mark.parametrize("lmtp", HEARS_REFUSALS, indirect=True)
def test_lmtp_an_unknown_recipient_alone_is_told_of(lmtp):
    """anna has her mail, once; the sender hears of the other, and so does who asks before he sends."""
    lmtp.configure("smtpd_recipient_restrictions = permit_mynetworks, reject\n"
                   if isinstance(lmtp.mta, mtas.Postfix) else "")
    lmtp.server.start()
    with lmtp.mta:
        lmtp.send(b"plain", ["anna@example.org", "nobody@example.org"], sender="bert@example.org")
        wait_for_mail(lmtp.server, lmtp.anna, lmtp.mta, [b"plain"])
        bounces = []
        lmtp.mta.wait(lambda: bounces.extend(retrieve_texts(lmtp.server, lmtp.bert)) or bounces, "a bounce")
        lmtp.mta.wait_queued(0)
    assert len(bounces) == 1 and b"nobody@example.org" in bounces[0] and b"5.1.1" in bounces[0]
    assert b"To: anna@example.org" not in bounces[0].split(b"\r\n\r\n", 1)[0]


@pytest.mark.parametrize("lmtp", ["postfix"], indirect=True)
def test_lmtp_postfix_asks_who_is_there(lmtp, workshop):
    lmtp.server.start()
    with lmtp.mta:
        said = mtas.swaks(lmtp.mta, tempfile.mkdtemp(dir=workshop), "bert@example.net",
                          ["nobody@example.org", "anna@example.org"], LETTERS[b"plain"])
        assert "550 5.1.1 <nobody@example.org>" in said, said
        wait_for_mail(lmtp.server, lmtp.anna, lmtp.mta, [b"plain"])


def test_lmtp_while_the_server_is_away(lmtp):
    """The MTA keeps the mail, and hands it over once when there is somebody again."""
    lmtp.configure("smtpd_recipient_restrictions = permit_mynetworks, reject\n"
                   if isinstance(lmtp.mta, mtas.Postfix) else "")
    lmtp.server.start()
    with lmtp.mta:
        lmtp.send(b"plain", ["anna@example.org"])
        wait_for_mail(lmtp.server, lmtp.anna, lmtp.mta, [b"plain"])
        lmtp.server.stop()
        for name in (b"plain", b"dots", b"unended"):
            lmtp.send(name, ["anna@example.org"])
        lmtp.mta.wait_deferred(3)
        lmtp.server.start()
        lmtp.mta.flush()
        wait_for_mail(lmtp.server, lmtp.anna, lmtp.mta, [b"plain", b"dots", b"unended"])


def test_lmtp_over_quota_waits(lmtp):
    """over_quota = temporary: what does not fit comes when there is room."""
    lmtp.server.options["quota_messages_max"] = 1
    lmtp.server.start()
    with lmtp.mta:
        lmtp.send(b"plain", ["anna@example.org"])
        lmtp.mta.wait_queued(0)
        lmtp.send(b"dots", ["anna@example.org"])
        lmtp.mta.wait_deferred(1)
        assert list(retrieve_all(lmtp.server, lmtp.anna)) == [b"plain"]
        lmtp.mta.flush()
        wait_for_mail(lmtp.server, lmtp.anna, lmtp.mta, [b"dots"])


@pytest.mark.parametrize("lmtp", HEARS_REFUSALS, indirect=True)
def test_lmtp_over_quota_comes_back(lmtp):
    """over_quota = permanent: the sender hears of it at once."""
    lmtp.server.options.update(quota_messages_max=1, over_quota="permanent")
    lmtp.server.start()
    with lmtp.mta:
        lmtp.send(b"plain", ["anna@example.org"])
        lmtp.mta.wait_queued(0)
        lmtp.send(b"dots", ["anna@example.org"], sender="bert@example.org")
        bounces = []
        lmtp.mta.wait(lambda: bounces.extend(retrieve_texts(lmtp.server, lmtp.bert)) or bounces, "a bounce")
        lmtp.mta.wait_queued(0)
    assert len(bounces) == 1 and b"anna@example.org" in bounces[0] and b"5.2.2" in bounces[0]
    assert list(retrieve_all(lmtp.server, lmtp.anna)) == [b"plain"]
