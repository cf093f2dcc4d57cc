"""The answer to the key check, of which only the server's time changes while nothing else does."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from keyserver.harness import ServerHarness
from signotaur_keyserver.api.descriptions import Descriptions
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.service.description import describe_self
from signotaur_keyserver.service.known_keys import KnownKeys

HOSTILE = 'x","serverTime":"1999-01-01T00:00:00Z","y":"\\'


def fresh(world: ServerHarness, caller: Caller) -> object:
    return describe_self(world.database, caller).to_json()


@pytest.mark.parametrize("name", ["ci", HOSTILE, "Schlüssel 鍵"])
def test_a_kept_answer_is_the_one_that_would_be_made(
    world: ServerHarness, known: KnownKeys, name: str
) -> None:
    key, descriptions = world.key(name=name), Descriptions(world.database)
    for seconds in (0, 1, 86_400):
        caller = known.authenticate(key)
        later = replace(caller, now=caller.now + timedelta(seconds=seconds))
        assert json.loads(descriptions.of(later)) == fresh(world, later)


def test_a_key_in_a_rotation_is_described_anew(world: ServerHarness, known: KnownKeys) -> None:
    """A commit gives it another record, and the state of a rotation changes with time alone."""
    key, descriptions = world.key(), Descriptions(world.database)
    assert json.loads(descriptions.of(known.authenticate(key)))["rotation"] is None
    world.now.open(key)
    caller = known.authenticate(key)
    for hours in (0, 24):
        later = replace(caller, now=caller.now + timedelta(hours=hours))
        assert json.loads(descriptions.of(later)) == fresh(world, later)


def test_more_keys_than_the_memory_takes_are_described_as_well(
    world: ServerHarness, known: KnownKeys
) -> None:
    descriptions = Descriptions(world.database, capacity=2)
    for number in [*range(4), *range(4)]:
        key = world.key(name=f"key {number} {number}")
        caller = known.authenticate(key)
        assert json.loads(descriptions.of(caller)) == fresh(world, caller)
