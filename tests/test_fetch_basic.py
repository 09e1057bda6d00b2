"""The program restante, with restanted as the server: each command and option once, what it prints and exits with."""

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import threading

import pytest

import hostile
import restante
from collector import CONFIGURATION, DENIED, OK, PROGRAM, PROTOCOL, TRY_LATER, UNAVAILABLE, Collector
from hostile import Hostile, Maildrop
from restante import wait_until, wire_form

USAGE, DATA = 64, 65
TEXTS = [b"From: a@example.org\nDate: Thu, 1 Jan 2026 00:00:0%d +0000\nMessage-ID: <%d@example.org>\n"
         b"Subject: =?utf-8?q?n=C2=B0_%d?=\n\ntext %d\n.dot\n" % (number, number, number, number) for number in range(5)]


@pytest.fixture
def collector(tmp_path):
    return Collector(str(tmp_path / "anna"))


@pytest.fixture
def mail(shared, user, collector):
    """A collector with an account "work" at the shared server, where five messages wait."""
    for text in TEXTS:
        user.deliver(text)
    collector.add("work", shared.clear_port, user=user.name, keep="all")
    return collector


def expected(*numbers):
    return sorted(wire_form(TEXTS[number]) for number in numbers or range(5))


def events(done, name=None):
    """What --json has printed."""
    all_of_them = [json.loads(line) for line in done.output.splitlines()]
    return [event for event in all_of_them if name is None or event["event"] == name]


def test_new_mail_is_fetched_once(mail, user):
    assert "work: 5 messages (" in mail.fetch().output
    assert mail.mail("work") == expected()
    assert mail.fetch().output == ""
    user.deliver(b"Subject: more\n\n")
    assert "work: 1 message (" in mail.fetch().output
    assert mail.mail("work") == sorted(expected() + [b"Subject: more\r\n\r\n"])
    assert len(user.stored()) == 6 and mail.is_clean("work")


@pytest.mark.parametrize("keep,left", [("all", 5), ("none", 0), ("newest 2", 2), ("newest 9", 5), ("1 day", 5)])
def test_keep(mail, user, keep, left):
    mail.accounts["work"]["keep"] = keep
    done = mail.fetch()
    assert len(user.stored()) == left and mail.mail("work") == expected()
    assert ("%d deleted on the server" % (5 - left) in done.output) == (left < 5)
    assert mail.fetch().output == "" and mail.mail("work") == expected()


def test_keep_on_the_command_line(mail, user):
    mail.fetch("--keep", "newest 3")
    assert len(user.stored()) == 3
    mail.fetch("--keep=none")
    assert len(user.stored()) == 0 and mail.mail("work") == expected()
    for nonsense in ("some", "days", "newest", "newest x", "3 weeks", ""):
        assert "--keep" in mail.fetch("--keep", nonsense, status=USAGE).output


def test_kinds_of_places(mail, user):
    mail.fetch("--to", "mbox:%s/mbox" % mail.home)
    assert mail.mbox(mail.home + "/mbox") == expected()
    mail.fetch("--refetch", "--to", "command:cat >> %s/all" % mail.home)
    with open(mail.home + "/all", "rb") as file:
        assert file.read().count(b"text ") == 5
    assert mail.mail("work") == [] and len(user.stored()) == 5


def test_check_changes_nothing(mail, user):
    done = mail.run("check")
    assert done.output.count("fetch ") == 5 and "5 messages (" in done.output and "to fetch" in done.output
    assert mail.mail("work") == [] and not any(os.path.exists(mail.home + name) for name in ("/work", "/.local"))
    assert mail.fetch("--dry-run", "--keep", "none").output == done.output
    mail.fetch()
    done = mail.run("check", "--keep", "newest 1")
    assert done.output.count("work: delete ") == 4 and "4 to delete on the server" in done.output
    assert len(user.stored()) == 5
    before = state(mail)
    mail.run("check")
    assert state(mail) == before


def state(collector):
    """Every file of the state, with its octets."""
    directory = collector.home + "/.local/state/restante"
    found = {}
    for name in sorted(os.listdir(directory)):
        with open(directory + "/" + name, "rb") as file:
            found[name] = file.read()
    return found


