"""The programs by hand: help, versions, restanted -t, a maildrop without a server."""

import os
import re
import subprocess

import pytest

import restante
from restante import PATIENCE_SECONDS, PROGRAMS


def run(*command, **more):
    return subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS,
                          env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"), **more)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version(programs, program):
    told = run("%s/%s" % (programs, program), "--help")
    assert told.returncode == 0 and b"usage" in told.stdout.lower() and not told.stderr
    assert not re.search(rb"[ \t]$", told.stdout, re.MULTILINE)
    told = run("%s/%s" % (programs, program), "--version")
    assert told.returncode == 0 and re.fullmatch(rb"%s \d+\.\d+\.\d+\n" % program.encode(), told.stdout)
    told = run("%s/%s" % (programs, program), "--nonsense", stdin=subprocess.DEVNULL)
    assert told.returncode == 64 and told.stderr


@pytest.mark.parametrize("program", ["restante-login", "restante-auth", "restante-lmtp"])
def test_program_that_only_restanted_can_start_says_so(programs, program):
    told = run("%s/%s" % (programs, program), stdin=subprocess.DEVNULL)
    assert told.returncode not in (0, -6, -11) and told.stderr


# restanted -t: the end of the file, and what must be said about it.
WRONG = {
    "hostnam = x\n": ["unknown key `hostnam`", "did you mean `hostname`?"],
    "idle_timeout_seconds = 60\n": ["idle_timeout_seconds", "600"],
    "idle_timeout_seconds = soon\n": ["idle_timeout_seconds", "number"],
    "apop = perhaps\n": ["apop", "yes", "no"],
    "plaintext_logins = sometimes\n": ["plaintext_logins", "never", "loopback", "always"],
    "mail_place = /var/mail\n": ["mail_place", "maildir:"],
    'mail_place = "maildir:/srv/%x"\n': ["mail_place", "%d"],
    'mail_place = "maildirs:/srv/%u"\n': ["maildirs", "maildir:", "mbox:"],
    'mail_place = "maildir:/srv/../%u"\n': ["/srv/../%u", ".."],
    "hostname = mail..org\n": ["hostname", "mail.example.org"],
    "users_file = users\n": ["users_file", "/"],
    "sasl_mechanisms = \"PLAIN NTLM\"\n": ["NTLM", "PLAIN"],
    "greeting = \"<hello>\"\n": ["greeting"],
    "hostname = \"not a host\"\n": ["hostname"],
    "first_uid = 70000\n": ["first_uid", "last_uid"],
    "listener x { address = localhost }\n": ["localhost", "numeric"],
    "listener x { port = 70000 }\n": ["port", "65535"],
    "listener x { tls = maybe }\n": ["tls", "stls", "implicit", "none"],
    "listener x { protocl = pop3 }\n": ["protocl", "protocol"],
    "listener x {\n": ["restanted.conf"],
    "certificate x { chain = \"/nonexistent.pem\" key = \"/nonexistent.key\" }\n": ["/nonexistent.pem"],
    "port = 110\n": ["port", "listener"],
    "last = yes\nlast = no\n": ["last"],
    "\0\n": [],
    "hostname = \"unended\n": [],
    "include(\"/etc/passwd\")\n": [],
}


@pytest.mark.parametrize("text", WRONG)
def test_check_says_what_is_wrong_and_where(server, text):
    server.write_users()
    for key in re.findall(r"^(\w+) = ", text, re.MULTILINE):
        server.options.pop(key, None)
    good = server.configuration()
    server.write_configuration(good + text)
    told = run(*server.as_wanted([server.programs + "/restanted", "-t", "-c", server.configuration_file,
                                  "--programs", server.programs]), text=True)
    assert told.returncode == 78, (told.stdout, told.stderr)
    said = told.stdout + told.stderr
    for words in WRONG[text]:
        assert words in said, said
    if "nonexistent" not in text and "first_uid" not in text:
        line = good.count("\n") + 1
        assert re.search(r"restanted\.conf(:(%d|%d|%d)|\b.*: .*)" % (line, line + 1, line + 2), said), said


