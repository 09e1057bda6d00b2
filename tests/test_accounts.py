"""restante login and restante setup: a provider of OAuth 2, a POP3 server and a name server that are the test's."""

import contextlib
import http.server
import json
import os
import socket
import ssl
import stat
import struct
import subprocess
import threading
import urllib.parse

import pytest

import restante

PROGRAM = restante.BUILD + "/src/fetch/restante"

# sysexits.h
OK, USAGE, NO_INPUT, UNAVAILABLE, CANNOT_CREATE, TRY_LATER, DENIED, CONFIGURATION = 0, 64, 66, 69, 73, 75, 77, 78


class Home:
    """Somebody's home directory, and the program run in it."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.config = self.directory + "/.config/restante/config"
        self.token = self.directory + "/.local/state/restante/mail.token"
        # Names that nobody knows are not asked for at length.
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.directory, "LC_ALL": "C.UTF-8",
                            "RES_OPTIONS": "timeout:1 attempts:1", "no_proxy": "*"}

    def write(self, name, text):
        path = "%s/.config/restante/%s" % (self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def read(self):
        with open(self.config) as file:
            return file.read()

    def run(self, *words, answers="", status=OK):
        """What it says on standard output, and on standard error."""
        done = subprocess.run([PROGRAM, *words], input=answers, capture_output=True, text=True, env=self.environment,
                              timeout=restante.PATIENCE_SECONDS)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout, done.stderr


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


# OAuth 2 ------------------------------------------------------------------------------------------------------------

CODE = {"device_code": "secret-code", "user_code": "WDJB-MJHT", "verification_uri": "https://example.org/device",
        "verification_uri_complete": "https://example.org/device?code=WDJB-MJHT", "interval": 1, "expires_in": 120}
PENDING = (400, {"error": "authorization_pending"})
GRANTED = (200, {"access_token": "access", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "refresh"})


class Provider:
    """An HTTP server that gives one answer after the other, and remembers what it was asked."""

    def __init__(self, answers):
        provider = self
        self.answers, self.asked = list(answers), []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.asked.append((self.path, dict(urllib.parse.parse_qsl(body, strict_parsing=True))))
                status, answer = provider.answers.pop(0)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", answer)
                    answer = ""
                text = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(text)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def provider():
    providers = []

    def make(*answers):
        providers.append(Provider(answers))
        return providers[-1]

    yield make
    for each in providers:
        each.close()


def oauth_account(home, port, **options):
    """Account "mail"; None leaves a key out."""
    keys = {"server": "pop.example.org", "user": "anna", "oauth": "test", "oauth_client_id": "the id",
            "oauth_device_url": "http://127.0.0.1:%d/device" % port,
            "oauth_token_url": "http://127.0.0.1:%d/token" % port, "oauth_scope": "mail offline",
            "oauth_plain_http": "yes", **options}
    home.write("config", "account mail {\n%s}\n" % "".join(
        '\t%s = "%s"\n' % item for item in keys.items() if item[1] is not None))


def test_login_shows_a_code_and_keeps_what_comes(home, provider):
    server = provider((200, CODE), PENDING, GRANTED)
    oauth_account(home, server.port, oauth_client_secret="a&b=c")
    said, problems = home.run("login", "mail")
    assert problems == ""
    for text in ("anna", "\thttps://example.org/device\n", "\tWDJB-MJHT\n", "\thttps://example.org/device?code=WDJB-MJHT\n",
                 "2 minutes", home.token):
        assert text in said, text
    assert "secret-code" not in said and "refresh" not in said.replace(home.token, "")
    ask = ("/token", {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "secret-code",
                      "client_id": "the id", "client_secret": "a&b=c"})
    assert server.asked == [
        ("/device", {"client_id": "the id", "client_secret": "a&b=c", "scope": "mail offline"}), ask, ask]
    with open(home.token) as file:
        kept = json.load(file)
    assert (kept["access_token"], kept["refresh_token"]) == ("access", "refresh")
    assert stat.S_IMODE(os.stat(home.token).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(home.token)).st_mode) == 0o700
    assert os.listdir(os.path.dirname(home.token)) == ["mail.token"]


def test_another_login_replaces_the_first(home, provider):
    server = provider((200, CODE), GRANTED, (200, CODE), (200, {**GRANTED[1], "refresh_token": "second"}))
    oauth_account(home, server.port)
    home.run("login", "mail")
    home.run("login", "mail")
    with open(home.token) as file:
        assert json.load(file)["refresh_token"] == "second"
    assert os.listdir(os.path.dirname(home.token)) == ["mail.token"]


@pytest.mark.parametrize("answers, status, text", [
    ([(200, CODE), (400, {"error": "access_denied"})], DENIED, "account mail: test: somebody said no in the browser"),
    ([(200, CODE), (400, {"error": "expired_token"})], DENIED, "the code was good for so long only"),
    ([(401, {"error": "invalid_client", "error_description": "who is that?"})], CONFIGURATION,
     "oauth_client_id or oauth_client_secret is not known there (who is that?)"),
    ([(200, {**CODE, "user_code": "\x1b]0;evil\x07"})], CONFIGURATION, "no code to log in with"),
    ([(404, "<html>nothing here")], TRY_LATER, "answers 404 and no JSON"),
    ([(200, "x" * 100000)], TRY_LATER, "answers with more than 65535 octets"),
])
def test_login_that_fails_says_why_and_keeps_nothing(home, provider, answers, status, text):
    server = provider(*answers)
    oauth_account(home, server.port)
    problems = home.run("login", "mail", status=status)[1]
    assert text in problems and "\x1b" not in problems
    assert not os.path.exists(home.token) and server.answers == []


def test_tokens_go_by_https_alone(home, provider):
    server = provider(GRANTED)
    for options in ({"oauth_plain_http": "no"}, {"oauth_device_url": "http://localhost:%d/device" % server.port},
                    {"oauth_device_url": "http://127.0.0.1.example.org:%d/device" % server.port},
                    {"oauth_device_url": "http://127.0.0.1@example.org:%d/device" % server.port}):
        oauth_account(home, server.port, **options)
        assert "is not protected" in home.run("login", "mail", status=CONFIGURATION)[1]
    oauth_account(home, server.port, oauth_device_url="ftp://127.0.0.1:%d/device" % server.port)
    assert "does not begin with https://" in home.run("login", "mail", status=CONFIGURATION)[1]
    # This one does not speak TLS.
    oauth_account(home, server.port, oauth_device_url="https://127.0.0.1:%d/device" % server.port)
    home.run("login", "mail", status=TRY_LATER)
    assert server.asked == []


def test_a_redirect_is_not_followed(home, provider):
    other = provider((200, CODE))
    server = provider((302, "http://127.0.0.1:%d/device" % other.port))
    oauth_account(home, server.port)
    assert "answers 302" in home.run("login", "mail", status=TRY_LATER)[1]
    assert len(server.asked) == 1 and other.asked == []


def test_a_refresh_token_of_another_program(home, provider):
    server = provider((200, {"access_token": "access", "expires_in": 3600}), (400, {"error": "invalid_grant"}))
    oauth_account(home, server.port, oauth_device_url=None)
    said = home.run("login", "mail", "--refresh-token", answers="from elsewhere\n")[0]
    assert home.token in said and "from elsewhere" not in said
    assert server.asked == [("/token", {"grant_type": "refresh_token", "refresh_token": "from elsewhere",
                                        "client_id": "the id"})]
    with open(home.token) as file:
        assert json.load(file)["refresh_token"] == "from elsewhere"
    # One that is not taken does not replace it.
    assert "no longer counts" in home.run("login", "mail", "--refresh-token", answers="bad\n", status=DENIED)[1]
    with open(home.token) as file:
        assert json.load(file)["refresh_token"] == "from elsewhere"


def test_login_of_accounts_that_have_none(home):
    home.write("config", "account mail {\nserver = h\nuser = u\n}\naccount new {\nserver = h\nuser = u\noauth = nobody\n}\n"
               "account known {\nserver = h\nuser = u\noauth = mine\n}\n")
    home.write("providers.conf", 'provider mine {\ntoken_url = "https://127.0.0.1:1/"\nnote = "Read this first."\n}\n')
    assert "has no oauth" in home.run("login", "mail", status=CONFIGURATION)[1]
    assert "no provider of OAuth 2 is called `nobody`" in home.run("login", "new", status=CONFIGURATION)[1]
    assert "set oauth_client_id" in home.run("login", "known", status=CONFIGURATION)[1]
    assert "there is no account `other`" in home.run("login", "other", status=USAGE)[1]
    home.run("login", status=USAGE)
    home.write("config", "account known {\nserver = h\nuser = u\noauth = mine\noauth_client_id = i\n}\n")
    said, problems = home.run("login", "known", status=CONFIGURATION)
    assert said == "Read this first.\n\n" and "mine has no device login" in problems


# Setup --------------------------------------------------------------------------------------------------------------

def packed(name):
    return b"".join(struct.pack("B", len(part)) + part.encode() for part in name.split(".") if part) + b"\0"


class NameServer:
    """records: name of a service -> [(priority, weight, port, target)]; all else does not exist."""

    def __init__(self, records):
        self.records, self.asked = records, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def answer(self, query):
        name, at = [], 12
        while query[at]:
            name.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        self.asked.append(".".join(name))
        found = self.records.get(self.asked[-1], [])
        head = query[:2] + struct.pack(">HHHHH", 0x8180 if found else 0x8183, 1, len(found), 0, 0)
        answers = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", 33, 1, 60, 6 + len(packed(target))) +
            struct.pack(">HHH", priority, weight, port) + packed(target) for priority, weight, port, target in found)
        return head + query[12:at + 5] + answers

    def serve(self):
        while True:
            query, sender = self.socket.recvfrom(4096)
            if not query:
                return
            self.socket.sendto(self.answer(query), sender)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


class PopServer:
    """Greets, tells its capabilities, and takes STLS where it has a certificate and tls is not implicit."""

    def __init__(self, pair, implicit, capabilities):
        self.implicit, self.capabilities, self.said = implicit, capabilities, []
        self.context = None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*pair)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_over = False
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            if self.is_over:
                client.close()
                return
            # A client that does not like the certificate goes away.
            with contextlib.suppress(OSError), client:
                client.settimeout(restante.PATIENCE_SECONDS)
                self.talk(self.context.wrap_socket(client, server_side=True) if self.implicit else client)

    def talk(self, client):
        client.sendall(b"+OK hello\r\n")
        is_protected = self.implicit
        while True:
            line = b""
            while not line.endswith(b"\r\n"):
                octet = client.recv(1)
                if not octet:
                    return
                line += octet
            self.said.append(line.decode().strip())
            if self.said[-1] == "CAPA":
                extra = [] if is_protected or not self.context else ["STLS"]
                client.sendall("".join(
                    word + "\r\n" for word in ["+OK", *extra, *self.capabilities, "."]).encode())
            elif self.said[-1] == "STLS" and self.context and not is_protected:
                client.sendall(b"+OK\r\n")
                client, is_protected = self.context.wrap_socket(client, server_side=True), True
            elif self.said[-1] == "QUIT":
                client.sendall(b"+OK\r\n")
                return
            else:
                client.sendall(b"-ERR\r\n")

    def close(self):
        self.is_over = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()


PASSWORDS = ["USER", "SASL SCRAM-SHA-256 PLAIN", "IMPLEMENTATION Test server"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return restante.make_certificate(str(tmp_path_factory.mktemp("certificate")))


@pytest.fixture
def surroundings(home, pair):
    """pop(implicit, capabilities) and names(records): servers that the program finds, trusting the certificate."""
    home.environment["SSL_CERT_FILE"] = pair[0]
    servers = []

    class Surroundings:
        @staticmethod
        def pop(implicit=True, capabilities=PASSWORDS, has_tls=True):
            servers.append(PopServer(pair if has_tls else None, implicit, capabilities))
            return servers[-1]

        @staticmethod
        def names(records):
            servers.append(NameServer(records))
            home.environment["RESTANTE_TEST_NAMESERVER"] = servers[-1].address
            return servers[-1]

    yield Surroundings
    for server in servers:
        server.close()


def test_setup_finds_the_server_that_dns_names(home, surroundings):
    good, other = surroundings.pop(), surroundings.pop()
    names = surroundings.names({"_pop3s._tcp.localhost": [(20, 0, other.port, "localhost"), (10, 0, good.port, "localhost")]})
    said, told = home.run("setup", "anna@localhost",
                          answers="\npass show \"${X}\" 'mail'\nmbox:/srv/anna\n30 days\nmail\n")
    assert said == "" and names.asked[:2] == ["_pop3s._tcp.localhost", "_pop3._tcp.localhost"]
    for text in ("good.", "TLSv1.3", "its certificate is good", "Test server", "SCRAM-SHA-256 PLAIN USER", home.config,
                 "restante check mail"):
        assert text in told, text
    assert other.said == [] and good.said[:1] == ["CAPA"]
    assert home.read() == """account "mail" {
	server = localhost:%d
	user = anna@localhost
	password_command = 'pass show "${X}" \\'mail\\''
	deliver_to = mbox:/srv/anna
	keep = '30 days'
}
""" % good.port
    assert stat.S_IMODE(os.stat(home.config).st_mode) == 0o600
    assert os.listdir(os.path.dirname(home.config)) == ["config"]


def test_setup_asks_for_the_address_and_takes_the_usual_answers(home, surroundings):
    server = surroundings.pop()
    surroundings.names({"_pop3s._tcp.localhost": [(0, 0, server.port, "localhost")]})
    told = home.run("setup", answers="anna@localhost\n" + 5 * "\n")[1]
    assert "Mail address:" in told and "User name at the server [anna@localhost]:" in told
    assert home.read() == """account "anna@localhost" {
	server = localhost:%d
	user = anna@localhost
	deliver_to = maildir:~/Maildir
	keep = all
}
""" % server.port


def test_setup_upgrades_by_stls_or_goes_elsewhere(home, surroundings):
    """A server without STLS never sees a password, and never gets into the configuration."""
    bare, good = surroundings.pop(implicit=False, has_tls=False), surroundings.pop(implicit=False)
    surroundings.names({"_pop3._tcp.localhost": [(0, 0, bare.port, "localhost"), (1, 0, good.port, "localhost")]})
    told = home.run("setup", "anna@localhost", answers=5 * "\n")[1]
    assert "port %d, with STLS... good." % good.port in told and "port %d, with STLS... good." % bare.port not in told
    assert "CAPA" in bare.said and not [line for line in bare.said if line not in ("CAPA", "STLS", "QUIT")]
    assert "\tserver = localhost:%d\n\tsecurity = stls\n" % good.port in home.read()


def test_setup_without_a_server_writes_nothing(home, surroundings):
    bare = surroundings.pop(implicit=False, has_tls=False)
    surroundings.names({})
    home.environment.update(RESTANTE_TEST_POP3S_PORT="1", RESTANTE_TEST_POP3_PORT=str(bare.port))
    told = home.run("setup", "anna@localhost", answers=9 * "\n", status=UNAVAILABLE)[1]
    for name in ("pop.localhost", "pop3.localhost", "mail.localhost", " localhost"):
        assert "Trying %s, port 1, with TLS..." % name.strip() in told
    assert "give it with --server" in told and not os.path.exists(home.config)


def test_setup_tries_the_usual_names(home, surroundings):
    server = surroundings.pop()
    surroundings.names({"_pop3s._tcp.localhost": [(0, 0, 1, "")]})
    home.environment.update(RESTANTE_TEST_POP3S_PORT=str(server.port), RESTANTE_TEST_POP3_PORT="1")
    told = home.run("setup", "anna@localhost", answers=5 * "\n")[1]
    assert "says that it has no POP3" in told
    assert "server = localhost:%d\n" % server.port in home.read()


@pytest.mark.parametrize("domain, answer, is_used", [
    ("example.invalid", "y", True), ("example.invalid", "n", False), ("example.invalid", "", False),
    ("example.invalid", "of course", False), ("host", "n", False)])
def test_setup_asks_before_it_follows_dns_to_another_domain(home, surroundings, domain, answer, is_used):
    """localhost is not below host, whatever it ends with."""
    server = surroundings.pop()
    surroundings.names({"_pop3s._tcp." + domain: [(0, 0, server.port, "localhost")],
                        "_pop3._tcp." + domain: [(0, 0, server.port, "localhost"), (1, 0, 1, "localhost")]})
    home.environment.update(RESTANTE_TEST_POP3S_PORT="1", RESTANTE_TEST_POP3_PORT="1")
    said = home.run("setup", "anna@" + domain, answers=answer + 6 * "\n", status=OK if is_used else UNAVAILABLE)[1]
    assert said.count("says that its mail is at localhost, in another domain") == 1
    assert (server.said != []) == os.path.exists(home.config) == is_used


def test_setup_trusts_a_key_only_when_told(home, surroundings):
    server = surroundings.pop()
    surroundings.names({"_pop3s._tcp.localhost": [(0, 0, server.port, "localhost")]})
    del home.environment["SSL_CERT_FILE"]
    home.environment.update(RESTANTE_TEST_POP3S_PORT="1", RESTANTE_TEST_POP3_PORT="1")
    home.run("setup", "anna@localhost", answers="n\n", status=UNAVAILABLE)
    assert not os.path.exists(home.config)
    told = home.run("setup", "anna@localhost", answers="y\n" + 5 * "\n")[1]
    assert "its key is the one you trust" in told
    pin = home.read().split("\tpin = ", 1)[1].split("\n")[0]
    assert len(pin) == 64 and pin in told


def test_setup_with_a_server_that_wants_oauth(home, surroundings):
    server = surroundings.pop(capabilities=["SASL XOAUTH2"])
    surroundings.names({})
    # Nobody is known for this domain.
    told = home.run("setup", "--dry-run", "--server", "localhost:%d" % server.port, "anna@localhost", answers=5 * "\n")[1]
    assert "tokens of OAuth 2 alone, and its provider is not known" in told
    home.write("providers.conf", 'provider mine {\ndevice_url = "https://d"\ntoken_url = "https://t"\n'
               'domains = localhost\nserver = localhost\nnote = "Ask the office."\n}\n')
    home.environment.update(RESTANTE_TEST_POP3S_PORT=str(server.port))
    told = home.run("setup", "anna@localhost", answers="\nthe-id\n\n\nmail\n")[1]
    assert "Ask the office." in told and "\trestante login mail\n" in told
    assert "\toauth = mine\n\toauth_client_id = the-id\n" in home.read()


def test_setup_leaves_passwords_to_those_who_want_them(home, surroundings):
    server = surroundings.pop(capabilities=["SASL PLAIN XOAUTH2"])
    surroundings.names({})
    home.write("providers.conf", 'provider mine {\ndevice_url = "https://d"\ntoken_url = "https://t"\n'
               'domains = localhost\nserver = localhost\n}\n')
    home.environment.update(RESTANTE_TEST_POP3S_PORT=str(server.port))
    home.run("setup", "anna@localhost", answers="\nn\npass it\n\n\nmail\n")
    assert "password_command = 'pass it'" in home.read() and "oauth" not in home.read()


def test_setup_adds_to_a_file_and_never_changes_what_is_there(home, surroundings):
    server = surroundings.pop()
    home.write("config", "# mine\nparallel = 2")
    where = ["--server", "localhost:%d" % server.port, "anna@localhost"]
    home.run("setup", *where, answers=5 * "\n")
    first = home.read()
    assert first.startswith('# mine\nparallel = 2\n\naccount "anna@localhost" {\n')
    # The name is taken.
    told = home.run("setup", *where, answers=5 * "\n", status=CANNOT_CREATE)[1]
    assert "title `anna@localhost` already" in told and home.read() == first
    home.run("setup", *where, answers="\n\nnowhere:\n\n\n", status=CANNOT_CREATE)
    assert home.read() == first
    home.run("setup", *where, answers="\n\n\n\nsecond\n")
    assert home.read().startswith(first) and '\n\naccount "second" {\n' in home.read()
    assert os.listdir(os.path.dirname(home.config)) == ["config"]


def test_setup_that_is_tried_only_prints_the_section(home, surroundings):
    server = surroundings.pop()
    said = home.run("setup", "--dry-run", "--server", "localhost:%d" % server.port, "anna@localhost", answers=5 * "\n")[0]
    assert said.startswith('account "anna@localhost" {\n') and said.endswith("}\n")
    assert not os.path.exists(home.directory + "/.config")


def test_setup_without_answers(home, surroundings):
    server = surroundings.pop()
    where = ["--server", "localhost:%d" % server.port]
    for answers in ("", "anna@localhost\n", "anna@localhost\n\n\n\n\n"):
        assert "nobody to answer; nothing was written" in home.run("setup", *where, answers=answers, status=NO_INPUT)[1]
    assert "is no mail address" in home.run("setup", "anna", status=USAGE)[1]
    home.run("setup", "--server", status=USAGE)
    assert "is no host" in home.run("setup", "--server", "h:x", "anna@localhost", status=USAGE)[1]
    assert not os.path.exists(home.directory + "/.config")
