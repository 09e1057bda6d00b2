"""Debian's Postfix, Exim and OpenSMTPD for a test, each in a room of its own (room.sh) where it finds the files and
the users that its package would have made. It listens on a port of 127.0.0.1 and hands over as a snippet of contrib/
says, in which only the paths are others."""

import contextlib
import os
import re
import signal
import smtplib
import subprocess

import restante
from restante import PATIENCE_SECONDS, TOP, wait_until

UNPACKED = TOP + "/build-mtas"  # see tools/mtas

# Whom the rooms know beside the users of the server; numbers that belong to nobody outside.
SYSTEM_UIDS = {"postfix": 20100, "postdrop": 20101, "Debian-exim": 20102, "opensmtpd": 20103, "opensmtpq": 20104,
               "courier": 20105, "popa3d": 20106, "cyrus": 20107}

DOMAIN = "example.org"


def missing():
    """Why no MTA can be started here, or None."""
    if not os.path.exists(UNPACKED + "/complete"):
        return "no mail servers in build-mtas/: see tools/mtas"
    return cannot_mount()


def cannot_mount():
    """Why no room can be made here, or None."""
    if os.geteuid() != 0:
        return "it takes root to give a mail server a room of its own"
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c",
                            "mount -t tmpfs room /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay -o "
                            "lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w room /mnt/r && mount -t proc proc /proc"],
                           capture_output=True, check=False)
    return None if tried.returncode == 0 else "nothing can be mounted here"


# What stands in the snippets of contrib/ for what is elsewhere in a test.
SNIPPET_PATHS = {"socket": "/run/restante/lmtp", "deliver": "/usr/bin/restante-deliver", "spool": "/var/mail/",
                 "virtual": "/var/mail/virtual"}


def contrib(name, **paths):
    """A snippet of contrib/ with other paths. Each must stand in it, or the snippet is not what is tried."""
    with open("%s/contrib/%s" % (TOP, name)) as file:
        text = file.read()
    for what, path in paths.items():
        assert SNIPPET_PATHS[what] in text, (name, what)
        text = text.replace(SNIPPET_PATHS[what], path)
    return text


