"""People who change keys, and what a refusal says to them."""

import pytest

from keyserver.harness import ServerHarness
from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import administration
from signotaur_keyserver.service.person_transaction import Actor
from signotaur_keyserver.store import people


def person(world: ServerHarness, name: str = "ci", *, admin: bool = False) -> Person:
    if name != "ci":
        administration.add_user(world.database, name, admin=admin, roles=[])
    with world.database.read() as connection:
        return next(each for each in people.every(connection) if each.name == name)


def actor(world: ServerHarness) -> Actor:
    """The owner of the keys that ``world.key`` makes."""
    found = person(world)
    return Actor(found, found.id, "192.0.2.1")


def administrator(world: ServerHarness) -> Actor:
    return Actor(person(world, "root", admin=True), None)


def faults(refused: pytest.ExceptionInfo[RefusedError]) -> list[str]:
    given = refused.value.members["faults"]
    assert isinstance(given, dict)
    return sorted(given)
