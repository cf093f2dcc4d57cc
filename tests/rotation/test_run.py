"""The use case, one named test per state. Only the outside world is fake; the journal is real."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from rotation.harness import FRESH_RUN, WEEK, RotationHarness, stop
from signotaur_action.errors import (
    AlreadyRotatedError,
    BusyError,
    DestinationRefusedError,
    InvalidOverlapError,
    ServerError,
    StopSignal,
    SupersededError,
    UnauthorizedError,
    UnfinishedError,
)
from signotaur_action.files.journal import JournalPlace
from signotaur_action.model import KeyInfo, OpenRotation, Rotation, RotationIntent, Secret
from signotaur_action.rotation import NotDue, RotationPlan, RotationRun, WouldRotate
from signotaur_wire.messages import DeliveryOutcome, DestinationOutcome, RotationState
from support.fakes import FakeKeyService, FakeRotation, MemorySink

AGAIN = RotationPlan(WEEK, again=True)
A_RUN = RotationPlan(WEEK, holder="a run")
ANOTHER_RUN = RotationPlan(WEEK, holder="another run")


@pytest.fixture
def harness(tmp_path: Path) -> RotationHarness:
    return RotationHarness(tmp_path)


@pytest.fixture(params=["client makes the key", "server makes the key"])
def either_bench(request: pytest.FixtureRequest, tmp_path: Path) -> RotationHarness:
    return RotationHarness(tmp_path, mints=request.param == "server makes the key")


def only_rotation(harness: RotationHarness) -> FakeRotation:
    (rotation,) = harness.service.rotations.values()
    return rotation


def assert_finished(harness: RotationHarness, *, rotations: int = 1) -> None:
    """Every destination holds the one key that nothing will revoke; nothing is left behind."""
    (held,) = harness.held()
    assert held is not None
    assert harness.service.accepts(held)
    lasting = [key.secret for key in harness.service.keys if key.revokes_at is None]
    assert lasting == [held]
    states = [each.state for each in harness.service.rotations.values()]
    assert states.count(RotationState.CONFIRMED) == rotations
    assert harness.journals == []


# An undisturbed run


def test_the_steps_come_in_the_order_that_makes_any_of_them_the_last(
    either_bench: RotationHarness,
) -> None:
    outcome = either_bench.rotated()
    assert list(either_bench.log) == FRESH_RUN
    assert outcome.destinations == ("first", "last")
    assert outcome.durable
    assert_finished(either_bench)


def test_the_new_key_is_in_the_journal_before_the_first_request(
    harness: RotationHarness,
) -> None:
    harness.cut_before("open")
    entry = harness.entry
    assert entry is not None
    assert entry.candidate is not None
    assert entry.old_key_fingerprint == harness.old.fingerprint()
    assert harness.new_keys == []


def test_a_key_that_the_server_makes_is_in_the_journal_before_it_is_used(tmp_path: Path) -> None:
    harness = RotationHarness(tmp_path, mints=True)
    harness.cut_before("mask")
    entry = harness.entry
    assert entry is not None
    assert [entry.candidate] == harness.new_keys


def test_the_new_key_is_masked_before_anything_can_show_it(harness: RotationHarness) -> None:
    harness.rotated()
    assert harness.progress.masked == harness.new_keys
    assert harness.log.index("mask") < harness.log.index("deliver first")


def test_the_new_key_is_used_before_it_is_delivered(harness: RotationHarness) -> None:
    harness.cut_before("deliver first")
    assert only_rotation(harness).new.used


def test_deliveries_carry_the_facts_that_templates_show(harness: RotationHarness) -> None:
    outcome = harness.rotated()
    for sink in harness.sinks:
        (delivery,) = sink.deliveries
        assert delivery.key == outcome.key
        assert delivery.key_id == outcome.rotation.new_key_id
        assert delivery.name == "ci"
        assert delivery.expires_at == outcome.rotation.new_key_expires_at
        assert delivery.overlap_end == outcome.rotation.overlap_end


def test_the_plan_reaches_the_server(harness: RotationHarness) -> None:
    harness.rotated(plan=RotationPlan(3, auto_revoke=False, holder="run 7"))
    intent = only_rotation(harness).intent
    assert (intent.overlap_days, intent.auto_revoke, intent.again) == (3, False, False)
    assert (intent.holder, intent.compromised) == ("run 7", False)


def test_without_a_ci_run_the_rotation_owns_the_lease(harness: RotationHarness) -> None:
    harness.rotated()
    rotation = only_rotation(harness)
    assert rotation.intent.holder == f"rotation {rotation.intent.id}"


def test_a_run_without_durable_destinations_says_so(harness: RotationHarness) -> None:
    harness.sinks = [harness.sink("stdout", durable=False, readable=False)]
    assert not harness.rotated().durable


def test_two_rotations_by_one_command_make_two_keys(harness: RotationHarness) -> None:
    first = harness.rotated()
    second = harness.rotated(first.key)
    assert second.key != first.key
    assert second.rotation.old_key_id == first.rotation.new_key_id
    assert_finished(harness, rotations=2)


# Nothing is sent


def test_nothing_is_sent_when_a_destination_is_refused(harness: RotationHarness) -> None:
    harness.sinks[0].refuse = True
    with pytest.raises(DestinationRefusedError, match="first is refused"):
        harness.run()
    assert list(harness.log) == FRESH_RUN[:2]
    assert harness.journals == []


def test_all_refused_destinations_are_named_at_once(harness: RotationHarness) -> None:
    for sink in harness.sinks:
        sink.refuse = True
    with pytest.raises(DestinationRefusedError) as refused:
        harness.run()
    assert refused.value.what.endswith("- first is refused\n- last is refused")
    assert "Nothing was sent" in refused.value.keys


def test_nothing_is_asked_for_when_the_journal_cannot_be_written(harness: RotationHarness) -> None:
    harness.place = JournalPlace(Path("/proc/none/key"))
    with pytest.raises(DestinationRefusedError, match="no place for the journal"):
        harness.run()
    assert list(harness.log) == []


# Not due, dry run


def test_a_key_that_does_not_end_within_the_window_stays(harness: RotationHarness) -> None:
    outcome = harness.run(plan=RotationPlan(WEEK, window=timedelta(days=30)))
    assert isinstance(outcome, NotDue)
    assert outcome.key is not None
    assert outcome.key.id == 1
    assert list(harness.log) == FRESH_RUN[:3]
    assert harness.journals == []


def test_a_key_that_ends_within_the_window_is_rotated(harness: RotationHarness) -> None:
    harness.rotated(plan=RotationPlan(WEEK, window=timedelta(days=90)))


def test_a_cut_rotation_is_finished_whether_or_not_the_key_is_due(harness: RotationHarness) -> None:
    harness.cut_before("deliver last")
    harness.rotated(plan=RotationPlan(WEEK, window=timedelta(days=1)))
    assert_finished(harness)


def test_a_dry_run_changes_nothing(harness: RotationHarness) -> None:
    outcome = harness.preview()
    assert isinstance(outcome, WouldRotate)
    assert not outcome.continues
    assert list(harness.log) == FRESH_RUN[:3]
    assert harness.service.rotations == {}
    assert harness.journals == []


def test_a_dry_run_tells_that_nothing_is_due(harness: RotationHarness) -> None:
    assert isinstance(harness.preview(RotationPlan(WEEK, window=timedelta(days=30))), NotDue)


def test_a_dry_run_tells_that_a_cut_rotation_would_be_finished(harness: RotationHarness) -> None:
    harness.cut_before("confirm")
    outcome = harness.preview()
    assert isinstance(outcome, WouldRotate)
    assert outcome.continues
    assert only_rotation(harness).state is RotationState.OPEN


def test_a_dry_run_with_a_candidate_would_finish_its_rotation(harness: RotationHarness) -> None:
    harness.cut_before("confirm")
    harness.lose_journal()
    harness.old = harness.new_keys[0]
    outcome = harness.preview()
    assert isinstance(outcome, WouldRotate)
    assert outcome.continues


def test_a_dry_run_refuses_what_the_run_would_refuse(harness: RotationHarness) -> None:
    harness.rotated()
    with pytest.raises(AlreadyRotatedError):
        harness.preview()
    assert isinstance(harness.preview(AGAIN), WouldRotate)


# Refused by the server: nothing was opened, so the journal is forgotten


def test_an_unknown_key_is_refused(harness: RotationHarness) -> None:
    with pytest.raises(UnauthorizedError):
        harness.run(Secret("no key of this server"))
    assert harness.journals == []


def test_a_missing_role_is_found_before_anything_is_asked_for(harness: RotationHarness) -> None:
    harness.service.may_rotate = False
    with pytest.raises(UnauthorizedError, match="ApiKeyRotator"):
        harness.run()
    assert "open" not in harness.log
    assert harness.journals == []


def test_an_overlap_that_the_server_refuses_leaves_nothing(harness: RotationHarness) -> None:
    with pytest.raises(InvalidOverlapError):
        harness.run(plan=RotationPlan(31))
    assert harness.journals == []


def test_a_key_that_another_run_rotates_leaves_nothing(harness: RotationHarness) -> None:
    harness.cut_before("deliver first")
    harness.lose_journal()
    with pytest.raises(BusyError):
        harness.run()
    assert harness.journals == []


def test_a_key_that_was_rotated_is_not_rotated_once_more(harness: RotationHarness) -> None:
    first = harness.rotated()
    with pytest.raises(AlreadyRotatedError) as refused:
        harness.run()
    assert refused.value.successor_key_id == first.rotation.new_key_id
    assert harness.journals == []
    assert_finished(harness)


def test_again_replaces_a_successor_that_was_lost(harness: RotationHarness) -> None:
    lost = harness.rotated()
    found = harness.rotated(plan=AGAIN)
    assert found.key != lost.key
    assert_finished(harness, rotations=2)


# No clear answer: the journal is kept


class Failing(FakeKeyService):
    """Loses its answers to one call: the work is done, and nobody hears of it."""

    lost_call = ""
    lost = 0

    def _lose(self, call: str) -> None:
        if call == self.lost_call and self.lost:
            self.lost -= 1
            raise ServerError("no answer")

    def describe(self, key: Secret) -> KeyInfo:
        info = super().describe(key)
        self._lose("describe")
        return info

    def open_rotation(self, key: Secret, intent: RotationIntent) -> OpenRotation:
        opened = super().open_rotation(key, intent)
        self._lose("open")
        return opened

    def confirm(
        self, key: Secret, rotation_id: UUID, destinations: Sequence[DestinationOutcome] = ()
    ) -> Rotation:
        rotation = super().confirm(key, rotation_id, destinations)
        self._lose("confirm")
        return rotation


def failing(harness: RotationHarness, call: str) -> None:
    service = Failing(mints=harness.service.mints, calls=harness.log)
    service.keys, service.lost_call, service.lost = harness.service.keys, call, 1
    harness.service = service


def test_an_opening_without_an_answer_is_repeated_by_the_same_command(
    either_bench: RotationHarness,
) -> None:
    failing(either_bench, "open")
    with pytest.raises(ServerError):
        either_bench.run()
    assert either_bench.entry is not None
    either_bench.rotated()
    assert len(either_bench.new_keys) == 1
    assert_finished(either_bench)


def test_a_confirmation_without_an_answer_is_repeated_by_the_same_command(
    either_bench: RotationHarness,
) -> None:
    failing(either_bench, "confirm")
    with pytest.raises(UnfinishedError, match="no answer") as unfinished:
        either_bench.run()
    assert "It is not known whether the old" in unfinished.value.keys
    assert either_bench.entry is not None
    either_bench.rotated()
    assert len(either_bench.new_keys) == 1
    assert_finished(either_bench)


class Broken(FakeKeyService):
    """Fails after confirming, as a bug in our own code would."""

    def confirm(
        self, key: Secret, rotation_id: UUID, destinations: Sequence[DestinationOutcome] = ()
    ) -> Rotation:
        super().confirm(key, rotation_id, destinations)
        raise OverflowError("date value out of range")


def test_a_fault_of_our_own_in_an_open_rotation_says_how_to_finish(
    harness: RotationHarness,
) -> None:
    """It ended with exit 1 and said that every key still works, which could be untrue."""
    keys = harness.service.keys
    harness.service = Broken(calls=harness.log, keys=keys)
    with pytest.raises(
        UnfinishedError, match="Internal error: OverflowError in confirm"
    ) as unfinished:
        harness.run()
    assert "It is not known whether the old" in unfinished.value.keys
    assert "date value" not in unfinished.value.what
    assert harness.entry is not None
    rotations = harness.service.rotations
    harness.service = FakeKeyService(calls=harness.log, keys=keys, rotations=rotations)
    harness.rotated()
    assert_finished(harness)


def test_nothing_is_remembered_when_the_first_question_has_no_answer(
    harness: RotationHarness,
) -> None:
    failing(harness, "describe")
    with pytest.raises(ServerError):
        harness.run()
    assert harness.journals == []


def test_a_key_that_is_not_in_the_journal_is_not_said_to_be_there(
    either_bench: RotationHarness,
) -> None:
    either_bench.cut_before("open")
    either_bench.sinks[0].refuse = True
    with pytest.raises(DestinationRefusedError) as refused:
        either_bench.run()
    assert refused.value.keys.startswith("An earlier run began a rotation")
    says_so = "its new key is in the journal" in refused.value.keys
    assert says_so is not either_bench.service.mints


def test_a_rotation_that_has_ended_is_not_said_to_be_in_the_journal(
    harness: RotationHarness,
) -> None:
    harness.cut_before("deliver first")
    aborted = only_rotation(harness)
    harness.service.abort(aborted.intent.id)
    failing(harness, "describe")
    harness.service.rotations[aborted.intent.id] = aborted
    with pytest.raises(ServerError) as failed:
        harness.run()
    assert harness.journals == []
    assert failed.value.keys == ServerError.keys


@pytest.mark.parametrize("more", [[], ["describe"]])
def test_a_run_that_is_stopped_after_that_speaks_of_its_own_rotation(
    harness: RotationHarness, more: list[str]
) -> None:
    """The journal was emptied, or has the rotation that this run begins."""
    harness.cut_before("deliver first")
    harness.service.abort(only_rotation(harness).intent.id)
    done = ["check first", "check last", "rotation", "open", *more]
    harness.log.cut_at, harness.log.cut = len(harness.log) + len(done), stop()
    with pytest.raises(StopSignal) as stopped:
        harness.run()
    assert list(harness.log)[-len(done) :] == done
    assert stopped.value.open_keys is None


class OtherKey(FakeKeyService):
    """Answers for another key than the one that asks."""

    def describe(self, key: Secret) -> KeyInfo:
        return replace(super().describe(key), id=99)


def test_a_new_key_that_is_not_this_rotations_is_not_delivered(harness: RotationHarness) -> None:
    keys = harness.service.keys
    harness.service = OtherKey(calls=harness.log, keys=keys)
    with pytest.raises(UnfinishedError, match="the new key does not belong") as unfinished:
        harness.run()
    assert unfinished.value.next == (
        "Check --sign-server. If it is right, report this to the administrator of the server. "
        "Then run the same command again."
    )
    assert harness.held() == {None}
    assert only_rotation(harness).state is RotationState.OPEN


# A destination fails


def test_the_others_are_still_tried_when_one_fails(harness: RotationHarness) -> None:
    harness.sinks = [
        harness.sink("a", fail=1),
        harness.sink("b", fail=1),
        harness.sink("c", durable=False),
    ]
    with pytest.raises(UnfinishedError) as unfinished:
        harness.run()
    assert unfinished.value.what == "a failed\nb failed"
    assert [sink.held is None for sink in harness.sinks] == [True, True, False]
    assert "confirm" not in harness.log


def test_the_last_durable_one_is_left_alone_while_another_lacks_the_key(
    harness: RotationHarness,
) -> None:
    harness.sinks[0].fail = 1
    with pytest.raises(UnfinishedError):
        harness.run()
    assert harness.sinks[-1].held is None
    assert "deliver last" not in harness.log


def test_a_single_destination_is_tried(harness: RotationHarness) -> None:
    harness.sinks = [harness.sink("only", fail=1)]
    with pytest.raises(UnfinishedError, match="only failed"):
        harness.run()


def test_the_same_command_finishes_with_the_same_key(either_bench: RotationHarness) -> None:
    either_bench.sinks[0].fail = 1
    with pytest.raises(UnfinishedError) as unfinished:
        either_bench.run()
    assert "both work" in unfinished.value.keys
    assert "same command again" in unfinished.value.next
    either_bench.rotated()
    assert len(either_bench.new_keys) == 1
    assert_finished(either_bench)


def test_a_destination_that_has_the_key_is_not_written_twice(harness: RotationHarness) -> None:
    harness.sinks = [harness.sink("a"), harness.sink("b", fail=1), harness.sink("c")]
    with pytest.raises(UnfinishedError):
        harness.run()
    harness.rotated()
    assert [len(sink.deliveries) for sink in harness.sinks] == [1, 1, 1]


def test_a_durable_destination_that_cannot_be_read_is_remembered_by_the_journal(
    harness: RotationHarness,
) -> None:
    harness.sinks = [harness.sink("a", readable=False), harness.sink("b", fail=1)]
    with pytest.raises(UnfinishedError):
        harness.run()
    harness.rotated()
    assert [len(sink.deliveries) for sink in harness.sinks] == [1, 1]


def test_a_fleeting_destination_is_written_by_every_run(harness: RotationHarness) -> None:
    harness.sinks = [
        harness.sink("stdout", durable=False, readable=False),
        harness.sink("b", fail=1),
    ]
    with pytest.raises(UnfinishedError):
        harness.run()
    harness.rotated()
    assert [len(sink.deliveries) for sink in harness.sinks] == [2, 1]


class Forgetful(MemorySink):
    """Says that it took the key, and holds another one."""

    def read_back(self) -> Secret | None:
        return Secret("something else entirely")


def test_a_destination_with_another_key_stops_the_confirmation(
    harness: RotationHarness,
) -> None:
    harness.sinks = [Forgetful("forgetful"), harness.sink("last")]
    with pytest.raises(UnfinishedError, match="forgetful does not contain the key"):
        harness.run()
    assert "confirm" not in harness.log
    assert harness.entry is not None


# A run that was cut, its journal kept


@pytest.mark.parametrize("event", FRESH_RUN[2:])
def test_any_step_may_be_the_last(either_bench: RotationHarness, event: str) -> None:
    either_bench.cut_before(event)
    for sink in either_bench.sinks:
        assert sink.held is None or either_bench.service.accepts(sink.held)
    either_bench.rotated()
    assert len(either_bench.new_keys) == 1
    assert_finished(either_bench)


def test_never_opened_is_opened_now_with_the_same_key(harness: RotationHarness) -> None:
    harness.cut_before("open")
    entry = harness.entry
    assert entry is not None
    assert harness.rotated().key == entry.candidate


def test_never_opened_of_a_leaked_key_is_opened_as_such(harness: RotationHarness) -> None:
    plan = RotationPlan(0, compromised=True)
    harness.cut_before("open", plan=plan)
    harness.rotated(plan=plan)
    assert only_rotation(harness).intent.compromised


def test_open_is_continued_after_its_lease_was_taken(harness: RotationHarness) -> None:
    harness.cut_before("deliver first")
    del harness.log[:]
    harness.rotated()
    assert list(harness.log) == [
        "check first",
        "check last",
        "rotation",
        "open",
        "mask",
        "describe",
        "deliver first",
        "deliver last",
        "confirm",
    ]


def test_open_is_continued_with_the_candidate_as_well(harness: RotationHarness) -> None:
    """The file that the key came from may hold the candidate already."""
    harness.cut_before("confirm")
    harness.rotated(harness.new_keys[0])
    assert_finished(harness)


def test_open_but_leased_to_another_run_is_left_to_it(harness: RotationHarness) -> None:
    harness.cut_before("deliver last", plan=A_RUN)
    with pytest.raises(BusyError):
        harness.run(plan=ANOTHER_RUN)
    assert harness.sinks[-1].held is None
    assert harness.entry is not None
    harness.rotated(plan=A_RUN)
    assert_finished(harness)


def test_open_and_its_lease_over_is_continued_by_another_run(harness: RotationHarness) -> None:
    harness.cut_before("deliver last", plan=A_RUN)
    harness.service.pass_time(timedelta(minutes=11))
    harness.rotated(plan=ANOTHER_RUN)
    assert only_rotation(harness).intent.holder == "another run"
    assert_finished(harness)


def test_held_is_finished(either_bench: RotationHarness) -> None:
    either_bench.cut_before("confirm")
    either_bench.service.pass_time(timedelta(days=WEEK + 1))
    outcome = either_bench.rotated()
    overlap = outcome.rotation.overlap_end - either_bench.service.now
    assert overlap == timedelta(days=WEEK)
    assert_finished(either_bench)


def test_confirmed_and_unreported_is_reported(either_bench: RotationHarness) -> None:
    first = either_bench.rotated(run_with_report=False)
    second = either_bench.rotated(first.key)
    assert second.key == first.key
    assert second.rotation.id == first.rotation.id
    assert [len(sink.deliveries) for sink in either_bench.sinks] == [1, 1]
    assert_finished(either_bench)


def test_confirmed_and_unreported_is_printed_again(harness: RotationHarness) -> None:
    harness.sinks = [harness.sink("stdout", durable=False, readable=False)]
    harness.rotated(run_with_report=False)
    harness.rotated()
    (first, second) = harness.sinks[0].deliveries
    assert first.key == second.key
    assert_finished(harness)


def test_confirmed_and_unreported_is_masked_before_it_is_printed_again(
    harness: RotationHarness,
) -> None:
    harness.sinks = [harness.sink("stdout", durable=False, readable=False)]
    harness.rotated(run_with_report=False)
    del harness.log[:]
    harness.rotated()
    assert harness.log[-2:] == ["mask", "deliver stdout"]


def test_confirmed_a_day_ago_is_over_for_the_new_key(harness: RotationHarness) -> None:
    first = harness.rotated(run_with_report=False)
    harness.service.pass_time(timedelta(days=1, seconds=1))
    second = harness.rotated(first.key)
    assert second.key != first.key
    assert_finished(harness, rotations=2)


def test_confirmed_a_day_ago_is_reported_to_the_old_key(harness: RotationHarness) -> None:
    """The journal may have the only copy of the new key, and the old one is not rotated again."""
    first = harness.rotated(run_with_report=False)
    harness.service.pass_time(timedelta(days=1, seconds=1))
    assert harness.rotated().key == first.key
    assert_finished(harness)


def test_confirmed_and_rotated_since_is_over(harness: RotationHarness) -> None:
    """A stale journal must never bring back a key that another run has replaced."""
    first = harness.rotated(run_with_report=False)
    here, harness.place = harness.place, JournalPlace(harness.folder / "elsewhere")
    second = harness.rotated(first.key)
    harness.place = here
    with pytest.raises(AlreadyRotatedError):
        harness.run()
    assert harness.held() == {second.key}


def test_confirmed_before_again_was_asked_for_is_over(harness: RotationHarness) -> None:
    lost = harness.rotated(run_with_report=False)
    found = harness.rotated(plan=AGAIN)
    assert found.key != lost.key
    assert_finished(harness, rotations=2)


def test_again_that_was_cut_before_its_report_is_reported(harness: RotationHarness) -> None:
    harness.rotated()
    first = harness.rotated(plan=AGAIN, run_with_report=False)
    assert harness.rotated(plan=AGAIN).key == first.key
    assert_finished(harness, rotations=2)


def test_aborted_is_over_and_another_rotation_begins(either_bench: RotationHarness) -> None:
    either_bench.cut_before("deliver first")
    aborted = only_rotation(either_bench)
    either_bench.service.abort(aborted.intent.id)
    assert either_bench.rotated().key != aborted.new.secret
    assert_finished(either_bench)


def test_aborted_after_it_was_delivered_is_refused(harness: RotationHarness) -> None:
    """Only a person can abort; the destination then holds a dead key, and no run can repair it."""
    harness.cut_before("confirm")
    harness.service.abort(only_rotation(harness).intent.id)
    with pytest.raises(UnauthorizedError):
        harness.run(harness.new_keys[0])
    harness.rotated()
    assert_finished(harness)


def rotated_elsewhere(harness: RotationHarness) -> Secret:
    """Rotate the same old key from a place that does not see this harness's journal."""
    here, harness.place = harness.place, JournalPlace(harness.folder / "elsewhere")
    outcome = harness.rotated()
    harness.place = here
    return outcome.key


