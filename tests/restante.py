"""A real restanted for a test, and a POP3 client of a few lines to talk to it.

Each server has a directory, a configuration, ports and users of its own. When root runs the tests
its processes run as numbers that belong to nobody; see LOGIN_UID and its neighbours.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("RESTANTE_BUILD", TOP + "/build-check")
PROGRAMS = {"restanted": "parent", "restante-login": "login", "restante-auth": "auth",
            "restante-maildrop": "maildrop", "restante-lmtp": "lmtp", "restantectl": "ctl",
            "restante-deliver": "deliver", "restante": "fetch"}

# Whom root's server runs as. Two mail owners, so that one can be kept from the other's mail.
MAIL_UID, LOGIN_UID, AUTH_UID, OTHER_MAIL_UID, PLAIN_UID, LMTP_UID = 20000, 20001, 20002, 20004, 20003, 20005

# How long to wait for something that must happen. No test depends on how fast it does.
PATIENCE_SECONDS = 60

# What a sanitizer writes when it has found something.
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error:)")

# What the server itself keeps in a Maildir.
OWN_FILES = {"restante-index", "restante-index.tmp", "restante-uidls"}

PASSWORD = "correct horse"


def wait_until(happened, what):
    """Returns happened() as soon as it is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        result = happened()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError("waited in vain for " + what)


# Not from the range in which the kernel gives ports to clients: one of those could have it by the time
# the server wants it. Each worker of the tests has a part of its own, and begins somewhere in it.
PORTS_FIRST, PORTS_PER_WORKER, WORKERS_MAX = 12000, 2500, 8
port_count = random.randrange(PORTS_PER_WORKER)


def free_ports(count):
    global port_count
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % WORKERS_MAX
    ports = []
    while len(ports) < count:
        port_count += 1
        port = PORTS_FIRST + worker * PORTS_PER_WORKER + port_count % PORTS_PER_WORKER
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                ports.append(port)
            except OSError:
                pass
    return ports


def wire_form(stored):
    """A message as it is on the wire, without dot-stuffing: every line ends with CRLF."""
    text = stored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return text if text.endswith(b"\r\n") else text + b"\r\n"


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(child) for child in file.read().split()]


def program_of(pid):
    """The program's name, or None if there is no such process."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return os.path.basename(file.read().split(b"\0")[0].decode())
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_running(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def memory_kib(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


class Event:
    """One line of the log."""

    LINE = re.compile(r"(?:<\d>)?([\w-]+)\[(\d+)\]: (\S+)(.*)")
    FIELD = re.compile(r' (\w+)=("(?:[^"\\]|\\.)*"|\S*)')

    def __init__(self, match):
        self.program, self.pid, self.name = match[1], int(match[2]), match[3]
        self.fields = {key: value.strip('"') for key, value in self.FIELD.findall(match[4])}

    @classmethod
    def parse(cls, text):
        return [cls(match) for match in map(cls.LINE.fullmatch, text.splitlines()) if match]

    def matches(self, name, fields):
        return self.name == name and all(
            self.fields.get(key) == str(value) for key, value in fields.items())


class User:
    """A user of the server and the Maildir that is theirs."""

    def __init__(self, name, home, uid, password=PASSWORD, scheme="PLAIN"):
        self.name, self.home, self.uid = name, home, uid
        self.password, self.scheme = password, scheme
        self.maildir = home + "/Maildir"
        self.counter = 0

    def line(self):
        return "%s:{%s}%s:%d:%d::%s::\n" % (
            self.name, self.scheme, self.password, self.uid, self.uid, self.home)

    def make_home(self):
        for path in [self.home, self.maildir] + [
                self.maildir + "/" + part for part in ("tmp", "new", "cur")]:
            os.makedirs(path, mode=0o700, exist_ok=True)
        self.give_away()

    def give_away(self):
        """What root has put there becomes the user's."""
        if os.getuid() == 0:
            for directory, _, names in os.walk(self.home):
                for path in [directory] + [os.path.join(directory, name) for name in names]:
                    os.chown(path, self.uid, self.uid)

    def deliver(self, text, folder="new", name=None, flags=""):
        """Puts a message there as another program would; the unique part of its name."""
        self.counter += 1
        name = name or "17000%05d.M%dP1.test" % (self.counter, self.counter)
        path = "%s/%s/%s%s" % (self.maildir, folder, name, ":2," + flags if folder == "cur" else "")
        with open(path, "wb") as file:
            file.write(text)
        if os.getuid() == 0:
            os.chown(path, self.uid, self.uid)
        return name

    def stored(self):
        """The messages that lie there: unique part of the name -> text."""
        found = {}
        for path, text in self.files().items():
            folder, _, name = path.partition("/")
            if folder in ("new", "cur") and "/" not in name and not name.startswith("."):
                found[name.split(":")[0]] = text
        return found

    def files(self):
        """Every file of the Maildir, with its text, that is not the server's own."""
        found = {}
        for directory, _, names in os.walk(self.maildir):
            for name in set(names) - OWN_FILES:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.maildir)] = file.read()
        return found


