"""The processes: what dies is started again, and only its own sessions end; reload, stop, the
service manager."""

import os
import re
import signal
import socket
import ssl
import subprocess

import pytest

import restante
from restante import OTHER_MAIL_UID, is_running, wait_until


def kill(server, pid, number=signal.SIGKILL):
    server.expected_deaths = True
    os.kill(pid, number)
    wait_until(lambda: not os.path.exists("/proc/%d" % pid), "%d to be noticed as dead" % pid)


def login_process_of(server, client):
    """The restante-login that holds this connection."""
    port = client.socket.getsockname()[1]
    return server.wait_event("connect", peer="127.0.0.1:%d" % port).pid


def maildrop_process_of(server, uid):
    found = [pid for pid in server.pids("restante-maildrop")
             if os.stat("/proc/%d" % pid).st_uid == uid or
             ("Uid:\t%d\t" % uid) in open("/proc/%d/status" % pid).read()]
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def anna(server):
    anna = server.users["anna"]
    for number in range(3):
        anna.deliver(b"Subject: %d\n\n" % number)
    return anna


def add_user_with_mail(server, name, **more):
    user = server.add_user(name, **more)
    user.deliver(b"Subject: for %s\n\n" % name.encode())
    return user


def test_login_killed(server, anna):
    clear, first, second = anna, *(add_user_with_mail(server, name) for name in ("bert", "carl"))
    server.start()
    with server.login(clear) as in_clear, server.login(first, "implicit") as protected:
        # A session in the other process, which takes it while this one does not run.
        doomed = login_process_of(server, protected)
        os.kill(doomed, signal.SIGSTOP)
        other = server.connect("implicit")
        assert login_process_of(server, other) != doomed
        os.kill(doomed, signal.SIGCONT)
        other.log_in(second.name, second.password)
        protected.ok("DELE 1")
        in_clear.ok("DELE 1")
        kill(server, doomed)
        assert protected.ended()
        assert other.retrieve(1) == b"Subject: for carl\r\n\r\n"
        assert in_clear.retrieve(2) == b"Subject: 1\r\n\r\n"
        in_clear.ok("QUIT")
        assert in_clear.ended()
        other.close()
    server.wait_event("child-died", process="restante-login")
    wait_until(lambda: len(server.pids("restante-login")) == 2, "a new restante-login")
    ended = server.wait_event("session-end", user="bert")
    assert ended.fields["deleted"] == "0" and len(first.stored()) == 1
    assert len(clear.stored()) == 2
    for _ in range(10):
        with server.login(first, "implicit") as client:
            assert client.ok("STAT").startswith("1 ")
            client.ok("QUIT")
            assert client.ended()


def test_one_login_process_while_it_keeps_up(server, anna):
    server.start()
    taken = set()
    for mode in ("clear", "stls", "implicit") * 5:
        with server.login(anna, mode) as client:
            taken.add(login_process_of(server, client))
            client.ok("QUIT")
            assert client.ended()
    assert len(taken) == 1


def test_a_full_login_process_leaves_clients_to_the_others(server, anna):
    server.options["connections_max"] = 2
    server.start()
    crowd = [server.connect("clear") for _ in range(4)]
    assert len({login_process_of(server, client) for client in crowd}) == 2
    with server.connect("clear", greeting=False) as late:
        assert late.rest() == b"-ERR [SYS/TEMP] too many connections\r\n"
    # Where there is room again it is used at once.
    for client in crowd:
        client.close()
    server.wait_event("disconnect", count=4)
    with server.login(anna) as client:
        client.ok("QUIT")
        assert client.ended()


def test_auth_killed(server, anna):
    bert = add_user_with_mail(server, "bert")
    server.start()
    with server.login(anna) as in_clear, server.login(bert, "implicit") as protected:
        old = server.pids("restante-auth")[0]
        kill(server, old)
        in_clear.ok("DELE 1")
        protected.ok("DELE 1")
        wait_until(lambda: server.pids("restante-auth") not in ([], [old]), "a new restante-auth")

        def logged_in():
            # Until the new process is ready the answer is [SYS/TEMP]; the maildrop is held by
            # the first session, so that IN-USE shows that all processes have found one another.
            with server.connect("clear") as client:
                client.ok("USER anna")
                reply = client.error("PASS " + anna.password)
                assert reply.startswith(("[SYS/TEMP] ", "[IN-USE] ")), reply
                return reply.startswith("[IN-USE] ")

        wait_until(logged_in, "a login")
        for client in (in_clear, protected):
            client.ok("QUIT")
            assert client.ended()
    assert len(anna.stored()) == 2 and len(bert.stored()) == 0
    with server.login(bert, "stls") as client:
        assert client.ok("STAT") == "0 0"


