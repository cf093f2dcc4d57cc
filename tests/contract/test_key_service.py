"""What every ``KeyService`` must do.

The fake one, which stands in for the server in the tests of the rotation, is kept honest here.
The real client and server are asked the same, and the service that calls the vendor's tool.
"""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from signotaur_action.errors import (
    AlreadyRotatedError,
    BusyError,
    InvalidOverlapError,
    ServerError,
    SupersededError,
    UnauthorizedError,
)
from signotaur_action.key_server import HttpKeyService, ServerAddress
from signotaur_action.model import KeyInfo, OpenRotation, RotationIntent, Secret
from signotaur_action.ports import KeyService
from signotaur_action.vendor_tool import ToolCommand, ToolKeyService
from signotaur_wire.limits import LEASE, MAX_CANDIDATES
from signotaur_wire.messages import RotationState
from support.clock import VirtualClock
from support.fakes import FakeKeyService
from support.keys import QUARTER, add_keys
from support.keyserver import KeyServer
from vendor_tool.conftest import Tool

WEEK = 7
A_RUN = "a run"
ANOTHER_RUN = "another run"


class DescribingService(KeyService, Protocol):
    """A key service that describes keys and rotations, as both of these do."""

    def describe(self, key: Secret) -> KeyInfo: ...
    def open_rotation(self, key: Secret, intent: RotationIntent) -> OpenRotation: ...


class ServiceHarness(Protocol):
    """A key service and the two things a person can do to it: add a key, and wait."""

    @property
    def service(self) -> DescribingService: ...

    def add_key(self, *, lifetime: timedelta | None = QUARTER, rotator: bool = True) -> Secret: ...

    def wait(self, days: int = 0, minutes: int = 0) -> None: ...


class FakeServiceHarness:
    def __init__(self) -> None:
        self.service = FakeKeyService()

    def add_key(self, *, lifetime: timedelta | None = QUARTER, rotator: bool = True) -> Secret:
        self.service.may_rotate = rotator
        return self.service.add_key(lifetime)

    def wait(self, days: int = 0, minutes: int = 0) -> None:
        self.service.pass_time(timedelta(days=days, minutes=minutes))


class RealServiceHarness:
    service: DescribingService

    def __init__(self, server: KeyServer) -> None:
        self._server = server
        self._passed = timedelta(0)
        self.service = HttpKeyService(
            ServerAddress(server.url, timedelta(seconds=60), ca_file=server.ca_file), VirtualClock()
        )

    def add_key(self, *, lifetime: timedelta | None = QUARTER, rotator: bool = True) -> Secret:
        user = "build" if rotator else self._server.add_user(f"user-{uuid4()}", rotator=False)
        return Secret(add_keys(self._server, ["ci"], user=user, lifetime=lifetime)[0])

    def wait(self, days: int = 0, minutes: int = 0) -> None:
        self._passed += timedelta(days=days, minutes=minutes)
        self._server.look_past(f"{int(self._passed.total_seconds())}s")


class DescribedTool:
    """The service of the tool. The tests ask the server itself about keys: the tool cannot."""

    arms_at_once = True

    def __init__(self, tool: ToolKeyService, server: HttpKeyService) -> None:
        self.address = tool.address
        self.describe = server.describe
        self.new_key = tool.new_key
        self.rotation = tool.rotation
        self.confirm = tool.confirm
        self._open = tool.open_rotation

    def open_rotation(self, key: Secret, intent: RotationIntent) -> OpenRotation:
        opened = self._open(key, intent)
        assert opened is not None  # it was not asked for a key that may not be due
        return opened


class ToolServiceHarness(RealServiceHarness):
    """The stand-in for the tool before a real server, on plain http."""

    def __init__(self, server: KeyServer, folder: Path) -> None:
        super().__init__(server)
        address = ServerAddress(server.url, timedelta(seconds=60))
        command = ToolCommand(str(Tool(folder / "tool").program), address, os.environ)
        clock = VirtualClock()
        tool = ToolKeyService(command, folder / "journal", clock)
        self.service = DescribedTool(tool, HttpKeyService(address, clock))


