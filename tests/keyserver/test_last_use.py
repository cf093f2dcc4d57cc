"""The last use of a key: written in batches, except what an owner must know at once."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network

import pytest

from keyserver.harness import Client, ServerHarness
from keyserver.statements import executed
from keyserver.uses import uses_of
from signotaur_keyserver.service.last_use import ORIGINS_PER_KEY, OTHER, write_uses
from signotaur_keyserver.store import key_uses as statements_on_uses
from signotaur_keyserver.store.key_uses import KeyUse
from signotaur_wire import paths

pytestmark = pytest.mark.both_databases

AGENT = {"User-Agent": "signotaur-action/9.8.7"}


def test_uses_are_written_together_when_the_server_ends(world: ServerHarness) -> None:
    key = world.key()
    client = world.now
    client.self(key)
    with executed(world, "key_uses") as statements:
        for _ in range(5):
            client.call("GET", paths.KEYS_SELF, key, headers=AGENT)
    assert statements == []
    world.close()
    (other, used) = sorted(
        uses_of(world.database), key=lambda use: use.client == AGENT["User-Agent"]
    )
    assert (used.key_id, used.network, used.client) == (1, "127.0.0.1", AGENT["User-Agent"])
    assert (used.uses, other.uses) == (5, 1)
    record = world.overview(1).key
    assert record.last_used_at_utc == used.last_at_utc
    assert (record.last_used_network, record.last_used_client) == (used.network, used.client)


def test_what_a_client_calls_itself_is_cut_and_made_printable(world: ServerHarness) -> None:
    key = world.key()
    for agent in ("x" * 5000, f"agent {key}", "a\tb"):
        world.now.call("GET", paths.KEYS_SELF, key, headers={"User-Agent": agent})
    world.close()
    clients = [use.client for use in uses_of(world.database)]
    assert len(clients) == 3
    assert all(len(client) <= 100 and client.isprintable() for client in clients)
    assert not any(key[20:] in client for client in clients)


def test_one_key_cannot_fill_the_memory_or_the_disk(world: ServerHarness) -> None:
    key = world.key()
    for number in range(ORIGINS_PER_KEY + 20):
        agent = {"User-Agent": f"agent {number}"}
        world.now.call("GET", paths.KEYS_SELF, key, headers=agent)
    world.close()
    uses = uses_of(world.database)
    assert len(uses) == ORIGINS_PER_KEY + 1
    assert next(use for use in uses if use.client == OTHER).uses == 20
    now = datetime.now(UTC)
    many = [KeyUse(1, "10.0.0.1", f"{n}", now, now + timedelta(n), 1) for n in range(300)]
    assert write_uses(world.database, many) == []
    assert len(uses_of(world.database)) == statements_on_uses.ORIGINS_PER_KEY


def test_the_use_of_an_old_key_is_told_at_once_and_once(world: ServerHarness) -> None:
    old = world.key()
    rotation = world.now.open(old)
    world.now.self(old)
    assert world.events("old-key-used") == []
    world.now.confirm(rotation.new.text, rotation.id)
    for client in (world.now, world.now, world.at("1s")):
        client.call("GET", paths.KEYS_SELF, old, headers=AGENT)
    (event,) = world.events("old-key-used")
    assert (event["key_id"], event["rotation_id"], event["level"]) == (1, rotation.id, "Warning")
    assert event["data"] == {"network": "127.0.0.1", "client": AGENT["User-Agent"]}
    assert world.overview(1).key.last_used_client == AGENT["User-Agent"]
    world.now.self(rotation.new.text)
    assert len(world.events("old-key-used")) == 1


def test_a_locked_key_waits_for_the_next_write(world: ServerHarness) -> None:
    world.key()
    world.key()
    now = datetime.now(UTC)
    uses = [KeyUse(key_id, "10.0.0.1", "x", now, now, 1) for key_id in (1, 2)]
    if world.url.startswith("sqlite"):
        assert write_uses(world.database, uses) == []
        return
    with world.holding(1):
        left = write_uses(world.database, uses)
    assert [use.key_id for use in left] == [1]
    assert [use.key_id for use in uses_of(world.database)] == [2]


def test_several_instances_add_up(world: ServerHarness) -> None:
    world.key()
    early = datetime.now(UTC).replace(microsecond=0)
    late = early + timedelta(minutes=5)
    write_uses(world.database, [KeyUse(1, "10.0.0.1", "x", late, late, 3)])
    write_uses(world.database, [KeyUse(1, "10.0.0.1", "x", early, early, 4)])
    (use,) = uses_of(world.database)
    assert (use.last_at_utc, use.uses) == (late, 7)
    assert world.overview(1).key.last_used_at_utc == late


def test_a_proxy_is_believed_if_it_is_named_and_nobody_else(world: ServerHarness) -> None:
    key = world.key()
    chain = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.1.2.3"}
    named = world.serving(trusted_proxies=_networks("127.0.0.0/8", "10.0.0.0/8"))
    for client in (named, world.now):
        with closing(Client(client.url, world.secrets)) as caller:
            caller.call("GET", paths.KEYS_SELF, key, headers=chain)
            odd = {"X-Forwarded-For": "203.0.113.9, <script>"}
            caller.call("GET", paths.KEYS_SELF, key, headers=odd)
    world.close()
    assert {(use.network, use.uses) for use in uses_of(world.database)} == {
        ("203.0.113.9", 1),
        ("127.0.0.1", 3),
    }


def _networks(*texts: str) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(text) for text in texts)