def test_superseded_is_over_and_its_key_is_delivered_nowhere(harness: RotationHarness) -> None:
    harness.cut_before("deliver first")
    harness.service.pass_time(timedelta(minutes=11))
    winner = rotated_elsewhere(harness)
    with pytest.raises(AlreadyRotatedError):
        harness.run()
    assert harness.held() == {winner}
    assert harness.journals == []


def test_a_dry_run_says_of_a_superseded_key_what_the_run_would(harness: RotationHarness) -> None:
    harness.cut_before("deliver first")
    harness.lose_journal()
    (loser,) = harness.new_keys
    harness.service.pass_time(timedelta(minutes=11))
    rotated_elsewhere(harness)
    for plan in (RotationPlan(WEEK), AGAIN):
        run = RotationRun(plan, harness.service, [], harness.progress)
        if plan.again:
            assert isinstance(run.preview(loser, unfinished=False), WouldRotate)
        else:
            with pytest.raises(AlreadyRotatedError):
                run.preview(loser, unfinished=False)


class Overtaken(FakeKeyService):
    """Lets another run win between the question for a rotation and the request for its lease."""

    overtake: Callable[[], object] | None = None

    def rotation(self, key: Secret, rotation_id: UUID) -> Rotation | None:
        told = super().rotation(key, rotation_id)
        overtake, self.overtake = self.overtake, None
        if overtake is not None:
            overtake()
        return told

    def describe(self, key: Secret) -> KeyInfo:
        told = super().describe(key)
        overtake, self.overtake = self.overtake, None
        if overtake is not None:
            overtake()
        return told


