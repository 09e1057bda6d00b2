"""Collecting mail over a long line: restante fetch beside mpop, fetchmail and getmail6.

The clients are the columns here. Each fetches the same messages from the same server over a line that delays all octets
(delayline.c), into a Maildir that is empty, and has them deleted on the server; a run counts only if then all
messages are in that Maildir and the server's is empty.
"""

import json
import os
import pwd
import random
import re
import shutil
import subprocess
import time

import maildrops
import servers
from measures import Bench, say

MESSAGES, MESSAGE_SIZE = 300, 5000
ACCOUNTS = 20
DELAY_MILLISECONDS = 50
ROUND_TRIP_SECONDS = 2 * DELAY_MILLISECONDS / 1000
HUGE_SIZE = 1 << 30
SLOW_LIMIT_SECONDS = 300
NAMES = [f"collected{n}" for n in range(1, ACCOUNTS + 1)]
HERE = os.path.dirname(os.path.abspath(__file__))

WORDS = {
    "fetch restante": f"{MESSAGES} messages of 5 KB from restante, {DELAY_MILLISECONDS} ms each way",
    "fetch dovecot": "the same from Dovecot",
    "fetch twenty": f"the same from restante for {ACCOUNTS} accounts at once",
    "fetch huge": "one message of 1 GiB from restante, no delay",
}


class Client:
    """Who fetches. kind is what a row holds ours against."""

    ours, tuned, optional = False, False, True
    rounds_max = 1

    def __init__(self, place, build):
        self.name, self.kind = self.title, self.word
        self.directory, self.build, self.runs = place, build, 0
        self.version = self.version_of(self.word)
        os.makedirs(place, 0o755)
        maildrops.spread(place)

    @staticmethod
    def version_of(package):
        done = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${Version}", package], capture_output=True, text=True,
                              check=False)
        return done.stdout

    def write(self, name, text, mode=0o600):
        path = f"{self.place}/{name}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def begin(self):
        """As if it had never fetched. What it has fetched stays where it is."""
        self.runs += 1
        self.place = f"{self.directory}/{self.runs}"
        self.inbox = self.place + "/inbox"
        for part in ("tmp", "new", "cur"):
            os.makedirs(f"{self.inbox}/{part}")

    def command(self, port, user):
        raise NotImplementedError

    def let_go(self):
        """Of what is big."""
        shutil.rmtree(self.place)

    def fetched(self):
        return len(os.listdir(self.inbox + "/new"))

    def environment(self):
        return {"PATH": os.environ["PATH"], "HOME": self.place, "LC_ALL": "C.UTF-8"}


class Restante(Client):
    title, word, ours = "restante fetch", "restante", True
    optional = False
    rounds_max = 100

    def account(self, name, port, user, place):
        return (f'account "{name}" {{\n\tserver = "127.0.0.1:{port}"\n\tsecurity = clear\n\tclear_password = yes\n'
                f'\tuser = {user}\n\tpassword = "{servers.PASSWORD}"\n\tkeep = none\n'
                f'\tdeliver_to = "maildir:{place}"\n}}\n')

    def command(self, port, user):
        return self.command_of(self.account("one", port, user, self.inbox))

    def command_of(self, accounts):
        shutil.copy(self.build + "/src/fetch/restante", self.place)
        return [self.place + "/restante", "--config", self.write("config", accounts), "fetch"]


class Mpop(Client):
    title, word = "mpop", "mpop"
    rounds_max = 100

    def command(self, port, user):
        return ["mpop", "--file=" + self.write("mpoprc", (
            f"account default\nhost 127.0.0.1\nport {port}\ntls off\nuser {user}\npassword {servers.PASSWORD}\n"
            f"auth plain\nkeep off\ndelivery maildir {self.inbox}\nuidls_file {self.place}/uidls\n"
            "received_header off\n"))]


class Fetchmail(Client):
    title, word = "fetchmail", "fetchmail"

    def command(self, port, user):
        store = self.write("store", f"#!/bin/sh\nexec cat >\"$(mktemp {self.inbox}/new/XXXXXX)\"\n", 0o700)
        return ["fetchmail", "--pidfile", self.place + "/pid", "--nosyslog", "--fetchmailrc", self.write("fetchmailrc", (
            f"set no bouncemail\nset idfile {self.place}/ids\nset no syslog\n"
            f"poll 127.0.0.1 protocol POP3 port {port} no uidl\n user '{user}' password '{servers.PASSWORD}' "
            f"is root here no keep fetchall\n sslproto ''\n no rewrite mda '{store}'\n"))]


