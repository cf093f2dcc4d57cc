"""One rotation as its user sees it: a command, a place for the key, and what stands there.

The oracle of the fault tests. It never asks the client: it reads the destination and asks the
server with what it finds.
"""

import os
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from support.keys import Lineage
from support.keyserver import KeyServer

FACTOR = int(os.environ.get("SIGNOTAUR_FAULT_FACTOR", "1"))
"""How many times as many fault points to try as CI does."""
SEED = int(os.environ.get("SIGNOTAUR_FAULT_SEED", "20260301"))
KEY = r"sig_[0-9A-Za-z]{15}_[0-9A-Za-z]{49}"
_CONTINUA = re.compile(
    rf"^@@continua\[setServerVariable name='Key' value='({KEY})'\]$", re.MULTILINE
)
_PRINTED = re.compile(rf"^({KEY})$", re.MULTILINE)
_NEIGHBOUR = "# kept\nOTHER='of a value'\n"
_JOURNALS = "*.rotation"


class KeyLocation:
    """Where a command reads its key and where it puts the new one, in a folder of its own."""

    arguments: tuple[str | Path, ...] = ()
    reads_destination = True
    """Whether the command reads its key from where it writes it."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = key
        self.printed: list[str] = []
        """What each run of the command printed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def env(self) -> dict[str, str]:
        """The environment of the command: its key, if that is where it comes from."""
        return {"HOME": str(self.folder)}

    def held(self) -> str:
        """Return the key that stands at the destination; fails when it holds anything else."""
        raise NotImplementedError

    def leftovers(self) -> list[str]:
        """Return the names of files that only a cut run leaves.

        What a run wrote for its check, and was killed before it removed it, has no key in it. The
        next write to the file removes it: a run that finds its rotation confirmed writes nothing.
        """
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        blank = [path for path in found if path.suffix == ".tmp" and not path.read_bytes().strip()]
        return [str(path) for path in found if path not in (*self._wanted(), *blank)]

    def lose_journal(self) -> None:
        """Delete every journal, as an ephemeral runner does."""
        for path in self.folder.rglob(_JOURNALS):
            path.unlink()

    def journal_is_empty(self) -> bool:
        """Return whether no cut rotation is remembered."""
        return all(not path.read_bytes().strip() for path in self.folder.rglob(_JOURNALS))

    def keys(self) -> set[str]:
        """Return every key that anything contains: files, what was printed, the destination."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        texts = [path.read_bytes().decode(errors="replace") for path in files]
        return {self.held(), *re.findall(KEY, "\n".join([*texts, *self.printed]))}

    def _wanted(self) -> Sequence[Path]:
        return []


class KeyFile(KeyLocation):
    """The key in a file of its own."""

    def __init__(self, folder: Path, key: str) -> None:
        super().__init__(folder, key)
        self.file = self.folder / "key.txt"
        self._write(f"{self.key}\n")
        self.arguments = ("--api-key-file", self.file, "--write-key-file", self.file)

    def _write(self, text: str) -> None:
        self.file.write_text(text)
        self.file.chmod(0o600)

    def held(self) -> str:
        """Return the file's key."""
        text = self.file.read_text()
        assert re.fullmatch(rf"{KEY}\n", text), f"torn: {text!r}"
        return text.strip()

    def _wanted(self) -> Sequence[Path]:
        return [self.file]


class DotenvFile(KeyFile):
    """The key as one variable of a dotenv file."""

    def __init__(self, folder: Path, key: str) -> None:
        super(KeyFile, self).__init__(folder, key)
        self.file = self.folder / "ci.env"
        self._write(f"SIGNOTAUR_API_KEY={self.key}\n{_NEIGHBOUR}")
        self.arguments = ("--api-key-file", self.file, "--write-env-file", self.file)

    def held(self) -> str:
        """Return the variable's key."""
        text = self.file.read_text()
        match = re.fullmatch(rf"SIGNOTAUR_API_KEY=({KEY})\n{re.escape(_NEIGHBOUR)}", text)
        assert match is not None, f"torn: {text!r}"
        return match[1]


