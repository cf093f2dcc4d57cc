"""What every destination promises, whatever it is."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.sink_cases import CASES, FAULTS, Fault, SinkCase, SinkHarness, delivery
from signotaur_action.console.console import Console
from signotaur_action.errors import BOTH_KEYS_VALID, DeliveryError, ExitCode
from signotaur_action.model import Secret
from signotaur_action.sinks import EMITTERS, TAKES_STDOUT, Maker, kind_of, maker_of
from signotaur_action.sinks.aws_parameter import AwsParameterSink
from signotaur_action.sinks.aws_secret import AwsSecretSink
from signotaur_action.sinks.azure import AzureSink
from signotaur_action.sinks.azure_devops_var import AzureDevopsVarSink
from signotaur_action.sinks.azure_key_vault import AzureKeyVaultSink
from signotaur_action.sinks.base import SinkContext
from signotaur_action.sinks.bitbucket_var import BitbucketVarSink
from signotaur_action.sinks.buildkite_secret import BuildkiteSecretSink
from signotaur_action.sinks.circleci_env import CircleciEnvSink
from signotaur_action.sinks.command import CommandSink
from signotaur_action.sinks.continua import ContinuaSink
from signotaur_action.sinks.gcp_secret import GcpSecretSink
from signotaur_action.sinks.gitea_secret import GiteaSecretSink
from signotaur_action.sinks.github_job import GithubEnvSink, GithubOutputSink
from signotaur_action.sinks.github_secret import GithubSecretSink
from signotaur_action.sinks.gitlab_var import GitlabVarSink
from signotaur_action.sinks.jenkins_credential import JenkinsCredentialSink
from signotaur_action.sinks.kubernetes import KubernetesSink
from signotaur_action.sinks.stdout import StdoutSink
from signotaur_action.sinks.teamcity import TeamcitySink
from signotaur_action.sinks.teamcity_param import TeamcityParamSink
from signotaur_action.sinks.template import TemplateSink
from signotaur_action.sinks.vault import VaultSink
from signotaur_wire import keyformat
from signotaur_wire.messages import DESTINATION_KIND_PATTERN
from support.client import BARE, run_program
from support.sample_key import BODY, KEY

OTHER = BODY.lower() + keyformat.checksum(BODY.lower())
KEYS = {
    "ours": KEY,
    "padded": "YWJjZGVmZ2hpamtsbW5vcA==",
    "odd": "odd!#$%()*+,-./:;=?@^_`{|}~",
}
"""The last one is not for templates: what a JSON string cannot hold, nobody quotes there."""

CLASSES: list[Maker] = [
    AwsParameterSink,
    AwsSecretSink,
    AzureDevopsVarSink,
    AzureKeyVaultSink,
    AzureSink,
    BitbucketVarSink,
    BuildkiteSecretSink,
    CircleciEnvSink,
    CommandSink,
    ContinuaSink,
    GcpSecretSink,
    GiteaSecretSink,
    GithubEnvSink,
    GithubOutputSink,
    GithubSecretSink,
    GitlabVarSink,
    JenkinsCredentialSink,
    KubernetesSink,
    TeamcityParamSink,
    TeamcitySink,
    TemplateSink,
    VaultSink,
]
"""mypy compares each with ``ports.Sink``; the client loads them by name."""


def test_every_kind_has_a_case() -> None:
    assert {kind for case in CASES for kind in case.kinds} == set(EMITTERS)
    assert set(EMITTERS) >= TAKES_STDOUT
    of_files = {"key-file", "env-file"}
    assert {maker_of(kind) for kind in EMITTERS.keys() - of_files} == set(CLASSES)


@pytest.mark.parametrize("command", ["guard", "rotate_key"])
def test_a_module_is_loaded_when_its_kind_is_named(command: str) -> None:
    """All of them would cost each start a tenth."""
    code = f"import sys, signotaur_action.cli, signotaur_action.commands.{command}; "
    done = run_program([sys.executable, "-I", "-c", code + "print(*sys.modules)"], env=BARE)
    loaded = set(done.out.split())
    assert "signotaur_action.sinks" in loaded
    assert not {made_by.__module__ for made_by in CLASSES} & loaded


def test_the_kinds_that_take_stdout_are_those_that_print(
    case: SinkCase, place: SinkHarness
) -> None:
    case.make(place).deliver(delivery(KEY))
    for kind in case.kinds:
        assert (kind in TAKES_STDOUT) is bool(place.printed)
    assert case.prints is bool(place.printed)


def test_a_check_changes_nothing_and_says_nothing(case: SinkCase, place: SinkHarness) -> None:
    before = place.held()
    for _ in range(2):
        assert list(case.make(place).check()) == []
    assert place.held() == before


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_stranger_finds_the_key_that_was_delivered(
    case: SinkCase, place: SinkHarness, key: str
) -> None:
    sink = case.make(place)
    sink.check()
    sink.deliver(delivery(key))
    assert case.read(place) == key


def test_reading_back_gives_the_key_or_nothing_and_never_another(
    case: SinkCase, place: SinkHarness
) -> None:
    sink = case.make(place)
    before = sink.read_back()
    assert before is None or before.reveal() == "the-older-key-0123456789"
    for key in (KEY, OTHER):
        sink.deliver(delivery(key))
        assert sink.read_back() == (Secret(key) if case.readable else None)


def test_another_run_reads_back_the_same_key_or_nothing(case: SinkCase, place: SinkHarness) -> None:
    case.make(place).deliver(delivery(KEY))
    assert case.make(place).read_back() in (None, Secret(KEY))
    if case.readable and case.durable:
        assert case.make(place).read_back() == Secret(KEY)


def test_delivering_twice_is_harmless(case: SinkCase, place: SinkHarness) -> None:
    sink = case.make(place)
    sink.deliver(delivery(KEY))
    once = place.held()
    sink.deliver(delivery(KEY))
    case.make(place).deliver(delivery(KEY))
    assert case.read(place) == KEY
    if case.durable and case.writes_file:
        assert place.held() == once


def test_other_content_of_the_file_is_kept(case: SinkCase, place: SinkHarness) -> None:
    case.make(place).deliver(delivery(KEY))
    if case.before is None or b"A=1" not in case.before.upper():
        return
    content = place.file.read_bytes()
    head, _, tail = content.partition(KEY.encode())
    assert head.startswith(case.before[: case.before.upper().index(b"A=1") + 3])
    if case.durable:
        assert tail == b" # why\r\n"


def test_a_name_says_where_and_never_contains_the_key(case: SinkCase, place: SinkHarness) -> None:
    sink = case.make(place)
    before = sink.name
    sink.deliver(delivery(KEY))
    assert sink.name == before
    assert KEY[:8] not in sink.name
    assert sink.name.strip()
    if case.writes_file and case.durable:
        assert str(place.file) in sink.name
    assert case.make(place).name == before, "a later run finds its mark in the journal by name"


def test_the_durable_ones_are_those_of_the_design(case: SinkCase, place: SinkHarness) -> None:
    assert case.make(place).durable is case.durable


def test_a_server_may_know_the_kind_of_it(case: SinkCase, place: SinkHarness) -> None:
    kind = kind_of(case.make(place))
    assert kind in (case.kinds or (*EMITTERS, "stdout"))
    assert re.fullmatch(DESTINATION_KIND_PATTERN, kind)


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        pytest.param(case, fault, id=f"{case.name}-{fault.name}")
        for case in CASES
        for fault in FAULTS
        if fault.hits(case)
    ],
    indirect=["case"],
)
def test_a_destination_that_fails_says_so_and_keeps_what_it_held(
    case: SinkCase, place: SinkHarness, fault: Fault
) -> None:
    sink = case.make(place)
    sink.check()
    with fault.commit(place):
        before = place.held() if place.folder.exists() else None
        with pytest.raises(DeliveryError) as caught:
            sink.deliver(delivery(KEY))
        assert before is None or place.held() == before
        assert sink.name in caught.value.what
        assert KEY[:8] not in caught.value.what
        assert caught.value.code is ExitCode.NOT_DELIVERED
        assert caught.value.keys == BOTH_KEYS_VALID
    assert place.printed == []
    if not case.writes_file:
        sink.deliver(delivery(KEY))
        assert case.read(place) == KEY


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.writes_file], ids=lambda case: case.name, indirect=True
)
def test_reading_back_from_a_place_that_is_gone_fails_or_finds_nothing(
    case: SinkCase, place: SinkHarness
) -> None:
    sink = case.make(place)
    sink.deliver(delivery(KEY))
    place.file.unlink()
    try:
        assert sink.read_back() is None
    except DeliveryError as error:
        said = error.what
    else:
        said = ""
    assert KEY[:8] not in said


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.writes_file], ids=lambda case: case.name, indirect=True
)
def test_reading_back_from_a_place_that_became_a_folder_fails(
    case: SinkCase, place: SinkHarness
) -> None:
    sink = case.make(place)
    sink.deliver(delivery(KEY))
    place.file.unlink()
    place.file.mkdir()
    with pytest.raises(DeliveryError) as caught:
        sink.read_back()
    assert sink.name in caught.value.what


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.writes_file], ids=lambda case: case.name, indirect=True
)
def test_reading_back_finds_nothing_where_somebody_emptied_the_file(
    case: SinkCase, place: SinkHarness
) -> None:
    sink = case.make(place)
    sink.deliver(delivery(KEY))
    place.file.write_bytes(b"")
    assert sink.read_back() is None


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.prints], ids=lambda case: case.name, indirect=True
)
@pytest.mark.parametrize("broken", ["pipe", "/dev/full"])
def test_a_real_stream_that_breaks_is_a_failed_delivery(
    case: SinkCase, place: SinkHarness, broken: str
) -> None:
    if broken == "pipe":
        reading, writing = os.pipe()
        os.close(reading)
        stream = os.fdopen(writing, "w")
    else:
        stream = Path(broken).open("w")  # noqa: SIM115 - its close fails, too
    place_of_console = SinkHarness(place.folder)
    console = Console(stream, stream, github=False, debug=False)
    place_of_console.emit = console.emit  # type: ignore[method-assign]
    with pytest.raises(DeliveryError) as caught:
        case.make(place_of_console).deliver(delivery(KEY))
    assert any(word in caught.value.what for word in ("broken pipe", "no space left"))
    with pytest.raises(OSError, match=r"Broken pipe|No space"):
        stream.close()


def test_stdout_prints_the_key_alone_and_flushed(tmp_path: Path) -> None:
    printed: list[str] = []
    emit: Callable[[str], None] = printed.append
    StdoutSink(SinkContext(emit, {})).deliver(delivery(KEY, name=str(tmp_path)))
    assert printed == [KEY + "\n"]
