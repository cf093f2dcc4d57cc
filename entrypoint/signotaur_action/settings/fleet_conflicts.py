"""What the entries of one fleet must not share: a key, a destination."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from signotaur_action.model import Secret
from signotaur_action.ports import Sink
from signotaur_action.settings.fleet import DESTINATIONS, ListedKey
from signotaur_action.settings.key import KeySource
from signotaur_action.sinks import FileSink

Fault = tuple[int, str]
"""A line of the file, and what is wrong in it."""


@dataclass(frozen=True)
class CheckedKey:
    """One entry, its key and its destinations."""

    listed: ListedKey
    source: KeySource
    sinks: Sequence[Sink]


def conflicts(keys: Sequence[CheckedKey]) -> Iterator[Fault]:
    """Yield what two entries share: their rotations would undo or overwrite each other."""
    yield from _same_keys(keys)
    yield from _shared_places(keys)
    yield from _foreign_key_files(keys)


def _same_keys(keys: Sequence[CheckedKey]) -> Iterator[Fault]:
    seen: dict[Secret, ListedKey] = {}
    for key in keys:
        listed = key.listed
        first = seen.setdefault(key.source.key, listed)
        if first is not listed:
            fault = f"{listed.name} rotates the same key as {_named(first)}"
            yield listed.line, f"{fault}: keep one entry, with the destinations of both"


def _shared_places(keys: Sequence[CheckedKey]) -> Iterator[Fault]:
    seen: dict[str, ListedKey] = {}
    for listed, sink in _sinks(keys):
        place = _place(sink)
        if place not in seen:
            seen[place] = listed
        elif seen[place] is listed:
            yield _line(listed), f"{listed.name} names {place} twice: remove one"
        else:
            fault = f"{listed.name} has the same destination as {_named(seen[place])}, {place}"
            yield _line(listed), f"{fault}: give each key its own"


def _foreign_key_files(keys: Sequence[CheckedKey]) -> Iterator[Fault]:
    owners = {os.path.realpath(key.source.file): key.listed for key in keys if key.source.file}
    for listed, sink in _sinks(keys):
        owner = owners.get(str(sink.file.path)) if isinstance(sink, FileSink) else None
        if owner is not None and owner is not listed:
            fault = f"{listed.name} would overwrite the key of {_named(owner)}"
            yield _line(listed), f"{fault}: give each key its own file"


def _sinks(keys: Sequence[CheckedKey]) -> Iterator[tuple[ListedKey, Sink]]:
    return ((key.listed, sink) for key in keys for sink in key.sinks)


def _named(listed: ListedKey) -> str:
    return f"{listed.name} (line {listed.line})"


def _place(sink: Sink) -> str:
    # Of a dotenv file one run at a time changes a variable, so a file is one place.
    return str(sink.file.path) if isinstance(sink, FileSink) else sink.name


def _line(listed: ListedKey) -> int:
    lines = [listed.lines[each.name] for each in DESTINATIONS if each.name in listed.lines]
    return min(lines, default=listed.line)
