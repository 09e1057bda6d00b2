"""Talks over the network: one for each command, reply, trap and quirk.

C: what the client sends, S: what the server must say ("..." at its end: whatever follows). The
maildrop holds the messages FIRST, DOTS and UNENDED.
"""

import base64
import hashlib
import re
import subprocess

import pytest

FIRST = b"From: anna\nSubject: one\n\nline 1\nline 2\nline 3\n"
DOTS = b"Subject: dots\r\n\r\n.\r\n..x\r\nend\r\n"
UNENDED = b"Subject: no end\n\nthe last line"

TALKS = {
    "STAT counts messages and exact octets": """
        C: STAT
        S: +OK 3 116
        C: DELE 2
        S: +OK ...
        C: STAT
        S: +OK 2 86
    """,
    "LIST gives exact sizes and skips deleted messages": """
        C: LIST
        S: +OK ...
        S: 1 52
        S: 2 30
        S: 3 34
        S: .
        C: LIST 2
        S: +OK 2 30
        C: DELE 2
        S: +OK ...
        C: LIST
        S: +OK ...
        S: 1 52
        S: 3 34
        S: .
        C: LIST 2
        S: -ERR ...
    """,
    "UIDL gives one word each, and skips deleted messages": """
        C: UIDL
        S: +OK ...
        S: 1 1700000001.M1P1.test
        S: 2 1700000002.M2P1.test
        S: 3 1700000003.M3P1.test
        S: .
        C: UIDL 3
        S: +OK 3 1700000003.M3P1.test
        C: DELE 3
        S: +OK ...
        C: UIDL 3
        S: -ERR ...
        C: UIDL
        S: +OK ...
        S: 1 1700000001.M1P1.test
        S: 2 1700000002.M2P1.test
        S: .
    """,
    "RETR converts line ends": """
        C: RETR 1
        S: +OK ...
        S: From: anna
        S: Subject: one
        S:
        S: line 1
        S: line 2
        S: line 3
        S: .
    """,
    "RETR doubles dots": """
        C: RETR 2
        S: +OK ...
        S: Subject: dots
        S:
        S: ..
        S: ...x
        S: end
        S: .
    """,
    "RETR ends the last line": """
        C: RETR 3
        S: +OK ...
        S: Subject: no end
        S:
        S: the last line
        S: .
    """,
    "TOP with 0 lines is the header and the empty line": """
        C: TOP 1 0
        S: +OK ...
        S: From: anna
        S: Subject: one
        S:
        S: .
    """,
    "TOP counts lines of the body": """
        C: TOP 1 2
        S: +OK ...
        S: From: anna
        S: Subject: one
        S:
        S: line 1
        S: line 2
        S: .
    """,
    "TOP beyond the end, as fetchmail asks": """
        C: TOP 2 99999999
        S: +OK ...
        S: Subject: dots
        S:
        S: ..
        S: ...x
        S: end
        S: .
        C: TOP 3 4
        S: +OK ...
        S: Subject: no end
        S:
        S: the last line
        S: .
    """,
    "TOP wants two numbers": """
        C: TOP 1
        S: -ERR ...
        C: TOP
        S: -ERR ...
        C: TOP 1 -1
        S: -ERR ...
        C: TOP 1 x
        S: -ERR ...
        C: TOP 4 0
        S: -ERR ...
    """,
    "DELE twice is an error and changes no count": """
        C: DELE 1
        S: +OK ...
        C: DELE 1
        S: -ERR ...
        C: RETR 1
        S: -ERR ...
        C: TOP 1 0
        S: -ERR ...
        C: STAT
        S: +OK 2 64
    """,
    "RSET takes marks away": """
        C: DELE 1
        S: +OK ...
        C: DELE 3
        S: +OK ...
        C: RSET
        S: +OK ...
        C: STAT
        S: +OK 3 116
        C: RETR 3
        S: +OK ...
        S: Subject: no end
        S:
        S: the last line
        S: .
    """,
    "NOOP does nothing": """
        C: NOOP
        S: +OK ...
    """,
    "LAST is the highest number touched, DELE included, and RSET resets it to 0": """
        C: LAST
        S: +OK 0
        C: TOP 3 0
        S: +OK ...
        S: Subject: no end
        S:
        S: .
        C: DELE 2
        S: +OK ...
        C: LAST
        S: +OK 2
        C: RETR 1
        S: +OK ...
        S: From: anna
        S: Subject: one
        S:
        S: line 1
        S: line 2
        S: line 3
        S: .
        C: LAST
        S: +OK 2
        C: RSET
        S: +OK ...
        C: LAST
        S: +OK 0
    """,
    "keywords in lower case, spaces behind and between": """
        C: stat
        S: +OK 3 116
        C: sTaT\x20\x20
        S: +OK 3 116
        C: LIST  2
        S: +OK 2 30
        C: list 2\x20
        S: +OK 2 30
    """,
    "commands of the other state, unknown ones, and none": """
        C: USER anna
        S: -ERR ...
        C: PASS secret
        S: -ERR ...
        C: APOP anna c4c9334bac560ecc979e58001b3e22fb
        S: -ERR ...
        C: AUTH PLAIN
        S: -ERR ...
        C: STLS
        S: -ERR ...
        C: RPOP anna
        S: -ERR ...
        C: XTND XMIT
        S: -ERR ...
        C:
        S: -ERR ...
        C: STAT
        S: +OK 3 116
    """,
    "QUIT says goodbye": """
        C: QUIT
        S: +OK ...
        S: (end)
    """,
}


