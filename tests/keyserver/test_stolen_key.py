"""Attacks by a thief who has the OLD key, over HTTP: what he cannot take from its owner.

The thief can do all that the old key can: open rotations, also as ``again``, with any overlap
and in the owner's name, use and confirm his own candidates, and abort. He never has the new key.
"""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from keyserver.harness import NewKey, OpenRotation, ServerHarness, problem, wait_until
from signotaur_keyserver.service import administration

pytestmark = pytest.mark.both_databases

AT_ONCE = {"again": True, "overlap_days": 0}
"""The thief's request: end what the owner rotated to, now."""


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _in_use(world: ServerHarness, old: str, **request: object) -> OpenRotation:
    """Rotate as the owner does, and use the new key."""
    rotated = world.now.rotate(old, **request)
    assert world.now.self(rotated.new.text).status_code == 200
    return rotated


def _works(world: ServerHarness, offset: str, key_id: int) -> bool:
    """Return whether a key works, without using it."""
    overview = world.overview(key_id, offset)
    return overview.key.state(overview.now).value in ("active", "candidate")


# The successor is in use


def test_the_old_key_cannot_replace_a_successor_in_use(world: ServerHarness) -> None:
    """The takeover in three requests.

    Before: 201 and 200; the owner's key 401 key-revoked, the thief's active for 90 days.
    Now: 409 already-rotated, and nothing changes.
    """
    old = world.key()
    owner = _in_use(world, old)
    stolen = NewKey(**AT_ONCE)  # type: ignore[arg-type]
    opening = uuid4()
    answer = world.now.put(old, opening, stolen)
    assert problem(answer) == (409, "already-rotated")
    told = answer.json()
    since = world.overview(2).key.in_use_since_utc
    assert since is not None
    assert told["successorKeyId"] == 2
    assert _moment(told["successorInUseSince"]) == since.replace(microsecond=0)
    assert "in use" in told["detail"]
    assert problem(world.now.confirm(stolen.text, opening)) == (401, "unknown-key")
    told = world.now.self(owner.new.text).json()
    assert (told["state"], told["revokesAt"]) == ("active", None)
    assert len(world.events("rotation-opened")) == 1


def test_the_refused_attempt_is_a_security_event(world: ServerHarness) -> None:
    old = world.key()
    _in_use(world, old)
    world.now.put(old, uuid4(), NewKey(**AT_ONCE))  # type: ignore[arg-type]
    wait_until(lambda: world.events("request-refused") != [])
    events = world.events("request-refused")
    assert [(event["level"], event["key_id"]) for event in events] == [("Security", 1)]


def test_nor_from_a_candidate_that_he_opened_before_the_owner(world: ServerHarness) -> None:
    """Before: the superseded candidate opened ``again``, and its confirmation ended the new key."""
    old = world.key()
    prepared = world.now.open(old)
    owner = _in_use(world, old)
    answer = world.now.put(prepared.new.text, uuid4(), NewKey(**AT_ONCE))  # type: ignore[arg-type]
    assert problem(answer) == (409, "already-rotated")
    later = world.at("8d")
    assert problem(later.self(prepared.new.text)) == (401, "key-revoked")
    assert later.self(owner.new.text).status_code == 200


def test_nor_when_the_successor_was_rotated_itself_and_is_dead(world: ServerHarness) -> None:
    old = world.key()
    second = world.now.rotate(old)
    third = world.now.rotate(second.new.text, overlap_days=0)
    assert problem(world.now.self(second.new.text)) == (401, "key-revoked")
    answer = world.now.put(old, uuid4(), NewKey(**AT_ONCE))  # type: ignore[arg-type]
    assert problem(answer) == (409, "already-rotated")
    assert world.now.self(third.new.text).status_code == 200


