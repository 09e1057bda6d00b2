"""What --help, the manual, the completions and the tables of restante say of each other."""

import os
import re
import subprocess

import pytest

from collector import PROGRAM
from restante import PATIENCE_SECONDS, TOP

COMPLETIONS = ["restante.bash", "_restante", "restante.fish"]


def told(*words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=PATIENCE_SECONDS,
                          env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def text_of(path):
    with open(TOP + "/" + path) as file:
        return file.read()


def commands():
    found = re.findall(r"^  ([a-z]+)", told("--help"), re.MULTILINE)
    assert len(found) >= 9
    return found


def options(command):
    """Long names, as its help has them."""
    found = set(re.findall(r"--([a-z-]+)", told(command, "--help")))
    assert "help" in found
    return found


def manual(title):
    """A section, without its title."""
    return re.split(r"\n\.Sh ", text_of("man/restante.1").split("\n.Sh %s\n" % title, 1)[1])[0]


def test_manual_has_every_command_and_option():
    described = manual("DESCRIPTION")
    assert re.findall(r"^\.It Cm (\w+)", described, re.MULTILINE) == commands()
    every = set().union(*map(options, commands()))
    assert len(every) >= 15
    named = {name.replace("\\", "").lstrip("-") for name in re.findall(r"Fl (\\-[a-z-]+)", described)}
    assert named - {"version"} == every
    letters = dict(re.findall(r"-(\w), --([a-z-]+)", told("--help")))
    assert len(letters) >= 10
    for letter, name in letters.items():
        assert re.search(r"^\.It Fl %s , Fl \\-%s\b" % (letter, name), described, re.MULTILINE), name


@pytest.mark.parametrize("name", COMPLETIONS)
def test_completions_have_every_command_and_option(name):
    text = text_of("contrib/completion/" + name)
    for command in commands():
        assert re.search(r"\b%s\b" % command, text), command
        for option in options(command):
            assert re.search(r"(--|-l )%s\b" % option, text), option


def test_bash_completes():
    """What it offers is what the command takes."""
    script = """. %s/contrib/completion/restante.bash; COMP_WORDS=(restante "$@"); COMP_CWORD=$#; _restante
        printf '%%s\\n' "${COMPREPLY[@]}" """ % TOP

    def offered(*words):
        done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True,
                              timeout=PATIENCE_SECONDS)
        return set(done.stdout.split())

    assert offered("") == set(commands()) and offered("fe") == {"fetch"}
    for command in commands():
        if command not in ("help", "version"):
            assert {name.lstrip("-") for name in offered(command, "--")} == options(command), command


def test_bash_completes_accounts(tmp_path):
    os.mkdir(tmp_path / "restante")
    (tmp_path / "restante/config").write_text('account "work" {\n}\naccount home {\n}\nparallel = 3\n')
    done = subprocess.run(
        ["bash", "-c", ". %s/contrib/completion/restante.bash; COMP_WORDS=(restante fetch ''); COMP_CWORD=2; _restante; "
         "echo ${COMPREPLY[@]}" % TOP], capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
        env=dict(os.environ, XDG_CONFIG_HOME=str(tmp_path)))
    assert done.stdout.split() == ["work", "home"]


def test_manual_has_every_event_and_status():
    table = text_of("src/fetch/report.c").split("types[REPORT_TYPE_COUNT] = {", 1)[1].split("};")[0]
    events = set(re.findall(r'= \{ "(\w+)"', table))
    assert len(events) >= 11 and set(re.findall(r"^\.It Ic (\w+)", manual("EVENTS"), re.MULTILINE)) == events
    numbers = {"EX_USAGE": 64, "EX_DATAERR": 65, "EX_NOINPUT": 66, "EX_NOHOST": 68, "EX_UNAVAILABLE": 69, "EX_OSERR": 71,
               "EX_CANTCREAT": 73, "EX_IOERR": 74, "EX_TEMPFAIL": 75, "EX_PROTOCOL": 76, "EX_NOPERM": 77,
               "EX_CONFIG": 78, "EX_OK": 0}
    used = set()
    for name in os.listdir(TOP + "/src/fetch"):
        if re.fullmatch(r"(collect\w*|command_\w+|jobs|main|options|outcome|visit|wanted)\.c", name) and \
                not name.endswith("_test.c"):
            used |= set(re.findall(r"\bEX_\w+", text_of("src/fetch/" + name)))
    used.discard("EX_SOFTWARE")  # for what cannot be
    assert set(map(int, re.findall(r"^\.It (\d+)$", manual("EXIT STATUS"), re.MULTILINE))) == \
        {numbers[name] for name in used}