def test_nobody_else_reads_the_state(mail):
    """Nor a transcript, or what was made above them."""
    mail.fetch("--transcript", mail.home + "/transcript")
    directory = mail.home + "/.local/state/restante"
    files = [mail.home + "/transcript", *("%s/%s" % (directory, name) for name in os.listdir(directory))]
    assert len(files) == 3 and {os.stat(path).st_mode & 0o777 for path in files} == {0o600}
    assert {os.stat(directory + above).st_mode & 0o777 for above in ("", "/..", "/../..")} == {0o700}


def test_list(mail):
    mail.fetch("--keep", "newest 3")
    lines = mail.run("list").output.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"work: +1 +\d+  stored   Thu, 1 Jan 2026 00:00:02 \+0000  a@example\.org  n° 2", lines[0])
    told = events(mail.run("list", "--json"))
    assert [event["number"] for event in told] == [1, 2, 3] and told[0]["subject"] == "n° 2"
    assert told[0]["state"] == "stored" and told[0]["octets"] == len(wire_form(TEXTS[2]))


def test_show(mail, user):
    assert mail.run("show", "2").output == TEXTS[1].decode()
    assert mail.run("show", "work", "5").output == TEXTS[4].decode()
    assert "no such message" in mail.run("show", "6", status=UNAVAILABLE).output.lower()
    assert "`x` is no number" in mail.run("show", "x", status=USAGE).output
    assert "usage" in mail.run("show", status=USAGE).output
    assert len(user.stored()) == 5


def test_capabilities(mail, shared, user):
    mail.add("safe", shared.port, user=user.name, security="stls", ca_file=shared.certificates[0][0])
    told = mail.run("capabilities", "safe").output
    assert re.search(r"clear +capabilities +.*STLS", told) and re.search(r"stls +capabilities +.*UIDL", told)
    assert re.search(r"stls +protection +TLSv1\.3", told) and re.search(r"stls +pin +[0-9a-f]{64}", told)
    assert re.search(r"stls +login +\w+", told)
    told = mail.run("capabilities", "127.0.0.1:%d" % shared.clear_port, status=None).output
    assert re.search(r"clear +capabilities +.*PIPELINING", told)
    # Who speaks TLS on a port that is nobody's is not asked for STLS there: it would be silent for a minute.
    told = mail.run("capabilities", "127.0.0.1:%d" % shared.tls_port, status=UNAVAILABLE).output
    assert re.search(r"tls +pin +[0-9a-f]{64}", told) and "stls" not in told and "clear" not in told


def test_json(mail):
    done = mail.fetch("--json", "--keep", "newest 4")
    told = events(done)
    assert [event["event"] for event in told] == \
        ["login", "listed"] + 5 * ["fetched"] + ["deleted", "done"]
    assert all(event["account"] == "work" and event["text"] for event in told)
    assert told[-1]["fetched"] == 5 and told[-1]["deleted"] == 1 and told[-1]["status"] == 0
    assert told[-1]["octets"] == sum(map(len, expected())) == sum(event["octets"] for event in events(done, "fetched"))
    assert [event["event"] for event in events(mail.fetch("--json"))] == ["login", "listed", "done"]


def test_quiet_and_verbose(mail):
    assert mail.fetch("--quiet").output == ""
    told = mail.fetch("--verbose").output
    assert "work > UIDL" in told and "nothing new; 5 on the server" in told
    assert restante.PASSWORD not in told and "[...]" in told
    mail.accounts["work"]["password"] = "wrong"
    assert "work: " in mail.fetch("--quiet", status=DENIED).output


def test_transcript(mail):
    path = mail.home + "/transcript"
    with open(path, "w") as file:
        file.write("before\n")
    os.chmod(path, 0o644)
    mail.fetch("--transcript", path)
    with open(path) as file:
        text = file.read()
    assert text.startswith("before\n") and "work > RETR 5" in text and "work < +OK" in text
    assert restante.PASSWORD not in text and "text 1" not in text
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert "transcript" in mail.fetch("--transcript", mail.home + "/no/where", status=73).output


@pytest.mark.parametrize("capability, said", [("USER", "> PASS [...]"), ("SASL PLAIN", "> AUTH PLAIN [...]")])
def test_transcript_without_secrets(collector, capability, said):
    maildrop = Maildrop({}, capabilities=("UIDL", capability))
    with served(collector, maildrop):
        collector.fetch("--transcript", collector.home + "/transcript")
        text = read(collector.home + "/transcript")
        assert said in text
        for secret in (restante.PASSWORD, *re.findall("AUTH PLAIN (.+)", "\n".join(maildrop.heard))):
            assert secret not in text


