"""What the user reads when a policy of the server refuses the key."""

from datetime import UTC, datetime, timedelta

import pytest

from signotaur_action.errors import ExitCode
from signotaur_action.http import Answer
from signotaur_action.key_server.problems import refusal
from signotaur_wire.problems import Problem


def answer(problem: Problem, status: int, wait: int | None = None, **members: object) -> Answer:
    """A refusal as the HTTP client returns it."""
    retry_after = None if wait is None else timedelta(seconds=wait)
    document = {"type": problem.value, "status": status, "detail": "No.", **members}
    return Answer(status, document, retry_after, {}, datetime(2026, 5, 17, tzinfo=UTC))


@pytest.mark.parametrize(
    ("refused", "code", "words"),
    [
        (answer(Problem.NETWORK_DENIED, 403), ExitCode.UNAUTHORIZED, "from this network"),
        (answer(Problem.PURPOSE_DENIED, 403), ExitCode.UNAUTHORIZED, "does not allow this command"),
        (answer(Problem.SIGNING_BUDGET_SPENT, 429, 601), ExitCode.FAILURE, "in 11 minutes"),
        (answer(Problem.SIGNING_BUDGET_SPENT, 429, 60), ExitCode.FAILURE, "again in 1 minute, or"),
        (answer(Problem.SIGNING_BUDGET_SPENT, 429), ExitCode.FAILURE, "again later"),
        (
            answer(Problem.INVALID_OVERLAP, 422, overlapDaysMin=3, overlapDaysMax=14),
            ExitCode.INVALID_OVERLAP,
            "between 3 and 14 days",
        ),
        (answer(Problem.INVALID_OVERLAP, 422), ExitCode.INVALID_OVERLAP, "between 0 and 30 days"),
    ],
)
def test_a_policy_is_named(refused: Answer, code: ExitCode, words: str) -> None:
    error = refusal(refused, "https://keys.example.com")
    assert error.code is code
    assert words in f"{error.what} {error.next}"
