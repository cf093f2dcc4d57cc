"""Who is let in, who is told why not, and what a stranger can learn: nothing."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest

from keyserver.harness import Client, Running, ServerHarness, problem, wait_until
from keyserver.statements import executed
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.service import administration
from signotaur_wire import keyformat, paths

pytestmark = pytest.mark.both_databases


def _with_another_secret(key: str) -> str:
    body = key[:20] + key[20:-6][::-1]
    return body + keyformat.checksum(body)


UNAUTHENTICATED: dict[str, Callable[[str], dict[str, str]]] = {
    "no header": lambda _key: {},
    "no key": lambda _key: {"Authorization": "Bearer"},
    "not a key": lambda _key: {"Authorization": "Bearer hello"},
    "wrong checksum": lambda key: {"Authorization": f"Bearer {key[:-1]}?"},
    "unknown id": lambda _key: {"Authorization": f"Bearer {keyformat.generate()}"},
    "wrong secret": lambda key: {"Authorization": f"Bearer {_with_another_secret(key)}"},
    "other scheme": lambda key: {"Authorization": f"Basic {key}"},
    "bytes": lambda _key: {"Authorization": "Bearer \xff\xfe"},
}


def test_the_wrong_secret_of_this_test_is_a_well_formed_key() -> None:
    key = keyformat.generate()
    wrong = _with_another_secret(key)
    assert keyformat.parse(wrong).public_id == keyformat.parse(key).public_id
    assert wrong != key


def test_every_stranger_gets_the_same_answer(world: ServerHarness) -> None:
    key = world.key()
    answers = [
        world.now.call("GET", paths.KEYS_SELF, headers=headers(key))
        for headers in UNAUTHENTICATED.values()
    ]
    assert {problem(answer) for answer in answers} == {(401, "unknown-key")}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}


def test_a_key_is_told_of_itself(world: ServerHarness) -> None:
    answer = world.now.self(world.key(name="release builds"))
    told = answer.json()
    assert answer.status_code == 200
    assert (told["name"], told["owner"], told["state"]) == ("release builds", "ci", "active")
    assert told["roles"] == ["ApiKeyRotator"]
    assert told["rotation"] is None
    assert told["revokesAt"] is None


def test_the_scheme_is_case_insensitive(world: ServerHarness) -> None:
    header = {"Authorization": f"bearer {world.key()}"}
    assert world.now.call("GET", paths.KEYS_SELF, headers=header).status_code == 200


def test_the_holder_is_told_that_the_key_has_expired(world: ServerHarness) -> None:
    key = world.key(lifetime=timedelta(days=1))
    later = world.at("25h")
    assert world.now.self(key).status_code == 200
    assert problem(later.self(key)) == (401, "key-expired")


def test_the_holder_is_told_that_the_key_is_revoked(world: ServerHarness) -> None:
    key = world.key()
    administration.revoke_key(world.database, 1)
    assert problem(world.now.self(key)) == (401, "key-revoked")


def test_a_disabled_key_works_again_when_enabled(world: ServerHarness) -> None:
    key = world.key()
    administration.set_key_enabled(world.database, 1, enabled=False)
    assert problem(world.now.self(key)) == (401, "key-disabled")
    administration.set_key_enabled(world.database, 1, enabled=True)
    assert world.now.self(key).status_code == 200


def test_a_disabled_owner_disables_every_key(world: ServerHarness) -> None:
    keys = [world.key(), world.key()]
    administration.set_user_enabled(world.database, "ci", enabled=False)
    assert {problem(world.now.self(key)) for key in keys} == {(401, "key-disabled")}
    administration.set_user_enabled(world.database, "ci", enabled=True)
    assert {world.now.self(key).status_code for key in keys} == {200}


@pytest.mark.parametrize("state", ["revoked", "disabled", "expired"])
def test_a_wrong_secret_learns_nothing_of_a_dead_key(world: ServerHarness, state: str) -> None:
    key = world.key(lifetime=timedelta(hours=1))
    if state == "revoked":
        administration.revoke_key(world.database, 1)
    if state == "disabled":
        administration.set_key_enabled(world.database, 1, enabled=False)
    client = world.at("2h") if state == "expired" else world.now
    assert problem(client.self(key)) == (401, f"key-{state}")
    assert problem(client.self(_with_another_secret(key))) == (401, "unknown-key")


def test_strangers_are_limited_and_valid_keys_are_not(world: ServerHarness) -> None:
    key, revoked = world.key(), world.key()
    administration.revoke_key(world.database, 2)
    database = Database(world.url)
    server = Running(database, failures_burst=3, failures_per_second=0.5)
    with server as url, closing(Client(url, world.secrets)) as client:
        failures = [client.self(keyformat.generate()) for _ in range(5)]
        assert [answer.status_code for answer in failures] == [401] * 3 + [429] * 2
        assert problem(failures[-1]) == (429, "rate-limited")
        assert 1 <= int(failures[-1].headers["Retry-After"]) <= 2
        assert client.self(key).status_code == 200
        assert problem(client.self(revoked)) == (401, "key-revoked")
    database.close()


def test_an_unknown_id_costs_what_a_wrong_secret_costs(world: ServerHarness) -> None:
    """The server's work does not show whether a public id exists.

    Before: one statement for both, which found a row or none; a known id took 16 % longer than
    an unknown one (1,031 and 887 us, fastest tenth). After: 1,089 and 1,079 us.
    """
    world.key()
    wrong = _with_another_secret(world.key())
    assert problem(world.now.self(wrong)) == (401, "unknown-key")
    asked = []
    for key in (wrong, keyformat.generate()):
        with executed(world, "keys") as statements:
            assert problem(world.now.self(key)) == (401, "unknown-key")
        asked.append(statements)
    known, unknown = asked
    assert len(known) == 2
    assert known == unknown


def test_a_valid_key_costs_one_statement(world: ServerHarness) -> None:
    world.now.self(world.key())
    key = world.key(name="another one")
    with executed(world, "keys") as statements:
        world.now.self(key)
    assert len(statements) == 1


def test_refusals_become_few_events_without_secrets(world: ServerHarness) -> None:
    key = world.key()
    for _ in range(40):
        world.now.self(keyformat.generate())
    administration.revoke_key(world.database, 1)
    world.now.self(key)
    wait_until(lambda: any(e["key_id"] == 1 for e in world.events("request-refused")))
    events = world.events("request-refused")
    strangers = [event for event in events if event["key_id"] is None]
    assert len(strangers) == 5
    assert {event["level"] for event in events} == {"Security"}
    assert events[-1]["data"] == {"problem": "key-revoked", "suppressedBefore": 0}
    assert {event["source"] for event in events} == {"127.0.0.1"}
