"""A rotation whose confirmation waits: others store the key, ``confirm-rotation`` ends it."""

from pathlib import Path
from uuid import uuid4

import pytest

from e2e.client_harness import ClientHarness, Ledger, days_from_now, near
from support.client import Finished
from support.clock import VirtualClock
from support.front import Front, answering
from support.in_process import run_here
from support.keyserver import KeyServer


class Deferred:
    """A deferred rotation of a key, and the commands behind it."""

    def __init__(self, client: ClientHarness, old: str) -> None:
        self.client = client
        self.old = old

    def rotate(self, *arguments: str | Path, key: str | None = None) -> Finished:
        """Rotate without confirming; the new key goes to stdout as JSON."""
        env = {"SIGNOTAUR_API_KEY": key or self.old}
        return self.client.rotate("--defer-confirm", "--json", *arguments, env=env)

    def confirm(self, key: str, *arguments: str, json: bool = True) -> Finished:
        """Confirm with a key."""
        server = self.client.server.options
        told = ("--json",) if json else ()
        env = {"SIGNOTAUR_API_KEY": key}
        return self.client.run("confirm-rotation", *server, *told, *arguments, env=env)

    def armed(self) -> bool:
        """Whether the old key has an end that a rotation gave it."""
        return self.client.ledger.of(self.old)["revoke_due_utc"] is not None

    def end_lease(self) -> None:
        """Let the time pass that a rotation is kept for the run that opened it."""
        ended = "update rotations set lease_until_utc = opened_at_utc where old_key_id = ?"
        self.client.ledger.write(ended, self.client.ledger.id_of(self.old))

    def rotation(self) -> str:
        """The state of the newest rotation of the old key."""
        query = "select state from rotations where old_key_id = ? order by id desc"
        state: str = self.client.ledger._select(query, self.client.ledger.id_of(self.old))[0][
            "state"
        ]
        return state


@pytest.fixture
def deferred(client: ClientHarness, key: str) -> Deferred:
    return Deferred(client, key)


def test_a_deferred_rotation_arms_nothing(deferred: Deferred) -> None:
    done = deferred.rotate()
    assert done.code == 0, done.err
    assert done.json["rotated"] is True
    assert done.json["confirmed"] is False
    assert deferred.rotation() == "open"
    assert not deferred.armed()
    assert "confirm-rotation" in done.err
    assert "no revocation is armed" in done.err
    assert list((deferred.client.home / ".signotaur/rotations").iterdir()) == []


def test_the_new_key_confirms_and_may_do_so_again(deferred: Deferred) -> None:
    told = deferred.rotate().json
    done = deferred.confirm(told["apiKey"])
    assert done.code == 0, done.err
    assert done.json == {
        "confirmed": True,
        "already": False,
        "keyId": told["keyId"],
        "oldKeyId": told["oldKeyId"],
        "rotationId": told["rotationId"],
        "overlapEnd": done.json["overlapEnd"],
    }
    assert near(done.json["overlapEnd"], days_from_now(7))
    assert deferred.armed()

    again = deferred.confirm(told["apiKey"], "--rotation-id", told["rotationId"])
    assert again.code == 0, again.err
    assert again.json == done.json | {"already": True}


def test_without_overlap_the_old_key_lives_until_the_confirmation(deferred: Deferred) -> None:
    new = deferred.rotate("--overlap-days", "0").json["apiKey"]
    assert not deferred.armed()
    assert deferred.confirm(new).code == 0
    refused = deferred.rotate()
    assert refused.code == 2


def test_the_old_key_cannot_confirm(deferred: Deferred) -> None:
    told = deferred.rotate().json
    for arguments in ((), ("--rotation-id", told["rotationId"])):
        done = deferred.confirm(deferred.old, *arguments, json=False)
        assert done.code == 1
        assert f"Only the new key, key {told['keyId']}, can confirm" in done.err
        assert "Next: Give the new key" in done.err
    assert not deferred.armed()


