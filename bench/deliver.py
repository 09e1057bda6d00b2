"""Delivery by LMTP: durable deliveries a second beside Dovecot's and what the disk takes at most.

The Maildirs are on a disk (/var/tmp; /tmp may be memory). Each run begins with empty ones, and ends with a
count: a message for each delivery that was acknowledged, or nothing was measured.
"""

import json
import os
import socket
import subprocess
import tempfile
import time

import servers
from measures import NAMES, SETTLE_SECONDS, USERS, Bench, say

MESSAGE_SIZE = 8192
RECIPIENTS = NAMES + "@bench.example"
PARTS = ("new", "cur", "tmp")
PROCESSES = 64      # of Dovecot's: one for each connection


class Run:
    """What lmtpload does; and what of the disk's floor it is held against, files under way.

    slices: of its time in a round. They take turns with everybody else's, since a disk changes its speed
    within seconds.
    """

    def __init__(self, title, concurrency, recipients, under_way, *words, slices=1):
        self.title, self.concurrency, self.recipients, self.under_way = title, concurrency, recipients, under_way
        self.words, self.slices = words, slices


RUNS = {
    "deliver 1": Run("one connection", 1, 1, 1, slices=3),
    "lock-step 1": Run("one connection, lock-step client", 1, 1, 1, "--lock-step", slices=3),
    "deliver 16": Run("16 connections", 16, 1, 16),
    "deliver 64": Run("64 connections", 64, 1, 64),
    "fifty 1": Run("one connection, 50 recipients a message", 1, 50, 50),
    "fifty 16": Run("16 connections, 50 recipients a message", 16, 50, 64),
}
WORDS = {name: run.title for name, run in RUNS.items()}


DOVECOT = """\
base_dir = {directory}/run
state_dir = {directory}/run
log_path = {directory}/log
protocols = lmtp
ssl = no
hostname = bench.example
postmaster_address = postmaster@bench.example
mail_location = maildir:{mail}/%n
mail_fsync = {fsync}
first_valid_uid = {uid}
auth_mechanisms = plain
auth_username_format = %Ln
auth_cache_size = 16 M
passdb {{
  driver = passwd-file
  args = {directory}/users
}}
userdb {{
  driver = passwd-file
  args = {directory}/users
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0600
  }}
  client_limit = 1
  service_count = 0
  process_min_avail = {processes}
  process_limit = 1000
}}
default_client_limit = 20000
"""

RESTANTE = """\
lmtp_user = "{login_uid}"
lmtp_spool_directory = "{directory}/spool"
listener lmtp {{
	protocol = lmtp
	address = "{directory}/run/lmtp"
	mode = 0600
}}
"""


class Lmtp:
    """A server whose socket is run/lmtp in its directory."""

    @property
    def socket_path(self):
        return self.directory + "/run/lmtp"

    def takes_mail(self):
        with socket.socket(socket.AF_UNIX) as one:
            try:
                one.connect(self.socket_path)
                return one.recv(3) == b"220"
            except OSError:
                return False


class Dovecot(Lmtp, servers.Server):
    tls = False

    def __init__(self, fsync, place, mail, names):
        super().__init__(f"Dovecot {fsync}", place)
        self.fsync, self.mail, self.names = fsync, mail, names
        # Nobody is held against the one that syncs less.
        self.kind = "server" if fsync == "always" else "not durable"

    def configure(self):
        os.makedirs(self.directory + "/run", exist_ok=True)
        self.write("users", "".join(
            f"{name}:{{PLAIN}}{servers.PASSWORD}:{servers.MAIL_UID}:{servers.MAIL_UID}::{self.mail}/{name}::\n"
            for name in self.names))
        path = self.write("dovecot.conf", DOVECOT.format(
            directory=self.directory, mail=self.mail, uid=servers.MAIL_UID, fsync=self.fsync,
            processes=PROCESSES))
        return ["dovecot", "-F", "-c", path]

    def wait_until_ready(self):
        self.wait_for(self.takes_mail)


class Restante(Lmtp, servers.Restante):

    def configure(self):
        command = super().configure()
        with open(self.directory + "/restanted.conf", "a", encoding="utf-8") as file:
            file.write(RESTANTE.format(directory=self.directory, login_uid=servers.LOGIN_UID))
        return command

    def wait_until_ready(self):
        super().wait_until_ready()
        self.wait_for(self.takes_mail)


class DiskFloor:
    """Not a server: files that threads write and sync, each for itself. See diskfloor.c."""

    name = kind = "disk floor"
    ours = tuned = optional = False


def device_of(path):
    """Where the kernel counts what is written to the disk of a file system; None: it does not."""
    device = os.stat(path).st_dev
    counters = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat"
    return counters if os.path.exists(counters) else None


class Written:
    """Octets written to the disk while a block runs, with what the file system writes for it later."""

    def __init__(self, path):
        self.counters, self.octets = device_of(path), None

    def now(self):
        os.sync()
        return int(servers.read(self.counters).split()[6]) * 512 if self.counters else 0

    def __enter__(self):
        self.octets = self.now()
        return self

    def __exit__(self, *_):
        self.octets = self.now() - self.octets

    def per(self, count):
        return {"written": self.octets / count / 1024} if self.counters else {}


