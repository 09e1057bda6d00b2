"""librestante as others find it: the example of its manual against the server, and what is installed."""

import os
import subprocess

import pytest

from restante import BUILD, PASSWORD, PATIENCE_SECONDS, wire_form

MESSAGE = b"Subject: new\n\n.dot\n..\nlast\n"


def fetch_one(url, password, chain, program=BUILD + "/doc/fetch_one"):
    return subprocess.run([program, url], input=password.encode() + b"\n", capture_output=True,
                          timeout=PATIENCE_SECONDS, env=dict(os.environ, SSL_CERT_FILE=chain))


def url(server, user, mode):
    return {"stls": "pop://%s@localhost:%d" % (user.name, server.port),
            "implicit": "pops://%s@localhost:%d" % (user.name, server.tls_port)}[mode]


@pytest.mark.parametrize("mode", ["stls", "implicit"])
def test_example_prints_the_newest_message(shared, user, mode):
    user.deliver(b"Subject: old\n\ntext\n")
    user.deliver(MESSAGE)
    user.give_away()
    said = fetch_one(url(shared, user, mode), PASSWORD, shared.certificates[0][0])
    assert (said.returncode, said.stderr) == (0, b"")
    assert said.stdout == wire_form(MESSAGE)


@pytest.mark.parametrize("mode", ["stls", "implicit"])
def test_example_says_why_not(shared, user, mode):
    said = fetch_one(url(shared, user, mode), "wrong", shared.certificates[0][0])
    assert said.returncode == 1 and b"the server wants another password or name" in said.stderr
    said = fetch_one(url(shared, user, mode), PASSWORD, "/dev/null")
    assert said.returncode == 1 and b"the server's certificate cannot be trusted" in said.stderr
