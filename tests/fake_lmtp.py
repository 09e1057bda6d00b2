"""An LMTP server that says what a test wants, on a Unix socket: for what a real one never does."""

import os
import socket
import threading

import restante

OFFERS = ["mail.example.org", "PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
STEPS = ["greeting", "LHLO", "MAIL", "RCPT", "DATA", "message"]


class FakeLmtp:
    """replies: step -> what is said there instead of what is usual; None: nothing, for ever; "": the end of the
    connection. heard: the lines of the last client; message: its message as it came, dots and all."""

    USUAL = {"greeting": "220 ready", "LHLO": "\r\n".join("250-" + offer for offer in OFFERS) + "\r\n250 HELP",
             "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go on", "message": "250 2.0.0 delivered",
             "QUIT": "221 bye"}

    def __init__(self, path, replies=None):
        self.path, self.replies, self.heard, self.message = path, {**self.USUAL, **(replies or {})}, [], None
        self.ended = threading.Event()

    def __enter__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.listen()
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        os.unlink(self.path)

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                try:
                    self.serve(client, lines)
                except OSError:
                    pass
            self.ended.set()

    def all_heard(self):
        """What the client said to its end."""
        assert self.ended.wait(restante.PATIENCE_SECONDS)
        return self.heard

    def say(self, client, lines, step):
        """False: that was the end."""
        reply = self.replies[step]
        if reply is None:
            lines.read()  # until the client has had enough
        if not reply:
            return False
        client.sendall(reply.encode() + b"\r\n")
        return True

    def serve(self, client, lines):
        self.heard, self.message = [], None
        if not self.say(client, lines, "greeting"):
            return
        for line in lines:
            self.heard.append(line.decode().removesuffix("\r\n"))
            verb = self.heard[-1].split(" ")[0]
            if not self.say(client, lines, verb) or verb == "QUIT":
                return
            if verb == "DATA" and self.replies["DATA"].startswith("3"):
                message = b""
                while not (b"\r\n" + message).endswith(b"\r\n.\r\n"):
                    octets = lines.read1()
                    if not octets:
                        return
                    message += octets
                self.message = message
                if not self.say(client, lines, "message"):
                    return