def overtaken(harness: RotationHarness) -> list[Secret]:
    """Let another run win during the next one, after its first question; return its key then."""
    winners: list[Secret] = []
    harness.service.pass_time(timedelta(minutes=11))
    service = Overtaken(
        now=harness.service.now,
        keys=harness.service.keys,
        rotations=harness.service.rotations,
        calls=harness.log,
    )
    harness.service = service
    service.overtake = lambda: winners.append(rotated_elsewhere(harness))
    return winners


def test_superseded_while_its_lease_is_taken_is_over(harness: RotationHarness) -> None:
    harness.cut_before("deliver first")
    winners = overtaken(harness)
    with pytest.raises(AlreadyRotatedError):
        harness.run()
    assert harness.held() == set(winners)
    assert harness.journals == []


def test_a_candidate_that_is_superseded_while_it_is_adopted_is_delivered_nowhere(
    harness: RotationHarness,
) -> None:
    harness.cut_before("deliver last")
    (candidate,) = harness.new_keys
    harness.lose_journal()
    winners = overtaken(harness)
    with pytest.raises(SupersededError):
        harness.run(candidate)
    assert harness.held() == set(winners)
    assert harness.journals == []


# A journal of another key or server


@pytest.mark.parametrize("event", ["open", "deliver first", "confirm"])
def test_a_journal_of_another_key_is_left_alone_and_finished_later(
    harness: RotationHarness, event: str
) -> None:
    """Before, every other key's rotation ended with exit code 11 while the first was unfinished."""
    harness.cut_before(event)
    begun = harness.entry
    stranger = harness.service.add_key()
    others = harness.rotated(stranger)
    assert harness.held() == {others.key}
    assert harness.entry == begun
    finished = harness.rotated()
    assert begun is not None
    assert finished.key == begun.candidate
    assert harness.held() == {finished.key}
    assert harness.journals == []


