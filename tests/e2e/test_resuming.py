"""The same command again, after something changed in between."""

import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest

from e2e.client_harness import ClientHarness, days_from_now
from signotaur_action.errors import ExitCode, StopSignal
from signotaur_action.machine.clock import SystemClock
from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.service import administration, policies
from support.call_faults import at
from support.client import BARE, CLIENT, Finished
from support.front import Exchange, Front, answering, lost_answer
from support.in_process import run_here
from support.keyserver import KeyServer

BOTH_WORK = "The old and the new key both work"


class Resuming(ClientHarness):
    """A client that reaches its own server through a front."""

    front: Front

    def rotate_here(self, *arguments: str | Path, env: dict[str, str] | None = None) -> Finished:
        """Run ``rotate-key`` in this process."""
        return self.run_here("rotate-key", *self.server.options, *arguments, env=env)

    def cut(self, call: str, *command: str | Path, env: dict[str, str] | None = None) -> Finished:
        """Run a command whose ``call`` fails; a confirmation is made, and its answer lost."""
        lost = lost_answer("PUT", "/confirmation") if call == "confirmation" else answering(403)
        self.front.faults.append(at(call, lost, count=1000))
        done = self.rotate_here(*command, env=env)
        self.front.faults.clear()
        assert done.code == 12, done.said
        return done

    def administer(
        self, change: Callable[..., object], *arguments: object, **named: object
    ) -> None:
        """Change something on the server as an administrator does."""
        with data_folder.existing(self.server.data_dir, None) as database:
            change(database, *arguments, **named)

    @property
    def in_place(self) -> tuple[str | Path, ...]:
        """The options that take the key from its file and write the new one there."""
        return ("--api-key-file", self.key_file, "--write-key-file", self.key_file)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KeyServer]:
    server = KeyServer(tmp_path / "keyserver-data", tls=False)
    server.add_user("build")
    with server:
        yield server


@pytest.fixture
def client(server: KeyServer, tmp_path: Path) -> Iterator[Resuming]:
    with Front(server.url).running() as front:
        client = Resuming(server.behind(front.url), tmp_path)
        client.front = front
        yield client


# What the server decides in between


@pytest.mark.parametrize("overlap", ["0", "7"])
@pytest.mark.parametrize("change", ["user", "network"])
def test_a_refusal_that_passes_loses_no_key(client: Resuming, change: str, overlap: str) -> None:
    """Before, the refused run removed the journal, and with it the only copy of the new key."""
    env = {"SIGNOTAUR_API_KEY": client.ledger.add()}
    command = ("--overlap-days", overlap)
    first = client.cut("confirmation", *command, env=env)
    if change == "user":
        client.administer(administration.set_user_enabled, "build", enabled=False)
    else:
        client.administer(policies.set_policy, networks=("192.0.2.0/24",))
    assert client.rotate(*command, env=env).code == 2
    client.administer(administration.set_user_enabled, "build", enabled=True)
    client.administer(policies.set_policy, networks=None)
    done = client.rotate(*command, env=env)
    assert (done.code, done.out) == (0, first.out), done.said


def test_a_candidate_that_expired_is_replaced(client: Resuming, server: KeyServer) -> None:
    """Before, each further run ended with 12: nobody could confirm the rotation any more."""
    client.store(client.ledger.add(days=None))
    client.administer(policies.set_policy, longest_life_days=1, expiry_required=True)
    client.cut("verify", *client.in_place)
    server.look_past("2d")
    done = client.rotate(*client.in_place)
    assert done.code == 0, done.said


def test_the_only_copy_of_a_key_is_kept_for_longer_than_a_day(
    client: Resuming, server: KeyServer
) -> None:
    """Before, the run after a weekend removed the journal of a rotation that was confirmed."""
    env = {"SIGNOTAUR_API_KEY": client.ledger.add()}
    first = client.cut("confirmation", "--overlap-days", "0", env=env)
    server.look_past("2d")
    done = client.rotate("--overlap-days", "0", env=env)
    assert (done.code, done.out) == (0, first.out), done.said


