"""A POP3 server that says what a test wants, for what a real one never does. By itself it behaves: it holds
messages, checks the password, and removes what DELE has marked when QUIT comes.

	maildrop = Maildrop({"uidl-1": b"Subject: ...\\r\\n...\\r\\n"}, {"UIDL": "+OK\\n1 uidl-1\\n1 uidl-1\\n."})
	with Hostile(maildrop) as server: ...

replies: a command ("RETR", or "RETR 2" with its argument, or "greeting"; "LIST" and "UIDL" are the whole lists) -> what
is said instead of what is usual: a text, whose line ends are made CRLF and whose last line gets one; octets, as they are;
a generator of octets; a function of the Talk and the argument that makes one of these; None: nothing any more, for ever.
"" ends the connection."""

import base64
import contextlib
import hashlib
import hmac
import os
import socket
import ssl
import threading

import pop_servers
import restante

CAPABILITIES = ("TOP", "UIDL", "USER", "SASL PLAIN", "PIPELINING", "RESP-CODES")


class Over(Exception):
    """The connection has ended, as the test wants it."""


class Maildrop:
    """What one user has, and how it is served. cut_out, cut_in: octets after which the connection ends, of those that
    are sent and of those that come. piece_size: octets in a segment. marked: called with the UIDL when DELE comes."""

    def __init__(self, messages, replies=None, capabilities=CAPABILITIES, cut_out=None, cut_in=None, piece_size=None,
                 marked=None, user="anna", password=restante.PASSWORD, protection="clear", certificate=None):
        self.messages, self.replies, self.capabilities = dict(messages), replies or {}, list(capabilities)
        self.cut_out, self.cut_in, self.piece_size, self.marked = cut_out, cut_in, piece_size, marked
        self.user, self.password = user, password
        self.protection, self.certificate = protection, certificate
        self.removed, self.heard, self.retrieved, self.sent, self.received = [], [], [], 0, 0
        self.clear_octets = b""  # what came without protection
        if protection == "stls":
            self.capabilities.append("STLS")

    def behave(self):
        """From now on."""
        self.replies, self.cut_out, self.cut_in, self.piece_size = {}, None, None, None


