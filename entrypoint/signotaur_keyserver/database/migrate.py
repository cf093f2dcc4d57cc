"""Bring a database to the present schema, and tell whether it is there."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.database.errors import UnsupportedDatabaseError

_FOLDER = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Run every missing revision in one transaction. Instances that start at once queue here.

    Raises DatabaseUnavailableError, and UnsupportedDatabaseError for a database of a later
    version, which is left as it is.
    """
    database.prepare()
    with database.change_schema() as connection:
        revision = _revision(connection)
        require_known(revision)
        if revision != newest_revision():
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def newest_revision() -> str | None:
    """Return the revision that this program needs."""
    return _scripts().get_current_head()


def current_revision(database: Database) -> str | None:
    """Return the revision of the database; None when it was never migrated.

    Raises DatabaseUnavailableError.
    """
    with database.read() as connection:
        return _revision(connection)


def require_known(revision: str | None) -> None:
    """Raise UnsupportedDatabaseError for the revision of a later version."""
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise UnsupportedDatabaseError(
            "the database was migrated by a later version of signotaur-keyserver: run that version"
        )


@cache
def _scripts() -> ScriptDirectory:
    """Return the revisions, loaded once: they are modules, and each command needs them twice."""
    return ScriptDirectory.from_config(_config())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    # A percent sign would be read as an interpolation.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