def test_every_kind_of_store_can_be_configured(server):
    """The table of stores and the words that the configuration accepts are in rooms apart."""
    with open(restante.TOP + "/src/store/store.c") as file:
        stores = re.findall(r"^\t&(\w+)_ops,$", file.read(), re.MULTILINE)
    server.write_users()
    assert len(stores) >= 2
    for store in stores:
        with open("%s/src/store/%s.c" % (restante.TOP, store)) as file:
            kind = re.search(r'\.scheme = "(\w+)"', file.read())[1]
        server.options["mail_place"] = kind + ":/srv/mail/%u"
        server.write_configuration()
        told = check(server)
        assert told.returncode == 0, told.stderr
    server.options["mail_place"] = "none:/srv/mail/%u"
    server.write_configuration()
    said = check(server).stderr
    assert all(store + ":" in said for store in stores), said


@pytest.mark.parametrize("lines,said", [
    (None, "there is no file"),
    ("anna:{PLAIN}x:5000:5000::::\n", "users:1: anna has no home"),
    ("anna:{NONE}x:5000:5000::/home/anna::\n", "users:1: "),
])
def test_check_of_the_users_file(server, lines, said):
    if lines:
        server.write_users(lines)
    server.write_configuration()
    told = check(server)
    assert told.returncode == 65 and said in told.stderr, told
    assert "restanted.conf: good" in told.stdout


def test_check_of_a_users_file_that_auth_cannot_read(server):
    if not server.is_root:
        pytest.skip("without root there is one uid only")
    server.write_users()
    server.write_configuration()
    os.chown(server.options["users_file"], 0, 0)
    told = check(server)
    assert told.returncode == 65 and "nobody can log in" in told.stderr, told
    server.options["auth_user"] = "no-such-user"
    server.write_configuration()
    told = check(server)
    assert told.returncode == 78 and "systemd-sysusers" in told.stderr, told


def test_one_maildrop_for_all_is_warned_of(server):
    server.write_users()
    server.options["mail_place"] = "maildir:/srv/mail"
    server.write_configuration()
    told = check(server)
    assert told.returncode == 0 and "restanted.conf:2: warning: mail_place" in told.stderr, told


@pytest.mark.parametrize("problem, hint, doubt", [
    ("/nowhere/lmtp", "run_directory alone is made", "warning: listener `lmtp-socket`: "),
    ("/closed/lmtp", "able to write in its directory", None),
    ("/closed", "is there and no socket", None),
])
def test_socket_that_cannot_be_made(make_server, problem, hint, doubt):
    # Root could write anywhere, unless it is systemd's with our unit.
    server = make_server(as_uid=restante.PLAIN_UID if os.getuid() == 0 else None).speak_lmtp()
    os.mkdir(server.directory + "/closed", 0o555)
    server.lmtp_socket = server.directory + problem
    server.write_users()
    server.write_configuration()
    told = check(server)
    assert told.returncode == 0, told.stderr
    assert (server.directory + "/nowhere: No such file" in told.stderr) == bool(doubt)
    assert doubt is None or doubt in told.stderr
    server.launch()
    assert server.process.wait(restante.PATIENCE_SECONDS) == 69
    server.process = None
    with open(server.directory + "/log") as file:
        said = file.read()
    assert server.lmtp_socket in said and hint in said


def test_group_of_a_socket_that_is_none(server):
    server.speak_lmtp()
    server.write_users()
    server.write_configuration(server.configuration().replace("mode = 0666", "group = postfox"))
    told = check(server)
    assert told.returncode == 78
    assert "listener `lmtp-socket`: group = `postfox`: there is no such group; name one of" in told.stderr


def check(server):
    return run(*server.as_wanted([server.programs + "/restanted", "-t", "-c", server.configuration_file,
                                  "--programs", server.programs]), text=True)


