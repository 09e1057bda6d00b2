"""What is measured, what each figure must reach, and how that is printed."""

import statistics

SAME_PART = 0.2     # "the same" is ± so much


class Check:
    """What restante's figure is held against: a ratio to somebody's, or a fixed bound."""

    def __init__(self, against, limit=None, words=None, least=None):
        self.against, self.limit, self.words, self.least = against, limit, words, least

    def met(self, ratio, more_is_better):
        if self.against == "same" and self.limit is None:
            return abs(ratio - 1) <= SAME_PART
        if self.limit is not None:
            return ratio <= self.limit
        if self.least is not None:
            return ratio >= self.least
        return ratio > 1 if more_is_better else ratio < 1


def at_most_part(part):
    return Check("tuned", 1 / part, f"≤ 1/{part} of Dovecot tuned")


def at_most_times(kind, times):
    return Check(kind, times, f"≤ {times} × {kind}")


def at_least_times(against, times, whom):
    return Check(against, None, f"≥ {times} × {whom}", times)


def bound(value, unit, words=None):
    """The ratio is that of the figure to the value."""
    check = Check("bound", 1, words or f"≤ {value} {unit}")
    check.value = value
    return check


AHEAD_OF_TUNED = Check("tuned", None, "ahead of Dovecot tuned")
AHEAD_OF_ALL = Check("peers", None, "ahead of every peer")


class Row:
    """One figure of one kind of run."""

    def __init__(self, title, run, measure, unit, *checks, digits=0, more_is_better=False, like=None):
        self.title, self.run, self.measure, self.unit, self.checks = title, run, measure, unit, checks
        self.digits, self.more_is_better, self.like = digits, more_is_better, like



def polls(run, *cpu_checks):
    return [Row("polls/s", run, "rate", "", AHEAD_OF_ALL, more_is_better=True),
            Row("server CPU per poll", run, "cpu", "µs", at_most_part(3), *cpu_checks)]


def downloads(run, *cpu_checks):
    return [Row("MB/s", run, "rate", "", AHEAD_OF_ALL, more_is_better=True),
            Row("server CPU per GB", run, "cpu", "s", at_most_part(3), *cpu_checks, digits=2)]


def memory(run, title, check, most):
    return [Row(title, run, "memory", "KiB", check, *([bound(most, "KiB")] if most else []), digits=1)]


# The sizes of maildrops that login and STAT are timed with; all are held against the first.
LARGE_SIZES = (10, 1000, 100000, 1000000)
LARGE_COMPARED = 100000     # where Dovecot is measured, too
COLD = {"cold": "index removed, sizes in the names", "cold bare": "index removed, no sizes in the names"}


def large_rows():
    rows = []
    for size in LARGE_SIZES:
        run = f"large {size}"
        same = [Check("same", None, f"±{SAME_PART:.0%} of {LARGE_SIZES[0]} messages")]
        checks = same if size != LARGE_SIZES[0] else []
        if size == LARGE_COMPARED:
            checks = [bound(1, "ms", "< 1 ms"), *same, AHEAD_OF_TUNED]
        rows += [Row("login and STAT", run, "wall", "ms", *checks, digits=3, like=f"large {LARGE_SIZES[0]}"),
                 Row("server CPU", run, "cpu", "ms", digits=3)]
    for run in COLD:
        rows += [Row("login and STAT", run, "wall", "ms", at_most_part(3), digits=1),
                 Row("server CPU", run, "cpu", "ms", digits=1)]
    return rows


def held_rows(run):
    return [Row("polls that failed", run, "failed polls", "", bound(0, "", "none")),
            Row("sessions that were lost", run, "lost sessions", "", bound(0, "", "none")),
            Row("polls/s", run, "rate", "", more_is_better=True),
            Row("latency, median", run, "p50", "ms", digits=2),
            Row("latency, p99", run, "p99", "ms", bound(20, "ms", "< 20 ms"), digits=2),
            Row("latency, longest", run, "max", "ms", digits=2)]


def deliveries(run, *rate_checks, ahead=(AHEAD_OF_ALL,)):
    return [Row("deliveries/s", run, "rate", "", *rate_checks, *ahead, more_is_better=True),
            Row("server CPU per delivery", run, "cpu", "µs", *ahead),
            Row("latency of a message, median", run, "p50", "ms", digits=2),
            Row("latency of a message, p99", run, "p99", "ms", digits=2),
            Row("written to the disk per delivery", run, "written", "KiB", digits=1)]


def fetch_rows():
    mpop = at_most_times("mpop", 0.7)
    rows = []
    for run in ("fetch restante", "fetch dovecot"):
        rows += [Row("time", run, "time", "s", mpop, digits=2),
                 Row("time without the delay", run, "transfer", "s", digits=2),
                 Row("round trips: the difference / 0.1 s", run, "round trips", "", bound(6, "", "≤ 6"), digits=1),
                 Row("turns: it spoke again when answered", run, "turns", "")]
    return rows + [
        Row("time", "fetch twenty", "time", "s", Check("same", 2, "≤ 2 × one account"), digits=2, like="fetch restante"),
        Row("memory, VmHWM", "fetch twenty", "memory", "MiB", digits=1),
        Row("memory, VmHWM", "fetch huge", "memory", "MiB", bound(8, "MiB", "< 8 MiB"), digits=1),
        Row("MB/s", "fetch huge", "rate", "", more_is_better=True)]


