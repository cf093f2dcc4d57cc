"""The guard's judgement, as a pure function."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from signotaur_action.model import KeyInfo, Rotation
from signotaur_action.policy.expiry import Level, Limits, Verdict, Window, parse_window, verdict
from signotaur_wire.messages import RotationState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def key(**changes: Any) -> KeyInfo:
    """A key of 90 days with 45 left."""
    facts: dict[str, Any] = {
        "id": 1,
        "name": "ci",
        "owner": "build",
        "may_rotate": True,
        "is_candidate": False,
        "expires_at": NOW + 45 * DAY,
        "revokes_at": None,
        "rotation": None,
        "server_time": NOW,
        "created_at": NOW - 45 * DAY,
    }
    return KeyInfo(**facts | changes)


def rotation(state: RotationState) -> Rotation:
    return Rotation(
        id=UUID(int=7),
        state=state,
        old_key_id=1,
        new_key_id=2,
        new_key_name="ci",
        new_key_expires_at=None,
        overlap_days=7,
        auto_revoke=True,
        again=False,
        overlap_end=NOW + 5 * DAY,
        confirmed_at=NOW - 2 * DAY,
        server_time=NOW,
    )


def judged(found: KeyInfo, fail: str = "", warn: str = "", age: timedelta | None = None) -> Verdict:
    return verdict(found, Limits(parse_window(fail), parse_window(warn), age))


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("90m", Window(timedelta(minutes=90))),
        ("36h", Window(timedelta(hours=36))),
        ("7d", Window(7 * DAY)),
        ("2w", Window(14 * DAY)),
        ("25%", Window(share=0.25)),
        ("0%", Window(share=0.0)),
        ("100%", Window(share=1.0)),
        ("", None),
    ],
)
def test_a_window_is_a_duration_or_a_share(text: str, window: Window | None) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize("text", ["7", "101%", "-1%", "2.5%", "%", "seven days", "7dd", "007%"])
def test_other_texts_are_not_windows(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_window(text)


@pytest.mark.parametrize(
    ("fail", "warn", "level"),
    [
        ("44d", "", Level.GOOD),
        ("45d", "", Level.FAILURE),
        ("49%", "", Level.GOOD),
        ("50%", "", Level.FAILURE),
        ("7d", "44d", Level.GOOD),
        ("7d", "45d", Level.WARNING),
        ("45d", "45d", Level.FAILURE),
        ("", "50%", Level.WARNING),
    ],
)
def test_expiry_is_judged_to_the_second(fail: str, warn: str, level: Level) -> None:
    assert judged(key(), fail, warn).level is level


def test_a_key_without_an_end_passes_every_window() -> None:
    found = judged(key(expires_at=None), "10000d", "100%")
    assert (found.level, found.days_left, found.findings) == (Level.GOOD, None, ())


@pytest.mark.parametrize(("allowed", "level"), [(45, Level.GOOD), (44, Level.FAILURE)])
def test_a_key_that_was_not_rotated_for_too_long_fails(allowed: int, level: Level) -> None:
    assert judged(key(), age=allowed * DAY).level is level


def test_a_key_in_its_overlap_always_learns_of_its_successor() -> None:
    replaced = key(revokes_at=NOW + 5 * DAY, rotation=rotation(RotationState.CONFIRMED))
    found = judged(replaced, "4d")
    assert (found.level, found.state, found.days_left) == (Level.WARNING, "rotated", 5)
    (finding,) = found.findings
    assert finding == (
        "This key was rotated on 2026-02-27T12:00:00Z and is revoked on 2026-03-06T12:00:00Z; "
        "the new key's id is 2."
    )
    assert found.next_step == "Give this build the new key (id 2)."


def test_a_scheduled_revocation_counts_as_an_end() -> None:
    replaced = key(revokes_at=NOW + 5 * DAY, rotation=rotation(RotationState.CONFIRMED))
    found = judged(replaced, "5d")
    assert found.level is Level.FAILURE
    assert found.findings[1] == "The key is revoked in 5 days, on 2026-03-06T12:00:00Z."


@pytest.mark.parametrize("state", [RotationState.OPEN, RotationState.HELD, RotationState.ABORTED])
def test_an_unconfirmed_rotation_causes_no_warning(state: RotationState) -> None:
    found = judged(key(rotation=rotation(state)), "7d")
    assert (found.level, found.state) == (Level.GOOD, "active")


def test_a_candidate_is_called_one() -> None:
    candidate = key(is_candidate=True, rotation=rotation(RotationState.OPEN))
    assert judged(candidate, "7d").state == "candidate"