_CANNOT_DESCRIBE = "the tool has no command that describes a key"
_NO_OPEN_STATE = "its server schedules the old key's end at once: nothing is open or unconfirmed"
_NO_LEASE = "the tool knows no lease: the client's lock keeps two runs on one machine apart"
_NO_SECOND_CALL = "a rotation cannot be asked for again: its answer is read from the run's file"
_RULES_UNKNOWN = "how the vendor's server treats a key with a successor is not public"
NOT_BY_TOOL = {
    "test_a_fresh_key_takes_part_in_no_rotation": _CANNOT_DESCRIBE,
    "test_a_key_without_an_end_has_none": _CANNOT_DESCRIBE,
    "test_an_unknown_key_is_refused_by_every_call": "the tool's code for that is 1, any failure",
    "test_opening_makes_a_key_that_works_and_arms_nothing": _NO_OPEN_STATE,
    "test_the_same_id_with_another_body_is_refused": _NO_SECOND_CALL,
    "test_the_id_of_another_keys_rotation_is_refused": _NO_SECOND_CALL,
    "test_another_run_must_wait": _NO_LEASE,
    "test_another_run_cannot_take_over_a_rotation_that_is_leased": _NO_LEASE,
    "test_the_same_run_takes_over_at_once": _NO_LEASE,
    "test_a_repeat_takes_the_lease_once_it_has_ended": _NO_LEASE,
    "test_a_repeat_renews_the_lease": _NO_LEASE,
    "test_a_candidate_opens_no_other_rotation": _NO_OPEN_STATE,
    "test_the_fourth_candidate_replaces_one_that_was_never_used": _NO_OPEN_STATE,
    "test_the_fourth_candidate_is_refused_when_all_others_were_used": _NO_OPEN_STATE,
    "test_a_confirmed_rotation_can_still_be_asked_for": _NO_SECOND_CALL,
    "test_the_old_key_cannot_confirm": _NO_OPEN_STATE,
    "test_an_overlap_of_0_days_ends_the_old_key_at_its_confirmation": _NO_OPEN_STATE,
    "test_an_unconfirmed_rotation_is_held_and_ends_no_key": _NO_OPEN_STATE,
    "test_a_key_with_a_successor_is_rotated_again_only_on_demand": _RULES_UNKNOWN,
    "test_a_successor_that_was_used_is_not_lost": _RULES_UNKNOWN,
    "test_repeated_calls_after_a_lost_answer_do_not_count_as_use": _NO_SECOND_CALL,
    "test_the_use_of_a_successor_ends_the_rotation_that_was_to_replace_it": _RULES_UNKNOWN,
    "test_a_lost_successor_keeps_its_overlap_and_stays_when_it_is_found": _RULES_UNKNOWN,
    "test_a_lost_successor_that_nobody_uses_ends_with_its_overlap": _RULES_UNKNOWN,
    "test_the_key_of_again_expires_no_later_than_the_lost_one": _RULES_UNKNOWN,
    "test_a_confirmation_retires_the_other_candidates": _NO_OPEN_STATE,
    "test_a_retired_candidate_is_rotated_only_on_demand": _NO_OPEN_STATE,
    "test_nothing_is_confirmed_while_another_run_delivers_a_sibling": _NO_LEASE,
    "test_a_rotation_is_visible_to_its_two_keys_alone": _NO_SECOND_CALL,
}
"""The cases that do not apply to a rotation through the tool, and why."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kinds = ["fake", "real"]
    if metafunc.function.__name__ not in NOT_BY_TOOL:
        kinds.append("tool")
    for fixture in ("harness", "moving_harness"):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, kinds, indirect=True)


@pytest.fixture
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> ServiceHarness:
    """A harness whose clock stands still."""
    if request.param == "fake":
        return FakeServiceHarness()
    if request.param == "tool":
        return ToolServiceHarness(request.getfixturevalue("plain_server"), tmp_path)
    return RealServiceHarness(request.getfixturevalue("shared_server"))


@pytest.fixture
def moving_harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceHarness]:
    """A harness that can wait."""
    if request.param == "fake":
        yield FakeServiceHarness()
    elif request.param == "tool":
        server = KeyServer(tmp_path / "data", tls=False)
        server.add_user("build")
        with server:
            yield ToolServiceHarness(server, tmp_path)
    else:
        yield RealServiceHarness(request.getfixturevalue("own_server"))


def intent(
    service: DescribingService,
    *,
    holder: str = A_RUN,
    overlap_days: int = WEEK,
    auto_revoke: bool = True,
    again: bool = False,
) -> RotationIntent:
    return RotationIntent(uuid4(), service.new_key(), overlap_days, auto_revoke, again, holder)


def opened(harness: ServiceHarness, old: Secret, **asked: object) -> OpenRotation:
    """Open a rotation with ``asked``."""
    return harness.service.open_rotation(old, intent(harness.service, **asked))  # type: ignore[arg-type]


def confirmed(harness: ServiceHarness, old: Secret, **asked: object) -> OpenRotation:
    """Open a rotation and confirm it."""
    mine = opened(harness, old, **asked)
    return OpenRotation(harness.service.confirm(mine.key, mine.rotation.id), mine.key)


def with_holder(asked: RotationIntent, holder: str) -> RotationIntent:
    return RotationIntent(
        asked.id, asked.candidate, asked.overlap_days, asked.auto_revoke, asked.again, holder
    )


def works(harness: ServiceHarness, key: Secret) -> bool:
    try:
        harness.service.describe(key)
    except UnauthorizedError:
        return False
    return True


# Describing


def test_a_fresh_key_takes_part_in_no_rotation(harness: ServiceHarness) -> None:
    info = harness.service.describe(harness.add_key())
    assert (info.name, info.owner, info.may_rotate) == ("ci", "build", True)
    assert not info.is_candidate
    assert info.rotation is None
    assert info.revokes_at is None
    assert info.expires_at is not None
    assert info.expires_at - info.server_time <= QUARTER


def test_a_key_without_an_end_has_none(harness: ServiceHarness) -> None:
    assert harness.service.describe(harness.add_key(lifetime=None)).ends_at is None


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda service, key: service.describe(key), id="describe"),
        pytest.param(lambda service, key: service.open_rotation(key, intent(service)), id="open"),
        pytest.param(lambda service, key: service.rotation(key, uuid4()), id="rotation"),
        pytest.param(lambda service, key: service.confirm(key, uuid4()), id="confirm"),
    ],
)
def test_an_unknown_key_is_refused_by_every_call(
    harness: ServiceHarness, call: Callable[[DescribingService, Secret], object]
) -> None:
    stranger = harness.service.new_key()
    assert stranger is not None
    with pytest.raises(UnauthorizedError):
        call(harness.service, stranger)


# Opening


def test_opening_makes_a_key_that_works_and_arms_nothing(harness: ServiceHarness) -> None:
    old = harness.add_key()
    mine = opened(harness, old)
    assert mine.rotation.state is RotationState.OPEN
    assert mine.rotation.is_unconfirmed
    assert mine.rotation.confirmed_at is None
    new_info, old_info = harness.service.describe(mine.key), harness.service.describe(old)
    assert new_info.is_candidate
    assert new_info.id == mine.rotation.new_key_id
    assert old_info.id == mine.rotation.old_key_id
    assert old_info.revokes_at is None
    assert not old_info.is_candidate
    for info in (new_info, old_info):
        assert info.rotation is not None
        assert info.rotation.id == mine.rotation.id


def test_the_new_key_has_the_old_ones_name_and_lifetime(harness: ServiceHarness) -> None:
    old = harness.add_key(lifetime=timedelta(days=30))
    mine = opened(harness, old)
    info = harness.service.describe(mine.key)
    assert info.name == mine.rotation.new_key_name == "ci"
    assert info.expires_at == mine.rotation.new_key_expires_at
    assert info.expires_at is not None
    assert timedelta(days=29, hours=23) < info.expires_at - info.server_time <= timedelta(days=30)


def test_the_new_key_of_an_endless_one_is_endless(harness: ServiceHarness) -> None:
    mine = opened(harness, harness.add_key(lifetime=None))
    assert mine.rotation.new_key_expires_at is None


def test_the_overlap_is_announced_at_opening(harness: ServiceHarness) -> None:
    mine = opened(harness, harness.add_key(), overlap_days=3, auto_revoke=False)
    assert mine.rotation.overlap_days == 3
    assert not mine.rotation.auto_revoke
    span = mine.rotation.overlap_end - mine.rotation.server_time
    assert timedelta(days=2, hours=23) < span <= timedelta(days=3)


def test_the_same_request_opens_one_rotation(harness: ServiceHarness) -> None:
    old = harness.add_key()
    asked = intent(harness.service)
    first = harness.service.open_rotation(old, asked)
    second = harness.service.open_rotation(old, asked)
    assert second.rotation.new_key_id == first.rotation.new_key_id
    assert second.key == first.key


def test_the_same_id_with_another_body_is_refused(harness: ServiceHarness) -> None:
    old = harness.add_key()
    asked = intent(harness.service)
    harness.service.open_rotation(old, asked)
    other = RotationIntent(asked.id, harness.service.new_key(), WEEK, True, False, A_RUN)  # noqa: FBT003
    with pytest.raises(SupersededError):
        harness.service.open_rotation(old, other)


def test_the_id_of_another_keys_rotation_is_refused(harness: ServiceHarness) -> None:
    asked = intent(harness.service)
    harness.service.open_rotation(harness.add_key(), asked)
    with pytest.raises(SupersededError):
        harness.service.open_rotation(harness.add_key(), asked)


@pytest.mark.parametrize("days", [-1, 31])
def test_an_overlap_outside_0_to_30_days_is_refused(harness: ServiceHarness, days: int) -> None:
    old = harness.add_key()
    with pytest.raises(InvalidOverlapError):
        opened(harness, old, overlap_days=days)
    assert harness.service.describe(old).rotation is None


def test_an_owner_without_the_role_cannot_open(harness: ServiceHarness) -> None:
    old = harness.add_key(rotator=False)
    assert not harness.service.describe(old).may_rotate
    with pytest.raises(UnauthorizedError):
        opened(harness, old)


# The lease


def test_another_run_must_wait(harness: ServiceHarness) -> None:
    old = harness.add_key()
    opened(harness, old)
    with pytest.raises(BusyError) as refused:
        opened(harness, old, holder=ANOTHER_RUN)
    assert refused.value.retry_after is not None
    assert timedelta(0) < refused.value.retry_after <= LEASE
    assert A_RUN in refused.value.what


def test_another_run_cannot_take_over_a_rotation_that_is_leased(harness: ServiceHarness) -> None:
    old = harness.add_key()
    asked = intent(harness.service)
    mine = harness.service.open_rotation(old, asked)
    for key in (old, mine.key):
        with pytest.raises(BusyError):
            harness.service.open_rotation(key, with_holder(asked, ANOTHER_RUN))


def test_the_same_run_takes_over_at_once(harness: ServiceHarness) -> None:
    old = harness.add_key()
    first = opened(harness, old)
    second = opened(harness, old)
    assert second.rotation.new_key_id != first.rotation.new_key_id
    assert works(harness, first.key)
    assert works(harness, second.key)


def test_a_repeat_takes_the_lease_once_it_has_ended(moving_harness: ServiceHarness) -> None:
    service, old = moving_harness.service, moving_harness.add_key()
    asked = intent(service)
    mine = service.open_rotation(old, asked)
    moving_harness.wait(minutes=11)
    service.open_rotation(old, with_holder(asked, ANOTHER_RUN))
    with pytest.raises(BusyError):
        service.open_rotation(old, asked)
    assert service.describe(mine.key).is_candidate


def test_a_repeat_renews_the_lease(moving_harness: ServiceHarness) -> None:
    service, old = moving_harness.service, moving_harness.add_key()
    asked = intent(service)
    service.open_rotation(old, asked)
    moving_harness.wait(minutes=9)
    service.open_rotation(old, asked)
    moving_harness.wait(minutes=9)
    with pytest.raises(BusyError):
        opened(moving_harness, old, holder=ANOTHER_RUN)
    moving_harness.wait(minutes=2)
    assert opened(moving_harness, old, holder=ANOTHER_RUN).rotation.is_unconfirmed


def test_a_candidate_repeats_its_own_request(harness: ServiceHarness) -> None:
    asked = intent(harness.service)
    mine = harness.service.open_rotation(harness.add_key(), asked)
    again = harness.service.open_rotation(mine.key, asked)
    assert again.rotation.new_key_id == mine.rotation.new_key_id


def test_a_candidate_opens_no_other_rotation(harness: ServiceHarness) -> None:
    mine = opened(harness, harness.add_key())
    with pytest.raises(BusyError):
        opened(harness, mine.key)


def test_the_fourth_candidate_replaces_one_that_was_never_used(harness: ServiceHarness) -> None:
    old = harness.add_key()
    mine = [opened(harness, old) for _ in range(MAX_CANDIDATES)]
    for used in mine[1:]:
        harness.service.describe(used.key)
    fourth = opened(harness, old)
    assert [works(harness, each.key) for each in mine] == [False, True, True]
    assert works(harness, fourth.key)


def test_the_fourth_candidate_is_refused_when_all_others_were_used(harness: ServiceHarness) -> None:
    old = harness.add_key()
    mine = [opened(harness, old) for _ in range(MAX_CANDIDATES)]
    for used in mine:
        harness.service.describe(used.key)
    with pytest.raises(ServerError):
        opened(harness, old)
    assert all(works(harness, each.key) for each in mine)


# Confirming


def test_confirming_arms_the_old_keys_revocation(harness: ServiceHarness) -> None:
    old = harness.add_key()
    mine = confirmed(harness, old)
    assert mine.rotation.state is RotationState.CONFIRMED
    assert mine.rotation.confirmed_at is not None
    info = harness.service.describe(old)
    assert info.revokes_at == mine.rotation.overlap_end
    successor = harness.service.describe(mine.key)
    assert not successor.is_candidate
    assert successor.revokes_at is None
    assert successor.rotation is None


def test_confirming_twice_is_confirming_once(harness: ServiceHarness) -> None:
    mine = confirmed(harness, harness.add_key())
    second = harness.service.confirm(mine.key, mine.rotation.id)
    assert second.confirmed_at == mine.rotation.confirmed_at
    assert second.overlap_end == mine.rotation.overlap_end


def test_a_confirmed_rotation_can_still_be_asked_for(harness: ServiceHarness) -> None:
    old = harness.add_key()
    asked = intent(harness.service)
    mine = harness.service.open_rotation(old, asked)
    harness.service.confirm(mine.key, mine.rotation.id)
    for key in (old, mine.key):
        repeated = harness.service.open_rotation(key, asked).rotation
        assert repeated.state is RotationState.CONFIRMED


def test_the_old_key_cannot_confirm(harness: ServiceHarness) -> None:
    old = harness.add_key()
    mine = opened(harness, old)
    with pytest.raises(SupersededError):
        harness.service.confirm(old, mine.rotation.id)
    assert harness.service.describe(old).revokes_at is None


def test_an_overlap_of_0_days_ends_the_old_key_at_its_confirmation(harness: ServiceHarness) -> None:
    old = harness.add_key()
    mine = opened(harness, old, overlap_days=0)
    assert works(harness, old)
    harness.service.confirm(mine.key, mine.rotation.id)
    assert not works(harness, old)
    assert works(harness, mine.key)
    again = harness.service.confirm(mine.key, mine.rotation.id)
    assert again.state is RotationState.CONFIRMED


def test_without_auto_revoke_the_old_key_has_no_deadline(harness: ServiceHarness) -> None:
    old = harness.add_key()
    confirmed(harness, old, auto_revoke=False)
    assert harness.service.describe(old).revokes_at is None


def test_the_overlap_ends_the_old_key_and_not_the_new_one(moving_harness: ServiceHarness) -> None:
    old = moving_harness.add_key()
    mine = confirmed(moving_harness, old)
    moving_harness.wait(days=WEEK - 1)
    assert works(moving_harness, old)
    moving_harness.wait(days=2)
    assert not works(moving_harness, old)
    assert works(moving_harness, mine.key)


def test_an_unconfirmed_rotation_is_held_and_ends_no_key(moving_harness: ServiceHarness) -> None:
    service, old = moving_harness.service, moving_harness.add_key()
    mine = opened(moving_harness, old)
    moving_harness.wait(days=WEEK + 1)
    held = service.rotation(old, mine.rotation.id)
    assert held is not None
    assert held.state is RotationState.HELD
    assert held.is_unconfirmed
    assert service.describe(mine.key).is_candidate
    late = service.confirm(mine.key, mine.rotation.id)
    assert late.overlap_end - late.server_time > timedelta(days=WEEK - 1)
    assert service.describe(old).revokes_at == late.overlap_end


# Siblings and successors


def test_a_key_with_a_successor_is_rotated_again_only_on_demand(harness: ServiceHarness) -> None:
    old = harness.add_key()
    first = confirmed(harness, old)
    with pytest.raises(AlreadyRotatedError) as refused:
        opened(harness, old)
    assert refused.value.successor_key_id == first.rotation.new_key_id
    second = confirmed(harness, old, again=True)
    assert harness.service.describe(second.key).revokes_at is None


def test_a_successor_that_was_used_is_not_lost(harness: ServiceHarness) -> None:
    """Else somebody who stole the old key could end the key that its owner rotated to."""
    old = harness.add_key()
    first = confirmed(harness, old)
    harness.service.describe(first.key)
    with pytest.raises(AlreadyRotatedError) as refused:
        opened(harness, old, again=True)
    assert refused.value.successor_key_id == first.rotation.new_key_id
    assert refused.value.in_use_since is not None
    assert harness.service.describe(first.key).revokes_at is None


def test_repeated_calls_after_a_lost_answer_do_not_count_as_use(harness: ServiceHarness) -> None:
    old = harness.add_key()
    first = confirmed(harness, old)
    harness.service.confirm(first.key, first.rotation.id)
    harness.service.rotation(first.key, first.rotation.id)
    confirmed(harness, old, again=True)


def test_the_use_of_a_successor_ends_the_rotation_that_was_to_replace_it(
    harness: ServiceHarness,
) -> None:
    old = harness.add_key()
    first = confirmed(harness, old)
    rival = opened(harness, old, again=True)
    harness.service.describe(first.key)
    with pytest.raises(SupersededError):
        harness.service.confirm(rival.key, rival.rotation.id)
    assert harness.service.describe(rival.key).revokes_at == first.rotation.overlap_end


def test_a_lost_successor_keeps_its_overlap_and_stays_when_it_is_found(
    moving_harness: ServiceHarness,
) -> None:
    old = moving_harness.add_key()
    first = confirmed(moving_harness, old)
    unused = confirmed(moving_harness, old, again=True, overlap_days=0)
    moving_harness.wait(days=WEEK - 1)
    assert moving_harness.service.describe(first.key).revokes_at is None
    moving_harness.wait(days=2)
    assert works(moving_harness, first.key)
    assert works(moving_harness, unused.key)


def test_a_lost_successor_that_nobody_uses_ends_with_its_overlap(
    moving_harness: ServiceHarness,
) -> None:
    old = moving_harness.add_key()
    first = confirmed(moving_harness, old)
    confirmed(moving_harness, old, again=True, overlap_days=0)
    moving_harness.wait(days=WEEK + 1)
    assert not works(moving_harness, first.key)


def test_the_key_of_again_expires_no_later_than_the_lost_one(
    moving_harness: ServiceHarness,
) -> None:
    old = moving_harness.add_key()
    first = confirmed(moving_harness, old)
    moving_harness.wait(days=WEEK - 1)
    second = opened(moving_harness, old, again=True)
    assert second.rotation.new_key_expires_at == first.rotation.new_key_expires_at


def test_a_successor_is_rotated_like_any_key(harness: ServiceHarness) -> None:
    second = confirmed(harness, confirmed(harness, harness.add_key()).key)
    assert harness.service.describe(second.key).revokes_at is None


def test_a_confirmation_retires_the_other_candidates(harness: ServiceHarness) -> None:
    service, old = harness.service, harness.add_key()
    asked = intent(service)
    loser = service.open_rotation(old, asked)
    service.describe(loser.key)
    winner = confirmed(harness, old)
    info = service.describe(loser.key)
    assert info.revokes_at == winner.rotation.overlap_end
    assert not info.is_candidate
    for key in (old, loser.key):
        known = service.rotation(key, asked.id)
        assert known is not None
        assert known.state is RotationState.SUPERSEDED
    assert service.open_rotation(loser.key, asked).rotation.state is RotationState.SUPERSEDED
    with pytest.raises(SupersededError):
        service.confirm(loser.key, asked.id)


def test_a_retired_candidate_is_rotated_only_on_demand(harness: ServiceHarness) -> None:
    old = harness.add_key()
    loser = opened(harness, old)
    winner = confirmed(harness, old)
    with pytest.raises(AlreadyRotatedError) as refused:
        opened(harness, loser.key)
    assert refused.value.successor_key_id == winner.rotation.new_key_id
    third = confirmed(harness, loser.key, again=True)
    assert harness.service.describe(third.key).revokes_at is None


def test_nothing_is_confirmed_while_another_run_delivers_a_sibling(
    moving_harness: ServiceHarness,
) -> None:
    service, old = moving_harness.service, moving_harness.add_key()
    paused = opened(moving_harness, old)
    moving_harness.wait(minutes=11)
    opened(moving_harness, old, holder=ANOTHER_RUN)
    with pytest.raises(BusyError):
        service.confirm(paused.key, paused.rotation.id)
    assert service.describe(old).revokes_at is None


# Asking for a rotation


def test_a_rotation_is_visible_to_its_two_keys_alone(harness: ServiceHarness) -> None:
    old, stranger = harness.add_key(), harness.add_key()
    mine = opened(harness, old)
    for key in (old, mine.key):
        told = harness.service.rotation(key, mine.rotation.id)
        assert told is not None
        assert (told.id, told.new_key_id) == (mine.rotation.id, mine.rotation.new_key_id)
    assert harness.service.rotation(stranger, mine.rotation.id) is None
    assert harness.service.rotation(old, UUID(int=7)) is None


def test_each_case_that_the_tool_is_spared_exists() -> None:
    here = vars(sys.modules[__name__])
    assert NOT_BY_TOOL.keys() <= here.keys()


# A service that makes the key itself


def test_a_service_may_make_the_key_and_tells_it_again() -> None:
    service = FakeKeyService(mints=True)
    old = service.add_key()
    asked = intent(service)
    assert asked.candidate is None
    first = service.open_rotation(old, asked)
    assert service.accepts(first.key)
    assert service.open_rotation(old, asked).key == first.key


def test_the_real_service_needs_the_key_that_it_made(tmp_path: Path) -> None:
    service = HttpKeyService(ServerAddress("https://127.0.0.1:1"), VirtualClock())
    asked = RotationIntent(uuid4(), None, WEEK, True, False, str(tmp_path))  # noqa: FBT003
    with pytest.raises(ValueError, match="candidate"):
        service.open_rotation(Secret("x" * 20), asked)
