"""What a person does with a rotation: abort it, extend its overlap once, end it now."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from keyserver.actors import actor, administrator, faults
from keyserver.harness import NewKey, ServerHarness, problem
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import key_changes, overlap_changes

pytestmark = pytest.mark.both_databases


def test_an_unused_candidate_is_aborted_by_its_owner(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old)
    overlap_changes.abort(world.database, actor(world), 2)
    assert world.now.get(old, opened.id).json()["state"] == "aborted"
    assert problem(world.now.self(opened.new.text)) == (401, "key-revoked")
    assert world.now.self(old).status_code == 200
    with pytest.raises(RefusedError, match="not-possible"):
        overlap_changes.abort(world.database, actor(world), 2)


def test_a_used_candidate_is_aborted_only_by_an_administrator_who_says_so(
    world: ServerHarness,
) -> None:
    opened = world.now.open(world.key())
    assert world.now.self(opened.new.text).status_code == 200
    owner, root = actor(world), administrator(world)
    with pytest.raises(RefusedError, match="rotation-mismatch"):
        overlap_changes.abort(world.database, owner, 2)
    with pytest.raises(RefusedError, match="not-allowed"):
        overlap_changes.abort(world.database, owner, 2, even_if_used=True)
    with pytest.raises(RefusedError, match="rotation-mismatch"):
        overlap_changes.abort(world.database, root, 2)
    assert world.now.self(opened.new.text).status_code == 200
    overlap_changes.abort(world.database, root, 2, even_if_used=True)
    assert problem(world.now.self(opened.new.text)) == (401, "key-revoked")


def test_an_overlap_is_extended_once(world: ServerHarness) -> None:
    later = world.at("9d")
    old = world.key()
    rotated = world.now.rotate(old, overlap_days=7)
    overlap_changes.extend_overlap(world.database, actor(world), 2, 5)
    before = datetime.fromisoformat(rotated.answer["overlapEnd"])
    told = world.now.self(old).json()
    end = datetime.fromisoformat(told["revokesAt"])
    assert end == before + timedelta(days=5)
    assert told["rotation"]["overlapEnd"] == told["revokesAt"]
    assert world.now.self(rotated.new.text).json()["autoRevokeOldKeyUtc"] == told["revokesAt"]
    assert later.self(old).status_code == 200
    with pytest.raises(RefusedError, match="not-possible"):
        overlap_changes.extend_overlap(world.database, actor(world), 2, 1)
    assert world.sweep("13d").revoked_key_ids == (1,)
    event = world.events("overlap-extended")[0]
    assert (event["key_id"], event["data"]["days"]) == (1, 5)


def test_an_overlap_has_thirty_days_at_most(world: ServerHarness) -> None:
    world.now.rotate(world.key(), overlap_days=7)
    for days in (0, 24, 1000):
        with pytest.raises(RefusedError) as refused:
            overlap_changes.extend_overlap(world.database, actor(world), 2, days)
        assert faults(refused) == ["days"]
    overlap_changes.extend_overlap(world.database, actor(world), 2, 23)
    assert world.overview(1, "29d").key.revoke_due_utc is not None


@pytest.mark.parametrize("request_", [{"overlap_days": 30}, {"auto_revoke": False}])
def test_what_has_no_end_to_extend_is_refused(
    world: ServerHarness, request_: dict[str, object]
) -> None:
    world.now.rotate(world.key(), **request_)
    with pytest.raises(RefusedError, match="not-possible"):
        overlap_changes.extend_overlap(world.database, actor(world), 2, 1)


def test_an_overlap_that_is_over_is_not_extended(world: ServerHarness) -> None:
    world.now.rotate(world.key(), overlap_days=0)
    with pytest.raises(RefusedError, match="not-possible"):
        overlap_changes.extend_overlap(world.database, actor(world), 2, 1)


def test_a_rotation_that_is_not_confirmed_has_no_overlap(world: ServerHarness) -> None:
    world.now.open(world.key())
    with pytest.raises(RefusedError, match="not-possible"):
        overlap_changes.extend_overlap(world.database, actor(world), 2, 1)
    with pytest.raises(RefusedError, match="not-possible"):
        overlap_changes.end_overlap(world.database, actor(world), 2)


def test_a_deadline_that_another_rotation_set_is_not_extended(world: ServerHarness) -> None:
    old = world.key()
    world.now.rotate(old, overlap_days=3)
    world.now.rotate(old, overlap_days=9, again=True)
    with pytest.raises(RefusedError, match="not-possible"):
        overlap_changes.extend_overlap(world.database, actor(world), 3, 1)


@pytest.mark.parametrize("auto_revoke", [True, False])
def test_an_overlap_that_is_ended_revokes_the_old_key_now(
    world: ServerHarness,
    auto_revoke: bool,  # noqa: FBT001
) -> None:
    old = world.key()
    rotated = world.now.rotate(old, auto_revoke=auto_revoke)
    overlap_changes.end_overlap(world.database, actor(world), 2)
    assert problem(world.now.self(old)) == (401, "key-revoked")
    assert world.now.self(rotated.new.text).status_code == 200
    with pytest.raises(RefusedError, match="not-possible"):
        overlap_changes.end_overlap(world.database, actor(world), 2)
    assert world.sweep("40d").revoked_key_ids == ()


def test_the_last_key_that_is_left_is_not_revoked_with_its_overlap(world: ServerHarness) -> None:
    old = world.key()
    world.now.rotate(old)
    key_changes.revoke(world.database, actor(world), 2)
    with pytest.raises(RefusedError, match="not-possible"):
        overlap_changes.end_overlap(world.database, actor(world), 2)
    assert world.now.self(old).status_code == 200
    assert world.now.rotate(old, again=True).answer["state"] == "confirmed"


def test_an_ended_overlap_does_not_make_its_key_a_lost_one(world: ServerHarness) -> None:
    first = world.key()
    second = world.now.rotate(first).new.text
    world.now.self(second)
    world.now.rotate(second)
    overlap_changes.end_overlap(world.database, actor(world), 3)
    answer = world.now.put(first, uuid4(), NewKey(again=True))
    assert problem(answer) == (409, "already-rotated")