def test_wrong_password(mail):
    mail.accounts["work"]["password"] = "wrong"
    assert "password" in mail.fetch(status=DENIED).output and mail.mail("work") == []


def test_server_that_is_not_there(mail):
    port, = restante.free_ports(1)
    mail.accounts["work"]["server"] = "127.0.0.1:%d" % port
    told = mail.fetch("--retries", "1", status=TRY_LATER).output
    assert told.count("going on with another connection") == 1 and "later" in told
    assert "another connection" not in mail.fetch("--retries", "0", status=TRY_LATER).output


def test_protection_that_is_not_there(mail):
    mail.accounts["work"]["security"] = "stls"
    assert "nothing was sent" in mail.fetch(status=UNAVAILABLE).output
    mail.accounts["work"].update(security="clear", clear_password="no", mechanisms="PLAIN")
    mail.fetch(status=UNAVAILABLE)
    assert mail.mail("work") == []


def test_certificate(mail, shared, user):
    port = "127.0.0.1:%d" % shared.tls_port
    mail.accounts["work"].update(server=port, security="tls")
    told = mail.fetch(status=UNAVAILABLE).output
    pin = re.search(r"[0-9a-f]{64}", told)[0]
    mail.accounts["work"]["pin"] = pin
    mail.fetch()
    assert mail.mail("work") == expected()


def test_lock(mail):
    mail.fetch()
    directory = mail.home + "/.local/state/restante"
    held = [open(directory + "/" + name, "rb") for name in os.listdir(directory)]
    with contextlib.ExitStack() as stack:
        for file in held:
            stack.enter_context(file)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert "work" in mail.fetch(status=TRY_LATER).output
    mail.fetch()


def test_one_account_does_not_hinder_another(mail, shared):
    other = next(shared.unused)
    other.deliver(TEXTS[0])
    mail.add("broken", shared.clear_port, user=other.name, password="wrong")
    mail.add("other", shared.clear_port, user=other.name, keep="all")
    told = mail.fetch(status=DENIED).output
    assert "broken: " in told and "other: 1 message" in told and "work: 5 messages" in told
    assert mail.mail("work") == expected() and mail.mail("other") == expected(0) and mail.mail("broken") == []
    assert "other" not in mail.fetch("work").output
    assert "no account `nobody`" in mail.fetch("nobody", status=CONFIGURATION).output
    assert "twice" in mail.fetch("work", "work", status=USAGE).output


def test_filter(mail, user):
    path = mail.home + "/filter"
    with open(path, "w") as file:
        file.write("""header=$(cat)
            case $header in *'<0@'*) echo delete;; *'<1@'*) echo skip;; *'<2@'*) exit 1;; *) echo fetch;; esac""")
    mail.accounts["work"].update(keep="none", filter="sh " + path)
    done = mail.fetch(status=TRY_LATER)
    assert "message 3 is left for the next run" in done.output and "1 skipped" in done.output
    assert mail.mail("work") == expected(3, 4)
    assert sorted(map(wire_form, user.stored().values())) == expected(1, 2)
    mail.accounts["work"]["filter"] = "echo fetch"
    mail.fetch()
    assert mail.mail("work") == expected(2, 3, 4) and len(user.stored()) == 1


def test_size_max(mail, user):
    user.deliver(b"Subject: big\n\n" + b"x" * 80 * 100 + b"\n")
    mail.accounts["work"].update(size_max="4000", keep="none")
    told = events(mail.fetch("--json"), "done")[0]
    assert told["too_big"] == 1 and told["fetched"] == 5
    assert mail.mail("work") == expected() and len(user.stored()) == 1
    mail.accounts["work"]["size_max"] = "0"
    mail.fetch()
    assert len(user.stored()) == 0


def test_refetch(mail):
    mail.fetch()
    assert "5 messages" in mail.fetch("--refetch").output
    assert mail.mail("work") == sorted(2 * expected())
    assert mail.fetch().output == ""


