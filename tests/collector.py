"""`restante fetch` for a test: a home directory of its own with a configuration, and what it has collected."""

import os
import re
import signal
import subprocess
import time

import restante

PROGRAM = restante.BUILD + "/src/fetch/restante"

# sysexits.h
OK, NO_HOST, UNAVAILABLE, SOFTWARE, CANNOT_WRITE, TRY_LATER, PROTOCOL, DENIED, CONFIGURATION = (
    0, 68, 69, 70, 74, 75, 76, 77, 78)


class Done:
    """What became of a run."""

    def __init__(self, status, output, peak_kib):
        self.status, self.output, self.peak_kib = status, output, peak_kib

    def __repr__(self):
        return "status %d\n%s" % (self.status, self.output)


class Collector:
    """A person who collects mail. accounts: name -> its options; they hold for the next run."""

    def __init__(self, directory):
        self.home = directory
        os.makedirs(self.home, mode=0o700)
        self.accounts, self.environment, self.parallel = {}, {}, 4

    def add(self, name, port, host="127.0.0.1", keep="none", **options):
        """An account in clear text, unless the options say otherwise, with a Maildir of its own."""
        options = {"server": "%s:%d" % (host, port), "security": "clear", "clear_password": "yes", "user": "anna",
                   "password": restante.PASSWORD, "keep": keep,
                   "deliver_to": "maildir:%s/%s" % (self.home, name), **options}
        self.accounts[name] = {key: value for key, value in options.items() if value is not None}
        return self

    def config(self):
        path = self.home + "/config"
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write("parallel = %d\n" % self.parallel)
            for name, options in self.accounts.items():
                file.write('account "%s" {\n%s}\n' % (name, "".join(
                    '\t%s = "%s"\n' % option for option in options.items())))
        return path

    def command(self, *words):
        return [PROGRAM, "-c", self.config(), *words]

    def environ(self):
        return {"PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C.UTF-8",
                "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=1:malloc_context_size=2",
                "UBSAN_OPTIONS": "print_stacktrace=1", **self.environment}

    def run(self, *words, status=OK, before=()):
        """restante with these words; before: a command that starts it. status None: any."""
        log = self.home + "/output"
        with open(log, "wb") as output:
            process = subprocess.Popen([*before, *self.command(*words)], stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, env=self.environ(), cwd=self.home)
        peak = 0
        end = time.monotonic() + 3 * restante.PATIENCE_SECONDS
        while process.poll() is None:
            peak = max(peak, peak_kib(process.pid))
            if time.monotonic() > end:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.005)
        with open(log, errors="backslashreplace") as file:
            done = Done(process.returncode, file.read(), peak)
        assert not restante.SANITIZER.search(done.output), done
        assert status is None or done.status == status, done
        return done

    def fetch(self, *words, **more):
        return self.run("fetch", *words, **more)

    def files(self, name, folder):
        place = "%s/%s/%s" % (self.home, name, folder)
        return sorted(os.listdir(place)) if os.path.exists(place) else []

    def mail(self, name):
        """What its Maildir holds, sorted, in wire form."""
        found = []
        for folder in ("new", "cur"):
            for file_name in self.files(name, folder):
                with open("%s/%s/%s/%s" % (self.home, name, folder, file_name), "rb") as file:
                    found.append(restante.wire_form(file.read()))
        return sorted(found)

    def mbox(self, path):
        """The messages of an mbox file, in wire form, sorted."""
        with open(path, "rb") as file:
            parts = re.split(rb"(?m)^From .*\n", file.read())
        return sorted(restante.wire_form(re.sub(rb"(?m)^>(>*From )", rb"\1", part.removesuffix(b"\n")))
                      for part in parts[1:])

    def is_clean(self, name):
        """Nothing half-written lies about in its Maildir."""
        return not self.files(name, "tmp")


def peak_kib(pid):
    """VmHWM of a process, 0 where it has none any more."""
    try:
        with open("/proc/%d/status" % pid) as file:
            found = re.search(r"VmHWM:\s+(\d+)", file.read())
        return int(found[1]) if found else 0
    except OSError:
        return 0
