"""The exit code of a fleet, and its report, for every way in which its keys can end."""

from typing import Any

import pytest

from signotaur_action.errors import ExitCode
from signotaur_action.fleet.outcomes import Entry, EntryResult, FleetOutcome
from signotaur_action.reporting.fleet import fleet_report

ROTATED: dict[str, Any] = {
    "rotated": True,
    "oldKeyId": 7,
    "keyId": 8,
    "overlapEnd": "2026-03-08T12:00:00Z",
    "autoRevoke": True,
}
FAILED = {"what": "It failed.", "keys": "Both keys work.", "next": "Run it again."}
KILLED = -9


def outcome(*codes: int | None, stopped: ExitCode | None = None) -> FleetOutcome:
    results = (
        EntryResult(f"key-{number}", code, {} if code in (None, KILLED) else FAILED)
        for number, code in enumerate(codes)
    )
    return FleetOutcome(tuple(results), stopped)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), 0),
        ((0, 0), 0),
        ((0, 14), 14),
        ((14, 15), 15),
        ((15, 3), 3),
        ((3, 10), 10),
        ((10, 11), 11),
        ((11, 2), 2),
        ((2, 1), 1),
        ((1, 12, 0), 12),
        ((KILLED, 14), 1),
        ((KILLED, 0), 1),
        ((143, 11), 1),
    ],
)
def test_the_code_is_that_of_the_key_that_needs_attention_first(
    codes: tuple[int, ...], expected: int
) -> None:
    assert outcome(*codes).code == expected


def test_a_run_that_was_stopped_ends_with_its_signals_code() -> None:
    stopped = outcome(12, None, stopped=ExitCode.INTERRUPTED)
    assert stopped.code == 130
    assert fleet_report(stopped).headline == (
        "The run was interrupted. 0 of 2 keys are OK: 1 failed, 1 not started."
    )


def rows(*results: EntryResult) -> dict[str, str]:
    return dict(fleet_report(FleetOutcome(results)).rows)


def test_each_row_says_how_the_key_is() -> None:
    for_ever = ROTATED | {"autoRevoke": False, "oldKeyId": None}
    shown = rows(
        EntryResult("a", 0, ROTATED),
        EntryResult("b", 0, for_ever),
        EntryResult("c", 0, {"rotated": False, "wouldRotate": False}),
        EntryResult("d", 0, {"rotated": False, "wouldRotate": True}),
        EntryResult("e", 12, FAILED),
        EntryResult("f", KILLED, {}),
        EntryResult("g", 1, {}),
        EntryResult("h", None, {}),
    )
    assert shown == {
        "a": "rotated key 7 to key 8; the old one is revoked at 2026-03-08T12:00:00Z",
        "b": "rotated the key to key 8; the old one is not revoked",
        "c": "not due",
        "d": "would be rotated; nothing was changed (dry run)",
        "e": "failed (12): It failed. Keys: Both keys work. Next: Run it again.",
        "f": "failed (-9): The rotation was ended by signal 9. Keys: Every destination has "
        "a key that works. It is not known whether the old key's revocation is armed. Next: Run "
        "the same command again.",
        "g": "failed (1): The rotation was ended with 1 and no result. Keys: Every destination has "
        "a key that works. It is not known whether the old key's revocation is armed. Next: Run "
        "the same command again.",
        "h": "not started",
    }


def test_the_outputs_name_the_keys_that_are_not_well() -> None:
    content = fleet_report(outcome(0, 12, None))
    assert dict(content.outputs) == {"rotated": "false", "failed-keys": "key-1 key-2"}
    assert dict(fleet_report(outcome(0)).outputs) == {"rotated": "false", "failed-keys": ""}


def test_an_entry_does_not_show_its_variables() -> None:
    assert "secret" not in repr(Entry("a", (), {"KEY": "secret"}))