def test_maildrop_that_was_moved(mail, shared):
    """The same mail at another server, one message more: all are recognized by what is in them."""
    mail.fetch()
    other = next(shared.unused)
    for number, text in enumerate(reversed(TEXTS)):
        other.deliver(text, name="1800000000.M%dP2.elsewhere" % number)
    other.deliver(b"Subject: new\n\n", name="1900000000.M1P2.elsewhere")
    mail.accounts["work"]["user"] = other.name
    assert "5 messages recognized" in mail.run("check").output
    told = mail.fetch().output
    assert "5 messages recognized" in told and "1 new" in told and "work: 1 message (" in told
    assert mail.mail("work") == sorted(expected() + [b"Subject: new\r\n\r\n"])
    assert mail.fetch().output == ""


def test_maildrop_that_was_moved_with_messages_alike(collector):
    """Without a Message-ID, header and size must agree, of as many there as here; what may be new is fetched."""
    def alike(body, subject=b"alike"):
        return b"From: a@example.org\r\nSubject: %s\r\n\r\n%s\r\n" % (subject, body)

    maildrop = Maildrop({"u1": alike(b"1"), "u2": alike(b"22")})
    with served(collector, maildrop, keep="all"):
        collector.fetch()
        maildrop.messages = {"n1": alike(b"1"), "n2": alike(b"22"), "n3": alike(b"333"), "n4": alike(b"4"),
                             "n5": alike(b"55", b"other")}
        maildrop.retrieved.clear()
        assert "1 message recognized" in collector.fetch().output
        assert maildrop.retrieved == ["n1", "n3", "n4", "n5"]
        assert collector.mail("bad") == sorted([*maildrop.messages.values(), alike(b"1")])


def test_another_maildrop(mail, shared):
    mail.fetch()
    other = next(shared.unused)
    other.deliver(b"Subject: new\n\n", name="1900000000.M1P2.elsewhere")
    mail.accounts["work"]["user"] = other.name
    told = mail.fetch(status=DATA).output
    assert "--refetch" in told and mail.mail("work") == expected()
    mail.fetch(status=DATA)
    mail.fetch("--refetch")
    assert mail.mail("work") == sorted(expected() + [b"Subject: new\r\n\r\n"])
    mail.fetch()


def test_mail_that_somebody_else_removed(mail, user):
    """Nothing is kept here, so that nothing is missed when all UIDLs are new."""
    mail.fetch("--keep", "none")
    user.deliver(b"Subject: new\n\n")
    mail.fetch("--keep", "none")
    assert mail.mail("work") == sorted(expected() + [b"Subject: new\r\n\r\n"])


def test_target_that_cannot_be_written(mail, user):
    with open(mail.home + "/file", "w"):
        pass
    told = mail.fetch("--to", "maildir:%s/file/x" % mail.home, "--keep", "none", status=None)
    assert told.status not in (OK, None) and told.output
    assert len(user.stored()) == 5
    assert "5 failed" in mail.fetch("--to", "command:exit 2", "--keep", "none", status=TRY_LATER).output
    assert len(user.stored()) == 5
    mail.fetch()
    assert mail.mail("work") == expected()


@contextlib.contextmanager
def running(collector, *words):
    log = collector.home + "/watch"
    with open(log, "wb") as output:
        process = subprocess.Popen(collector.command(*words), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   env=collector.environ(), cwd=collector.home)

    def said(text):
        assert process.poll() is None, read(log)
        return text in read(log)

    try:
        yield process, lambda text: wait_until(lambda: said(text), text + " in:\n" + read(log))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert not restante.SANITIZER.search(read(log)), read(log)


def read(path):
    with open(path, errors="backslashreplace") as file:
        return file.read()


def test_watch(mail, user):
    with running(mail, "fetch", "--watch", "1", "-v") as (process, wait):
        wait("work: 5 messages")
        user.deliver(b"Subject: later\n\n")
        wait("work: 1 message (")
        mail.accounts["work"]["keep"] = "none"
        mail.config()
        process.send_signal(signal.SIGHUP)
        wait("the new configuration is in force")
        wait("6 deleted on the server")
        with open(mail.home + "/config", "w") as file:
            file.write("nonsense = 1\n")
        process.send_signal(signal.SIGHUP)
        wait("the configuration stays as it was")
        process.send_signal(signal.SIGTERM)
        assert process.wait(restante.PATIENCE_SECONDS) == OK
    assert mail.mail("work") == sorted(expected() + [b"Subject: later\r\n\r\n"]) and not user.stored()


