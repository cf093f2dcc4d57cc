"""Whatever a text holds: it comes back from the CI system whole, or is shown and never obeyed."""

import json
import re
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from signotaur_action.ci.text import (
    continua_message,
    escape_own_line,
    escape_untrusted,
    file_record,
    json_line,
    workflow_command,
)
from support.runner import log_view, parse_command, parse_file, read_lines

PIECES = (
    "::", ":", "##[", "##", "#", "[", "]", "%", "%0A", "%25", ",", "=", ";", "\r", "\n", "\r\n",
    "add-mask", "set-output name=a", "stop-commands", "@@continua[", "##vso[", "##TeamCity[",
    "\u2028", "\x85", "\x0b", "\u00a0", "\u202e", "\ufeff", "\\", "'", "n", "r", " ", "é", "🗝",
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
WITH_SURROGATES = st.one_of(TEXTS, st.text(st.characters(), max_size=40))
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,30}", fullmatch=True)
OPENINGS = re.compile(r"@@continua\[|##vso\[|##teamcity\[|##\[", re.IGNORECASE)


class EveryName:
    """A registry that knows any command: a stop token may be any word."""

    def __contains__(self, name: object) -> bool:
        return bool(name)


def obeyed(printed: str) -> list[str]:
    lines = read_lines(printed.encode(errors="replace"))
    return [line for line in lines if parse_command(line, EveryName()) is not None]


@given(data=TEXTS, name=st.sampled_from(["add-mask", "error", "debug", "group"]))
def test_the_runner_reads_the_data_that_we_wrote(data: str, name: str) -> None:
    (line,) = read_lines(workflow_command(name, data).encode() + b"\n")
    command = parse_command(line)
    assert command is not None
    assert (command.syntax, command.name, command.data) == ("v2", name, data)
    assert command.properties == {}


# The runner drops spaces behind the last property and equals signs in front of any: no escape
# of its language can keep them, its own toolkit's neither.
PROPERTIES = TEXTS.map(lambda text: re.sub(r"\A[\s=]+", "", text).strip())


@given(data=TEXTS, title=PROPERTIES, file=PROPERTIES)
def test_the_runner_reads_the_properties_that_we_wrote(data: str, title: str, file: str) -> None:
    (line,) = read_lines(workflow_command("error", data, title=title, file=file).encode())
    command = parse_command(line)
    assert command is not None
    expected = {"title": title, "file": file}
    assert command.properties == {key: value for key, value in expected.items() if value}
    assert command.data == data


@given(records=st.lists(st.tuples(NAMES, TEXTS), max_size=6))
def test_the_runner_reads_the_records_that_we_wrote(records: list[tuple[str, str]]) -> None:
    content = "".join(file_record(*record) for record in records).encode()
    parsed = parse_file(content)
    assert parsed.error is None
    assert parsed.pairs == records


@given(text=WITH_SURROGATES)
@settings(max_examples=300)
def test_no_line_of_ours_is_obeyed(text: str) -> None:
    line = escape_own_line(text)
    assert obeyed(line) == []
    assert not OPENINGS.search(line)
    assert len(read_lines((line + "\n").encode())) == 1


@given(value=WITH_SURROGATES, before=TEXTS, after=TEXTS)
@settings(max_examples=300)
def test_no_value_makes_our_line_a_command(value: str, before: str, after: str) -> None:
    shown = escape_untrusted(value)
    assert len(shown) <= 120
    assert "::" not in shown
    line = escape_own_line(before + shown + after)
    assert obeyed(line) == []
    assert not OPENINGS.search(line)


@given(text=st.text(string.printable.strip() + " éü鍵", max_size=100))
def test_a_line_without_openings_is_shown_as_it_is(text: str) -> None:
    harmless = text.replace("::", "").replace("##", "").replace("@@", "")
    assert escape_own_line(harmless) == harmless


@given(text=TEXTS)
def test_an_annotation_shows_its_whole_text(text: str) -> None:
    shown = log_view(workflow_command("warning", text).encode())
    assert shown == "\n".join(re.split(r"\r\n|\n|\r", f"Warning: {text}"))


_CONTINUA = re.compile(r"@@continua\[(?P<name>\w+)(?P<rest>(?: \w+='(?:\\.|[^'\\\[\]\r\n])*')*)\]")
_PARAMETER = re.compile(r" (?P<name>\w+)='(?P<value>(?:\\.|[^'\\\[\]\r\n])*)'")
_ESCAPE = re.compile(r"\\(.)")


def read_continua(message: str) -> tuple[str, dict[str, str]]:
    """Read a message by Continua's published rules: nothing of its syntax bare in a value."""
    match = _CONTINUA.fullmatch(message)
    assert match is not None, message
    ends = {"n": "\n", "r": "\r"}
    return match["name"], {
        each["name"]: _ESCAPE.sub(lambda part: ends.get(part[1], part[1]), each["value"])
        for each in _PARAMETER.finditer(match["rest"])
    }


@given(value=TEXTS, name=TEXTS)
def test_continua_reads_the_parameters_that_we_wrote(value: str, name: str) -> None:
    message = continua_message("setServerVariable", name=name, value=value)
    assert read_continua(message) == ("setServerVariable", {"name": name, "value": value})


@given(text=WITH_SURROGATES, other=TEXTS)
def test_json_decodes_to_the_exact_text_and_is_never_obeyed(text: str, other: str) -> None:
    document = {text: other, "path": text, "files": [other, {"reason": text}]}
    line = json_line(document)
    assert json.loads(line) == document
    assert obeyed(line) == []
    assert not OPENINGS.search(line)
    assert "\n" not in line
