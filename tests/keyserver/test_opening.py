"""PUT /rotations/{uuid}: who may open one, what a repeat does, and who owns the lease."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from keyserver.harness import NewKey, ServerHarness, problem
from signotaur_keyserver.service import administration
from signotaur_wire import keyformat

pytestmark = pytest.mark.both_databases


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_an_opened_rotation_is_described(world: ServerHarness) -> None:
    opened = world.now.open(world.key(name="nightly"), overlap_days=3, holder="run 7")
    told = opened.answer
    assert (told["state"], told["oldKeyId"], told["newKeyId"]) == ("open", 1, 2)
    assert (told["newKeyName"], told["holder"], told["overlapDays"]) == ("nightly", "run 7", 3)
    assert (told["autoRevoke"], told["again"], told["confirmedAt"]) == (True, False, None)
    assert told["autoRevokeOldKeyUtc"] is None
    opened_at = _moment(told["openedAt"])
    assert _moment(told["overlapEnd"]) - opened_at == timedelta(days=3)
    assert _moment(told["leaseUntil"]) - opened_at == timedelta(minutes=10)


@pytest.mark.parametrize("lifetime", [timedelta(days=30), None])
def test_the_new_key_gets_name_owner_and_lifetime_of_the_old_one(
    world: ServerHarness, lifetime: timedelta | None
) -> None:
    old = world.key(name="nightly", lifetime=lifetime)
    later = world.at("5d")
    opened = later.open(old)
    told = later.self(opened.new.text).json()
    assert (told["name"], told["owner"], told["state"]) == ("nightly", "ci", "candidate")
    assert told["rotatedFromKeyId"] == 1
    assert told["rotationTimestampUtc"] == opened.answer["openedAt"] == told["createdAt"]
    if lifetime is None:
        assert told["expiresAt"] is None
    else:
        lived = _moment(told["expiresAt"]) - _moment(told["createdAt"])
        assert abs(lived - lifetime) <= timedelta(seconds=1)


def test_both_keys_work_and_nothing_is_armed_before_confirmation(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old)
    told = world.now.self(old).json()
    assert (told["state"], told["revokesAt"]) == ("active", None)
    assert told["rotation"] == world.now.get(opened.new.text, opened.id).json() | {
        "serverTime": told["rotation"]["serverTime"]
    }


def test_rotating_needs_the_role(world: ServerHarness) -> None:
    world.user("plain", "Reader")
    key = world.key("plain")
    assert problem(world.now.put(key, uuid4(), NewKey())) == (403, "role-required")


def test_the_alias_of_the_role_is_the_role(world: ServerHarness) -> None:
    world.user("alias", "ApiKeyRotation")
    key = world.key("alias")
    assert world.now.self(key).json()["roles"] == ["ApiKeyRotator"]
    world.now.rotate(key)


@pytest.mark.parametrize("days", [-1, 31, 10**30])
def test_an_overlap_outside_0_to_30_is_refused(world: ServerHarness, days: int) -> None:
    answer = world.now.put(world.key(), uuid4(), NewKey(), overlapDays=days)
    assert problem(answer) == (422, "invalid-overlap")
    assert world.events("rotation-opened") == []


@pytest.mark.parametrize("days", [0, 1, 30])
def test_an_overlap_of_0_to_30_is_accepted(world: ServerHarness, days: int) -> None:
    world.now.open(world.key(), overlap_days=days)


def test_a_repeat_changes_nothing_but_the_lease(world: ServerHarness) -> None:
    later = world.at("5m")
    old = world.key()
    opened = world.now.open(old)
    again = later.put(old, opened.id, opened.new)
    assert again.status_code == 200
    told = again.json()
    changed = {name for name in told if told[name] != opened.answer[name]}
    assert changed == {"leaseUntil", "serverTime"}
    renewed = _moment(told["leaseUntil"]) - _moment(opened.answer["leaseUntil"])
    assert timedelta(minutes=5) <= renewed <= timedelta(minutes=5, seconds=30)
    assert len(world.events("rotation-opened")) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"overlapDays": 8},
        {"autoRevoke": False},
        {"again": True},
        {"publicId": keyformat.parse(keyformat.generate()).public_id},
        {"keySha256": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_body_for_the_same_id_is_refused(
    world: ServerHarness, change: dict[str, object]
) -> None:
    old = world.key()
    opened = world.now.open(old)
    answer = world.now.put(old, opened.id, opened.new, **change)
    assert problem(answer) == (422, "rotation-mismatch")


def test_the_id_of_another_key_is_refused_in_the_same_words(world: ServerHarness) -> None:
    old, other = world.key(), world.key()
    opened = world.now.open(old)
    for_other_key = world.now.put(other, opened.id, opened.new)
    for_other_body = world.now.put(old, opened.id, opened.new, overlapDays=1)
    assert problem(for_other_key) == (422, "rotation-mismatch")
    assert for_other_key.content == for_other_body.content


def test_another_holder_must_wait_for_the_lease(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old, holder="first")
    for rotation_id, new in [(opened.id, opened.new), (uuid4(), NewKey())]:
        answer = world.now.put(old, rotation_id, new, holder="second")
        assert problem(answer) == (409, "rotation-open")
        told = answer.json()
        assert told["holder"] == "first"
        assert told["openedAt"] == opened.answer["openedAt"]
        assert told["leaseUntil"] == opened.answer["leaseUntil"]
        assert 595 <= int(answer.headers["Retry-After"]) <= 600


def test_another_holder_takes_over_when_the_lease_has_ended(world: ServerHarness) -> None:
    later = world.at("11m")
    old = world.key()
    opened = world.now.open(old, holder="first")
    taken = later.put(old, opened.id, opened.new, holder="second")
    assert (taken.status_code, taken.json()["holder"]) == (200, "second")
    assert problem(later.put(old, opened.id, opened.new)) == (409, "rotation-open")
    event = world.events("rotation-taken-over")[0]
    assert event["data"] == {"holder": "second", "earlierHolder": "first"}


def test_another_run_opens_its_own_when_the_lease_has_ended(world: ServerHarness) -> None:
    later = world.at("11m")
    old = world.key()
    first = world.now.open(old, holder="first")
    second = later.open(old, holder="second")
    # The first run comes back: it must not deliver while the second one does.
    assert problem(later.put(old, first.id, first.new)) == (409, "rotation-open")
    assert problem(later.confirm(first.new.text, first.id)) == (409, "rotation-open")
    assert later.confirm(second.new.text, second.id).json()["state"] == "confirmed"


@pytest.mark.parametrize("asks", ["another run", "the candidate", "a rival that confirms"])
def test_a_lease_of_a_clock_that_was_ahead_lasts_no_longer_than_any(
    world: ServerHarness, asks: str
) -> None:
    """Before, every other run waited until the clock was there again."""
    old = world.key()
    rival = world.now.open(old, holder="rival")
    ahead = world.at("3h").open(old, holder="first")
    if asks == "another run":
        answer = world.now.put(old, uuid4(), NewKey(), holder="second")
    elif asks == "the candidate":
        answer = world.now.put(ahead.new.text, ahead.id, ahead.new, holder="second")
    else:
        answer = world.now.confirm(rival.new.text, rival.id)
    assert problem(answer) == (409, "rotation-open")
    assert 595 <= int(answer.headers["Retry-After"]) <= 600
    still = world.now.put(old, uuid4(), NewKey(), holder="second")
    assert problem(still) == (409, "rotation-open")
    taken = world.at("11m").put(old, ahead.id, ahead.new, holder="second")
    assert (taken.status_code, taken.json()["holder"]) == (200, "second")


def test_the_same_holder_may_open_a_further_candidate_at_once(world: ServerHarness) -> None:
    old = world.key()
    first = world.now.open(old)
    second = world.now.open(old)
    assert (first.answer["newKeyId"], second.answer["newKeyId"]) == (2, 3)


def test_a_candidate_continues_its_own_rotation(world: ServerHarness) -> None:
    later = world.at("11m")
    opened = world.now.open(world.key(), holder="cut")
    answer = later.put(opened.new.text, opened.id, opened.new, holder="next")
    assert (answer.status_code, answer.json()["holder"]) == (200, "next")


def test_a_candidate_waits_for_a_live_lease_like_anyone(world: ServerHarness) -> None:
    opened = world.now.open(world.key(), holder="running")
    answer = world.now.put(opened.new.text, opened.id, opened.new, holder="next")
    assert problem(answer) == (409, "rotation-open")


def test_a_candidate_opens_nothing_before_it_is_confirmed(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    answer = world.now.put(opened.new.text, uuid4(), NewKey())
    assert problem(answer) == (409, "rotation-open")
    assert "confirmed" in answer.json()["detail"]
    world.now.confirm(opened.new.text, opened.id)
    world.now.open(opened.new.text)


def test_a_confirmed_key_is_rotated_once(world: ServerHarness) -> None:
    old = world.key()
    rotated = world.now.rotate(old)
    answer = world.now.put(old, uuid4(), NewKey())
    assert problem(answer) == (409, "already-rotated")
    assert answer.json()["successorKeyId"] == 2
    assert answer.json()["confirmedAt"] == rotated.answer["confirmedAt"]


def test_a_known_public_id_or_digest_is_refused(world: ServerHarness) -> None:
    old, other = world.key(), world.key()
    known = keyformat.parse(other)
    for change in ({"publicId": known.public_id}, {"keySha256": known.sha256}):
        answer = world.now.put(old, uuid4(), NewKey(), **change)
        assert problem(answer) == (409, "rotation-mismatch")
    assert world.events("rotation-opened") == []
    assert world.now.self(old).json()["rotation"] is None


def test_a_repeat_after_the_end_tells_the_end(world: ServerHarness) -> None:
    old = world.key()
    confirmed = world.now.rotate(old)
    assert world.now.put(old, confirmed.id, confirmed.new).json()["state"] == "confirmed"
    other = world.key()
    aborted = world.now.open(other)
    world.now.abort(other, aborted.id)
    assert world.now.put(other, aborted.id, aborted.new).json()["state"] == "aborted"


def test_a_dead_old_key_opens_nothing(world: ServerHarness) -> None:
    old = world.key()
    administration.revoke_key(world.database, 1)
    assert problem(world.now.put(old, uuid4(), NewKey())) == (401, "key-revoked")
