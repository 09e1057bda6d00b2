"""Debian's other POP3 servers: Courier, popa3d and GNU Mailutils' pop3d.

Their packages exclude each other and Dovecot's, and each would start its daemon. So they are not
installed but unpacked, with what they need, and each runs in a room of its own (see enclosure.py).
Users are system users there, checked by PAM as these packages have it.
"""

import os
import re
import shutil
import subprocess
import sys

import servers

# Not what serves POP3: the mail transport that courier-base wants, the Scheme that a library has.
NOT_NEEDED = re.compile(r"exim4|guile")
# crypt() of the password in its cheapest form: what hashing costs is not to be compared here.
PASSWORD_HASH = "abNANd1rDfiNc"
POP3_PORT = 110     # in a network of its own
MERGED = ("bin", "sbin", "lib", "lib64")


def needed(packages):
    """These packages and what they need that is not installed here."""
    done = subprocess.run(["apt-get", "install", "-s", "--no-install-recommends", *packages],
                          env=dict(os.environ, LC_ALL="C"), capture_output=True, text=True, check=False)
    names = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("Inst ")]
    # What is installed already is fetched once more: its files may have been changed here.
    return [name for name in dict.fromkeys([*packages, *names]) if not NOT_NEEDED.match(name)]


def download(packages, directory):
    done = subprocess.run(["apt-get", "download", "-q", *packages], cwd=directory, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise servers.Failure("apt-get download: " + done.stderr.strip().splitlines()[-1])


def unpack(packages, directory):
    """Debian's packages and their dependencies as a tree of files, named after the first; returns the tree."""
    package = packages[0]
    tree, marker = f"{directory}/{package}", f"{directory}/{package}/unpacked"
    if os.path.exists(marker):
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree + "/debs")
    os.makedirs(tree + "/files/usr")
    for name in MERGED:
        os.mkdir(f"{tree}/files/usr/{name}")
        os.symlink("usr/" + name, f"{tree}/files/{name}")
    print(f"fetching {package}", file=sys.stderr, flush=True)
    try:
        download(needed(packages), tree + "/debs")
    except servers.Failure:
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)
        download(needed(packages), tree + "/debs")
    for name in os.listdir(tree + "/debs"):
        archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", f"{tree}/debs/{name}"], stdout=subprocess.PIPE,
                                 check=True).stdout
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", tree + "/files"], input=archive, check=True)
    version = next(name.split("_")[1] for name in os.listdir(tree + "/debs") if name.startswith(package + "_"))
    with open(marker, "w", encoding="ascii") as file:
        file.write(version.replace("%3a", ":"))
    return tree


class Peer(servers.Server):
    """One of them: a package, what it is told, how its daemons are started."""

    optional = True
    tls = False
    packages, title, point = (), None, None
    as_mbox = False
    concurrency_max = 4     # whose queue of new connections has room for 5 loses those beyond it
    daemon_users = ()

    def __init__(self, place, names, build):
        super().__init__(self.title, place)
        self.mail, self.names, self.build = place + "/mail", names, build
        self.version = None

    def configure(self):
        tree = unpack(self.packages, self.build + "/peers")
        self.version = f"{self.title} {servers.read(tree + '/unpacked')}"
        settings, room = self.directory + "/settings", self.directory + "/room"
        shutil.rmtree(settings, ignore_errors=True)
        os.makedirs(settings + "/etc/pam.d")
        os.makedirs(room, exist_ok=True)
        self.write_users(settings + "/etc")
        for kind in ("auth", "account", "password", "session"):
            self.write(f"settings/etc/pam.d/common-{kind}", f"{kind} required pam_unix.so\n")
        self.configure_daemon(tree + "/files")
        here = os.path.dirname(os.path.abspath(__file__))
        return [sys.executable, here + "/enclosure.py", room, tree + "/files", settings, self.mail, self.point]

    def write_users(self, etc):
        for name in ("passwd", "shadow", "group"):
            shutil.copy2("/etc/" + name, etc)
        with open(etc + "/passwd", "a", encoding="ascii") as passwd, \
                open(etc + "/shadow", "a", encoding="ascii") as shadow:
            for name in self.names:
                passwd.write(f"{name}:x:{servers.MAIL_UID}:{servers.MAIL_UID}::{self.point}/{name}:/bin/sh\n")
                shadow.write(f"{name}:{PASSWORD_HASH}:19000:0:99999:7:::\n")
            for name in self.daemon_users:
                passwd.write(f"{name}:x:{servers.LOGIN_UID}:{servers.LOGIN_UID}::/nonexistent:/bin/sh\n")
        with open(etc + "/group", "a", encoding="ascii") as group:
            group.write("".join(f"{name}:x:{servers.LOGIN_UID}:\n" for name in self.daemon_users))

    def wait_until_ready(self):
        self.port = POP3_PORT
        self.wait_for(self.listens)

    def listens(self):
        for name in ("tcp", "tcp6"):
            for line in servers.read(f"/proc/{self.process.pid}/net/{name}").splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(f":{POP3_PORT:04X}") and fields[3] == "0A":
                    return True
        return False

    def client_prefix(self):
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", "--"]


class Courier(Peer):
    packages, title, point = ("courier-pop",), "Courier", "/home"
    concurrency_max = 1000
    daemon_users = ("courier",)

    def configure_daemon(self, files):
        text = servers.read(files + "/etc/courier/pop3d")
        # Stock but for its limits, which are for one person's host, and the name of the Maildir.
        for key, value in (("MAXDAEMONS", 1000), ("MAXPERIP", 1000), ("MAILDIRPATH", ".")):
            text = re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", text)
        os.makedirs(self.directory + "/settings/etc/courier")
        self.write("settings/etc/courier/pop3d", text)
        os.makedirs(self.directory + "/settings/run/courier/authdaemon")
        self.write("settings/start", "authdaemond start\npop3d start\n")


class Popa3d(Peer):
    packages, title, point = ("popa3d", "openbsd-inetd"), "popa3d", "/var/mail"
    concurrency_max = 32
    as_mbox = True
    daemon_users = ("popa3d",)

    def configure_daemon(self, files):
        os.makedirs(self.directory + "/settings/var/lib/popa3d")
        # By itself (-D) it serves a client only so often in ten seconds; inetd can be told not to.
        self.write("settings/etc/inetd.conf", "110 stream tcp nowait.1000000 root /usr/sbin/popa3d popa3d\n")
        self.write("settings/start", "inetd -R 1000000\n")


MAILUTILS_CONFIGURATION = """\
mode daemon;
max-children 1000;
server 0.0.0.0:110 { };
auth { authentication pam; authorization system; };
pam { service "pop3"; };
mailbox { mail-spool /var/mail; };
"""


class Mailutils(Peer):
    packages, title, point = ("mailutils-pop3d",), "Mailutils", "/var/mail"
    as_mbox = True

    def configure_daemon(self, files):
        self.write("settings/etc/mailutils.conf", MAILUTILS_CONFIGURATION)
        self.write("settings/etc/pam.d/pop3", "auth required pam_unix.so\naccount required pam_unix.so\n")
        self.write("settings/start", "pop3d --daemon --foreground &\n")


PEERS = (Courier, Popa3d, Mailutils)
