"""Each rule that a rotation depends on is taken out of a copy, and a named test turns red."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from proof.build import Build, Change
from proof.conftest import Proof
from proof.matrix import FULL

DELIVERY = "signotaur_action/rotation/delivery.py"
OBTAIN = "signotaur_action/rotation/obtain.py"
BEGIN = """\
        journal.begin(JournalEntry(self._service.address, key.fingerprint(), intent))
"""
REQUEST = "        opened = self._request(key, intent, journal)\n"


@dataclass(frozen=True)
class Removal:
    """A rule, how it is taken out, and the test that must fail then."""

    change: Change
    test: str


NAMED: Mapping[str, Removal] = {
    "fsync": Removal(
        Change(
            "signotaur_action/machine/posix.py",
            "            return\n    os.fsync(descriptor)\n",
            "            return\n",
        ),
        "proof/test_calls.py::test_everything_is_on_the_disk_before_the_next_step_counts_on_it",
    ),
    "confirm": Removal(
        Change(
            DELIVERY,
            "rotation = self._confirm(opened, results)\n",
            "rotation = opened.rotation\n",
        ),
        "rotation/test_run.py::test_the_steps_come_in_the_order_that_makes_any_of_them_the_last",
    ),
    "lease": Removal(
        Change(
            "signotaur_keyserver/domain/rules.py",
            "        if rotation.leased_to_another(holder, now):\n",
            "        if False:\n",
        ),
        "rotation/test_concurrency.py::test_on_another_machine_the_lease_stops_the_second_run",
    ),
    "watchdog": Removal(
        Change(
            "signotaur_action/process.py",
            "    MACHINE.start_watchdog(_watchdog_seconds(environ), _OVERDUE)\n",
            "",
        ),
        "rotation/test_process.py::"
        "test_a_run_that_was_paused_past_its_watchdog_dies_before_it_writes",
    ),
    "mask": Removal(
        Change(DELIVERY, "        self._progress.mask(opened.key)\n", ""),
        "rotation/test_run.py::test_the_new_key_is_masked_before_anything_can_show_it",
    ),
}
OTHERS: Mapping[str, Removal] = {
    "journal before the request": Removal(
        Change(OBTAIN, f"{BEGIN}{REQUEST}", f"{REQUEST}{BEGIN}"),
        "rotation/test_run.py::test_the_new_key_is_in_the_journal_before_the_first_request",
    ),
    "lease of a continued rotation": Removal(
        Change(
            OBTAIN,
            "                return self._take_lease(candidate, intent, journal)\n",
            "                rotation = self._rotation_of(entry)\n"
            "                return rotation and OpenRotation(rotation, candidate)\n",
        ),
        "rotation/test_run.py::test_open_but_leased_to_another_run_is_left_to_it",
    ),
    "read back": Removal(
        Change(DELIVERY, "            self._read_back(opened.key, results)\n", ""),
        "rotation/test_run.py::test_a_destination_with_another_key_stops_the_confirmation",
    ),
    "use of the new key before it is delivered": Removal(
        Change(DELIVERY, "            self._verify(opened)\n", ""),
        "rotation/test_run.py::test_the_new_key_is_used_before_it_is_delivered",
    ),
    "check of the destinations": Removal(
        Change(
            "signotaur_action/rotation/run.py",
            "                concerns |= dict.fromkeys(sink.check())\n",
            "                pass\n",
        ),
        "rotation/test_run.py::test_nothing_is_sent_when_a_destination_is_refused",
    ),
    "lock of the journal": Removal(
        Change(
            "signotaur_action/files/journal/file.py", "            machine.lock(descriptor)\n", ""
        ),
        "rotation/test_concurrency.py::test_on_one_machine_the_journal_stops_the_second_run",
    ),
    "file of its owner alone": Removal(
        Change(
            "signotaur_action/files/atomic.py",
            "                self._machine.set_owner(descriptor, owner)\n",
            "                self._machine.set_owner(descriptor, owner)\n"
            "                os.fchmod(descriptor, 0o644)\n",
        ),
        "unit/test_atomic.py::test_a_new_file_is_readable_by_its_owner_alone_whatever_the_umask",
    ),
    "no redirect": Removal(
        Change("signotaur_action/http/sender.py", "allow_redirects=False", "allow_redirects=True"),
        "e2e/test_failures.py::test_redirect_is_not_followed",
    ),
}
REMOVALS = {**NAMED, **OTHERS}


@pytest.mark.parametrize("rule", REMOVALS if FULL else NAMED)
def test_without_a_rule_a_test_fails(rule: str, tmp_path: Path, proof: Proof) -> None:
    with proof("rules removed") as record, record.point(rule):
        removal = REMOVALS[rule]
        done = Build(tmp_path, [removal.change]).pytest(f"tests/{removal.test}")
        assert done.returncode == 1, done.stdout  # 2 and more: pytest itself could not work
        assert "FAILED tests/" in done.stdout
        assert "ERROR" not in done.stdout, done.stdout


def test_with_all_rules_these_tests_pass(tmp_path: Path) -> None:
    tests = {f"tests/{removal.test}" for removal in (REMOVALS if FULL else NAMED).values()}
    done = Build(tmp_path, []).pytest(*sorted(tests))
    assert done.returncode == 0, done.stdout
