"""Every key of a fleet has its own rotation and its own result; the run has one report."""

import os
import pty
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from fleet.harness import Fleet, kill_all, results
from support.client import BARE, CLIENT, run_program
from support.front import Exchange, Front
from support.keyserver import KeyServer

PATIENCE = 120
DEAD = "http://127.0.0.1:9"


def names(fresh_name: str, kind: str) -> str:
    return f"{fresh_name}-{kind}"


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# Good keys


def test_keys_that_are_due_are_rotated_and_the_others_are_left_alone(
    fleet: Fleet, fresh_name: str
) -> None:
    due = fleet.add(names(fresh_name, "due"), 3)
    fresh = fleet.add(names(fresh_name, "fresh"), 2, due=False)
    done = fleet.run("--json")
    assert done.code == 0, done.err
    assert {name: each["rotated"] for name, each in results(done).items()} == {
        **dict.fromkeys(due, True),
        **dict.fromkeys(fresh, False),
    }
    assert list(results(done)) == [*due, *fresh]
    fleet.assert_rotated_once(*due)
    assert [fleet.held(name) for name in fresh] == [fleet.keys[name] for name in fresh]
    assert "5 of 5 keys are OK: 3 rotated, 2 not due." in done.err
    for number in range(1, 6):
        assert f"[{number}/5] " in done.err
    assert not [key for name in due for key in (fleet.keys[name], fleet.held(name))
                if key in done.said]  # fmt: skip
    again = fleet.run("--json")
    assert (again.code, again.json["rotated"]) == (0, False)
    fleet.assert_rotated_once(*due)


