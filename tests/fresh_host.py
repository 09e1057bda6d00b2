#!/usr/bin/python3
"""Follows README's "Installing" on a host made for it, hands a message in at the end, and logs in.

	unshare --mount --net tests/fresh_host.py STAGE WORK <COMMANDS

STAGE is where `make install DESTDIR=STAGE` has put everything, WORK an empty directory, COMMANDS
what README says behind `make install`, a line each. The host has this one's /usr with STAGE's laid
over it, an /etc of its own, and a network of its own, where ports 110 and 995 are free. It is gone
when the program ends. Needs root. Exit status 77: this system lets nobody make such a host.
"""

import contextlib
import fcntl
import os
import poplib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys

PATIENCE_SECONDS = 60
PASSWORD = "correct horse"
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def mount(*arguments):
    if subprocess.run(["mount", *arguments]).returncode != 0:
        sys.exit(77)


def make_host(stage, work):
    """The root of the host."""
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=0755", "none", work)
    for name in ("usr", "etc", "proc", "dev", "run", "tmp", "root", "home", "home/anna", "var", "var/spool"):
        os.mkdir(work + "/" + name)
    os.chmod(work + "/tmp", 0o1777)
    layers = [stage + "/usr", "/usr"]
    if os.path.isdir(stage + "/lib"):  # with /usr as the prefix units are there, which is /usr/lib
        shutil.copytree(stage + "/lib", work + "/layer/lib")
        layers.insert(0, work + "/layer")
    mount("-t", "overlay", "-o", "lowerdir=" + ":".join(layers), "none", work + "/usr")
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink("/" + name):
            os.symlink(os.readlink("/" + name), work + "/" + name)
    mount("--rbind", "/dev", work + "/dev")
    mount("-t", "proc", "none", work + "/proc")
    for name in ("ld.so.cache", "nsswitch.conf", "ssl/openssl.cnf"):
        if os.path.exists("/etc/" + name):
            os.makedirs(os.path.dirname("%s/etc/%s" % (work, name)), exist_ok=True)
            shutil.copy("/etc/" + name, "%s/etc/%s" % (work, name))
    if os.path.isdir(stage + "/etc"):
        shutil.copytree(stage + "/etc", work + "/etc", dirs_exist_ok=True)
    shutil.copy(TOP + "/README.md", work)
    with open(work + "/etc/passwd", "w") as file:
        file.write("root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n")
    with open(work + "/etc/group", "w") as file:
        file.write("root:x:0:\nanna:x:1000:\npostfix:x:101:\n")
    os.chown(work + "/home/anna", 1000, 1000)


def raise_loopback():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def edit(path):
    """What the reader does with README's example."""
    assert os.path.exists(path), "there is nothing to edit"
    with open("/README.md") as file:
        example = re.search(r"^    certificate main \{$.*?^$", file.read(), re.MULTILINE | re.DOTALL)[0]
    chain, key = re.findall(r'"(/.*pem)"', example)
    for name in (chain, key):
        os.makedirs(os.path.dirname(name), exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=localhost", "-keyout", key, "-out", chain)
    with open(path, "w") as file:
        file.write(example)


def run(*command, **more):
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, **more)
    print("$", *command, finished.stdout + finished.stderr, flush=True)
    assert finished.returncode == 0, "exit status %d" % finished.returncode


@contextlib.contextmanager
def service(units):
    """The unit's command, as Type=notify has it run."""
    with open([unit for unit in units if os.path.exists(unit)][0]) as file:
        command = re.search("^ExecStart=(.*)$", file.read(), re.MULTILINE)[1].split()
    os.mkdir("/run/restante", 0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind("/run/notify")
        notify.settimeout(PATIENCE_SECONDS)
        server = subprocess.Popen(command, env=dict(os.environ, NOTIFY_SOCKET="/run/notify"))
        try:
            while "READY=1" not in notify.recv(4096).decode():
                pass
            yield
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE_SECONDS)


def hand_in():
    """As README has it tried."""
    with open("/README.md") as file:
        command = re.search(r"^`(echo .*restante-deliver .*?)`", file.read(), re.MULTILINE)[1]
    run("sh", "-c", command)
    assert os.stat("/run/restante/lmtp").st_gid == 101
    spool = os.stat("/var/spool/restante")
    assert spool.st_mode & 0o777 == 0o700 and spool.st_uid not in (0, 1000)


def log_in():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client = poplib.POP3("127.0.0.1", timeout=PATIENCE_SECONDS)
    client.stls(context)
    client.user("anna")
    print(client.pass_(PASSWORD).decode())
    client.quit()


def follow(command):
    words = command.split()
    if words[0] == "editor":
        edit(words[1])
    elif words[:3] == ["restantectl", "user", "add"]:
        run(*words, "--password-fd", "0", input=PASSWORD + "\n")
    elif words == ["systemctl", "enable", "--now", "restanted"]:
        with service([directory + "/systemd/system/restanted.service"
                      for directory in ("/usr/local/lib", "/usr/lib", "/lib")]):
            hand_in()
            log_in()
    elif words[0] != "systemctl":
        run(*words)


def main():
    stage, work = sys.argv[1:]
    commands = sys.stdin.read().splitlines()
    make_host(stage, work)
    raise_loopback()
    os.chroot(work)
    os.chdir("/")
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for command in commands:
        follow(command)


if __name__ == "__main__":
    main()