def test_auth_killed_while_a_login_waits(server, anna):
    server.start()
    auth = server.pids("restante-auth")[0]
    with server.connect("clear") as client:
        client.ok("USER anna")
        os.kill(auth, signal.SIGSTOP)
        client.send(b"PASS %s\r\n" % anna.password.encode())
        with server.connect("clear") as other:
            other.ok("CAPA")  # nobody else waits
        kill(server, auth)
        assert client.line().startswith(b"-ERR [SYS/TEMP] ")


@pytest.mark.parametrize("mode", ["clear", "implicit"])
def test_maildrop_killed(server, anna, mode):
    uid = OTHER_MAIL_UID if server.is_root else server.as_uid
    bert = add_user_with_mail(server, "bert", uid=uid)
    server.start()
    with server.login(anna, mode) as doomed, server.connect("clear") as waiting:
        doomed.ok("DELE 1")
        victim = maildrop_process_of(server, anna.uid)
        other = server.login(bert, mode) if server.is_root else None
        kill(server, victim)
        assert doomed.ended()
        waiting.ok("CAPA")
        if other:
            assert victim != maildrop_process_of(server, uid)
            assert len(other.retrieve(1)) > 0
            other.close()
    server.wait_event("child-died", process="restante-maildrop")
    assert len(anna.stored()) == 3
    with server.login(anna, mode) as client:
        assert client.ok("STAT").startswith("3 ")


def test_maildrop_that_dies_again_and_again_comes_back(server, anna):
    server.start()
    for _ in range(3):
        with server.login(anna) as client:
            client.ok("DELE 1")
            kill(server, maildrop_process_of(server, anna.uid))
            assert client.ended()
    assert len(anna.stored()) == 3


def test_idle_maildrop_process_ends_and_comes_back(server, anna):
    server.options["maildrop_idle_seconds"] = 1
    server.start()
    for _ in range(3):
        server.login(anna).close()
        wait_until(lambda: not server.pids("restante-maildrop"), "the end of the idle process")
    with server.login(anna) as client:
        client.ok("STAT")


def test_each_uid_has_its_process_and_each_program_its_uid(server, anna):
    if not server.is_root:
        pytest.skip("one uid only")
    bert = add_user_with_mail(server, "bert", uid=OTHER_MAIL_UID)
    server.start()
    with server.login(anna), server.login(bert):
        wanted = {"restante-login": {restante.LOGIN_UID}, "restante-auth": {restante.AUTH_UID},
                  "restante-maildrop": {restante.MAIL_UID, OTHER_MAIL_UID}}
        for program, uids in wanted.items():
            found = set()
            for pid in server.pids(program):
                status = open("/proc/%d/status" % pid).read()
                real, *others = status.split("Uid:")[1].split("\n")[0].split()
                assert set(others) == {real}
                assert "Groups:\t%s" % real in status or "Groups:\t \n" in status
                assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
                found.add(int(real))
            assert found == uids
        assert len(server.pids("restante-maildrop")) == 2


@pytest.mark.parametrize("uid", [0, 100, 65534])
def test_maildrop_of_a_system_uid_is_refused(server, anna, uid):
    if not server.is_root:
        pytest.skip("an ordinary user's server has one uid")
    server.users["root"] = restante.User("root", anna.home, uid)
    server.start()
    with server.connect("clear") as client:
        client.ok("USER root")
        assert client.error("PASS " + anna.password).startswith("[SYS/")
        client.log_in("anna", anna.password)


# Stopping


def test_stop_ends_parked_sessions_without_update(server, anna):
    bert = add_user_with_mail(server, "bert")
    server.start()
    clients = [server.login(anna), server.login(bert, "implicit"), server.connect("clear"),
               server.connect("implicit"), server.connect("stls")]
    clients[0].ok("DELE 1")
    clients[1].ok("DELE 1")
    server.stop()
    for client in clients:
        client.rest()
        client.close()
    assert len(anna.stored()) == 3 and len(bert.stored()) == 1
    assert not os.path.exists(server.directory + "/run/control")


@pytest.mark.parametrize("mode", ["clear", "implicit"])
def test_stop_lets_an_update_finish(server, mode):
    anna = server.users["anna"]
    count = 3000
    for number in range(count):
        with open("%s/new/17%08d.M%dP1.x" % (anna.maildir, number, number), "wb") as file:
            file.write(b"Subject: x\n\n")
    anna.give_away()
    server.start()
    with server.login(anna, mode) as client:
        client.send(b"".join(b"DELE %d\r\n" % (number + 1) for number in range(count)))
        for _ in range(count):
            assert client.line().startswith(b"+OK ")
        client.send(b"QUIT\r\n")
        server.process.send_signal(signal.SIGTERM)
        reply = client.rest()
    server.stop(None)
    # Either the QUIT was not read any more, or all of it was done.
    left = len(anna.stored())
    assert (left, reply[:4]) in [(count, b""), (0, b"+OK ")], (left, reply)


