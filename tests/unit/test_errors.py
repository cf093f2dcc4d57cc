"""Every error says what failed, how the keys stand and what to do next, under its own code."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from signotaur_action import errors
from signotaur_action.errors import (
    BOTH_KEYS_VALID,
    OLD_KEY_UNTOUCHED,
    AlreadyRotatedError,
    BusyError,
    ExitCode,
    RunInterruptedError,
    SignotaurError,
    StopSignal,
    UnfinishedError,
    UsageError,
)

SPECIAL: dict[type[SignotaurError], Callable[[], SignotaurError]] = {
    AlreadyRotatedError: lambda: AlreadyRotatedError(7),
    RunInterruptedError: lambda: RunInterruptedError(
        ExitCode.INTERRUPTED, open_keys=BOTH_KEYS_VALID
    ),
    UsageError: lambda: UsageError(["it is wrong"]),
}


def every_error() -> list[type[SignotaurError]]:
    found = [SignotaurError]
    for each in found:
        found += each.__subclasses__()
    return found


@pytest.mark.parametrize("error_class", every_error(), ids=lambda each: each.__name__)
def test_an_error_says_three_things(error_class: type[SignotaurError]) -> None:
    make = SPECIAL.get(error_class, lambda: error_class("It failed."))
    error = make()
    for text in (error.what, error.keys, error.next):
        assert text.strip()
        assert text == text.strip()
    assert error.code in ExitCode
    assert error.code is not ExitCode.DONE
    assert error.__doc__


def test_the_errors_are_those_of_the_module() -> None:
    assert {each.__module__ for each in every_error()} == {errors.__name__}
    assert len(every_error()) >= 12


def test_the_exit_codes_are_those_of_the_design() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0,
        "FAILURE": 1,
        "UNAUTHORIZED": 2,
        "INVALID_OVERLAP": 3,
        "USAGE": 10,
        "DESTINATION_REFUSED": 11,
        "NOT_DELIVERED": 12,
        "EXPIRING": 13,
        "BUSY": 14,
        "ALREADY_ROTATED": 15,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }
    assert len(ExitCode.__members__) == len(set(ExitCode)), "two names share a code"


def test_what_is_said_of_the_keys_can_be_replaced() -> None:
    error = SignotaurError("what", keys="keys", next_step="next")
    assert (error.what, error.keys, error.next, str(error)) == ("what", "keys", "next", "what")


def test_several_problems_are_a_list_and_one_is_a_sentence() -> None:
    assert UsageError(["a"]).what == "a"
    assert UsageError(["a", "b"]).what.endswith("- a\n- b")
    assert UsageError(["a", "b"]).faults == ("a", "b")


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        (None, "when it has ended"),
        (timedelta(seconds=90), "in 90 s"),
        (timedelta(milliseconds=1), "in 1 s"),
        (timedelta(0), "in 1 s"),
    ],
)
def test_a_busy_error_says_when_to_try_again(wait: timedelta | None, told: str) -> None:
    assert BusyError("x", retry_after=wait).next == f"Run the same command again {told}."


def test_a_rotated_key_names_its_successor_if_it_is_known() -> None:
    assert "key 7" in AlreadyRotatedError(7).what
    assert "None" not in AlreadyRotatedError(None).what
    assert "--again" in AlreadyRotatedError(None).next


def test_a_successor_in_use_is_reported_with_the_way_out() -> None:
    error = AlreadyRotatedError(7, in_use_since=datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert "in use since 2026-03-01T12:00:00Z" in error.what
    assert "--again cannot replace it" in error.what
    assert "changed nothing" in error.keys
    assert "signotaur-keyserver key revoke 7" in error.next
    assert "None" not in AlreadyRotatedError(None, in_use_since=datetime.now(UTC)).next


@pytest.mark.parametrize("code", [ExitCode.INTERRUPTED, ExitCode.TERMINATED])
@pytest.mark.parametrize("open_keys", [None, BOTH_KEYS_VALID])
def test_an_interruption_reports_the_state_of_the_keys(
    code: ExitCode, open_keys: str | None
) -> None:
    error = StopSignal(code, open_keys=open_keys).as_error()
    assert error.code is code
    assert error.keys == (open_keys or OLD_KEY_UNTOUCHED)


def test_another_statement_about_the_keys_changes_nothing_else() -> None:
    error = UnfinishedError("It stopped.", next_step="Wait.", results=(("a", "delivered"),))
    other = error.with_keys("Unknown.")
    assert (other.what, other.next, other.code, other.results) == (
        error.what,
        error.next,
        error.code,
        error.results,
    )
    assert other.keys == "Unknown."
    assert error.keys == BOTH_KEYS_VALID


def test_a_library_cannot_swallow_a_stop_signal() -> None:
    assert not issubclass(StopSignal, Exception)
