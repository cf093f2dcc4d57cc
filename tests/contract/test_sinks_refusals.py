"""What each destination refuses before a rotation: names, tokens, places."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from contract.sink_cases import SinkHarness, delivery
from signotaur_action.errors import DestinationRefusedError, ExitCode
from signotaur_action.ports import Sink
from signotaur_action.sinks import EMITTERS, emitter
from signotaur_action.sinks.base import SinkError
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.key_file import KeyFileSink
from signotaur_action.sinks.stdout import StdoutSink
from support.mounts import fill, read_only, small_disk
from support.runner import parse_file
from support.sample_key import KEY


@pytest.fixture
def place(tmp_path: Path) -> SinkHarness:
    folder = tmp_path / "place"
    folder.mkdir()
    return SinkHarness(folder)


def key_file(place: SinkHarness) -> Sink:
    return KeyFileSink(str(place.file), place.context())


def env_file(place: SinkHarness) -> Sink:
    return EnvFileSink(str(place.file), "SIGNOTAUR_API_KEY", place.context())


FILES = pytest.mark.parametrize("make", [key_file, env_file])


def refusal(sink: Sink) -> DestinationRefusedError:
    with pytest.raises(DestinationRefusedError) as caught:
        sink.check()
    assert caught.value.code is ExitCode.DESTINATION_REFUSED
    assert KEY[:8] not in caught.value.what
    return caught.value


# How a destination is written


@pytest.mark.parametrize("text", ["", "nothing", "Continua:serverVar=A", "github:A", " template:x"])
def test_an_unknown_kind_is_reported_with_the_known_ones(place: SinkHarness, text: str) -> None:
    with pytest.raises(SinkError) as caught:
        emitter(text, place.context())
    assert all(kind in str(caught.value) for kind in EMITTERS)


KNOWN = "(known: {{secret}} {{keyId}} {{expiry}} {{overlapEnd}} {{name}})"
REFUSED = {
    "continua takes serverVar=NAME or buildVar=NAME": [
        "continua",
        "continua:",
        "continua:servervar=A",
        "continua:other=A",
    ],
    "continua:serverVar= needs a variable's name: letters, digits, _ and .": [
        "continua:serverVar",
        "continua:serverVar=",
        "continua:serverVar=a b",
        "continua:serverVar=1a",
        "continua:serverVar=a']x",
        "continua:serverVar=a\n",
    ],
    "github-output: the value must be a name of letters, digits, _ and -": [
        "github-output:a b",
        "github-output:1a",
        "github-output:a=b",
        "github-output:a<<b",
        "github-output:a\nb",
        "github-output:a\n",
    ],
    "github-env: the value must be a name of letters, digits and _": [
        "github-env",
        "github-env:",
        "github-env:A-B",
        "github-env:A\nB",
    ],
    "the template does not contain {{secret}}: the new key would be lost": [
        "template",
        "template:",
        "template:no token",
        "template:{secret}",
    ],
    "the template has unknown tokens: {{ secret }} " + KNOWN: ["template:{{ secret }}"],
    "the template has unknown tokens: {{Secret}} " + KNOWN: ["template:{{secret}} {{Secret}}"],
    "the template has unknown tokens: {{key}} " + KNOWN: ["template:{{secret}} {{key}}"],
    "the template has unknown tokens: {{}} " + KNOWN: ["template:{{secret}} {{}}"],
    "the template has unknown tokens: {{expiry }} " + KNOWN: ["template:{{secret}} {{expiry }}"],
    "azure: the value must be a name of letters, digits, _ and .": [
        "azure",
        "azure:",
        "azure:1a",
        "azure:a-b",
        "azure:A;issecret=false",
        "azure:A]x",
    ],
    "azure: output= must be true or false": ["azure:A,output=yes"],
    "azure: output= must be given once, with a value": [
        "azure:A,output=true,output=true",
        "azure:A,output",
    ],
    "azure: accepts comma-separated options after the name: output=…": ["azure:A,readonly=true"],
    "teamcity: the value must be a name of letters, digits and . _ * -": [
        "teamcity",
        "teamcity:",
        "teamcity:1a",
        "teamcity:env.A'",
        "teamcity:env.A]",
        "teamcity:env.A|n",
    ],
    "key-file: the value must be the path of a file": ["key-file", "key-file:", "key-file:a\nb"],
    "env-file: needs PATH#NAME": ["env-file", "env-file:file", "env-file:#NAME"],
    "--write-env-var-name must be letters, digits and _, and must not begin with a digit": [
        "env-file:file#",
        "env-file:file#A-B",
    ],
    "command: needs a program and its arguments": ["command", "command:", "command: "],
    "command: cannot be split into words: No closing quotation": ["command:'program"],
}
"""What is wrong with a destination's text, and texts of which it is true."""