def test_nor_when_a_person_revoked_the_rotated_successor_early(world: ServerHarness) -> None:
    old = world.key()
    world.now.rotate(world.now.rotate(old).new.text)
    administration.revoke_key(world.database, 2)
    answer = world.now.put(old, uuid4(), NewKey(**AT_ONCE))  # type: ignore[arg-type]
    assert problem(answer) == (409, "already-rotated")


def test_an_administrator_revokes_the_successor_and_again_works(world: ServerHarness) -> None:
    """The way out when nobody can read the successor, or when it is the thief's."""
    old = world.key()
    _in_use(world, old)
    administration.revoke_key(world.database, 2)
    rescue = world.now.rotate(old, again=True)
    assert world.now.self(rescue.new.text).json()["state"] == "active"


def test_again_by_mistake_is_an_ordinary_rotation_where_nothing_was_rotated(
    world: ServerHarness,
) -> None:
    opened = world.now.open(world.key(), again=True)
    world.now.confirm(opened.new.text, opened.id)
    events = world.events("rotation-opened") + world.events("rotation-confirmed")
    assert {event["level"] for event in events} == {"Information"}
    told = world.now.self(opened.new.text).json()
    lifetime = _moment(told["expiresAt"]) - _moment(told["createdAt"])
    assert abs(lifetime - timedelta(days=90)) <= timedelta(seconds=1)


# The successor is not in use yet


def test_an_unused_successor_keeps_its_announced_overlap(world: ServerHarness) -> None:
    """Before: an ``again`` with overlap 0 ended it at once, before a build could use it."""
    old = world.key()
    world.now.rotate(old)
    world.now.rotate(old, **AT_ONCE)
    assert _works(world, "167h", 2)
    assert not _works(world, "169h", 2)
    levels = {event["type"]: event["level"] for event in world.events()}
    assert levels["rotation-opened"] == "Security"
    assert levels["rotation-confirmed"] == "Security"
    assert levels["key-retiring"] == "Security"


def test_its_use_before_that_end_keeps_it_for_good(world: ServerHarness) -> None:
    """The thief was faster than the first build, and gains nothing but a key beside the owner's."""
    after = world.at("8d")
    old = world.key()
    owner = world.now.rotate(old)
    thief = world.now.rotate(old, **AT_ONCE)
    told = world.at("6d").self(owner.new.text).json()
    assert (told["state"], told["revokesAt"]) == ("active", None)
    assert after.self(owner.new.text).status_code == 200
    [event] = world.events("successor-first-used")
    assert (event["level"], event["key_id"]) == ("Security", 2)
    assert "reported as lost" in event["message"]
    # Which of both keys is the owner's, only a person can tell.
    assert after.self(thief.new.text).status_code == 200


def test_its_use_ends_an_open_again(world: ServerHarness) -> None:
    """Opened between the owner's confirmation and first use, to be confirmed afterwards.

    Before: the confirmation ended the owner's key. Now it is refused, and the candidate, which
    works without a confirmation, dies with the old key.
    """
    at_end = world.at("169h")
    old = world.key()
    owner = world.now.rotate(old)
    thief = world.now.open(old, **AT_ONCE)
    assert world.now.self(thief.new.text).status_code == 200
    assert world.now.self(owner.new.text).status_code == 200
    answer = world.now.confirm(thief.new.text, thief.id)
    assert problem(answer) == (409, "rotation-mismatch")
    assert answer.json()["state"] == "superseded"
    assert world.now.self(thief.new.text).json()["revokesAt"] == owner.answer["overlapEnd"]
    assert problem(at_end.self(thief.new.text)) == (401, "key-revoked")
    assert problem(at_end.self(old)) == (401, "key-revoked")
    assert at_end.self(owner.new.text).status_code == 200
    ended = world.events("rotation-superseded")
    assert [(event["level"], event["key_id"]) for event in ended] == [("Security", 3)]


