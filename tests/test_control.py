"""restantectl."""

import os
import re
import subprocess

import pytest

import restante
from restante import PASSWORD, wait_until


def test_status_names_every_process(server):
    server.start()
    with server.login(server.users["anna"]):
        answer = server.control("status")
        assert answer.returncode == 0, answer.stderr
        for program in ("restanted", "restante-login", "restante-auth", "restante-maildrop"):
            for pid in server.pids(program):
                assert re.search(r"%s +%d\b" % (program, pid), answer.stdout)


def test_who_and_kick(server):
    anna = server.users["anna"]
    anna.deliver(b"Subject: x\n\n")
    bert = server.add_user("bert")
    server.start()
    with server.login(anna) as clear, server.login(bert, "implicit") as protected:
        clear.retrieve(1)
        listed = server.control("who").stdout
        sessions = {name: re.search(r"([0-9a-f]{16}) +%s .*127\.0\.0\.1" % name, listed)
                    for name in ("anna", "bert")}
        assert all(sessions.values()), listed
        clear.ok("DELE 1")
        assert server.control("kick", "anna").returncode == 0
        assert clear.ended()
        protected.ok("STAT")
        assert server.control("kick", sessions["bert"][1]).returncode == 0
        assert protected.ended()
    assert len(anna.stored()) == 1
    wait_until(lambda: "anna" not in server.control("who").stdout, "nobody")
    gone = server.control("kick", "anna")
    assert gone.returncode != 0 or "0" in gone.stdout


def test_reload(server):
    server.start()
    assert server.control("reload").returncode == 0
    server.write_configuration(server.configuration() + "hostnam = x\n")
    answer = server.control("reload")
    assert answer.returncode != 0
    assert "hostname" in answer.stderr and server.configuration_file in answer.stderr


def test_config_shows_values_and_where_they_come_from(make_server):
    server = make_server().speak_lmtp()
    server.write_configuration()
    answer = server.control("config")
    assert answer.returncode == 0, answer.stderr
    lines = {line.split(" = ")[0]: line for line in answer.stdout.splitlines() if " = " in line}
    assert "mail.example.org" in lines["hostname"] and server.configuration_file in lines["hostname"]
    assert "600" in lines["idle_timeout_seconds"] and "default" in lines["idle_timeout_seconds"]
    # What it prints is a configuration.
    server.write_configuration(answer.stdout)
    assert server.control("config").returncode == 0


def test_server_that_does_not_run(server):
    server.write_configuration()
    answer = server.control("status")
    assert answer.returncode != 0 and answer.stderr


def test_unknown_commands(server):
    server.write_configuration()
    for arguments in ([], ["nonsense"], ["kick"], ["user"], ["user", "nonsense"], ["status", "x"]):
        answer = server.control(*arguments)
        assert answer.returncode == 64, arguments


def control_with_password(server, password, *arguments):
    read, write = os.pipe()
    with os.fdopen(write, "w") as file:
        file.write(password + "\n")
    try:
        return server.control(*arguments, "--password-fd", str(read), pass_fds=(read,))
    finally:
        os.close(read)


def test_user_from_add_to_delete(server):
    server.options["auth_failures_max"] = 1000
    server.start()
    bert = server.add_user("bert")
    del server.users["bert"]

    def can_log_in(password):
        with server.connect("clear") as client:
            client.ok("USER bert")
            return not client.command("PASS " + password).startswith(b"-ERR [AUTH] ")

    def change(password, *arguments):
        answer = control_with_password(server, password, "user", *arguments)
        assert answer.returncode == 0, answer.stderr

    change("first password", "add", "bert", "--uid", str(bert.uid), "--gid", str(bert.uid),
           "--home", bert.home)
    with open(server.options["users_file"]) as file:
        text = file.read()
    assert re.search(r"^bert:\{[A-Z-]+\}\$y\$", text, re.MULTILINE) and "first" not in text
    assert text.startswith("anna:")
    stat = os.stat(server.options["users_file"])
    assert stat.st_mode & 0o777 == 0o600
    assert stat.st_uid == (restante.AUTH_UID if server.is_root else server.as_uid)
    wait_until(lambda: can_log_in("first password"), "a login")
    assert "bert" in server.control("user", "list").stdout
    assert "$y$j" not in server.control("user", "list").stdout
    again = control_with_password(server, "x", "user", "add", "bert", "--uid", str(bert.uid))
    assert again.returncode != 0
    change("second password", "passwd", "bert")
    wait_until(lambda: can_log_in("second password"), "the new password")
    assert not can_log_in("first password")
    assert control_with_password(server, "second password", "user", "check", "bert").returncode == 0
    assert control_with_password(server, "wrong", "user", "check", "bert").returncode != 0
    assert server.control("user", "delete", "bert").returncode == 0
    wait_until(lambda: not can_log_in("second password"), "the end of bert")
    assert server.control("user", "delete", "bert").returncode != 0
    assert server.control("user", "check").returncode == 0


def test_user_plain_for_apop(server):
    server.write_users("")
    server.write_configuration()
    answer = control_with_password(server, PASSWORD, "user", "add", "anna", "--scheme", "PLAIN",
                                   "--uid", "20000", "--gid", "20000", "--home", "/home/anna")
    assert answer.returncode == 0, answer.stderr
    with open(server.options["users_file"]) as file:
        assert file.read().startswith("anna:{PLAIN}%s:20000:20000::/home/anna" % PASSWORD)


def test_changes_at_the_same_time_lose_nothing(server):
    server.write_users("")
    server.write_configuration()
    reads = []
    running = []
    for number in range(8):
        read, write = os.pipe()
        os.write(write, b"password\n")
        os.close(write)
        reads.append(read)
        running.append(subprocess.Popen(
            server.as_wanted([server.programs + "/restantectl", "-c", server.configuration_file,
                              "user", "add", "user%d" % number, "--uid", "20000", "--gid", "20000",
                              "--home", "/home", "--scheme", "PLAIN", "--password-fd", str(read)]),
            pass_fds=(read,), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL))
    for process, read in zip(running, reads):
        assert process.wait(restante.PATIENCE_SECONDS) == 0
        os.close(read)
    with open(server.options["users_file"]) as file:
        assert sorted(line.split(":")[0] for line in file) == ["user%d" % n for n in range(8)]


@pytest.mark.parametrize("bad", [
    "anna\n", "anna:{PLAIN}x:abc:1::/home::\n", "anna:{NOSUCH}x:20000:20000::/home::\n",
    "anna:{PLAIN}x:20000:20000::relative::\n",
    "anna:{PLAIN}x:20000:20000::/home::\nanna:{PLAIN}y:20000:20000::/home::\n"])
def test_user_check_finds_what_is_wrong(server, bad):
    server.write_users("good:{PLAIN}x:20000:20000::/home::\n" + bad)
    server.write_configuration()
    answer = server.control("user", "check")
    assert answer.returncode != 0
    assert re.search(r"%s:[23]: " % re.escape(server.options["users_file"]),
                     answer.stdout + answer.stderr), (answer.stdout, answer.stderr)
