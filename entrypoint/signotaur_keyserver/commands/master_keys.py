"""``master-key``: the key that seals the private keys in the database."""

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.options import DatabaseUrl, DataDir
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.service.master_key import rotate_master_key

app = typer.Typer(help="Replace the master key.", no_args_is_help=True)


@app.callback()
def master_key() -> None:
    """Replace the master key."""


@app.command()
def rotate(data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Make a new master key and seal every secret with it. The server may run."""
    sealer = Sealer.in_folder(data_dir)
    with data_folder.existing(data_dir, database) as opened:
        count = rotate_master_key(opened, sealer)
    typer.echo(
        f"{sealer.file} is new and seals {count} secrets: back it up; older backups need the "
        "master key that is in them",
        err=True,
    )
