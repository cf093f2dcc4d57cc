"""Steps 2 to 4: get an open rotation whose lease is ours: a cut one to finish, or a new one."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from signotaur_action.errors import (
    AlreadyRotatedError,
    BusyError,
    DestinationRefusedError,
    InvalidOverlapError,
    ServerError,
    SupersededError,
    UnauthorizedError,
)
from signotaur_action.files.journal import Journal, JournalEntry
from signotaur_action.model import KeyInfo, OpenRotation, Rotation, RotationIntent, Secret
from signotaur_action.policy.durations import is_due
from signotaur_action.ports import KeyService, ProgressLog
from signotaur_action.rotation.outcomes import NotDue, RotationPlan, WouldRotate
from signotaur_wire.messages import RotationState
from signotaur_wire.roles import ROTATOR

_FRESH = timedelta(days=1)
"""A confirmed rotation that was cut before its report is finished within this time only;
later, the same command asks for another rotation."""

_DEFINITE = (UnauthorizedError, InvalidOverlapError, BusyError, AlreadyRotatedError)
"""Refusals that say for certain that no rotation was opened."""


class Opening:
    """Decides what this run works on, and asks the key service for it."""

    def __init__(self, plan: RotationPlan, service: KeyService, narrator: ProgressLog) -> None:
        self._plan = plan
        self._service = service
        self._narrator = narrator

    def preview(self, key: Secret, *, unfinished: bool) -> NotDue | WouldRotate:
        """Tell what ``obtain`` would begin. Changes nothing."""
        info = self._service.describe(key)
        if unfinished or info.candidate:
            return WouldRotate(info, continues=True)
        outcome = self._not_due(info) or self._rotatable(info)
        if isinstance(outcome, WouldRotate) and self._lost(info) and not self._plan.again:
            raise AlreadyRotatedError(None)  # the server would say so, with the id of the other key
        return outcome

    def obtain(self, key: Secret, journal: Journal) -> NotDue | OpenRotation:
        """Return an open rotation, or a confirmed one that was cut before its report."""
        opened = self._continue(key, journal)
        if opened is not None:
            return opened
        info = self._service.describe(key)
        if info.candidate:
            return self._adopt(key, info, journal)
        not_due = self._not_due(info)
        if not_due is not None:
            return not_due
        self._rotatable(info)
        return self._open(key, journal)

    # What is this key, and is it due?

    def _not_due(self, info: KeyInfo) -> NotDue | None:
        window = self._plan.window
        if window is None or is_due(info.ends_at, info.server_time, window):
            return None
        return NotDue(info, window)

    def _rotatable(self, info: KeyInfo) -> WouldRotate:
        if not info.may_rotate:
            raise UnauthorizedError(
                f"The owner of this key, {info.owner}, lacks the role {ROTATOR}.",
                next_step="Ask an administrator to give the role to the key's owner.",
            )
        rotation = info.rotation
        confirmed = rotation is not None and rotation.state is RotationState.CONFIRMED
        if rotation is not None and confirmed and not self._plan.again:
            raise AlreadyRotatedError(rotation.new_key_id)
        return WouldRotate(info, continues=False)

    @staticmethod
    def _lost(info: KeyInfo) -> bool:
        """Whether another candidate was confirmed instead of this key."""
        rotation = info.rotation
        return rotation is not None and rotation.new_key_id == info.id and not info.candidate

    # A new rotation

    def _open(self, key: Secret, journal: Journal) -> OpenRotation:
        identity = uuid4()
        intent = RotationIntent(
            id=identity,
            candidate=self._service.new_key(),
            overlap_days=self._plan.overlap_days,
            auto_revoke=self._plan.auto_revoke,
            again=self._plan.again,
            holder=self._plan.holder or f"rotation {identity}",
        )
        self._remember(key, intent, journal)
        return self._request(key, intent, journal)

    def _remember(self, key: Secret, intent: RotationIntent, journal: Journal) -> None:
        try:
            journal.begin(JournalEntry(self._service.address, key.fingerprint(), intent))
        except OSError as error:
            _forget(journal)
            raise DestinationRefusedError(
                f"The journal {journal.path} cannot be written ({error.strerror}).",
                keys="Nothing was rotated; the old key is untouched and still works.",
                next_step="Free some disk space, or choose another folder with --state-dir.",
            ) from None

    def _request(self, key: Secret, intent: RotationIntent, journal: Journal) -> OpenRotation:
        try:
            opened = self._service.open_rotation(key, intent)
        except _DEFINITE:
            _forget(journal)  # the candidate is nothing
            raise
        if intent.candidate is None:
            journal.record_key(opened.key)
        self._narrator.note(
            f"Rotation {opened.rotation.id} is open: key {opened.rotation.old_key_id} "
            f"to key {opened.rotation.new_key_id}."
        )
        return opened

    # A rotation that another run began

    def _adopt(self, key: Secret, info: KeyInfo, journal: Journal) -> OpenRotation:
        """Finish the rotation whose unconfirmed candidate this run was started with."""
        rotation = info.rotation
        if rotation is None:
            raise ServerError(
                "The server says that this key is a candidate, but does not name its rotation."
            )
        self._narrator.note(
            f"This key is the unconfirmed successor of key {rotation.old_key_id}; this run "
            "finishes its rotation."
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
        self._remember(key, intent, journal)
        opened = self._take_lease(key, intent, journal)
        if opened is None:
            _forget(journal)
            raise SupersededError("Another run has just finished this rotation.")
        return opened

    def _continue(self, key: Secret, journal: Journal) -> OpenRotation | None:
        """Return the journal's rotation if it is still to be finished; else clear the journal."""
        entry = journal.entry
        if entry is None:
            return None
        opened = self._resume(key, entry, self._rotation_of(entry), journal)
        if opened is None:
            self._narrator.note(f"The rotation in {journal.path} has already ended.")
            _forget(journal)
        return opened

    def _rotation_of(self, entry: JournalEntry) -> Rotation | None:
        """Ask with the candidate: it works if and only if its rotation was opened and lives."""
        if entry.candidate is None:
            return None
        try:
            return self._service.rotation(entry.candidate, entry.intent.id)
        except UnauthorizedError:
            return None

    def _resume(
        self, key: Secret, entry: JournalEntry, rotation: Rotation | None, journal: Journal
    ) -> OpenRotation | None:
        intent = replace(entry.intent, holder=self._plan.holder or entry.intent.holder)
        if rotation is None:
            # Never opened, or over. The old key can tell: repeating its request opens at most
            # this one rotation. A dead candidate cannot, and has no business here.
            return None if key == entry.candidate else self._repeat(key, intent, journal)
        if rotation.unconfirmed and entry.candidate is not None:
            return self._take_lease(entry.candidate, intent, journal)
        if entry.candidate is not None and self._unreported(rotation, entry.candidate):
            return OpenRotation(rotation, entry.candidate)
        return None

    def _repeat(self, key: Secret, intent: RotationIntent, journal: Journal) -> OpenRotation | None:
        try:
            opened = self._request(key, intent, journal)
        except SupersededError:
            return None
        return opened if opened.rotation.unconfirmed else None

    def _take_lease(
        self, key: Secret, intent: RotationIntent, journal: Journal
    ) -> OpenRotation | None:
        """Renew the lease before anything else is done: another run may have it now.

        Or may have had it: None when the rotation was decided before the lease was ours.
        """
        self._narrator.note(f"Finishing rotation {intent.id} (journal {journal.path}).")
        opened = self._service.open_rotation(key, intent)
        return opened if opened.rotation.unconfirmed else None

    def _unreported(self, rotation: Rotation, candidate: Secret) -> bool:
        """Whether a confirmed rotation was cut just before its report, and still is the last."""
        if rotation.confirmed_at is None or (self._plan.again and not rotation.again):
            return False
        fresh = rotation.server_time - rotation.confirmed_at <= _FRESH
        return fresh and self._service.describe(candidate).rotation is None


def _forget(journal: Journal) -> None:
    # If this fails, the next run finds that the rotation has ended, as this run did.
    with suppress(OSError):
        journal.clear()
