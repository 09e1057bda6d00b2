"""The walls: what each process cannot do once it has locked itself in.

In builds with test hooks a process that finds RESTANTE_PROBE=1 tries, and logs what came of it.
"""

import os
import re
import tempfile

import pytest

import restante

PROGRAMS = ["restante-login", "restante-auth", "restante-maildrop", "restante-lmtp"]


@pytest.fixture(params=["root", "ordinary user"])
def probed(request, make_server, workshop):
    if request.param == "root" and os.getuid() != 0:
        pytest.skip("not root")
    server = make_server(restante.PLAIN_UID if request.param != "root" and os.getuid() == 0 else None)
    server.speak_lmtp()
    anna = server.add_user("anna")
    # Another user's message. Where all is one uid only Landlock keeps anna's process from it.
    elsewhere = tempfile.mkdtemp(dir=workshop)
    os.chmod(elsewhere, 0o711)
    owner = restante.OTHER_MAIL_UID if server.is_root else server.as_uid
    secret = elsewhere + "/message"
    with open(secret, "w") as file:
        file.write("Subject: private\n\n")
    os.chmod(secret, 0o600)
    restante.Server.give(secret, owner)
    server.environment = {"RESTANTE_PROBE": "1", "RESTANTE_PROBE_PATH": secret}
    server.start()
    with server.login(anna) as client:
        client.ok("STAT")
    return server


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_attempt_fails(probed, program):
    fields = probed.wait_event("probe", program=program).fields
    assert {"open", "connect", "exec", "path"} <= set(fields)
    for attempt, outcome in fields.items():
        if attempt != "program":
            assert re.fullmatch("E[A-Z]+", outcome), (attempt, outcome)
            # Not for want of the thing itself.
            assert outcome not in ("ENOENT", "ECONNREFUSED", "ESRCH"), (attempt, outcome)


def test_memory_of_the_processes_is_not_dumped(probed):
    for program in PROGRAMS:
        for pid in probed.pids(program):
            with open("/proc/%d/limits" % pid) as file:
                limit = re.search(r"Max core file size\s+(\S+)\s+(\S+)", file.read())
            assert limit.groups() == ("0", "0"), program