def test_a_key_without_a_rotation_has_nothing_to_confirm(deferred: Deferred) -> None:
    """The rotation was not due: a job's next step may run all the same."""
    skipped = deferred.rotate("--if-expiring-within", "1d")
    assert skipped.json["rotated"] is False
    done = deferred.confirm(deferred.old)
    assert done.code == 0
    assert done.json["confirmed"] is False
    assert "Nothing to confirm" in done.err


def test_another_rotations_id_is_refused(deferred: Deferred) -> None:
    new = deferred.rotate().json["apiKey"]
    done = deferred.confirm(new, "--rotation-id", str(uuid4()), json=False)
    assert done.code == 1
    assert "has no rotation" in done.err
    assert not deferred.armed()


@pytest.mark.parametrize("text", ["7", "not-an-id", "../keys/self"])
def test_an_invalid_id_is_bad_usage(deferred: Deferred, text: str) -> None:
    done = deferred.confirm(deferred.old, "--rotation-id", text, json=False)
    assert done.code == 10
    assert "--rotation-id: it is not a rotation id" in done.err


def test_a_dead_key_confirms_nothing(deferred: Deferred, ledger: Ledger) -> None:
    new = deferred.rotate().json["apiKey"]
    ledger.revoke(new)
    done = deferred.confirm(new, json=False)
    assert done.code == 2
    assert not deferred.armed()


def test_the_next_night_finishes_after_a_store_failed(deferred: Deferred) -> None:
    lost = deferred.rotate().json
    client = deferred.client
    deferred.end_lease()
    second = deferred.rotate().json
    assert second["keyId"] != lost["keyId"]
    assert deferred.confirm(second["apiKey"]).code == 0
    assert deferred.armed()

    late = deferred.confirm(lost["apiKey"], json=False)
    assert late.code == 1
    assert "has ended (superseded)" in late.err
    assert client.run("guard", *client.server.options, "--fail-if-expiring-within", "1d",
                    env={"SIGNOTAUR_API_KEY": second["apiKey"]}).code == 0  # fmt: skip


@pytest.mark.parametrize("defer", [True, False])
def test_the_next_night_goes_on_with_the_key_that_was_stored(
    deferred: Deferred, *, defer: bool
) -> None:
    """The store worked and the confirmation did not: the stored key is taken over."""
    told = deferred.rotate().json
    stored = told["apiKey"]
    client = deferred.client
    deferred.end_lease()
    if defer:
        done = deferred.rotate(key=stored)
    else:
        done = client.rotate("--json", env={"SIGNOTAUR_API_KEY": stored})
    assert done.code == 0, done.err
    assert done.json["rotationId"] == told["rotationId"]
    assert done.json["apiKey"] == stored
    assert deferred.armed() is not defer
    assert deferred.confirm(stored).code == 0
    assert deferred.armed()


def test_a_confirmation_without_an_answer_says_what_is_not_known(
    plain_server: KeyServer, front: Front, tmp_path: Path
) -> None:
    client = ClientHarness(plain_server, tmp_path)
    options = ("-s", front.url, "--json")
    old = {"SIGNOTAUR_API_KEY": client.ledger.add()}
    told = client.run("rotate-key", *options, "--defer-confirm", env=old).json
    new = {"SIGNOTAUR_API_KEY": told["apiKey"]}
    front.faults.append(answering(503, part="/confirmation"))
    clock = VirtualClock(frozen=True)
    done = run_here("confirm-rotation", *options, env=new | {"HOME": str(client.home)}, clock=clock)
    assert done.code == 1
    assert len(clock.slept) > 1
    assert done.json["confirmed"] is False
    assert "is not known" in done.json["keys"]
    front.faults.clear()
    assert client.run("confirm-rotation", *options, env=new).json["confirmed"] is True


def test_a_dry_run_says_that_it_would_rotate(deferred: Deferred) -> None:
    before = deferred.client.ledger.state()
    done = deferred.rotate("--dry-run")
    assert done.code == 0
    assert done.json["wouldRotate"] is True
    assert deferred.client.ledger.state() == before
