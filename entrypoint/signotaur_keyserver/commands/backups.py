"""``backup`` and ``restore``: a server's data as one encrypted file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import DatabaseUrl, DataDir
from signotaur_keyserver.database.database import Database, UnsupportedDatabaseError
from signotaur_keyserver.errors import os_reason
from signotaur_keyserver.pki.encrypted_file import PASSPHRASE_MIN_LENGTH
from signotaur_keyserver.service import backup as backups
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.backup import Contents

_STDIN = "-"

# Not required: --verify needs no folder.
SavedDataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder to back up; not needed for --verify.", metavar="FOLDER"
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", help="File to write; an older one is replaced at the end.", metavar="FILE"
    ),
]
Verify = Annotated[
    Path | None,
    typer.Option(
        "--verify", help="A backup to decrypt and check, without restoring.", metavar="FILE"
    ),
]
FilesOnly = Annotated[
    bool,
    typer.Option("--files-only", help="Leave the database out, for example if pg_dump saves it."),
]
PassphraseFile = Annotated[
    str,
    typer.Option(
        "--passphrase-file",
        help="File whose first line is the passphrase; - reads standard input.",
        metavar="FILE",
    ),
]
Compare = Annotated[
    Path | None,
    typer.Option(
        "--compare", help="A newer data folder: list the keys that changed since.", metavar="FOLDER"
    ),
]
EmptyDatabase = Annotated[
    str | None,
    typer.Option(
        "--database", help="URL of an empty database; default: a file in the folder.", metavar="URL"
    ),
]
Saved = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


def backup(
    passphrase_file: PassphraseFile,
    data_dir: SavedDataDir = None,
    out: Out = None,
    verify: Verify = None,
    files_only: FilesOnly = False,  # noqa: FBT002 - a flag of the command line
    database: DatabaseUrl = None,
) -> None:
    """Back up the data folder, encrypted; or verify a backup. The server may run meanwhile."""
    if (verify is None) == (out is None):
        raise CommandError("give exactly one of --out and --verify")
    passphrase = _passphrase(passphrase_file)
    if verify is not None:
        _print_contents("intact", _contents_of(verify, passphrase))
        return
    if data_dir is None or out is None:
        raise CommandError("--out needs --data-dir")
    if len(passphrase) < PASSPHRASE_MIN_LENGTH:
        raise CommandError(f"a passphrase has at least {PASSPHRASE_MIN_LENGTH} characters")
    with data_folder.existing(data_dir, database) as opened:
        try:
            names = backups.back_up(None if files_only else opened, data_dir, out, passphrase)
        except OSError as error:
            raise AdministrationError(f"cannot back up to {out}: {os_reason(error)}") from None
    typer.echo(f"wrote {out}: {', '.join(names)}", err=True)


def restore(
    file: Saved,
    data_dir: DataDir,
    passphrase_file: PassphraseFile,
    compare: Compare = None,
    database: EmptyDatabase = None,
) -> None:
    """Restore a backup to a new folder. With --compare print the keys that changed since."""
    passphrase = _passphrase(passphrase_file)
    try:
        with _empty(database) as into:
            contents = backups.restore(file, passphrase, data_dir, into)
    except OSError as error:
        raise AdministrationError(f"cannot restore to {data_dir}: {os_reason(error)}") from None
    _print_contents("restored", contents)
    if contents.keys is None:
        return
    typer.echo(
        "keys that were added or rotated after the backup are missing, and keys that were revoked "
        "since then are valid again",
        err=True,
    )
    if compare is None:
        typer.echo(
            "if you have a newer data folder, restore again to an empty folder with --compare: it "
            "lists these keys; otherwise ask the owners of the keys",
            err=True,
        )
        return
    with (
        data_folder.prepared(data_dir, database) as restored,
        data_folder.existing(compare, None) as newer,
    ):
        for each in backups.differences(restored, newer):
            typer.echo(
                f"key {each.key_id} ({each.name}): now {each.now}; in the backup {each.in_backup}"
            )


@contextmanager
def _empty(url: str | None) -> Iterator[Database | None]:
    if url is None:
        yield None
        return
    try:
        database = Database(url)
    except UnsupportedDatabaseError as error:
        raise CommandError(f"--database: {error}") from None
    try:
        yield database
    except UnsupportedDatabaseError as error:
        raise CommandError(str(error)) from None
    finally:
        database.close()


def _contents_of(file: Path, passphrase: str) -> Contents:
    try:
        return backups.verify_backup(file, passphrase)
    except OSError as error:
        raise AdministrationError(f"cannot read {file}: {os_reason(error)}") from None


def _print_contents(what: str, contents: Contents) -> None:
    keys = "" if contents.keys is None else f"; keys: {contents.keys}"
    typer.echo(f"{what}: {', '.join(contents.files)}{keys}", err=True)


def _passphrase(file: str) -> str:
    try:
        if file == _STDIN:
            line = sys.stdin.buffer.readline()
        else:
            with Path(file).open("rb") as opened:
                line = opened.readline()
        passphrase = line.rstrip(b"\r\n").decode()
    except OSError as error:
        raise CommandError(f"cannot read {file}: {os_reason(error)}") from None
    except UnicodeDecodeError:
        raise CommandError("--passphrase-file: the passphrase is not UTF-8") from None
    if not passphrase:
        raise CommandError("--passphrase-file: the first line is empty")
    return passphrase
