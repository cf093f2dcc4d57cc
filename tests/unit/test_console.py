"""What is said where: stdout only what was asked for, and nothing that a CI system obeys."""

import os
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import TextIO

import pytest

from signotaur_action.ci.masks import masks_for
from signotaur_action.console.console import Console
from signotaur_action.errors import ServerError
from signotaur_action.model import Secret
from support.runner import Step, log_view, parse_command, read_lines
from support.sample_key import KEY

NASTY = "a\n::add-mask::x\r##[error]b @@continua[x] \x1b[2K\u2028::set-output name=a::b"
COMMANDS = {"warn": "warning", "debug": "debug", "fail": "error"}


class Streams:
    """A console and what it wrote."""

    def __init__(self, *, github: bool, debug: bool = False) -> None:
        self.stdout, self.stderr = StringIO(), StringIO()
        self.console = Console(self.stdout, self.stderr, github=github, debug=debug)

    @property
    def out(self) -> str:
        return self.stdout.getvalue()

    @property
    def err(self) -> str:
        return self.stderr.getvalue()


def closed_pipe() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def say(console: Console, how: str, text: str) -> None:
    if how == "fail":
        console.fail(ServerError(text, keys=text, next_step=text))
    else:
        getattr(console, how)(text)


@pytest.mark.parametrize("github", [True, False])
def test_what_was_asked_for_is_written_as_it_is(*, github: bool) -> None:
    streams = Streams(github=github)
    streams.console.emit("::a::\r\n##[b]\x00")
    assert (streams.out, streams.err) == ("::a::\r\n##[b]\x00", "")


def test_outside_github_stdout_stays_empty_and_no_mask_is_printed() -> None:
    streams = Streams(github=False, debug=True)
    streams.console.mask(Secret(KEY))
    for how in ("note", "warn", "debug", "fail"):
        say(streams.console, how, "text")
    assert streams.out == ""
    assert streams.err.splitlines() == [
        "text",
        "Warning: text",
        "debug: text",
        "Error: text",
        "Keys: text",
        "Next: text",
    ]
    assert KEY[:8] not in streams.err


@pytest.mark.parametrize(("how", "command"), COMMANDS.items())
def test_under_github_it_is_one_command_on_stdout(how: str, command: str) -> None:
    streams = Streams(github=True, debug=True)
    say(streams.console, how, "first\nsecond: 100%")
    (line,) = read_lines(streams.out.encode())
    parsed = parse_command(line)
    assert parsed is not None
    assert parsed.name == command
    assert parsed.data.startswith("first\nsecond: 100%")
    assert streams.err == ""


@pytest.mark.parametrize("github", [True, False])
def test_debug_lines_are_said_only_when_asked_for(*, github: bool) -> None:
    streams = Streams(github=github)
    streams.console.debug("x")
    streams.console.trace(ValueError("y"))
    assert streams.out + streams.err == ""


@pytest.mark.parametrize("github", [True, False])
@pytest.mark.parametrize("how", ["note", "warn", "debug", "fail"])
def test_no_foreign_text_is_obeyed(how: str, *, github: bool) -> None:
    streams = Streams(github=github, debug=True)
    say(streams.console, how, NASTY)
    step = Step()
    step.read(streams.err.encode())
    assert step.obeyed == []
    step.read(streams.out.encode())
    assert [each.name for each in step.obeyed] == ([COMMANDS[how]] if streams.out else [])
    assert not step.failed
    assert "x" not in step.masker.secrets
    for command in step.obeyed:  # what an annotation shows is read by nobody again, but may be
        again = Step()
        again.read(command.data.encode())
        assert again.obeyed == []
    for text in (streams.out, streams.err):
        assert "##[" not in text
        assert "@@continua[" not in text
        assert "\x1b" not in text


def test_under_github_every_mask_is_registered_and_the_key_is_hidden_from_then_on() -> None:
    streams = Streams(github=True)
    streams.console.mask(Secret(KEY))
    step = Step()
    step.read(streams.out.encode())
    assert len(step.obeyed) == len(masks_for(Secret(KEY)))
    assert {command.name for command in step.obeyed} == {"add-mask"}
    assert step.shown == []
    assert step.masker.mask(f"key={KEY}, {KEY[::-1]}") == "key=***, ***"


@pytest.mark.parametrize("key", ["100%25-of-a-key%0A", "key::with::colons::", "k" * 16])
def test_a_mask_of_any_key_arrives_as_it_is(key: str) -> None:
    streams = Streams(github=True)
    streams.console.mask(Secret(key))
    assert log_view((streams.out + f"the key is {key}.\n").encode()) == "the key is ***."


@pytest.mark.parametrize("github", [True, False])
def test_a_closed_stderr_stops_no_note_and_no_report(*, github: bool) -> None:
    stdout, stderr = (closed_pipe(), closed_pipe())
    console = Console(stdout, stderr, github=github, debug=False)
    console.note("x")
    console.fail(ServerError("x"))
    for stream in (stdout, stderr):
        try:
            stream.close()
        except BrokenPipeError:
            continue


def test_a_token_is_one_mask_and_none_outside_github() -> None:
    """As the masks of a key, an ID token of 1,600 characters was 2,800 commands."""
    token = Secret("eyJhbGciOiJFUzI1NiJ9." + "Qk7" * 500 + ".c2ln")
    job, elsewhere = Streams(github=True), Streams(github=False)
    for each in (job, elsewhere):
        each.console.mask_token(token)
    [line] = read_lines(job.out.encode())
    command = parse_command(line)
    assert command is not None
    assert (command.name, command.data) == ("add-mask", token.reveal())
    assert (elsewhere.out, job.err) == ("", "")


def test_a_closed_stdout_stops_a_mask() -> None:
    # A key that could not be masked is not used under GitHub.
    stdout = closed_pipe()
    with pytest.raises(BrokenPipeError):
        Console(stdout, StringIO(), github=True, debug=False).mask(Secret(KEY))
    with suppress(BrokenPipeError):  # what is still in the buffer cannot be written either
        stdout.close()


def test_a_trace_shows_places_and_neither_values_nor_messages() -> None:
    streams = Streams(github=False, debug=True)
    with pytest.raises(ValueError, match="sig_") as caught:
        int(KEY)
    streams.console.trace(caught.value)
    assert Path(__file__).name in streams.err
    assert "test_a_trace_shows_places" in streams.err
    assert KEY[:8] not in streams.err
