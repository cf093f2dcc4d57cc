"""The real key server as a real process on a free port, with its own data folder."""

import json
import os
import random
import socket
from copy import copy
from pathlib import Path
from typing import Any, Self

import requests

from support.forkserver import ForkedProcess, fork_server

PACKAGE = "signotaur_keyserver"
ROTATOR = "ApiKeyRotator"


class KeyServer:
    """A running key server. Use it as a context manager."""

    def __init__(
        self,
        data_dir: Path,
        *,
        tls: bool = True,
        clock_offset: str = "0s",
        host: str = "127.0.0.1",
    ) -> None:
        self.data_dir = data_dir
        self.host = host
        self.tls = tls
        self.clock_offset = clock_offset
        self.url = ""
        self.front_url = ""
        """Where clients reach it if something is in front of it."""
        self.ca_file = data_dir / "ca.pem"
        self._process: ForkedProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *, port: int | None = None) -> None:
        """Start and wait for the ready line."""
        options = (f"--data-dir={self.data_dir}", f"--port={port or lasting_port(self.host)}")
        log = self.data_dir.parent / f"{self.data_dir.name}.log"
        reader, writer = os.pipe()
        self._stdout = os.fdopen(reader)
        null = Path(os.devnull)
        with os.fdopen(writer, "w") as stdout, log.open("a") as stderr, null.open() as stdin:
            self._process = fork_server(PACKAGE).start(
                ["serve", *options, *self.serve_options()],
                env=os.environ,
                streams=(stdin.fileno(), stdout.fileno(), stderr.fileno()),
            )
        line = self._stdout.readline()
        assert line, f"the key server did not start; see {log}"
        self.url = json.loads(line)["url"]

    def serve_options(self) -> list[str]:
        """Return how it serves, but for the place of its data and its port."""
        return [
            f"--host={self.host}",
            "--self-signed" if self.tls else "--insecure-http",
            f"--clock-offset={self.clock_offset}",
        ]

    def stop(self) -> None:
        """End the process as a supervisor would."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(timeout=60)
        self._stdout.close()
        self._process = None

    def look_past(self, clock_offset: str) -> None:
        """Start again with a clock that runs ahead, on the same port."""
        port = int(self.url.rpartition(":")[2])
        self.stop()
        self.clock_offset = clock_offset
        self.start(port=port)

    def command(self, *arguments: str) -> str:
        """Run a ``signotaur-keyserver`` command on this server's data; return its stdout."""
        code, out, err = fork_server(PACKAGE).run(
            [*arguments, f"--data-dir={self.data_dir}"], env=os.environ, timeout=300
        )
        assert code == 0, err
        return out.strip()

    def add_user(self, name: str = "build", *, rotator: bool = True) -> str:
        """Add a user, by default with the rotation role."""
        self.command("user", "add", name, *(["--role", ROTATOR] if rotator else []))
        return name

    def add_key(self, user: str = "build", *, name: str = "ci", expires_in: str = "90d") -> str:
        """Add a key and return it."""
        return self.command(
            "key", "add", "--user", user, "--name", name, "--expires-in", expires_in
        )

    def keys(self) -> list[dict[str, Any]]:
        """Return what ``key list --json`` tells."""
        listed: list[dict[str, Any]] = json.loads(
            self.command("key", "list", "--json", f"--clock-offset={self.clock_offset}")
        )
        return listed

    def events(self) -> list[dict[str, Any]]:
        """Return the events, oldest first."""
        listed: list[dict[str, Any]] = json.loads(
            self.command("events", "--json", "--limit", "10000")
        )
        return listed

    def ask_self(self, key: str) -> requests.Response:
        """``GET /keys/self`` with a key, past the client."""
        return requests.get(
            f"{self.url}/api/v1/keys/self",
            headers={"Authorization": f"Bearer {key}"},
            verify=str(self.ca_file) if self.tls else True,
            timeout=60,
        )

    def accepts(self, key: str) -> bool:
        """Return whether the server accepts a key now."""
        return self.ask_self(key).status_code == 200

    def behind(self, url: str) -> "KeyServer":
        """Return this server as clients see it that reach it at another URL."""
        seen = copy(self)
        seen.front_url = url
        return seen

    @property
    def options(self) -> tuple[str, ...]:
        """The client's options to reach this server."""
        ca = ("--ca-file", str(self.ca_file)) if self.tls else ()
        return ("--sign-server", self.front_url or self.url, *ca)


def lasting_port(host: str) -> int:
    """Return a free port that the system gives to nobody who asks for any.

    While a server is started again on its port, nothing else may come to have it: not a
    connection that goes out, and not a stand-in of another test.
    """
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - the system's own begin at 32768
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
            try:
                trial.bind((host, port))
            except OSError:
                continue
            return port