class Talk:
    """One connection."""

    def __init__(self, connection, maildrop):
        self.socket, self.maildrop = connection, maildrop
        self.pending, self.is_protected, self.is_in, self.name = b"", False, False, None
        self.sent = self.received = 0
        self.numbered = list(maildrop.messages)
        self.marked = set()

    def wrap(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.maildrop.certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.is_protected = True

    def say(self, octets):
        if isinstance(octets, str):
            octets = (octets + "\n").replace("\n", "\r\n").encode() if octets else b""
        left = None if self.maildrop.cut_out is None else max(self.maildrop.cut_out - self.sent, 0)
        octets = octets if left is None else octets[:left]
        for start in range(0, len(octets), self.maildrop.piece_size or len(octets) or 1):
            self.socket.sendall(octets[start:start + (self.maildrop.piece_size or len(octets))])
        self.sent += len(octets)
        self.maildrop.sent = max(self.maildrop.sent, self.sent)
        if left is not None and len(octets) == left:
            raise Over

    def line(self):
        while b"\n" not in self.pending:
            left = 65536 if self.maildrop.cut_in is None else self.maildrop.cut_in - self.received
            if left <= 0:
                raise Over
            octets = self.socket.recv(min(left, 65536))
            if not octets:
                raise Over
            if not self.is_protected:
                self.maildrop.clear_octets += octets
            self.received += len(octets)
            self.maildrop.received = max(self.maildrop.received, self.received)
            self.pending += octets
        line, self.pending = self.pending.split(b"\n", 1)
        return line.rstrip(b"\r").decode(errors="replace")

    def answer(self, reply, argument):
        if callable(reply):
            reply = reply(self, argument)
        if reply is None:
            while self.socket.recv(65536):
                pass
            raise Over
        if isinstance(reply, (str, bytes)):
            if not reply:
                raise Over
            return self.say(reply)
        for octets in reply:
            self.say(octets)

    def run(self):
        if self.maildrop.protection == "tls":
            self.wrap()
        self.answer(self.maildrop.replies.get("greeting", "+OK ready <1.2@hostile>"), "")
        while True:
            line = self.line()
            self.maildrop.heard.append(line)
            verb, _, argument = line.partition(" ")
            verb = verb.upper()
            is_of_one = argument and verb in ("LIST", "UIDL")
            for key in (verb + " " + argument, *(() if is_of_one else (verb,))):
                if key in self.maildrop.replies:
                    self.answer(self.maildrop.replies[key], argument)
                    break
            else:
                self.say(getattr(self, "do_" + verb.lower(), self.unknown)(argument))
            if verb == "STLS" and self.maildrop.certificate:
                self.wrap()
                self.pending = b""
            if verb == "QUIT":
                raise Over

    @staticmethod
    def unknown(_):
        return "-ERR what?"

    @staticmethod
    def listing(lines):
        return "\n".join(["+OK", *lines, "."])

    def do_capa(self, _):
        return self.listing([one for one in self.maildrop.capabilities if one != "STLS" or not self.is_protected])

    @staticmethod
    def do_stls(_):
        return "+OK begin"

    def do_user(self, name):
        self.name = name
        return "+OK"

    def log_in(self, is_right):
        self.is_in = is_right
        return "+OK welcome" if is_right else "-ERR [AUTH] no"

    def do_pass(self, password):
        return self.log_in((self.name, password) == (self.maildrop.user, self.maildrop.password))

    def do_auth(self, argument):
        mechanism, _, initial = argument.partition(" ")
        return {"PLAIN": self.auth_plain, "SCRAM-SHA-256": self.auth_scram}[mechanism.upper()](initial)

    def challenge(self, octets):
        self.say("+ " + base64.b64encode(octets).decode())
        return base64.b64decode(self.line())

    def auth_plain(self, initial):
        said = base64.b64decode(initial) if initial else self.challenge(b"")
        return self.log_in(said.split(b"\0")[1:] == [self.maildrop.user.encode(), self.maildrop.password.encode()])

    def auth_scram(self, initial, signature=None, skip=False, last=None):
        """RFC 5802. signature: what a server says that does not know the password. skip: it proves nothing at all. last:
        what it says in place of a proof."""
        first = base64.b64decode(initial) if initial else self.challenge(b"")
        bare = first.split(b",", 2)[2]
        nonce = dict(part.split(b"=", 1) for part in bare.split(b","))[b"r"] + b"server"
        salted = hashlib.pbkdf2_hmac("sha256", self.maildrop.password.encode(), b"salt", 4096)
        theirs = b"r=" + nonce + b",s=" + base64.b64encode(b"salt") + b",i=4096"
        final = self.challenge(theirs)
        without = final.rsplit(b",p=", 1)[0]
        whole = b",".join((bare, theirs, without))
        if not skip:
            mine = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), whole, "sha256")
            self.challenge(last or b"v=" + base64.b64encode(signature or mine))
        self.is_in = True
        return "+OK welcome"

    def present(self):
        return [(number, uidl) for number, uidl in enumerate(self.numbered, 1) if uidl not in self.marked]

    def found(self, argument):
        with contextlib.suppress(ValueError, IndexError):
            number = int(argument.split(" ")[0])
            if number > 0 and self.numbered[number - 1] not in self.marked:
                return number, self.numbered[number - 1]
        return None

    def do_stat(self, _):
        return "+OK %d %d" % (len(self.present()), sum(len(self.maildrop.messages[u]) for _, u in self.present()))

    def table(self, argument, of_message):
        if not self.is_in:
            return "-ERR log in"
        if argument:
            one = self.found(argument)
            return "+OK %d %s" % (one[0], of_message(one[1])) if one else "-ERR no such message"
        return self.listing("%d %s" % (number, of_message(uidl)) for number, uidl in self.present())

    def do_list(self, argument):
        return self.table(argument, lambda uidl: len(self.maildrop.messages[uidl]))

    def do_uidl(self, argument):
        return self.table(argument, lambda uidl: uidl)

    def do_retr(self, argument):
        one = self.found(argument)
        if not one:
            return "-ERR no such message"
        self.maildrop.retrieved.append(one[1])
        return whole(self.maildrop.messages[one[1]])

    def do_top(self, argument):
        one = self.found(argument)
        if not one:
            return "-ERR no such message"
        head, _, body = self.maildrop.messages[one[1]].partition(b"\r\n\r\n")
        lines = body.split(b"\r\n")[:int(argument.split(" ")[1])]
        return whole(head + b"\r\n\r\n" + b"".join(line + b"\r\n" for line in lines))

    def do_dele(self, argument):
        one = self.found(argument)
        if not one:
            return "-ERR no such message"
        self.marked.add(one[1])
        if self.maildrop.marked:
            self.maildrop.marked(one[1])
        return "+OK"

    @staticmethod
    def do_noop(_):
        return "+OK"

    def do_rset(self, _):
        self.marked.clear()
        return "+OK"

    def do_quit(self, _):
        for uidl in self.marked if self.is_in else ():
            if self.maildrop.messages.pop(uidl, None) is not None:
                self.maildrop.removed.append(uidl)
        return "+OK bye"