def test_refetch_is_for_once(mail, user):
    """Another turn, and another configuration, do not fetch everything once more."""
    with running(mail, "fetch", "--watch", "1", "--refetch", "-v") as (process, wait):
        wait("work: 5 messages (")
        mail.accounts["work"]["trace"] = "no"
        mail.config()
        process.send_signal(signal.SIGHUP)
        wait("the new configuration is in force")
        user.deliver(b"Subject: later\n\n")
        wait("work: 1 message (")
        process.send_signal(signal.SIGTERM)
        assert process.wait(restante.PATIENCE_SECONDS) == OK
    assert mail.mail("work") == sorted(expected() + [b"Subject: later\r\n\r\n"])


MESSAGES = {"u%d" % number: b"Message-ID: <%d@x.example>\r\n\r\n%s" % (number, b"line\r\n" * number)
            for number in range(1, 7)}
ALL = sorted(MESSAGES.values())


def served(collector, maildrop, **more):
    """A server that says what the test wants, and the account "bad" for it."""
    server = Hostile(maildrop)
    collector.add("bad", server.port, **more)
    return server


def size_of(number, less=0):
    return "%d %d" % (number, len(MESSAGES["u%d" % number]) - less)


def test_sizes_that_are_not_exact(collector):
    """The first message comes twice before it is believed, and then sizes are not looked at again."""
    maildrop = Maildrop(MESSAGES, {"LIST": "\n".join(["+OK", *(size_of(number, 2) for number in range(1, 7)), "."])})
    with served(collector, maildrop, keep="all"):
        collector.fetch()
        assert collector.mail("bad") == ALL
        assert maildrop.heard.count("RETR 1") == 2
        maildrop.heard.clear()
        assert "6 messages" in collector.fetch("--refetch").output and maildrop.heard.count("RETR 1") == 1


def test_reply_too_many(collector):
    """What comes behind it is not taken for what it is not."""
    first = []

    def twice(_talk, _argument):
        text = MESSAGES["u1"] + b".\r\n"
        return b"+OK\r\n" + text + (b"" if first else first.append(1) or b"+OK who asked?\r\n")

    maildrop = Maildrop(MESSAGES, {"RETR 1": twice})
    with served(collector, maildrop):
        collector.fetch()
        assert collector.mail("bad") == ALL and not maildrop.messages


def test_message_that_is_another_each_time(collector):
    sent = []

    def grows(_talk, _argument):
        sent.append(b"x\r\n")
        return b"+OK\r\n" + MESSAGES["u3"] + b"".join(sent) + b".\r\n"

    maildrop = Maildrop(MESSAGES, {"RETR 3": grows})
    with served(collector, maildrop):
        assert "cannot be believed" in collector.fetch(status=PROTOCOL).output
        assert collector.mail("bad") == sorted(MESSAGES[uidl] for uidl in ("u1", "u2"))
        assert set(maildrop.removed) == {"u1", "u2"}


def test_message_that_is_doubted_and_then_refused(collector):
    """It is left for the next run; the others are deleted as if nothing had been."""
    said = []

    def other(_talk, _argument):
        said.append(1)
        return b"+OK\r\n" + MESSAGES["u6"] + b"x\r\n.\r\n" if len(said) == 1 else "-ERR not now"

    maildrop = Maildrop(MESSAGES, {"RETR 6": other})
    with served(collector, maildrop, timeout_seconds=10):
        assert "1 failed" in collector.fetch(status=UNAVAILABLE).output
        assert len(said) == 2 and list(maildrop.messages) == ["u6"]
        maildrop.behave()
        collector.fetch()
        assert collector.mail("bad") == ALL and not maildrop.messages


def test_connection_that_is_lost_is_made_again(collector):
    lost = []

    def lose(talk, _argument):
        if len(lost) < 2:
            lost.append(1)
            talk.say(b"+OK\r\nhalf a mess")
            raise hostile.Over
        return b"+OK\r\n" + MESSAGES["u3"] + b".\r\n"

    maildrop = Maildrop(MESSAGES, {"RETR 3": lose})
    with served(collector, maildrop):
        told = collector.fetch().output
        assert told.count("going on with another connection") == 2 and "6 messages" in told
        assert collector.mail("bad") == ALL and not maildrop.messages and collector.is_clean("bad")
        assert maildrop.heard.count("RETR 1") == 1


