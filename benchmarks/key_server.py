"""The real key server as a real process, with a data folder of its own."""

import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from processes import PYTHON, BenchmarkError, Server, output_of, serving

from signotaur_wire import paths

_KEYSERVER = (*PYTHON, "-m", "signotaur_keyserver")
_OK = 200


@dataclass(frozen=True)
class KeyServer:
    """A running key server with one user who may rotate keys."""

    server: Server
    folder: Path
    tls: bool
    place: tuple[str, ...]
    """The options of each command that say where its data is."""

    @property
    def ca_file(self) -> Path:
        """The authority of its certificate."""
        return self.folder / "ca.pem"

    def add_key(self) -> str:
        """Make a key and return it."""
        command = ("key", "add", "--user=build", "--name=ci", *self.place)
        return output_of((*_KEYSERVER, *command), self.folder).strip()

    def add_administrator(self, name: str, password: str) -> None:
        """Make a user who may sign in to the pages."""
        command = ("user", "add", name, "--admin", "--password-stdin", *self.place)
        output_of((*_KEYSERVER, *command), self.folder, password)

    def ask_self(self, key: str) -> tuple[int, bytes]:
        """Call ``GET /keys/self``; return status and body."""
        with self.connection() as connection:
            headers = {"Authorization": f"Bearer {key}"}
            connection.request("GET", paths.KEYS_SELF, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()

    @contextmanager
    def connection(self) -> Iterator[HTTPConnection]:
        """Give a connection to it."""
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        if self.tls:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            connection = HTTPSConnection("127.0.0.1", self.server.port, timeout=10, context=context)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def running(
    folder: Path, *, tls: bool, options: Sequence[str] = (), database: str | None = None
) -> Iterator[KeyServer]:
    """Run a key server inside the block; ``folder`` must not exist yet.

    ``options`` are further ones of ``serve``; ``database`` is the URL of one that is not SQLite.
    """
    folder.mkdir(mode=0o700)
    place = (f"--data-dir={folder}", *(() if database is None else (f"--database={database}",)))
    with serving(_serve(place, tls, options), folder) as server:
        output_of((*_KEYSERVER, "user", "add", "build", "--role=ApiKeyRotator", *place), folder)
        yield KeyServer(server, folder, tls, place)


@contextmanager
def another(first: KeyServer) -> Iterator[KeyServer]:
    """Run one more instance on the data of the first inside the block."""
    with serving(_serve(first.place, first.tls), first.folder) as server:
        yield replace(first, server=server)


def _serve(place: tuple[str, ...], tls: bool, options: Sequence[str] = ()) -> tuple[str, ...]:  # noqa: FBT001
    mode = "--self-signed" if tls else "--insecure-http"
    # One key makes all requests of a measurement: it would meet its own limit.
    return *_KEYSERVER, "serve", *place, "--port=0", mode, "--key-requests-per-minute=0", *options


def description_of(keyserver: KeyServer, key: str) -> bytes:
    """Return the body that describes a key. Raises BenchmarkError for a key that is refused."""
    status, body = keyserver.ask_self(key)
    if status != _OK or not json.loads(body)["publicId"]:
        raise BenchmarkError(f"the key server refuses its key: {status}")
    return body
