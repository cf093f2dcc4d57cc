"""One run: check the destinations, get a rotation, deliver its key, confirm."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from signotaur_action.errors import (
    BOTH_KEYS_VALID,
    ENDING_SCHEDULED,
    DestinationRefusedError,
    ServerError,
    SignotaurError,
    StopSignal,
    SupersededError,
    UnauthorizedError,
    UnfinishedError,
    internal_error,
    listed,
    os_reason,
)
from signotaur_action.model import Rotation, Secret
from signotaur_action.ports import Journal, KeyService, ProgressLog, Sink
from signotaur_action.rotation.delivery import KeyDelivery
from signotaur_action.rotation.obtain import RotationStarter
from signotaur_action.rotation.outcomes import NotDue, Rotated, RotationPlan, WouldRotate
from signotaur_wire.messages import RotationState

_NOT_KNOWN = (
    "The new key works, and is in the journal until this rotation is finished. It is not known "
    "whether the old key's revocation is armed."
)

_BEGUN = (
    "An earlier run began a rotation, and its new key is in the journal. It is not known whether "
    "the old key's revocation is armed."
)
_BEGUN_ELSEWHERE = (
    "An earlier run began a rotation. It is not known whether a new key was made, and whether the "
    "old key's revocation is armed."
)
_CONFIRMED = (
    "The rotation is complete on the server, and the new key works. It is in the journal until the "
    "rotation is reported."
)
_REFUSED = (
    "The server refuses the new key, which destinations may have already. The old key's revocation "
    "is not armed by this run."
)


class RotationRun:
    """The use case over its collaborators.

    ``sinks`` are in order of delivery: the file that the old key came from is last. ``kinds`` are
    what the server may know of each; without them nothing of the delivery is sent to it.
    """

    def __init__(
        self,
        plan: RotationPlan,
        service: KeyService,
        sinks: Sequence[Sink],
        progress: ProgressLog,
        kinds: Sequence[str] = (),
    ) -> None:
        self._service = service
        self._sinks = sinks
        self._progress = progress
        self._starter = RotationStarter(plan, service, progress)
        self._delivery = KeyDelivery(service, sinks, progress, kinds, defer=plan.defer)

    def preview(self, key: Secret, *, unfinished: bool) -> NotDue | WouldRotate:
        """Take steps 1 and 2 alone, for a dry run. ``unfinished``: a journal was found."""
        self._check()
        return self._starter.preview(key, unfinished=unfinished)

    def rotate(self, key: Secret, journal: Journal) -> NotDue | Rotated:
        """Take steps 1 to 9. The caller reports the outcome, then clears the journal (step 10).

        ``journal`` is empty or has a rotation of this key on this server.
        Raises the errors of the exit codes: DestinationRefusedError before anything is sent;
        whenever something was opened, the journal has
        what the same command needs to finish it.
        """
        with _as_resumed(journal):
            self._check()
            opened = self._starter.obtain(key, journal)
        if isinstance(opened, NotDue):
            return opened
        with _as_unfinished(self._open_keys(opened.rotation)):
            return self._delivery.finish(opened, journal)

    def _check(self) -> None:
        """Prove every destination usable. Raises DestinationRefusedError with all faults."""
        faults = []
        concerns: dict[str, None] = {}
        for sink in self._sinks:
            try:
                concerns |= dict.fromkeys(sink.check())
            except DestinationRefusedError as error:
                faults.append(error)
        for concern in concerns:  # once, where several destinations share a token
            self._progress.warn(concern)
        if len(faults) == 1:
            raise faults[0]
        if faults:
            raise DestinationRefusedError(listed([fault.what for fault in faults]))

    def _open_keys(self, rotation: Rotation) -> str:
        if rotation.state is RotationState.CONFIRMED:
            return _CONFIRMED
        return ENDING_SCHEDULED if self._service.arms_at_once else BOTH_KEYS_VALID


@contextmanager
def _as_resumed(journal: Journal) -> Iterator[None]:
    """Say of the keys what is known while nobody has answered about the journal's rotation.

    Once that has ended, or where there was none, an error speaks for itself.
    """
    found = journal.entry

    def begun() -> str | None:
        now = journal.entry
        if found is None or now is None or now.intent.id != found.intent.id:
            return None
        return _BEGUN_ELSEWHERE if now.candidate is None else _BEGUN

    try:
        yield
    except (DestinationRefusedError, ServerError) as error:
        keys = begun()
        if keys is None:
            raise
        raise type(error)(error.what, keys=keys, next_step=error.next) from None
    except StopSignal as stop:
        raise StopSignal(stop.code, open_keys=begun() or stop.open_keys) from None


@contextmanager
def _as_unfinished(open_keys: str) -> Iterator[None]:
    """Report every failure from here on as an open rotation: ``open_keys`` and how to finish."""
    try:
        yield
    except SupersededError as error:
        raise UnfinishedError(
            error.what,
            keys="The old key still works. The key that this run delivered may be revoked when "
            "the other rotation's overlap ends.",
            next_step="Use the key of the other rotation. If nobody has it, run the command once "
            "with --again.",
        ) from None
    except UnauthorizedError as error:
        raise UnfinishedError(error.what, keys=_REFUSED, next_step=error.next) from None
    except UnfinishedError as error:
        keys = open_keys if error.keys == BOTH_KEYS_VALID else error.keys
        raise UnfinishedError(
            error.what, keys=keys, next_step=error.next, results=error.results
        ) from None
    except StopSignal as stop:
        raise StopSignal(stop.code, open_keys=stop.open_keys or open_keys) from None
    except SignotaurError as error:
        raise UnfinishedError(error.what, keys=open_keys) from None
    except OSError as error:  # of the journal, or of a stream that is closed
        what = f"The rotation stopped: {os_reason(error)}."
        raise UnfinishedError(what, keys=open_keys) from None
    except Exception as bug:  # noqa: BLE001 - a bug must not hide the state of the keys
        raise UnfinishedError(internal_error(bug), keys=_NOT_KNOWN) from None
