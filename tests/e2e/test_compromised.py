"""rotate-key --compromised against the real server."""

import json
from pathlib import Path

import pytest

from e2e.client_harness import ClientHarness
from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.service import policies
from signotaur_wire.messages import RotationRequest
from support.call_faults import at
from support.front import Front, answering
from support.keyserver import KeyServer


def _options(client: ClientHarness, key: str) -> tuple[str, ...]:
    (client.cwd / "old").write_text(key)
    return (
        "rotate-key",
        "--api-key-file",
        "old",
        "--write-key-file",
        "new",
        *client.server.options,
    )


def test_a_leaked_key_is_revoked_at_once(client: ClientHarness, key: str) -> None:
    done = client.run(*_options(client, key), "--compromised", env={"SIGNOTAUR_OVERLAP_DAYS": "7"})
    assert (done.code, done.out) == (0, "")
    new = (client.cwd / "new").read_text().strip()
    assert client.server.accepts(new)
    assert not client.server.accepts(key)
    old_id, new_id = client.ledger.id_of(key), client.ledger.id_of(new)
    note = done.err[done.err.index("Incident note:") :]
    assert f"key {old_id} was reported as compromised" in note
    assert f"replaced by key {new_id} (rotation " in note
    assert "The compromised key is revoked." in note
    assert key[20:] not in done.err
    assert new[20:] not in done.err
    [event] = [each for each in client.ledger.events(new) if each["type"] == "rotation-opened"]
    assert event["level"] == "Security"
    assert f"key {old_id} is compromised" in event["message"]
    assert json.loads(event["data"])["compromised"] is True


def test_no_policy_keeps_a_leaked_key_alive(client: ClientHarness, key: str) -> None:
    with data_folder.existing(client.server.data_dir, None) as database:
        policies.set_key_policy(database, client.ledger.id_of(key), overlap_days_min=3)
    assert client.run(*_options(client, key), "--overlap-days", "0").code == 3
    assert client.run(*_options(client, key), "--compromised").code == 0
    assert not client.server.accepts(key)


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [("rotation", 503, 1), ("confirmation", 403, 12)],
)
def test_its_rotation_is_finished_by_the_same_command(
    call: str,
    status: int,
    code: int,
    front: Front,
    plain_server: KeyServer,
    tmp_path: Path,
) -> None:
    """Before, the second command ended with 3, because it did not say again that the key leaked."""
    client = ClientHarness(plain_server.behind(front.url), tmp_path)
    key = client.ledger.add()
    with data_folder.existing(plain_server.data_dir, None) as database:
        policies.set_key_policy(database, client.ledger.id_of(key), overlap_days_min=3)
    front.faults.append(at(call, answering(status), count=1000))
    command = (*_options(client, key), "--compromised")
    assert client.run_here(*command).code == code
    front.faults.clear()
    done = client.run(*command)
    assert done.code == 0, done.said
    assert "The compromised key is revoked." in done.err
    assert not plain_server.accepts(key)
    new = (client.cwd / "new").read_text().strip()
    [event] = [each for each in client.ledger.events(new) if each["type"] == "rotation-opened"]
    assert json.loads(event["data"])["compromised"] is True


@pytest.mark.parametrize("compromised", [True, False])
def test_an_older_server_meets_it_only_where_it_is_asked_for(*, compromised: bool) -> None:
    request = RotationRequest("a" * 15, "0" * 64, 0, True, "run", compromised=compromised)  # noqa: FBT003
    assert ("compromised" in request.to_json()) is compromised
    assert RotationRequest.from_json(request.to_json()) == request


@pytest.mark.parametrize(
    "other", [("--no-auto-revoke",), ("--defer-confirm",), ("--if-expiring-within", "30d")]
)
def test_what_contradicts_it_is_refused(
    client: ClientHarness, key: str, other: tuple[str, ...]
) -> None:
    done = client.run(*_options(client, key), "--compromised", *other)
    assert done.code == 10
    assert f"--compromised and {other[0]} cannot be used together" in done.err
    assert client.server.accepts(key)
    assert not (client.cwd / "new").exists()