def talk_through(client, talk):
    for line in talk.strip().splitlines():
        side, _, text = line.lstrip().partition(":")
        text = text.removeprefix(" ")
        if side == "C":
            client.send(text.encode() + b"\r\n")
        elif text == "(end)":
            assert client.ended()
        elif text.endswith("..."):
            reply = client.line().decode()
            assert reply.startswith(text[:-3]), (text, reply)
        else:
            assert client.line().decode() == text


@pytest.fixture
def anna(user):
    for text in (FIRST, DOTS, UNENDED):
        user.deliver(text)
    return user


@pytest.mark.parametrize("name", TALKS)
def test_talk(shared, anna, name):
    with shared.login(anna) as client:
        talk_through(client, TALKS[name])


@pytest.mark.parametrize("number", [
    "0", "-1", "+1", "4", "1x", "x", "1.0", "0x1", "18446744073709551615", "18446744073709551616",
    "18446744073709551617", "99999999999999999999999999", "4294967297", "1 1", ""])
def test_number_that_is_none_is_refused(shared, anna, number):
    with shared.login(anna) as client:
        for command in ("RETR", "DELE"):
            client.error("%s %s" % (command, number))
        if number:
            for command in ("LIST", "UIDL"):
                client.error("%s %s" % (command, number))
        assert client.ok("STAT") == "3 116"


def test_leading_zeros_are_harmless_or_refused_but_never_another_message(shared, anna):
    with shared.login(anna) as client:
        reply = client.command("LIST 002")
        assert reply == b"+OK 2 30" or reply.startswith(b"-ERR ")


def test_empty_maildrop(shared, user):
    with shared.login(user) as client:
        assert client.ok("STAT") == "0 0"
        assert client.listing("LIST") == []
        assert client.listing("UIDL") == []
        client.error("RETR 1")
        client.ok("QUIT")


def capabilities(client):
    return {line.split()[0]: line for line in client.listing("CAPA")}


def test_capabilities_in_both_states_and_with_tls(shared, anna):
    always = {"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "USER", "SASL",
              "EXPIRE", "IMPLEMENTATION"}
    with shared.connect("stls") as client:
        before = capabilities(client)
        assert set(before) == always | {"STLS"}
        assert before["TOP"] == "TOP" and before["STLS"] == "STLS" and before["UIDL"] == "UIDL"
        assert before["EXPIRE"] == "EXPIRE NEVER"
        assert {"PLAIN", "LOGIN"} <= set(before["SASL"].split()[1:])
        client.stls()
        assert set(capabilities(client)) == always
        client.log_in(anna.name, anna.password)
        assert always <= set(capabilities(client))
        client.ok("QUIT")
    with shared.connect("stls") as client:
        client.log_in(anna.name, anna.password)
        assert set(capabilities(client)) == always | {"STLS"}
        client.ok("QUIT")
    with shared.connect("clear") as client:
        assert set(capabilities(client)) == always
    with shared.connect("implicit") as client:
        assert set(capabilities(client)) == always


def test_sasl_line_fits_fetchmails_buffer(shared):
    with shared.connect("stls") as client:
        assert len(capabilities(client)["SASL"]) < 60


