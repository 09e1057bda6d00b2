"""The mail that every server under test gets: the same messages under the same names.

File names are those that Dovecot gives at delivery: seconds.MmicrosecondsPprocess.host, then the
size on disk (S=) and on the wire (W=), which saves it (and whoever else believes them) to read a
message for its size.
"""

import os
import random
import shutil
import subprocess

FIRST_TIME = 1700000000
MEDIAN_SIZE = 25000     # octets
SIGMA = 0.9             # of the logarithm: about one message in ten is over 80 KB
SIZE_MIN, SIZE_MAX = 1200, 1000000
HELD_MESSAGES = 2       # in the maildrops of the users who only hold a session
HELD_SIZE = 1500
SMALL_NAMES = [f"small{n}" for n in range(1, 5)]
SMALL_MESSAGES, SMALL_SIZE = 50, 1000
LARGE_SIZE = 2000       # of the messages in maildrops that have very many


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


def user_names(first, count):
    return [f"user{n}" for n in range(first, first + count)]


def make(directory, users, messages, held_users, with_sizes):
    """Writes the maildrops of user1 to userN, of the held users behind them, and of small1 to smallN."""
    dice = random.Random(1939)
    pool = lines_pool(dice)
    for name in user_names(1, users):
        sizes = [
            min(SIZE_MAX, max(SIZE_MIN, int(MEDIAN_SIZE * dice.lognormvariate(0, SIGMA))))
            for _ in range(messages)
        ]
        write_maildir(os.path.join(directory, name), dice, pool, name, sizes, with_sizes)
    for name in user_names(users + 1, held_users):
        sizes = [HELD_SIZE] * HELD_MESSAGES
        write_maildir(os.path.join(directory, name), dice, pool, name, sizes, with_sizes)
    for name in SMALL_NAMES:
        write_maildir(os.path.join(directory, name), dice, pool, name, [SMALL_SIZE] * SMALL_MESSAGES, with_sizes)


def give_away(directory, uid, gid):
    """Everything there belongs to the user that serves it."""
    for path, _, files in os.walk(directory):
        os.chown(path, uid, gid)
        os.chmod(path, 0o700)
        for name in files:
            os.chown(os.path.join(path, name), uid, gid)
            os.chmod(os.path.join(path, name), 0o600)


def copy(origin, directory, uid, gid):
    """A copy of its own for one server."""
    shutil.copytree(origin, directory)
    give_away(directory, uid, gid)


def messages_of(maildir):
    """The messages of a Maildir, oldest first."""
    directory = os.path.join(maildir, "cur")
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), "rb") as file:
            yield file.read()


def copy_as_mbox(origin, names, directory, uid, gid):
    """The same messages, a file for each user. No line of theirs begins with "From "."""
    os.mkdir(directory)
    for name in names:
        with open(os.path.join(directory, name), "wb") as file:
            for text in messages_of(os.path.join(origin, name)):
                file.write(b"From sender@example.org Tue Nov 14 22:13:20 2023\n" + text + b"\n")
    give_away(directory, uid, gid)
    os.chmod(directory, 0o1777)     # for lock files


def copy_as_wire(origin, names, directory):
    """The same messages as they are sent, for copyfloor.c: "1", "2", ... and the answer to LIST."""
    for name in names:
        os.makedirs(os.path.join(directory, name))
        listing = []
        for number, text in enumerate(messages_of(os.path.join(origin, name)), 1):
            text = text.replace(b"\n", b"\r\n")
            listing.append(f"{number} {len(text)}\r\n")
            with open(os.path.join(directory, name, str(number)), "wb") as file:
                file.write((b"\n" + text).replace(b"\n.", b"\n..")[1:])
        with open(os.path.join(directory, name, "list"), "w", encoding="ascii", newline="") as file:
            file.write("".join(listing))


def spread(directory):
    """The directories made in it are to lie apart on the disk. ext4 does not give out an inode again for minutes after
    its file was removed, and looks past each of them when it makes a file in the same part of the disk."""
    subprocess.run(["chattr", "+T", directory], capture_output=True, check=False)


def warm(directory):
    """Into the page cache with it, where it may not have stayed: disks are not compared."""
    for path, _, files in os.walk(directory):
        for name in files:
            with open(os.path.join(path, name), "rb") as file:
                while file.read(1 << 20):
                    pass


def room_needed(directory, files, octets):
    """Why so many files do not fit there; None when they do."""
    have = os.statvfs(directory)
    if have.f_favail and have.f_favail < files + files // 4:
        return f"{directory} has {have.f_favail} free inodes, not {files + files // 4}"
    if have.f_bavail * have.f_frsize < octets + octets // 4:
        return f"{directory} has no room for {octets // 1000000} MB"
    return None


class Pool:
    """Many small messages that Maildirs of any size are made from with hard links."""

    def __init__(self, directory, count, uid, gid):
        dice = random.Random(1939)
        lines = lines_pool(dice)
        texts = [message(dice, lines, "many", number, LARGE_SIZE) for number in range(64)]
        os.mkdir(directory)
        self.files = []
        for number in range(count):
            text = texts[number % len(texts)]
            path = os.path.join(directory, str(number))
            with open(path, "wb") as file:
                file.write(text)
            os.chown(path, uid, gid)
            self.files.append((path, f",S={len(text)},W={len(text) + text.count(10)}"))
        self.uid, self.gid = uid, gid

    def link(self, directory, count, with_sizes):
        for part in ("", "cur", "new", "tmp"):
            os.makedirs(os.path.join(directory, part), exist_ok=True)
            os.chown(os.path.join(directory, part), self.uid, self.gid)
        for number in range(count):
            path, sizes = self.files[number % len(self.files)]
            name = f"{FIRST_TIME + number}.M{number % 1000000}P{number % 30000}.mail"
            os.link(path, os.path.join(directory, "cur", name + (sizes if with_sizes else "") + ":2,"))
