"""The migrations make the schema that the program uses, and are safe to repeat."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from signotaur_keyserver.database.database import Database, UnsupportedDatabaseError, sqlite_url
from signotaur_keyserver.database.migrate import current_revision, migrate, newest_revision
from signotaur_keyserver.domain.schema import metadata
from signotaur_keyserver.service import administration


def test_migrations_and_schema_agree(template: Path) -> None:
    database = Database(sqlite_url(template))
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.close()


def test_migrating_is_repeatable_and_keeps_what_is_there(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "new.db"))
    assert current_revision(database) is None
    migrate(database)
    administration.add_user(database, "ci", admin=False, roles=[])
    migrate(database)
    assert current_revision(database) == newest_revision()
    with pytest.raises(administration.AdministrationError):
        administration.add_user(database, "ci", admin=False, roles=[])
    database.close()


def test_instances_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    def start(_index: int) -> str | None:
        database = Database(sqlite_url(tmp_path / "new.db"))
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
        "postgresql+psycopg://user:secret@host/db",
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
