"""The client, the key server, and a stand-in for the vendor's tool between them."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from e2e.client_harness import ClientHarness, Ledger
from support.client import Finished
from support.keyserver import KeyServer

STAND_IN = Path(__file__).with_name("stand_in.py")


class Tool:
    """The stand-in in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.program = folder / "SignotaurTool"
        self.program.write_text(f"#!{sys.executable} -I\n{STAND_IN.read_text()}")
        self.program.chmod(0o755)
        self.behaves()

    def behaves(self, **behavior: object) -> None:
        """Say what it does from now on besides what is documented."""
        (self.folder / "behavior.json").write_text(json.dumps(behavior))

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What each start of it was given."""
        file = self.folder / "calls.jsonl"
        return list(map(json.loads, file.read_text().splitlines())) if file.exists() else []


class ToolClient(ClientHarness):
    """A place to run ``rotate-key --tool`` from, with a fresh key in the key file."""

    def __init__(self, server: KeyServer, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(server, folder)
        self.tool = Tool(folder / "tool")
        self.store(self.ledger.add(name))

    @property
    def stored(self) -> str:
        """The key in the key file."""
        return self.key_file.read_text().strip()

    @property
    def environ(self) -> dict[str, str]:
        """The variables of a run."""
        return {"HOME": str(self.home), "PATH": os.environ["PATH"]}

    def words(self, *arguments: str | Path) -> tuple[str | Path, ...]:
        """Return the arguments that rotate the key in the key file, into that file."""
        return (
            "rotate-key",
            *("--sign-server", self.server.url, "--tool", self.tool.program),
            *("--api-key-file", self.key_file, "--write-key-file", self.key_file),
            *arguments,
        )

    def rotate_by_tool(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> Finished:
        """Rotate the key in the key file, into that file."""
        return self.run(*self.words(*arguments), env=env)

    def is_over(self, old: str) -> bool:
        """Return whether the rotation of a key is finished, and nothing is left of it."""
        journals = [path for path in self.folder.rglob("*.rotation") if path.stat().st_size]
        return self.stored != old and not journals

    def leftovers(self) -> list[str]:
        """Return the journals and tool outputs that runs left."""
        left = [*self.folder.rglob("*.rotation"), *self.folder.rglob("*.answer")]
        return sorted(path.name for path in left)


@pytest.fixture
def client(plain_server: KeyServer, tmp_path: Path, fresh_name: str) -> ToolClient:
    return ToolClient(plain_server, tmp_path, fresh_name)


@pytest.fixture
def ledger(plain_server: KeyServer) -> Ledger:
    return Ledger(plain_server)
