"""Back up a server's data folder into one encrypted file, verify such a file, and restore it."""

import os
import secrets
import shutil
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.database.migrate import migrate
from signotaur_keyserver.pki.encrypted_file import (
    Cost,
    EncryptedFileError,
    EncryptedReader,
    EncryptedWriter,
)
from signotaur_keyserver.pki.master_key import FILE_NAME, MasterKeyError, Sealer
from signotaur_keyserver.service.administration import AdministrationError, list_keys
from signotaur_keyserver.service.database_copy import copy_database
from signotaur_keyserver.store.event_chain import ChainKey
from signotaur_wire.members import format_optional_time

DATABASE_FILE = "keyserver.db"
_PRIVATE = (FILE_NAME, "server-key.pem")
_FILES = (*_PRIVATE, "server.pem", "ca.pem")
"""Besides the database; those of ``--self-signed`` where there are any."""
_TRIES = 10


@dataclass(frozen=True)
class Contents:
    """What a verified backup contains."""

    files: tuple[str, ...]
    keys: int | None
    """None for a backup without database."""


@dataclass(frozen=True)
class Difference:
    """A key that is not the same in a backup and in a newer database."""

    key_id: int
    name: str
    in_backup: str
    now: str


def back_up(
    database: Database | None,
    data_dir: Path,
    out: Path,
    passphrase: str,
    cost: Cost | None = None,
) -> tuple[str, ...]:
    """Write a backup; return the names of its files. The server may go on serving.

    ``database`` None: the files alone. ``cost``: of guessing the passphrase; None is the usual one.
    Raises AdministrationError and OSError.
    """
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=data_dir) as name:
        copy = Path(name)
        if database is not None:
            _copy_consistently(database, data_dir, copy)
        else:
            _copy_files(data_dir, copy)
        names = tuple(sorted(path.name for path in copy.iterdir()))
        if FILE_NAME not in names:
            raise AdministrationError(f"{data_dir} does not contain a {FILE_NAME}")
        with _written_whole(out) as file:
            writer = EncryptedWriter(file, passphrase, cost)
            with tarfile.open(fileobj=cast("BinaryIO", writer), mode="w|") as archive:
                for each in names:
                    archive.add(copy / each, each, recursive=False)
            writer.close()
    return names


def verify_backup(file: Path, passphrase: str) -> Contents:
    """Decrypt and check a whole backup. Raises AdministrationError, also for a damaged one."""
    with tempfile.TemporaryDirectory(prefix="signotaur-backup-") as name:
        return _unpacked(file, passphrase, Path(name))


def restore(file: Path, passphrase: str, data_dir: Path, into: Database | None = None) -> Contents:
    """Restore a backup to a folder that is empty or does not exist: wholly, or not at all.

    ``into`` is an empty database that gets the keys and all else, in place of a file in the
    folder. Raises AdministrationError, OSError and DatabaseUnavailableError.
    """
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise AdministrationError(f"{data_dir} is not an empty folder")
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    place = data_dir.parent / f".{data_dir.name}.{secrets.token_hex(8)}"
    place.mkdir(mode=0o700)
    try:
        contents = _unpacked(file, passphrase, place)
        if into is not None:
            _move_rows(place / DATABASE_FILE, into)
            files = tuple(name for name in contents.files if name != DATABASE_FILE)
            contents = replace(contents, files=files)
        _sync_all(place)
        place.rename(data_dir)
    finally:
        shutil.rmtree(place, ignore_errors=True)  # nothing is there after a success
    return contents


def _move_rows(file: Path, into: Database) -> None:
    if not file.exists():
        raise AdministrationError("the backup contains no database")
    source = Database(sqlite_url(file))
    try:
        migrate(source)
        copy_database(source, into)
    finally:
        source.close()
    file.unlink()