def test_stop_by_interrupt(server):
    server.start()
    server.stop(signal.SIGINT)


def test_stop_does_not_wait_for_a_client_that_does_not_read(server):
    anna = server.users["anna"]
    anna.deliver(b"Subject: large\n\n" + b"some text on a line\n" * 1000000)
    server.options["stop_grace_seconds"] = 1
    server.start()
    clear = server.login(anna, receive_size=4096)
    clear.send(b"DELE 1\r\nRSET\r\nRETR 1\r\n")
    assert clear.line().startswith(b"+OK ")
    server.expected_deaths = True
    server.stop()
    assert len(anna.stored()) == 1


def test_parent_killed_takes_its_children_along(server, anna):
    server.start()
    with server.login(anna) as clear, server.connect("implicit") as protected:
        clear.ok("DELE 1")
        children = restante.children_of(server.process.pid)
        assert len(children) == 4
        server.process.kill()
        server.process.wait()
        assert clear.ended()
        assert protected.ended()
    wait_until(lambda: not any(map(is_running, children)), "the end of the children")
    assert len(anna.stored()) == 3
    server.process = None
    server.log_file.close()
    server.notify.close()


# Reload


def reload(server, good=True):
    before = len(server.events("reloaded" if good else "configuration-kept"))
    server.process.send_signal(signal.SIGHUP)
    server.wait_event("reloaded" if good else "configuration-kept", before + 1)


def greeting(server):
    with server.connect("clear") as client:
        return client.greeting


def test_reload_drops_no_session(server, anna):
    bert = add_user_with_mail(server, "bert")
    server.start()
    with server.login(anna) as clear, server.login(bert, "implicit") as protected, \
            server.connect("stls") as waiting:
        server.options["greeting"] = "another greeting"
        server.options["last"] = "no"
        old_port, server.clear_port = server.clear_port, restante.free_ports(1)[0]
        server.listeners[2] = ("clear", server.clear_port, "none")
        server.write_configuration()
        reload(server)
        assert b"another greeting" in greeting(server)
        clear.retrieve(1)
        protected.retrieve(1)
        waiting.stls()
        waiting.ok("CAPA")
        clear.ok("DELE 1")
        clear.ok("QUIT")
        assert clear.ended()
        with pytest.raises(ConnectionRefusedError):
            restante.Client(old_port)
    with server.login(anna) as client:
        client.error("LAST")
        assert client.ok("STAT").startswith("2 ")
    assert not server.events("child-died")


BROKEN = {
    "a syntax error": lambda text: text + "listener {\n",
    "an unknown key": lambda text: text + "hostnam = x\n",
    "a bad value": lambda text: text + "idle_timeout_seconds = 5\n",
    "a certificate that is not there": lambda text: text.replace("chain-", "no-chain-")
    if "chain-" in text else text.replace("-chain", "-no-chain"),
    "nothing at all that can be read": None,
}


@pytest.mark.parametrize("what", BROKEN)
def test_reload_of_a_bad_configuration_keeps_the_old_one(server, anna, what):
    server.start()
    old = greeting(server).split(b"<")[0]
    with server.login(anna, "implicit") as client:
        server.options["greeting"] = "never to be seen"
        if BROKEN[what]:
            server.write_configuration(BROKEN[what](server.configuration()))
        else:
            os.unlink(server.configuration_file)
        reload(server, good=False)
        assert server.events("reload-refused")
        assert greeting(server).split(b"<")[0] == old
        client.ok("STAT")
        server.write_configuration()
        reload(server)
        assert b"never to be seen" in greeting(server)
        client.ok("STAT")


def certificate_seen(server):
    return ssl.get_server_certificate(("127.0.0.1", server.tls_port))


def test_reload_of_a_certificate(server, anna, workshop):
    server.certificates = server.certificates[:1]
    server.start()
    old = certificate_seen(server)
    with server.login(anna, "implicit") as client:
        chain, key = server.certificates[0]
        new_chain, new_key = restante.make_certificate(server.directory, "other")
        good = [open(path).read() for path in (new_chain, new_key)]

        def put(chain_text, key_text):
            for path, text in ((chain, chain_text), (key, key_text)):
                with open(path, "w") as file:
                    file.write(text)

        old_key = open(key).read()
        for bad in ((good[0], old_key), ("nonsense\n", good[1]), (good[0], ""), ("", "")):
            put(*bad)
            reload(server, good=False)
            assert certificate_seen(server) == old
            client.ok("STAT")
        put(*good)
        reload(server)
        assert certificate_seen(server) != old
        client.ok("STAT")
        client.ok("QUIT")


