"""Durations, as both command lines read them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signotaur_wire.durations import LONGEST, parse_duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0s", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        (" 7d\n", timedelta(days=7)),
        ("36500d", LONGEST),
        ("0000000007d", timedelta(days=7)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "d",
        "7 d",
        "-7d",
        "+7d",
        "1.5h",
        "7D",
        "7d7h",
        "1y",
        "\u0667d",
        "7days",
        "1" * 11 + "s",
    ],
)
def test_other_texts_are_not_durations(text: str) -> None:
    with pytest.raises(ValueError, match="a number and a unit"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "5215w", "9999999999s", "9999999999w"])
def test_more_than_a_century_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 36500d"):
        parse_duration(text)


REFUSALS = (
    "a duration is a number and a unit: 90s, 90m, 36h, 30d or 2w",
    "a duration is at most 36500d",
)


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        assert timedelta(0) <= parse_duration(text) <= LONGEST
    except ValueError as error:
        assert str(error) in REFUSALS  # noqa: PT017 - they never show the text
