"""PUT /rotations/{uuid}/confirmation: the one step that arms the old key's revocation."""

from datetime import timedelta
from uuid import uuid4

import pytest

from keyserver.harness import NewKey, ServerHarness, problem
from keyserver.statements import committed
from signotaur_keyserver.service import administration
from signotaur_wire import paths
from signotaur_wire.members import format_time

pytestmark = pytest.mark.both_databases


def test_confirmation_arms_the_old_key_at_the_announced_end(world: ServerHarness) -> None:
    before, after = world.at("167h"), world.at("169h")
    old = world.key()
    opened = world.now.open(old)
    confirmed = world.now.confirm(opened.new.text, opened.id).json()
    assert confirmed["state"] == "confirmed"
    assert confirmed["overlapEnd"] == opened.answer["overlapEnd"]
    assert confirmed["autoRevokeOldKeyUtc"] == opened.answer["overlapEnd"]
    assert world.now.self(old).json()["revokesAt"] == opened.answer["overlapEnd"]
    new = world.now.self(opened.new.text).json()
    assert (new["state"], new["rotation"]) == ("active", None)
    assert new["autoRevokeOldKeyUtc"] == opened.answer["overlapEnd"]
    # No sweep runs in between: the deadline is enforced when the key is used.
    assert before.self(old).status_code == 200
    assert problem(after.self(old)) == (401, "key-revoked")
    assert world.overview(1).key.revoked_at_utc is None
    assert after.self(opened.new.text).status_code == 200


def test_a_rotation_and_its_confirmation_are_two_commits(world: ServerHarness) -> None:
    old = world.key()
    world.now.self(old)
    with committed(world) as commits:
        opened = world.now.open(old)
        assert len(commits) == 1
        assert world.now.confirm(opened.new.text, opened.id).status_code == 200
        assert len(commits) == 2
    assert world.overview(2).key.first_used_at_utc is not None
    written = [event["type"] for event in world.events()][-2:]
    assert written == ["candidate-first-used", "rotation-confirmed"]


def test_a_refused_confirmation_is_a_first_use_too(world: ServerHarness) -> None:
    old = world.key()
    leased, unknown, misspelt = (world.now.open(old) for _ in range(3))
    world.at("11m").put(old, leased.id, leased.new, holder="another")
    answers = {
        2: world.now.confirm(leased.new.text, leased.id),
        3: world.now.confirm(unknown.new.text, uuid4()),
        4: world.now.call("PUT", f"{paths.rotation(misspelt.id)}x/confirmation", misspelt.new.text),
    }
    assert problem(answers[2]) == (409, "rotation-open")
    assert problem(answers[3]) == (404, "unknown-rotation")
    assert problem(answers[4]) == (422, "malformed-request")
    for key_id in answers:
        assert world.overview(key_id).key.first_used_at_utc is not None
    assert len(world.events("candidate-first-used")) == 3


def test_confirmation_is_repeatable_also_when_the_old_key_is_dead(world: ServerHarness) -> None:
    later = world.at("8d")
    old = world.key()
    rotated = world.now.rotate(old)
    again = world.now.confirm(rotated.new.text, rotated.id).json()
    assert again | {"serverTime": ""} == rotated.answer | {"serverTime": ""}
    assert problem(later.self(old)) == (401, "key-revoked")
    assert later.confirm(rotated.new.text, rotated.id).json()["state"] == "confirmed"
    assert len(world.events("rotation-confirmed")) == 1


def test_overlap_0_revokes_at_confirmation(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old, overlap_days=0)
    assert world.now.self(old).status_code == 200
    world.now.confirm(opened.new.text, opened.id)
    assert problem(world.now.self(old)) == (401, "key-revoked")
    assert world.overview(1).key.revoked_at_utc is not None
    assert [event["key_id"] for event in world.events("key-revoked")] == [1]
    assert world.sweep().revoked_key_ids == ()
    assert world.now.confirm(opened.new.text, opened.id).status_code == 200


def test_without_auto_revoke_the_old_key_stays(world: ServerHarness) -> None:
    later = world.at("60d")
    old = world.key()
    rotated = world.now.rotate(old, auto_revoke=False)
    assert rotated.answer["state"] == "confirmed"
    assert rotated.answer["autoRevokeOldKeyUtc"] is None
    assert world.now.self(old).json()["revokesAt"] is None
    assert world.sweep("60d").revoked_key_ids == ()
    assert later.self(old).status_code == 200
    assert "until somebody revokes it" in world.events("rotation-confirmed")[0]["message"]


