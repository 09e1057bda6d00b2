"""Fixtures: servers in private directories that are stopped, and looked through, after the test."""

import os
import shutil
import tempfile

import pytest

import restante


@pytest.fixture(scope="session")
def workshop():
    """A directory that every uid can pass through: programs, certificates, servers."""
    directory = tempfile.mkdtemp(prefix="restante-tests-")
    try:
        os.chmod(directory, 0o711)
        restante.copy_programs(directory + "/programs")
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def programs(workshop):
    return workshop + "/programs"


@pytest.fixture(scope="session")
def certificates(workshop):
    """ECDSA and RSA for the same names."""
    return [restante.make_certificate(workshop, algorithm=algorithm) for algorithm in ("ec", "rsa")]


def readable_by(pairs, directory, uid):
    """Copies for a server that is not root."""
    copies = []
    for pair in pairs:
        copy = tuple(shutil.copy(path, directory) for path in pair)
        for path in copy:
            if os.getuid() == 0:
                os.chown(path, uid, uid)
        copies.append(copy)
    return copies


def server_factory(workshop, certificates):
    servers = []

    def make(as_uid=None):
        directory = tempfile.mkdtemp(prefix="server-", dir=workshop)
        uid = os.getuid() if as_uid is None else as_uid
        os.chmod(directory, 0o711)
        restante.Server.give(directory, uid)
        server = restante.Server(directory, workshop + "/programs",
                                 readable_by(certificates, directory, uid), as_uid)
        servers.append(server)
        return server

    return make, servers


def stop_all(servers):
    problems = []
    for server in servers:
        try:
            server.stop()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n".join(problems)


@pytest.fixture
def make_server(workshop, certificates):
    """make_server(as_uid): a Server that is not started yet."""
    make, servers = server_factory(workshop, certificates)
    yield make
    stop_all(servers)


@pytest.fixture(scope="module")
def shared(workshop, certificates):
    """One server for the tests of a file that only talk to it; it has many users."""
    make, servers = server_factory(workshop, certificates)
    server = make()
    for number in range(200):
        server.add_user("user%d" % number)
    # Some of those tests log in with wrong passwords, all from one address: no limit, no delay.
    server.options["auth_failures_max"] = 1000
    server.options["auth_failure_delay_milliseconds"] = 0
    server.start()
    server.unused = iter(server.users.values())
    yield server
    stop_all(servers)


@pytest.fixture
def user(shared):
    """A user of the shared server whom no other test has touched."""
    return next(shared.unused)


@pytest.fixture
def server(make_server):
    """A server of this test's own with the user anna; not started yet."""
    server = make_server()
    server.add_user("anna")
    return server