def test_pipelined_session_in_one_segment(shared, anna):
    with shared.connect("clear") as client:
        client.send(b"USER %s\r\nPASS %s\r\nSTAT\r\nLIST 1\r\nNOOP\r\nQUIT\r\n"
                    % (anna.name.encode(), anna.password.encode()))
        replies = client.rest().split(b"\r\n")
        assert len(replies) == 7 and replies[6] == b""
        assert all(reply.startswith(b"+OK ") for reply in replies[:6])
        assert replies[2] == b"+OK 3 116" and replies[3] == b"+OK 1 52"


@pytest.mark.parametrize("mode", ["clear", "stls", "implicit"])
def test_long_pipeline_is_answered_in_order(shared, anna, mode):
    count = 1000
    with shared.login(anna, mode) as client:
        client.send(b"LIST 1\r\nLIST 2\r\n" * count)
        for _ in range(count):
            assert client.line() == b"+OK 1 52"
            assert client.line() == b"+OK 2 30"


def test_line_feeds_alone_end_lines(shared, anna):
    with shared.connect("clear") as client:
        client.send(b"USER %s\nPASS %s\nSTAT\nQUIT\n"
                    % (anna.name.encode(), anna.password.encode()))
        assert client.rest().split(b"\r\n")[2] == b"+OK 3 116"


def test_octet_by_octet(shared, anna):
    with shared.connect("clear") as client:
        for octet in b"USER %s\r\nPASS %s\r\nSTAT\r\n" % (
                anna.name.encode(), anna.password.encode()):
            client.send(bytes([octet]))
        client.line()
        client.line()
        assert client.line() == b"+OK 3 116"


def test_apop_timestamp_is_plain_and_never_the_same(shared):
    seen = set()
    for _ in range(20):
        with shared.connect("clear") as client:
            timestamp = re.search(rb"<[A-Za-z0-9.-]+@[A-Za-z0-9.-]+>", client.greeting)
            assert timestamp, client.greeting
            seen.add(timestamp[0])
    assert len(seen) == 20


def apop(client, user, password):
    timestamp = re.search(rb"<.*>", client.greeting)[0]
    return "APOP %s %s" % (user, hashlib.md5(timestamp + password.encode()).hexdigest())


def test_apop(shared, anna):
    with shared.connect("clear") as client:
        client.error(apop(client, anna.name, "wrong"))
        client.error("APOP " + anna.name)
        client.error("APOP")
        client.ok(apop(client, anna.name, anna.password))
        assert client.ok("STAT") == "3 116"


def test_apop_digest_is_in_lower_case(shared, anna):
    # RFC 1939, section 7: "using lower-case ASCII characters".
    with shared.connect("clear") as client:
        command, name, digest = apop(client, anna.name, anna.password).split()
        client.error(" ".join((command, name, digest.upper())))


def test_apop_after_stls_uses_the_first_timestamp(shared, anna):
    with shared.connect("stls") as client:
        client.stls()
        client.ok(apop(client, anna.name, anna.password))


PLAIN = {
    "initial response": lambda c, text: c.command("AUTH PLAIN " + text),
    "empty challenge": lambda c, text: (c.send(b"AUTH PLAIN\r\n"), c.line() == b"+ " or c.line(),
                                        c.command(text))[2],
}


def plain(user, password, authorization=""):
    return base64.b64encode(("%s\0%s\0%s" % (authorization, user, password)).encode()).decode()


@pytest.mark.parametrize("mode", ["clear", "stls", "implicit"])
@pytest.mark.parametrize("way", PLAIN)
def test_auth_plain(shared, anna, way, mode):
    with shared.connect(mode) as client:
        if mode == "stls":
            client.stls()
        assert PLAIN[way](client, plain(anna.name, "wrong")).startswith(b"-ERR [AUTH]")
        assert PLAIN[way](client, plain(anna.name, anna.password)).startswith(b"+OK ")
        assert client.ok("STAT") == "3 116"


def test_auth_plain_for_oneself_but_not_for_another(shared, anna):
    other = next(shared.unused)
    with shared.connect("clear") as client:
        client.error("AUTH PLAIN " + plain(anna.name, anna.password, other.name))
        client.ok("AUTH PLAIN " + plain(anna.name, anna.password, anna.name))