class Mta:
    """What the three have in common. settings: path in the room -> text."""

    package, users, start = None, (), ""  # users: who must have accounts; start: commands, the last of which stays

    def __init__(self, directory, shared, people):
        """people: users (restante.User) who have accounts in the room, too. shared: what it sees of /tmp."""
        self.directory, self.shared, self.people = directory, shared, people
        self.port, = restante.free_ports(1)
        self.process = self.first = None
        self.settings = {}
        self.modes = {}

    def configure(self, snippet, **more):
        raise NotImplementedError

    def tree(self):
        """What was unpacked."""
        return "%s/%s" % (UNPACKED, self.package)

    def accounts(self):
        """passwd and group: the host's, and who is needed here."""
        passwd, group = ("".join(open(path)) for path in ("/etc/passwd", "/etc/group"))
        known = set(re.findall(r"(?m)^([^:]+):", passwd + group))
        for name in self.users:
            if name not in known:
                passwd += "%s:x:%d:%d::/nonexistent:/usr/sbin/nologin\n" % (
                    name, SYSTEM_UIDS[name], SYSTEM_UIDS[name])
                group += "%s:x:%d:\n" % (name, SYSTEM_UIDS[name])
        for user in self.people:
            passwd += "%s:x:%d:%d::%s:/bin/sh\n" % (user.name, user.uid, user.uid, user.home)
            group += "%s:x:%d:\n" % (user.name, user.uid)
        # The same number as the users': the first name of a number is the one that is found.
        if "vmail" not in known:
            passwd += "vmail:x:%d:%d::/nonexistent:/usr/sbin/nologin\n" % (restante.MAIL_UID, restante.MAIL_UID)
            group += "vmail:x:%d:\n" % restante.MAIL_UID
        return {"/etc/passwd": passwd, "/etc/group": group, "/etc/hosts": "127.0.0.1 localhost\n",
                "/etc/mailname": "mail.%s\n" % DOMAIN, "/etc/aliases": ""}

    def __enter__(self):
        tree = self.directory + "/settings"
        os.makedirs(self.directory + "/room")
        for path, text in {**self.accounts(), **self.settings}.items():
            os.makedirs(os.path.dirname(tree + path), exist_ok=True)
            with open(tree + path, "w") as file:
                file.write(text)
            os.chmod(tree + path, self.modes.get(path, 0o644))
        with open(tree + "/start-mta", "w") as file:
            file.write("#!/bin/sh -e\n" + self.start)
        with open(self.directory + "/output", "ab") as output:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "sh", "-e", TOP + "/tests/room.sh",
                 self.directory + "/room", self.tree(), tree, self.shared,
                 "/bin/sh", "-e", "/start-mta"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        try:
            wait_until(self.ready, self.package)
        except BaseException:
            self.__exit__()
            raise
        return self

    def log(self):
        with open(self.directory + "/output", errors="backslashreplace") as file:
            return file.read()

    def ready(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError, smtplib.SMTPException), \
                smtplib.SMTP("127.0.0.1", self.port, timeout=5) as client:
            children = restante.children_of(self.process.pid)
            self.first = children[0] if children else None
            return client.noop()[0] == 250 and self.first is not None
        return False

    def __exit__(self, *_):
        if self.process.poll() is not None:
            return
        # With the first process of the room goes everything in it; and unshare, which waits for it.
        for pid in restante.children_of(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)

    def run(self, *command, **more):
        """A command in the room; what it says."""
        done = subprocess.run(["nsenter", "--target", str(self.first), "--mount", "--pid", "--root",
                               "sh", "-c", 'cd / && exec "$@"', "sh", *command],
                              input=more.pop("input", ""), capture_output=True, text=True, timeout=PATIENCE_SECONDS,
                              check=False, **more)
        assert done.returncode == 0, done.stdout + done.stderr + self.log()
        return done.stdout

    def wait(self, happened, what):
        """wait_until(), with a log of what is there when it was in vain."""
        try:
            return wait_until(happened, what)
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, self.log())) from None

    def wait_queued(self, count):
        self.wait(lambda: self.queued() == count, "%d messages in the queue" % count)

    def wait_deferred(self, count):
        """So many messages in the queue, each of which was tried in vain."""
        self.wait(lambda: self.queued() == self.deferred() == count, "%d deferred messages" % count)

    def queued(self):
        raise NotImplementedError

    def deferred(self):
        raise NotImplementedError

    def flush(self):
        raise NotImplementedError


class Postfix(Mta):
    package, users = "postfix", ("postfix", "postdrop")
    start = """\
cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/
mkdir -p /etc/postfix/dynamicmaps.cf.d /var/lib/postfix /var/spool/postfix
chown postfix /var/lib/postfix
chgrp postdrop /usr/sbin/postdrop /usr/sbin/postqueue
chmod 2755 /usr/sbin/postdrop /usr/sbin/postqueue
newaliases
exec postfix start-fg
"""

    # Debian's, but for the port, and that nothing runs in a chroot whose files its package would have copied.
    MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
    MAIN = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