def test_a_limit_that_is_set_while_a_rotation_is_open_holds_for_its_new_key(
    client: Resuming,
) -> None:
    """Before, the candidate had a copy of the limits from the moment of its rotation."""
    key = client.ledger.add()
    told = client.rotate("--defer-confirm", "--json", env={"SIGNOTAUR_API_KEY": key}).json
    limits = {"networks": ["192.0.2.0/24"], "purpose": "sign"}
    client.administer(policies.set_key_policy, client.ledger.id_of(key), **limits)
    assert not client.server.accepts(key)
    assert not client.server.accepts(told["apiKey"])


def test_an_old_key_that_a_person_revoked_is_reported_as_revoked(client: Resuming) -> None:
    """Before, the report named the end of the overlap, when the old key was dead already."""
    key = client.ledger.add()
    command, env = ("--write-key-file", "new"), {"SIGNOTAUR_API_KEY": key}
    client.cut("confirmation", *command, env=env)
    client.administer(administration.revoke_key, client.ledger.id_of(key))
    done = client.rotate(*command, "--json", env=env)
    assert done.code == 0, done.said
    assert f"{client.ledger.id_of(key)}, revoked\n" in done.err
    assert datetime.fromisoformat(done.json["overlapEnd"]) <= days_from_now(0.1)


# What the second command asks for


def test_a_destination_that_the_first_run_did_not_have_is_named(client: Resuming) -> None:
    """Before, it was reported to have the key already, and the journal was removed.

    It is not written: without a lease, another run may be writing a later key.
    """
    env = {"SIGNOTAUR_API_KEY": client.ledger.add()}
    key = client.cut("confirmation", "--overlap-days", "0", env=env).out
    done = client.rotate("--overlap-days", "0", "--write-key-file", "new", env=env)
    assert done.code == 12, done.said
    assert "does not have the new key" in done.err
    assert not (client.cwd / "new").exists()
    done = client.rotate("--overlap-days", "0", env=env)
    assert (done.code, done.out) == (0, key), done.said


@pytest.mark.parametrize("cut", ["confirmation", "delivery", "delivery, journal lost"])
def test_a_leaked_key_that_an_earlier_run_made_is_rotated(client: Resuming, cut: str) -> None:
    """Before, the run ended with 0, and its note named the key before the leaked one."""
    client.store(client.ledger.add())
    if cut == "confirmation":
        client.cut("confirmation", *client.in_place)
    else:
        client.front.faults.append(at("confirmation", answering(403), count=1000))
        assert client.rotate(*client.in_place).code == 12
        client.front.faults.clear()
    if cut == "delivery, journal lost":
        client.key_file.with_name(".key.txt.rotation").unlink()
        client.ledger.write("update rotations set lease_until_utc = opened_at_utc")
    leaked = client.key_file.read_text().strip()
    done = client.rotate(*client.in_place, "--compromised", "--json")
    if cut != "confirmation":
        assert (done.code, done.json["exitCode"]) == (12, 12), done.said
        assert f"The key that leaked is key {client.ledger.id_of(leaked)}" in done.err
        done = client.rotate(*client.in_place, "--compromised")
    assert done.code == 0, done.said
    assert not client.server.accepts(leaked)
    assert f"key {client.ledger.id_of(leaked)} was reported as compromised" in done.err


def test_that_a_key_leaked_is_kept(client: Resuming) -> None:
    """Before, a job without the option finished the rotation with an overlap of seven days."""
    key = client.ledger.add()
    client.store(key)
    client.administer(policies.set_key_policy, client.ledger.id_of(key), overlap_days_min=3)
    client.front.faults.append(at("rotation", answering(503), count=1000))
    assert client.rotate_here(*client.in_place, "--compromised").code == 1
    client.front.faults.clear()
    done = client.rotate(*client.in_place)
    assert done.code == 0, done.said
    assert not client.server.accepts(key)
    assert f"key {client.ledger.id_of(key)} was reported as compromised" in done.err