def test_auth_login(shared, anna):
    with shared.connect("clear") as client:
        assert client.command("AUTH LOGIN") == b"+ VXNlcm5hbWU6"
        assert client.command(base64.b64encode(anna.name.encode())) == b"+ UGFzc3dvcmQ6"
        assert client.command(base64.b64encode(anna.password.encode())).startswith(b"+OK ")
        assert client.ok("STAT") == "3 116"


def login(client, user, password):
    assert client.command("AUTH LOGIN") == b"+ VXNlcm5hbWU6"
    assert client.command(base64.b64encode(user.encode())) == b"+ UGFzc3dvcmQ6"
    return client.command(base64.b64encode(password.encode()))


WAYS = {
    "PASS": lambda c, user, password: (c.ok("USER " + user), c.command("PASS " + password))[1],
    "PLAIN": lambda c, user, password: c.command("AUTH PLAIN " + plain(user, password)),
    "LOGIN": login,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_password_is_an_auth_error_whatever_it_is(make_server, way):
    # RFC 3206, section 4. A command line has its limit.
    long = "x" * {"PASS": 200, "PLAIN": 150, "LOGIN": 300}[way]
    server = make_server()
    anna = server.add_user("anna")
    server.options["auth_failure_delay_milliseconds"] = 0
    server.start()
    with server.connect("clear") as client:
        for password in ("wrong", "", long, "\u05e9a", "\u0007"):
            reply = WAYS[way](client, "anna", password)
            assert reply.startswith(b"-ERR [AUTH] "), (password, reply)
        assert WAYS[way](client, "anna", anna.password).startswith(b"+OK ")


@pytest.mark.parametrize("password", ["pass\U0001f600", "\u05e9\u05dc\u05d5\u05ddabc", "\ue000", "\u0007"])
def test_the_same_password_opens_by_every_way(make_server, password):
    server = make_server()
    server.add_user("anna", password=password)
    server.start()
    for way in WAYS.values():
        with server.connect("clear") as client:
            assert way(client, "anna", password).startswith(b"+OK ")
            client.ok("QUIT")


@pytest.mark.parametrize("command", ["AUTH", "AUTH "])
def test_auth_without_argument_lists_mechanisms(shared, command):
    with shared.connect("clear") as client:
        # It is no bad command, however often it comes.
        for _ in range(100):
            assert {"PLAIN", "LOGIN"} <= set(client.listing(command))


@pytest.mark.parametrize("response", ["*", "=", "!!!!", "AAAA=AAA", "AGFubmE", "AGFubmE= ", "AA==",
                                      "a" * 1024, "a" * 8192, "a" * 9000, "a" * 100000])
def test_broken_sasl_is_refused_and_the_session_goes_on(shared, anna, response):
    with shared.connect("clear") as client:
        assert client.command("AUTH PLAIN").startswith(b"+ ")
        client.error(response)
        client.log_in(anna.name, anna.password)


def test_unknown_mechanism(shared, anna):
    with shared.connect("clear") as client:
        client.error("AUTH NTLM")
        client.error("AUTH CRAM-MD5 AAAA")
        client.log_in(anna.name, anna.password)


def test_second_auth_is_refused(shared, anna):
    with shared.login(anna) as client:
        client.error("AUTH PLAIN " + plain(anna.name, anna.password))


@pytest.mark.parametrize("command", ["STAT", "LIST", "UIDL", "RETR 1", "TOP 1 0", "DELE 1", "RSET",
                                     "NOOP", "LAST", "XTND", "PASS secret", "HELO there", ""])
def test_command_that_wants_a_login_first(shared, command):
    with shared.connect("clear") as client:
        client.error(command)
        client.ok("QUIT")
        assert client.ended()


@pytest.mark.parametrize("password", ["two words", " leading", "trailing ", "in  side", "pass:word",
                                      "gr\u00fc\u00df", "x" * 200])
def test_password_is_all_behind_one_space(make_server, password):
    server = make_server()
    # A colon ends the field in the file, so that this password is kept as a hash there.
    if ":" in password:
        salted = subprocess.run(["openssl", "passwd", "-6", password], check=True,
                                capture_output=True, text=True).stdout.strip()
        user = server.add_user("anna", password=salted, scheme="CRYPT")
    else:
        user = server.add_user("anna", password=password)
    server.start()
    with server.connect("clear") as client:
        client.ok("USER " + user.name)
        client.ok("PASS " + password)
    with server.connect("clear") as client:
        client.ok("USER " + user.name)
        client.error("PASS " + password + "x")


def test_empty_password_is_a_wrong_one(shared, anna):
    with shared.connect("clear") as client:
        for line in ("PASS", "PASS "):
            client.ok("USER " + anna.name)
            client.error(line)
        client.log_in(anna.name, anna.password)


def test_user_again_replaces_the_first(shared, anna):
    with shared.connect("clear") as client:
        client.ok("USER somebody")
        client.ok("USER " + anna.name)
        client.ok("PASS " + anna.password)


def test_unknown_user_and_wrong_password_get_the_same_words(shared, anna):
    replies = set()
    for name in (anna.name, "nobody-of-that-name"):
        with shared.connect("clear") as client:
            client.ok("USER " + name)
            replies.add(client.error("PASS wrong"))
    assert len(replies) == 1
    reply = replies.pop()
    assert reply.startswith("[AUTH] ")
    assert not re.search("lock|wait", reply, re.IGNORECASE)


def test_after_a_refusal_user_comes_again(shared, anna):
    with shared.connect("clear") as client:
        client.ok("USER " + anna.name)
        client.error("PASS wrong")
        client.error("PASS " + anna.password)
        client.log_in(anna.name, anna.password)


@pytest.mark.parametrize("mode", ["clear", "stls", "implicit"])
@pytest.mark.parametrize("way", [*WAYS, "APOP"])
def test_second_session_is_in_use(shared, anna, mode, way):
    with shared.login(anna) as first:
        with shared.connect(mode) as second:
            if mode == "stls":
                second.stls()
            reply = (second.command(apop(second, anna.name, anna.password)) if way == "APOP"
                     else WAYS[way](second, anna.name, anna.password))
            assert reply.startswith(b"-ERR [IN-USE] "), reply
        first.ok("STAT")
        first.ok("QUIT")
        assert first.ended()
    with shared.login(anna, mode) as third:
        assert third.ok("STAT") == "3 116"


def test_stls(shared, anna):
    with shared.connect("stls") as client:
        client.ok("USER somebody-else")
        client.stls()
        client.error("PASS whatever")  # the USER of before is forgotten
        client.error("STLS")
        client.log_in(anna.name, anna.password)
        assert client.ok("STAT") == "3 116"


def test_stls_where_it_is_not_offered(shared):
    for mode in ("clear", "implicit"):
        with shared.connect(mode) as client:
            client.error("STLS")


def test_stls_takes_no_argument(shared):
    with shared.connect("stls") as client:
        client.error("STLS now")
        client.stls()
        client.ok("QUIT")


def test_octets_behind_stls_are_thrown_away(shared, anna):
    with shared.connect("stls") as client:
        client.send(b"STLS\r\nUSER %s\r\n" % anna.name.encode())
        assert client.line().startswith(b"+OK ")
        client.wrap()
        client.error("PASS " + anna.password)


def test_passwords_in_clear_are_refused_by_default(make_server):
    server = make_server()
    anna = server.add_user("anna")
    del server.options["plaintext_logins"]
    server.start()
    with server.connect("stls") as client:
        announced = capabilities(client)
        assert "USER" not in announced and "PLAIN" not in announced.get("SASL", "")
        assert client.error("USER anna").startswith("[AUTH] ")
        assert client.error("AUTH PLAIN " + plain("anna", anna.password)).startswith("[AUTH] ")
        client.ok(apop(client, "anna", anna.password))
        client.ok("QUIT")  # gives the lock up, which a client that just goes does when it is noticed
    with server.connect("stls") as client:
        client.stls()
        assert "USER" in capabilities(client)
        client.log_in("anna", anna.password)


def test_last_and_apop_are_off_by_default(make_server):
    server = make_server()
    anna = server.add_user("anna")
    del server.options["apop"], server.options["last"]
    server.start()
    with server.connect("clear") as client:
        assert b"<" not in client.greeting
        client.error("APOP anna c4c9334bac560ecc979e58001b3e22fb")
        client.log_in("anna", anna.password)
        client.error("LAST")


def test_implementation_can_be_silenced_or_changed(make_server):
    server = make_server()
    server.options["implementation"] = ""
    server.start()
    with server.connect("clear") as client:
        assert "IMPLEMENTATION" not in capabilities(client)
    server.options["implementation"] = "a post office"
    server.write_configuration()
    assert server.control("reload").returncode == 0
    with server.connect("clear") as client:
        assert capabilities(client)["IMPLEMENTATION"] == "IMPLEMENTATION a post office"