def test_several_keys_that_were_cut_beside_one_file_go_on_with_their_own_rotations(
    harness: RotationHarness,
) -> None:
    keys = [harness.old, harness.service.add_key(), harness.service.add_key()]
    candidates = []
    for key in keys:
        harness.old = key
        harness.cut_before("confirm")
        assert harness.entry is not None
        candidates.append(harness.entry.candidate)
    assert len(harness.journals) == 3
    for key, candidate in zip(reversed(keys), reversed(candidates), strict=True):
        assert harness.rotated(key).key == candidate
    assert harness.journals == []


def test_a_journal_of_another_server_is_left_alone(harness: RotationHarness) -> None:
    harness.cut_before("confirm")
    left = harness.journals
    here = harness.service.address
    harness.service.address = "fake://elsewhere"
    harness.service.pass_time(timedelta(minutes=11))
    harness.rotated()
    harness.service.address = here
    assert harness.journals == left


# A run that was cut, its journal lost


@pytest.mark.parametrize("event", FRESH_RUN[2:])
def test_any_step_may_be_the_last_although_the_journal_is_lost(
    harness: RotationHarness, event: str
) -> None:
    harness.cut_before(event, plan=A_RUN)
    harness.lose_journal()
    harness.rotated(plan=A_RUN)
    assert len(harness.new_keys) <= 2
    assert_finished(harness)


