"""What a team needs of a server: more processes, more instances, sweeps and long lists."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import key_server
import many_keys
from key_server import KeyServer
from load import CONNECTIONS, Target, wrk
from processes import BenchmarkError
from samples import Samples, rounds

from signotaur_wire import paths
from support.postgresql import USER, Cluster

DUE = 20_000
"""Keys of one sweep."""
LISTED = 5_000
"""Keys of the long list."""
_STORED, _ASKED = 10_000, 500
_SECONDS = 3
_SWEEP_INTERVAL = 4
_NAME, _PASSWORD = "root", "correct horse battery"
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')
_OK, _SEE_OTHER = 200, 303


@dataclass(frozen=True)
class Sweep:
    """A sweep in a server that is asked all the time."""

    seconds: float
    waits_ms: tuple[float, ...]
    """Of reads, one after the other, while it ran."""
    quiet_ms: tuple[float, ...]
    """Of as many reads before it."""


def measure_instances(home: Path) -> tuple[Samples, Samples]:
    """Return key checks a second of one instance on PostgreSQL, and of two."""
    one, two = [], []
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(durable=True))
        name = cluster.create()
        url = cluster.url(name)
        first = stack.enter_context(key_server.running(home / "pg", tls=False, database=url))
        second = stack.enter_context(key_server.another(first))
        where = f"host={cluster.folder} user={USER} dbname={name}"
        keys = many_keys.fill_postgresql(where, _STORED, _ASKED)
        script = _target(first, keys).script(home / "instances.lua")
        pool = stack.enter_context(ThreadPoolExecutor(2))

        def half(server: KeyServer) -> float:
            return wrk(server.server.url, script, home, _SECONDS, CONNECTIONS // 2)[0]

        list(pool.map(half, (first, second)))
        for _ in rounds(5, 45):
            one.append(wrk(first.server.url, script, home, _SECONDS)[0])
            two.append(sum(pool.map(half, (first, second))))
    return Samples.of(one), Samples.of(two)


def measure_workers(home: Path) -> tuple[Samples, Samples]:
    """Return key checks a second of one process on SQLite, and of two."""
    one, two = [], []
    with ExitStack() as stack:
        servers = [
            stack.enter_context(key_server.running(home / name, tls=False, options=options))
            for name, options in (("one", ()), ("two", ("--workers=2",)))
        ]
        scripts = [
            _target(each, many_keys.fill(each.folder, _STORED, _ASKED)).script(
                each.folder / "wrk.lua"
            )
            for each in servers
        ]
        for each, script in zip(servers, scripts, strict=True):
            wrk(each.server.url, script, home, 1)
        for _ in rounds(5, 45):
            for each, script, seen in zip(servers, scripts, (one, two), strict=True):
                seen.append(wrk(each.server.url, script, home, _SECONDS)[0])
    return Samples.of(one), Samples.of(two)


def measure_sweep(home: Path) -> Sweep:
    """Read all the time while the server itself sweeps many keys."""
    interval = (f"--sweep-interval={_SWEEP_INTERVAL}s",)
    with key_server.running(home / "sweep", tls=False, options=interval) as server:
        (key,) = many_keys.fill(server.folder, 1, 1)
        with server.connection() as connection:
            quiet = [_read(connection, key) for _ in range(200)]
        many_keys.fill(server.folder, DUE, 0, due=True)
        with server.connection() as connection:
            _read_until(connection, key, lambda: many_keys.due_keys(server.folder) < DUE)
            begin = time.perf_counter()
            waits = _read_until(connection, key, lambda: not many_keys.due_keys(server.folder))
    return Sweep(time.perf_counter() - begin, tuple(waits), tuple(quiet))


def measure_list(home: Path) -> tuple[Samples, Samples]:
    """Return milliseconds of the page of keys: of an empty one, and of one of many keys."""
    seen: tuple[list[float], list[float]] = ([], [])
    with ExitStack() as stack:
        visits = []
        for name, stored in (("empty", 0), ("full", LISTED)):
            server = stack.enter_context(key_server.running(home / name, tls=False))
            server.add_administrator(_NAME, _PASSWORD)
            many_keys.fill(server.folder, stored, 0)
            with server.connection() as connection:
                visits.append((server, _sign_in(connection)))
        for server, cookie in visits:
            _page_ms(server, "/keys", cookie)
        for _ in rounds(40, 30):
            for (server, cookie), own in zip(visits, seen, strict=True):
                own.append(_page_ms(server, "/keys", cookie))
    return Samples.of(seen[0]), Samples.of(seen[1])


def _target(server: KeyServer, keys: tuple[str, ...]) -> Target:
    return Target(server.server.url, paths.KEYS_SELF, "Authorization", "Bearer ", keys)


def _read_until(connection: HTTPConnection, key: str, over: Callable[[], bool]) -> list[float]:
    waits = []
    end = time.monotonic() + 120
    while not over():
        if time.monotonic() > end:
            raise BenchmarkError("the sweep does not end")
        waits += [_read(connection, key) for _ in range(10)]
    return waits


def _read(connection: HTTPConnection, key: str) -> float:
    begin = time.perf_counter()
    connection.request("GET", paths.KEYS_SELF, headers={"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != _OK:
        raise BenchmarkError(f"a read was answered {answer.status}")
    return (time.perf_counter() - begin) * 1000


def _sign_in(connection: HTTPConnection) -> str:
    """Return the cookie of a session."""
    connection.request("GET", "/login")
    answer = connection.getresponse()
    found = _CSRF.search(answer.read().decode())
    if found is None:
        raise BenchmarkError("the page to sign in has no form")
    form = urlencode({"csrf": found[1], "name": _NAME, "password": _PASSWORD})
    headers = {
        "Cookie": _cookies(answer.headers.get_all("Set-Cookie", [])),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", "/login", form, headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != _SEE_OTHER:
        raise BenchmarkError(f"signing in was answered {answer.status}")
    return _cookies(answer.headers.get_all("Set-Cookie", []))


def _cookies(given: list[str]) -> str:
    return "; ".join(each.partition(";")[0] for each in given)


def _page_ms(server: KeyServer, path: str, cookie: str) -> float:
    begin = time.perf_counter()
    with server.connection() as connection:  # the server does not keep one that rests
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
    if answer.status != _OK:
        raise BenchmarkError(f"{path} was answered {answer.status}")
    return (time.perf_counter() - begin) * 1000
