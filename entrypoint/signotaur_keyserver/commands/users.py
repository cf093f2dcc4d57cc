"""``user``: owners of keys and their roles."""

from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.options import DatabaseUrl, DataDir
from signotaur_keyserver.service import administration

app = typer.Typer(help="Add, enable and disable the owners of keys.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
Admin = Annotated[bool, typer.Option("--admin", help="Make this user an administrator.")]
Roles = Annotated[
    list[str] | None,
    typer.Option("--role", help="A role, such as ApiKeyRotator (or ApiKeyRotation); repeatable."),
]


@app.command()
def add(
    name: Name,
    data_dir: DataDir,
    admin: Admin = False,  # noqa: FBT002 - a flag of the command line
    role: Roles = None,
    database: DatabaseUrl = None,
) -> None:
    """Add a user. The first user also creates the database."""
    with data_folder.prepared(data_dir, database) as opened:
        user_id = administration.add_user(opened, name, admin=admin, roles=role or ())
    typer.echo(f"user {user_id} added", err=True)


@app.command()
def disable(name: Name, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Refuse all keys of a user until the user is enabled again."""
    with data_folder.existing(data_dir, database) as opened:
        administration.set_user_enabled(opened, name, enabled=False)


@app.command()
def enable(name: Name, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Accept the keys of a disabled user again."""
    with data_folder.existing(data_dir, database) as opened:
        administration.set_user_enabled(opened, name, enabled=True)
