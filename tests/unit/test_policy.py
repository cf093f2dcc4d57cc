"""Durations, the overlap's range, and whether a key is due."""

from datetime import UTC, datetime, timedelta

import pytest

from signotaur_action.policy.durations import describe_span, is_due, overlap_allowed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "allowed"), [(-1, False), (0, True), (1, True), (7, True), (30, True), (31, False)]
)
def test_the_overlap_is_0_to_30_days(days: int, *, allowed: bool) -> None:
    assert overlap_allowed(days) is allowed


@pytest.mark.parametrize(
    ("left", "due"),
    [
        (timedelta(days=8), False),
        (timedelta(days=7, microseconds=1), False),
        (timedelta(days=7), True),
        (timedelta(days=6), True),
        (timedelta(0), True),
        (timedelta(days=-3), True),
    ],
)
def test_a_key_is_due_when_it_ends_within_the_window(left: timedelta, *, due: bool) -> None:
    assert is_due(NOW + left, NOW, timedelta(days=7)) is due


def test_a_key_without_an_end_is_never_due() -> None:
    assert is_due(None, NOW, timedelta(weeks=999_999)) is False


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(days=41, hours=5), "41 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=23, minutes=59), "23 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=59), "59 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(0), "ended"),
        (timedelta(days=-1), "ended"),
    ],
)
def test_a_span_is_shown_in_its_largest_unit(span: timedelta, told: str) -> None:
    assert describe_span(span) == told