def differences(restored: Database, newer: Database) -> list[Difference]:
    """Return the keys of a newer database that the restored one has not, or knows otherwise."""
    known = {each.key.public_id: each for each in list_keys(restored)}
    differing = []
    for each in list_keys(newer):
        before = known.get(each.key.public_id)
        now = _summary(each.key.state(each.now).value, each.key.expires_at_utc)
        earlier = "unknown"
        if before is not None:
            earlier = _summary(before.key.state(each.now).value, before.key.expires_at_utc)
        if earlier != now:
            differing.append(Difference(each.key.id, each.key.name, earlier, now))
    return differing


def _summary(state: str, expires: object) -> str:
    return f"{state}, expires {format_optional_time(expires) or 'never'}"  # type: ignore[arg-type]


def _copy_consistently(database: Database, data_dir: Path, copy: Path) -> None:
    """Copy database and files of one moment: a master key may be changed meanwhile."""
    for _ in range(_TRIES):
        _copy_all(database, data_dir, copy)
        with suppress(MasterKeyError):
            _require_opened(copy)
            return
    raise AdministrationError("the master key does not open the database: nothing was backed up")


def _copy_all(database: Database, data_dir: Path, copy: Path) -> None:
    file = copy / DATABASE_FILE
    if database.copy_to(file):
        _copy_files(data_dir, copy)
        return
    file.unlink(missing_ok=True)  # of an earlier try
    file.touch(mode=0o600)
    target = Database(sqlite_url(file))
    try:
        copy_database(database, target, lambda: _copy_files(data_dir, copy))
    finally:
        target.close()


def _copy_files(data_dir: Path, copy: Path) -> None:
    for name in _FILES:
        with suppress(FileNotFoundError):
            content = (data_dir / name).read_bytes()
            private = os.open(copy / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(private, "wb") as file:
                file.write(content)


def _unpacked(file: Path, passphrase: str, folder: Path) -> Contents:
    try:
        with file.open("rb") as opened:
            reader = EncryptedReader(opened, passphrase)
            with tarfile.open(fileobj=cast("BinaryIO", reader), mode="r|") as archive:
                for member in archive:
                    _unpack(archive, member, folder)
            reader.read()
    except (EncryptedFileError, tarfile.TarError) as error:
        raise AdministrationError(f"{file}: {error}") from None
    names = tuple(sorted(path.name for path in folder.iterdir()))
    if DATABASE_FILE not in names:
        return Contents(names, None)
    return Contents(names, _require_opened(folder))


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or member.name not in (*_FILES, DATABASE_FILE):
        raise AdministrationError("the backup contains a file that is not of a key server")
    public = member.name.endswith(".pem") and member.name not in _PRIVATE
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    handle = os.open(folder / member.name, flags, 0o644 if public else 0o600)
    with content, os.fdopen(handle, "wb") as written:
        shutil.copyfileobj(content, written)


def _require_opened(folder: Path) -> int:
    """Return the number of keys of a copied database. Raises MasterKeyError.

    Raises AdministrationError for a database that is damaged.
    """
    path = folder / DATABASE_FILE
    with closing(sqlite3.connect(path)) as connection:
        try:
            [(state,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
            [(keys,)] = connection.execute("SELECT count(*) FROM keys").fetchall()
            # A copy needs no log file beside it.
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.DatabaseError:
            state, keys = "damaged", 0
    if state != "ok":
        raise AdministrationError("the database in the backup is damaged")
    database = Database(sqlite_url(path))
    try:
        with database.read() as connection:
            ChainKey(Sealer.in_folder(folder))(connection)
    finally:
        database.close()
    return int(keys)


@contextmanager
def _written_whole(out: Path) -> Iterator[BinaryIO]:
    """Give a file for its owner alone that takes its name once it is complete and on the disk."""
    unfinished = out.with_name(f".{out.name}.{secrets.token_hex(8)}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(out)
        _sync(out.parent)
    finally:
        unfinished.unlink(missing_ok=True)  # nothing is there after a success


def _sync_all(folder: Path) -> None:
    for path in (*folder.iterdir(), folder, folder.parent):
        _sync(path)


def _sync(path: Path) -> None:
    directory = stat.S_ISDIR(path.stat().st_mode)
    handle = os.open(path, os.O_RDONLY | (os.O_DIRECTORY if directory else 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
