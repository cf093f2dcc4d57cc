"""The migrations make the schema that the program uses, and are safe to repeat."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from keyserver.harness import ServerHarness
from signotaur_keyserver.database.database import Database, UnsupportedDatabaseError, sqlite_url
from signotaur_keyserver.database.migrate import current_revision, migrate, newest_revision
from signotaur_keyserver.domain.schema import metadata
from signotaur_keyserver.service import administration


@pytest.mark.both_databases
def test_migrations_and_schema_agree(world: ServerHarness) -> None:
    with world.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.both_databases
def test_migrating_is_repeatable_and_keeps_what_is_there(empty_database: str) -> None:
    database = Database(empty_database)
    assert current_revision(database) is None
    migrate(database)
    administration.add_user(database, "ci", admin=False, roles=[])
    migrate(database)
    assert current_revision(database) == newest_revision()
    with pytest.raises(administration.AdministrationError):
        administration.add_user(database, "ci", admin=False, roles=[])
    database.close()


@pytest.mark.both_databases
def test_instances_that_start_at_once_migrate_once(empty_database: str) -> None:
    def start(_index: int) -> str | None:
        database = Database(empty_database)
        migrate(database)
        revision = current_revision(database)
        database.close()
        return revision

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(start, range(6))) == {newest_revision()}


def test_the_database_is_as_durable_as_it_is_meant_to_be(template: Path) -> None:
    database = Database(sqlite_url(template))
    with database.read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://user:secret@host/db",
        "postgresql://user:a-very@secret@host/db",
        "postgresql://user@host:secret/db",
        "mysql://host/db",
        "a secret that is no URL",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file?mode=ro",
    ],
)
def test_an_unusable_database_is_refused_without_its_url(url: str) -> None:
    with pytest.raises(UnsupportedDatabaseError) as refused:
        Database(url)
    assert "secret" not in str(refused.value)


@pytest.mark.both_databases
def test_a_database_of_a_later_version_is_left_alone(world: ServerHarness) -> None:
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnsupportedDatabaseError, match="later version"):
        migrate(world.database)
    assert current_revision(world.database) == "9999"
