"""The promise about mail: nothing is deleted that was not marked and confirmed by QUIT, nothing is
handed out as something else, and what other programs do to the Maildir is survived."""

import os
import re
import shutil
import socket
import struct

import pytest

from restante import wait_until, wire_form

MODES = ["clear", "stls", "implicit"]


@pytest.fixture
def anna(user):
    """Messages in new/ and cur/, and files that are none."""
    for number in range(3):
        user.deliver(b"Subject: new %d\n\ntext\n" % number)
    user.deliver(b"Subject: seen\n\ntext\n", "cur", flags="S")
    user.deliver(b"Subject: answered\r\n\r\ntext\r\n", "cur", flags="RS")
    for name in ("dovecot-uidlist", "tmp/1700000000.M0P1.half-written", "cur/.nfs0001", "new/.hidden"):
        with open(user.maildir + "/" + name, "wb") as file:
            file.write(b"not a message\n")
    os.mkdir(user.maildir + "/.Sent", 0o700)
    os.mkdir(user.maildir + "/cur/folder", 0o700)
    user.give_away()
    return user


def session_over(server, user, count=1):
    return server.wait_event("session-end", count, user=user.name)


def reset(client):
    """Ends the connection as a crashing client's host does."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


ENDS = {
    "closed": lambda client: client.close(),
    "reset": reset,
    "half closed": lambda client: (client.socket.shutdown(socket.SHUT_WR), client.rest()),
    "in the middle of QUIT": lambda client: (client.send(b"QUI"), client.close()),
    "in the middle of RETR": lambda client: (client.send(b"RETR 1\r\n"), reset(client)),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", ENDS)
def test_session_without_quit_deletes_nothing(shared, anna, end, mode):
    before = anna.files()
    with shared.login(anna, mode) as client:
        for number in range(2, 6):
            client.ok("DELE %d" % number)
        ENDS[end](client)
    assert session_over(shared, anna).fields["deleted"] == "0"
    assert anna.files() == before
    with shared.login(anna) as client:
        assert client.ok("STAT").split()[0] == "5"


@pytest.mark.parametrize("mode", MODES)
def test_quit_deletes_exactly_what_was_marked(shared, anna, mode):
    before = anna.files()
    with shared.login(anna, mode) as client:
        unique = [line.split()[1] for line in client.listing("UIDL")]
        client.ok("DELE 1")
        client.ok("RSET")
        client.ok("DELE 2")
        client.ok("DELE 5")
        client.ok("QUIT")
        assert client.ended()
    assert session_over(shared, anna).fields["deleted"] == "2"
    gone = {path for path in before if any(unique[n] in path for n in (1, 4))}
    assert len(gone) == 2
    assert anna.files() == {path: text for path, text in before.items() if path not in gone}


def test_session_without_dele_changes_no_file(shared, anna):
    before = anna.files()
    with shared.login(anna) as client:
        for number in range(1, 6):
            client.retrieve(number)
        client.ok("QUIT")
        assert client.ended()
    assert session_over(shared, anna)
    assert anna.files() == before


def test_quit_before_login_is_no_update(shared, anna):
    before = anna.files()
    with shared.connect("clear") as client:
        client.ok("USER " + anna.name)
        client.ok("QUIT")
        assert client.ended()
    assert anna.files() == before


def test_quit_tells_when_something_could_not_be_removed(shared, anna):
    with shared.login(anna) as client:
        for number in range(1, 6):
            client.ok("DELE %d" % number)
        os.chmod(anna.maildir + "/new", 0o500)
        client.error("QUIT")
        assert client.ended()
    assert session_over(shared, anna)
    os.chmod(anna.maildir + "/new", 0o700)
    assert sorted(anna.stored()) == ["17000%05d.M%dP1.test" % (n, n) for n in (1, 2, 3)]


def test_login_timeout_says_nothing(make_server):
    server = make_server()
    server.options["login_timeout_seconds"] = 10
    server.start()
    with server.connect("clear") as client, server.connect("implicit") as protected:
        assert client.ended()
        assert protected.ended()


def test_unique_ids_are_stable(shared, anna):
    def listed():
        with shared.login(anna) as client:
            found = client.listing("UIDL")
            client.ok("QUIT")
            assert client.ended()
            return found
    first = listed()
    assert len(first) == 5
    for name in os.listdir(anna.maildir + "/new"):
        if not name.startswith("."):
            os.rename("%s/new/%s" % (anna.maildir, name), "%s/cur/%s:2,S" % (anna.maildir, name))
    assert listed() == first


def test_ids_are_fit_for_the_wire_whatever_the_name(shared, user):
    names = ["1700000001.%s.host" % ("x" * 150), "1700000001.%s.host" % ("x" * 151),
             "1700000002.M1 with space", "1700000003.gr\u00fc\u00df", "1700000004.M4,S=20,W=22",
             "plain-name", "1700000005.\x01control"]
    for name in names:
        user.deliver(b"Subject: " + name.encode()[-20:] + b"\n\n", name=name)
    with shared.login(user) as client:
        ids = [line.split(" ", 1)[1] for line in client.listing("UIDL")]
        assert len(ids) == len(names) == len(set(ids))
        assert all(re.fullmatch("[\x21-\x7e]{1,70}", each) for each in ids)
        client.ok("QUIT")
        client.rest()
    with shared.login(user) as client:
        assert [line.split(" ", 1)[1] for line in client.listing("UIDL")] == ids


def test_order_is_that_of_the_time_in_the_name(shared, user):
    for time in (1700000030, 1700000001, 999999999, 1700000002):
        user.deliver(b"Subject: %d\n\n" % time, name="%d.M1P1.host" % time)
    with shared.login(user) as client:
        subjects = [client.retrieve(number, "TOP %d 0").split()[1] for number in range(1, 5)]
    assert subjects == [b"999999999", b"1700000001", b"1700000002", b"1700000030"]


def test_message_that_moves_is_found_again(shared, anna):
    with shared.login(anna) as client:
        for name in os.listdir(anna.maildir + "/new"):
            if not name.startswith("."):
                os.rename("%s/new/%s" % (anna.maildir, name), "%s/cur/%s:2,FS" % (anna.maildir, name))
        for number in range(3):
            assert client.retrieve(number + 1).startswith(b"Subject: new %d\r\n" % number)
        client.ok("DELE 1")
        client.ok("QUIT")
        assert client.ended()
    assert session_over(shared, anna)
    assert len(anna.stored()) == 4
    assert b"Subject: new 0\n\ntext\n" not in anna.stored().values()


def test_flags_that_change_are_followed_and_kept(shared, anna):
    name = [name for name in os.listdir(anna.maildir + "/cur") if name.endswith(":2,S")][0]
    with shared.login(anna) as client:
        os.rename("%s/cur/%s" % (anna.maildir, name), "%s/cur/%sT" % (anna.maildir, name))
        assert client.retrieve(4).startswith(b"Subject: seen")
        client.ok("DELE 4")
        client.ok("QUIT")
        assert client.ended()
    assert not os.path.exists("%s/cur/%sT" % (anna.maildir, name))


def test_message_that_vanishes_is_an_error_and_never_another_message(shared, anna):
    with shared.login(anna) as client:
        os.unlink(anna.maildir + "/new/1700000002.M2P1.test")
        anna.deliver(b"Subject: arrived later\n\n")
        client.error("RETR 2")
        client.error("TOP 2 0")
        assert client.retrieve(3).startswith(b"Subject: new 2")
        client.ok("DELE 2")
        client.ok("DELE 3")
        client.ok("QUIT")  # what is gone already is removed
        assert client.ended()
    subjects = {text.split(b"\n")[0] for text in anna.stored().values()}
    assert b"Subject: new 2" not in subjects and b"Subject: new 0" in subjects
    assert b"Subject: arrived later" in subjects


def test_message_that_arrives_is_seen_by_the_next_session(shared, anna):
    with shared.login(anna) as client:
        anna.deliver(b"Subject: late\n\n")
        assert client.ok("STAT").split()[0] == "5"
        client.error("RETR 6")
        client.ok("QUIT")
        client.rest()
    with shared.login(anna) as client:
        assert client.ok("STAT").split()[0] == "6"


@pytest.mark.parametrize("mode", MODES)
def test_message_that_shrinks_is_never_padded_nor_deleted(shared, user, mode):
    name = user.deliver(b"Subject: cut\n\n" + b"0123456789 abcdef\n" * 100000)
    with shared.login(user, mode) as client:
        os.truncate(user.maildir + "/new/" + name, 900000)
        client.send(b"RETR 1\r\nQUIT\r\n")
        reply = client.rest()
    assert session_over(shared, user)
    assert reply.count(b"0123456789 abcdef\r\n") <= 50000
    assert len(user.stored()[name]) == 900000


def test_message_that_is_no_readable_file(shared, anna):
    with shared.login(anna) as client:
        path = anna.maildir + "/new/1700000001.M1P1.test"
        os.unlink(path)
        os.mkdir(path)
        client.error("RETR 1")
        assert client.retrieve(2).startswith(b"Subject: new 1")
        client.ok("QUIT")


def test_a_wrong_size_in_a_name_is_corrected_once_the_message_was_sent(shared, user):
    # Dovecot's W counts CRLF, but not the line end that POP3 adds to a last line without one.
    user.deliver(b"Subject: x\n\nno end", name="1700000001.M1P1.h,S=18,W=20")
    with shared.login(user) as client:
        assert client.ok("LIST 1") == "1 20"
        assert len(client.retrieve(1)) == 22
        client.ok("QUIT")
        assert client.ended()

    def listed():
        with shared.login(user) as client:
            listed = client.ok("LIST 1")
            client.ok("QUIT")
            assert client.ended()
            return listed

    # What is remembered is written behind the answer to QUIT.
    wait_until(lambda: listed() == "1 22", "the size as it was sent")


def test_no_maildir_at_all_is_an_empty_maildrop_or_an_error(shared, user):
    shutil.rmtree(user.maildir)
    with shared.connect("clear") as client:
        client.ok("USER " + user.name)
        reply = client.command("PASS " + user.password)
        assert reply.startswith((b"+OK 0 ", b"-ERR [SYS/"))


def test_ten_thousand_messages(shared, user):
    count = 10000
    for number in range(count):
        path = "%s/new/17%08d.M%dP1.many" % (user.maildir, number, number)
        with open(path, "wb") as file:
            file.write(b"Subject: %d\n\n" % number)
    user.give_away()
    sizes = [len(b"Subject: %d\r\n\r\n" % number) for number in range(count)]
    with shared.login(user) as client:
        assert client.ok("STAT") == "%d %d" % (count, sum(sizes))
        assert client.listing("LIST") == ["%d %d" % (n + 1, size) for n, size in enumerate(sizes)]
        client.send(b"".join(b"DELE %d\r\n" % (n + 1) for n in range(0, count, 2)) + b"QUIT\r\n")
        assert client.rest().count(b"+OK ") == count // 2 + 1
    left = user.stored().values()
    assert set(left) == {b"Subject: %d\n\n" % n for n in range(1, count, 2)}


def test_message_of_100_mib(shared, user):
    text = b"Subject: large\n\n" + b"".join(
        b".%d some text that makes a line\n" % n for n in range(100)) * 33000
    assert len(text) > 100 << 20
    user.deliver(text)
    for mode in ("clear", "implicit"):
        with shared.login(user, mode) as client:
            client.send(b"RETR 1\r\nQUIT\r\n")
            reply = client.rest()
        assert shared.wait_event("session-end", user=user.name)
        head, _, rest = reply.partition(b"\r\n")
        assert rest.partition(b"\r\n.\r\n")[0].replace(b"\r\n..", b"\r\n.") + b"\r\n" == wire_form(text)
        wait_until(lambda: shared.events("session-end", user=user.name), "the end")


def test_takeover_by_the_newest_session(make_server):
    server = make_server()
    anna = server.add_user("anna")
    anna.deliver(b"Subject: x\n\n")
    server.options["takeover"] = "newest"
    server.start()
    for mode in MODES:
        with server.login(anna, mode) as old:
            old.ok("DELE 1")
            with server.login(anna, mode) as new:
                assert old.ended()
                assert new.ok("STAT").startswith("1 ")
                new.ok("QUIT")
                assert new.ended()
    assert len(anna.stored()) == 1


def test_takeover_from_a_silent_session(make_server):
    server = make_server()
    anna = server.add_user("anna")
    anna.deliver(b"Subject: x\n\n")
    server.options["takeover_silent_seconds"] = 1
    server.start()
    with server.login(anna) as old:
        old.ok("DELE 1")

        def logged_in():
            with server.connect("clear") as new:
                new.ok("USER anna")
                return new.command("PASS " + anna.password).startswith(b"+OK 1 ")

        wait_until(logged_in, "the old session to give way")
        assert old.ended()
    assert len(anna.stored()) == 1


def test_no_takeover(make_server):
    server = make_server()
    anna = server.add_user("anna")
    server.options["takeover"] = "never"
    server.start()
    with server.login(anna) as old:
        for mode in MODES:
            with server.connect(mode) as new:
                if mode == "stls":
                    new.stls()
                new.ok("USER anna")
                assert new.error("PASS " + anna.password).startswith("[IN-USE] ")
        old.ok("STAT")
