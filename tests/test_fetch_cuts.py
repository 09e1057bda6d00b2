"""restante fetch is cut off at each octet, and each system call that writes kills it or fails: when it runs again every
message is in the target once, and none was deleted on the server before it was there."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile

import pytest

import collector as c
import hostile
from collector import Collector
from hostile import Hostile, Maildrop, address_of

ACCOUNTS_MAX = 500  # in one run

MESSAGES = {"u%d" % number: b"Message-ID: <%d@a.example>\r\nSubject: %d\r\n\r\n%s" % (
    number, number, b"..\r\nx\r\n" * (number % 3)) for number in range(1, 7)}
ALL = sorted(MESSAGES.values())


@pytest.fixture
def place(workshop):
    return tempfile.mkdtemp(prefix="cuts-", dir=workshop)


@pytest.fixture(scope="module")
def certificates_of(workshop):
    directory = tempfile.mkdtemp(prefix="authority-", dir=workshop)
    return {**hostile.make_certificates(directory), "ca": directory + "/authority.pem"}


class Target:
    """Where an account's mail goes, and what is there."""

    def __init__(self, kind, person, name):
        self.kind, self.person, self.name = kind, person, name
        self.path = "%s/%s" % (person.home, name)

    def place(self):
        return "%s:%s" % (self.kind, self.path)

    def mail(self):
        if self.kind == "maildir":
            return self.person.mail(self.name)
        return self.person.mbox(self.path) if os.path.exists(self.path) else []

    def problems(self, was_disturbed=False):
        """Of what is there at the end. Who was killed, or could not tell his state, may have left a file in tmp, that
        nobody will ever read: whoever reads a Maildir removes it after 36 hours."""
        if self.mail() != ALL:
            yield "%d messages, %d different" % (len(self.mail()), len(set(self.mail())))
        if self.kind == "maildir" and not was_disturbed and self.person.files(self.name, "tmp"):
            yield "left in tmp: %s" % self.person.files(self.name, "tmp")


class Cut:
    """An account whose connection is cut after so many octets, out of the server or into it."""

    def __init__(self, person, kind, where, octets, address, **more):
        self.where, self.octets, self.early = where, octets, []
        self.target = Target(kind, person, "%s-%d" % (where, octets))
        self.maildrop = Maildrop(MESSAGES, marked=self.marked, **{where: octets}, **more)
        self.address = address

    def marked(self, uidl):
        """DELE was said: its message must be there already."""
        if MESSAGES[uidl] not in self.target.mail():
            self.early.append(uidl)

    def problems(self):
        found = list(self.target.problems())
        found += ["deleted before it was stored: %s" % self.early] if self.early else []
        found += ["still on the server: %s" % list(self.maildrop.messages)] if self.maildrop.messages else []
        return ["%s %d: %s" % (self.where, self.octets, problem) for problem in found]


def whole_session(place, kind, **more):
    """How many octets go out and come in when nothing is cut."""
    maildrop = Maildrop(MESSAGES, **more)
    with Hostile(maildrop) as server:
        person = Collector(place + "/whole")
        add(person, "whole", server, Target(kind, person, "whole"), "127.0.0.1", more, place)
        person.fetch()
        assert not maildrop.messages
    return maildrop.sent, maildrop.received


def add(person, name, server, target, address, more, place):
    protection = more.get("protection", "clear")
    tls = {} if protection == "clear" else {"security": protection, "server_name": "localhost",
                                            "ca_file": os.path.dirname(more["certificate"][0]) + "/authority.pem"}
    person.add(name, server.port, host=address, deliver_to=target.place(), timeout_seconds=20, **tls)


def cut_everywhere(place, kind, **more):
    """Each octet, of both directions, each for an account of its own."""
    sent, received = whole_session(place, kind, **more)
    wanted = [("cut_out", octets) for octets in range(1, sent + 1)]
    wanted += [("cut_in", octets) for octets in range(1, received + 1)]
    for start in range(0, len(wanted), ACCOUNTS_MAX):
        person = Collector("%s/home-%d" % (place, start))
        person.parallel = 8
        cuts = [Cut(person, kind, where, octets, address_of(number), **more)
                for number, (where, octets) in enumerate(wanted[start:start + ACCOUNTS_MAX])]
        with Hostile({cut.address: cut.maildrop for cut in cuts}) as server:
            for cut in cuts:
                add(person, cut.target.name, server, cut.target, cut.address, more, place)
            person.fetch("--quiet", "--retries", "0", status=None)
            for cut in cuts:
                cut.maildrop.behave()
            done = person.fetch("--quiet", status=None)
            problems = [problem for cut in cuts for problem in cut.problems()]
            assert not problems, "\n".join(problems + [done.output])
    return len(wanted)


def test_cut_at_any_octet(place):
    assert cut_everywhere(place, "maildir") > 600