relayhost = [127.0.0.1]:1
maillog_file = /dev/stdout
smtpd_peername_lookup = no
message_size_limit = 20000000
mailbox_size_limit = 0
minimal_backoff_time = 1000s
queue_run_delay = 1000s
default_destination_concurrency_limit = 5
address_verify_poll_delay = 1s
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
"""

    def configure(self, main, master="", **more):
        """main, master: what stands at the end of main.cf and master.cf."""
        self.settings["/etc/postfix/main.cf"] = self.one_of_each(self.MAIN + main)
        self.settings["/etc/postfix/master.cf"] = self.MASTER.format(port=self.port) + master
        self.settings.update(more.get("files", {}))

    @staticmethod
    def one_of_each(text):
        """Postfix warns where a parameter is set twice: the last one holds."""
        found = {}
        for line in re.split(r"\n(?=[^\s#])", text):
            if "=" in line and not line.startswith("#"):
                found[line.split("=")[0].strip()] = line
        return "\n".join(found.values()) + "\n"

    def queued(self):
        return len(self.run("postqueue", "-j").splitlines())

    def deferred(self):
        return self.run("postqueue", "-j").count('"queue_name": "deferred"')

    def flush(self):
        self.run("postqueue", "-f")


class Exim(Mta):
    package, users = "exim4-daemon-light", ("Debian-exim",)
    start = """\
mkdir -p /var/spool/exim4 /var/log/exim4 /run/exim4
chown Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4 /run/exim4
exec exim4 -bdf -q1h
"""
    MAIN = """\
primary_hostname = mail.example.org
domainlist local_domains = example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
notifier_socket =
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
log_file_path = /var/log/exim4/%slog
log_selector = +all
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
message_size_limit = 20M
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept

begin acl
check_rcpt:
  require verify = recipient
  accept domains = +local_domains
  deny

"""

    # One retry rule: the test says when.
    END = """
begin retry
*  *  F,4d,1h
"""

    def configure(self, snippet, **more):
        path = "/etc/exim4/exim4.conf"
        self.settings[path] = self.MAIN.format(port=self.port) + snippet + self.END
        self.modes[path] = 0o640
        self.settings.update(more.get("files", {}))

    def log(self):
        said = super().log()
        for name in ("mainlog", "paniclog"):
            if self.first:
                with contextlib.suppress(OSError), open("/proc/%d/root/var/log/exim4/%s" % (self.first, name),
                                                        errors="backslashreplace") as file:
                    said += file.read()
        return said

    def queued(self):
        return int(self.run("exim4", "-bpc"))

    def deferred(self):
        return len(set(re.findall(r" (\S+) == \S+ .* defer ", self.log())))

    def flush(self):
        self.run("exim4", "-qff")


class Opensmtpd(Mta):
    package, users = "opensmtpd", ("opensmtpd", "opensmtpq")
    start = """\
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd /var/run
chmod 711 /var/lib/opensmtpd/empty /var/spool/smtpd
chgrp opensmtpq /usr/sbin/smtpctl
chmod 2555 /usr/sbin/smtpctl
rm -f /var/run/smtpd.sock
exec smtpd -d -v
"""
    MAIN = """\
smtp max-message-size 20M
queue ttl 4d
listen on 127.0.0.1 port {port}
"""

    def configure(self, snippet, **more):
        self.settings["/etc/smtpd.conf"] = self.MAIN.format(port=self.port) + snippet
        self.settings.update(more.get("files", {}))

    def queued(self):
        return len(self.run("smtpctl", "show", "queue").splitlines())

    def deferred(self):
        return len(set(re.findall(r"mda delivery evpid=(\S+) .* result=TempFail", self.log())))

    def flush(self):
        self.run("smtpctl", "schedule", "all")


def msmtp(mta, sender, recipients, text):
    """Hands a message over as a person's mail program does; the exit status."""
    done = subprocess.run(["msmtp", "--file=/dev/null", "--host=127.0.0.1", "--port=%d" % mta.port, "--tls=off",
                           "--auth=off", "--domain=client.example.net", "--from=" + sender, "--", *recipients],
                          input=text, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    return done.returncode


def swaks(mta, directory, sender, recipients, text):
    """The same with swaks; what was said."""
    path = directory + "/message"
    with open(path, "wb") as file:
        file.write(text.removesuffix(b"\n"))  # swaks ends it
    done = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(mta.port), "--ehlo", "client.example.net",
                           "--from", sender, "--to", ",".join(recipients), "--data", "@" + path],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    return done.stdout.decode(errors="replace")