@pytest.mark.parametrize(
    ("text", "reason"), [(text, reason) for reason, texts in REFUSED.items() for text in texts]
)
def test_a_destination_that_makes_no_sense_is_refused(
    place: SinkHarness, text: str, reason: str
) -> None:
    with pytest.raises(SinkError) as caught:
        emitter(text, place.context())
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("azure:A,output=false", "Azure Pipelines variable A"),
        ("azure:a_B.9", "Azure Pipelines variable a_B.9"),
        ("env-file:/a#b#NAME", "dotenv file /a#b (NAME)"),
    ],
)
def test_a_destination_that_makes_sense(place: SinkHarness, text: str, name: str) -> None:
    assert emitter(text, place.context()).name == name


@pytest.mark.parametrize("name", ["rotated", "key-id", "old-key-id", "expires-at", "overlap-end"])
@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
def test_the_actions_own_outputs_are_not_for_the_key(
    place: SinkHarness, name: str, change: Callable[[str], str]
) -> None:
    with pytest.raises(SinkError, match="another output"):
        emitter(f"github-output:{change(name)}", place.context())


@pytest.mark.parametrize(
    "name",
    ["PATH", "path", "HOME", "CI", "GITHUB_TOKEN", "RUNNER_TEMP", "ACTIONS_X", "INPUT_API_KEY",
     "NODE_OPTIONS", "node_options", "LD_PRELOAD"],
)  # fmt: skip
def test_variables_that_the_runner_or_a_loader_keeps_are_refused(
    place: SinkHarness, name: str
) -> None:
    with pytest.raises(SinkError, match="belongs to the runner"):
        emitter(f"github-env:{name}", place.context())


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A\nEVIL=1", "Ä", "A\n"])
def test_a_name_that_no_dotenv_variable_has_is_refused(place: SinkHarness, name: str) -> None:
    with pytest.raises(SinkError, match="--write-env-var-name"):
        EnvFileSink(str(place.file), name, place.context())


# Templates


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("{{secret}}", KEY),
        ("export SIGNOTAUR_API_KEY={{secret}}", f"export SIGNOTAUR_API_KEY={KEY}"),
        ("{{secret}}{{secret}}", KEY + KEY),
        (
            "{{secret}} {{keyId}} {{expiry}} {{overlapEnd}} {{name}}",
            f"{KEY} 17 2026-09-01T08:30:00Z 2026-06-08T08:30:00Z build key",
        ),
        ('{"key":"{{secret}}","n":{{keyId}}}', f'{{"key":"{KEY}","n":17}}'),
        ("{{{secret}}}", "{" + KEY + "}"),
        ("{ {{secret}} } {x}", "{ " + KEY + " } {x}"),
        ("a:b=c {{secret}}", f"a:b=c {KEY}"),
    ],
)
def test_a_templates_tokens_are_replaced(place: SinkHarness, template: str, printed: str) -> None:
    emitter(f"template:{template}", place.context()).deliver(delivery(KEY))
    assert place.printed == [printed + "\n"]