def test_a_person_sees_a_bar_and_a_log_has_none(fleet: Fleet, fresh_name: str) -> None:
    fleet.add(fresh_name, 3, due=False)
    fleet.write()
    ours, terminal = pty.openpty()
    process = subprocess.Popen(
        [*CLIENT, *fleet.arguments()], env=BARE | fleet.env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # how the end of a terminal reads
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert process.wait(PATIENCE) == 0, shown
    assert b"[######--------------] 1 of 3 keys" in shown
    assert b"[#############-------] 2 of 3 keys" in shown
    assert b"3 of 3 keys are OK: 3 not due." in shown
    assert "#" not in fleet.run().err


def test_a_dry_run_says_what_would_happen_and_changes_nothing(
    fleet: Fleet, fresh_name: str
) -> None:
    [due, other] = fleet.add(fresh_name, 2)
    done = fleet.run("--dry-run", "--only", due)
    assert done.code == 0, done.err
    assert f"{due}: would be rotated; nothing was changed (dry run)" in done.err
    assert other not in done.err
    assert fleet.held(due) == fleet.keys[due]


def test_a_key_in_a_variable_goes_to_no_other_rotation(
    fleet: Fleet, fresh_name: str, tmp_path: Path
) -> None:
    """Each destination's program writes down its variables: only its own key's name is there."""
    found = fleet.add(fresh_name, 2)
    program = tmp_path / "store"
    program.write_text('#!/bin/sh\nenv > "$1"\ncat > "$1.key"\n')
    program.chmod(0o700)
    variables = {name: f"KEY_{number}" for number, name in enumerate(found)}
    for name, variable in variables.items():
        fleet.entries[name] = {
            "api-key-name": variable,
            "emit-secret": [f"command:{program} {tmp_path / name}"],
            "variables-from": {"STORE_TOKEN": f"TOKEN_OF_{variable}"},
        }
    env = {variable: fleet.keys[name] for name, variable in variables.items()}
    tokens = {f"TOKEN_OF_{variable}": f"token of {name}" for name, variable in variables.items()}
    done = fleet.run(env=env | tokens | {"INPUT_WRITE-KEY-FILE": "/nowhere"})
    assert done.code == 0, done.err
    for name, variable in variables.items():
        seen = dict(line.split("=", 1) for line in (tmp_path / name).read_text().splitlines())
        assert not {"KEY_0", "KEY_1"} & set(seen), variable
        assert seen["STORE_TOKEN"] == f"token of {name}"
        assert (tmp_path / f"{name}.key").read_text() != fleet.keys[name]


def test_starts_keep_their_distance(fleet: Fleet, front: Front, fresh_name: str) -> None:
    fleet.add(fresh_name, 3, due=False)
    fleet.defaults["sign-server"] = front.url
    moments: list[float] = []

    def note(exchange: Exchange) -> bool:
        if exchange.path.endswith("/self"):
            moments.append(time.monotonic())
        return False

    front.faults.append(note)
    begin = time.monotonic()
    done = fleet.run("--starts-per-minute", "30")
    assert done.code == 0, done.err
    assert len(moments) == 3
    assert moments[-1] - begin >= 4  # the third starts 2 times 2 s after the first


# One key's fault


def test_the_fault_of_one_key_stops_no_other(fleet: Fleet, fresh_name: str) -> None:
    good = fleet.add(names(fresh_name, "good"), 3)
    [dead] = fleet.add(names(fresh_name, "dead"))
    [refused] = fleet.add(names(fresh_name, "refused"))
    [unknown] = fleet.add(names(fresh_name, "unknown"))
    fleet.entries[dead] |= {"sign-server": DEAD, "timeout": "2s"}
    fleet.key_file(unknown).write_text("a-key-that-no-server-knows\n")
    occupied = fleet.folder / "notes.txt"
    occupied.write_text("a shopping list, and no key\n")
    fleet.entries[refused]["write-key-file"] = str(occupied)
    done = fleet.run("--json")
    fleet.assert_rotated_once(*good)
    codes = {name: each["exitCode"] for name, each in results(done).items()}
    assert codes == {**dict.fromkeys(good, 0), dead: 1, refused: 11, unknown: 2}
    assert done.code == done.json["exitCode"] == 1
    assert "3 of 6 keys are OK: 3 rotated, 3 failed." in done.err
    for name in (dead, refused, unknown):
        assert results(done)[name]["keys"]
        assert results(done)[name]["next"]
        assert f"{name}: Error: " in done.err
    assert occupied.read_text() == "a shopping list, and no key\n"
    again = fleet.run("--json", "--only", refused)
    assert again.code == 11


# The end of the run, and the next one


class Held:
    """Confirmations that the front keeps until they are let go."""

    def __init__(self, fleet: Fleet, front: Front) -> None:
        self.count = 0
        self._end = Event()
        self._front = front
        front.faults.append(self._hold)
        fleet.defaults["sign-server"] = front.url

    def _hold(self, exchange: Exchange) -> bool:
        if exchange.path.endswith("/confirmation"):
            self.count += 1
            self._end.wait(PATIENCE)
        return False

    def let_go(self) -> None:
        self._front.faults.clear()
        self._end.set()


def test_a_signal_ends_all_rotations_and_each_says_where_it_is(
    fleet: Fleet, front: Front, fresh_name: str
) -> None:
    found = fleet.add(fresh_name, 5)
    held = Held(fleet, front)
    process = fleet.start("--json", "--parallel", "2")
    until(lambda: held.count >= 2)
    process.terminate()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143, err
    assert "The run was terminated. 0 of 5 keys are OK: 2 failed, 3 not started." in err
    assert err.count("The run was terminated (SIGTERM).") >= 2
    assert '"exitCode": null' in out
    held.let_go()
    done = fleet.run()
    assert done.code == 0, done.err
    fleet.assert_rotated_once(*found)


def test_the_same_command_continues_each_rotation_after_everything_was_killed(
    fleet: Fleet, fresh_name: str
) -> None:
    found = fleet.add(fresh_name, 12)
    moments = random.Random(fresh_name)  # noqa: S311 - it is in the name of a failing test's key
    kills = 0
    for _ in range(4):
        process = fleet.start()
        count = kills

        def ended() -> bool:
            return sum(fleet.held(name) != fleet.keys[name] for name in found) > 2 * count  # noqa: B023

        until(lambda: ended() or process.poll() is not None)  # noqa: B023
        time.sleep(moments.random() / 2)
        kills += process.poll() is None
        kill_all(process)
    done = fleet.run()
    assert done.code == 0, done.err
    fleet.assert_rotated_once(*found)
    assert kills >= 2
    assert list(fleet.folder.rglob("*.rotation")) == []


def test_a_rotation_whose_process_is_killed_has_a_result(
    fleet: Fleet, front: Front, fresh_name: str
) -> None:
    [name] = fleet.add(fresh_name)
    held = Held(fleet, front)
    process = fleet.start("--json")
    until(lambda: held.count)
    [child] = [int(pid) for pid in _children(process.pid)]
    os.kill(child, signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err
    assert f"{name}: The rotation was ended by signal 9." in err
    held.let_go()
    assert fleet.run().code == 0
    fleet.assert_rotated_once(name)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_no_rotation_can_read_the_arguments_of_another_for_a_key(
    fleet: Fleet, front: Front, fresh_name: str
) -> None:
    """Command lines are visible to every user of a machine."""
    fleet.add(fresh_name)
    held = Held(fleet, front)
    process = fleet.start()
    until(lambda: held.count)
    words = Path(f"/proc/{_children(process.pid)[0]}/cmdline").read_bytes()
    kill_all(process)
    held.let_go()
    assert b"rotate-key" in words
    assert not [key for key in fleet.keys.values() if key.encode() in words]


@pytest.mark.parametrize("command", ["rotate_key", "guard", "confirm_rotation", "sign"])
def test_the_other_commands_do_not_load_yaml(command: str) -> None:
    """It would cost each of their starts 20 ms."""
    code = f"import sys, signotaur_action.cli, signotaur_action.commands.{command}; "
    done = run_program(
        [sys.executable, "-I", "-c", code + "print(*sys.modules)"], env=BARE, timeout=PATIENCE
    )
    assert "signotaur_action.options.fleet" in done.out.split()
    assert not {"yaml", "signotaur_action.fleet"} & set(done.out.split())


def test_several_servers(
    fleet: Fleet, shared_server: KeyServer, tmp_path: Path, fresh_name: str
) -> None:
    [here] = fleet.add(names(fresh_name, "here"))
    (tmp_path / "there").mkdir()
    other = Fleet(shared_server, tmp_path / "there")
    [there] = other.add(names(fresh_name, "there"))
    fleet.entries |= {
        there: other.entries[there]
        | {"sign-server": shared_server.url, "ca-file": str(shared_server.ca_file)}
    }
    assert fleet.run().code == 0
    fleet.assert_rotated_once(here)
    other.assert_rotated_once(there)
