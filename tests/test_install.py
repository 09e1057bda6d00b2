"""What README and the manual say of an installation is so once `make install` has run."""

import json
import os
import re
import subprocess
import sys

import pytest

from restante import BUILD, PATIENCE_SECONDS, TOP

# The paths that are there only when the server runs, or somebody has made them as README says.
MADE_LATER = re.compile(r"(/etc/restante|.*/etc/restante)/users|/run/restante(/control|/lmtp)?|"
                        r"/var/lib/restante(/.*)?|/var/spool/restante")
# Those of other programs, and examples.
OTHERS = re.compile(r"/dev/log|/var/mail(/.*)?|/tmp(/stage)?|/usr|/usr/local|/usr/sbin/nologin")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """What `make install DESTDIR=...` makes of the build that is tested."""
    directory = str(tmp_path_factory.mktemp("stage"))
    os.chmod(directory, 0o755)
    finished = subprocess.run(
        ["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", directory],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, umask=0o077)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return directory


@pytest.fixture(scope="module")
def prefix():
    told = subprocess.run(["meson", "introspect", "--buildoptions", BUILD], check=True,
                          capture_output=True, text=True)
    return [option["value"] for option in json.loads(told.stdout) if option["name"] == "prefix"][0]


def installing():
    """README's section, without its title."""
    with open(TOP + "/README.md") as file:
        return file.read().split("## Installing\n", 1)[1].split("\n## ", 1)[0]


def commands():
    """Those of its first block, without their comments."""
    block = re.search(r"(^    .*\n)+", installing(), re.MULTILINE)[0]
    return [line.split(" #")[0].strip() for line in block.splitlines()]


def manual_pages(stage, prefix):
    directory = stage + prefix + "/share/man"
    return {name: open(os.path.join(where, name)).read()
            for where, _, names in os.walk(directory) for name in names}


def test_every_path_that_is_named_is_there(stage, prefix):
    pages = manual_pages(stage, prefix)
    assert sorted(pages) == ["restante-config.5", "restante-deliver.1", "restante-mta.7", "restante.1", "restante.3",
                             "restantectl.8", "restanted.8",
                             "restanted.conf.5"]
    named = set(re.findall(r"(?<![\w.\]%:}])/[\w./-]*\w", installing().split("A configuration for")[0]))
    for text in pages.values():
        assert "@configuration" not in text
        named |= set(re.findall(r"^\.(?:It )?Pa (/[^ \n]*)", text, re.MULTILINE))
    assert "/etc/restante/restanted.conf" in named
    missing = [path for path in named if not os.path.exists(stage + path) and
               not MADE_LATER.fullmatch(path) and not OTHERS.fullmatch(path)]
    assert not missing


@pytest.mark.parametrize("program", ["sbin/restanted", "bin/restantectl"])
def test_programs_look_where_the_manual_says(stage, prefix, program):
    if prefix not in ("/usr", "/usr/local"):
        pytest.skip("the configuration is below the prefix")
    told = subprocess.run(["%s%s/%s" % (stage, prefix, program), "--help"], capture_output=True,
                          text=True, timeout=PATIENCE_SECONDS)
    assert "(/etc/restante/restanted.conf)" in told.stdout


def test_directory_of_the_configuration(stage):
    status = os.stat(stage + "/etc/restante")
    assert status.st_mode & 0o7777 == 0o755
    assert os.stat(stage + "/etc/restante/restanted.conf").st_mode & 0o7777 == 0o644


def test_configuration_that_is_there_stays(stage):
    path = stage + "/etc/restante/restanted.conf"
    with open(path) as file:
        before = file.read()
    try:
        with open(path, "w") as file:
            file.write("# somebody's work\n")
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", stage],
                       stdin=subprocess.DEVNULL, capture_output=True, check=True)
        with open(path) as file:
            assert file.read() == "# somebody's work\n"
    finally:
        with open(path, "w") as file:
            file.write(before)


def test_readme_on_a_fresh_host(stage, tmp_path):
    said = commands()
    assert said[0].startswith("make install") and said[-1] == "systemctl enable --now restanted"
    if os.getuid() != 0:
        pytest.skip("an installation needs root")
    finished = subprocess.run(
        ["unshare", "--mount", "--net", sys.executable, TOP + "/tests/fresh_host.py", stage,
         str(tmp_path)], input="\n".join(said[1:]), capture_output=True, text=True,
        timeout=5 * PATIENCE_SECONDS)
    if finished.returncode == 77 or "unshare" in finished.stderr:
        pytest.skip("no private name spaces here")
    assert finished.returncode == 0 and "+OK 1 message" in finished.stdout, \
        finished.stdout + finished.stderr
