"""A world of its own for a test: a real database file, real servers on it, and real HTTP.

Several servers with different clocks may run on one database, so that a test can act today and
look at what follows next week.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any
from uuid import UUID, uuid4

import requests

from signotaur_keyserver.api.app import Options, create_app
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.runtime.connections import DEFAULT, Limits
from signotaur_keyserver.runtime.server import Server, configured, listen, url_of
from signotaur_keyserver.service import administration
from signotaur_keyserver.service.sweep import Swept, sweep
from signotaur_keyserver.store import key_locks
from signotaur_keyserver.store.event_chain import ChainKey
from signotaur_keyserver.web.application import add_pages
from signotaur_keyserver.web.site import SiteOptions
from signotaur_wire import keyformat, paths
from signotaur_wire.durations import parse_duration
from signotaur_wire.roles import ROTATOR

Json = dict[str, Any]
NO_LIMIT = 1_000_000


class Running:
    """A server of a database, in a thread of this process. Use it as a context manager."""

    def __init__(
        self,
        database: Database,
        limits: Limits = DEFAULT,
        site: SiteOptions | None = None,
        **options: Any,
    ) -> None:
        self._limits = limits
        self._app = create_app(database, Options(**{"failures_burst": NO_LIMIT} | options))
        if site is not None:
            add_pages(self._app, site)

    def __enter__(self) -> str:
        """Start; return the URL."""
        self._listener = listen("127.0.0.1", 0)
        self._server = Server(configured(self._app, None), lambda: None, self._limits)
        self._thread = Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive())
        return url_of(self._listener, secure=False)

    def __exit__(self, *_: object) -> None:
        self.stop_soon()
        self._thread.join()
        self._listener.close()

    def stop_soon(self) -> None:
        """Ask the server to end."""
        self._server.should_exit = True


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        sleep(0.005)


@dataclass
class NewKey:
    """A key as a client makes it, with the body that asks for it."""

    text: str = field(default_factory=keyformat.generate)
    overlap_days: int = 7
    auto_revoke: bool = True
    holder: str = "run-1"
    again: bool = False

    def body(self, **changes: object) -> Json:
        """Return the body of the rotation request."""
        parsed = keyformat.parse(self.text)
        return {
            "publicId": parsed.public_id,
            "keySha256": parsed.sha256,
            "overlapDays": self.overlap_days,
            "autoRevoke": self.auto_revoke,
            "holder": self.holder,
            "again": self.again,
        } | changes


@dataclass
class OpenRotation:
    """A rotation that a test opened."""

    id: UUID
    new: NewKey
    answer: Json


class Client:
    """The key API over HTTP, with every answer watched for what no answer may hold."""

    def __init__(self, url: str, secrets: list[str]) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.secrets = secrets

    def call(
        self, method: str, path: str, key: str | None = None, **options: Any
    ) -> requests.Response:
        """Make a call and return the answer."""
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        headers |= options.pop("headers", {})
        answer = self.session.request(
            method, self.url + path, headers=headers, timeout=30, **options
        )
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        told = f"{answer.headers} {answer.text}"
        assert not [secret for secret in self.secrets if secret[20:] in told]
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
        return answer

    def close(self) -> None:
        """End the connections."""
        self.session.close()

    def self(self, key: str) -> requests.Response:
        """GET /keys/self."""
        return self.call("GET", paths.KEYS_SELF, key)

    def put(self, key: str, rotation_id: UUID, new: NewKey, **changes: object) -> requests.Response:
        """PUT /rotations/{uuid}."""
        self.secrets.append(new.text)
        return self.call("PUT", paths.rotation(rotation_id), key, json=new.body(**changes))

    def get(self, key: str, rotation_id: UUID) -> requests.Response:
        """GET /rotations/{uuid}."""
        return self.call("GET", paths.rotation(rotation_id), key)

    def confirm(self, key: str, rotation_id: UUID, **options: Any) -> requests.Response:
        """PUT /rotations/{uuid}/confirmation; it needs no body."""
        return self.call("PUT", paths.confirmation(rotation_id), key, **options)

    def abort(self, key: str, rotation_id: UUID) -> requests.Response:
        """DELETE /rotations/{uuid}."""
        return self.call("DELETE", paths.rotation(rotation_id), key)

    def open(self, key: str, **request: Any) -> OpenRotation:
        """Open a rotation that must succeed."""
        opened, new = uuid4(), NewKey(**request)
        answer = self.put(key, opened, new)
        assert answer.status_code == 201, answer.text
        return OpenRotation(opened, new, answer.json())

    def rotate(self, key: str, **request: Any) -> OpenRotation:
        """Open and confirm a rotation, both of which must succeed."""
        opened = self.open(key, **request)
        answer = self.confirm(opened.new.text, opened.id)
        assert answer.status_code == 200, answer.text
        return OpenRotation(opened.id, opened.new, answer.json())


class ServerHarness:
    """One database, the servers on it, and what a person does at the command line."""

    def __init__(self, file: Path, url: str | None = None) -> None:
        self.file = file
        """The SQLite file; the data folder of any other database is the folder that it is in."""
        self.url = url or sqlite_url(file)
        self.sealer = Sealer.in_folder(file.parent)
        self._chain_key = ChainKey(self.sealer)
        self._databases: list[Database] = []
        self.database = self.opened()
        self.secrets: list[str] = []
        self.accessed: list[tuple[str, str, int, object]] = []
        """Method, path, status and key id of each line of the access logs of ``at``."""
        self._running: list[Running] = []
        self._clients: dict[str, Client] = {}

    def opened(self, offset: timedelta = timedelta(0)) -> Database:
        """Open the database, as an instance whose clock runs ahead does."""
        database = Database(self.url, offset=offset, chain_key=self._chain_key)
        self._databases.append(database)
        return database

    def at(self, offset: str) -> Client:
        """Return a client of a server whose clock runs ahead; it is started at the first call.

        A server sweeps when it starts: call this before the act whose outcome it shall look at.
        """
        if offset not in self._clients:
            database = self.opened(parse_duration(offset))
            server = Running(database, sealer=self.sealer, access_log=self._note_access)
            self._clients[offset] = Client(server.__enter__(), self.secrets)
            self._running.append(server)
        return self._clients[offset]

    def _note_access(
        self, method: str, path: str, status: int, _milliseconds: float, key_id: object
    ) -> None:
        self.accessed.append((method, path, status, key_id))

    @property
    def now(self) -> Client:
        """A client of the server with the true clock."""
        return self.at("0s")

    def serving(self, **options: Any) -> Client:
        """Return a client of a further server with options of its own."""
        database = self.opened()
        server = Running(database, **{"sealer": self.sealer} | options)
        client = self._clients[f"server {len(self._running)}"] = Client(
            server.__enter__(), self.secrets
        )
        self._running.append(server)
        # FastAPI reads the routes at the first request, which two servers in one process must not
        # do at once; a process has one server.
        client.call("GET", "/api/v1/nothing")
        return client

    def user(self, name: str = "ci", *roles: str) -> str:
        """Add a user, by default with the role to rotate."""
        administration.add_user(self.database, name, admin=False, roles=roles or (ROTATOR,))
        return name

    def key(
        self, user: str = "ci", name: str = "build", lifetime: timedelta | None = timedelta(90)
    ) -> str:
        """Make a key."""
        text = administration.add_key(self.database, user, name, lifetime)
        self.secrets.append(text)
        return text

    @contextmanager
    def holding(self, *key_ids: int) -> Iterator[None]:
        """Keep keys locked, as a transaction of another instance does."""
        with self.database.write() as connection:
            key_locks.lock(connection, key_ids)
            yield

    def sweep(self, offset: str = "0s") -> Swept:
        """Sweep as an instance whose clock runs ahead."""
        with closing(self.opened(parse_duration(offset))) as database:
            return sweep(database)

    def events(self, event_type: str | None = None) -> list[Json]:
        """Return the events of a type, oldest first, as mappings."""
        stored = administration.list_events(self.database, 10_000)
        return [vars(e.event) for e in stored if event_type in (None, e.event.type)]

    def overview(self, key_id: int, offset: str = "0s") -> administration.KeyOverview:
        """Return what the key list says of a key."""
        with closing(self.opened(parse_duration(offset))) as database:
            listed = administration.list_keys(database)
        return next(overview for overview in listed if overview.key.id == key_id)

    def leave(self) -> None:
        """Ask every server to end, which takes it a moment, and close the connections."""
        for client in self._clients.values():
            client.close()
        for server in self._running:
            server.stop_soon()
        self.database.close()

    def close(self) -> None:
        """Wait until every server has ended."""
        self.leave()
        for server in self._running:
            server.__exit__()
        for database in self._databases:
            database.close()


def problem(answer: requests.Response) -> tuple[int, str]:
    """Return status and slug of a refusal."""
    return answer.status_code, answer.json()["type"]
