"""The users file, and guessing."""

import os
import subprocess

import pytest

import restante
from restante import PASSWORD, wait_until


def can_log_in(server, name, password, **more):
    with server.connect("clear", **more) as client:
        client.ok("USER " + name)
        reply = client.command("PASS " + password)
        # IN-USE: an earlier session of this test has not ended yet, and the password is right.
        assert reply.startswith((b"+OK ", b"-ERR [AUTH] ", b"-ERR [IN-USE] ")), reply
        return not reply.startswith(b"-ERR [AUTH] ")


HASHES = {  # of PASSWORD
    "MD5-CRYPT": ["openssl", "passwd", "-1", PASSWORD],
    "SHA256-CRYPT": ["openssl", "passwd", "-5", PASSWORD],
    "SHA512-CRYPT": ["openssl", "passwd", "-6", PASSWORD],
}


@pytest.mark.parametrize("scheme", HASHES)
def test_hashes_of_other_programs(server, scheme):
    hashed = subprocess.run(HASHES[scheme], check=True, capture_output=True, text=True).stdout.strip()
    server.add_user("bert", password=hashed, scheme="CRYPT")
    server.add_user("carl", password=hashed, scheme=scheme)
    server.start()
    for name in ("bert", "carl"):
        assert can_log_in(server, name, PASSWORD)
        assert can_log_in(server, name, PASSWORD)  # from the cache
        assert not can_log_in(server, name, PASSWORD + "x")
        assert not can_log_in(server, name, PASSWORD[:-1])


def test_changed_file_is_noticed(server):
    server.options["auth_failures_max"] = 1000
    server.start()
    assert can_log_in(server, "anna", PASSWORD)
    server.users["anna"].password = "another"
    server.add_user("bert")
    server.write_users()
    wait_until(lambda: can_log_in(server, "anna", "another"), "the new password")
    assert not can_log_in(server, "anna", PASSWORD)  # nor is it in the cache
    assert can_log_in(server, "bert", PASSWORD)
    del server.users["bert"]
    server.write_users()
    wait_until(lambda: not can_log_in(server, "bert", PASSWORD), "the end of bert")
    assert can_log_in(server, "anna", "another")


def test_file_that_cannot_be_understood_locks_nobody_out_for_ever(server):
    server.options["auth_failures_max"] = 1000
    server.start()
    good = "".join(user.line() for user in server.users.values())
    server.write_users("nonsense\n::::\n" + good + "bert:{NOSUCH}x:1:1::/x::\n\0\n")
    assert can_log_in(server, "anna", PASSWORD)
    server.write_users(good)
    assert can_log_in(server, "anna", PASSWORD)


def test_no_users_file_is_an_error_of_the_server(server):
    server.start()
    os.unlink(server.options["users_file"])

    def refused():
        with server.connect("clear") as client:
            client.ok("USER anna")
            reply = client.command("PASS wrong")
            assert reply.startswith(b"-ERR ")
            return True

    assert refused()
    server.write_users()
    wait_until(lambda: can_log_in(server, "anna", PASSWORD), "a login")


def test_mail_place_by_pattern(server):
    bert = server.add_user("bert@example.org")
    place = server.directory + "/mail"
    os.makedirs(place + "/example.org")
    server.options["mail_place"] = "maildir:%s/%%d/%%n" % place
    os.rename(bert.maildir, place + "/example.org/bert")
    bert.maildir, bert.home = place + "/example.org/bert", place
    bert.deliver(b"Subject: by pattern\n\n")
    bert.give_away()
    server.start()
    with server.login(bert) as client:
        assert client.retrieve(1) == b"Subject: by pattern\r\n\r\n"


@pytest.mark.parametrize("name", ["../anna", "..@..", "a/b@example.org", ".", "anna@../x"])
def test_mail_place_cannot_be_left_by_name(server, name):
    victim = server.directory + "/mail/anna"
    os.makedirs(victim)
    server.options["mail_place"] = "maildir:%s/mail/%%d/%%n" % server.directory
    restante.Server.give(server.directory + "/mail", server.users["anna"].uid)
    user = restante.User(name, server.directory + "/home", server.users["anna"].uid)
    server.users[name] = user
    server.start()
    with server.connect("clear") as client:
        client.ok("USER " + name)
        client.error("PASS " + PASSWORD)


def test_guessing_is_refused_after_a_while_and_for_a_while(server):
    server.add_user("bert")
    server.options["auth_failures_max"] = 3
    server.options["auth_refusal_seconds"] = 2
    server.start()
    for _ in range(4):
        assert not can_log_in(server, "anna", "guess", source="127.0.0.5")
    # Now even the right password is refused from that address, and from no other.
    assert not can_log_in(server, "anna", PASSWORD, source="127.0.0.5")
    assert not can_log_in(server, "bert", PASSWORD, source="127.0.0.5")
    assert can_log_in(server, "anna", PASSWORD, source="127.0.0.6")
    assert can_log_in(server, "bert", PASSWORD, source="127.0.0.6")
    wait_until(lambda: can_log_in(server, "anna", PASSWORD, source="127.0.0.5"), "the end of it")


def test_who_has_just_logged_in_is_not_refused(server):
    server.options["auth_failures_max"] = 1
    server.options["auth_refusal_seconds"] = 3600
    server.start()
    assert can_log_in(server, "anna", PASSWORD, source="127.0.0.5")
    for host in range(10):
        can_log_in(server, "anna", "guess", source=f"127.0.1.{host}")
    assert not can_log_in(server, "anna", PASSWORD, source="127.0.0.7")
    assert can_log_in(server, "anna", PASSWORD, source="127.0.0.5")


def test_guessing_on_one_connection_is_ended(server):
    server.options["bad_commands_max"] = 3
    server.start()
    with server.connect("clear") as client:
        client.send(b"USER anna\r\nPASS guess\r\n" * 20)
        assert client.rest().count(b"-ERR ") <= 10


def test_log_has_no_password(server):
    server.start()
    can_log_in(server, "anna", PASSWORD)
    can_log_in(server, "anna", "a-guessed-password")
    with server.connect("clear") as client:
        client.command("PASS without-a-user")
        client.command("USERanna PASS")
        client.command("AUTH PLAIN AGFubmEAYS1ndWVzc2VkLXBhc3N3b3Jk")
        client.ok("QUIT")
        client.rest()
    server.stop()
    log = server.log()
    for secret in (PASSWORD, "guessed", "without", "AGFub"):
        assert secret not in log


def test_log_of_a_session(server):
    anna = server.users["anna"]
    anna.deliver(b"Subject: x\n\n")
    anna.deliver(b"Subject: y\n\n")
    server.start()
    for mode in ("clear", "implicit"):
        with server.login(anna, mode) as client:
            peer = "127.0.0.1:%d" % client.socket.getsockname()[1]
            client.retrieve(1)
            client.ok("DELE 1")
            client.ok("QUIT")
            assert client.ended()
        connect = server.wait_event("connect", peer=peer)
        session = connect.fields["session"]
        login = server.wait_event("login", session=session)
        assert login.fields["user"] == "anna" and login.fields["method"] == "PASS"
        assert ("tls" in login.fields and "TLSv1.3" in login.fields.values()) == (mode != "clear")
        end = server.wait_event("session-end", session=session).fields
        assert (end["retrieved"], end["deleted"], end["left"]) == \
            ("1", "1", "1" if mode == "clear" else "0")
        assert int(end["octets_out"]) > 0
