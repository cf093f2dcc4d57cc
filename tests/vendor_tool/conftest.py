"""The client, the key server, and a stand-in for the vendor's tool between them."""

import json
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
    """A place to run ``rotate-key --tool`` from."""

    def __init__(self, server: KeyServer, folder: Path) -> None:
        super().__init__(server, folder)
        self.tool = Tool(folder / "tool")

    def rotate_by_tool(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> Finished:
        """Rotate the key in the key file, into that file."""
        return self.run(
            "rotate-key",
            *("--sign-server", self.server.url, "--tool", self.tool.program),
            *("--api-key-file", self.key_file, "--write-key-file", self.key_file),
            *arguments,
            env=env,
        )

    def leftovers(self) -> list[str]:
        """Return the journals and tool outputs that runs left."""
        left = [*self.folder.rglob("*.rotation"), *self.folder.rglob("*.answer")]
        return sorted(path.name for path in left)


@pytest.fixture
def client(plain_server: KeyServer, tmp_path: Path, fresh_name: str) -> ToolClient:
    client = ToolClient(plain_server, tmp_path)
    client.store(client.ledger.add(fresh_name))
    return client


@pytest.fixture
def ledger(plain_server: KeyServer) -> Ledger:
    return Ledger(plain_server)
