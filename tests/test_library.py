"""librestante as others find it: the example of its manual against the server, its headers, what is installed."""

import glob
import json
import os
import re
import shutil
import subprocess

import pytest

from restante import BUILD, PASSWORD, PATIENCE_SECONDS, TOP, wire_form

HEADERS = sorted(os.path.basename(path) for path in glob.glob(TOP + "/include/restante/*.h"))
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
COMPILERS = {"C11": ["cc", "-x", "c", "-std=c11"], "C++": ["c++", "-x", "c++", "-std=c++11"],
             "clang": ["clang", "-x", "c", "-std=c11"]}

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


@pytest.mark.parametrize("language", COMPILERS)
@pytest.mark.parametrize("header", HEADERS)
def test_header_stands_alone(header, language):
    if shutil.which(COMPILERS[language][0]) is None:
        pytest.skip("no such compiler")
    said = subprocess.run([*COMPILERS[language], *STRICT, "-I", TOP + "/include", "-"], text=True, capture_output=True,
                          input="#include <restante/%s>\nint main(void) { return 0; }\n" % header)
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("header", HEADERS)
def test_header_shows_opaque_structs_and_no_foreign_types(header):
    """What a struct holds could never change again; a type of others would be theirs to change."""
    with open(TOP + "/include/restante/" + header) as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    assert not re.search(r"\b(struct|union)\s+\w*\s*\{|\btypedef\b|\binline\b", text)
    assert set(re.findall(r"#include <(?!restante/)(.*)>", text)) <= {"stdbool.h", "stddef.h", "stdint.h"}
    assert '#include "' not in text
    assert all(name.startswith("restante_") for name in re.findall(r"\b(?:struct|enum) (\w+)", text))
    assert all(name.startswith("RESTANTE_") for name in re.findall(r"^#define (\w+)", text, re.MULTILINE))


def test_nothing_that_was_promised_is_taken_back():
    said = subprocess.run([TOP + "/tools/abi", BUILD], capture_output=True, text=True)
    if said.returncode == 77:
        pytest.skip(said.stderr)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The library and its headers, and the environment in which pkg-config finds them."""
    stage = str(tmp_path_factory.mktemp("stage"))
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", stage], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True)
    directory = os.path.dirname(glob.glob(stage + "/**/restante.pc", recursive=True)[0])
    return os.path.dirname(directory), dict(os.environ, PKG_CONFIG_PATH=directory, PKG_CONFIG_SYSROOT_DIR=stage)


def sanitizers():
    told = subprocess.run(["meson", "introspect", "--buildoptions", BUILD], check=True, capture_output=True, text=True)
    value = [option["value"] for option in json.loads(told.stdout) if option["name"] == "b_sanitize"][0]
    return ["-fsanitize=" + value] if value != "none" else []


@pytest.mark.parametrize("kind", ["shared", "static"])
def test_example_builds_as_the_manual_says(installed, shared, user, tmp_path, kind):
    """And works: with the static library it needs no librestante to run."""
    libraries, environment = installed
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", *(["--static"] if kind == "static" else []), "restante"],
                           check=True, capture_output=True, text=True, env=environment).stdout.split()
    if kind == "static":
        flags = [libraries + "/librestante.a" if flag == "-lrestante" else flag for flag in flags]
    program = str(tmp_path / "fetch_one")
    subprocess.run(["cc", *sanitizers(), "-Wall", "-Wextra", "-Werror", TOP + "/doc/fetch_one.c", *flags, "-o", program],
                   check=True)
    user.deliver(MESSAGE)
    user.give_away()
    if kind == "shared":
        os.environ["LD_LIBRARY_PATH"] = libraries
    try:
        said = fetch_one(url(shared, user, "stls"), PASSWORD, shared.certificates[0][0], program)
    finally:
        os.environ.pop("LD_LIBRARY_PATH", None)
    assert (said.returncode, said.stderr, said.stdout) == (0, b"", wire_form(MESSAGE))
