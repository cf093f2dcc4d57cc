"""What a confirmation tells of destinations: kept with the rotation, and never a condition."""

from typing import Any

import pytest

from keyserver.harness import ServerHarness, problem
from signotaur_action.http import ServerAddress
from signotaur_action.key_server.keys import HttpKeyService
from signotaur_action.model import Secret
from signotaur_keyserver.domain.records import Rotation
from signotaur_keyserver.store import rotations
from signotaur_wire.limits import DESTINATIONS_MAX
from signotaur_wire.messages import DeliveryOutcome, DestinationOutcome
from support.clock import VirtualClock

pytestmark = pytest.mark.both_databases

VAULT = {"kind": "vault", "outcome": "delivered"}


def stored(world: ServerHarness, new_key_id: int = 2) -> Rotation:
    """The rotation that made a key."""
    with world.database.read() as connection:
        rotation = rotations.of_new_key(connection, new_key_id)
    assert rotation is not None
    return rotation


def test_what_a_confirmation_tells_is_kept(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    told = [VAULT, {"kind": "key-file", "outcome": "held"}]
    answer = world.now.confirm(opened.new.text, opened.id, json={"destinations": told})
    assert answer.json()["state"] == "confirmed"
    assert stored(world).destinations == told


def test_only_the_confirmation_itself_is_kept(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    world.now.confirm(opened.new.text, opened.id, json={"destinations": [VAULT]})
    other = {"destinations": [{"kind": "vault", "outcome": "held"}]}
    assert world.now.confirm(opened.new.text, opened.id, json=other).status_code == 200
    assert stored(world).destinations == [VAULT]


@pytest.mark.parametrize("body", [None, {}, {"destinations": None}, {"unknown": "member"}])
def test_clients_that_tell_nothing_confirm_too(world: ServerHarness, body: object) -> None:
    opened = world.now.open(world.key())
    options = {} if body is None else {"json": body}
    assert world.now.confirm(opened.new.text, opened.id, **options).status_code == 200
    assert stored(world).destinations is None


@pytest.mark.parametrize(
    ("destinations", "fields"),
    [
        ("vault", ["destinations"]),
        ([[]], ["destinations"]),
        ([VAULT] * (DESTINATIONS_MAX + 1), ["destinations"]),
        ([{"kind": "vault"}], ["outcome"]),
        ([{"kind": "vault", "outcome": "lost"}], ["outcome"]),
        ([{"kind": 7, "outcome": "held"}], ["kind"]),
        ([{"kind": "", "outcome": "held"}], ["kind"]),
        ([{"kind": "<script>", "outcome": "held"}], ["kind"]),
        ([{"kind": "vault\n", "outcome": "held"}], ["kind"]),
        ([{"kind": "v" * 41, "outcome": "held"}], ["kind"]),
    ],
)
def test_other_values_are_refused_and_nothing_is_armed(
    world: ServerHarness, destinations: object, fields: list[str]
) -> None:
    opened = world.now.open(world.key())
    answer = world.now.confirm(opened.new.text, opened.id, json={"destinations": destinations})
    assert problem(answer) == (422, "malformed-request")
    assert answer.json()["fields"] == fields
    assert stored(world).confirmed_at_utc is None
    assert stored(world).new_first_used_at_utc is not None  # it was a use all the same


@pytest.mark.parametrize(
    ("options", "status"),
    [({"data": "{"}, 415), ({"data": "{", "headers": {"Content-Type": "application/json"}}, 400)],
)
def test_a_body_that_is_no_json_is_refused(
    world: ServerHarness, options: dict[str, Any], status: int
) -> None:
    opened = world.now.open(world.key())
    answer = world.now.confirm(opened.new.text, opened.id, **options)
    assert problem(answer) == (status, "malformed-request")


def test_the_client_tells_as_many_as_the_server_takes(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    service = HttpKeyService(ServerAddress(world.now.url), VirtualClock())
    many = [DestinationOutcome("vault", DeliveryOutcome.DELIVERED)] * (DESTINATIONS_MAX + 5)
    service.confirm(Secret(opened.new.text), opened.id, many)
    assert stored(world).destinations == [VAULT] * DESTINATIONS_MAX
