"""Fixtures of the key server's tests: a migrated database of a test's own, in a moment."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyserver.harness import World
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.database.migrate import migrate


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database to copy."""
    file = tmp_path_factory.mktemp("template") / "keyserver.db"
    database = Database(sqlite_url(file))
    migrate(database)
    database.close()
    return file


@pytest.fixture(scope="session")
def left_worlds() -> Iterator[list[World]]:
    """Worlds of ended tests: their servers end while the next tests run."""
    worlds: list[World] = []
    yield worlds
    for world in worlds:
        world.close()


@pytest.fixture
def empty_world(template: Path, tmp_path: Path, left_worlds: list[World]) -> Iterator[World]:
    """A world without users."""
    file = tmp_path / "keyserver.db"
    shutil.copyfile(template, file)
    world = World(file)
    yield world
    world.leave()
    left_worlds.append(world)


@pytest.fixture
def world(empty_world: World) -> World:
    """A world with the user ci, who may rotate."""
    empty_world.user()
    return empty_world