@pytest.mark.parametrize(
    "name", ["{{secret}}", "{{{secret}}}", "\\g<0>", "{{name}}", "{{unknown}}"]
)
def test_a_name_with_a_token_is_not_expanded(place: SinkHarness, name: str) -> None:
    emitter("template:{{name}}={{secret}}", place.context()).deliver(delivery(KEY, name=name))
    assert place.printed == [f"{name}={KEY}\n"]


def test_tokens_that_a_replacement_would_make_are_not_expanded(place: SinkHarness) -> None:
    sink = emitter("template:{{secret}}|{{{name}}}", place.context())
    sink.deliver(delivery(KEY, name="{secret}"))
    assert place.printed == [f"{KEY}|{{{{secret}}}}\n"]


def test_every_unknown_token_is_reported_with_the_known_ones(place: SinkHarness) -> None:
    with pytest.raises(SinkError) as caught:
        emitter("template:{{secret}} {{b}} {{a}}", place.context())
    assert "{{a}} {{b}} (known: {{secret}} {{keyId}}" in str(caught.value)


def test_a_key_without_an_end_has_an_empty_expiry(place: SinkHarness) -> None:
    given = delivery(KEY)
    endless = replace(given, expires_at=None)
    emitter("template:{{secret}}[{{expiry}}]", place.context()).deliver(endless)
    assert place.printed == [f"{KEY}[]\n"]


def test_times_are_in_utc(place: SinkHarness) -> None:
    given = delivery(KEY)
    moment = given.overlap_end + timedelta(microseconds=400_000)
    emitter("template:{{secret}} {{overlapEnd}}", place.context()).deliver(
        replace(given, overlap_end=moment)
    )
    assert place.printed[0].endswith("Z\n")


# stdout


def test_stdout_is_refused_where_it_is_a_log(place: SinkHarness) -> None:
    place.environ["GITHUB_ACTIONS"] = "true"
    assert "--write-key-file" in refusal(StdoutSink(place.context())).next


# Files


@FILES
def test_a_missing_folder_is_refused(
    place: SinkHarness, make: Callable[[SinkHarness], Sink]
) -> None:
    place.folder.rmdir()
    told = refusal(make(place))
    assert str(place.file) in told.what
    assert "does not exist" in told.what


@FILES
def test_a_folder_is_refused_as_a_file(
    place: SinkHarness, make: Callable[[SinkHarness], Sink]
) -> None:
    place.file.mkdir()
    assert "a folder, not a regular file" in refusal(make(place)).what


@FILES
@pytest.mark.timeout(5)
def test_a_pipe_is_refused_at_once(place: SinkHarness, make: Callable[[SinkHarness], Sink]) -> None:
    os.mkfifo(place.file)
    assert "a pipe, not a regular file" in refusal(make(place)).what


@FILES
def test_a_link_is_refused_with_the_option_that_allows_it(
    place: SinkHarness, make: Callable[[SinkHarness], Sink]
) -> None:
    (place.folder / "target").touch()
    place.file.symlink_to(place.folder / "target")
    assert "--follow-symlinks" in refusal(make(place)).what


def test_a_link_may_be_followed(place: SinkHarness) -> None:
    target = place.folder / "target"
    target.touch()
    place.file.symlink_to(target)
    context = place.context(follow_symlinks=True)
    for sink in (
        EnvFileSink(str(place.file), "K", context),
        KeyFileSink(str(place.folder / "link"), context),
    ):
        sink.check()
        sink.deliver(delivery(KEY))
    assert place.file.is_symlink()
    assert target.read_text() == f"K={KEY}\n"


@FILES
def test_a_hard_link_is_refused(place: SinkHarness, make: Callable[[SinkHarness], Sink]) -> None:
    place.file.touch()
    os.link(place.file, place.folder / "other")
    assert "hard links" in refusal(make(place)).what


