"""Transcripts of runs: what changes from run to run is replaced by what it stands for."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.client import Finished
from support.front import Request

_KEY = re.compile(r"sig_([0-9A-Za-z]{15})_[0-9A-Za-z]{49}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_OTHER_MASKS = re.compile(r"(?:::add-mask::(?!<)[^\n]*\n)+")
_HOUR = 3600


class Normaliser:
    """Gives everything that differs between two runs a name, in the order of appearance."""

    def __init__(self, folder: Path, server: str, first_key_id: int) -> None:
        self._now = datetime.now(UTC)
        self._first_key_id = first_key_id
        self._fixed = {str(folder): "<dir>", server: "<server>"}
        self._fixed[server.replace("://", "&#58;//")] = "<server>"  # as the summary shows it
        self._keys: dict[str, str] = {}
        self._rotations: dict[str, str] = {}

    def key(self, key: str) -> str:
        """Name a key: ``<key 1>`` is the first that was seen, mostly the old one."""
        return self._keys.setdefault(key, f"<key {len(self._keys) + 1}>")

    def text(self, text: str) -> str:
        """Return a text that is the same in every run."""
        for given, name in self._fixed.items():
            text = text.replace(given, name)
        text = _KEY.sub(lambda match: self.key(match[0]), text)
        text = _OTHER_MASKS.sub("::add-mask::<its other spellings>\n", text)
        for key, name in self._keys.items():
            text = text.replace(hashlib.sha256(key.encode()).hexdigest(), f"<sha256 of {name}>")
            text = text.replace(key[4:19], f"<public id of {name}>")
        text = re.sub(r'"publicId": "\w{15}"', '"publicId": "<of a key never used>"', text)
        text = re.sub(r'"keySha256": "\w{64}"', '"keySha256": "<of a key never used>"', text)
        text = _UUID.sub(self._rotation, text)
        text = _TIME.sub(self._moment, text)
        text = re.sub(r"ghadelimiter_[0-9a-f]{32}", "ghadelimiter_<random>", text)
        text = re.sub(r"\b[0-9a-f]{16}\.rotation", "<command>.rotation", text)
        text = re.sub(r"\bin \d+ s\b", "in <n> s", text)
        return re.sub(r"(?<![\w.-])\d{4,}(?!\w|[.-]\d)", self._key_id, text)

    def _rotation(self, match: re.Match[str]) -> str:
        name = f"<rotation {len(self._rotations) + 1}>"
        return self._rotations.setdefault(match[0], name)

    def _moment(self, match: re.Match[str]) -> str:
        hours = round((datetime.fromisoformat(match[0]) - self._now).total_seconds() / _HOUR)
        days, rest = divmod(hours, 24)
        spans = [f"{count} {unit}" for count, unit in ((days, "d"), (rest, "h")) if count]
        return f"<now + {' '.join(spans)}>" if spans else "<now>"

    def _key_id(self, match: re.Match[str]) -> str:
        number = int(match[0]) - self._first_key_id + 1
        return str(number) if 0 < number < 10 else match[0]


class Transcript:
    """A readable record of runs, in sections."""

    def __init__(self, normaliser: Normaliser) -> None:
        self._normal = normaliser
        self._lines: list[str] = []

    def run(self, command: Sequence[str], done: Finished, requests: Sequence[Request]) -> None:
        """Record a run, what it printed and what it asked of the server."""
        told = [self._request(request) for request in requests]
        self._section(f"$ signotaur-action {' '.join(command)}".rstrip())
        self._section(f"exit code {done.code}")
        self._section("stdout", done.out)
        self._section("stderr", done.err)
        self._section("requests", "\n".join(told))

    def files(self, folder: Path) -> None:
        """Record every file with its mode and content."""
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            mode = path.stat().st_mode & 0o777
            self._section(f"file {path.relative_to(folder)} {mode:04o}", path.read_text())

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"

    def _section(self, head: str, content: str | None = None) -> None:
        self._lines.append(f"=== {self._normal.text(head)}")
        if content:
            shown = self._normal.text(content)
            ended = shown.endswith("\n")
            self._lines += shown.removesuffix("\n").split("\n")
            self._lines += [] if ended or head == "requests" else ["(no line end)"]

    def _request(self, request: Request) -> str:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        line = f"{request.method} {request.path} with {self._normal.key(key)}: {request.status}"
        return line if request.body is None else f"{line}\n{_pretty(request.body)}"


def _pretty(body: Any) -> str:
    return "\n".join(f"  {line}" for line in json.dumps(body, indent=2).split("\n"))