def test_its_use_ends_an_open_again_of_a_superseded_candidate(world: ServerHarness) -> None:
    at_end = world.at("169h")
    old = world.key()
    prepared = world.now.open(old)
    owner = world.now.rotate(old)
    thief = world.now.open(prepared.new.text, **AT_ONCE)
    world.now.self(owner.new.text)
    assert problem(world.now.confirm(thief.new.text, thief.id)) == (409, "rotation-mismatch")
    assert problem(at_end.self(thief.new.text)) == (401, "key-revoked")


def test_a_use_after_the_overlap_leaves_a_late_again_one_more_overlap(world: ServerHarness) -> None:
    """An honest ``again`` may have stored its candidate already: that one is not cut off at once.

    The old key has no end of its own here, so it cannot give the moment.
    """
    late, later = world.at("20d"), world.at("28d")
    old = world.key()
    owner = world.now.rotate(old, auto_revoke=False)
    rival = late.open(old, again=True)
    late.self(owner.new.text)
    assert late.self(rival.new.text).status_code == 200
    assert problem(later.self(rival.new.text)) == (401, "key-revoked")


# How long a key of ``again`` lives


def test_a_key_of_again_expires_with_the_one_it_replaces(world: ServerHarness) -> None:
    """Before: a full life of 90 days at any moment of the overlap, and so for its successors."""
    late = world.at("20d")
    old = world.key()
    lost = world.now.rotate(old, auto_revoke=False)
    found = late.rotate(old, again=True)
    assert found.answer["newKeyExpiresAt"] == lost.answer["newKeyExpiresAt"]
    next_one = late.rotate(found.new.text).answer
    left = _moment(next_one["newKeyExpiresAt"]) - _moment(next_one["openedAt"])
    assert abs(left - timedelta(days=70)) < timedelta(minutes=5)


def test_a_revoked_successor_bounds_the_next_one_as_well(world: ServerHarness) -> None:
    late = world.at("20d")
    old = world.key()
    lost = world.now.rotate(old, auto_revoke=False)
    administration.revoke_key(world.database, 2)
    found = late.rotate(old, again=True)
    assert found.answer["newKeyExpiresAt"] == lost.answer["newKeyExpiresAt"]


def test_keys_without_an_end_stay_so_by_again(world: ServerHarness) -> None:
    old = world.key(lifetime=None)
    world.now.rotate(old)
    assert world.now.rotate(old, again=True).answer["newKeyExpiresAt"] is None


# The owner's run is not finished yet


def test_a_used_candidate_cannot_be_aborted(world: ServerHarness) -> None:
    """The owner's run has used its key and put it everywhere, last over the old one.

    Before: the thief's DELETE ended it: 401 key-revoked in every destination, and the only
    working key was the thief's copy of the old one. Now: 409, and the run confirms.
    """
    old = world.key()
    owner = world.now.open(old)
    assert world.now.self(owner.new.text).status_code == 200
    answer = world.now.abort(old, owner.id)
    assert problem(answer) == (409, "rotation-mismatch")
    assert "administrator" in answer.json()["detail"]
    assert world.now.confirm(owner.new.text, owner.id).status_code == 200
    assert world.events("rotation-aborted") == []


def test_a_used_candidate_that_is_dead_can_be_aborted(world: ServerHarness) -> None:
    late = world.at("2d")
    old = world.key(lifetime=timedelta(days=3))
    opened = world.now.open(old)
    world.now.self(opened.new.text)
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE keys SET expires_at_utc = created_at_utc WHERE id = 2")
    assert late.abort(old, opened.id).json()["state"] == "aborted"


@pytest.mark.parametrize("others", [1, 2, 3])
def test_nor_do_further_candidates_supersede_it(world: ServerHarness, others: int) -> None:
    old = world.key()
    owner = world.now.open(old, holder="owner")
    world.now.self(owner.new.text)
    for _ in range(others):
        world.now.open(old, holder="owner")  # the thief reads the holder's name with the old key
    assert world.now.confirm(owner.new.text, owner.id).status_code == 200