class Mailboxes:
    """The Maildirs of one server."""

    def __init__(self, directory, names):
        self.directory, self.names, self.used = directory, names, 0

    def paths(self):
        return [f"{self.directory}/{name}/{part}" for name in self.names for part in PARTS]

    def empty(self):
        """New ones: no files, and no directories that grew."""
        self.put_aside()
        for path in self.paths():
            os.makedirs(path, 0o700)
        for top, *_ in os.walk(self.directory):
            os.chown(top, servers.MAIL_UID, servers.MAIL_UID)

    def put_aside(self):
        """Until all is removed: for minutes after it, ext4 looks for inodes that were not used of late."""
        if os.path.exists(self.directory):
            self.used += 1
            os.rename(self.directory, f"{self.directory}-{self.used}")

    def check(self, server, acknowledged, size):
        """As many messages as were acknowledged, all whole, nothing in the other directories."""
        files = [entry for path in self.paths() for entry in os.scandir(path)]
        found = [entry for entry in files if entry.path.split("/")[-2] == "new"]
        if len(found) != acknowledged or len(files) != len(found):
            raise servers.Failure(f"{server.name}: {acknowledged} deliveries were acknowledged, "
                                  f"{len(found)} messages are there, and {len(files) - len(found)} other files")
        short = [entry.path for entry in found if entry.stat().st_size < size]
        if short:
            raise servers.Failure(f"{server.name}: {len(short)} messages are too short, such as {short[0]}")


class Deliver(Bench):
    disk = None     # where the Maildirs are; removed when all groups have ended

    def prepare_deliver(self):
        names = [NAMES % number for number in range(1, USERS + 1)]
        servers_ = [Dovecot(fsync, self.disk_room(fsync), f"{self.disk}/{fsync}/mail", names)
                    for fsync in ("always", "optimized") if self.wanted("Dovecot " + fsync)]
        if self.wanted("restante"):
            place = self.disk_room("restante")
            servers_.append(Restante(place, place + "/mail", self.certificate, self.key, names, self.build))
        self.columns["deliver"] = list(servers_)
        if self.wanted("disk floor"):
            self.columns["deliver"].append(DiskFloor())
        self.mailboxes = {server.name: Mailboxes(server.mail, names) for server in servers_}
        return servers_

    def disk_room(self, name):
        path = f"{self.disk}/{name}"
        os.mkdir(path, 0o755)
        return path

    def measure_deliver(self):
        self.disk = tempfile.mkdtemp(prefix="bench-", dir="/var/tmp")
        os.chmod(self.disk, 0o755)
        started = []
        try:
            for server in self.prepare_deliver():
                self.mailboxes[server.name].empty()
                if self.start(server, RUNS):
                    started.append(server)
            for number in range(self.options.rounds):
                say(f"round {number + 1} of {self.options.rounds}")
                self.deliver_round(started)
        finally:
            for server in started:
                server.stop()

    def deliver_round(self, started):
        for name, run in RUNS.items():
            for _ in range(run.slices):
                self.deliver_slice(started, name, run, self.options.seconds / run.slices)

    def deliver_slice(self, started, name, run, seconds):
        for server in started:
            if (server.name, name) not in self.failures:
                try:
                    self.deliver(server, name, run, seconds)
                except servers.Failure as failure:
                    self.failed(server, [name], failure)
        if self.wanted("disk floor"):
            self.keep_floor(name, run, seconds)

    def deliver(self, server, name, run, seconds):
        mailboxes = self.mailboxes[server.name]
        mailboxes.empty()
        # To each user once: processes are there, connections were made, indexes begun.
        warm = self.lmtpload(server, run.concurrency, 1, *run.words, "--count", str(USERS))
        with Written(self.disk) as written:
            cpu = server.processes.cpu_seconds()
            report = self.lmtpload(server, run.concurrency, run.recipients, *run.words, "--seconds", str(seconds))
            time.sleep(SETTLE_SECONDS)
            cpu = server.processes.cpu_seconds() - cpu
        deliveries = report["deliveries"]
        mailboxes.check(server, warm["deliveries"] + deliveries, report["stored_octets"])
        self.keep(server, name, rate=report["per_second"], cpu=cpu / deliveries * 1e6,
                  p50=report["p50_us"] / 1000, p99=report["p99_us"] / 1000, **written.per(deliveries))

    def lmtpload(self, server, concurrency, recipients, *more):
        done = subprocess.run(
            [self.build + "/bench/lmtpload", "--socket", server.socket_path, "--recipient", RECIPIENTS,
             "--users", f"1-{USERS}", "--concurrency", str(concurrency), "--recipients", str(recipients),
             "--size", str(MESSAGE_SIZE), *more],
            capture_output=True, text=True, check=False, preexec_fn=servers.raise_limits)
        if done.returncode != 0:
            raise servers.Failure(f"lmtpload: {done.stderr}{done.stdout}\n{server.last_words()}")
        return json.loads(done.stdout)

    def keep_floor(self, name, run, seconds):
        with Written(self.disk) as written:
            done = subprocess.run(
                [self.build + "/bench/diskfloor", self.disk, "fsync", str(seconds),
                 str(run.under_way), str(USERS), "keep"], stdout=subprocess.PIPE, text=True, check=True)
        report = json.loads(done.stdout)
        self.keep(DiskFloor, name, rate=report["files_per_second"][str(run.under_way)],
                  **written.per(report["files"]))
