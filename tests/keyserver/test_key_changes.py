"""What a person does with keys: create, enable, regenerate, revoke, delete, clean up."""

from datetime import timedelta
from uuid import uuid4

import pytest

from keyserver.actors import actor, administrator, faults, person
from keyserver.harness import NewKey, ServerHarness, problem
from signotaur_keyserver.domain.key_status import KeyStatus
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import administration, key_changes, policies
from signotaur_keyserver.service.person_transaction import Actor
from signotaur_keyserver.store import keys

pytestmark = pytest.mark.both_databases


def test_a_created_key_works_and_is_logged_without_its_secret(world: ServerHarness) -> None:
    made = key_changes.create_key(world.database, actor(world), "release", 90, None)
    answer = world.now.self(made.text).json()
    assert (answer["id"], answer["name"], answer["owner"]) == (made.key_id, "release", "ci")
    event = world.events("key-added")[-1]
    assert (event["key_id"], event["level"]) == (made.key_id, "Security")
    assert made.text[20:] not in str(event)


def test_a_key_may_never_expire(world: ServerHarness) -> None:
    made = key_changes.create_key(world.database, actor(world), "release", None, None)
    assert world.now.self(made.text).json()["expiresAt"] is None


@pytest.mark.parametrize(
    ("name", "days", "field"), [("", 90, "name"), ("a\nb", 90, "name"), ("a", 91, "lifetimeDays")]
)
def test_what_is_no_key_is_refused(world: ServerHarness, name: str, days: int, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        key_changes.create_key(world.database, actor(world), name, days, None)
    assert faults(refused) == [field]
    assert world.events("key-added") == []


def test_only_administrators_create_keys_for_others(world: ServerHarness) -> None:
    with pytest.raises(RefusedError) as refused:
        key_changes.create_key(world.database, actor(world), "a", 90, "root")
    assert faults(refused) == ["owner"]
    made = key_changes.create_key(world.database, administrator(world), "a", 90, "ci")
    assert world.now.self(made.text).json()["owner"] == "ci"


def test_a_disabled_key_is_refused_until_it_is_enabled(world: ServerHarness) -> None:
    text, acting = world.key(), actor(world)
    key_changes.set_enabled(world.database, acting, 1, enabled=False)
    assert problem(world.now.self(text)) == (401, "key-disabled")
    key_changes.set_enabled(world.database, acting, 1, enabled=False)
    key_changes.set_enabled(world.database, acting, 1, enabled=True)
    assert world.now.self(text).status_code == 200
    assert [len(world.events(each)) for each in ("key-disabled", "key-enabled")] == [1, 1]


def test_a_regenerated_key_is_refused_at_once_and_its_successor_works(world: ServerHarness) -> None:
    text = world.key(lifetime=timedelta(days=90))
    before = world.now.self(text).json()
    made = key_changes.regenerate(world.database, actor(world), 1, None, change_expiry=False)
    assert problem(world.now.self(text)) == (401, "key-revoked")
    after = world.now.self(made.text).json()
    assert (after["name"], after["expiresAt"]) == (before["name"], before["expiresAt"])
    assert after["rotatedFromKeyId"] == 1
    assert world.now.rotate(made.text).answer["state"] == "confirmed"
    assert world.events("key-regenerated")[0]["data"]["newKeyId"] == made.key_id


def test_regenerating_ends_the_candidates_that_the_old_text_made(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    world.now.self(opened.new.text)
    key_changes.regenerate(world.database, actor(world), 1, 30, change_expiry=True)
    assert problem(world.now.self(opened.new.text)) == (401, "key-revoked")
    assert problem(world.now.confirm(opened.new.text, opened.id)) == (401, "key-revoked")
    assert len(world.events("rotation-aborted")) == 1


def test_a_key_is_not_regenerated_where_two_would_be_left(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old)
    acting = actor(world)
    with pytest.raises(RefusedError, match="not-possible"):
        key_changes.regenerate(world.database, acting, 2, None, change_expiry=False)
    world.now.confirm(opened.new.text, opened.id)
    with pytest.raises(RefusedError, match="not-possible"):
        key_changes.regenerate(world.database, acting, 1, None, change_expiry=False)
    assert world.now.self(old).status_code == 200


def test_a_regenerated_successor_is_not_lost_to_the_key_before_it(world: ServerHarness) -> None:
    old = world.key()
    world.now.rotate(old)
    key_changes.regenerate(world.database, actor(world), 2, None, change_expiry=False)
    answer = world.now.put(old, uuid4(), NewKey(again=True))
    assert problem(answer) == (409, "already-rotated")
    assert "successorInUseSince" in answer.json()


def test_an_expired_key_is_regenerated_with_a_new_expiry(world: ServerHarness) -> None:
    world.key(lifetime=timedelta(microseconds=1))
    acting = actor(world)
    with pytest.raises(RefusedError) as refused:
        key_changes.regenerate(world.database, acting, 1, None, change_expiry=False)
    assert faults(refused) == ["changeExpiry"]
    made = key_changes.regenerate(world.database, acting, 1, None, change_expiry=True)
    assert world.now.self(made.text).json()["expiresAt"] is None


def test_a_revoked_candidate_ends_its_rotation(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old)
    assert key_changes.revoke(world.database, actor(world), 2)
    assert not key_changes.revoke(world.database, actor(world), 2)
    assert world.now.get(old, opened.id).json()["state"] == "aborted"


def test_only_a_dead_key_is_deleted_and_stays_in_the_lineage(world: ServerHarness) -> None:
    old = world.key()
    acting = actor(world)
    with pytest.raises(RefusedError, match="not-possible"):
        key_changes.delete(world.database, acting, 1)
    assert world.now.self(old).status_code == 200
    world.now.rotate(old, overlap_days=0)
    key_changes.delete(world.database, acting, 1)
    assert problem(world.now.self(old)) == (401, "key-revoked")
    assert world.overview(2).key.rotated_from_key_id == 1
    assert [event["key_id"] for event in world.events("key-deleted")] == [1]
    with pytest.raises(RefusedError, match="not-found"):
        key_changes.delete(world.database, acting, 1)


def test_a_clean_up_deletes_by_category_and_revokes_what_was_disabled(world: ServerHarness) -> None:
    texts = [world.key() for _ in range(4)]
    world.key(lifetime=timedelta(microseconds=1))
    acting = actor(world)
    key_changes.revoke(world.database, acting, 1)
    key_changes.set_enabled(world.database, acting, 2, enabled=False)
    owner_id = acting.owner_id
    assert key_changes.count_deletable(world.database, owner_id) == {
        KeyStatus.EXPIRED: 1,
        KeyStatus.REVOKED: 1,
        KeyStatus.DISABLED: 1,
    }
    assert (
        key_changes.clean_up(world.database, acting, [KeyStatus.EXPIRED, KeyStatus.DISABLED]) == 2
    )
    assert key_changes.count_deletable(world.database, owner_id)[KeyStatus.REVOKED] == 1
    assert problem(world.now.self(texts[1])) == (401, "key-revoked")
    assert world.now.self(texts[2]).status_code == 200
    assert sorted(event["key_id"] for event in world.events("key-deleted")) == [2, 5]


@pytest.mark.parametrize("category", [KeyStatus.ACTIVE, KeyStatus.OVERLAP, None])
def test_a_clean_up_never_deletes_a_key_that_works(
    world: ServerHarness, category: KeyStatus | None
) -> None:
    world.key()
    chosen = [] if category is None else [category]
    with pytest.raises(RefusedError) as refused:
        key_changes.clean_up(world.database, actor(world), chosen)
    assert faults(refused) == ["categories"]


def test_a_disabled_owner_s_keys_are_not_cleaned_up(world: ServerHarness) -> None:
    world.key()
    administration.set_user_enabled(world.database, "ci", enabled=False)
    acting = administrator(world)
    assert key_changes.clean_up(world.database, acting, [KeyStatus.DISABLED]) == 0
    assert world.overview(1).key.deleted_at_utc is None


def test_another_person_s_key_does_not_exist(world: ServerHarness) -> None:
    text = world.key()
    stranger = person(world, "ada")
    acting = Actor(stranger, stranger.id)
    for change in (
        lambda: key_changes.revoke(world.database, acting, 1),
        lambda: key_changes.delete(world.database, acting, 1),
        lambda: key_changes.set_enabled(world.database, acting, 1, enabled=False),
        lambda: key_changes.regenerate(world.database, acting, 1, None, change_expiry=False),
    ):
        with pytest.raises(RefusedError, match="not-found"):
            change()
    assert world.now.self(text).status_code == 200


def test_a_person_whose_rights_ended_changes_nothing(world: ServerHarness) -> None:
    text = world.key()
    acting = administrator(world)
    administration.set_user_enabled(world.database, "root", enabled=False)
    with pytest.raises(RefusedError, match="not-allowed"):
        key_changes.revoke(world.database, acting, 1)
    assert world.now.self(text).status_code == 200


def test_the_server_s_policy_holds_for_keys_of_the_pages(world: ServerHarness) -> None:
    world.key(lifetime=None)
    policies.set_policy(world.database, expiry_required=True, longest_life_days=100)
    acting = actor(world)
    with pytest.raises(RefusedError) as created:
        key_changes.create_key(world.database, acting, "a", None, None)
    with pytest.raises(RefusedError) as regenerated:
        key_changes.regenerate(world.database, acting, 1, None, change_expiry=False)
    assert faults(created) == faults(regenerated) == ["lifetimeDays"]


def test_a_regenerated_key_keeps_its_policy(world: ServerHarness) -> None:
    world.key()
    with world.database.write() as connection:
        keys.set_policy(connection, 1, purpose="sign", requests_per_minute=7)
    key_changes.regenerate(world.database, actor(world), 1, None, change_expiry=False)
    made = world.overview(2).key
    assert (made.purpose, made.requests_per_minute) == ("sign", 7)