def test_check_of_a_good_file_starts_nothing(server):
    server.write_users()
    server.write_configuration()
    told = check(server)
    assert told.returncode == 0, told.stderr
    assert not os.path.exists(server.directory + "/run/control")


def test_check_of_certificates(server, workshop):
    server.write_users()
    (ec_chain, ec_key), (rsa_chain, rsa_key) = server.certificates
    for pair in ((ec_chain, rsa_key), (rsa_chain, ec_key), (server.configuration_file, ec_key)):
        server.certificates = [pair]
        server.write_configuration()
        told = check(server)
        assert told.returncode == 78
        assert pair[0] in told.stdout + told.stderr, (told.stdout, told.stderr)


def test_file_that_is_not_there(programs):
    told = run(programs + "/restanted", "-c", "/nonexistent/restanted.conf", "--programs", programs,
               text=True)
    assert told.returncode != 0 and "/nonexistent/restanted.conf" in told.stderr + told.stdout


def test_minimal_configuration_is_short(server):
    server.write_users()
    chain, key = server.certificates[0]
    minimal = 'users_file = "%s"\ncertificate c { chain = "%s" key = "%s" }\n' % (
        server.options["users_file"], chain, key)
    if server.is_root:
        minimal += 'login_user = "20001"\nauth_user = "20002"\n'
    server.write_configuration(minimal)
    assert minimal.count("\n") < 10
    told = check(server)
    assert told.returncode == 0, told.stderr + told.stdout


@pytest.fixture
def by_hand(server):
    """talk(input): what restante-maildrop answers on its standard output."""
    anna = server.users["anna"]
    anna.deliver(b"Subject: x\n\n.text\n")

    def talk(octets, maildir=anna.maildir):
        return run(server.programs + "/restante-maildrop", "maildir:" + maildir, input=octets)

    talk.anna = anna
    return talk


def test_maildrop_by_hand(by_hand):
    told = by_hand(b"STAT\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
    assert told.returncode == 0, told.stderr
    replies = told.stdout.split(b"\r\n")
    assert b"+OK 1 21" in replies and b"..text" in replies
    assert not by_hand.anna.stored()


def test_maildrop_by_hand_without_quit(by_hand):
    by_hand(b"DELE 1\r\n")
    assert len(by_hand.anna.stored()) == 1


def test_maildrop_by_hand_with_its_index_elsewhere(server):
    anna, elsewhere = server.users["anna"], server.directory + "/elsewhere"
    anna.deliver(b"Subject: x\n\n.text\n")
    os.mkdir(elsewhere, 0o700)
    told = run(server.programs + "/restante-maildrop", "--index", elsewhere, "maildir:" + anna.maildir,
               input=b"STAT\r\nQUIT\r\n")
    assert told.returncode == 0 and b"+OK 1 21" in told.stdout
    assert [len(name) for name in os.listdir(elsewhere)] == [64]
    assert "restante-index" not in os.listdir(anna.maildir)


def test_maildrop_by_hand_of_a_place_that_is_none(server):
    for place in ("nowhere:/tmp/x", "nonsense", "", "maildir:"):
        told = run(server.programs + "/restante-maildrop", place, input=b"QUIT\r\n")
        assert told.returncode != 0 and b"+OK" not in told.stdout


def test_lock_holds_between_processes(server):
    anna = server.users["anna"]
    anna.deliver(b"Subject: x\n\n")
    server.start()
    command = [server.programs + "/restante-maildrop", "maildir:" + anna.maildir]
    with server.login(anna) as client:
        told = run(*command, input=b"STAT\r\nQUIT\r\n")
        assert told.stdout.startswith(b"-ERR [IN-USE] "), (told.stdout, told.stderr)
        client.ok("QUIT")
        assert client.ended()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"+OK ")
        with server.connect("clear") as client:
            client.ok("USER anna")
            assert client.error("PASS " + anna.password).startswith("[IN-USE] ")
        process.kill()
    # The kernel frees what its holder, killed, could not.
    server.login(anna).close()
