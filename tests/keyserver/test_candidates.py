"""At most three candidates: which make room, and which may not be touched."""

from uuid import uuid4

import pytest

from keyserver.harness import NewKey, OpenRotation, ServerHarness, problem
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import administration
from signotaur_keyserver.service.authentication import authenticate, record_first_use
from signotaur_wire.members import format_time

pytestmark = pytest.mark.both_databases


def _three(world: ServerHarness, old: str, *, used: tuple[int, ...]) -> list[OpenRotation]:
    opened = [world.now.open(old) for _ in range(3)]
    for index in used:
        assert world.now.self(opened[index].new.text).status_code == 200
    return opened


def test_the_oldest_unused_candidate_makes_room(world: ServerHarness) -> None:
    old = world.key()
    first, second, third = _three(world, old, used=(0,))
    world.now.open(old)
    assert problem(world.now.self(second.new.text)) == (401, "key-revoked")
    assert world.now.get(old, second.id).json()["state"] == "superseded"
    assert world.now.self(first.new.text).status_code == 200
    assert world.now.self(third.new.text).status_code == 200
    assert [event["key_id"] for event in world.events("rotation-superseded")] == [3]
    assert [event["key_id"] for event in world.events("key-revoked")] == [3]


def test_three_used_candidates_leave_no_room(world: ServerHarness) -> None:
    old = world.key()
    _three(world, old, used=(0, 1, 2))
    answer = world.now.put(old, uuid4(), NewKey())
    assert problem(answer) == (409, "too-many-candidates")
    assert answer.json()["candidateKeyIds"] == [2, 3, 4]
    assert world.events("rotation-superseded") == []


def test_a_used_but_dead_candidate_makes_room(world: ServerHarness) -> None:
    old = world.key()
    _three(world, old, used=(0, 1, 2))
    administration.revoke_key(world.database, 3)
    assert world.now.open(old).answer["newKeyId"] == 5


def test_a_candidate_that_a_person_revokes_ends_its_rotation(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old)
    administration.revoke_key(world.database, 2)
    assert world.now.get(old, opened.id).json()["state"] == "aborted"
    assert [event["rotation_id"] for event in world.events("rotation-aborted")] == [opened.id]
    assert world.now.self(old).json()["rotation"] is None


def test_an_aborted_candidate_makes_room(world: ServerHarness) -> None:
    old = world.key()
    opened = _three(world, old, used=(0, 1))
    world.now.abort(old, opened[2].id)
    world.now.open(old)
    assert world.events("rotation-superseded") == []


def test_first_use_is_recorded_once_and_at_once(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    assert world.overview(2).key.first_used_at_utc is None
    world.now.self(opened.new.text)
    first = world.overview(2).key.first_used_at_utc
    assert first is not None
    world.at("1h").self(opened.new.text)
    assert world.overview(2).key.first_used_at_utc == first
    assert len(world.events("candidate-first-used")) == 1


def test_a_candidate_superseded_while_it_is_first_used_is_refused(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    caller = authenticate(world.database, opened.new.text)
    administration.revoke_key(world.database, 2)
    with pytest.raises(RefusedError) as refused:
        record_first_use(world.database, caller.key, None)
    assert refused.value.problem == "key-revoked"
    assert world.overview(2).key.first_used_at_utc is None
    assert world.events("candidate-first-used") == []


def test_use_of_other_keys_is_not_written(world: ServerHarness) -> None:
    world.now.self(world.key())
    assert world.overview(1).key.first_used_at_utc is None


def test_confirmation_retires_the_other_candidates_at_its_overlap_end(world: ServerHarness) -> None:
    later = world.at("8d")
    old = world.key()
    others = [world.now.open(old), world.now.open(old)]
    chosen = world.now.rotate(old)
    for other in others:
        assert world.now.get(other.new.text, other.id).json()["state"] == "superseded"
        told = world.now.self(other.new.text).json()
        assert told["revokesAt"] == chosen.answer["overlapEnd"]
        assert told["state"] == "candidate"
        assert problem(world.now.confirm(other.new.text, other.id)) == (409, "rotation-mismatch")
        assert problem(later.self(other.new.text)) == (401, "key-revoked")
    assert later.self(chosen.new.text).status_code == 200


def test_a_superseded_candidate_learns_of_its_rival(world: ServerHarness) -> None:
    old = world.key()
    loser = world.now.open(old)
    winner = world.now.rotate(old)
    answer = world.now.put(loser.new.text, uuid4(), NewKey())
    assert problem(answer) == (409, "already-rotated")
    assert answer.json()["successorKeyId"] == winner.answer["newKeyId"]


def test_a_superseded_candidate_may_replace_a_lost_rival(world: ServerHarness) -> None:
    later = world.at("15d")
    old = world.key()
    loser = world.now.open(old)
    winner = world.now.rotate(old)
    rescue = world.now.rotate(loser.new.text, again=True)
    due = world.overview(winner.answer["newKeyId"]).key.revoke_due_utc
    assert due is not None
    assert format_time(due) == rescue.answer["overlapEnd"]
    survivors = [
        key
        for key in (old, loser.new.text, winner.new.text, rescue.new.text)
        if later.self(key).status_code == 200
    ]
    assert survivors == [rescue.new.text]
