"""One short description of every sink, for the suite that runs over all of them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO

from dotenv import dotenv_values

from contract.harness import Fault, SinkCase, SinkHarness, delivery
from contract.store_cases import STORE_CASES, STORE_FAULTS
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.key_file import KeyFileSink
from signotaur_action.sinks.stdout import StdoutSink
from support.mounts import fill, small_disk
from support.runner import parse_file

__all__ = ["CASES", "FAULTS", "Fault", "SinkCase", "SinkHarness", "delivery"]

# Readers: what a consumer of each destination does


def _line(place: SinkHarness) -> str:
    (line,) = place.printed[-1:]
    assert line.endswith("\n")
    return line[:-1]


def _plain(place: SinkHarness) -> str:
    return place.file.read_text().removesuffix("\n")


def _dotenv(place: SinkHarness) -> str:
    text = place.file.read_text(encoding="utf-8-sig")
    return dotenv_values(stream=StringIO(text), interpolate=False)["SIGNOTAUR_API_KEY"] or ""


_CONTINUA = re.compile(
    r"@@continua\[(?P<message>\w+) name='SignotaurApiKey' value='(?P<value>(?:\\.|[^'\\\[\]])*)'\]"
)


def _continua(message: str) -> Callable[[SinkHarness], str]:
    def read(place: SinkHarness) -> str:
        match = _CONTINUA.fullmatch(_line(place))
        assert match is not None
        assert match["message"] == message
        return re.sub(r"\\(.)", r"\1", match["value"])

    return read


def _output(name: str) -> Callable[[SinkHarness], str]:
    def read(place: SinkHarness) -> str:
        parsed = parse_file(place.file.read_bytes())
        assert parsed.error is None
        return dict(parsed.pairs)[name]

    return read


_AZURE = re.compile(r"##vso\[task\.setvariable (?P<properties>[^\]]*)\](?P<value>.*)")
_AZURE_ESCAPES = {"%AZP25": "%", "%0D": "\r", "%0A": "\n"}


def _azure(**expected: str) -> Callable[[SinkHarness], str]:
    """As the agent's documentation reads a command: "Formatting commands"."""

    def read(place: SinkHarness) -> str:
        match = _AZURE.fullmatch(_line(place))
        assert match is not None
        properties = dict(each.split("=") for each in match["properties"].split(";"))
        assert properties == {"variable": "SIGNOTAUR_API_KEY", "issecret": "true", **expected}
        return re.sub("%(AZP25|0D|0A)", lambda found: _AZURE_ESCAPES[found[0]], match["value"])

    return read


_TEAMCITY = re.compile(
    r"##teamcity\[setParameter name='env\.SIGNOTAUR_API_KEY' value='((?:\|.|[^|'\[\]])*)'\]"
)
_TEAMCITY_ESCAPES = {"n": "\n", "r": "\r"}


def _teamcity(place: SinkHarness) -> str:
    """As TeamCity's documentation reads a message: "Escaped values"."""
    match = _TEAMCITY.fullmatch(_line(place))
    assert match is not None
    return re.sub(r"\|(.)", lambda found: _TEAMCITY_ESCAPES.get(found[1], found[1]), match[1])


def _json(place: SinkHarness) -> str:
    document: Mapping[str, str] = json.loads(_line(place))
    assert document["expires"] == "2026-09-01T08:30:00Z"
    return document["key"]


def _emitter(text: str) -> Callable[[SinkHarness], Sink]:
    return lambda place: emitter(text, place.context())


