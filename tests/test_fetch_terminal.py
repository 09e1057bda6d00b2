"""restante fetch on a terminal: a line for each account that is at work, in place, and nothing of it for anybody else."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

import pytest

import restante
from collector import OK, Collector
from hostile import Hostile, Maildrop, whole

MESSAGES = {"uidl-%d" % number: b"Subject: a\r\n\r\n" + b"12345678\r\n" * 1000 for number in range(4)}

COLOUR = re.compile(r"\033\[\d+m")
ERASURE = re.compile(r"(\033\[A\r\033\[K)")
# "a  2 of 4  20.2 kB of 40.0 kB  5.1 kB/s  0:03 left"
LINE = re.compile(r"\b(\w+)  ([0-4]) of 4  (\S+ \w+) of 40\.0 kB(?:  (\S+ \w+/s))?(?:  (\d+:\d\d) left)?")


class Terminal:
    """What a program of a person does on a terminal of so many columns: shown grows while it runs."""

    def __init__(self, person, *words, columns=100, **environment):
        self.shown = ""
        self.end, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        # No line end is made of another: what is seen is what was written.
        mode = termios.tcgetattr(other)
        mode[1] &= ~termios.OPOST
        termios.tcsetattr(other, termios.TCSANOW, mode)
        self.process = subprocess.Popen(person.command(*words), stdin=other, stdout=other, stderr=other,
                                        env={"TERM": "xterm", **person.environ(), **environment}, cwd=person.home)
        os.close(other)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        octets = b""
        while True:
            try:
                octets += os.read(self.end, 65536)
            except OSError:  # nobody has the other end any more
                return
            self.shown = octets.decode(errors="replace")

    def lines(self):
        """How far the accounts were: what LINE finds."""
        return LINE.findall(ERASURE.sub("", COLOUR.sub("", self.shown)))

    def finish(self):
        assert self.process.wait(restante.PATIENCE_SECONDS) == OK, self.shown
        self.reader.join(restante.PATIENCE_SECONDS)
        os.close(self.end)
        assert not restante.SANITIZER.search(self.shown), self.shown
        return self.shown


def screen(shown):
    """The lines that stand there in the end: up a line, its begin, and its rest erased are all that is ever used."""
    lines = [""]
    for part in re.split("(\n)|" + ERASURE.pattern, COLOUR.sub("", shown)):
        if part == "\n":
            lines.append("")
        elif part and ERASURE.fullmatch(part):
            lines = lines[:-2] + [""]
        else:
            lines[-1] += part or ""
    assert "\033" not in "".join(lines), repr(shown)
    return lines


@pytest.fixture
def halves(tmp_path):
    """A person with two accounts whose servers have little to say in the third message until `go` is set."""
    go = threading.Event()

    def slow(talk, _):
        for line in whole(MESSAGES["uidl-2"]).splitlines(keepends=True):
            yield line
            go.wait(0.01)

    drops = {"127.0.0.%d" % number: Maildrop(MESSAGES, {"RETR 3": slow}) for number in (1, 2)}
    with Hostile(drops) as server:
        person = Collector(str(tmp_path / "home"))
        for name, host in zip("ab", drops):
            person.add(name, server.port, host=host)
        person.go = go
        yield person


DONE = {"%s: 4 messages (40.0 kB) fetched, 4 deleted on the server" % name for name in "ab"}


def test_a_line_for_each_account(halves):
    """With messages, octets, rate and time left; in the end there is what a run without a terminal says, and no more."""
    terminal = Terminal(halves, "fetch")
    for name in "ab":
        restante.wait_until(lambda name=name: [line for line in terminal.lines() if line[:2] == (name, "2") and all(line)],
                            "a line with everything")
    halves.go.set()
    shown = terminal.finish()
    assert all(re.fullmatch(r"2\d\.\d kB", line[2]) for line in terminal.lines() if line[1] == "2"), shown
    assert set(screen(shown)) == {*DONE, ""}
    assert "\033[36ma  " in shown and "\033[32ma: " in shown


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"NO_COLOR": ""}])
def test_no_colour(halves, environment):
    halves.go.set()
    shown = Terminal(halves, "fetch", **environment).finish()
    assert bool(COLOUR.search(shown)) == (environment["NO_COLOR"] == "")
    assert set(screen(shown)) == {*DONE, ""}


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_terminal_that_cannot_do_it(halves, environment):
    halves.go.set()
    shown = Terminal(halves, "fetch", **environment).finish()
    assert "\033" not in shown and set(shown.split("\n")) == {*DONE, ""}


@pytest.mark.parametrize("words", [["fetch", "--quiet"], ["fetch", "--json"]])
def test_no_lines_where_nobody_wants_them(halves, words):
    halves.go.set()
    shown = Terminal(halves, *words).finish()
    assert "\033" not in shown and not LINE.search(shown)
    assert (shown == "") == ("--quiet" in words)


def test_a_narrow_terminal(halves):
    """No line reaches the edge, where it would go on in the next."""
    terminal = Terminal(halves, "fetch", columns=16)
    restante.wait_until(lambda: "a  2 of 4" in COLOUR.sub("", terminal.shown), "the account")
    halves.go.set()
    for line in COLOUR.sub("", terminal.finish()).split("\n"):
        if " of " in line:
            assert len(ERASURE.sub("", line)) <= 15, line


def test_a_pipe_is_quiet(halves):
    """Nor is there a line for a program that reads, whatever TERM says."""
    halves.go.set()
    halves.environment["TERM"] = "xterm"
    output = halves.fetch().output
    assert "\033" not in output and set(output.split("\n")) == {*DONE, ""}