def test_the_server_learns_that_the_key_leaked_from_the_run_that_finishes(client: Resuming) -> None:
    key = client.ledger.add()
    client.store(key)
    client.cut("verify", *client.in_place)
    done = client.rotate(*client.in_place, "--compromised")
    assert done.code == 0, done.said
    [event] = [each for each in client.server.events() if each["type"] == "key-leaked"]
    assert f"reported key {client.ledger.id_of(key)} as compromised" in event["message"]
    assert event["level"] == "Security"


# What is said of the keys


def test_a_server_that_is_away_says_nothing_of_the_old_key(client: Resuming) -> None:
    key = client.ledger.add()
    client.store(key)
    command = ("--api-key-file", client.key_file, "--write-key-file", "new", "--overlap-days", "0")
    client.cut("confirmation", *command)
    assert not client.server.accepts(key)
    client.front.faults.append(answering(503))
    done = client.rotate_here(*command)
    assert done.code == 1
    assert "It is not known whether the old key's revocation is armed." in done.err


def test_what_is_said_when_a_destination_is_refused(client: Resuming) -> None:
    """Before, the keys were "unchanged", although the new key was in use already."""
    client.store(client.ledger.add())
    client.cut("confirmation", *client.in_place)
    other = client.cwd / "other-name"
    other.hardlink_to(client.key_file)
    done = client.rotate(*client.in_place)
    assert done.code == 11, done.said
    assert "An earlier run began a rotation, and its new key is in the journal." in done.err
    other.unlink()
    assert client.rotate(*client.in_place).code == 0


def test_what_is_said_when_a_confirmed_key_cannot_be_printed(client: Resuming) -> None:
    env = {"SIGNOTAUR_API_KEY": client.ledger.add()}
    client.cut("confirmation", "--overlap-days", "0", env=env)
    words = [*CLIENT, "rotate-key", *client.server.options, "--overlap-days", "0"]
    whole = BARE | {"HOME": str(client.home)} | env
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, text=True, env=whole, check=False
        )
    assert done.returncode == 12
    assert "The rotation is complete on the server" in done.stderr
    assert BOTH_WORK not in done.stderr


class StoppedStream(StringIO):
    """A stdout in whose first line the process gets a signal."""

    stopped = False

    def write(self, text: str) -> int:
        if not self.stopped:
            self.stopped = True
            raise StopSignal(ExitCode.TERMINATED)
        return super().write(text)


def test_what_is_said_when_the_report_is_stopped(client: Resuming) -> None:
    """Before, the old key was "untouched", although its overlap of 0 had ended."""
    key = client.ledger.add()
    env = {"HOME": str(client.home), "SIGNOTAUR_API_KEY": key}
    command = ("--json", "--overlap-days", "0", "--write-key-file", client.cwd / "new")
    stopped, server = StoppedStream(), client.server.options
    done = run_here("rotate-key", *server, *command, env=env, clock=SystemClock(), out=stopped)
    assert (done.code, stopped.stopped) == (143, True), done.said
    assert "The rotation itself is complete." in done.err
    assert not client.server.accepts(key)


@pytest.mark.parametrize("dead", ["revoked", "disabled", "user"])
def test_what_is_said_when_the_new_key_is_refused(client: Resuming, dead: str) -> None:
    client.store(client.ledger.add())

    def end(_exchange: Exchange) -> bool:
        new = client.key_file.read_text().strip()
        if dead == "revoked":
            client.ledger.revoke(new)
        elif dead == "disabled":
            client.ledger.disable(new)
        else:
            client.ledger.disable_user("build")
        return False

    client.front.faults.append(at("confirmation", end))
    done = client.rotate(*client.in_place)
    assert done.code == 12, done.said
    assert "The server refuses the new key, which destinations may have already." in done.err
    assert BOTH_WORK not in done.err