@pytest.mark.parametrize("parallel", [1, 3, 12])
def test_accounts_at_once(collector, parallel):
    """As many as are allowed: none is served before so many are there, and there are never more."""
    lock, here, most = threading.Lock(), [], []
    meeting = threading.Barrier(parallel, timeout=restante.PATIENCE_SECONDS)

    def greet(talk, _argument):
        with lock:
            here.append(talk)
            most.append(len(here))
        meeting.wait()
        return "+OK ready"

    def leave(talk, argument):
        with lock:
            here.remove(talk)
        return talk.do_quit(argument)

    maildrops = {hostile.address_of(number): Maildrop(MESSAGES, {"greeting": greet, "QUIT": leave})
                 for number in range(12)}
    with Hostile(maildrops) as server:
        for number, address in enumerate(maildrops):
            collector.add("a%d" % number, server.port, address)
        collector.parallel = parallel
        collector.fetch()
        assert max(most) == parallel
        assert all(collector.mail(name) == ALL for name in collector.accounts)
        assert not any(maildrop.messages for maildrop in maildrops.values())


def test_refetch_and_a_connection_that_is_lost(collector):
    """Once more is once: what is stored again does not come again with the next connection."""
    lost = []
    maildrop = Maildrop(MESSAGES)
    with served(collector, maildrop, keep="all"):
        collector.fetch()
        maildrop.replies["RETR 4"] = hostile.lose_once(lost)
        collector.fetch("--refetch")
        assert lost and collector.mail("bad") == sorted(2 * ALL)


def test_progress_begins_the_count_anew(collector):
    lost = []

    def lose_once(talk, argument):
        if argument not in lost:
            lost.append(argument)
            raise hostile.Over
        return b"+OK\r\n" + MESSAGES["u" + argument] + b".\r\n"

    maildrop = Maildrop(MESSAGES, dict.fromkeys(("RETR 2", "RETR 4", "RETR 6"), lose_once))
    with served(collector, maildrop):
        collector.fetch("--retries", "1")
        assert collector.mail("bad") == ALL and not maildrop.messages and len(lost) == 3


def test_refused_message_does_not_hinder_others(collector):
    maildrop = Maildrop(MESSAGES, {"RETR 2": "-ERR [SYS/TEMP] not now"})
    with served(collector, maildrop):
        told = collector.fetch(status=TRY_LATER).output
        assert "does not give out message 2 (not now)" in told and "1 failed" in told
        assert list(maildrop.messages) == ["u2"]
        maildrop.behave()
        collector.fetch()
        assert collector.mail("bad") == ALL and not maildrop.messages


def test_deletion_that_is_refused(collector):
    """It is not deleted, so that it is known when it is listed again."""
    for number, capabilities in enumerate((("TOP", "UIDL", "USER"), ("TOP", "USER"))):
        replies = {"DELE 2": "-ERR not now", **({} if "UIDL" in capabilities else {"UIDL": "-ERR what?"})}
        maildrop = Maildrop(MESSAGES, replies, capabilities=capabilities)
        with served(collector, maildrop, deliver_to="maildir:%s/%d" % (collector.home, number)):
            told = collector.fetch(status=UNAVAILABLE).output
            assert "does not delete message 2 (not now)" in told and "5 deleted on the server" in told
            del replies["DELE 2"]
            assert "1 deleted on the server" in collector.fetch().output
            assert collector.mail(str(number)) == ALL and not maildrop.messages


def test_quit_that_fails(collector):
    maildrop = Maildrop(MESSAGES, {"QUIT": "-ERR some were not removed"})
    with served(collector, maildrop):
        told = collector.fetch(status=UNAVAILABLE).output
        assert "does not confirm" in told and "deleted on the server" not in told
        maildrop.behave()
        assert "6 deleted on the server" in collector.fetch().output
        assert collector.mail("bad") == ALL and not maildrop.messages


