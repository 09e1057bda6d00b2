"""The servers under test: how each is configured, started, measured and stopped.

All processes of a server are put into a control group of their own (cgroup v2), whose clock also
counts those that have ended; where that cannot be had, the times of the process tree are summed,
with those of the children that it has reaped.
"""

import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import time

MAIL_UID = 20000
LOGIN_UID = 19999
PASSWORD = "secret"
DESCRIPTORS = 100000    # that a server, or its clients, may have open: many sessions are held
TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    pass


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def descriptors_allowed():
    """How many descriptors each process of a server may have here."""
    done = subprocess.run(["sh", "-c", "ulimit -n"], preexec_fn=raise_limits, capture_output=True, check=True)
    return int(done.stdout)


def raise_limits():
    """For what is started here and nobody else, as far as it is allowed; called between fork and exec."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for wanted in (max(most, DESCRIPTORS), most):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return
        except (OSError, ValueError):
            continue


def cgroup_root():
    """Where this process may make cgroup v2 groups; None if nowhere."""
    mounts = [line.split() for line in read("/proc/mounts").splitlines()]
    for mount in mounts:
        if mount[2] == "cgroup2":
            own = [line[3:] for line in read("/proc/self/cgroup").splitlines() if line.startswith("0::")]
            path = mount[1] + (own[0] if own else "/")
            return path if os.access(path, os.W_OK) else None
    return None


def session_of(pid):
    """The session that a process belongs to: each server is started in one of its own."""
    try:
        return int(read(f"/proc/{pid}/stat").rpartition(")")[2].split()[3])
    except OSError:
        return None


class Processes:
    """The processes that a server is made of, from before its start to after its end."""

    def __init__(self, name):
        self.main = None
        self.group = None
        root = cgroup_root()
        if root:
            group = os.path.join(root, f"bench-{os.getpid()}-{name}")
            try:
                os.mkdir(group)
                if os.path.exists(group + "/cpu.stat"):
                    self.group = group
                else:
                    os.rmdir(group)
            except OSError:
                pass

    def join(self):
        """Called between fork and exec, in the process that becomes the server."""
        raise_limits()
        if self.group:
            with open(self.group + "/cgroup.procs", "w", encoding="ascii") as file:
                file.write("0")

    def pids(self):
        if self.group:
            return [int(pid) for pid in read(self.group + "/cgroup.procs").split()]
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = read(f"/proc/{entry}/stat")
                except OSError:
                    continue
                parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
        found = [self.main] if self.main else []
        for pid in found:
            found += parents.get(pid, [])
        return found

    def cpu_seconds(self):
        """User and system time of all processes so far, also of those that have ended."""
        if self.group:
            return int(read(self.group + "/cpu.stat").split()[1]) / 1e6
        ticks = 0
        for pid in self.pids():
            try:
                fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            except OSError:
                continue
            ticks += sum(map(int, fields[11:15]))   # utime stime cutime cstime
        return ticks / TICKS

    def pss(self):
        """Octets of memory; what is shared with others counts in proportion."""
        total = 0
        for pid in self.pids():
            try:
                rollup = read(f"/proc/{pid}/smaps_rollup")
            except OSError:
                continue    # it has just ended
            total += sum(int(l.split()[1]) for l in rollup.splitlines() if l.startswith("Pss:")) * 1024
        return total

    def end(self, main):
        """Asks the main process to stop; what is left of its processes after a while is killed."""
        left = self.pids()
        if main and main.poll() is None:
            main.terminate()
            try:
                main.wait(15)
            except subprocess.TimeoutExpired:
                main.kill()
                main.wait()
        for _ in range(100):
            left = self.pids() if self.group else [pid for pid in left if session_of(pid) == main.pid]
            if not left:
                break
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        if self.group:
            os.rmdir(self.group)
            self.group = None
        self.main = None


class Server:
    """One server with one configuration: start(), the measures, stop()."""

    ours = False
    tuned = False
    optional = False            # others are compared without it
    kind = "server"             # or "floor", "copy floor"
    does = ("poll", "download")
    tls = True
    concurrency_max = 1000      # connections at once that it can take

    def __init__(self, name, place):
        self.name = name            # for the table
        self.directory = place
        self.process = None
        self.processes = None
        self.port = self.tls_port = 0
        self.failure = None         # why it is not measured

    def start(self):
        self.port, self.tls_port = free_ports(2)
        command = self.configure()
        self.processes = Processes(os.path.basename(self.directory))
        with open(self.directory + "/output", "ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=self.processes.join, start_new_session=True)
        self.processes.main = self.process.pid
        self.wait_until_ready()

    def wait_until_ready(self):
        for port in (self.port, self.tls_port) if self.tls else (self.port,):
            self.wait_for(lambda port=port: self.answers(port))

    def wait_for(self, ready):
        for _ in range(200):
            if self.process.poll() is not None:
                break
            if ready():
                return
            time.sleep(0.05)
        raise Failure(f"{self.name} does not start: " + (self.last_words() or "it does not listen"))

    @staticmethod
    def answers(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def client_prefix(self):
        """What a client must be started with to reach it."""
        return []

    def last_words(self):
        text = ""
        for name in ("output", "log"):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                text += "".join(read(path).splitlines(keepends=True)[-15:])
        return text

    def stop(self):
        if self.processes:
            self.processes.end(self.process)
            self.processes = None

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path


DOVECOT_COMMON = """\
base_dir = {directory}/run
state_dir = {directory}/run
log_path = {directory}/log
protocols = pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
mail_location = maildir:{mail}/%n
mail_max_userip_connections = 100000
first_valid_uid = {uid}
auth_mechanisms = plain
auth_cache_size = 16 M
passdb {{
  driver = passwd-file
  args = {directory}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home={mail}/%n
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = {tls_port}
    ssl = yes
  }}
{login_service}
}}
service pop3 {{
{pop3_service}
}}
default_client_limit = 20000
default_process_limit = 20000
{extra}
"""

# What each variant is, for the table and for Dovecot. A: one process serves many clients. B:
# processes are used again, one client at a time. The login service of both is what Dovecot's manual
# calls the high-performance mode. pop3_no_flag_updates spares both the renaming of what was read.
REUSED_LOGIN = "  service_count = 0\n  client_limit = 20000\n  process_min_avail = {cores}\n"
DOVECOT_VARIANTS = {
    "stock": {"login_service": "", "pop3_service": "  process_limit = 20000\n", "extra": ""},
    "tuned A": {
        "login_service": REUSED_LOGIN,
        "pop3_service": "  service_count = 0\n  client_limit = 20000\n  process_min_avail = {cores}\n",
        "extra": "pop3_no_flag_updates = yes\n",
    },
    "tuned B": {
        "login_service": REUSED_LOGIN,
        "pop3_service": "  service_count = 0\n  client_limit = 1\n  process_limit = 20000\n"
                        "  process_min_avail = 32\n",
        "extra": "pop3_no_flag_updates = yes\n",
    },
}


class Dovecot(Server):
    def __init__(self, variant, place, mail, certificate, key, names):
        super().__init__("Dovecot " + variant, place)
        self.variant, self.mail, self.certificate, self.key, self.names = (
            variant, mail, certificate, key, names)
        self.tuned = variant != "stock"

    def configure(self):
        cores = os.cpu_count()
        variant = {k: v.format(cores=cores) for k, v in DOVECOT_VARIANTS[self.variant].items()}
        os.makedirs(self.directory + "/run", exist_ok=True)
        self.write("users", "".join(f"{name}:{{PLAIN}}{PASSWORD}\n" for name in self.names))
        path = self.write("dovecot.conf", DOVECOT_COMMON.format(
            directory=self.directory, mail=self.mail, certificate=self.certificate, key=self.key,
            uid=MAIL_UID, port=self.port, tls_port=self.tls_port, **variant))
        return ["dovecot", "-F", "-c", path]

    @staticmethod
    def version():
        return "Dovecot " + subprocess.run(
            ["dovecot", "--version"], capture_output=True, text=True, check=True).stdout.split()[0]


def dovecot_present():
    try:
        pwd.getpwnam("dovenull")
        return all(os.path.exists("/usr/lib/dovecot/" + name) for name in ("pop3", "lmtp"))
    except KeyError:
        return False


RESTANTE_CONFIGURATION = """\
hostname = "bench.example"
users_file = "{directory}/users"
mail_place = "maildir:{mail}/%n"
run_directory = "{directory}/run"
login_user = "{login_uid}"
auth_user = "{login_uid}"
plaintext_logins = always
connections_max = 100000
connections_per_address_max = 100000
certificate bench {{
	chain = "{certificate}"
	key = "{key}"
}}
listener clear {{
	address = "127.0.0.1"
	port = {port}
	tls = stls
}}
listener tls {{
	address = "127.0.0.1"
	port = {tls_port}
	tls = implicit
}}
"""


RESTANTE_PROGRAMS = (
    "parent/restanted", "login/restante-login", "auth/restante-auth", "maildrop/restante-maildrop",
    "lmtp/restante-lmtp")


class Restante(Server):
    ours = True
    program_names = RESTANTE_PROGRAMS

    def __init__(self, place, mail, certificate, key, names, build):
        """names: of the users; or a dictionary with the uid of each."""
        super().__init__("restante", place)
        self.mail, self.certificate, self.key = mail, certificate, key
        self.uids = names if isinstance(names, dict) else dict.fromkeys(names, MAIL_UID)
        # Copies: whoever builds again meanwhile does not change what is measured.
        self.programs = place + "/programs"
        os.mkdir(self.programs)
        for name in self.program_names:
            shutil.copy(f"{build}/src/{name}", self.programs)

    def configure(self):
        os.makedirs(self.directory + "/run", exist_ok=True)
        users = self.write("users", "".join(
            f"{name}:{{PLAIN}}{PASSWORD}:{self.uids[name]}:{self.uids[name]}::{self.mail}/{name}::\n"
            for name in self.uids), 0o600)
        os.chown(users, LOGIN_UID, LOGIN_UID)
        path = self.write("restanted.conf", RESTANTE_CONFIGURATION.format(
            directory=self.directory, mail=self.mail, certificate=self.certificate, key=self.key,
            login_uid=LOGIN_UID, port=self.port, tls_port=self.tls_port))
        return [self.programs + "/restanted", "-c", path, "--programs", self.programs]


class Floor(Server):
    """Not a server: the least that the same talk can cost. See floor.c."""

    kind = "floor"
    does = ("poll",)

    def __init__(self, place, certificate, key, build):
        super().__init__("floor", place)
        self.certificate, self.key = certificate, key
        self.program = shutil.copy(f"{build}/bench/floor", place)

    def configure(self):
        return [self.program, str(self.port), str(self.tls_port), self.certificate, self.key]


class CopyFloor(Server):
    """Not a server: the least that handing out the same octets can cost. See copyfloor.c."""

    kind = "copy floor"
    does = ("download",)
    tls = False

    def __init__(self, place, mail, build):
        super().__init__("copy floor", place)
        self.mail = mail
        self.program = shutil.copy(f"{build}/bench/copyfloor", place)

    def configure(self):
        return [self.program, str(self.port), self.mail]
