"""The pure modules: durations, buckets, states and the rules of arming."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyserver.records import DAY, KEY, NOW, ROTATION
from signotaur_keyserver.api.buckets import TokenBuckets
from signotaur_keyserver.api.context import network_of
from signotaur_keyserver.domain import rules
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.errors import os_reason
from signotaur_wire.messages import KeyState, RotationState


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, KeyState.ACTIVE),
        ({"expires_at_utc": NOW + DAY}, KeyState.ACTIVE),
        ({"expires_at_utc": NOW}, KeyState.EXPIRED),
        ({"revoke_due_utc": NOW + DAY}, KeyState.ACTIVE),
        ({"revoke_due_utc": NOW}, KeyState.REVOKED),
        ({"revoked_at_utc": NOW + DAY}, KeyState.REVOKED),
        ({"enabled": False}, KeyState.DISABLED),
        ({"owner_enabled": False}, KeyState.DISABLED),
        ({"origin": RotationState.OPEN}, KeyState.CANDIDATE),
        ({"origin": RotationState.HELD}, KeyState.CANDIDATE),
        ({"origin": RotationState.SUPERSEDED}, KeyState.CANDIDATE),
        ({"origin": RotationState.CONFIRMED}, KeyState.ACTIVE),
        ({"revoked_at_utc": NOW, "expires_at_utc": NOW, "enabled": False}, KeyState.REVOKED),
        ({"expires_at_utc": NOW, "enabled": False}, KeyState.EXPIRED),
    ],
)
def test_key_states(change: dict[str, object], state: KeyState) -> None:
    assert replace(KEY, **change).state(NOW) is state  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stored", "overlap_end", "lease", "state"),
    [
        ("open", NOW + DAY, NOW - DAY, "open"),
        ("open", NOW - DAY, NOW + DAY, "open"),
        ("open", NOW, NOW, "held"),
        ("held", NOW + DAY, NOW + DAY, "held"),
        ("confirmed", NOW - DAY, NOW - DAY, "confirmed"),
        ("aborted", NOW - DAY, NOW - DAY, "aborted"),
        ("superseded", NOW - DAY, NOW - DAY, "superseded"),
    ],
)
def test_rotation_states(stored: str, overlap_end: datetime, lease: datetime, state: str) -> None:
    rotation = replace(
        ROTATION,
        state=RotationState(stored),
        overlap_end_utc=overlap_end,
        lease_until_utc=lease,
    )
    assert rotation.state_at(NOW) == state


@given(st.integers(0, 30), st.integers(0, 90 * 24))
def test_the_armed_moment_is_never_past_and_never_beyond_one_overlap(days: int, hours: int) -> None:
    opened = NOW - timedelta(hours=hours)
    end = opened + timedelta(days=days)
    rotation = replace(ROTATION, overlap_days=days, opened_at_utc=opened, overlap_end_utc=end)
    armed = rules.revocation_time(rotation, NOW)
    assert NOW <= armed <= NOW + timedelta(days=days)
    assert armed == (end if end > NOW else NOW + timedelta(days=days))


def test_an_earlier_deadline_stays() -> None:
    assert rules.earliest(None, NOW) == NOW
    assert rules.earliest(NOW - DAY, NOW) == NOW - DAY
    assert rules.earliest(NOW + DAY, NOW) == NOW


@pytest.mark.parametrize("state", list(RotationState))
def test_only_unconfirmed_rotations_hold_leases(state: RotationState) -> None:
    rotation = replace(ROTATION, state=state, lease_until_utc=NOW + DAY)
    leased = state in (RotationState.OPEN, RotationState.HELD)
    assert rotation.leased_to_another("else", NOW) is leased
    assert not rotation.leased_to_another("run", NOW)
    assert not rotation.leased_to_another("else", NOW + DAY)


@given(st.lists(st.booleans(), max_size=5))
def test_used_and_living_candidates_are_never_superseded(used: list[bool]) -> None:
    candidates = [
        replace(ROTATION, new_key_id=i, new_first_used_at_utc=NOW if one else None)
        for i, one in enumerate(used)
    ]
    surplus = max(0, len(used) - 2)
    try:
        gone = rules.candidates_to_supersede(candidates, NOW)
    except RefusedError as refused:
        assert used.count(False) < surplus
        assert refused.members == {"candidateKeyIds": list(range(len(used)))}  # noqa: PT017
    else:
        assert len(gone) == surplus
        assert not any(used[rotation.new_key_id] for rotation in gone)


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    now = [0.0]
    buckets = TokenBuckets(3, 0.5, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 2.0]
    assert buckets.take("b") == 0
    now[0] = 1.0
    assert buckets.take("a") == 1.0
    now[0] = 2.0
    assert [buckets.take("a") for _ in range(2)] == [0, 2.0]
    now[0] = 1000.0
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 2.0]


def test_buckets_forget_the_one_that_was_quiet_longest() -> None:
    buckets = TokenBuckets(1, 0.001, capacity=2, clock=lambda: 0.0)
    assert [buckets.take(subject) for subject in "aba"] == [0, 0, 1000]
    assert buckets.take("c") == 0
    assert buckets.take("a") == 1000
    assert buckets.take("b") == 0


@pytest.mark.parametrize(
    ("source", "subject"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:0db8:0001:0002"),
        ("2001:db8:1:2:ffff::", "2001:0db8:0001:0002"),
        (None, None),
        ("testclient", "testclient"),
    ],
)
def test_what_counts_as_one_stranger(source: str | None, subject: str | None) -> None:
    assert network_of(source) == subject


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file or directory", "/secret"), "No such file or directory"),
        (OSError(), "OSError"),
        (TimeoutError("sig_secret"), "TimeoutError"),
        (ValueError("sig_secret"), "ValueError"),
    ],
)
def test_a_reason_is_never_none_and_never_repeats_an_exception(
    error: Exception, reason: str
) -> None:
    assert os_reason(error) == reason
