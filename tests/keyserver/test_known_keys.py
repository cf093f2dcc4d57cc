"""A key that was proven before is not read again, and whatever is committed holds at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from keyserver.harness import ServerHarness, problem, wait_until
from keyserver.processes import Process, command
from keyserver.statements import executed
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import administration
from signotaur_keyserver.service.known_keys import KnownKeys
from signotaur_keyserver.service.last_use import write_uses
from signotaur_keyserver.store.key_uses import KeyUse
from signotaur_wire import paths


@dataclass
class Served:
    """A server in a process of its own, and the commands of other processes."""

    url: str
    data_dir: Path
    session: requests.Session

    def run(self, *arguments: str) -> str:
        """Run a command that must succeed; return its output."""
        done = command(*arguments, f"--data-dir={self.data_dir}")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask(self, key: str) -> requests.Response:
        """GET /keys/self over a kept connection."""
        headers = {"Authorization": f"Bearer {key}"}
        return self.session.get(self.url + paths.KEYS_SELF, headers=headers, timeout=60)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    data_dir = tmp_path / "data"
    assert command("user", "add", "ci", f"--data-dir={data_dir}").returncode == 0
    with Process(data_dir, "--insecure-http") as process, requests.Session() as session:
        yield Served(process.url, data_dir, session)


def _tell(served: Served, key: str) -> str:
    answer = served.ask(key)
    return str(answer.json()["state" if answer.ok else "type"])


@pytest.mark.parametrize(
    ("change", "told", "back"),
    [
        (("key", "revoke", "1"), "key-revoked", ()),
        (("key", "disable", "1"), "key-disabled", ("key", "enable", "1")),
        (("user", "disable", "ci"), "key-disabled", ("user", "enable", "ci")),
        (
            ("policy", "set", "--network=192.0.2.0/24"),
            "network-denied",
            ("policy", "set", "--network=anywhere"),
        ),
        (
            ("key", "policy", "1", "--network=192.0.2.0/24"),
            "network-denied",
            ("key", "policy", "1", "--network=anywhere"),
        ),
    ],
    ids=lambda change: " ".join(change[:2]) if isinstance(change, tuple) else "",
)
def test_what_another_process_commits_holds_at_the_next_request(
    served: Served, change: tuple[str, ...], told: str, back: tuple[str, ...]
) -> None:
    key = served.run("key", "add", "--user=ci", "--name=build")
    for _ in range(3):
        assert _tell(served, key) == "active"
    served.run(*change)
    assert _tell(served, key) == told
    if back:
        served.run(*back)
        assert _tell(served, key) == "active"


def test_what_another_process_says_of_the_owner_is_told_at_once(served: Served) -> None:
    key = served.run("key", "add", "--user=ci", "--name=build")
    assert served.ask(key).json()["roles"] == []
    served.run("user", "edit", "ci", "--role=ApiKeyRotator")
    assert served.ask(key).json()["roles"] == ["ApiKeyRotator"]


def test_a_known_key_is_not_read_again(world: ServerHarness) -> None:
    key = world.key()
    world.now.self(key)
    with executed(world, "keys") as statements:
        for _ in range(5):
            assert world.now.self(key).ok
    assert statements == []


def test_a_known_key_ends_when_its_time_is_reached(world: ServerHarness) -> None:
    key = world.key(lifetime=timedelta(seconds=2))
    wait_until(lambda: not world.now.self(key).ok)
    assert problem(world.now.self(key)) == (401, "key-expired")


def test_a_known_key_does_not_help_another_secret(world: ServerHarness) -> None:
    known = KnownKeys(world.database)
    key = world.key()
    known.start()
    try:
        assert known.authenticate(key).key.id == 1
        with pytest.raises(RefusedError):
            known.authenticate(key[:-1] + ("A" if key[-1] != "A" else "B"))
        assert known.authenticate(key).key.id == 1
    finally:
        known.stop()


def test_the_keys_in_memory_have_a_limit(world: ServerHarness) -> None:
    known = KnownKeys(world.database, capacity=2)
    texts = [world.key(name=f"key {number}") for number in range(4)]
    known.start()
    try:
        with executed(world, "keys") as statements:
            for text in [*texts, texts[-1]]:
                known.authenticate(text)
    finally:
        known.stop()
    assert len([each for each in statements if "public_id" in each]) == 4


def test_every_commit_is_seen_by_the_thread_that_made_none(world: ServerHarness) -> None:
    known = KnownKeys(world.database)
    key = world.key()
    known.start()
    try:
        for _ in range(20):
            assert known.authenticate(key).key.enabled
            administration.set_key_enabled(world.database, 1, enabled=False)
            with pytest.raises(RefusedError):
                known.authenticate(key)
            administration.set_key_enabled(world.database, 1, enabled=True)
    finally:
        known.stop()


def _use(key_id: int) -> KeyUse:
    now = datetime.now(UTC)
    return KeyUse(key_id, "192.0.2.1", "client", now, now, 1)


def test_the_uses_that_a_server_writes_leave_its_memory_as_it_is(
    world: ServerHarness, known: KnownKeys
) -> None:
    key = world.key()
    known.authenticate(key)
    with executed(world, "FROM keys") as statements:
        for _ in range(3):
            assert write_uses(world.database, [_use(1)], known.watch) == []
            written = len(statements)
            assert known.authenticate(key).key.id == 1
            assert len(statements) == written
    assert world.overview(1).key.last_used_client == "client"


@pytest.mark.parametrize("revoked_first", [True, False])
def test_a_change_beside_written_uses_holds_at_once(
    world: ServerHarness, known: KnownKeys, *, revoked_first: bool
) -> None:
    key = world.key()
    known.authenticate(key)
    if revoked_first:
        administration.set_key_enabled(world.database, 1, enabled=False)
    write_uses(world.database, [_use(1)], known.watch)
    if not revoked_first:
        known.authenticate(key)
        administration.set_key_enabled(world.database, 1, enabled=False)
    with pytest.raises(RefusedError):
        known.authenticate(key)


def test_a_change_is_seen_after_a_write_of_uses_that_failed(
    world: ServerHarness, known: KnownKeys
) -> None:
    key = world.key()
    known.authenticate(key)
    administration.set_key_enabled(world.database, 1, enabled=False)
    with pytest.raises(KeyError), world.database.write(known.watch):
        raise KeyError
    with pytest.raises(RefusedError):
        known.authenticate(key)
    administration.set_key_enabled(world.database, 1, enabled=True)
    assert known.authenticate(key).key.id == 1


def test_keys_are_read_while_uses_are_written(world: ServerHarness, known: KnownKeys) -> None:
    """Nobody waits for the write, and nothing is taken from memory without a look."""
    key = world.key()
    known.authenticate(key)
    with world.database.write(known.watch), executed(world, "FROM keys") as statements:
        assert known.authenticate(key).key.id == 1
        assert len(statements) == 1
        assert not known.look()
    assert known.look()


def test_after_its_end_nothing_is_kept(world: ServerHarness) -> None:
    known = KnownKeys(world.database)
    key = world.key()
    known.start()
    known.authenticate(key)
    known.stop()
    with executed(world, "keys") as statements:
        known.authenticate(key)
    assert len(statements) == 1
