"""CI systems' text forms, judged by the oracle of the runner and by parsers written here."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from signotaur_action.ci.text import (
    continua_message,
    escape_own_line,
    escape_untrusted,
    file_record,
    json_line,
    workflow_command,
)
from signotaur_action.options.commands import OPTIONS
from signotaur_action.options.declare import Option
from support.runner import input_variable, parse_command, parse_file, read_lines

CASES: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "data" / "runner_cases.json").read_bytes()
)
TOOLKIT_LINES = [case for case in CASES["toolkit_emit_cases"] if "stdout" in case]
TOOLKIT_COMMANDS = {"setFailed": "error", "endGroup": "endgroup"}
TOOLKIT_PROPERTIES = {"startLine": "line", "startColumn": "col"}
ORDER = ("title", "file", "line", "endLine", "col", "endColumn")

NASTY = [
    "::add-mask::x",
    "  ::add-mask::x",
    "\t::set-output name=a::b",
    "\u00a0\u3000::stop-commands::tok",
    ":::add-mask::x",
    "::::add-mask::x",
    ":\r::add-mask::x",
    "name\r::add-mask::x",
    "name\n::add-mask::x",
    "name\r\n::set-env name=A::b",
    "##[add-mask]x",
    "a ##[error]b",
    "###[add-mask]x",
    "##\u200b[add-mask]x",
    "##[##[add-mask]x]",
    "::nope::##[add-mask]x",
    "##VSO[task.setvariable variable=a]b",
    "##vso[task.complete]",
    "##teamcity[buildStatus text='x']",
    "@@continua[setServerVariable name='a' value='b']",
    "@@@Continua[x]",
    "@@@@continua[x]",
    "\x1b[2K::add-mask::x",
    "\x1b]0;title\x07",
    "a\x0b::add-mask::x",
    "a\x85::add-mask::x",
    "a\u2028::add-mask::x",
    "\u202etxt.exe",
    "\u061c::x::",
    "\u00ad::x::",
    "\U000e0041::x::",
    "::\u200badd-mask::x",
    "\ud800::x::",
    "",
]


class EveryName:
    """A registry that knows any command: a stop token may be any word."""

    def __contains__(self, name: object) -> bool:
        return bool(name)


def commands_in(printed: str) -> list[str]:
    """Return the lines of a printed text that the runner would take for any command at all."""
    lines = read_lines((printed + "\n").encode(errors="replace"))
    return [line for line in lines if parse_command(line, EveryName()) is not None]


def hidden_in(text: str) -> set[str]:
    """Return the characters of a text that nobody sees: controls, formats, line ends."""
    return {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


OPENINGS = re.compile(r"@@continua\[|##vso\[|##teamcity\[|##\[", re.IGNORECASE)


@pytest.mark.parametrize("case", TOOLKIT_LINES, ids=lambda case: case["id"])
def test_our_command_is_the_toolkits_to_the_byte(case: dict[str, Any]) -> None:
    name = TOOLKIT_COMMANDS.get(case["fn"], case["fn"])
    message, *rest = case["args"] or [""]
    given = {
        TOOLKIT_PROPERTIES.get(key, key): str(value)
        for key, value in (rest[0] if rest else {}).items()
    }
    properties = {key: given[key] for key in ORDER if key in given}
    assert workflow_command(name, message, **properties) + "\n" == case["stdout"]


def test_an_empty_property_is_left_out() -> None:
    assert workflow_command("error", "x", title="", file="a") == "::error file=a::x"
    assert workflow_command("error", "x", title="") == "::error::x"


def test_a_file_record_takes_a_value_with_another_records_delimiter() -> None:
    inner = file_record("evil", "x")
    parsed = parse_file(file_record("name", inner).encode())
    assert parsed.error is None
    assert parsed.pairs == [("name", inner)]


def test_no_two_file_records_share_a_delimiter() -> None:
    delimiters = {file_record("a", "b").split("\n")[0] for _ in range(50)}
    assert len(delimiters) == 50
    assert all(len(each) == len("a<<ghadelimiter_") + 32 for each in delimiters)


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_an_option_is_read_from_the_variable_that_the_runner_sets(option: Option) -> None:
    assert option.input_variable == input_variable(option.name)


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_a_nasty_line_is_shown_and_never_obeyed(text: str) -> None:
    line = escape_own_line(text)
    assert commands_in(line) == []
    assert not OPENINGS.search(line)
    assert hidden_in(line) == set()


@pytest.mark.parametrize("text", NASTY, ids=ascii)
@pytest.mark.parametrize("around", ["{}", "Key: {}.", " {}", "#{}", "@{}", "{}{}"])
def test_a_hostile_value_is_shown_and_never_obeyed(text: str, around: str) -> None:
    value = escape_untrusted(text)
    assert "::" not in value
    assert hidden_in(value) == set()
    line = around.replace("{}", value)
    assert commands_in(line) == []
    assert not OPENINGS.search(line)


@pytest.mark.parametrize("text", NASTY, ids=ascii)
@pytest.mark.parametrize("around", ["{}", "#{}", "@{}", ":{}", "\\{}", '"{}"', "{}{}"])
def test_json_decodes_to_the_exact_text_and_is_never_obeyed(text: str, around: str) -> None:
    exact = around.replace("{}", text)
    document = {"path": exact, exact: [{"reason": exact}]}
    line = json_line(document)
    assert json.loads(line) == document
    assert commands_in(line) == []
    assert not OPENINGS.search(line)
    assert hidden_in(line) - set("\x7f") == set()


def test_json_without_a_pair_of_such_characters_is_left_alone() -> None:
    document = {"a": "https://host:8443/#x", "b": "me@example.com", "c": [1, None, True]}
    assert json_line(document) == json.dumps(document)


@pytest.mark.parametrize("text", ["[::1]", "https://[::1]:8443", "a::b", "see fe80::1%eth0"])
def test_an_address_survives_in_a_line(text: str) -> None:
    assert escape_own_line(f"The server is {text}.") == f"The server is {text}."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("build key 7", "build key 7"),
        ("Schlüssel, 鍵", "Schlüssel, 鍵"),
        ("a\nb", "a\\x0ab"),
        ("a\u202eb", "a\\u202eb"),
        ("a\x7fb", "a\\x7fb"),
        ("::x", ": :x"),
        ("##[x]", "# #[x]"),
    ],
)
def test_a_value_stays_readable(text: str, shown: str) -> None:
    assert escape_untrusted(text) == shown


@pytest.mark.parametrize("text", ["x" * 121, "\x00" * 60, ":" * 90, "##[" * 200])
def test_a_long_value_is_cut(text: str) -> None:
    assert len(escape_untrusted(text)) == 120
    assert escape_untrusted(text).endswith("…")


def test_a_value_of_120_characters_is_not_cut() -> None:
    assert escape_untrusted("x" * 120) == "x" * 120


def test_a_continua_message_has_continuas_form() -> None:
    message = continua_message("setBuildVariable", name="A", value="it's [1]\\\r\n")
    assert message == (r"@@continua[setBuildVariable name='A' value='it\'s \[1\]\\\r\n']")