def make_certificate(directory, name="localhost", algorithm="ec"):
    """A self-signed certificate; (chain, key)."""
    key_options = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
                   "rsa": ["-newkey", "rsa:2048"]}[algorithm]
    chain, key = ("%s/%s-%s-%s.pem" % (directory, name, algorithm, part)
                  for part in ("chain", "key"))
    subprocess.run(
        ["openssl", "req", "-x509", *key_options, "-nodes", "-days", "30", "-subj", "/CN=" + name,
         "-addext", "subjectAltName=DNS:%s,IP:127.0.0.1" % name, "-keyout", key, "-out", chain],
        check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(key, 0o600)
    return chain, key


class Server:
    """restanted with listeners for STLS (port), implicit TLS (tls_port) and no TLS (clear_port)."""

    def __init__(self, directory, programs, certificates, as_uid=None):
        self.directory, self.programs, self.certificates = directory, programs, certificates
        self.as_uid = os.getuid() if as_uid is None else as_uid
        self.is_root = self.as_uid == 0
        self.port, self.tls_port, self.clear_port = free_ports(3)
        self.users = {}
        self.lmtp_socket = None  # a path: LMTP is spoken there, and on lmtp_port
        self.lmtp_port = None
        self.process = None
        self.environment = {}
        self.wrap_command = [], ()  # what starts it, and the descriptors that come along
        self.expected_deaths = False
        self.options = {
            "users_file": directory + "/users",
            "mail_place": "maildir:%h/Maildir",
            "run_directory": directory + "/run",
            "hostname": "mail.example.org",
            "plaintext_logins": "loopback",
            "apop": "yes",
            "last": "yes",
            "log_level": "debug",
            "login_processes": 2,
            "bad_command_delay_milliseconds": 1,
            "auth_failure_delay_milliseconds": 1,
        }
        if self.is_root:
            self.options.update(login_user=LOGIN_UID, auth_user=AUTH_UID, lmtp_user=LMTP_UID)
        else:
            self.options.update(first_uid=self.as_uid, last_uid=self.as_uid)
        self.listeners = [("stls", self.port, "stls"), ("implicit", self.tls_port, "implicit"),
                          ("clear", self.clear_port, "none")]
        os.mkdir(directory + "/run", 0o700)
        os.mkdir(directory + "/home", 0o711)
        self.give(directory + "/run", self.as_uid)
        self.give(directory + "/home", self.as_uid)

    @staticmethod
    def give(path, uid):
        if os.getuid() == 0:
            os.chown(path, uid, uid)

    def add_user(self, name, uid=None, **more):
        if uid is None:
            uid = MAIL_UID if self.is_root else self.as_uid
        user = User(name, "%s/home/%s" % (self.directory, name), uid, **more)
        user.make_home()
        self.users[name] = user
        return user

    def write_users(self, lines=None):
        path = self.options["users_file"]
        with open(os.open(path + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(lines if lines is not None else
                       "".join(user.line() for user in self.users.values()))
        self.give(path + ".new", AUTH_UID if self.is_root else self.as_uid)
        os.rename(path + ".new", path)

    def configuration(self):
        return "".join(
            ['%s = "%s"\n' % option for option in self.options.items()] +
            ['listener %s {\n\taddress = "127.0.0.1"\n\tport = %d\n\ttls = %s\n}\n' % listener
             for listener in self.listeners] +
            ['certificate c%d {\n\tchain = "%s"\n\tkey = "%s"\n}\n' % (number, chain, key)
             for number, (chain, key) in enumerate(self.certificates)] +
            self.lmtp_listeners())

    def lmtp_listeners(self):
        if self.lmtp_socket is None:
            return []
        return ['listener lmtp-socket {\n\tprotocol = lmtp\n\taddress = "%s"\n\tmode = 0666\n}\n'
                % self.lmtp_socket,
                'listener lmtp-port {\n\tprotocol = lmtp\n\tport = %d\n}\n' % self.lmtp_port]

    def speak_lmtp(self):
        """From its next start or reload on."""
        self.lmtp_socket, self.lmtp_port = self.directory + "/lmtp", free_ports(1)[0]
        self.options["lmtp_spool_directory"] = self.directory + "/spool"
        return self

    def lmtp(self, tcp=False):
        return LmtpClient(("127.0.0.1", self.lmtp_port) if tcp else self.lmtp_socket)

    @property
    def configuration_file(self):
        return self.directory + "/restanted.conf"

    def write_configuration(self, text=None):
        with open(self.configuration_file, "w") as file:
            file.write(self.configuration() if text is None else text)

    def start(self):
        self.write_users()
        self.write_configuration()
        self.launch()
        self.wait_ready()
        return self

    def launch(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.directory + "/notify")
        notify.bind(self.directory + "/notify")
        os.chmod(self.directory + "/notify", 0o666)
        self.notify = notify
        environment = dict(os.environ, **self.environment, NOTIFY_SOCKET=self.directory + "/notify",
                           ASAN_OPTIONS="detect_leaks=0:quarantine_size_mb=1",
                           UBSAN_OPTIONS="print_stacktrace=1")
        self.log_file = open(self.directory + "/log", "ab")
        launcher, descriptors = self.wrap_command
        self.process = subprocess.Popen(
            launcher + self.as_wanted([self.programs + "/restanted", "-c", self.configuration_file,
                            "--programs", self.programs]),
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file,
            env=environment, pass_fds=descriptors)

    def as_wanted(self, command):
        """The command under the uid that the server runs as."""
        if self.as_uid == os.getuid():
            return command
        return ["setpriv", "--reuid", str(self.as_uid), "--regid", str(self.as_uid),
                "--clear-groups", *command]

    def notified(self):
        """What sd_notify has said next."""
        self.notify.settimeout(PATIENCE_SECONDS)
        return self.notify.recv(4096).decode()

    def wait_ready(self):
        self.notify.settimeout(0.1)

        def ready():
            assert self.process.poll() is None, "restanted has ended:\n" + self.log()
            try:
                return "READY=1" in self.notify.recv(4096).decode()
            except TimeoutError:
                return False

        try:
            wait_until(ready, "READY=1")
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, self.log())) from None

    def log(self):
        with open(self.directory + "/log", errors="backslashreplace") as file:
            return file.read()

    @staticmethod
    def events_of(log, name, **fields):
        return [event for event in Event.parse(log) if event.matches(name, fields)]

    def events(self, name, **fields):
        return self.events_of(self.log(), name, **fields)

    def wait_event(self, name, count=1, **fields):
        """The count-th such line of the log."""
        def logged():
            found = self.events(name, **fields)
            return found[count - 1] if len(found) >= count else None
        return wait_until(logged, "%s %s in the log:\n%s" % (name, fields, self.log()))

    def all_pids(self):
        return [self.process.pid, *children_of(self.process.pid)]

    def pids(self, program):
        """The processes of that program, as they are now."""
        return [pid for pid in children_of(self.process.pid) if program_of(pid) == program]

    def control(self, *arguments, **more):
        return subprocess.run(
            self.as_wanted([self.programs + "/restantectl", "-c", self.configuration_file,
                            *arguments]),
            stdin=more.pop("stdin", subprocess.DEVNULL), capture_output=True, text=True,
            timeout=PATIENCE_SECONDS, **more)

    def stop(self, number=signal.SIGTERM):
        """Ends it and looks at what it leaves behind. number None: it has been told already."""
        if self.process is None:
            return
        process, self.process = self.process, None
        children = []
        if process.poll() is None:
            children = children_of(process.pid)
            if number is not None:
                process.send_signal(number)
        try:
            status = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in [process.pid, *children]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
            raise AssertionError("restanted did not stop:\n" + self.log()) from None
        finally:
            self.notify.close()
            self.log_file.close()
        log = self.log()
        assert not SANITIZER.search(log), log
        assert status == 0, "exit status %d:\n%s" % (status, log)
        left = [pid for pid in children if is_running(pid)]
        assert not left, "still running: %s\n%s" % (left, log)
        if not self.expected_deaths:
            assert not self.events_of(log, "child-died"), log

    def connect(self, mode="stls", greeting=True, **more):
        """mode: "stls" (not begun), "clear", "implicit", "implicit-raw" (TLS not begun)."""
        port = {"stls": self.port, "clear": self.clear_port, "implicit": self.tls_port,
                "implicit-raw": self.tls_port}[mode]
        client = Client(port, **more)
        if mode == "implicit":
            client.wrap()
        if greeting:
            client.greeting = client.line()
            assert client.greeting.startswith(b"+OK "), client.greeting
        return client

    def login(self, user, mode="clear", **more):
        """A session in TRANSACTION. mode: "clear", "stls" (begun) or "implicit"."""
        client = self.connect(mode, **more)
        if mode == "stls":
            client.stls()
        client.log_in(user.name, user.password)
        return client


def trusting_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class LmtpClient:
    """Speaks LMTP. A reply is its text lines; they begin with the code."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        lines = []
        while not lines or lines[-1][3:4] == "-":
            line = self.file.readline()
            assert line.endswith(b"\r\n"), line
            lines.append(line[:-2].decode())
        return "\n".join(lines)

    def say(self, octets):
        self.socket.sendall(octets.encode() if isinstance(octets, str) else octets)

    def ask(self, line):
        self.say(line + "\r\n")
        return self.reply()

    def is_silent(self):
        """Nothing was said that has not been read yet."""
        with contextlib.suppress(BlockingIOError):
            self.socket.setblocking(False)
            try:
                return not self.socket.recv(1, socket.MSG_PEEK)
            finally:
                self.socket.settimeout(PATIENCE_SECONDS)
        return True

    def hello(self):
        return self.ask("LHLO client.example")

    def wrap(self):
        assert self.ask("STARTTLS").startswith("220 ")
        self.file.close()
        self.socket = trusting_context().wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")

    def envelope(self, *recipients, sender="sender@a.example"):
        """The replies to RCPT."""
        assert self.ask("MAIL FROM:<%s>" % sender).startswith("250 ")
        return [self.ask("RCPT TO:<%s>" % recipient) for recipient in recipients]

    def message(self, octets, count):
        """octets: with CRLF. The replies of count recipients."""
        assert self.ask("DATA").startswith("354 ")
        self.say(octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return [self.reply() for _ in range(count)]

    def deliver(self, octets, *recipients, **more):
        """The last word on each recipient."""
        told = self.envelope(*recipients, **more)
        good = [reply.startswith("250 ") for reply in told]
        outcomes = iter(self.message(octets, sum(good)) if any(good) else [])
        return [next(outcomes) if accepted else reply for accepted, reply in zip(good, told)]

    def close(self):
        self.file.close()
        self.socket.close()


class Client:
    """Speaks POP3 octet by octet. Replies come without their CRLF, which is insisted on."""

    def __init__(self, port, receive_size=None, source=None):
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        if receive_size:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_size)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def wrap(self, context=None, name="localhost"):
        self.socket = (context or trusting_context()).wrap_socket(self.socket, server_hostname=name)

    def send(self, octets):
        self.socket.sendall(octets)

    def fill(self):
        octets = self.socket.recv(65536)
        self.pending += octets
        return bool(octets)

    def line(self):
        while b"\n" not in self.pending:
            assert self.fill(), "the connection ended; before that: %r" % self.pending[-200:]
        line, self.pending = self.pending.split(b"\n", 1)
        assert line.endswith(b"\r"), line
        return line[:-1]

    def rest(self):
        """All that comes until the server closes the connection."""
        pieces, self.pending = [self.pending], b""
        with contextlib.suppress(ConnectionResetError):
            while octets := self.socket.recv(1 << 20):
                pieces.append(octets)
        return b"".join(pieces)

    def ended(self):
        """True if the server closes the connection and says nothing more."""
        return self.rest() == b""

    def command(self, text):
        self.send(text.encode() + b"\r\n" if isinstance(text, str) else text + b"\r\n")
        return self.line()

    def ok(self, text):
        reply = self.command(text)
        assert reply.startswith(b"+OK "), (text, reply)
        return reply[4:].decode()

    def error(self, text):
        reply = self.command(text)
        assert reply.startswith(b"-ERR "), (text, reply)
        return reply[5:].decode()

    def lines(self):
        """A multi-line reply behind its first line, dots taken off."""
        found = []
        while True:
            line = self.line()
            if line == b".":
                return found
            assert not line.startswith(b".") or line.startswith(b".."), line
            found.append(line[1:] if line.startswith(b".") else line)

    def listing(self, text):
        self.ok(text)
        return [line.decode() for line in self.lines()]

    def retrieve(self, number, command="RETR %d"):
        self.ok(command % number)
        return b"".join(line + b"\r\n" for line in self.lines())

    def log_in(self, name, password):
        self.ok("USER " + name)
        return self.ok("PASS " + password)

    def stls(self, context=None):
        self.ok("STLS")
        assert not self.pending
        self.wrap(context)


def copy_programs(directory):
    """All in one directory, where every uid reaches them, wherever the checkout is."""
    if not os.path.exists(BUILD + "/src/parent/restanted"):
        pytest.exit("There are no programs in %s. `make check` builds them there; RESTANTE_BUILD=... "
                    "names another build directory." % BUILD, 1)
    os.makedirs(directory, exist_ok=True)
    for program, room in PROGRAMS.items():
        shutil.copy("%s/src/%s/%s" % (BUILD, room, program), directory)
        os.chmod("%s/%s" % (directory, program), 0o755)
