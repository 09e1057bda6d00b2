"""The servers that mail comes from: Debian's Dovecot and Courier, each private to a test, on a port
that it is given, serving a Maildir that restante serves afterwards."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import threading

import restante
from restante import MAIL_UID, wait_until

COURIER = restante.TOP + "/build-courier"  # see tools/courier

DOVECOT_CONFIGURATION = """\
base_dir = {directory}/run
state_dir = {directory}/run
log_path = {directory}/log
protocols = pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{chain}
ssl_key = <{key}
disable_plaintext_auth = no
mail_location = maildir:{home}/%n/Maildir
first_valid_uid = {uid}
auth_mechanisms = plain
passdb {{
  driver = passwd-file
  args = {directory}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home={home}/%n
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = {tls_port}
    ssl = yes
  }}
}}
{extra}
"""


def answers(port):
    """Is there somebody who greets?"""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            return connection.recv(3) == b"+OK"
    except OSError:
        return False


class Dovecot:
    def __init__(self, directory, server, port, settings=""):
        self.directory, self.server, self.port, self.settings = directory, server, port, settings
        self.tls_port, = restante.free_ports(1)

    @staticmethod
    def missing():
        try:
            pwd.getpwnam("dovenull")
        except KeyError:
            return True
        return not os.path.exists("/usr/lib/dovecot/pop3")

    def __enter__(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory + "/run")
        chain, key = self.server.certificates[0]
        with open(self.directory + "/users", "w") as file:
            for user in self.server.users.values():
                file.write("%s:{PLAIN}%s\n" % (user.name, user.password))
        with open(self.directory + "/dovecot.conf", "w") as file:
            file.write(DOVECOT_CONFIGURATION.format(
                directory=self.directory, home=self.server.directory + "/home", uid=MAIL_UID,
                port=self.port, tls_port=self.tls_port, chain=chain, key=key, extra=self.settings))
        with open(self.directory + "/output", "ab") as output:
            self.process = subprocess.Popen(
                ["dovecot", "-F", "-c", self.directory + "/dovecot.conf"], stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True)
        try:
            wait_until(self.ready, "Dovecot")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def ready(self):
        assert self.process.poll() is None, open(self.directory + "/output").read()
        return answers(self.port)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(restante.PATIENCE_SECONDS)


class Courier:
    """courierpop3d takes over behind the login, from Courier's own login and its authentication
    daemon. Here a few lines of Python say what those would."""

    def __init__(self, directory, server, port, settings=""):
        self.directory, self.server, self.port = directory, server, port

    @staticmethod
    def missing():
        return not os.path.exists(COURIER)

    def __enter__(self):
        if not os.path.exists(self.directory):
            shutil.copytree(COURIER + "/usr", self.directory, symlinks=True)
            for directory, _, _ in os.walk(self.directory):
                os.chmod(directory, 0o755)
        self.socket = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @staticmethod
    def line(connection):
        """One line, and no octet of what comes behind it."""
        line = b""
        while not line.endswith(b"\n"):
            octet = connection.recv(1)
            if not octet:
                return None
            line += octet
        return line.decode().rstrip("\r\n")

    def serve(self, connection):
        name = ""
        with connection:
            connection.sendall(b"+OK Hello there.\r\n")
            while (line := self.line(connection)) is not None:
                verb, _, argument = line.partition(" ")
                user = self.server.users.get(name)
                if verb.upper() == "USER":
                    name = argument
                    connection.sendall(b"+OK Password required.\r\n")
                elif verb.upper() == "PASS" and user and argument == user.password:
                    return self.run(connection, user)
                elif verb.upper() == "QUIT":
                    return connection.sendall(b"+OK Better luck next time.\r\n")
                else:
                    connection.sendall(b"-ERR Invalid command.\r\n")

    def run(self, connection, user):
        libraries = self.directory + "/lib"
        with open(self.directory + ".log", "ab") as log:
            subprocess.run(
                ["setpriv", "--reuid", str(user.uid), "--regid", str(user.uid), "--clear-groups",
                 libraries + "/courier/courier/courierpop3d", "Maildir"], stdin=connection, stdout=connection, stderr=log, cwd=user.home,
                env={"TCPREMOTEIP": "127.0.0.1", "AUTHENTICATED": user.name, "AUTHADDR": user.name,
                     "MAILDIR": user.maildir, "LD_LIBRARY_PATH": ":".join(
                         glob.glob(libraries + "/*-linux-gnu*") + [libraries])})


OLD_SERVERS = {"dovecot": Dovecot, "courier": Courier}