def test_started_with_the_candidate_its_rotation_is_finished(either_bench: RotationHarness) -> None:
    either_bench.cut_before("confirm")
    either_bench.lose_journal()
    either_bench.sinks[0].held = None
    (candidate,) = either_bench.new_keys
    either_bench.service.pass_time(timedelta(minutes=11))
    outcome = either_bench.rotated(candidate)
    assert outcome.key == candidate
    assert_finished(either_bench)


def test_started_with_a_candidate_that_another_run_delivers_is_refused(
    harness: RotationHarness,
) -> None:
    harness.cut_before("confirm", plan=A_RUN)
    harness.lose_journal()
    with pytest.raises(BusyError):
        harness.run(harness.new_keys[0], ANOTHER_RUN)
    harness.rotated(harness.new_keys[0], A_RUN)
    assert_finished(harness)


def test_a_candidate_is_not_adopted_while_the_run_that_made_it_may_be_alive(
    harness: RotationHarness,
) -> None:
    """Outside a CI system nothing tells two runs apart but their journals."""
    harness.cut_before("confirm")
    harness.lose_journal()
    with pytest.raises(BusyError):
        harness.run(harness.new_keys[0])
    harness.service.pass_time(timedelta(minutes=11))
    harness.rotated(harness.new_keys[0])
    assert_finished(harness)