def test_list_that_is_wrong_once(collector):
    """What it does not have is remembered, and does not come twice."""
    maildrop = Maildrop(MESSAGES)
    with served(collector, maildrop, keep="all"):
        collector.fetch()
        maildrop.messages = {uidl: MESSAGES[uidl] for uidl in ("u1", "u2")}
        collector.fetch()
        maildrop.messages = dict(MESSAGES)
        assert collector.fetch().output == "" and collector.mail("bad") == ALL


def test_deletion_that_was_none_and_a_list_that_is_not_whole(collector):
    """What has no UIDL this once has not gone: the state does not forget it."""
    maildrop = Maildrop(MESSAGES, {"QUIT": "+OK all is deleted"})
    with served(collector, maildrop):
        collector.fetch()
        maildrop.replies["UIDL"] = "+OK\n1 u1\n2 u2\n."
        collector.fetch()
        maildrop.behave()
        collector.fetch()
        assert collector.mail("bad") == ALL and not maildrop.messages


def test_uidl_that_is_used_again(collector):
    """Where what had it was deleted, and a list has come without it: it is another message."""
    maildrop = Maildrop(MESSAGES)
    with served(collector, maildrop):
        collector.fetch()
        collector.fetch()
        maildrop.messages = {"u1": b"Message-ID: <another@x.example>\r\n\r\n"}
        collector.fetch()
        assert collector.mail("bad") == sorted([*ALL, b"Message-ID: <another@x.example>\r\n\r\n"])


def test_server_without_uidl(collector):
    maildrop = Maildrop({**MESSAGES, "same": MESSAGES["u1"]}, {"UIDL": "-ERR what?"}, capabilities=("TOP", "USER"))
    with served(collector, maildrop, keep="all"):
        assert "keep = none" in collector.fetch(status=UNAVAILABLE).output and collector.mail("bad") == []
        maildrop.replies["QUIT"] = ""
        collector.fetch("--keep", "none", "--retries", "0", status=TRY_LATER)
        assert collector.mail("bad") == sorted([*ALL, MESSAGES["u1"]])
        del maildrop.replies["QUIT"]
        collector.fetch("--keep", "none")
        assert collector.mail("bad") == sorted([*ALL, MESSAGES["u1"]]) and not maildrop.messages
        maildrop.messages["again"] = MESSAGES["u1"]
        collector.fetch("--keep", "none")
        assert collector.mail("bad") == sorted([*ALL, MESSAGES["u1"], MESSAGES["u1"]])


def test_login_delay_and_expire(collector):
    maildrop = Maildrop(MESSAGES, capabilities=("TOP", "UIDL", "USER", "LOGIN-DELAY 600", "EXPIRE 0"))
    with served(collector, maildrop, keep="all"):
        assert "EXPIRE 0" in collector.fetch().output
        maildrop.heard.clear()
        assert "LOGIN-DELAY" in collector.fetch(status=TRY_LATER).output
        assert "LOGIN-DELAY" in collector.run("list", status=TRY_LATER).output and not maildrop.heard


def test_no_other_login_before_the_delay_has_passed(collector):
    """Not even where the connection was lost. The second message has come, but nothing has proven that it is that."""
    maildrop = Maildrop(MESSAGES, {"RETR 3": ""}, capabilities=("TOP", "UIDL", "USER", "LOGIN-DELAY 600"))
    with served(collector, maildrop) as server:
        collector.fetch(status=TRY_LATER)
        assert server.connections == 1
        assert collector.mail("bad") == [MESSAGES["u1"]]


def test_server_that_removes_what_was_fetched(collector):
    """With EXPIRE 0 nothing is missed when all UIDLs are new."""
    maildrop = Maildrop(MESSAGES, capabilities=("TOP", "UIDL", "USER", "EXPIRE 0"))
    with served(collector, maildrop, keep="all"):
        collector.fetch()
        maildrop.messages = {"v1": b"Message-ID: <v1@x.example>\r\n\r\n"}
        collector.fetch()
        assert collector.mail("bad") == sorted([*ALL, *maildrop.messages.values()])


def test_message_that_is_bigger_than_it_says(collector):
    maildrop = Maildrop(MESSAGES, {"RETR 2": b"+OK\r\n" + b"x\r\n" * 10000 + b".\r\n"})
    with served(collector, maildrop, size_max="14000"):
        assert "size_max" in collector.fetch(status=PROTOCOL).output
        assert collector.mail("bad") == [MESSAGES["u1"]] and collector.is_clean("bad")