CASES = (
    SinkCase(
        "stdout", lambda place: StdoutSink(place.context()), _line,
        durable=False, writes_file=False, readable=False,
    ),
    SinkCase(
        "key file, new", lambda place: KeyFileSink(str(place.file), place.context()), _plain,
        durable=True, writes_file=True, readable=True,
    ),
    SinkCase(
        "key file, existing", lambda place: KeyFileSink(str(place.file), place.context()), _plain,
        durable=True, writes_file=True, readable=True, before=b"the-older-key-0123456789\r\n",
    ),
    SinkCase(
        "dotenv file, new",
        lambda place: EnvFileSink(str(place.file), "SIGNOTAUR_API_KEY", place.context()), _dotenv,
        durable=True, writes_file=True, readable=True,
    ),
    SinkCase(
        "dotenv file, existing",
        lambda place: EnvFileSink(str(place.file), "SIGNOTAUR_API_KEY", place.context()), _dotenv,
        durable=True, writes_file=True, readable=True,
        before=b"\xef\xbb\xbfA=1\r\nexport SIGNOTAUR_API_KEY='the-older-key-0123456789' # why\r\n",
    ),
    SinkCase(
        "continua server variable", _emitter("continua:serverVar=SignotaurApiKey"),
        _continua("setServerVariable"),
        durable=True, writes_file=False, readable=False, kinds=("continua",),
    ),
    SinkCase(
        "continua build variable", _emitter("continua:buildVar=SignotaurApiKey"),
        _continua("setBuildVariable"),
        durable=False, writes_file=False, readable=False, kinds=("continua",),
    ),
    SinkCase(
        "template", _emitter('template:{"key":"{{secret}}","expires":"{{expiry}}"}'), _json,
        durable=False, writes_file=False, readable=False, kinds=("template",),
    ),
    SinkCase(
        "github output", _emitter("github-output"), _output("api-key"),
        durable=False, writes_file=True, readable=True, before=b"", kinds=("github-output",),
    ),
    SinkCase(
        "github output, named", _emitter("github-output:new-key"), _output("new-key"),
        durable=False, writes_file=True, readable=True, before=b"a=1\nb<<E\n2\nE\n",
    ),
    SinkCase(
        "github output behind an unended line", _emitter("github-output"), _output("api-key"),
        durable=False, writes_file=True, readable=True, before=b"a=1",
    ),
    SinkCase(
        "github env", _emitter("github-env:SIGNOTAUR_API_KEY"), _output("SIGNOTAUR_API_KEY"),
        durable=False, writes_file=True, readable=True, before=b"", kinds=("github-env",),
    ),
    SinkCase(
        "key-file", lambda place: emitter(f"key-file:{place.file}", place.context()), _plain,
        durable=True, writes_file=True, readable=True, kinds=("key-file",),
    ),
    SinkCase(
        "env-file",
        lambda place: emitter(f"env-file:{place.file}#SIGNOTAUR_API_KEY", place.context()), _dotenv,
        durable=True, writes_file=True, readable=True, kinds=("env-file",),
        before=b"A=1\nSIGNOTAUR_API_KEY=the-older-key-0123456789 # why\r\n",
    ),
    SinkCase(
        "azure variable", _emitter("azure:SIGNOTAUR_API_KEY"), _azure(),
        durable=False, writes_file=False, readable=False, kinds=("azure",),
    ),
    SinkCase(
        "azure variable, for later jobs", _emitter("azure:SIGNOTAUR_API_KEY,output=true"),
        _azure(isoutput="true"),
        durable=False, writes_file=False, readable=False, kinds=("azure",),
    ),
    SinkCase(
        "teamcity parameter", _emitter("teamcity:env.SIGNOTAUR_API_KEY"), _teamcity,
        durable=False, writes_file=False, readable=False, kinds=("teamcity",),
    ),
    *STORE_CASES,
)  # fmt: skip


# Faults: each makes a place unusable after the check


@contextmanager
def _closed_stream(place: SinkHarness) -> Iterator[None]:
    place.error = BrokenPipeError(32, "Broken pipe")
    yield
    place.error = None


@contextmanager
def _full_disk(place: SinkHarness) -> Iterator[None]:
    content = place.file.read_bytes() if place.file.exists() else None
    with small_disk(place.folder):
        if content is not None:
            if place.appends:  # up to the end of the page, or there would be room in it
                content = b"p=" + b"x" * (4096 - 2 - 1 - 30 - len(content)) + b"\n" + content
            place.file.write_bytes(content)
        fill(place.folder)
        yield


@contextmanager
def _removed_folder(place: SinkHarness) -> Iterator[None]:
    aside = place.folder.with_name("aside")
    place.folder.rename(aside)
    try:
        yield
    finally:
        aside.rename(place.folder)


def _writes_file(case: SinkCase) -> bool:
    return case.writes_file


FAULTS = (
    Fault("a closed stream", lambda case: case.prints, _closed_stream),
    Fault("a full disk", _writes_file, _full_disk),
    Fault("a folder that was removed", _writes_file, _removed_folder),
    *STORE_FAULTS,
)
