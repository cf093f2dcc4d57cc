"""What a run does with its key and with the journal it found: every case, as a table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from signotaur_action.errors import (
    CHECK_SERVER,
    AlreadyRotatedError,
    ServerError,
    UnauthorizedError,
)
from signotaur_action.model import JournalEntry, KeyInfo, Rotation, RotationIntent, Secret
from signotaur_action.rotation.decision import (
    Adopt,
    Discard,
    JournalDecision,
    KeyDecision,
    Refuse,
    RepeatRequest,
    ReportAgain,
    Start,
    TakeLease,
    decide_for_journal,
    decide_for_key,
)
from signotaur_action.rotation.outcomes import NotDue, RotationPlan
from signotaur_wire.messages import RotationState

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OLD, NEW = Secret("old-key-0000000000000000"), Secret("new-key-0000000000000000")
OPEN = Rotation(
    id=UUID(int=1),
    state=RotationState.OPEN,
    old_key_id=1,
    new_key_id=2,
    new_key_name="build",
    new_key_expires_at=None,
    overlap_days=7,
    auto_revoke=True,
    again=False,
    overlap_end=NOW + 7 * DAY,
    confirmed_at=None,
    server_time=NOW,
)
HELD = replace(OPEN, state=RotationState.HELD)
ABORTED = replace(OPEN, state=RotationState.ABORTED)
CONFIRMED = replace(OPEN, state=RotationState.CONFIRMED, confirmed_at=NOW)
KEY = KeyInfo(
    id=1,
    name="build",
    owner="alice",
    may_rotate=True,
    is_candidate=False,
    expires_at=NOW + 30 * DAY,
    revokes_at=None,
    rotation=None,
    server_time=NOW,
)
CANDIDATE = replace(KEY, id=2, is_candidate=True, rotation=OPEN)
PLAN = RotationPlan(overlap_days=7)
AGAIN = replace(PLAN, again=True)
LEAKED = replace(PLAN, compromised=True)
WEEK = replace(PLAN, window=7 * DAY)
REFUSED = "refused"


@pytest.mark.parametrize(
    ("info", "plan", "decision"),
    [
        pytest.param(KEY, PLAN, Start(), id="a key"),
        pytest.param(KEY, WEEK, NotDue(KEY, 7 * DAY), id="not due"),
        pytest.param(replace(KEY, expires_at=NOW + 7 * DAY), WEEK, Start(), id="due"),
        pytest.param(
            replace(KEY, may_rotate=False), WEEK, NotDue(replace(KEY, may_rotate=False), 7 * DAY),
            id="not due, and no role",
        ),
        pytest.param(replace(KEY, rotation=OPEN), PLAN, Start(), id="an open rotation"),
        pytest.param(replace(KEY, rotation=HELD), PLAN, Start(), id="a stalled rotation"),
        pytest.param(replace(KEY, rotation=ABORTED), PLAN, Start(), id="an aborted rotation"),
        pytest.param(replace(KEY, rotation=CONFIRMED), AGAIN, Start(), id="rotated, --again"),
        pytest.param(CANDIDATE, PLAN, Adopt(OPEN), id="a candidate"),
        pytest.param(CANDIDATE, WEEK, Adopt(OPEN), id="a candidate is finished, due or not"),
        pytest.param(
            replace(CANDIDATE, rotation=HELD), PLAN, Adopt(HELD), id="a stalled candidate"
        ),
    ],
)  # fmt: skip
def test_what_a_run_does_with_its_key(
    info: KeyInfo, plan: RotationPlan, decision: KeyDecision
) -> None:
    assert decide_for_key(info, plan) == decision


@pytest.mark.parametrize(
    ("info", "error"),
    [
        pytest.param(replace(KEY, may_rotate=False), UnauthorizedError, id="no role"),
        pytest.param(replace(KEY, rotation=CONFIRMED), AlreadyRotatedError, id="rotated"),
        pytest.param(
            replace(KEY, rotation=CONFIRMED, may_rotate=False), UnauthorizedError,
            id="rotated, and no role",
        ),
        pytest.param(replace(CANDIDATE, rotation=None), ServerError, id="a candidate of nothing"),
    ],
)  # fmt: skip
def test_what_a_run_refuses(info: KeyInfo, error: type[Exception]) -> None:
    decision = decide_for_key(info, PLAN)
    assert isinstance(decision, Refuse)
    assert type(decision.error) is error


def test_an_answer_that_breaks_the_protocol_sends_a_person_to_the_server() -> None:
    """To run the same command again, as most server errors say, would not help."""
    decision = decide_for_key(replace(CANDIDATE, rotation=None), PLAN)
    assert isinstance(decision, Refuse)
    assert decision.error.next == CHECK_SERVER


def entry(candidate: Secret | None) -> JournalEntry:
    intent = RotationIntent(
        OPEN.id, candidate, overlap_days=7, auto_revoke=True, again=False, holder="run 1"
    )
    return JournalEntry("https://keys.example", OLD.fingerprint(), intent)


ENDED = None
LATE = replace(CONFIRMED, server_time=NOW + DAY + timedelta(seconds=1))
LAST_MOMENT = replace(CONFIRMED, server_time=NOW + DAY)
CONFIRMED_AGAIN = replace(CONFIRMED, again=True)


@pytest.mark.parametrize(
    ("candidate", "rotation", "key", "plan", "decision"),
    [
        pytest.param(NEW, ENDED, OLD, PLAN, RepeatRequest(), id="unknown, old key"),
        pytest.param(NEW, ENDED, NEW, PLAN, Discard(), id="unknown, dead candidate"),
        pytest.param(None, ENDED, OLD, PLAN, RepeatRequest(), id="the server makes the key"),
        pytest.param(NEW, OPEN, OLD, PLAN, TakeLease(NEW), id="open"),
        pytest.param(NEW, OPEN, NEW, PLAN, TakeLease(NEW), id="open, with the candidate"),
        pytest.param(NEW, HELD, OLD, PLAN, TakeLease(NEW), id="stalled"),
        pytest.param(NEW, ABORTED, OLD, PLAN, Discard(), id="aborted"),
        pytest.param(NEW, CONFIRMED, OLD, PLAN, ReportAgain(CONFIRMED, NEW), id="confirmed"),
        pytest.param(
            NEW, LAST_MOMENT, OLD, PLAN, ReportAgain(LAST_MOMENT, NEW), id="a day ago"
        ),
        pytest.param(
            NEW, LATE, OLD, PLAN, ReportAgain(LATE, NEW), id="more than a day ago"
        ),
        pytest.param(NEW, CONFIRMED, NEW, PLAN, ReportAgain(CONFIRMED, NEW), id="with the new key"),
        pytest.param(
            NEW, LATE, NEW, PLAN, Discard(), id="more than a day ago, with the new key"
        ),
        pytest.param(NEW, CONFIRMED, NEW, LEAKED, Discard(), id="with the new key, which leaked"),
        pytest.param(
            NEW, CONFIRMED, OLD, LEAKED, ReportAgain(CONFIRMED, NEW), id="the old key leaked"
        ),
        pytest.param(NEW, CONFIRMED, OLD, AGAIN, Discard(), id="confirmed, and --again is new"),
        pytest.param(
            NEW, CONFIRMED_AGAIN, OLD, AGAIN, ReportAgain(CONFIRMED_AGAIN, NEW),
            id="confirmed by this --again",
        ),
        pytest.param(NEW, OPEN, OLD, AGAIN, TakeLease(NEW), id="open, and --again is new"),
    ],
)  # fmt: skip
def test_what_a_run_does_with_a_journal(
    candidate: Secret | None,
    rotation: Rotation | None,
    key: Secret,
    plan: RotationPlan,
    decision: JournalDecision,
) -> None:
    assert decide_for_journal(entry(candidate), rotation, key, plan) == decision


@pytest.mark.parametrize(
    ("asked_before", "decision"), [(False, Discard()), (True, RepeatRequest())]
)
def test_again_is_asked_for_once_where_the_service_makes_the_key(
    decision: JournalDecision, *, asked_before: bool
) -> None:
    cut = entry(None)
    cut = replace(cut, intent=replace(cut.intent, again=asked_before))
    assert decide_for_journal(cut, ENDED, OLD, AGAIN) == decision
