"""Policies of the server and of keys: pure decisions, then what a server does with them."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

from keyserver.certs import add
from keyserver.certs import post_sign as sign
from keyserver.harness import Client, NewKey, ServerHarness, problem, wait_until
from keyserver.processes import command
from keyserver.records import KEY, NOW
from signotaur_keyserver.domain import policy
from signotaur_keyserver.domain.policy import Policy, PolicyError, Purpose
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import administration, policies
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_wire.problems import Problem
from signotaur_wire.signing import CERT_GET

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)


def _refused(decide: Any, *arguments: object) -> str | None:
    try:
        decide(*arguments)
    except RefusedError as refused:
        return refused.problem.value
    return None


# The decisions


@pytest.mark.parametrize(
    ("own", "server", "source", "allowed"),
    [
        (None, None, "192.0.2.1", True),
        (None, None, None, True),
        (["192.0.2.0/24"], None, "192.0.2.1", True),
        (["192.0.2.0/24"], None, "192.0.3.1", False),
        (["192.0.2.0/24"], None, "::ffff:192.0.2.1", True),
        (["192.0.2.0/24"], None, None, False),
        (["192.0.2.0/24"], None, "testclient", False),
        (["2001:db8::/32"], None, "2001:db8:1::7", True),
        (["2001:db8::/32"], None, "192.0.2.1", False),
        (None, ["192.0.2.0/24"], "192.0.2.1", True),
        (None, ["192.0.2.0/24"], "198.51.100.1", False),
        (["198.51.100.0/24"], ["192.0.2.0/24"], "198.51.100.1", True),
        (["198.51.100.0/24"], ["192.0.2.0/24"], "192.0.2.1", False),
        (["0.0.0.0/0", "::/0"], ["192.0.2.0/24"], "203.0.113.1", True),
        ([], None, "192.0.2.1", False),
    ],
)
def test_networks(
    own: list[str] | None, server: list[str] | None, source: str | None, *, allowed: bool
) -> None:
    server_policy: dict[str, object] | None = None if server is None else {"networks": server}
    key = replace(KEY, networks=own, server_policy=server_policy)
    refused = _refused(policy.require_network, key, source)
    assert refused == (None if allowed else Problem.NETWORK_DENIED)


@pytest.mark.parametrize(
    ("own", "server", "expected"),
    [
        ((None, None), (None, None), (0, 30)),
        ((None, None), (3, 14), (3, 14)),
        ((1, None), (3, 14), (1, 14)),
        ((None, 20), (3, 14), (3, 20)),
        ((None, 2), (3, 14), (2, 2)),
        ((20, None), (3, 14), (20, 20)),
        ((0, 30), (3, 14), (0, 30)),
    ],
)
def test_overlaps(
    own: tuple[int | None, int | None],
    server: tuple[int | None, int | None],
    expected: tuple[int, int],
) -> None:
    given = Policy(overlap_days_min=server[0], overlap_days_max=server[1])
    key = replace(
        KEY, overlap_days_min=own[0], overlap_days_max=own[1], server_policy=given.to_json()
    )
    low, high = expected
    refused = {days: _refused(policy.require_overlap, key, days) for days in range(-1, 32)}
    assert [days for days, slug in refused.items() if slug is None] == list(range(low, high + 1))


@pytest.mark.parametrize(
    ("required", "longest", "lifetime", "allowed"),
    [
        (False, None, None, True),
        (False, 30, None, True),
        (True, 30, None, False),
        (False, 30, timedelta(days=30), True),
        (False, 30, timedelta(days=30, seconds=1), False),
        (False, 30, timedelta(days=31), False),
        (True, 30, timedelta(seconds=1), True),
        (False, None, timedelta(days=36_500), True),
    ],
)
def test_lifetimes(
    *, required: bool, longest: int | None, lifetime: timedelta | None, allowed: bool
) -> None:
    server = Policy(expiry_required=required, longest_life_days=longest)
    if allowed:
        policy.require_lifetime(server, lifetime)
    else:
        with pytest.raises(PolicyError):
            policy.require_lifetime(server, lifetime)


@pytest.mark.parametrize(
    ("server", "days", "expected"),
    [
        (Policy(), 90, 90),
        (Policy(), None, None),
        (Policy(longest_life_days=30), 90, 30),
        (Policy(longest_life_days=365), 90, 90),
        (Policy(longest_life_days=30), None, None),
        (Policy(longest_life_days=30, expiry_required=True), None, 30),
    ],
)
def test_the_life_of_a_successor(server: Policy, days: int | None, expected: int | None) -> None:
    expires = None if days is None else KEY.created_at_utc + days * DAY
    key = replace(KEY, expires_at_utc=expires, server_policy=server.to_json())
    life = policy.successor_life(key)
    assert life == (None if expected is None else expected * DAY)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("needed", [Purpose.ROTATE, Purpose.SIGN])
def test_purposes(purpose: Purpose, needed: Purpose) -> None:
    refused = _refused(policy.require_purpose, replace(KEY, purpose=purpose.value), needed)
    assert refused == (None if purpose in (Purpose.ANY, needed) else Problem.PURPOSE_DENIED)


@pytest.mark.parametrize(
    ("oldest", "wait"),
    [(None, None), (NOW - timedelta(hours=1), None), (NOW - timedelta(minutes=50), 600)],
)
def test_budgets(oldest: Any, wait: int | None) -> None:
    if wait is None:
        policy.require_budget(KEY, oldest, NOW)
        return
    with pytest.raises(RefusedError) as caught:
        policy.require_budget(KEY, oldest, NOW)
    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    "impossible",
    [
        {"overlap_days_min": -1},
        {"overlap_days_max": 31},
        {"overlap_days_min": 5, "overlap_days_max": 4},
        {"longest_life_days": 0},
        {"expiry_required": True},
        {"requests_per_minute": 0},
        {"signatures_per_hour": 100_001},
        {"networks": ("192.0.2.1/24",)},
        {"networks": ("everywhere",)},
        {"networks": ("192.0.2.0/24",) * 51},
    ],
)
def test_an_impossible_policy_is_refused(impossible: dict[str, Any], world: ServerHarness) -> None:
    with pytest.raises(PolicyError):
        Policy(**impossible)
    with pytest.raises(AdministrationError):
        policies.set_policy(world.database, **impossible)
    assert policies.show_policy(world.database) == Policy()


def test_a_policy_survives_its_stored_form() -> None:
    full = Policy(True, 90, 1, 14, ("192.0.2.0/24",), 60, 100)  # noqa: FBT003
    assert Policy.from_json(json.loads(json.dumps(full.to_json()))) == full
    assert Policy.from_json({"of a later version": 1}) == Policy()


# What a server does


def test_a_key_from_another_network_is_refused(world: ServerHarness) -> None:
    key = world.key()
    policies.set_key_policy(world.database, 1, networks=["198.51.100.0/24"])
    assert problem(world.now.self(key)) == (403, "network-denied")
    assert problem(world.now.put(key, uuid4(), NewKey())) == (403, "network-denied")
    wait_until(lambda: bool(world.events("request-refused")))
    event = world.events("request-refused")[0]
    assert (event["level"], event["key_id"], event["source"]) == ("Security", 1, "127.0.0.1")
    policies.set_key_policy(world.database, 1, networks=["127.0.0.0/8"])
    assert world.now.self(key).status_code == 200
    policies.set_policy(world.database, networks=("198.51.100.0/24",))
    assert world.now.self(key).status_code == 200
    policies.set_key_policy(world.database, 1, networks=None)
    assert problem(world.now.self(key)) == (403, "network-denied")


def test_the_overlap_keeps_to_the_policy(world: ServerHarness) -> None:
    key = world.key()
    policies.set_policy(world.database, overlap_days_min=3, overlap_days_max=14)
    answer = world.now.put(key, uuid4(), NewKey(overlap_days=2))
    assert problem(answer) == (422, "invalid-overlap")
    assert (answer.json()["overlapDaysMin"], answer.json()["overlapDaysMax"]) == (3, 14)
    assert world.now.put(key, uuid4(), NewKey(overlap_days=3)).status_code == 201


@pytest.mark.parametrize("compromised", [False, True])
def test_an_open_rotation_is_finished_whatever_the_limit_is(
    world: ServerHarness, *, compromised: bool
) -> None:
    """Before, the request that renews the lease was refused with 422, and the rotation stalled."""
    key, rotation, new = world.key(), uuid4(), NewKey(overlap_days=0)
    assert world.now.put(key, rotation, new, compromised=compromised).status_code == 201
    policies.set_policy(world.database, overlap_days_min=3)
    answer = world.now.put(new.text, rotation, new)
    assert (answer.status_code, answer.json()["state"]) == (200, "open")
    assert world.now.confirm(new.text, rotation).status_code == 200
    assert world.now.put(new.text, uuid4(), NewKey(overlap_days=0)).status_code == 422


def test_a_successor_keeps_the_policy_of_its_key(world: ServerHarness) -> None:
    key = world.key()
    own: dict[str, Any] = {
        "purpose": "rotate",
        "networks": ["127.0.0.0/8"],
        "requests_per_minute": 1000,
        "signatures_per_hour": 5,
        "overlap_days_min": 1,
        "overlap_days_max": 9,
    }
    before = policies.set_key_policy(world.database, 1, **own)
    new = world.now.rotate(key).new.text
    assert policies.show_key_policy(world.database, 2) == before
    assert problem(world.now.put(new, uuid4(), NewKey(overlap_days=10)))[0] == 422


def test_a_successor_lives_no_longer_than_the_policy_allows(world: ServerHarness) -> None:
    key = world.key(lifetime=None)
    policies.set_policy(world.database, longest_life_days=30, expiry_required=True)
    world.now.rotate(key)
    assert world.overview(2).key.lifetime == 30 * DAY
    with pytest.raises(AdministrationError, match="requires an expiry"):
        administration.add_key(world.database, "ci", "build", None)
    with pytest.raises(AdministrationError, match="at most 30 days"):
        administration.add_key(world.database, "ci", "build", 31 * DAY)
    world.key(lifetime=30 * DAY)


def test_a_key_that_may_only_rotate(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    policies.set_key_policy(world.database, 1, purpose="rotate")
    answer = sign(world.now, key, thumbprint)
    assert problem(answer) == (403, "purpose-denied")
    body = {"clientVersion": "2.1.0", "label": "production"}
    answer = world.now.call("POST", CERT_GET, key, json=body)
    assert problem(answer) == (403, "purpose-denied")
    new = world.now.rotate(key).new.text
    assert problem(sign(world.now, new, thumbprint)) == (403, "purpose-denied")


def test_a_key_that_may_only_sign(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    policies.set_key_policy(world.database, 1, purpose="sign")
    assert sign(world.now, key, thumbprint).json()["result"] == 0
    assert problem(world.now.put(key, uuid4(), NewKey())) == (403, "purpose-denied")
    assert world.now.self(key).status_code == 200


def test_a_signing_budget(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    policies.set_key_policy(world.database, 1, signatures_per_hour=3)
    later, other = world.at("59m"), world.serving()
    for client in (world.now, other, world.now):
        assert sign(client, key, thumbprint).json()["result"] == 0
    answer = sign(other, key, thumbprint)
    assert problem(answer) == (429, "signing-budget-spent")
    assert 3400 < int(answer.headers["Retry-After"]) <= 3600
    assert problem(sign(later, key, thumbprint)) == (429, "signing-budget-spent")
    assert world.now.self(key).status_code == 200
    assert sign(world.at("61m"), key, thumbprint).json()["result"] == 0


def test_a_rotation_gives_no_second_signing_budget(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    policies.set_key_policy(world.database, 1, signatures_per_hour=2)
    assert sign(world.now, key, thumbprint).json()["result"] == 0
    first = world.now.rotate(key, overlap_days=0)
    assert sign(world.now, first.new.text, thumbprint).json()["result"] == 0
    second = world.now.rotate(first.new.text)
    candidate = world.now.open(second.new.text)
    for text in (first.new.text, second.new.text, candidate.new.text):
        assert problem(sign(world.now, text, thumbprint)) == (429, "signing-budget-spent")
    other = world.key(name="of another lineage")
    assert sign(world.now, other, thumbprint).json()["result"] == 0
    assert sign(world.at("61m"), second.new.text, thumbprint).json()["result"] == 0


def test_signatures_at_once_keep_to_the_budget(world: ServerHarness) -> None:
    thumbprint, key = add(world).thumbprint, world.key()
    policies.set_key_policy(world.database, 1, signatures_per_hour=3)
    successor = world.now.rotate(key).new.text
    urls = [world.now.url, world.serving().url]
    barrier = Barrier(8, timeout=60)

    def act(index: int) -> int:
        with closing(Client(urls[index % 2], world.secrets)) as client:
            barrier.wait()
            answer = sign(client, (key, successor)[index // 2 % 2], thumbprint)
            return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(act, range(8))) == {200: 3, 429: 5}


def test_requests_per_minute_of_one_key(world: ServerHarness) -> None:
    key, other = world.key(), world.key()
    policies.set_key_policy(world.database, 1, requests_per_minute=2)
    now = 0.0
    client = world.serving(clock=lambda: now, key_requests_per_minute=4)
    assert [client.self(key).status_code for _ in range(3)] == [200, 200, 429]
    assert [client.self(other).status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    policies.set_policy(world.database, requests_per_minute=1)
    now = 120.0
    assert [client.self(other).status_code for _ in range(2)] == [200, 429]
    answer = client.self(key)
    assert answer.status_code == 200


def test_changes_are_events(world: ServerHarness) -> None:
    world.key()
    policies.set_policy(world.database, overlap_days_min=2)
    policies.set_key_policy(world.database, 1, purpose="sign", networks=["192.0.2.0/24"])
    (server,) = world.events("policy-changed")
    (own,) = world.events("key-policy-changed")
    assert (server["level"], server["data"]) == ("Security", {"overlap_days_min": 2})
    assert (own["key_id"], own["user_id"]) == (1, 1)
    assert own["data"] == {"purpose": "sign", "networks": ["192.0.2.0/24"]}


def test_the_commands(tmp_path: Path) -> None:
    folder = f"--data-dir={tmp_path / 'data'}"
    command("user", "add", "ci", folder)
    command("key", "add", "--user=ci", "--name=build", folder)

    def told(*arguments: str) -> Any:
        done = command(*arguments, folder)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    set_all = ("--longest-life=90d", "--expiry-required", "--overlap-min=2", "--overlap-max=14")
    expected = {
        "longest_life_days": 90,
        "expiry_required": True,
        "overlap_days_min": 2,
        "overlap_days_max": 14,
        "networks": ["192.0.2.0/24", "2001:db8::/32"],
        "signatures_per_hour": 500,
    }
    networks = ("--network=192.0.2.0/24", "--network=2001:db8::/32")
    given = told("policy", "set", *set_all, *networks, "--signatures-per-hour=500")
    assert given == told("policy", "show") == expected
    refused = command("key", "add", "--user=ci", "--name=x", "--expires-in=never", folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    cleared = ("--overlap-min=none", "--network=anywhere", "--no-expiry-required")
    assert set(told("policy", "set", *cleared, "--longest-life=none")) == {
        "overlap_days_max",
        "signatures_per_hour",
    }
    own = told("key", "policy", "1", "--purpose=sign", "--network=anywhere", "--overlap-max=20")
    assert own == told("key", "policy", "1")
    assert own["purpose"] == "sign"
    assert own["own"] == {"networks": ["0.0.0.0/0", "::/0"], "overlap_days_max": 20}
    assert own["effective"]["signatures_per_hour"] == 500
    assert told("key", "policy", "1", "--network=default", "--overlap-max=default")["own"] == {}
    for wrong, code in (
        (("policy", "set", "--overlap-min=x"), 10),
        (("policy", "set", "--longest-life=36h"), 10),
        (("policy", "set", "--overlap-min=20"), 1),
        (("key", "policy", "1", "--purpose=other"), 10),
        (("key", "policy", "1", "--network=192.0.2.1/24"), 1),
        (("key", "policy", "7"), 1),
    ):
        assert command(*wrong, folder).returncode == code, wrong
