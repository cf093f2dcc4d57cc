"""Steps 2 to 4: obtain an open rotation whose lease is ours: an interrupted one, or a new one."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import assert_never
from uuid import uuid4

from signotaur_action.errors import (
    AlreadyRotatedError,
    BusyError,
    InvalidOverlapError,
    SignotaurError,
    SupersededError,
    SuspendedError,
    UnauthorizedError,
)
from signotaur_action.model import (
    JournalEntry,
    KeyInfo,
    OpenRotation,
    Rotation,
    RotationIntent,
    Secret,
)
from signotaur_action.ports import Journal, KeyService, ProgressLog
from signotaur_action.rotation.decision import (
    Adopt,
    Discard,
    Refuse,
    RepeatRequest,
    ReportAgain,
    Start,
    TakeLease,
    decide_for_journal,
    decide_for_key,
)
from signotaur_action.rotation.outcomes import NotDue, RotationPlan, WouldRotate

_NOT_OPENED = (UnauthorizedError, InvalidOverlapError, BusyError, AlreadyRotatedError)
"""Refusals that say for certain that no rotation was opened."""


class RotationStarter:
    """Asks the key service for what ``decision`` decides."""

    def __init__(self, plan: RotationPlan, service: KeyService, progress: ProgressLog) -> None:
        self._plan = plan
        self._service = service
        self._progress = progress

    def preview(self, key: Secret, *, unfinished: bool) -> NotDue | WouldRotate:
        """Return what ``obtain`` would begin. Changes nothing."""
        info = self._service.describe(key)
        if unfinished:
            return WouldRotate(info, continues=True)
        decision = decide_for_key(info, self._plan)
        if isinstance(decision, Refuse):
            raise decision.error
        if isinstance(decision, NotDue):
            return decision
        if isinstance(decision, Start) and not self._plan.again and _was_replaced(info):
            raise AlreadyRotatedError(None)  # the server would say so, with the id of the other key
        return WouldRotate(info, continues=isinstance(decision, Adopt))

    def obtain(self, key: Secret, journal: Journal) -> NotDue | OpenRotation:
        """Return an open rotation, or a confirmed one that was interrupted before its report."""
        opened = self._from_journal(key, journal)
        if opened is not None:
            return opened
        decision = decide_for_key(self._service.describe(key), self._plan)
        match decision:
            case NotDue():
                return decision
            case Refuse(error):
                raise error
            case Adopt(rotation):
                return self._adopt(key, rotation, journal)
            case Start():
                intent = self._begin(key, journal)
                opened = self._request(key, intent, journal)
                return opened or NotDue(None, self._plan.window or timedelta(0))
            case _:
                assert_never(decision)

    def _begin(self, key: Secret, journal: Journal) -> RotationIntent:
        """Make the candidate and write it to the journal, before the server knows of it."""
        identity = uuid4()
        intent = RotationIntent(
            id=identity,
            candidate=self._service.new_key(),
            overlap_days=self._plan.overlap_days,
            auto_revoke=self._plan.auto_revoke,
            again=self._plan.again,
            holder=self._plan.holder or f"rotation {identity}",
            compromised=self._plan.compromised,
        )
        journal.begin(JournalEntry(self._service.address, key.fingerprint(), intent))
        return intent

    def _request(
        self, key: Secret, intent: RotationIntent, journal: Journal
    ) -> OpenRotation | None:
        """Open the rotation of the journal. None: the service decided that the key is not due."""
        try:
            opened = self._service.open_rotation(key, intent)
        except _NOT_OPENED:
            _forget(journal)  # the candidate does not work and never will
            raise
        if opened is None:
            _forget(journal)
            return None
        if intent.candidate is None:
            journal.record_key(opened.key)
        self._progress.note(
            f"Rotation {opened.rotation.id} is open: {opened.rotation.old_key} "
            f"to key {opened.rotation.new_key_id}."
        )
        return opened

    def _adopt(self, key: Secret, rotation: Rotation, journal: Journal) -> OpenRotation:
        self._progress.note(
            "This key is a candidate: the new key of an unfinished rotation of "
            f"{rotation.old_key}. This run finishes that rotation."
        )
        intent = RotationIntent(
            id=rotation.id,
            candidate=key,
            overlap_days=rotation.overlap_days,
            auto_revoke=rotation.auto_revoke,
            again=rotation.again,
            # Not the rotation's own name: the run that made the candidate may still be alive.
            holder=self._plan.holder or f"run {uuid4()}",
        )
        journal.begin(JournalEntry(self._service.address, key.fingerprint(), intent))
        opened = self._take_lease(key, intent, journal)
        if opened is None:
            _forget(journal)
            raise SupersededError("Another run has just finished this rotation.")
        return opened

    def _from_journal(self, key: Secret, journal: Journal) -> OpenRotation | None:
        """Return the journal's rotation if it is still to be finished; else clear the journal."""
        entry = journal.entry
        if entry is None:
            return None
        opened = self._continue(key, entry, journal)
        if opened is None:
            self._progress.note(f"The rotation in {journal.path} has already ended.")
            _forget(journal)
        return opened

    def _continue(self, key: Secret, entry: JournalEntry, journal: Journal) -> OpenRotation | None:
        self._require_its_service(entry)
        decision = decide_for_journal(entry, self._rotation_of(entry), key, self._plan)
        intent = replace(
            entry.intent,
            holder=self._plan.holder or entry.intent.holder,
            compromised=self._plan.compromised or entry.intent.compromised,
        )
        match decision:
            case RepeatRequest():
                return self._repeat(key, intent, journal)
            case TakeLease(candidate):
                return self._take_lease(candidate, intent, journal)
            case ReportAgain(rotation, candidate):
                return self._if_last(rotation, candidate)
            case Discard():
                return None
            case _:
                assert_never(decision)

    def _require_its_service(self, entry: JournalEntry) -> None:
        """Raise SignotaurError for a journal of a service that makes keys, if this one does not."""
        if entry.candidate is not None or self._plan.again or self._service.new_key() is None:
            return
        raise SignotaurError(
            "An earlier run began to rotate this key with --tool, and did not finish.",
            keys="The key in use is unchanged, or the tool has made a new one.",
            next_step="Run the command with --tool again. If the new key was lost, run this "
            "command with --again.",
        )

    def _rotation_of(self, entry: JournalEntry) -> Rotation | None:
        """Ask with the candidate: it works if and only if its rotation was opened and lives.

        One that is refused for now may live. Raises SuspendedError: the journal must stay.
        """
        if entry.candidate is None:
            return None
        try:
            return self._service.rotation(entry.candidate, entry.intent.id)
        except SuspendedError:
            raise
        except UnauthorizedError:
            return None

    def _repeat(self, key: Secret, intent: RotationIntent, journal: Journal) -> OpenRotation | None:
        try:
            opened = self._request(key, intent, journal)
        except SupersededError:
            return None
        return opened if opened is not None and opened.rotation.is_unconfirmed else None

    def _take_lease(
        self, key: Secret, intent: RotationIntent, journal: Journal
    ) -> OpenRotation | None:
        """Renew the lease first: another run may have it now.

        Or may have had it: None when the rotation was decided before the lease was ours.
        """
        self._progress.note(f"Finishing rotation {intent.id} (journal {journal.path}).")
        opened = self._service.open_rotation(key, intent)
        return opened if opened is not None and opened.rotation.is_unconfirmed else None

    def _if_last(self, rotation: Rotation, candidate: Secret) -> OpenRotation | None:
        info = self._service.describe(candidate)
        if info is None or info.rotation is not None:
            return None  # the candidate is itself being rotated, or was
        return OpenRotation(rotation, candidate)


def _was_replaced(info: KeyInfo | None) -> bool:
    """Return whether another candidate was confirmed instead of this key."""
    if info is None:
        return False
    return info.rotation is not None and info.rotation.new_key_id == info.id


def _forget(journal: Journal) -> None:
    # If this fails, the next run finds that the rotation has ended, as this run did.
    with suppress(OSError):
        journal.clear()
