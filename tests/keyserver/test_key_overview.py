"""Keys as people see them: states, decisions, search, order, pages, lineage, late uses."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, update

from keyserver.actors import actor, administrator
from keyserver.harness import ServerHarness
from keyserver.statements import executed
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.key_status import Concern, KeyStatus
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.domain.schema import key_uses, keys
from signotaur_keyserver.service import administration, key_changes, key_overview
from signotaur_keyserver.store.key_list import KeyFilter, Sort
from signotaur_wire.durations import parse_duration

pytestmark = pytest.mark.both_databases

EVERY = KeyFilter(sort=Sort.CREATED, descending=False)


def listed(
    world: ServerHarness, offset: str = "0s", choice: KeyFilter = EVERY
) -> key_overview.KeyPage:
    database = Database(world.url, offset=parse_duration(offset))
    try:
        return key_overview.list_keys(database, choice)
    finally:
        database.close()


def statuses(world: ServerHarness, offset: str = "0s") -> list[str]:
    """What each key is, by id."""
    return [each.status.value for each in listed(world, offset).keys]


def used(
    world: ServerHarness, key_id: int, at: datetime, *, client: str = "2.0", uses: int = 1
) -> None:
    """Record a use, as the server does."""
    values = {"first_at_utc": at, "last_at_utc": at, "uses": uses}
    with world.database.write() as connection:
        connection.execute(
            insert(key_uses).values(key_id=key_id, network="192.0.2.0/24", client=client, **values)
        )
        connection.execute(update(keys).where(keys.c.id == key_id).values(last_used_at_utc=at))


def now_of(world: ServerHarness) -> datetime:
    with world.database.read() as connection:
        return world.database.clock.now(connection)


def test_the_state_of_a_key_in_one_word(world: ServerHarness) -> None:
    world.key(lifetime=timedelta(days=365))
    acting = actor(world)
    assert statuses(world) == ["active"]
    assert statuses(world, "352d") == ["expires-soon"]
    assert statuses(world, "366d") == ["expired"]
    key_changes.set_enabled(world.database, acting, 1, enabled=False)
    assert statuses(world) == ["disabled"]
    key_changes.revoke(world.database, acting, 1)
    assert statuses(world) == ["revoked"]


def test_the_states_of_a_rotation(world: ServerHarness) -> None:
    old = world.key(lifetime=None)
    opened = world.now.open(old, overlap_days=7)
    assert statuses(world) == ["active", "candidate"]
    assert statuses(world, "8d") == ["stalled", "stalled"]
    world.sweep("8d")
    assert statuses(world, "8d") == ["stalled", "stalled"]
    world.now.confirm(opened.new.text, opened.id)
    assert statuses(world) == ["overlap", "active"]
    assert statuses(world, "8d") == ["revoked", "active"]


def test_a_disabled_owner_disables_its_keys(world: ServerHarness) -> None:
    world.key()
    administration.set_user_enabled(world.database, "ci", enabled=False)
    assert statuses(world) == ["disabled"]


def test_the_states_agree_with_those_that_decide(world: ServerHarness) -> None:
    """The list asks the database in SQL; what a key may do is decided in ``Key.state``."""
    world.now.rotate(world.key(lifetime=timedelta(days=5)), overlap_days=3)
    world.now.open(world.key())
    world.key(lifetime=timedelta(microseconds=1))
    for offset in ("0s", "4d", "6d", "100d"):
        for each in listed(world, offset).keys:
            state = each.key.state(listed(world, offset).now).value
            assert each.status.is_dead == (state in ("revoked", "expired"))


def test_the_decisions(world: ServerHarness) -> None:
    old = world.key(lifetime=timedelta(days=365))
    world.now.rotate(old, overlap_days=30)
    world.key(lifetime=None)
    world.now.open(world.key(lifetime=timedelta(days=200)), overlap_days=1)
    used(world, 1, now_of(world) + timedelta(hours=1))
    at_once = listed(world).concerns
    assert at_once == {
        Concern.STALLED: 0,
        Concern.OLD_KEY_IN_USE: 1,
        Concern.EXPIRES_SOON: 0,
        Concern.NEVER_EXPIRES: 1,
        Concern.IDLE: 0,
    }
    later = listed(world, "190d").concerns
    assert later[Concern.STALLED] == 1
    assert later[Concern.OLD_KEY_IN_USE] == 0
    assert later[Concern.EXPIRES_SOON] == 2
    assert later[Concern.IDLE] == 4


@pytest.mark.parametrize(("concern", "ids"), [("old-key-in-use", [1]), ("never-expires", [3])])
def test_a_decision_narrows_the_list(world: ServerHarness, concern: str, ids: list[int]) -> None:
    world.now.rotate(world.key())
    world.key(lifetime=None)
    used(world, 1, now_of(world) + timedelta(hours=1))
    page = listed(world, choice=KeyFilter(concern=Concern(concern)))
    assert [each.key.id for each in page.keys] == ids
    assert page.total == len(ids)


def test_an_owner_sees_its_own_keys_and_no_deleted_one(world: ServerHarness) -> None:
    world.key()
    root = administrator(world)
    key_changes.create_key(world.database, root, "mine", 90, None)
    owner = actor(world).owner_id
    assert [each.key.id for each in listed(world, choice=KeyFilter(owner_id=owner)).keys] == [1]
    assert listed(world).total == 2
    key_changes.revoke(world.database, root, 1)
    key_changes.delete(world.database, root, 1)
    assert [each.key.id for each in listed(world).keys] == [2]
    assert listed(world, choice=KeyFilter(owner_id=owner)).total == 0


@pytest.mark.parametrize(
    ("search", "found"),
    [("BUILD", 1), ("%", 1), ("_", 0), ("ci", 3), ("nothing", 0), ("\\", 1), ("'", 0)],
)
def test_a_search_takes_every_character_as_it_is(
    world: ServerHarness, search: str, found: int
) -> None:
    for name in ("build", "100% sure", "back\\slash"):
        world.key(name=name)
    assert listed(world, choice=KeyFilter(search=search)).total == found


def test_a_search_finds_the_public_id(world: ServerHarness) -> None:
    text = world.key()
    world.key()
    assert [e.key.id for e in listed(world, choice=KeyFilter(search=text[4:12])).keys] == [1]


@pytest.mark.parametrize(
    ("sort", "ascending"),
    [
        (Sort.NAME, [2, 1, 3]),
        (Sort.CREATED, [1, 2, 3]),
        (Sort.EXPIRES, [2, 1, 3]),
        (Sort.USED, [3, 2, 1]),
    ],
)
def test_the_order_of_a_list(world: ServerHarness, sort: Sort, ascending: list[int]) -> None:
    world.key(name="beta", lifetime=timedelta(days=60))
    world.key(name="Alpha", lifetime=timedelta(days=30))
    world.key(name="gamma", lifetime=None)
    used(world, 3, now_of(world) - timedelta(days=2))
    used(world, 2, now_of(world) - timedelta(days=1))
    up = listed(world, choice=KeyFilter(sort=sort, descending=False)).keys
    down = listed(world, choice=KeyFilter(sort=sort, descending=True)).keys
    assert [each.key.id for each in up] == ascending
    assert sorted(each.key.id for each in down) == [1, 2, 3]
    assert [each.key.id for each in down] != ascending


def test_the_pages_of_a_list_have_every_key_once(world: ServerHarness) -> None:
    for _ in range(7):
        world.key(name="same")
    pages = [
        [e.key.id for e in listed(world, choice=KeyFilter(sort=Sort.NAME, offset=o, limit=3)).keys]
        for o in (0, 3, 6)
    ]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(key_id for page in pages for key_id in page) == list(range(1, 8))


def test_a_list_costs_the_same_statements_for_any_number_of_keys(world: ServerHarness) -> None:
    counts = []
    for amount in (1, 60):
        for _ in range(amount):
            world.key()
        with executed(world, "") as statements:
            page = listed(world)
        counts.append(len([each for each in statements if "SELECT" in each]))
        assert len(page.keys) <= 50
    assert 0 < counts[0] == counts[1]


def test_a_lineage_is_a_line_from_key_to_key(world: ServerHarness) -> None:
    first = world.key()
    second = world.now.rotate(first, holder="run-1").new.text
    world.now.self(second)
    world.now.open(second, holder="run-2")
    world.key()
    for key_id in (1, 2, 3):
        found = key_overview.describe_lineage(world.database, None, key_id)
        assert [link.key.id for link in found.links] == [3, 2, 1]
        assert found.key.id == key_id
    holders = [link.rotation and link.rotation.holder for link in found.links]
    assert holders == ["run-2", "run-1", None]


def test_a_lineage_names_who_used_the_old_key_after_the_confirmation(world: ServerHarness) -> None:
    world.now.rotate(world.key())
    confirmed = now_of(world)
    used(world, 1, confirmed - timedelta(hours=1), client="1.0")
    used(world, 1, confirmed + timedelta(hours=1), client="2.0", uses=7)
    used(world, 2, confirmed + timedelta(hours=1))
    new, old = key_overview.describe_lineage(world.database, None, 1).links
    assert [(use.client, use.uses) for use in old.late_uses] == [("2.0", 7)]
    assert old.late_uses[0].network == "192.0.2.0/24"
    assert list(new.late_uses) == []


def test_a_long_lineage_shows_the_keys_around_this_one(world: ServerHarness) -> None:
    amount = 3 * key_overview.LINEAGE_LIMIT
    text, acting = world.key(), actor(world)
    for key_id in range(1, amount):
        made = key_changes.regenerate(world.database, acting, key_id, None, change_expiry=False)
    assert made.key_id == amount
    assert text != made.text
    for key_id in (1, amount // 2, amount):
        links = key_overview.describe_lineage(world.database, None, key_id).links
        ids = [link.key.id for link in links]
        assert key_id in ids
        assert len(ids) == key_overview.LINEAGE_LIMIT
        assert ids == sorted(ids, reverse=True)


def test_another_owner_s_lineage_does_not_exist(world: ServerHarness) -> None:
    world.key()
    for owner_id, key_id in ((99, 1), (None, 77)):
        with pytest.raises(RefusedError, match="not-found"):
            key_overview.describe_lineage(world.database, owner_id, key_id)


def test_a_deleted_key_stays_in_the_line(world: ServerHarness) -> None:
    world.now.rotate(world.key(), overlap_days=0)
    key_changes.delete(world.database, actor(world), 1)
    links = key_overview.describe_lineage(world.database, None, 2).links
    assert [bool(link.key.deleted_at_utc) for link in links] == [False, True]
    assert links[1].status is KeyStatus.REVOKED
