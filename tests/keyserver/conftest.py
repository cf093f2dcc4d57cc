"""Fixtures of the key server's tests: a migrated database of a test's own, in a moment.

Modules and tests with the mark ``both_databases`` run on SQLite and on PostgreSQL.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keyserver.harness import ServerHarness
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.database.migrate import migrate
from signotaur_keyserver.service.known_keys import KnownKeys
from support.postgresql import Cluster, programs

LEFT_WORLDS = 3
LeftWorld = tuple[ServerHarness, Callable[[], None]]
"""A world, and what removes its database."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the marked tests on each database."""
    marked = metafunc.definition.get_closest_marker("both_databases")
    if marked and "dialect" in metafunc.fixturenames:
        metafunc.parametrize("dialect", ["sqlite", "postgresql"])


@pytest.fixture
def dialect() -> str:
    """The database of a test without a mark."""
    return "sqlite"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database to copy."""
    file = tmp_path_factory.mktemp("template") / "keyserver.db"
    _migrate(sqlite_url(file))
    return file


@pytest.fixture(scope="session")
def left_worlds() -> Iterator[list[LeftWorld]]:
    """Worlds of ended tests: their servers end while the next tests run."""
    worlds: list[LeftWorld] = []
    yield worlds
    _close_all(worlds)


@pytest.fixture(scope="session")
def cluster(left_worlds: list[LeftWorld]) -> Iterator[Cluster]:
    """A PostgreSQL cluster that must not be killed: it is fast, and not durable."""
    if programs() is None:
        pytest.skip("needs PostgreSQL's server programs (Debian: postgresql)")
    with Cluster() as cluster:
        yield cluster
        _close_all(left_worlds)


@pytest.fixture(scope="session")
def postgresql_template(cluster: Cluster) -> str:
    """A migrated, empty database to copy."""
    name = cluster.create()
    _migrate(cluster.url(name))
    return name


@pytest.fixture
def empty_database(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without any table."""
    if dialect == "sqlite":
        yield sqlite_url(tmp_path / "new.db")
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name = cluster.create()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture
def empty_world(
    dialect: str,
    tmp_path: Path,
    left_worlds: list[LeftWorld],
    request: pytest.FixtureRequest,
) -> Iterator[ServerHarness]:
    """A world without users."""
    file = tmp_path / "keyserver.db"
    if dialect == "sqlite":
        shutil.copyfile(request.getfixturevalue("template"), file)
        world, remove = ServerHarness(file), _nothing
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        name = cluster.create(request.getfixturevalue("postgresql_template"))
        world, remove = ServerHarness(file, cluster.url(name)), lambda: cluster.drop(name)
    yield world
    world.leave()
    left_worlds.append((world, remove))
    if len(left_worlds) > LEFT_WORLDS:
        _close(left_worlds)


@pytest.fixture
def world(empty_world: ServerHarness) -> ServerHarness:
    """A world with the user ci, who may rotate."""
    empty_world.user()
    return empty_world


def _migrate(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.close()


def _close(worlds: list[LeftWorld]) -> None:
    world, remove = worlds.pop(0)
    world.close()
    remove()


def _close_all(worlds: list[LeftWorld]) -> None:
    while worlds:
        _close(worlds)


def _nothing() -> None:
    """Remove nothing: pytest removes the test's folder."""


@pytest.fixture
def known(world: ServerHarness) -> Iterator[KnownKeys]:
    """The keys that a server keeps in memory, over the test's database."""
    known = KnownKeys(world.database)
    known.start()
    yield known
    known.stop()
