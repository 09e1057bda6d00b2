"""An LMTP or SMTP server that says what a test wants, on a Unix socket or a port: for what a real one never does."""

import os
import socket
import threading

import restante

OFFERS = ["mail.example.org", "PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
STEPS = ["greeting", "LHLO", "MAIL", "RCPT", "DATA", "message"]


class FakeLmtp:
    """place: a path, or a port of 127.0.0.1. replies: step -> what is said there instead of what is usual, or a function
    that makes it from the client's socket; None: nothing, for ever; "": the end of the connection. heard: the lines of
    the last client; message: its message as it came, dots and all. letters: what all clients brought that was whole,
    answered or not."""

    HELLO = "\r\n".join("250-" + offer for offer in OFFERS) + "\r\n250 HELP"
    USUAL = {"greeting": "220 ready", "LHLO": HELLO, "EHLO": HELLO, "HELO": "250 hello", "RSET": "250 2.0.0 ok", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go on", "message": "250 2.0.0 delivered",
             "QUIT": "221 bye"}

    def __init__(self, place, replies=None):
        self.place, self.replies, self.heard, self.message = place, {**self.USUAL, **(replies or {})}, [], None
        self.letters = []
        self.ended = threading.Event()

    def __enter__(self):
        if isinstance(self.place, int):
            self.socket = socket.create_server(("127.0.0.1", self.place))
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(self.place)
            os.chmod(self.place, 0o666)
            self.socket.listen()
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        if not isinstance(self.place, int):
            os.unlink(self.place)

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
        """What was said; if nothing, that was the end."""
        reply = self.replies[step]
        if callable(reply):
            reply = reply(client)
        if reply is None:
            lines.read()  # until the client has had enough
        if reply:
            client.sendall(reply.encode() + b"\r\n")
        return reply

    def serve(self, client, lines):
        self.heard, self.message = [], None
        if not self.say(client, lines, "greeting"):
            return
        for line in lines:
            self.heard.append(line.decode().removesuffix("\r\n"))
            verb = self.heard[-1].split(" ")[0]
            said = self.say(client, lines, verb)
            if not said or verb == "QUIT":
                return
            if verb == "DATA" and said.startswith("3"):
                message = b""
                while not (b"\r\n" + message).endswith(b"\r\n.\r\n"):
                    octets = lines.read1()
                    if not octets:
                        return
                    message += octets
                self.message = message
                self.letters.append(message)
                if not self.say(client, lines, "message"):
                    return
