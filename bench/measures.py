"""Polls, downloads and memory: every server with a copy of the same maildrops."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

import maildrops
import peers
import servers

USERS, MESSAGES = 100, 20
SETTLE_SECONDS = 0.3    # for processes that end after the client has gone
PIPELINE = "20"
NAMES = "user%d"


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_quietly(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise servers.Failure(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


class Run:
    """What popload does, and with which maildrops; concurrency None: what the command line says."""

    def __init__(self, title, *words, concurrency=None, small=False):
        self.title, self.words, self.concurrency = title, list(words), concurrency
        self.tls = "implicit" in words
        self.pattern = "small%d" if small else NAMES
        self.users = len(maildrops.SMALL_NAMES) if small else USERS
        self.messages = maildrops.SMALL_MESSAGES if small else MESSAGES

    def suits(self, server):
        return self.words[0] in server.does and (server.tls or not self.tls)


TLS = ("--tls", "implicit")
# By the group that they belong to.
RUNS = {
    "polls": {
        "poll clear": Run("empty polls, clear text", "poll"),
        "poll tls full": Run("empty polls, TLS, full handshakes", "poll", *TLS),
        "poll tls resumed": Run("empty polls, TLS, resumed where the server can", "poll", *TLS, "--resume"),
    },
    "downloads": {
        "download clear": Run("many connections, clear text", "download"),
        "download tls": Run("many connections, TLS", "download", *TLS),
        "one sequential": Run("one connection, RETR after RETR", "download", concurrency=1),
        "one pipelined": Run("one connection, RETR pipelined", "download", "--pipeline", PIPELINE, concurrency=1),
        "small sequential": Run("one connection, messages of 1 KB, RETR after RETR", "download",
                                concurrency=1, small=True),
        "small pipelined": Run("one connection, messages of 1 KB, RETR pipelined", "download",
                               "--pipeline", PIPELINE, concurrency=1, small=True),
    },
}
HELD = {
    "held clear": ("before login, clear text", ["--before-login"]),
    "held tls": ("before login, TLS", ["--before-login", *TLS]),
    "held clear in": ("logged in, clear text", []),
    "held tls in": ("logged in, TLS", [*TLS]),
}
WORDS = {name: run.title for group in RUNS.values() for name, run in group.items()}
WORDS.update({name: "held, " + words for name, (words, _) in HELD.items()})


class Bench:
    """What was measured, and what it takes to measure."""

    def __init__(self, options, place):
        self.options, self.place = options, place
        self.build = os.path.abspath(options.build)
        self.certificate, self.key = place + "/cert.pem", place + "/key.pem"
        self.figures = {}       # (server name, run): list of dictionaries
        self.failures = {}      # the same: why there are none
        self.columns = {}       # group: servers
        self.resumed = {}
        os.chmod(place, 0o755)
        maildrops.spread(place)
        run_quietly(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-days", "30", "-subj", "/CN=bench.example", "-keyout", self.key, "-out", self.certificate])

    def wanted(self, title):
        return not self.options.only or any(word.lower() in title.lower() for word in self.options.only)

    def room(self, *names):
        """A directory for one server."""
        path = os.path.join(self.place, *(name.replace(" ", "-") for name in names))
        os.makedirs(path, 0o755)
        return path

    def popload(self, server, words, *more):
        port = server.tls_port if "implicit" in words else server.port
        return [*server.client_prefix(), self.build + "/bench/popload", "--port", str(port), "--password",
                servers.PASSWORD, *words, *more]

    def run_popload(self, server, words, *more):
        """Its report with the CPU time that the server took for it."""
        before = server.processes.cpu_seconds()
        done = subprocess.run(self.popload(server, words, *more), capture_output=True, text=True, check=False,
                              preexec_fn=servers.raise_limits)
        if done.returncode != 0:
            raise servers.Failure(f"{' '.join(words)}: {done.stderr}{done.stdout}\n{server.last_words()}")
        time.sleep(SETTLE_SECONDS)
        report = json.loads(done.stdout)
        report["cpu_seconds"] = server.processes.cpu_seconds() - before
        return report

    def keep(self, server, run, **figures):
        self.figures.setdefault((server.name, run), []).append(figures)
        shown = "  ".join(f"{name} {value:.2f}" for name, value in figures.items())
        say(f"{run:17} {server.name:16} {shown}")

    def failed(self, server, runs, failure):
        """Others are measured all the same; without ours there is nothing to compare."""
        if server.ours:
            raise failure
        say(f"{server.name}: {failure}")
        for run in runs:
            self.failures[server.name, run] = str(failure).strip().splitlines()[0]
            self.figures.pop((server.name, run), None)

    def start(self, server, runs):
        try:
            server.start()
            return True
        except (servers.Failure, OSError, subprocess.CalledProcessError) as failure:
            server.stop()
            self.failed(server, runs, failure)
            return False


class Mail(Bench):
    """The groups for which every server has a copy of the same mail."""

    def prepare(self):
        say("writing the maildrops")
        origin = self.place + "/origin"
        maildrops.make(origin, USERS, MESSAGES, self.options.held, not self.options.no_sizes)
        self.mail_servers = [
            *(self.dovecot(variant, origin) for variant in servers.DOVECOT_VARIANTS
              if self.wanted("Dovecot " + variant)),
            *(self.peer(kind, origin) for kind in peers.PEERS if self.wanted(kind.title)),
        ]
        if self.wanted("restante"):
            place = self.room("restante")
            maildrops.copy(origin, place + "/mail", servers.MAIL_UID, servers.MAIL_UID)
            self.mail_servers.append(servers.Restante(place, place + "/mail", self.certificate, self.key,
                                                      self.names(), self.build))
        if self.wanted("floor"):
            self.mail_servers.append(servers.Floor(self.room("floor"), self.certificate, self.key, self.build))
        if self.wanted("copy floor"):
            place = self.room("copy floor")
            maildrops.copy_as_wire(origin, self.loaded_names(), place + "/mail")
            self.mail_servers.append(servers.CopyFloor(place, place + "/mail", self.build))
        shutil.rmtree(origin)
        for group in ("polls", "downloads", "memory"):
            self.columns[group] = self.mail_servers

    def loaded_names(self):
        return maildrops.user_names(1, USERS) + maildrops.SMALL_NAMES

    def names(self):
        return maildrops.user_names(1, USERS + self.options.held) + maildrops.SMALL_NAMES

    def dovecot(self, variant, origin):
        place = self.room("dovecot " + variant)
        maildrops.copy(origin, place + "/mail", servers.MAIL_UID, servers.MAIL_UID)
        return servers.Dovecot(variant, place, place + "/mail", self.certificate, self.key, self.names())

    def peer(self, kind, origin):
        place = self.room(kind.packages[0])
        if kind.as_mbox:
            maildrops.copy_as_mbox(origin, self.loaded_names(), place + "/mail", servers.MAIL_UID,
                                   servers.MAIL_UID)
        else:
            maildrops.copy(origin, place + "/mail", servers.MAIL_UID, servers.MAIL_UID)
        return kind(place, self.loaded_names(), self.build)

    def load(self, server, run, seconds):
        if run.words[0] == "download":
            maildrops.warm(server.mail)
        return self.run_popload(
            server, run.words, "--user", run.pattern, "--users", f"1-{run.users}", "--seconds", str(seconds),
            "--concurrency", str(min(run.concurrency or self.options.concurrency, server.concurrency_max)),
            "--expect", str(run.messages if "download" in server.does else 0))

    def warm_up(self, server):
        say(f"warming up {server.name}")
        seconds = min(self.options.seconds, 3)
        if "download" in server.does:
            self.load(server, RUNS["downloads"]["download clear"], seconds)
            self.load(server, RUNS["downloads"]["small sequential"], min(seconds, 0.5))
        if "poll" in server.does:
            self.load(server, RUNS["polls"]["poll clear"], min(seconds, 1))

    def measure_load(self, groups):
        runs = {name: run for group in groups for name, run in RUNS[group].items()}
        started = []
        try:
            for server in self.mail_servers:
                suiting = [name for name, run in runs.items() if run.suits(server)]
                if suiting and self.start(server, suiting):
                    started.append(server)
                    try:
                        self.warm_up(server)
                    except servers.Failure as failure:
                        self.failed(server, suiting, failure)
            for number in range(self.options.rounds):
                say(f"round {number + 1} of {self.options.rounds}")
                for name, run in runs.items():
                    for server in started:
                        if run.suits(server) and (server.name, name) not in self.failures:
                            self.measure_run(server, name, run)
        finally:
            for server in started:
                server.stop()

    def measure_run(self, server, name, run):
        # Who needs seconds for a session is measured well enough in one of them.
        seconds = self.options.seconds / (4 if server.optional else 2 if run.concurrency else 1)
        try:
            report = self.load(server, run, seconds)
        except servers.Failure as failure:
            self.failed(server, [name], failure)
            return
        operations, octets = report["operations"], report["message_octets"]
        latency = {"p50 ms": report["p50_us"] / 1000, "p99 ms": report["p99_us"] / 1000}
        if run.words[0] == "download":
            self.keep(server, name, rate=report["mb_per_second"], cpu=report["cpu_seconds"] / (octets / 1e9),
                      each=report["seconds"] / report["messages"] * 1e6, **latency)
        else:
            self.keep(server, name, rate=report["per_second"], cpu=report["cpu_seconds"] / operations * 1e6,
                      **latency)
        if "--resume" in run.words:
            self.resumed.setdefault(server.name, []).append(report["resumed"] / operations)

    def measure_memory(self):
        for server in self.mail_servers:
            if server.optional or server.kind != "server":
                continue
            for name, (_, words) in HELD.items():
                if self.start(server, [name]):
                    try:
                        self.hold(server, name, words)
                    except servers.Failure as failure:
                        self.failed(server, [name], failure)
                    finally:
                        server.stop()

    def hold(self, server, run, words):
        """The growth from one held connection to all of them, for each of the others.

        From one, not from none: then popload runs both times, and shares the same libraries with the
        server; and what a first client starts (a process, perhaps) is not what each one costs.
        """
        # Connections before login may be so small that only many of them show.
        count = self.options.held * (4 if "--before-login" in words else 1)
        # Everything is used once before, by one client at a time: free memory that many clients at
        # once leave behind would hide what the held ones need.
        kind = [word for word in words if word != "--before-login"]
        self.run_popload(server, ["poll", *kind], "--user", NAMES, "--users", f"1-{USERS}", "--count", "40")
        one = self.pss_with_held(server, run, words, 1)
        time.sleep(SETTLE_SECONDS)
        each = (self.pss_with_held(server, run, words, count) - one) / (count - 1) / 1024
        self.keep(server, run, memory=each)

    def pss_with_held(self, server, run, words, count):
        users = f"{USERS + 1}-{USERS + self.options.held}"
        with Holder(self, server, words, users, count) as holder:
            time.sleep(1)
            pss = server.processes.pss()
        if holder.lost:
            raise servers.Failure(f"{run}: {holder.lost} connections were lost\n{server.last_words()}")
        return pss

    def resumed_line(self):
        return "TLS sessions resumed where the client asked for it: " + ", ".join(
            f"{name} {statistics.median(shares):.0%}" for name, shares in self.resumed.items()) + "."


class Holder:
    """A popload that holds connections while a block runs; then lost tells how many did not last."""

    def __init__(self, bench, server, words, users, count):
        self.command = bench.popload(server, ["hold", *words], "--user", NAMES, "--users", users, "--count",
                                     str(count), "--concurrency", "4", "--timeout", "300")
        self.server, self.count, self.lost = server, count, None
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=servers.raise_limits)
        report = self.process.stdout.readline()
        if not report or json.loads(report)["errors"]:
            self.end()
            raise servers.Failure(f"{self.count} connections cannot be held\n{self.server.last_words()}")
        return self

    def __exit__(self, *_):
        last = self.end()
        self.lost = json.loads(last)["lost"] if last else self.count

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        last = self.process.stdout.readline()
        self.process.wait()
        self.process.stdout.close()
        return last