class ContinuaVariable(KeyLocation):
    """The key from a variable to a server variable of Continua CI, which reads the log."""

    arguments: tuple[str, ...] = ("--emit-secret", "continua:serverVar=Key")
    reads_destination = False

    @property
    def env(self) -> dict[str, str]:
        """The environment of the command, which still holds the old key."""
        return super().env | {"SIGNOTAUR_API_KEY": self.key}

    def held(self) -> str:
        """Return what Continua holds: the last message that it saw whole."""
        return str([self.key, *_CONTINUA.findall("".join(self.printed))][-1])


class Stdout(ContinuaVariable):
    """The key from a variable to stdout."""

    arguments = ()

    def held(self) -> str:
        """Return the last key that was printed whole."""
        return str([self.key, *_PRINTED.findall("".join(self.printed))][-1])


LOCATIONS: dict[str, Callable[[Path, str], KeyLocation]] = {
    "key file": KeyFile,
    "dotenv file": DotenvFile,
    "variable to Continua CI": ContinuaVariable,
    "variable to stdout": Stdout,
}


class Oracle:
    """Asks the server with a key, past the client."""

    def __init__(self, server: KeyServer) -> None:
        self._server = server
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("http://", "https://"):  # an idle connection may end while it is used again
            self._session.mount(scheme, HTTPAdapter(max_retries=Retry(5)))
        self._ids: dict[str, int] = {}

    def accepts(self, key: str) -> bool:
        """Return whether the server accepts a key now."""
        return bool(self._ask(key).status_code == requests.codes.ok)

    def id_of(self, key: str) -> int:
        """Return a key's id."""
        if key not in self._ids:
            self._ids[key] = int(self._ask(key).json()["id"])
        return self._ids[key]

    def lost(self, key: str, found: Iterable[str]) -> int | None:
        """Return the id of a key's successor, if it is none of the keys that were found."""
        rotation = self._ask(key).json()["rotation"]
        if rotation is None or rotation["oldKeyId"] != self.id_of(key):
            return None
        successor = int(rotation["newKeyId"])
        return next((None for each in found if self._has_id(each, successor)), successor)

    def has_rotation(self, key: str) -> bool:
        """Return whether a key takes part in a rotation."""
        return self._ask(key).json()["rotation"] is not None

    def _has_id(self, key: str, number: int) -> bool:
        return (key in self._ids or self.accepts(key)) and self.id_of(key) == number

    def is_confirmed_successor(self, key: str) -> bool:
        """Return whether a key replaced another one for good."""
        told = self._ask(key).json()
        return told["state"] == "active" and told["rotatedFromKeyId"] is not None

    def _ask(self, key: str) -> requests.Response:
        return self._session.get(
            f"{self._server.url}/api/v1/keys/self",
            headers={"Authorization": f"Bearer {key}"},
            verify=str(self._server.ca_file),
            timeout=60,
        )


@dataclass(frozen=True)
class Expected:
    """What the server must show of one place in the end."""

    name: str
    holds: int
    """Id of the key that the destination holds."""
    rotations: int
    """How many were asked for and finished."""
    candidates: int
    """How many may have been begun in vain."""

    def check(self, lineage: Lineage) -> None:
        """Fail unless exactly the held key survives, and every other key that works is armed."""
        assert lineage.survivors == (self.holds,), self.name
        assert lineage.confirmed == self.rotations, self.name
        made = len(lineage.ids) - 1
        assert self.rotations <= made <= self.rotations + self.candidates, self.name
        assert len(lineage.revokes_at) == made, self.name


def points(count: int, total: int, salt: str) -> list[int]:
    """Return fault points from 1 to ``total``: half of them evenly spread, half at random."""
    count = min(count * FACTOR, total)
    even = {round(1 + step * (total - 1) / max(1, count // 2 - 1)) for step in range(count // 2)}
    others = sorted(set(range(1, total + 1)) - even)
    chosen = random.Random(f"{SEED} {salt}").sample(others, min(len(others), count - len(even)))  # noqa: S311
    return sorted(even | set(chosen))
