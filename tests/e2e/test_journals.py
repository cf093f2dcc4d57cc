"""Several keys on one machine: a run that was cut stops no other key, and finishes its own."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from e2e.client_harness import ClientHarness
from rotation.holding import held_back, wait
from support.client import Finished, run_client, start_client
from support.front import Exchange, Front
from support.keyserver import KeyServer

DONE, BUSY = 0, 14
KEY = re.compile(r"sig_[0-9A-Za-z]{15}_[0-9A-Za-z]{49}")


@dataclass(frozen=True)
class Machine:
    """A user's home on a machine; every command of that user keeps its journal there."""

    folder: Path
    front: Front
    options: tuple[str | Path, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    def command(self, *arguments: str | Path) -> tuple[str | Path, ...]:
        return ("rotate-key", *self.front.options, *self.options, *arguments)

    def env(self, key: str) -> Mapping[str, str]:
        return {"HOME": str(self.folder), "SIGNOTAUR_API_KEY": key, **dict(self.variables)}

    def run(self, key: str, *arguments: str | Path) -> Finished:
        return run_client(*self.command(*arguments), env=self.env(key))

    def cut(
        self, key: str, *arguments: str | Path, at: str = "/rotations/", answered: bool = True
    ) -> None:
        """Run, and kill the run while it waits for an answer of the server, or of nobody."""
        arrived, dead = Event(), Event()

        def fault(exchange: Exchange) -> bool:
            if exchange.method != "PUT" or at not in exchange.path:
                return False
            if answered:
                exchange.forward()
            arrived.set()
            dead.wait(30)
            exchange.drop()
            return True

        self.front.faults.append(fault)
        run = start_client(*self.command(*arguments), env=self.env(key))
        try:
            assert arrived.wait(30)
        finally:
            run.kill()
            wait(run)
            dead.set()
            self.front.faults.clear()

    @property
    def journals(self) -> list[Path]:
        return list(self.folder.rglob("*.rotation"))


def at_home(folder: Path, front: Front) -> Machine:
    return Machine(folder, front)


def in_runner_temp(folder: Path, front: Front) -> Machine:
    return Machine(folder, front, variables=(("RUNNER_TEMP", str(folder / "temp")),))


def in_state_dir(folder: Path, front: Front) -> Machine:
    return Machine(folder, front, ("--state-dir", folder / "state"))


@pytest.fixture
def machine(tmp_path: Path, front: Front) -> Machine:
    return at_home(tmp_path / "home", front)


@pytest.fixture
def client(plain_server: KeyServer, tmp_path: Path) -> ClientHarness:
    (tmp_path / "client").mkdir()
    return ClientHarness(plain_server, tmp_path / "client")


def the_successor(client: ClientHarness, key: str, printed: str) -> None:
    """The key was rotated once, and what was printed is what came of it."""
    [successor] = client.ledger.successors(key)
    [new] = KEY.findall(printed)
    assert client.ledger.id_of(new) == successor["id"]
    assert client.ledger.of(key)["revoke_due_utc"] is not None


@pytest.mark.parametrize(
    ("place", "at", "answered"),
    [
        (at_home, "/rotations/", True),
        (at_home, "/confirmation", False),
        (at_home, "/confirmation", True),
        (in_runner_temp, "/rotations/", True),
        (in_state_dir, "/rotations/", True),
    ],
)
def test_a_run_that_was_cut_stops_no_other_key(
    front: Front,
    client: ClientHarness,
    tmp_path: Path,
    place: Callable[[Path, Front], Machine],
    at: str,
    *,
    answered: bool,
) -> None:
    """Before, every other key's rotation by that user ended with 11 until the first was done."""
    machine = place(tmp_path / "home", front)
    first, second, third = (client.ledger.add() for _ in range(3))
    machine.cut(first, at=at, answered=answered)
    machine.cut(second, at=at, answered=answered)
    assert len(machine.journals) == 2

    others = machine.run(third)
    assert others.code == DONE, others.err
    the_successor(client, third, others.out)

    for key in (first, second):
        assert machine.run(key, "--dry-run").code == DONE
        done = machine.run(key)
        assert done.code == DONE, done.err
        the_successor(client, key, done.out)
    assert machine.journals == []


def test_two_runs_for_one_key_exclude_each_other_and_two_keys_do_not(
    machine: Machine, client: ClientHarness
) -> None:
    key, other = client.ledger.add(), client.ledger.add()
    with held_back(machine.front, "PUT", "/rotations/") as (arrived, free):
        run = start_client(*machine.command(), env=machine.env(key))
        assert arrived.wait(30)
        second = machine.run(key)
        others = machine.run(other)
        free.set()
    assert wait(run).code == DONE
    assert second.code == BUSY, second.err
    assert "Another run on this machine is using the journal" in second.err
    assert others.code == DONE, others.err
    assert machine.journals == []


def test_a_run_that_is_started_with_the_candidate_finds_the_journal(
    machine: Machine, client: ClientHarness
) -> None:
    """A file held it already when the run was cut; a store that the next run reads did, too."""
    key, other = client.ledger.add(), client.ledger.add()
    store = ("-e", f"command:cp /dev/stdin {client.folder / 'stored'}")
    machine.cut(key, *store, at="/confirmation", answered=False)
    candidate = (client.folder / "stored").read_text()
    assert candidate != key
    machine.cut(other)
    left = len(machine.journals)

    with held_back(machine.front, "PUT", "/confirmation") as (arrived, free):
        run = start_client(*machine.command(), env=machine.env(candidate))
        assert arrived.wait(30)
        assert machine.run(key).code == BUSY, "the old key's run is the same rotation's"
        free.set()
    ended = wait(run)
    assert ended.code == DONE, ended.err
    the_successor(client, key, ended.out)
    assert len(machine.journals) == left - 1


def test_a_journal_under_its_old_name_is_finished_and_stops_nobody(
    machine: Machine, client: ClientHarness
) -> None:
    """The version before named a journal for the command alone."""
    key, other = client.ledger.add(), client.ledger.add()
    machine.cut(key)
    [journal] = machine.journals
    old_name = journal.rename(journal.with_name("0123456789abcdef.rotation"))
    others = machine.run(other)
    assert others.code == DONE, others.err
    assert machine.journals == [old_name]
    done = machine.run(key)
    assert done.code == DONE, done.err
    the_successor(client, key, done.out)
    assert machine.journals == []


@pytest.mark.parametrize("spelling", ["{}/", "HTTP://{host}", "{}//"])
def test_the_same_server_in_another_spelling_is_the_same(
    machine: Machine, client: ClientHarness, spelling: str
) -> None:
    key = client.ledger.add()
    machine.cut(key)
    url = machine.front.url
    other = spelling.format(url, host=url.removeprefix("http://"))
    done = machine.run(key, "--sign-server", other)
    assert done.code == DONE, done.err
    the_successor(client, key, done.out)
    assert machine.journals == []


def test_the_same_key_text_on_two_servers_is_two_keys(tmp_path: Path) -> None:
    one = KeyServer(tmp_path / "one", tls=False)
    one.add_user()
    key = one.add_key()
    shutil.copytree(one.data_dir, tmp_path / "two")
    two = KeyServer(tmp_path / "two", tls=False)
    with one, two, Front(one.url).running() as here, Front(two.url).running() as there:
        home = tmp_path / "home"
        machine, elsewhere = Machine(home, here), Machine(home, there)
        machine.cut(key)
        elsewhere.cut(key)
        assert len(machine.journals) == 2
        for number, each in enumerate((elsewhere, machine)):
            done = each.run(key)
            assert done.code == DONE, done.err
            assert len(machine.journals) == 1 - number
        assert [len(server.keys()) for server in (one, two)] == [2, 2]


# Beside a file


def test_two_keys_in_one_dotenv_file(front: Front, client: ClientHarness, tmp_path: Path) -> None:
    """Before, the second variable could not be rotated while the first was unfinished."""
    machine = Machine(tmp_path / "home", front)
    machine.folder.mkdir()
    file = machine.folder / ".env"
    first, second = client.ledger.add(), client.ledger.add()
    file.write_text(f"FIRST={first}\n# kept\nSECOND={second}\n")
    file.chmod(0o600)

    def variable(name: str) -> tuple[str | Path, ...]:
        return ("--af", file, "--akn", name, "--we", file, "--wn", name)

    machine.cut("", *variable("FIRST"))
    [left] = machine.journals
    done = machine.run("", *variable("SECOND"))
    assert done.code == DONE, done.err
    assert f"{left} is the journal of an unfinished rotation of another key" in done.err
    assert machine.journals == [left]
    done = machine.run("", *variable("FIRST"))
    assert done.code == DONE, done.err
    assert machine.journals == []
    kept = re.fullmatch(
        rf"FIRST=({KEY.pattern})\n# kept\nSECOND=({KEY.pattern})\n", file.read_text()
    )
    assert kept is not None
    for old, new in zip((first, second), kept.groups(), strict=True):
        the_successor(client, old, new)


def test_a_file_that_is_being_written_is_not_written_for_another_key(
    front: Front, client: ClientHarness, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "home", front)
    machine.folder.mkdir()
    file = machine.folder / ".env"
    key, other = client.ledger.add(), client.ledger.add()
    with held_back(front, "PUT", "/rotations/") as (arrived, free):
        run = start_client(*machine.command("--we", file, "--wn", "A"), env=machine.env(key))
        assert arrived.wait(30)
        second = machine.run(other, "--we", file, "--wn", "B")
        stored = run_client(
            *("auth", "set-key", "--from-env", "SIGNOTAUR_API_KEY", "--we", file, "--wn", "C"),
            env=machine.env(other),
        )
        free.set()
    assert wait(run).code == DONE
    assert (second.code, stored.code) == (BUSY, BUSY)
    assert machine.run(other, "--we", file, "--wn", "B").code == DONE
    assert [line.partition("=")[0] for line in file.read_text().splitlines()] == ["A", "B"]


def test_a_key_that_is_stored_beside_a_cut_rotation_tells_its_journals(
    front: Front, client: ClientHarness, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "home", front)
    machine.folder.mkdir()
    file = machine.folder / "key.txt"
    keys = [client.ledger.add() for _ in range(2)]
    for key in keys:
        machine.cut(key, "--wk", file)
    done = run_client(
        *("auth", "set-key", "--from-env", "SIGNOTAUR_API_KEY", "--wk", file),
        env=machine.env(keys[0]),
    )
    assert done.code == DONE, done.err
    assert len(machine.journals) == 2
    for journal in machine.journals:
        assert f"Its journal {journal} may contain the only copy of a key." in done.err
    assert done.err.count("rotate-key finishes the rotation.") == 1
    assert done.err.count("run rotate-key with its old or its new key.") == 1
