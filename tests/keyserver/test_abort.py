"""DELETE /rotations/{uuid}: the old key gives a rotation up, and its candidate dies."""

from uuid import uuid4

import pytest

from keyserver.harness import ServerHarness, problem

pytestmark = pytest.mark.both_databases


def test_the_candidate_dies_at_once(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old)
    answer = world.now.abort(old, opened.id)
    assert (answer.status_code, answer.json()["state"]) == (200, "aborted")
    assert problem(world.now.self(opened.new.text)) == (401, "key-revoked")
    assert problem(world.now.confirm(opened.new.text, opened.id)) == (401, "key-revoked")
    told = world.now.self(old).json()
    assert (told["state"], told["revokesAt"], told["rotation"]) == ("active", None, None)


def test_a_repeat_tells_the_same(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old)
    answers = [world.now.abort(old, opened.id) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["state"] for answer in answers} == {"aborted"}
    assert len(world.events("rotation-aborted")) == 1
    assert len(world.events("key-revoked")) == 1


def test_a_held_rotation_can_be_aborted(world: ServerHarness) -> None:
    later = world.at("8d")
    old = world.key()
    opened = world.now.open(old)
    assert later.get(old, opened.id).json()["state"] == "held"
    assert later.abort(old, opened.id).json()["state"] == "aborted"


def test_a_confirmed_rotation_cannot_be_aborted(world: ServerHarness) -> None:
    old = world.key()
    rotated = world.now.rotate(old)
    answer = world.now.abort(old, rotated.id)
    assert problem(answer) == (409, "already-rotated")
    assert answer.json()["successorKeyId"] == 2
    assert world.now.self(rotated.new.text).status_code == 200


def test_a_superseded_rotation_stays_superseded(world: ServerHarness) -> None:
    old = world.key()
    loser = world.now.open(old)
    world.now.rotate(old)
    assert world.now.abort(old, loser.id).json()["state"] == "superseded"
    assert world.now.self(loser.new.text).status_code == 200


def test_only_the_old_key_aborts(world: ServerHarness) -> None:
    old, other = world.key(), world.key()
    opened = world.now.open(old)
    assert problem(world.now.abort(opened.new.text, opened.id)) == (409, "rotation-mismatch")
    assert problem(world.now.abort(other, opened.id)) == (404, "unknown-rotation")
    assert problem(world.now.abort(old, uuid4())) == (404, "unknown-rotation")
    assert world.now.get(old, opened.id).json()["state"] == "open"


def test_the_key_can_be_rotated_after_an_abort(world: ServerHarness) -> None:
    old = world.key()
    world.now.abort(old, world.now.open(old).id)
    world.now.rotate(old)
