"""The mail that every server under test gets: the same messages under the same names.

File names are those that Dovecot gives at delivery: seconds.MmicrosecondsPprocess.host, then the
size on disk (S=) and on the wire (W=), which saves it (and whoever else believes them) to read a
message for its size.
"""

import os
import random
import shutil

FIRST_TIME = 1700000000
MEDIAN_SIZE = 25000     # octets
SIGMA = 0.9             # of the logarithm: about one message in ten is over 80 KB
SIZE_MIN, SIZE_MAX = 1200, 1000000
HELD_MESSAGES = 2       # in the maildrops of the users who only hold a session
HELD_SIZE = 1500


def lines_pool(dice):
    """Lines to build messages from: text, quoted text, base64, empty ones, some that begin with a dot."""
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 10))) for _ in range(500)]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    pool = []
    for _ in range(4000):
        kind = dice.random()
        if kind < 0.45:
            pool.append("".join(dice.choices(letters, k=76)))
        elif kind < 0.85:
            pool.append(" ".join(dice.choices(words, k=dice.randint(3, 11))))
        elif kind < 0.92:
            pool.append("> " + " ".join(dice.choices(words, k=dice.randint(3, 9))))
        elif kind < 0.99:
            pool.append("")
        else:
            pool.append("." + " ".join(dice.choices(words, k=3)))
    return pool


def message(dice, pool, user, number, size):
    """A message of about that size, with the line ends of a Unix file."""
    head = [
        f"Return-Path: <sender{number}@example.org>",
        f"Received: from mx.example.org by mail.example.com with ESMTPS id {dice.getrandbits(48):012x};",
        "\tTue, 14 Nov 2023 22:13:20 +0000",
        f"Message-ID: <{dice.getrandbits(64):016x}@example.org>",
        f"From: Sender {number} <sender{number}@example.org>",
        f"To: {user}@example.com",
        f"Subject: message {number} of {user}",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
        "",
    ]
    body = []
    left = size - sum(map(len, head))
    while left > 0:
        line = dice.choice(pool)
        body.append(line)
        left -= len(line) + 1
    return ("\n".join(head + body) + "\n").encode("ascii")


def write_maildir(directory, dice, pool, user, sizes, with_sizes):
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(directory, part))
    for number, size in enumerate(sizes, 1):
        text = message(dice, pool, user, number, size)
        name = f"{FIRST_TIME + number}.M{dice.randint(0, 999999)}P{dice.randint(300, 32000)}.mail"
        if with_sizes:
            name += f",S={len(text)},W={len(text) + text.count(10)}"
        with open(os.path.join(directory, "cur", name + ":2,"), "wb") as file:
            file.write(text)


def make(directory, users, messages, held_users, with_sizes):
    """Writes the maildrops of user1 to userN, and of the held users behind them; returns total octets."""
    dice = random.Random(1939)
    pool = lines_pool(dice)
    for number in range(1, users + held_users + 1):
        user = f"user{number}"
        if number <= users:
            sizes = [
                min(SIZE_MAX, max(SIZE_MIN, int(MEDIAN_SIZE * dice.lognormvariate(0, SIGMA))))
                for _ in range(messages)
            ]
        else:
            sizes = [HELD_SIZE] * HELD_MESSAGES
        write_maildir(os.path.join(directory, user), dice, pool, user, sizes, with_sizes)


def copy(origin, directory, uid, gid):
    """A copy of its own for one server, owned by the user that serves it."""
    shutil.copytree(origin, directory)
    for path, _, files in os.walk(directory):
        os.chown(path, uid, gid)
        os.chmod(path, 0o700)
        for name in files:
            os.chown(os.path.join(path, name), uid, gid)
            os.chmod(os.path.join(path, name), 0o600)