class Getmail(Client):
    title, word = "getmail6", "getmail6"

    def environment(self):
        return {**super().environment(), "PYTHONPATH": self.place}

    def command(self, port, user):
        shutil.copy(os.path.dirname(HERE) + "/tests/getmail_cure.py", self.place + "/sitecustomize.py")
        return ["getmail", "--getmaildir", self.place, "--rcfile", self.write("getmailrc", (
            f"[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {port}\nusername = {user}\n"
            f"password = {servers.PASSWORD}\n[destination]\ntype = Maildir\npath = {self.inbox}/\n"
            "[options]\ndelete = true\nread_all = true\ndelivered_to = false\nreceived = false\n"))]


class DelayLine:
    """delayline.c between a client and a server while a block runs; then turns are known."""

    def __init__(self, build, target, milliseconds):
        self.program, self.target, self.milliseconds = build + "/bench/delayline", target, milliseconds
        self.turns, self.octets = None, 0

    def __enter__(self):
        self.port, = servers.free_ports(1)
        self.process = subprocess.Popen([self.program, str(self.port), str(self.target), str(self.milliseconds)],
                                        stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            raise servers.Failure("the delay line does not start")
        return self

    def ended(self):
        """Waits for the end of a connection."""
        report = json.loads(self.process.stdout.readline())
        self.turns, self.octets = report["turns"], report["to_client"]

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Fetch(Bench):
    """Over a long line."""

    def measure_fetch(self):
        # Whom mail programs run as: they do not like to be root, nor a number without a name.
        self.fill_count = 0
        self.nobody = pwd.getpwnam("nobody").pw_uid
        place = self.room("fetch")
        os.chmod(self.place, 0o711)
        self.clients = [kind(f"{place}/{kind.word}", self.build) for kind in (Restante, Mpop, Fetchmail, Getmail)
                        if self.wanted(kind.title) and self.is_there(kind)]
        self.columns["fetch"] = self.clients
        self.texts = self.messages_made()
        for run, server in (("fetch restante", self.restante_to_fetch_from()),
                            ("fetch dovecot", self.dovecot_to_fetch_from())):
            self.measure_from(run, server)

    @staticmethod
    def is_there(kind):
        return kind.ours or shutil.which("getmail" if kind is Getmail else kind.word)

    @staticmethod
    def messages_made():
        dice = random.Random(1939)
        lines = maildrops.lines_pool(dice)
        return [maildrops.message(dice, lines, "collected", number, MESSAGE_SIZE) for number in range(MESSAGES)]

    def restante_to_fetch_from(self):
        place = self.room("fetch from restante")
        os.mkdir(place + "/mail")
        maildrops.spread(place + "/mail")
        return servers.Restante(place, place + "/mail", self.certificate, self.key, NAMES, self.build)

    def dovecot_to_fetch_from(self):
        place = self.room("fetch from dovecot")
        os.mkdir(place + "/mail")
        maildrops.spread(place + "/mail")
        return servers.Dovecot("stock", place, place + "/mail", self.certificate, self.key, NAMES)

    def fill(self, server, names, texts):
        """What is to be fetched; nothing else is there, since all was deleted. Under names of its own: a server may
        remember those of before, and that they are gone."""
        self.fill_count += 1
        for name in names:
            directory = f"{server.mail}/{name}"
            for part in ("cur", "new", "tmp"):
                os.makedirs(f"{directory}/{part}", exist_ok=True)
            for number, text in enumerate(texts, 1):
                path = f"{directory}/cur/{maildrops.FIRST_TIME + number}.M{number}P{self.fill_count}.mail,S={len(text)}:2,"
                with open(path, "wb") as file:
                    file.write(text)
            maildrops.give_away(directory, servers.MAIL_UID, servers.MAIL_UID)
        os.chmod(server.mail, 0o755)

    @staticmethod
    def left(server, names):
        return sum(len(os.listdir(f"{server.mail}/{name}/{part}")) for name in names for part in ("cur", "new"))

    def measure_from(self, run, server):
        if not self.start(server, [run]):
            return
        try:
            for number in range(self.options.rounds):
                for client in self.clients:
                    if number < client.rounds_max and (client.name, run) not in self.failures:
                        self.attempt(client, run, lambda client=client: self.fetch_once(client, run, server))
            if run == "fetch restante":
                self.ours_alone(server)
        finally:
            server.stop()

    def ours_alone(self, server):
        for client in self.clients:
            if client.ours:
                for _ in range(self.options.rounds):
                    self.attempt(client, "fetch twenty", lambda client=client: self.fetch_twenty(client, server))
                self.attempt(client, "fetch huge", lambda client=client: self.fetch_huge(client, server))

    def attempt(self, client, run, measure):
        try:
            measure()
        except (servers.Failure, subprocess.TimeoutExpired) as failure:
            self.failed(client, [run], failure if isinstance(failure, servers.Failure) else
                        servers.Failure(f"more than {SLOW_LIMIT_SECONDS} s"))

    def run_client(self, client, command):
        """How long it took, and its largest memory in KiB."""
        subprocess.run(["chown", "-R", str(self.nobody), client.place], check=True)
        began = time.monotonic()
        with open(client.place + "/output", "wb") as output:
            process = subprocess.Popen(
                ["setpriv", "--reuid", str(self.nobody), "--regid", str(self.nobody), "--clear-groups", *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=client.place, env=client.environment())
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_kib(process.pid))
            if time.monotonic() - began > SLOW_LIMIT_SECONDS:
                process.kill()
                process.wait()
                raise servers.Failure(f"more than {SLOW_LIMIT_SECONDS} s")
            time.sleep(0.002)
        took = time.monotonic() - began
        if process.returncode != 0:
            raise servers.Failure(f"{client.name}: status {process.returncode}: "
                                  + servers.read(client.place + "/output")[-2000:])
        return took, peak

    def through(self, client, server, milliseconds):
        """One fetch; (seconds, line)."""
        client.begin()
        self.fill(server, NAMES[:1], self.texts)
        with DelayLine(self.build, server.port, milliseconds) as line:
            took, _ = self.run_client(client, client.command(line.port, NAMES[0]))
            line.ended()
        self.check(client.fetched(), MESSAGES, self.left(server, NAMES[:1]))
        return took, line

    @staticmethod
    def check(fetched, wanted, left):
        if fetched != wanted or left:
            raise servers.Failure(f"{fetched} of {wanted} messages were fetched, {left} are left on the server")

    def fetch_once(self, client, run, server):
        took, line = self.through(client, server, DELAY_MILLISECONDS)
        figures = {"time": took, "turns": line.turns}
        if client.rounds_max > 1:
            transfer, _ = self.through(client, server, 0)
            figures |= {"transfer": transfer, "round trips": (took - transfer) / ROUND_TRIP_SECONDS}
        self.keep(client, run, **figures)

    def fetch_twenty(self, client, server):
        client.begin()
        self.fill(server, NAMES, self.texts)
        with DelayLine(self.build, server.port, DELAY_MILLISECONDS) as line:
            command = client.command_of(f"parallel = {ACCOUNTS}\n" + "".join(
                client.account(name, line.port, name, f"{client.place}/{name}") for name in NAMES))
            took, peak = self.run_client(client, command)
        fetched = sum(len(os.listdir(f"{client.place}/{name}/new")) for name in NAMES)
        self.check(fetched, MESSAGES * ACCOUNTS, self.left(server, NAMES))
        self.keep(client, "fetch twenty", time=took, memory=peak / 1024)

    def fetch_huge(self, client, server):
        client.begin()
        self.fill(server, NAMES[:1], [])
        line = b"x" * 75 + b"\n"
        path = f"{server.mail}/{NAMES[0]}/cur/{maildrops.FIRST_TIME}.M1P1.mail:2,"
        with open(path, "wb") as file:
            file.write(b"Subject: huge\n\n")
            for _ in range(HUGE_SIZE // (1 << 20)):
                file.write(line * ((1 << 20) // len(line)))
        os.chown(path, servers.MAIL_UID, servers.MAIL_UID)
        took, peak = self.run_client(client, client.command(server.port, NAMES[0]))
        self.check(client.fetched(), 1, self.left(server, NAMES[:1]))
        client.let_go()
        self.keep(client, "fetch huge", memory=peak / 1024, rate=HUGE_SIZE / took / 1e6)


def peak_kib(pid):
    """VmHWM of a process; 0 when it has ended."""
    found = None
    try:
        found = re.search(r"VmHWM:\s+(\d+)", servers.read(f"/proc/{pid}/status"))
    except OSError:
        pass
    return int(found[1]) if found else 0
