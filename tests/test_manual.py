"""What the manual and the tables of commands say of each other."""

import glob
import re

import pytest

from restante import TOP


def text_of(path):
    with open(TOP + "/" + path) as file:
        return file.read()


def rows(path):
    """keyword -> function, of each row of a table of commands."""
    return dict(re.findall(r'^\t\{ "([A-Z]+)",\s+ARGS_\w+,\s+(\w+)', text_of(path), re.MULTILINE))


LOGIN = rows("src/login/commands.c")
MAILDROP = rows("src/maildrop/commands.c")


def paragraphs(title):
    """The commands that have a paragraph below that title of restanted(8)."""
    section = text_of("man/restanted.8").split("\n.Ss %s\n" % title, 1)[1]
    section = re.split(r"\n\.S[hs] ", section)[0]
    return set(re.findall(r"^\.It Ic ([A-Z]+)", section, re.MULTILINE))


def served(table):
    return {keyword for keyword, function in table.items() if function.startswith("cmd_")}


def test_every_command_has_its_paragraph():
    assert len(served(LOGIN)) >= 7 and len(served(MAILDROP)) >= 11
    assert paragraphs("Commands before login") == served(LOGIN)
    assert paragraphs("Commands after login") == served(MAILDROP)


def test_commands_of_the_other_state_are_told_from_unknown_ones():
    assert {keyword for keyword, function in LOGIN.items() if function == "log_in_first"} == \
        served(MAILDROP) - served(LOGIN)
    names = re.search(r"authorization\[\] = \{(.*?)\}", text_of("src/maildrop/commands.c"), re.DOTALL)[1]
    assert set(re.findall(r'"(\w+)"', names)) == served(LOGIN) - served(MAILDROP)


def test_what_mail_servers_are_told_is_what_was_tried():
    """restante-mta(7) has each snippet of contrib/, but for the comments, as test_mtas.py uses it."""
    shown = [text.strip("\n") for text in re.findall(
        r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", text_of("man/restante-mta.7"), re.MULTILINE | re.DOTALL)]
    snippets = [path for mta in ("postfix", "exim", "opensmtpd") for path in glob.glob(TOP + "/contrib/%s/*" % mta)]
    assert len(snippets) >= 12
    tried = text_of("tests/test_mtas.py")
    for path in snippets:
        name = path.removeprefix(TOP + "/contrib/")
        text = re.sub(r"(?m)^#.*\n", "", text_of("contrib/" + name)).strip("\n")
        assert text in shown and '"%s"' % name in tried, name


def declared():
    """The functions of the library's headers."""
    headers = "".join(text_of(path.removeprefix(TOP + "/")) for path in glob.glob(TOP + "/include/restante/*.h"))
    headers = re.sub(r"/\*.*?\*/", "", headers, flags=re.DOTALL)
    return set(re.findall(r"\b(restante_[a-z_0-9]+)\(", headers)), headers


def test_every_function_of_the_library_has_its_paragraph():
    functions, _ = declared()
    page = text_of("man/restante.3")
    assert len(functions) > 50
    assert set(re.findall(r"^\.It .*\bFn (restante_\w+)", page, re.MULTILINE)) == functions


@pytest.mark.parametrize("enum", ["restante_option", "restante_event_type", "restante_result"])
def test_every_value_of_the_library_is_in_its_manual(enum):
    values = re.search(r"enum %s \{(.*?)\};" % enum, declared()[1], re.DOTALL)[1]
    named = set(re.findall(r"\bRESTANTE_\w+", values)) - {"RESTANTE_OPTION_COUNT", "RESTANTE_RESULT_COUNT"}
    assert len(named) > 5
    assert named <= set(re.findall(r"\bRESTANTE_\w+", text_of("man/restante.3")))


def test_example_of_the_library_is_the_one_that_is_built():
    example = text_of("doc/fetch_one.c")
    shown = re.search(r"^\.Bd -literal\n(.*?)^\.Ed$", text_of("man/restante.3"), re.MULTILINE | re.DOTALL)[1]
    assert shown.replace("\\e", "\\") == example[example.index("#include"):]