def test_many_reloads(server, anna):
    server.start()
    with server.login(anna, "implicit") as client:
        for _ in range(20):
            server.process.send_signal(signal.SIGHUP)
        # restantectl is told so when one is on its way; when it is obeyed, the signals are done with.
        wait_until(lambda: server.control("reload").returncode == 0, "the end of the reloads")
        for number in range(5):
            server.options["greeting"] = "number %d" % number
            server.write_configuration()
            reload(server)
            assert b"number %d" % number in greeting(server)
        client.ok("STAT")


def test_number_of_login_processes_can_be_changed(server, anna):
    server.start()
    for count in (4, 1, 3):
        server.options["login_processes"] = count
        server.write_configuration()
        reload(server)
        wait_until(lambda: len(server.pids("restante-login")) == count, "%d of them" % count)
        for mode in ("clear", "stls", "implicit"):
            with server.login(anna, mode) as client:
                client.ok("QUIT")
                assert client.ended()


def test_stop_during_a_reload(server, anna):
    server.start()
    server.process.send_signal(signal.SIGHUP)
    server.stop()


# The service manager


def test_notifications(server):
    server.options["stop_grace_seconds"] = 3600
    server.write_users()
    server.write_configuration()
    server.launch()
    assert "READY=1" in server.notified()
    server.process.send_signal(signal.SIGHUP)
    said = server.notified()
    assert "RELOADING=1" in said and "MONOTONIC_USEC=" in said
    assert "READY=1" in server.notified()
    server.process.send_signal(signal.SIGTERM)
    said = server.notified()
    assert "STOPPING=1" in said
    # The unit's TimeoutStopSec is shorter than that: more time is asked for.
    assert int(re.search(r"^EXTEND_TIMEOUT_USEC=(\d+)$", said, re.MULTILINE)[1]) > 3600 * 1000000
    server.stop(None)


def test_socket_activation(server, anna):
    sockets = [socket.socket() for _ in range(3)]
    for each, port in zip(sockets, (server.port, server.tls_port, server.clear_port)):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(("127.0.0.1", port))
        each.listen()
    server.write_users()
    server.write_configuration()
    server.wrap_command = activated(sockets)
    server.launch()
    server.wait_ready()
    for mode in ("clear", "stls", "implicit"):
        with server.login(anna, mode) as client:
            client.ok("QUIT")
            assert client.ended()
    # The sockets stay the service manager's: while the server is away, clients wait.
    server.stop()
    waiting = restante.Client(server.clear_port)
    server.launch()
    server.wait_ready()
    assert waiting.line().startswith(b"+OK ")
    waiting.close()
    for each in sockets:
        each.close()


def activated(sockets):
    """What systemd does: descriptors from 3 on, their number, and the pid they are meant for."""
    script = "import os, sys\n" \
        "for number, descriptor in enumerate(%r): os.dup2(descriptor + 100, 3 + number)\n" \
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='%d')\n" \
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    raised = []
    for each in sockets:
        raised.append(each.fileno())
        os.dup2(each.fileno(), each.fileno() + 100)
    return (["/usr/bin/python3", "-c", script % (raised, len(sockets))],
            tuple(number + 100 for number in raised))


def test_second_server_on_the_same_ports_is_refused(server, make_server, anna):
    server.start()
    other = make_server()
    other.listeners = server.listeners
    other.write_users()
    other.write_configuration()
    finished = subprocess.run(
        [other.programs + "/restanted", "-c", other.configuration_file, "--programs", other.programs],
        capture_output=True, text=True, timeout=restante.PATIENCE_SECONDS)
    assert finished.returncode != 0
    assert str(server.port) in finished.stderr, finished.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="the tests run as an ordinary user already")
def test_started_by_an_ordinary_user(make_server):
    server = make_server(as_uid=restante.PLAIN_UID)
    anna = server.add_user("anna")
    anna.deliver(b"Subject: x\n\n")
    server.start()
    for mode in ("clear", "stls", "implicit"):
        with server.login(anna, mode) as client:
            client.retrieve(1)
            client.ok("QUIT")
            assert client.ended()
    for pid in server.all_pids():
        assert os.stat("/proc/%d" % pid).st_uid in (restante.PLAIN_UID, 0)  # not dumpable: root's
    with server.login(anna) as client:
        client.ok("DELE 1")
        client.ok("QUIT")
        assert client.ended()
    assert not anna.stored()