@FILES
def test_a_full_disk_is_refused(place: SinkHarness, make: Callable[[SinkHarness], Sink]) -> None:
    with small_disk(place.folder):
        fill(place.folder)
        assert "no space left" in refusal(make(place)).what


@FILES
def test_a_read_only_disk_is_refused(
    place: SinkHarness, make: Callable[[SinkHarness], Sink]
) -> None:
    with read_only(place.folder):
        assert "read-only file system" in refusal(make(place)).what


@pytest.mark.parametrize(
    "content",
    [b"two\nlines-of-it", b"SIGNOTAUR_API_KEY=0123456789abcdef\n# and more", b"\xff\xfe\0", b"\n",
     b"short\n", b"-----BEGIN CERTIFICATE-----\nabc\n"],
)  # fmt: skip
def test_a_file_with_something_else_than_a_key_is_not_overwritten(
    place: SinkHarness, content: bytes
) -> None:
    place.file.write_bytes(content)
    told = refusal(key_file(place))
    assert "something other than one key" in told.what
    assert "--write-env-file" in told.next
    assert place.file.read_bytes() == content


@pytest.mark.parametrize("content", [b"", KEY.encode(), KEY.encode() + b"\n", b"k" * 16 + b"\r\n"])
def test_an_empty_file_or_a_key_is_overwritten(place: SinkHarness, content: bytes) -> None:
    place.file.write_bytes(content)
    place.file.chmod(0o600)
    sink = key_file(place)
    assert sink.check() == []
    sink.deliver(delivery(KEY))
    assert place.file.read_text() == KEY + "\n"


def test_a_binary_file_is_not_a_dotenv_file(place: SinkHarness) -> None:
    place.file.write_bytes(b"A=\xff\n")
    assert "not UTF-8 text" in refusal(env_file(place)).what


def test_a_variable_in_a_form_that_cannot_be_changed_is_refused(place: SinkHarness) -> None:
    place.file.write_text("SIGNOTAUR_API_KEY\n")
    assert "cannot be changed safely" in refusal(env_file(place)).what


@FILES
def test_what_a_person_should_know_is_a_warning(
    place: SinkHarness, make: Callable[[SinkHarness], Sink]
) -> None:
    place.file.touch()
    place.file.chmod(0o644)
    (warning,) = make(place).check()
    assert "is accessible to other users (mode 0644)" in warning


def test_a_variable_that_is_set_twice_is_a_warning(place: SinkHarness) -> None:
    place.file.write_text("SIGNOTAUR_API_KEY=a\nSIGNOTAUR_API_KEY=b\n")
    place.file.chmod(0o600)
    (warning,) = env_file(place).check()
    assert "sets SIGNOTAUR_API_KEY 2 times; only the last one is changed" in warning


# GitHub's files


@pytest.mark.parametrize("text", ["github-output", "github-env:KEY"])
def test_outside_a_job_the_runner_has_no_files(place: SinkHarness, text: str) -> None:
    place.environ.clear()
    assert "not a step of a GitHub job" in refusal(emitter(text, place.context())).what


@pytest.mark.parametrize("text", ["github-output", "github-env:KEY"])
def test_a_file_of_the_runner_is_never_made(place: SinkHarness, text: str) -> None:
    told = refusal(emitter(text, place.context()))
    assert "no such file or directory" in told.what
    assert "root" in told.next
    assert not place.file.exists()


def test_a_file_of_the_runner_keeps_owner_mode_and_identity(place: SinkHarness) -> None:
    place.file.write_bytes(b"")
    place.file.chmod(0o644)
    before = place.file.stat()
    emitter("github-output", place.context()).deliver(delivery(KEY))
    after = place.file.stat()
    assert (before.st_ino, before.st_mode, before.st_uid) == (
        after.st_ino,
        after.st_mode,
        after.st_uid,
    )
    assert parse_file(place.file.read_bytes()).outputs() == {"api-key": KEY}
