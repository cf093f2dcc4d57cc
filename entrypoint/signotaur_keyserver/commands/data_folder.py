"""Where a server keeps its things: the data folder and the database in it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import typer

from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.database.database import (
    Database,
    UnsupportedDatabaseError,
    chain_key_of,
    sqlite_url,
)
from signotaur_keyserver.database.migrate import (
    current_revision,
    migrate,
    newest_revision,
    require_known,
)
from signotaur_keyserver.errors import os_reason
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.pki.private_files import ExposedError, require_safe_folder
from signotaur_keyserver.store.event_chain import ChainKey

_FILE = "keyserver.db"


@contextmanager
def prepared(
    data_dir: Path, url: str | None, offset: timedelta = timedelta(0)
) -> Iterator[Database]:
    """Open the database, created and migrated as needed. Raises CommandError."""
    _require_writable(data_dir)
    with _opened(data_dir, url, offset) as database:
        try:
            migrate(database)
        except UnsupportedDatabaseError as error:
            raise CommandError(str(error)) from None
        _make_chain_key(database, Sealer.in_folder(data_dir))
        yield database


def _make_chain_key(database: Database, sealer: Sealer) -> None:
    """Open the key of the event log, so that a lost master key stops a command at its start."""
    made = not sealer.file.exists()
    with database.write() as connection:
        chain_key_of(connection)
    if made:
        typer.echo(f"created {sealer.file}: back it up, separately from the database", err=True)


@contextmanager
def existing(
    data_dir: Path, url: str | None, offset: timedelta = timedelta(0)
) -> Iterator[Database]:
    """Open a database that is there. Raises CommandError that names the command to run first."""
    if data_dir.exists():
        _require_safe(data_dir)
    with _opened(data_dir, url, offset) as database:
        _require_present(database, data_dir, "" if url is None else " --database URL")
        yield database


def _require_present(database: Database, data_dir: Path, option: str) -> None:
    revision = None
    try:
        if database.exists():
            database.prepare()
            revision = current_revision(database)
            require_known(revision)
    except UnsupportedDatabaseError as error:
        raise CommandError(str(error)) from None
    if revision is None:
        place = "the database" if option else str(data_dir)
        raise CommandError(
            f"{place} does not contain a key server database. Start with: signotaur-keyserver "
            f"user add NAME --role ApiKeyRotator --data-dir {data_dir}{option}"
        )
    if revision != newest_revision():
        place = "the database" if option else f"the database in {data_dir}"
        raise CommandError(
            f"{place} has an earlier version. Run: signotaur-keyserver migrate "
            f"--data-dir {data_dir}{option}"
        )


@contextmanager
def _opened(data_dir: Path, url: str | None, offset: timedelta) -> Iterator[Database]:
    try:
        chain_key = ChainKey(Sealer.in_folder(data_dir))
        database = Database(url or sqlite_url(data_dir / _FILE), offset=offset, chain_key=chain_key)
    except UnsupportedDatabaseError as error:
        raise CommandError(f"--database: {error}") from None
    try:
        yield database
    finally:
        database.close()


def _require_safe(data_dir: Path) -> None:
    try:
        require_safe_folder(data_dir)
    except ExposedError as error:
        raise CommandError(str(error)) from None


def _require_writable(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_safe(data_dir)
        # Tried, not asked: permissions say nothing of a read-only mount.
        with tempfile.TemporaryFile(dir=data_dir) as trial:
            trial.write(b"x")
    except OSError as error:
        raise CommandError(
            f"cannot write to the data folder {data_dir}: {os_reason(error)}"
        ) from None