# Section: (group that measures it, title, rows).
SECTIONS = [
    ("polls", "Polls", [
        *polls("poll clear", at_most_times("floor", 2.5)),
        *polls("poll tls full", at_most_times("floor", 1.3)),
        *polls("poll tls resumed", at_most_times("floor", 1.3)),
    ]),
    ("downloads", "Downloads", [
        *downloads("download clear", at_most_times("copy floor", 2)),
        *downloads("download tls"),
        Row("MB/s", "one sequential", "rate", "", AHEAD_OF_ALL, more_is_better=True),
        Row("MB/s", "one pipelined", "rate", "", AHEAD_OF_ALL, more_is_better=True),
        Row("time per message", "small sequential", "each", "µs", AHEAD_OF_ALL),
        Row("time per message", "small pipelined", "each", "µs", AHEAD_OF_ALL),
    ]),
    ("memory", "Memory", [
        *memory("held clear", "memory per connection", AHEAD_OF_TUNED, 2),
        *memory("held tls", "memory per connection", AHEAD_OF_TUNED, None),
        *memory("held clear in", "memory per session", at_most_part(10), 6),
        *memory("held tls in", "memory per session", at_most_part(10), 40),
    ]),
    ("large", "Size of the maildrop", large_rows()),
    ("deliver", "Delivery", [
        *deliveries("deliver 1", at_least_times("disk floor", 0.7, "disk floor")),
        # How most MTAs do it; the talk with them is not the server's work.
        *deliveries("lock-step 1", ahead=()),
        *deliveries("deliver 16", at_least_times("peers", 3, "Dovecot always")),
        *deliveries("deliver 64"),
        *deliveries("fifty 1"),
        *deliveries("fifty 16"),
    ]),
    ("held", "Many sessions", held_rows("beside")),
    ("fetch", "Collecting mail", fetch_rows()),
]
GROUPS = [section[0] for section in SECTIONS]


class Table:
    """The figures of one section, as Markdown."""

    def __init__(self, rows, words, servers, figures, failures):
        self.rows, self.words, self.figures, self.failures = rows, words, figures, failures
        self.servers = [server for server in servers if any(self.seen(server, row) for row in rows)]
        self.ours = next((server for server in self.servers if server.ours), None)
        self.good = True

    def seen(self, server, row):
        return (server.name, row.run) in self.figures or (server.name, row.run) in self.failures

    def value(self, server, row, run=None):
        kept = [one[row.measure] for one in self.figures.get((server.name, run or row.run), [])
                if row.measure in one]
        return statistics.median(kept) if kept else None

    def references(self, check, row):
        """Figures that ours is held against, by server where it is one's."""
        if check.against == "bound":
            return {None: check.value}
        if check.against == "same":
            return {None: self.value(self.ours, row, row.like)}
        of_kind = {
            "tuned": [server for server in self.servers if server.tuned],
            "peers": [server for server in self.servers if server.kind == "server" and not server.ours],
        }.get(check.against, [server for server in self.servers if server.kind == check.against])
        return {server: self.value(server, row) for server in of_kind}

    def judge(self, check, row):
        """The three last columns: ratio, requirement, met."""
        mine = self.value(self.ours, row) if self.ours else None
        references = self.references(check, row)
        theirs = [value for value in references.values() if value is not None]
        if mine is None or not theirs:
            # Who was not asked for is not missed; who was and failed is.
            missed = any((server.name, row.run) in self.failures for server in [self.ours, *references] if server)
            self.good = self.good and not missed
            return ["", check.words, "not measured" if missed else ""]
        best = max(theirs) if row.more_is_better else min(theirs)
        ratio = mine / best if best else (1 if mine <= best else float("inf"))
        met = check.met(ratio, row.more_is_better)
        self.good = self.good and met
        shown = "" if not best else f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}"
        return [shown, check.words, "yes" if met else "**no**"]

    def cell(self, server, row):
        value = self.value(server, row)
        if value is None:
            return "failed" if (server.name, row.run) in self.failures else ""
        return f"{value:,.{row.digits}f}"

    def row_lines(self, row):
        unit = f", {row.unit}" if row.unit else ""
        figures = [self.cell(server, row) for server in self.servers]
        yield [row.title + unit, *figures, *(self.judge(row.checks[0], row) if row.checks else [""] * 3)]
        for check in row.checks[1:]:
            shown = [self.ours, *self.references(check, row)]
            cells = [figure if server in shown else "" for server, figure in zip(self.servers, figures)]
            yield ["the same", *cells, *self.judge(check, row)]

    def lines(self):
        yield "| | " + " | ".join(server.name for server in self.servers) + " | ratio | must be | met |"
        yield "|---|" + "---:|" * (len(self.servers) + 1) + "---|---|"
        run = None
        for row in self.rows:
            if not any(self.seen(server, row) for server in self.servers):
                continue
            if row.run != run:
                run = row.run
                yield f"| **{self.words[run]}** |" + " |" * (len(self.servers) + 3)
            for cells in self.row_lines(row):
                yield "| " + " | ".join(cells) + " |"