def test_only_the_new_key_confirms(world: ServerHarness) -> None:
    old, other = world.key(), world.key()
    opened = world.now.open(old)
    assert problem(world.now.confirm(old, opened.id)) == (409, "rotation-mismatch")
    assert problem(world.now.confirm(other, opened.id)) == (404, "unknown-rotation")
    assert problem(world.now.confirm(old, uuid4())) == (404, "unknown-rotation")
    assert world.now.self(old).json()["revokesAt"] is None


def test_confirmation_needs_no_role(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    with world.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM user_roles")
    assert problem(world.now.put(opened.new.text, opened.id, opened.new)) == (403, "role-required")
    assert world.now.confirm(opened.new.text, opened.id).status_code == 200


def test_a_superseded_rotation_tells_its_state(world: ServerHarness) -> None:
    old = world.key()
    loser = world.now.open(old)
    world.now.rotate(old)
    answer = world.now.confirm(loser.new.text, loser.id)
    assert problem(answer) == (409, "rotation-mismatch")
    assert answer.json()["state"] == "superseded"


def test_the_old_key_outlived_by_its_candidate_may_have_expired(world: ServerHarness) -> None:
    later = world.at("2d")
    old = world.key(lifetime=timedelta(days=1))
    almost = world.at("20h")
    opened = almost.open(old)
    assert problem(later.self(old)) == (401, "key-expired")
    # The candidate got a full life of its own from its opening: it ends at 44 h.
    assert world.at("30h").confirm(opened.new.text, opened.id).json()["state"] == "confirmed"


def test_an_armed_deadline_is_never_lengthened(world: ServerHarness) -> None:
    old = world.key()
    first = world.now.rotate(old, overlap_days=2)
    second = world.now.rotate(old, overlap_days=20, again=True)
    assert world.now.self(old).json()["revokesAt"] == first.answer["overlapEnd"]
    assert second.answer["autoRevokeOldKeyUtc"] == first.answer["overlapEnd"]


@pytest.mark.parametrize("confirmed", ["before", "after"])
def test_an_old_key_that_a_person_revoked_is_not_announced_to_end_later(
    world: ServerHarness, confirmed: str
) -> None:
    opened = world.now.open(world.key())
    if confirmed == "before":
        world.now.confirm(opened.new.text, opened.id)
    administration.revoke_key(world.database, 1)
    told = world.now.confirm(opened.new.text, opened.id).json()
    assert told["state"] == "confirmed"
    assert told["autoRevokeOldKeyUtc"] <= told["serverTime"] < told["overlapEnd"]
    assert world.now.get(opened.new.text, opened.id).json()["state"] == "confirmed"


def test_again_leaves_one_survivor_and_tells_of_it(world: ServerHarness) -> None:
    later = world.at("8d")
    old = world.key()
    lost = world.now.rotate(old)
    found = world.now.rotate(old, again=True)
    due = world.overview(2).key.revoke_due_utc
    assert due is not None
    assert format_time(due) == found.answer["overlapEnd"]
    told = world.events("key-retiring")
    assert [(event["level"], event["key_id"]) for event in told] == [("Security", 2)]
    alive = [
        key for key in (old, lost.new.text, found.new.text) if later.self(key).status_code == 200
    ]
    assert alive == [found.new.text]


def test_without_again_a_confirmed_key_stays_rotated(world: ServerHarness) -> None:
    old = world.key()
    world.now.rotate(old, auto_revoke=False)
    assert problem(world.now.put(old, uuid4(), NewKey())) == (409, "already-rotated")


def test_a_successor_is_rotated_in_its_turn(world: ServerHarness) -> None:
    key, ids = world.key(), [1]
    for _ in range(4):
        rotated = world.now.rotate(key)
        key = rotated.new.text
        ids.append(rotated.answer["newKeyId"])
    origins = [world.overview(key_id).key.rotated_from_key_id for key_id in ids]
    assert origins == [None, *ids[:-1]]
    assert [world.overview(key_id).successor_key_ids for key_id in ids[:2]] == [(2,), (3,)]


@pytest.mark.parametrize("auto_revoke", [True, False])
def test_the_old_key_shows_its_confirmed_rotation(
    world: ServerHarness, *, auto_revoke: bool
) -> None:
    old = world.key()
    rotated = world.now.rotate(old, auto_revoke=auto_revoke)
    told = world.now.self(old).json()["rotation"]
    assert (told["id"], told["state"]) == (str(rotated.id), "confirmed")


def test_a_revoked_old_key_does_not_stop_its_candidate(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    administration.revoke_key(world.database, 1)
    revoked_at = world.overview(1).key.revoked_at_utc
    assert world.now.confirm(opened.new.text, opened.id).json()["state"] == "confirmed"
    assert world.overview(1).key.revoked_at_utc == revoked_at
