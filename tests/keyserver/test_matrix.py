"""Who may call what: every kind of caller against every call, and nobody else gets through."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import requests

from keyserver.harness import Client, OpenRotation, ServerHarness, problem
from signotaur_keyserver.service import administration
from signotaur_wire import keyformat

pytestmark = pytest.mark.both_databases

UNKNOWN = (401, "unknown-key")
CALLS = ("self", "put", "get", "confirm", "abort")
# What each caller of one open rotation gets, in the order of CALLS. 200 is success.
EXPECTED: dict[str, tuple[object, ...]] = {
    "old key": (200, 200, 200, (409, "rotation-mismatch"), 200),
    "new key": (200, 200, 200, 200, (409, "rotation-mismatch")),
    "same owner's other key": (
        200,
        (422, "rotation-mismatch"),
        (404, "unknown-rotation"),
        (404, "unknown-rotation"),
        (404, "unknown-rotation"),
    ),
    "another owner's key": (
        200,
        (422, "rotation-mismatch"),
        (404, "unknown-rotation"),
        (404, "unknown-rotation"),
        (404, "unknown-rotation"),
    ),
    "key without the role": (
        200,
        (403, "role-required"),
        (404, "unknown-rotation"),
        (404, "unknown-rotation"),
        (404, "unknown-rotation"),
    ),
    "expired old key": ((401, "key-expired"),) * 5,
    "revoked old key": ((401, "key-revoked"),) * 5,
    "disabled old key": ((401, "key-disabled"),) * 5,
    "old key of a disabled owner": ((401, "key-disabled"),) * 5,
    "revoked new key": ((401, "key-revoked"),) * 5,
    "stranger": (UNKNOWN,) * 5,
    "nobody": (UNKNOWN,) * 5,
}


# What is done to the old key, its owner or the new key before the call.
SPOILT: dict[str, Callable[[ServerHarness, str, OpenRotation], object]] = {
    "revoked old key": lambda world, _, opened: administration.revoke_key(
        world.database, opened.answer["oldKeyId"]
    ),
    "revoked new key": lambda world, _, opened: administration.revoke_key(
        world.database, opened.answer["newKeyId"]
    ),
    "disabled old key": lambda world, _, opened: administration.set_key_enabled(
        world.database, opened.answer["oldKeyId"], enabled=False
    ),
    "old key of a disabled owner": lambda world, owner, _: administration.set_user_enabled(
        world.database, owner, enabled=False
    ),
}


def _caller(  # noqa: PLR0911 - a table
    kind: str, world: ServerHarness, owner: str, old: str, opened: OpenRotation
) -> str:
    if kind in SPOILT:
        SPOILT[kind](world, owner, opened)
    match kind:
        case "same owner's other key":
            return world.key(owner)
        case "another owner's key":
            return world.key(world.user(f"other than {owner}"))
        case "key without the role":
            return world.key(world.user(f"reader beside {owner}", "Reader"))
        case "new key" | "revoked new key":
            return opened.new.text
        case "stranger":
            return keyformat.generate()
        case "nobody":
            return ""
    return old


def _call(client: Client, call: str, key: str, opened: OpenRotation) -> requests.Response:
    match call:
        case "self":
            return client.self(key)
        case "put":
            return client.put(key, opened.id, opened.new)
        case "get":
            return client.get(key, opened.id)
        case "confirm":
            return client.confirm(key, opened.id)
    return client.abort(key, opened.id)


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_call_by_every_caller(world: ServerHarness, kind: str) -> None:
    client = world.at("30h") if kind == "expired old key" else world.now
    for call, expected in zip(CALLS, EXPECTED[kind], strict=True):
        owner = world.user(f"owner for {call}")
        old = world.key(owner, lifetime=timedelta(hours=25))
        opened = world.now.open(old, overlap_days=1)
        answer = _call(client, call, _caller(kind, world, owner, old, opened), opened)
        got = 200 if answer.status_code == 200 else problem(answer)
        assert got == expected, call
