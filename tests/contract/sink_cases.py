"""One short description of every sink, for the suite that runs over all of them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from signotaur_action.model import Delivery, Secret
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkContext
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.key_file import KeyFileSink
from signotaur_action.sinks.stdout import StdoutSink
from support.mounts import fill, small_disk
from support.runner import parse_file


class Place:
    """Where a sink of one test writes: a folder, and a stream that can be closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed: list[str] = []
        self.error: OSError | None = None
        self.appends = False
        self.environ: dict[str, str] = {
            "GITHUB_OUTPUT": str(self.file),
            "GITHUB_ENV": str(self.file),
        }

    @property
    def file(self) -> Path:
        """The one file that a sink of this place writes, if it writes any."""
        return self.folder / "destination"

    def emit(self, text: str) -> None:
        """Take what a sink prints, or fail as a stream does."""
        if self.error is not None:
            raise self.error
        self.printed.append(text)

    def context(self, *, follow_symlinks: bool = False) -> SinkContext:
        """The world as a sink of this place sees it."""
        return SinkContext(self.emit, self.environ, follow_symlinks)

    def held(self) -> tuple[dict[str, bytes], list[str]]:
        """Everything that is on disk, and everything that was printed."""
        files = {each.name: each.read_bytes() for each in self.folder.iterdir() if each.is_file()}
        return files, list(self.printed)


@dataclass(frozen=True)
class SinkCase:
    """A sink: how it is made, how a stranger reads it, and what can break it."""

    name: str
    make: Callable[[Place], Sink]
    read: Callable[[Place], str]
    """Read the key as its consumer does, sharing no code with the sink."""
    durable: bool
    writes_file: bool
    readable: bool
    """Whether the sink itself can tell what it holds."""
    before: bytes | None = None
    """What stands in the file before; None for no file."""
    kinds: tuple[str, ...] = ()
    """The kinds of --emit-secret that this case covers."""


def delivery(key: str, *, name: str = "build key") -> Delivery:
    """A delivery of a key."""
    return Delivery(
        key=Secret(key),
        key_id=17,
        name=name,
        expires_at=datetime(2026, 9, 1, 8, 30, tzinfo=UTC),
        overlap_end=datetime(2026, 6, 8, 8, 30, tzinfo=UTC),
    )


# Readers: what a consumer of each destination does


def _line(place: Place) -> str:
    (line,) = place.printed[-1:]
    assert line.endswith("\n")
    return line[:-1]


def _plain(place: Place) -> str:
    return place.file.read_text().removesuffix("\n")


def _dotenv(place: Place) -> str:
    text = place.file.read_text(encoding="utf-8-sig")
    return dotenv_values(stream=StringIO(text), interpolate=False)["SIGNOTAUR_API_KEY"] or ""


_CONTINUA = re.compile(
    r"@@continua\[(?P<message>\w+) name='SignotaurApiKey' value='(?P<value>(?:\\.|[^'\\\[\]])*)'\]"
)


def _continua(message: str) -> Callable[[Place], str]:
    def read(place: Place) -> str:
        match = _CONTINUA.fullmatch(_line(place))
        assert match is not None
        assert match["message"] == message
        return re.sub(r"\\(.)", r"\1", match["value"])

    return read


def _output(name: str) -> Callable[[Place], str]:
    def read(place: Place) -> str:
        parsed = parse_file(place.file.read_bytes())
        assert parsed.error is None
        return dict(parsed.pairs)[name]

    return read


def _json(place: Place) -> str:
    document: Mapping[str, str] = json.loads(_line(place))
    assert document["expires"] == "2026-09-01T08:30:00Z"
    return document["key"]


def _emitter(text: str) -> Callable[[Place], Sink]:
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
)  # fmt: skip


# Faults: each makes a place unusable after the check


@dataclass(frozen=True)
class Fault:
    """A way in which a destination fails."""

    name: str
    of_files: bool
    commit: Callable[[Place], AbstractContextManager[None]]


@contextmanager
def _closed_stream(place: Place) -> Iterator[None]:
    place.error = BrokenPipeError(32, "Broken pipe")
    yield
    place.error = None


@contextmanager
def _full_disk(place: Place) -> Iterator[None]:
    content = place.file.read_bytes() if place.file.exists() else None
    with small_disk(place.folder):
        if content is not None:
            if place.appends:  # up to the end of the page, or there would be room in it
                content = b"p=" + b"x" * (4096 - 2 - 1 - 30 - len(content)) + b"\n" + content
            place.file.write_bytes(content)
        fill(place.folder)
        yield


@contextmanager
def _removed_folder(place: Place) -> Iterator[None]:
    aside = place.folder.with_name("aside")
    place.folder.rename(aside)
    try:
        yield
    finally:
        aside.rename(place.folder)


FAULTS = (
    Fault("a closed stream", of_files=False, commit=_closed_stream),
    Fault("a full disk", of_files=True, commit=_full_disk),
    Fault("a folder that was removed", of_files=True, commit=_removed_folder),
)
