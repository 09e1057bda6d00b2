"""Tokens of OAuth 2 for restante, in a build that can get them and in one that cannot (meson setup -Doauth=disabled)."""

import base64
import json

import pytest

import collector as c
import restante
from collector import Collector
from hostile import Hostile, Maildrop

with open(restante.BUILD + "/meson-info/intro-dependencies.json") as file:
    CAN_LOG_IN = {"libcurl", "jansson"} <= {one["name"] for one in json.load(file) if one["version"] not in ("", "unknown")}

MESSAGES = {"uidl-1": b"Subject: 1\r\n\r\n"}


def bearer(talk, said):
    """Whoever has the token is anna."""
    mechanism, _, initial = said.partition(" ")
    words = base64.b64decode(initial or talk.challenge(b"")).split(b"\x01")
    return talk.log_in(mechanism in ("XOAUTH2", "OAUTHBEARER") and b"auth=Bearer a-token" in words)


@pytest.fixture
def person(tmp_path):
    maildrop = Maildrop(MESSAGES, {"AUTH": bearer}, capabilities=("UIDL", "SASL OAUTHBEARER XOAUTH2"))
    with Hostile(maildrop) as server:
        yield Collector(str(tmp_path / "home")).add("work", server.port, password=None)


def test_a_token_from_a_command(person):
    person.accounts["work"]["token_command"] = "echo a-token"
    person.fetch()
    assert person.mail("work") == list(MESSAGES.values())
    person.accounts["work"]["token_command"] = "echo another"
    person.fetch(status=c.DENIED)


def test_what_a_build_cannot_do_it_says(person):
    """And what is to be done instead."""
    person.accounts["work"]["oauth"] = "google"
    for words in (["login", "work"], ["login", "--refresh-token", "work"], ["fetch"]):
        done = person.run(*words, status=None)
        assert done.status != c.OK
        for word in ("built without OAuth 2", "libcurl", "jansson", "token_command"):
            assert (word in done.output) == (not CAN_LOG_IN), done
    assert person.mail("work") == []