def test_size_max_where_sizes_are_not_exact(collector):
    """A server that counts a line's end as one octet: what is a little bigger than it says holds up nobody."""
    sizes = ["%d %d" % (n, len(text) - text.count(b"\r")) for n, text in enumerate(MESSAGES.values(), 1)]
    maildrop = Maildrop(MESSAGES, {"LIST": "\n".join(["+OK", *sizes, "."])})
    with served(collector, maildrop, size_max=str(len(MESSAGES["u3"]) - 1)):
        done = collector.fetch()
        assert collector.mail("bad")[:3] == ALL[:3] and "u3" not in maildrop.messages, done
        assert collector.is_clean("bad") and "too big" in done.output


def test_message_that_the_file_system_does_not_take(collector):
    """Nothing is stored in its place, and it stays on the server."""
    big = b"Message-ID: <big@x.example>\r\n\r\n" + (b"x" * 68 + b"\r\n") * 10000
    maildrop = Maildrop({**MESSAGES, "big": big})
    with served(collector, maildrop):
        told = collector.fetch(status=None, before=("prlimit", "--fsize=300000"))
        assert told.status not in (OK, None) and "message 7 was not stored" in told.output and "1 failed" in told.output
        assert collector.mail("bad") == ALL and list(maildrop.messages) == ["big"] and collector.is_clean("bad")
        collector.fetch()
        assert collector.mail("bad") == sorted([*ALL, big]) and not maildrop.messages


def test_stop_in_the_middle(collector):
    """What is under way is stored, and deleted on the server; what was not asked for yet stays there."""
    messages = {"u%d" % number: b"Message-ID: <%d@x.example>\r\n\r\n" % number + (b"x" * 68 + b"\r\n") * 70000
                for number in range(1, 7)}
    go_on = threading.Event()

    def wait(_talk, argument):
        assert go_on.wait(restante.PATIENCE_SECONDS)
        return b"+OK\r\n" + messages["u" + argument] + b".\r\n"

    maildrop = Maildrop(messages, {"RETR 2": wait})
    with served(collector, maildrop), running(collector, "fetch") as (process, said):
        wait_until(lambda: "RETR 2" in maildrop.heard, "RETR 2")
        process.send_signal(signal.SIGTERM)
        said("stopping")
        go_on.set()
        assert process.wait(restante.PATIENCE_SECONDS) == OK
        assert maildrop.heard[-1] == "QUIT" and 2 <= len(maildrop.removed) < 6
        stored = [mail.split(b"\r\n")[0] for mail in collector.mail("bad")]
        assert (stored, sorted(collector.mail("bad"))) == (
            [b"Message-ID: <%s@x.example>" % uidl[1:].encode() for uidl in sorted(maildrop.removed)],
            sorted(messages[uidl] for uidl in maildrop.removed))
        maildrop.behave()
        collector.fetch()
        assert collector.mail("bad") == sorted(messages.values()) and not maildrop.messages


def test_usage(collector):
    assert "unknown command `fech`" in collector.run("fech", status=USAGE).output
    assert "usage" in collector.run(status=USAGE).output
    assert re.match(r"restante: unrecogni[sz]ed option '--refetch'\nusage", collector.run(
        "list", "--refetch", status=USAGE).output)
    for nonsense in (["--parallel", "0"], ["--watch", "soon"], ["--retries", "-1"]):
        assert "makes no sense" in collector.fetch(*nonsense, status=USAGE).output
    os.unlink(collector.home + "/config")
    told = subprocess.run([PROGRAM, "fetch"], env=collector.environ(), capture_output=True, text=True,
                          timeout=restante.PATIENCE_SECONDS)
    assert told.returncode == CONFIGURATION and "restante setup" in told.stderr


def test_help(collector):
    whole = collector.run("--help").output
    names = re.findall(r"^  (\w+)", whole, re.MULTILINE)
    assert names == ["fetch", "check", "list", "show", "capabilities", "setup", "login", "help", "version"]
    for name in names:
        assert "usage: restante %s" % name in collector.run("help", name).output
    for name in names[:5]:
        assert collector.run(name, "--help").output == collector.run("help", name).output
    assert re.fullmatch(r"restante \d+\.\d+\.\d+\n", collector.run("version").output)
