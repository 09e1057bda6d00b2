"""The newcomer's two commands: missing packages, the demonstration, and `make run`."""

import glob
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

import restante
from restante import PATIENCE_SECONDS, TOP, wait_until


@pytest.fixture
def packages(tmp_path):
    """packages(uid, installed, ...): runs tools/packages on a host that is made up of scripts; what
    it said, its exit status, and which of the host's programs it called."""
    calls = tmp_path / "calls"

    def script(name, text):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def run(uid, installed, sudo=None, apt_fails=False):
        calls.write_text("")
        script("id", "echo %d\n" % uid)
        script("dpkg-query", "for last; do :; done\n%s\n" % (
            "echo installed" if installed is True else
            'case $last in %s) echo installed;; curl) echo not-installed;; *) exit 1;; esac'
            % ("|".join(installed) or "none")))
        script("apt-get", 'echo "apt-get $*" >>%s\n%s\n' % (
            calls, 'case $1 in install) exit 1;; esac' if apt_fails else ""))
        for program in ("env", "cat"):
            if not (tmp_path / "bin" / program).exists():
                os.symlink(shutil.which(program), tmp_path / "bin" / program)
        if sudo:
            script("sudo", 'echo "sudo" >>%s\n%s\n' % (calls, sudo))
        finished = subprocess.run(
            ["/bin/sh", TOP + "/tools/packages", "check"], env={"PATH": str(tmp_path / "bin")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        return finished, calls.read_text()

    return run


def test_packages_that_are_there_need_no_apt(packages):
    finished, called = packages(1000, True)
    assert finished.returncode == 0 and called == "" and not finished.stdout + finished.stderr


def test_packages_that_are_missing_are_installed(packages):
    finished, called = packages(0, ["gcc", "meson"])
    assert finished.returncode == 0
    install = called.splitlines()[-1].split()
    assert install[:2] == ["apt-get", "install"]
    assert "libssl-dev" in install and "curl" in install
    assert "gcc" not in install and "meson" not in install


def test_packages_through_sudo(packages):
    finished, called = packages(1000, [], sudo='[ "$1" != -n ] || shift\nexec "$@"')
    assert finished.returncode == 0 and "sudo" in called and "apt-get install" in called


@pytest.mark.parametrize("host", [{}, {"sudo": "exit 1"},
                                  {"sudo": '[ "$1" != -n ] || shift\nexec "$@"', "apt_fails": True}])
def test_packages_that_cannot_be_installed(packages, host):
    finished, _ = packages(1000, ["gcc"], **host)
    assert finished.returncode == 1
    assert re.search("^\tapt-get update && apt-get install .*libssl-dev", finished.stderr, re.MULTILINE)
    assert "as root" in finished.stderr


def test_demonstration_is_the_same_every_time(tmp_path):
    made = []
    for name in ("first", "second"):
        subprocess.run([TOP + "/tools/demonstration", str(tmp_path / name)], check=True)
        user = restante.User("demo", str(tmp_path), os.getuid())
        user.maildir = str(tmp_path / name)
        made.append(user.files())
    assert made[0] == made[1]
    wire = [restante.wire_form(text) for text in made[0].values()]
    assert len(wire) >= 12
    assert max(map(len, wire)) == 1 << 20
    for what in (rb"\A\r\n\S", rb"\r\n\.\r\n\.\.\r\n", rb"=\?UTF-8\?", rb"multipart/mixed",
                 rb"[^\n]\r\n\r\n\Z"):
        assert any(re.search(what, text) for text in wire), what


def test_examples_of_hacking_are_there():
    with open(TOP + "/HACKING.md") as file:
        examples = file.read().split("\n\n")[1]
    unit = re.search(r"meson test -C build-check (\S+)", examples)[1]
    listed = subprocess.run(["meson", "test", "-C", restante.BUILD, "--no-rebuild", "--list"], check=True,
                            capture_output=True, text=True).stdout
    if "cmocka" in listed or "store/" in listed:  # a release build has no unit tests
        assert re.search(r"\b%s$" % unit, listed, re.MULTILINE), listed
    name = re.search(r"tools/check --programs build-check -k (test_\w+)", examples)[1]
    found = [text for text in map(lambda path: open(path).read(), glob.glob(TOP + "/tests/test_*.py"))
             if "def %s(" % name in text]
    assert len(found) == 1


TOOLS = ["tools/check", "tools/courier", "tools/demonstration", "tools/mtas", "tools/packages", "tools/run", "fuzz/run",
         "bench/compare"]


@pytest.mark.parametrize("tool", TOOLS)
def test_help_of_tools(tool, tmp_path):
    finished = subprocess.run([TOP + "/" + tool, "--help"], cwd=tmp_path, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert finished.returncode == 0 and tool.split("/")[1] in finished.stdout and not finished.stderr
    finished = subprocess.run([TOP + "/" + tool, "--nonsense"], cwd=tmp_path, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert finished.returncode != 0 and finished.stderr
    assert os.listdir(tmp_path) == []


def test_help_of_make():
    said = subprocess.run(["make", "-C", TOP, "help"], check=True, capture_output=True, text=True).stdout
    for word in ("POP3_PORT", "POP3S_PORT", "DESTDIR", "prefix"):
        assert word in said


def test_clean_removes_every_build_directory_that_something_makes():
    made = set()
    for path in ["Makefile", ".ci/run", "bench/compare", "fuzz/run", "tools/courier", "tools/mtas"]:
        with open(TOP + "/" + path) as file:
            made |= set(re.findall(r"\bbuild-[a-z]+", file.read()))
    said = subprocess.run(["make", "-C", TOP, "-n", "clean"], check=True, capture_output=True, text=True)
    assert len(made) >= 5
    assert all(name in said.stdout for name in made), (made, said.stdout)


@pytest.mark.parametrize("command", [["tools/check", "--programs"], ["tools/check"]])
def test_check_without_a_build_says_so(command, tmp_path):
    finished = subprocess.run([*command, str(tmp_path)], cwd=TOP, capture_output=True, text=True,
                              timeout=PATIENCE_SECONDS)
    assert finished.returncode == 1 and "is no build directory" in finished.stderr


def test_pytest_without_a_build_says_so(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TOP + "/tests/test_protocol.py",
         "-k", "test_empty_maildrop"], capture_output=True, text=True, timeout=PATIENCE_SECONDS,
        env=dict(os.environ, RESTANTE_BUILD=str(tmp_path)))
    assert finished.returncode == 1 and "There are no programs in " + str(tmp_path) in finished.stdout


@pytest.fixture(params=["as it is", "an ordinary user"])
def runner(request, workshop):
    """start(): `make run` behind the build, on free ports."""
    place = workshop + "/run-" + request.param.replace(" ", "-")
    shutil.copytree(TOP + "/tools", place + "/tools")
    for program, room in restante.PROGRAMS.items():
        os.makedirs("%s/build/src/%s" % (place, room))
        shutil.copy("%s/src/%s/%s" % (restante.BUILD, room, program), "%s/build/src/%s" % (place, room))
    os.makedirs(place + "/build/src/fetch", exist_ok=True)
    shutil.copy(restante.BUILD + "/src/fetch/restante", place + "/build/src/fetch")
    command = [place + "/tools/run", place + "/build"]
    if request.param != "as it is":
        if os.getuid() != 0:
            pytest.skip("it is one already")
        subprocess.run(["chown", "-R", str(restante.PLAIN_UID), place], check=True)
        command = ["setpriv", "--reuid", str(restante.PLAIN_UID), "--regid", str(restante.PLAIN_UID),
                   "--clear-groups", *command]
    os.chmod(place, 0o755)
    ports = restante.free_ports(2)
    temporary = place + "/tmp"
    os.mkdir(temporary, 0o777)
    os.chmod(temporary, 0o777)

    def start():
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(place + "/log", "ab"),
            text=True, start_new_session=True, env=dict(
                os.environ, POP3_PORT=str(ports[0]), POP3S_PORT=str(ports[1]), TMPDIR=temporary,
                ASAN_OPTIONS="detect_leaks=0"))

    yield start, temporary, place
    shutil.rmtree(place)


def test_run_serves_until_interrupted(runner):
    start, temporary, place = runner
    process = start()
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    paste = [line.strip() for line in said if line.startswith("  ")]
    assert len(paste) == 4, said
    listed = subprocess.run(["sh", "-c", paste[0]], capture_output=True, timeout=PATIENCE_SECONDS)
    assert b"Subject: Welcome\r\n" in listed.stdout, listed.stderr
    talked = subprocess.run(["sh", "-c", paste[1]], capture_output=True, timeout=PATIENCE_SECONDS,
                            input=b"USER demo\nPASS password\nSTAT\nQUIT\n")
    assert re.search(rb"^\+OK 15 \d+\r$", talked.stdout, re.MULTILINE), talked
    assert "POP3" in paste[2]
    with open(os.open(temporary + "/.netrc", os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write("machine 127.0.0.1 login demo password password\n")
    listed = subprocess.run(["sh", "-c", paste[3]], capture_output=True, timeout=PATIENCE_SECONDS, text=True,
                            env=dict(os.environ, HOME=temporary, ASAN_OPTIONS="detect_leaks=0"))
    assert listed.stdout.count("\n") == 15 and "Welcome" in listed.stdout, listed
    os.unlink(temporary + "/.netrc")
    server = restante.children_of(process.pid)
    children = server + restante.children_of(server[0])
    # A second one on the same ports.
    second = start()
    assert second.wait(PATIENCE_SECONDS) != 0
    with open(place + "/log") as file:
        assert "cannot be had" in file.read()
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does
    assert process.wait(PATIENCE_SECONDS) == 0
    wait_until(lambda: not any(map(restante.is_running, children)), "the end of the processes")
    assert os.listdir(temporary) == []
    process.stdout.close()
    second.stdout.close()
    with open(place + "/log") as file:
        assert not restante.SANITIZER.search(file.read())