def whole(text, first=b"+OK\r\n"):
    """The reply that carries a message."""
    return first + (b"\r\n" + text).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def lose_once(lost):
    """A reply to RETR that ends the connection the first time; lost, a list, is no longer empty then."""
    def lose(talk, argument):
        if not lost:
            lost.append(argument)
            raise Over
        return talk.do_retr(argument)
    return lose


class Hostile:
    """Listens on 127.0.0.1 for one maildrop; or, for a dictionary address -> Maildrop, on all of 127.0.0.0/8. problems:
    what went wrong in here, which a test does not want."""

    def __init__(self, maildrops):
        self.maildrops = maildrops if isinstance(maildrops, dict) else {"127.0.0.1": maildrops}
        self.port, = restante.free_ports(1)
        self.problems, self.connections = [], 0

    def __enter__(self):
        address = next(iter(self.maildrops)) if len(self.maildrops) == 1 else "0.0.0.0"
        self.socket = socket.create_server((address, self.port), backlog=1000)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        assert not self.problems, self.problems

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        maildrop = self.maildrops.get(connection.getsockname()[0])
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk = Talk(connection, maildrop) if maildrop else None
        try:
            if talk:
                talk.run()
        except Over:
            # An end, not a reset: what was said arrives.
            with contextlib.suppress(OSError):
                talk.socket.shutdown(socket.SHUT_WR)
                while talk.socket.recv(65536):
                    pass
        except OSError:
            pass
        except Exception as error:  # told to the test
            self.problems.append(repr(error))
        finally:
            (talk.socket if talk else connection).close()


def address_of(number):
    """The number-th address of 127.0.0.0/8 that is not 127.0.0.1."""
    return "127.%d.%d.%d" % (1 + number // 62500, number // 250 % 250, 2 + number % 250)


def endless(first, piece):
    """As much as the client takes, and at most 1 GiB."""
    yield first
    for _ in range((1 << 30) // len(piece)):
        yield piece


def make_certificates(directory):
    """The kinds of certificates that a client has to tell apart: kind -> (chain, key). The authority is trusted by
    who is given directory/authority.pem."""
    pop_servers.make_authority(directory)
    return {"good": pop_servers.issue_certificate(directory, "localhost", names=("localhost",)),
            "other name": pop_servers.issue_certificate(directory, "other.example", names=("other.example",)),
            "name in subject only": pop_servers.issue_certificate(directory, "localhost", file="unnamed"),
            "expired": expired(directory),
            "self-signed": restante.make_certificate(directory)}


def expired(directory):
    """One that was valid for a day, two years ago."""
    path = directory + "/expired"
    pop_servers.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", path + ".key", "-out",
                        path + ".csr")
    os.makedirs(path + "-new")
    with open(path + ".cnf", "w") as file:
        file.write("[ca]\ndefault_ca=a\n[a]\ndatabase=%s.index\nserial=%s.serial\nnew_certs_dir=%s-new\n"
                   "default_md=sha256\npolicy=p\ncopy_extensions=copyall\nunique_subject=no\n[p]\ncommonName=supplied\n"
                   % (path, path, path))
    open(path + ".index", "w").close()
    with open(path + ".serial", "w") as file:
        file.write("01\n")
    pop_servers.openssl("ca", "-batch", "-config", path + ".cnf", "-cert", directory + "/authority.pem", "-keyfile",
                        directory + "/authority.key", "-startdate", "20240101000000Z", "-enddate", "20240102000000Z",
                        "-in", path + ".csr", "-out", path + ".pem", "-notext")
    return path + ".pem", path + ".key"