def test_cut_at_any_octet_where_sizes_are_wrong(place):
    """Nothing but its end tells that a message is whole."""
    sizes = "\n".join(["+OK", *("%d %d" % (number, len(text) + 2) for number, text in enumerate(MESSAGES.values(), 1)),
                       "."])
    assert cut_everywhere(place, "maildir", replies={"LIST": sizes}) > 600


def test_cut_at_any_octet_of_an_mbox(place):
    assert cut_everywhere(place, "mbox") > 600


def test_cut_at_any_octet_within_tls(place, certificates_of):
    assert cut_everywhere(place, "maildir", protection="tls", certificate=certificates_of["good"]) > 600


# What may change something, here or on the server. A call is killed at its start: it does not happen.
CALLS = ("write", "pwrite64", "writev", "pwritev", "sendto", "sendmsg", "fsync", "fdatasync", "rename", "renameat",
         "renameat2", "link", "linkat", "unlink", "unlinkat", "ftruncate", "fallocate", "copy_file_range", "mkdir",
         "mkdirat", "syncfs", "sync_file_range")


def count_calls(place, kind):
    """call -> how often it occurs in a run where nothing is wrong."""
    with Hostile(Maildrop(MESSAGES)) as server:
        person = Collector(place + "/counted")
        person.add("a", server.port, deliver_to=Target(kind, person, "a").place())
        person.fetch("--quiet", before=("strace", "-f", "-o", place + "/trace", "-e", "trace=" + ",".join(CALLS)))
    with open(place + "/trace") as file:
        called = re.findall(r"(?m)^\d+ +(\w+)\(", file.read())
    return {call: called.count(call) for call in sorted(set(called))}


def disturbed_at(place, kind, number, call, occurrence, what):
    """The problems that are left after a run in which strace has done this there, and two more; and whether it has."""
    person = Collector("%s/home-%d" % (place, number))
    target = Target(kind, person, "a")
    early = []
    maildrop = Maildrop(MESSAGES, marked=lambda uidl: MESSAGES[uidl] in target.mail() or early.append(uidl))
    with Hostile(maildrop) as server:
        person.add("a", server.port, deliver_to=target.place())
        done = person.fetch("--quiet", status=None, before=(
            "strace", "-f", "-o", person.home + "/trace", "-e", "trace=" + call, "-e",
            "inject=%s:%s:when=%d" % (call, what, occurrence)))
        with open(person.home + "/trace") as file:
            has_failed = "(INJECTED)" in file.read()
        disturbed = has_failed or done.status in (-9, 137)
        is_hidden = has_failed and call == "fsync" and done.status == c.OK
        for _ in range(2):
            done = person.fetch("--quiet", status=None)
    found = [*target.problems(was_disturbed=True), *(["deleted early: %s" % early] if early else []),
             *(["what is not on the disk is told to be there"] if is_hidden else []),
             *(["still on the server: %s" % list(maildrop.messages)] if maildrop.messages else []),
             *(["status %d: %s" % (done.status, done.output)] if done.status != c.OK else [])]
    return disturbed, ["%s %d: %s" % (call, occurrence, problem) for problem in found]


@pytest.fixture
def strace():
    if not shutil.which("strace") or subprocess.run(["strace", "-o", "/dev/null", "true"], check=False,
                                                    capture_output=True).returncode != 0:
        pytest.skip("strace cannot be used here")


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("kind", ["maildir", "mbox"])
@pytest.mark.parametrize("what, some", [("signal=KILL", slice(0, None, 3)), ("error=EIO", slice(0, None, 2)),
                                        ("error=ENOSPC", slice(1, None, 2))])
def test_disturbed_at_any_call(what, some, kind, place):
    counts = count_calls(place, kind)
    # One thread tells another by write(2), which cannot fail.
    wanted = [(call, occurrence) for call, count in counts.items() for occurrence in range(1, count + 1)
              if call != "write" or what == "signal=KILL"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda one: disturbed_at(place, kind, one[0], *one[1], what), enumerate(wanted)))
    problems = [problem for _, found in outcomes for problem in found]
    assert not problems, "\n".join(problems)
    # Not every run makes the same calls; but most of those asked for came.
    assert sum(disturbed for disturbed, _ in outcomes) > len(wanted) * 3 // 4 > 5, counts


@pytest.mark.usefixtures("strace")
def test_killed_and_nobody_can_tell(place):
    """What waited in a tmp/ that is another one now is nowhere to be found: it may never have come."""
    person = Collector(place + "/home")
    maildrop = Maildrop(MESSAGES)
    with Hostile(maildrop) as server:
        person.add("a", server.port)
        person.fetch("--quiet", status=None, before=("strace", "-f", "-o", "/dev/null", "-e", "trace=renameat2", "-e",
                                                     "inject=renameat2:signal=KILL:when=1"))
        assert len(person.files("a", "tmp")) == len(ALL) and not person.mail("a")
        os.rename(person.home + "/a/tmp", person.home + "/a/old")
        os.mkdir(person.home + "/a/tmp", 0o700)
        assert "for 6 nobody can tell" in person.fetch().output
    assert person.mail("a") == ALL and not maildrop.messages
