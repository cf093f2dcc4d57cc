"""``user``: owners of keys, their roles, and the passwords of those who sign in."""

import json
import sys
from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import AsJson, DatabaseUrl, DataDir
from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.service import administration, passwords, people
from signotaur_keyserver.service.passwords import MAX_LENGTH, Passwords
from signotaur_wire.members import Json, format_optional_time, format_time

app = typer.Typer(help="Add, list, enable and disable users.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
Admin = Annotated[bool, typer.Option("--admin", help="Make this user an administrator.")]
Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        help="A role, such as ApiKeyRotator (or ApiKeyRotation); repeatable.",
        metavar="ROLE",
    ),
]
PasswordStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin",
        help="Read a password from standard input: with it, the user signs in to the web pages.",
    ),
]
Temporary = Annotated[
    bool,
    typer.Option("--temporary", help="Valid for 12 hours, and to be changed at the first sign-in."),
]


@app.command()
def add(
    name: Name,
    data_dir: DataDir,
    admin: Admin = False,  # noqa: FBT002 - a flag of the command line
    role: Roles = None,
    password_stdin: PasswordStdin = False,  # noqa: FBT002
    database: DatabaseUrl = None,
) -> None:
    """Add a user. The first user also creates the database."""
    password = _password(name) if password_stdin else None
    with data_folder.prepared(data_dir, database) as opened:
        user_id = administration.add_user(opened, name, admin=admin, roles=role or ())
        if password is not None:
            people.set_password(opened, Passwords(), name, password, temporary=False)
    typer.echo(f"user {user_id} added", err=True)


@app.command()
def set_password(
    name: Name,
    data_dir: DataDir,
    password_stdin: PasswordStdin = False,  # noqa: FBT002
    temporary: Temporary = False,  # noqa: FBT002
    database: DatabaseUrl = None,
) -> None:
    """Give a user a password, read from standard input. End the user's sessions."""
    if not password_stdin:
        raise CommandError("give --password-stdin and the password on standard input")
    password = _password(name)
    with data_folder.existing(data_dir, database) as opened:
        people.set_password(opened, Passwords(), name, password, temporary=temporary)


@app.command("list")
def list_users(
    data_dir: DataDir,
    as_json: AsJson = False,  # noqa: FBT002
    database: DatabaseUrl = None,
) -> None:
    """List every user with roles and state."""
    with data_folder.existing(data_dir, database) as opened:
        listed, _now = people.list_people(opened)
    if as_json:
        typer.echo(json.dumps([_as_json(person) for person in listed], indent=2))
        return
    for person in listed:
        typer.echo(_as_line(person))


@app.command()
def edit(
    name: Name,
    data_dir: DataDir,
    admin: Annotated[
        bool | None,
        typer.Option("--admin/--no-admin", help="Whether this user is an administrator."),
    ] = None,
    role: Roles = None,
    remove_role: Annotated[
        list[str] | None,
        typer.Option("--remove-role", help="A role to take away; repeatable.", metavar="ROLE"),
    ] = None,
    database: DatabaseUrl = None,
) -> None:
    """Change what a user may do."""
    with data_folder.existing(data_dir, database) as opened:
        people.change_rights(opened, name, admin=admin, add=role or (), remove=remove_role or ())


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


def _password(name: str) -> str:
    # One character more than allowed is enough to refuse it; a line end may follow.
    text = sys.stdin.read(MAX_LENGTH + 3).removesuffix("\n").removesuffix("\r")
    fault = passwords.fault(text, name)
    if fault is not None:
        raise CommandError(f"--password-stdin: {fault}")
    return text


def _as_json(person: Person) -> Json:
    return {
        "id": person.id,
        "name": person.name,
        "admin": person.admin,
        "enabled": person.enabled,
        "roles": list(person.roles),
        "createdAt": format_time(person.created_at_utc),
        "hasPassword": person.has_password,
        "passwordExpiresAt": format_optional_time(person.password_expires_at_utc),
    }


def _as_line(person: Person) -> str:
    state = "enabled" if person.enabled else "disabled"
    kind = "administrator" if person.admin else "user"
    return (
        f"{person.id:>6}  {state:<8}  {kind:<13}  {person.name}: {', '.join(person.roles) or '-'}"
    )
