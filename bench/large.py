"""Login and STAT of maildrops of many sizes; and many sessions at once."""

import glob
import json
import os
import shutil
import subprocess
import time

import maildrops
import rows
import servers
from measures import Bench, Holder, NAMES, USERS, say

# What each server remembers beside the mail; removed for a cold start.
CACHES = {"restante": ("restante-index*",), "Dovecot": ("dovecot*",)}
STEPS = 5               # a round of logins goes so often through all sizes: the machine has its moods
INDEX_SECONDS = 30      # within which an index that is written after the session must be there
RATE, BESIDE_SECONDS = 200, 10
HELD_RUN = "beside"

WORDS = {f"large {size}": f"{size:,} messages, warm" for size in rows.LARGE_SIZES}
WORDS.update({run: f"{rows.LARGE_COMPARED:,} messages, {words}" for run, words in rows.COLD.items()})


def few_logins(logins):
    """Who takes long for a login is known after a few."""
    return max(3, logins // 100)


class Large(Bench):
    """Maildirs of hard links to the same messages: what counts here is how many there are."""

    def prepare_large(self):
        place = self.room("large")
        sizes = [size for size in rows.LARGE_SIZES if size <= self.options.large]
        files = sum(size if size > rows.LARGE_COMPARED else 1 for size in sizes)
        problem = maildrops.room_needed(place, rows.LARGE_COMPARED, rows.LARGE_COMPARED * 4096 + files * 100)
        if problem:
            raise servers.Failure(problem)
        say("writing large maildrops")
        pool = maildrops.Pool(place + "/pool", min(rows.LARGE_COMPARED, sizes[-1]), servers.MAIL_UID,
                              servers.MAIL_UID)
        self.large_sizes = sizes
        self.large_servers = []
        variants = [one for one in servers.DOVECOT_VARIANTS if one != "stock" and self.wanted("Dovecot " + one)]
        if variants and rows.LARGE_COMPARED in sizes:
            # One tree for both: they keep the same files beside the mail, and never run at once.
            mail = self.mail_tree(place + "/mail-dovecot", pool, [rows.LARGE_COMPARED])
            self.large_servers += [servers.Dovecot(one, self.room("large", one), mail, self.certificate,
                                                   self.key, self.large_names()) for one in variants]
        if self.wanted("restante"):
            mail = self.mail_tree(place + "/mail-restante", pool, sizes)
            self.large_servers.append(servers.Restante(
                self.room("large", "restante"), mail, self.certificate, self.key, self.large_names(), self.build))
        self.columns["large"] = self.large_servers

    def large_names(self):
        return [f"sized{size}" for size in self.large_sizes] + [f"bare{rows.LARGE_COMPARED}"]

    def mail_tree(self, directory, pool, sizes):
        os.mkdir(directory)
        os.chown(directory, servers.MAIL_UID, servers.MAIL_UID)
        for size in sizes:
            pool.link(f"{directory}/sized{size}", size, True)
        if rows.LARGE_COMPARED in sizes:
            pool.link(f"{directory}/bare{rows.LARGE_COMPARED}", rows.LARGE_COMPARED, False)
        return directory

    def measure_large(self):
        self.prepare_large()
        for server in self.large_servers:
            sizes = self.large_sizes if server.ours else [rows.LARGE_COMPARED]
            runs = [f"large {size}" for size in sizes] + list(rows.COLD)
            if self.start(server, runs):
                try:
                    self.measure_one(server, sizes)
                except servers.Failure as failure:
                    self.failed(server, runs, failure)
                finally:
                    server.stop()
        shutil.rmtree(self.place + "/large")

    def measure_one(self, server, sizes):
        for size in sizes:
            say(f"opening {size:,} messages for the first time: {server.name}")
            self.stat(server, f"sized{size}", size, 1)
        time.sleep(1)       # a directory that changed just now is not believed to be known
        for size in sizes:
            self.stat(server, f"sized{size}", size, 20)
        count, steps = (self.options.logins, STEPS) if server.ours else (few_logins(self.options.logins), 1)
        for _ in range(self.options.rounds * steps):
            for size in sizes:
                self.stat(server, f"sized{size}", size, count // steps, f"large {size}")
        if rows.LARGE_COMPARED not in sizes:
            return
        for run, name in zip(rows.COLD, ("sized", "bare")):
            name += str(rows.LARGE_COMPARED)
            self.stat(server, name, rows.LARGE_COMPARED, 1)
            for _ in range(self.options.rounds):
                self.forget(server, name)
                maildrops.warm(self.place + "/large/pool")
                self.stat(server, name, rows.LARGE_COMPARED, 1, run)

    def stat(self, server, user, messages, count, run=None):
        report = self.run_popload(server, ["stat"], "--user", user, "--users", "1-1", "--count", str(count),
                                  "--expect", str(messages), "--timeout", "300")
        if run:
            self.keep(server, run, wall=report["p50_us"] / 1000, cpu=report["cpu_seconds"] / count * 1000)

    def forget(self, server, user):
        """Removes what the server knows about a maildrop, once it has written it."""
        word = server.name.split()[0]
        place = f"{server.mail}/{user}"
        patterns = [f"{place}/{pattern}" for pattern in CACHES[word]]
        for _ in range(INDEX_SECONDS * 10):
            found = [path for pattern in patterns for path in glob.glob(pattern)]
            if found:
                break
            time.sleep(0.1)
        else:
            raise servers.Failure(f"{server.name} writes nothing beside the mail")
        for path in found:
            os.unlink(path)


class Crowd(Bench):
    """Many sessions are held, logged in, while others come and go at a steady rate."""

    def prepare_crowd(self):
        place = self.room("crowd")
        count = self.options.crowd
        problem = maildrops.room_needed(place, 6 * count, count * 4096 * 6)
        if problem:
            raise servers.Failure(problem)
        say(f"writing {count:,} maildrops")
        maildrops.make(place + "/mail", USERS, maildrops.HELD_MESSAGES, count, True)
        uids = self.crowd_uids()
        owners = {name: uids[number % len(uids)]
                  for number, name in enumerate(maildrops.user_names(1, USERS + count))}
        for name, uid in owners.items():
            maildrops.give_away(f"{place}/mail/{name}", uid, uid)
        server = servers.Restante(self.room("crowd", "restante"), place + "/mail", self.certificate, self.key,
                                  owners, self.build)
        self.columns["held"] = [server]
        return server

    def crowd_uids(self):
        """One, if a process may have as many descriptors as all sessions need; it has two for each."""
        each = servers.descriptors_allowed() - 1000
        return range(servers.MAIL_UID, servers.MAIL_UID + -(-2 * (self.options.crowd + USERS) // each))

    def measure_crowd(self):
        server = self.prepare_crowd()
        server.start()
        try:
            say(f"holding {self.options.crowd:,} sessions")
            users = f"{USERS + 1}-{USERS + self.options.crowd}"
            with Holder(self, server, [], users, self.options.crowd) as holder:
                for _ in range(self.options.rounds):
                    self.keep_beside(server, self.poll_beside(server))
            say(f"{holder.lost} sessions lost")
            for figures in self.figures[server.name, HELD_RUN]:
                figures["lost sessions"] = holder.lost
        finally:
            server.stop()
        shutil.rmtree(self.place + "/crowd")

    def keep_beside(self, server, report):
        self.keep(server, HELD_RUN, rate=report["per_second"], p50=report["p50_us"] / 1000,
                  p99=report["p99_us"] / 1000, max=report["max_us"] / 1000, **{"failed polls": report["errors"]})

    def poll_beside(self, server):
        """Polls that begin by the clock; a late answer is late from when its poll should have begun."""
        done = subprocess.run(
            self.popload(server, ["poll"], "--user", NAMES, "--users", f"1-{USERS}", "--concurrency", str(USERS),
                         "--rate", str(RATE), "--seconds", str(BESIDE_SECONDS), "--expect",
                         str(maildrops.HELD_MESSAGES)),
            stdout=subprocess.PIPE, text=True, check=False, preexec_fn=servers.raise_limits)
        return json.loads(done.stdout)