def test_an_adopted_rotation_is_in_the_journal_and_continued_from_it(
    harness: RotationHarness,
) -> None:
    harness.cut_before("confirm", plan=A_RUN)
    harness.lose_journal()
    (candidate,) = harness.new_keys
    harness.sinks = [harness.sink("new", fail=1), harness.sinks[1]]
    with pytest.raises(UnfinishedError):
        harness.run(candidate, A_RUN)
    with harness.place.locked(candidate, harness.service.address) as journal:
        assert journal.entry is not None
        assert journal.entry.candidate == candidate
        assert journal.entry.old_key_fingerprint == candidate.fingerprint()
    harness.rotated(candidate, A_RUN)
    assert_finished(harness)


def test_the_next_run_waits_for_the_lease_of_a_lost_one(harness: RotationHarness) -> None:
    harness.cut_before("deliver last")
    harness.lose_journal()
    with pytest.raises(BusyError):
        harness.run()
    harness.service.pass_time(timedelta(minutes=11))
    harness.rotated()
    assert len(harness.new_keys) == 2
    assert_finished(harness)


# Stopped by a signal


@pytest.mark.parametrize("number", range(len(FRESH_RUN)))
def test_a_stopped_run_tells_the_truth_and_is_finished_by_the_same_command(
    either_bench: RotationHarness, number: int
) -> None:
    either_bench.log.cut_at, either_bench.log.cut = number, stop()
    with pytest.raises(StopSignal) as stopped:
        either_bench.run()
    if number > FRESH_RUN.index("open"):
        assert stopped.value.open_keys
    if number < FRESH_RUN.index("open"):
        assert stopped.value.open_keys is None
        assert either_bench.journals == []
    either_bench.rotated()
    assert len(either_bench.new_keys) == 1
    assert_finished(either_bench)


def test_the_confirmation_tells_how_each_destination_got_the_key(harness: RotationHarness) -> None:
    harness.sinks[1].fail = 1
    with pytest.raises(UnfinishedError):
        harness.run(kinds=("vault", "key-file"))
    harness.rotated(kinds=("vault", "key-file"))
    assert harness.service.told == (
        DestinationOutcome("vault", DeliveryOutcome.HELD),
        DestinationOutcome("key-file", DeliveryOutcome.DELIVERED),
    )
