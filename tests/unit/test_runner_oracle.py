"""The oracle of the runner proves itself on the runner's own cases."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from support.runner import (
    ENCODERS,
    MASK,
    REGISTERED,
    Masker,
    Step,
    boolean_input,
    input_variable,
    log_view,
    multiline_input,
    parse_command,
    parse_file,
    parse_path_file,
    read_lines,
)

Case = dict[str, Any]
CASES: dict[str, list[Case]] = json.loads(
    (Path(__file__).parents[1] / "data" / "runner_cases.json").read_bytes()
)

COUNTS = {
    "registered_commands": 8,
    "parse_cases": 38,
    "stdout_line_cases": 4,
    "stop_and_echo_cases": 6,
    "toolkit_emit_cases": 10,
    "get_boolean_input_cases": 6,
    "get_multiline_input_cases": 3,
    "file_cases": 33,
    "path_file_cases": 2,
    "masking_cases": 12,
    "masking_encoding_cases": 4,
    "input_env_name_cases": 4,
}
"""How many cases of each kind there are: none may be dropped without a word."""


def cases(kind: str) -> list[Any]:
    named = ("id", "line", "command", "text", "env_value", "input_id")
    return [
        pytest.param(case, id=ascii(next(case[name] for name in named if name in case)))
        for case in CASES[kind]
    ]


@pytest.mark.parametrize(("kind", "count"), COUNTS.items())
def test_every_case_of_the_data_is_used(kind: str, count: int) -> None:
    assert len(cases(kind)) == len(CASES[kind]) == count


@pytest.mark.parametrize("case", cases("registered_commands"))
def test_the_runners_commands_are_known(case: Case) -> None:
    assert case["command"] in REGISTERED


@pytest.mark.parametrize("case", cases("stdout_line_cases"))
def test_a_stream_is_read_into_the_runners_lines(case: Case) -> None:
    assert read_lines(base64.b64decode(case["bytes_b64"])) == case["lines"]


@pytest.mark.parametrize("case", cases("parse_cases"))
def test_a_line_is_parsed_as_the_runner_does(case: Case) -> None:
    command = parse_command(case["line"], REGISTERED | set(case.get("registered", ())))
    expected = case["expect"]
    if expected is None:
        assert command is None
        return
    assert command is not None
    assert command.syntax == expected["syntax"]
    assert command.name == expected["command"]
    assert command.properties == expected["properties"]
    assert command.data == expected["data"]


@pytest.mark.parametrize("case", cases("stop_and_echo_cases"))
def test_commands_are_stopped_and_echoed_as_the_runner_does(case: Case) -> None:
    step = Step()
    for line in case.get("lines", ()):
        failed_before = step.failed
        assert step.read_line(line["line"]) is line["processed"], line
        if "fails_step" in line:
            assert not failed_before or step.failed
            assert step.failed is line["fails_step"]
    for text, masked in case.get("after", {}).items():
        assert step.masker.mask(text.removeprefix('mask("').removesuffix('")')) == masked
    for token in case.get("invalid_tokens", ()):
        refusing = Step()
        refusing.read_line(f"::stop-commands::{token}")
        assert refusing.failed, token


def test_a_mask_given_while_commands_are_stopped_is_shown_in_clear() -> None:
    (case,) = (case for case in CASES["stop_and_echo_cases"] if "while-stopped" in case["id"])
    printed = "\n".join(line["line"] for line in case["lines"])
    assert "::add-mask::s" in log_view(printed.encode())


@pytest.mark.parametrize("case", cases("file_cases"))
def test_a_file_of_commands_gives_the_runners_pairs_or_its_error(case: Case) -> None:
    parsed = parse_file(base64.b64decode(case["bytes_b64"]))
    assert [list(pair) for pair in parsed.pairs] == case["expect_pairs"]
    assert parsed.error == case["expect_error"]


@pytest.mark.parametrize("case", cases("path_file_cases"))
def test_a_path_file_gives_the_runners_order(case: Case) -> None:
    assert parse_path_file(case["text"]) == case["prepend_path_in_order"]


def registered(case: Case) -> Masker:
    masker = Masker()
    for value in case.get("values", [case.get("value")]):
        if case.get("register_via", "").startswith("add-mask"):
            assert masker.add_mask(value) is (not case["warnings"])
        else:
            masker.add_value(value)
    return masker


@pytest.mark.parametrize("case", cases("masking_cases"))
def test_values_are_masked_as_the_runner_does(case: Case) -> None:
    masker = registered(case)
    assert masker.secrets == set(case["derived"])
    for check in case["checks"]:
        assert masker.mask(check["text"]) == check["masked"]


def encoding_cases() -> list[Any]:
    return [
        pytest.param(case, form, id=f"{case['id']}-{form or 'derived'}")
        for case in CASES["masking_encoding_cases"]
        for form in (None, *case["forms"])
    ]


@pytest.mark.parametrize(("case", "form"), encoding_cases())
def test_an_encoded_value_is_masked_or_missed_as_by_the_runner(
    case: Case, form: str | None
) -> None:
    masker = registered(case)
    if form is None:
        assert masker.secrets == set(case["derived"])
        return
    expected = case["forms"][form]
    masked = masker.mask(expected["text"])
    assert masked == expected["masked"]
    assert (masked == MASK) is expected["fully_masked"]


def test_the_runner_has_eleven_encoders() -> None:
    assert len(ENCODERS) == 11


@pytest.mark.parametrize("blank", ["", " ", "\t", " \r  \n   \r\n    \r"])
def test_a_blank_mask_registers_nothing(blank: str) -> None:
    masker = Masker()
    assert not masker.add_mask(blank)
    assert not masker.secrets


@pytest.mark.parametrize("case", cases("get_boolean_input_cases"))
def test_a_boolean_input_is_read_as_the_toolkit_does(case: Case) -> None:
    if isinstance(case["expect"], bool):
        assert boolean_input(case["env_value"]) is case["expect"]
        return
    with pytest.raises(TypeError) as caught:
        boolean_input(case["env_value"])
    assert case["expect"]["raises"] == f"TypeError: {caught.value}"


@pytest.mark.parametrize("case", cases("get_multiline_input_cases"))
def test_an_input_of_several_lines_is_read_as_the_toolkit_does(case: Case) -> None:
    trim = case["options"].get("trimWhitespace", True)
    assert multiline_input(case["env_value"], trim=trim) == case["expect"]


@pytest.mark.parametrize("case", cases("input_env_name_cases"))
def test_an_input_has_the_runners_variable(case: Case) -> None:
    assert input_variable(case["input_id"]) == case["runner_env"]


@pytest.mark.parametrize("case", cases("toolkit_emit_cases"))
def test_what_the_toolkit_writes_is_understood(case: Case) -> None:
    if "file_append" in case:
        assert parse_file(case["file_append"].encode()).pairs == [
            (case["args"][0], str(case["args"][1]))
        ]
    elif "stdout" in case:
        (line,) = read_lines(case["stdout"].encode())
        command = parse_command(line)
        assert command is not None
        assert command.data == (case["args"][0] if case["args"] else "")
    else:  # the delimiter in a name or a value: the toolkit refuses, since the file would break
        delimiter = case["raises"].split('"')[1]
        name, value = case["args"]
        assert delimiter in name + value


# What the log shows


def test_the_log_hides_what_was_masked_before_and_shows_the_rest() -> None:
    stdout = b"early s3cret-value\n::add-mask::s3cret-value\nlate s3cret-value.\n::debug::x\n"
    assert log_view(stdout) == "early s3cret-value\nlate ***."


def test_the_log_shows_annotations_and_groups_for_people() -> None:
    stdout = b"::warning title=t::one%0Atwo\n::error::bad\n##[group]more\n::endgroup::\nend"
    assert log_view(stdout) == "Warning: one\ntwo\nError: bad\n▶ more\nend"


def test_masks_of_stdout_do_not_help_stderr_but_those_of_the_job_do() -> None:
    stdout, stderr = b"::add-mask::s3cret-value\n", b"s3cret-value\n"
    assert log_view(stdout, stderr) == "s3cret-value"
    assert log_view(stdout, stderr, masks=["s3cret-value"]) == MASK


def test_a_disabled_command_fails_the_step() -> None:
    step = Step()
    step.read(b"::set-env name=A::b\n")
    assert step.failed
