"""Steps 5 to 9: mask, verify, deliver, read back, confirm."""

from collections.abc import Sequence

from signotaur_action.errors import (
    CHECK_SERVER,
    NEW_KEY_EVERYWHERE,
    DeliveryError,
    ServerError,
    StopSignal,
    UnfinishedError,
    os_reason,
)
from signotaur_action.model import Delivery, OpenRotation, Rotation, Secret
from signotaur_action.ports import Journal, KeyService, ProgressLog, Sink
from signotaur_action.rotation.outcomes import DELIVERED, FAILED, HELD, WAITING, Results, Rotated
from signotaur_wire.messages import DeliveryOutcome, DestinationOutcome, RotationState

_FORMER_DESTINATIONS = (
    "Run the command with the destinations of the earlier run: it then reports the rotation. Or "
    "run it without a destination: it prints the new key; store it with auth set-key."
)
_ON_THE_WIRE = {DELIVERED: DeliveryOutcome.DELIVERED, HELD: DeliveryOutcome.HELD}


class KeyDelivery:
    """Brings a candidate to every destination and only then confirms it.

    ``kinds``: what is sent to the server of each sink beside its outcome; empty: nothing.
    ``defer``: leave it unconfirmed, because the key is stored by other means.
    """

    def __init__(
        self,
        service: KeyService,
        sinks: Sequence[Sink],
        progress: ProgressLog,
        kinds: Sequence[str] = (),
        *,
        defer: bool = False,
    ) -> None:
        self._service = service
        self._sinks = sinks
        self._progress = progress
        self._kinds = kinds
        self._defer = defer

    def finish(self, opened: OpenRotation, journal: Journal) -> Rotated:
        """Finish a rotation. Raises any SignotaurError; then nothing is armed."""
        self._progress.mask(opened.key)
        if opened.rotation.state is RotationState.CONFIRMED:
            rotation, results = opened.rotation, self._deliver_again(opened, journal)
        else:
            self._verify(opened)
            results = self._deliver(_delivery(opened), journal)
            self._read_back(opened.key, results)
            rotation = self._confirm(opened, results)
        durable = any(sink.durable for sink in self._sinks)
        return Rotated(rotation, opened.key, results, durable=durable)

    def _deliver_again(self, opened: OpenRotation, journal: Journal) -> Results:
        """Write to the job and to stdout again what a killed run wrote there.

        Durable destinations are left alone: the confirmed run has written its own, and without a
        lease another run may be writing a later key. Raises UnfinishedError for one that the
        confirmed run did not have.
        """
        lacking = [
            f"{sink.name} does not have the new key, and an earlier run has confirmed the rotation."
            for sink in self._sinks
            if sink.durable and not self._has(sink, opened.key, journal)
        ]
        if lacking:
            raise UnfinishedError("\n".join(lacking), next_step=_FORMER_DESTINATIONS)
        for sink in self._sinks:
            if not sink.durable:
                sink.deliver(_delivery(opened))
        return tuple((sink.name, HELD if sink.durable else DELIVERED) for sink in self._sinks)

    def _has(self, sink: Sink, key: Secret, journal: Journal) -> bool:
        was_written = journal.entry is not None and sink.name in journal.entry.delivered
        return was_written or self._holds(sink, key, journal)

    def _confirm(self, opened: OpenRotation, results: Results) -> Rotation:
        """Confirm, unless that is deferred.

        Without an answer it is unknown whether the server did it.
        """
        if self._defer:
            self._progress.note(
                "Not confirmed, as requested: the old key's revocation is not armed."
            )
            return opened.rotation
        outcomes = [
            DestinationOutcome(kind, _ON_THE_WIRE[result])
            for kind, (_name, result) in zip(self._kinds, results, strict=False)
        ]
        try:
            rotation = self._service.confirm(opened.key, opened.rotation.id, outcomes)
            self._progress.note("Confirmed: every destination has the new key.")
        except ServerError as error:
            raise UnfinishedError(error.what, keys=NEW_KEY_EVERYWHERE) from None
        except StopSignal as stop:
            raise StopSignal(stop.code, open_keys=NEW_KEY_EVERYWHERE) from None
        return rotation

    def _verify(self, opened: OpenRotation) -> None:
        """Use the new key before delivering it: the server then knows that it may be somewhere."""
        info = self._service.describe(opened.key)
        if info is None:
            self._progress.note("The new key cannot be tested: the tool has no command for that.")
            return
        if info.id != opened.rotation.new_key_id:
            raise UnfinishedError(
                "The server says that the new key does not belong to this rotation.",
                next_step=f"{CHECK_SERVER} Then run the same command again.",
            )
        self._progress.note(f"The new key works (key {info.id}).")

    def _deliver(self, delivery: Delivery, journal: Journal) -> Results:
        """Deliver to each sink in order; a last, durable one waits until all others succeeded."""
        failures: list[str] = []
        results: list[tuple[str, str]] = []
        for sink in self._sinks:
            if failures and sink is self._sinks[-1] and sink.durable:
                self._progress.note(
                    f"Skipped until the other destinations have the key: {sink.name}."
                )
                results.append((sink.name, WAITING))
                break
            try:
                results.append((sink.name, self._deliver_to(sink, delivery, journal)))
            except DeliveryError as error:
                failures.append(error.what)
                results.append((sink.name, FAILED))
        if failures:
            raise UnfinishedError("\n".join(failures), results=tuple(results))
        return tuple(results)

    def _deliver_to(self, sink: Sink, delivery: Delivery, journal: Journal) -> str:
        if sink.durable and self._holds(sink, delivery.key, journal):
            self._progress.note(f"Has the new key already: {sink.name}.")
            return HELD
        sink.deliver(delivery)
        self._progress.note(f"Delivered: {sink.name}.")
        try:
            journal.record_delivered(sink.name)
        except OSError as error:
            # The journal has the key; a missing progress mark costs one repeated write.
            self._progress.warn(f"The journal could not be updated ({os_reason(error)}).")
        return DELIVERED

    def _holds(self, sink: Sink, key: Secret, journal: Journal) -> bool:
        held = sink.read_back()
        if held is not None:
            return held == key
        return journal.entry is not None and sink.name in journal.entry.delivered

    def _read_back(self, key: Secret, results: Results) -> None:
        """Require the key of every readable destination; ``results`` are the reported ones."""
        failures: list[str] = []
        found = list(results)
        for number, sink in enumerate(self._sinks):
            fault = _fault_of(sink, key)
            if fault:
                failures.append(fault)
                found[number] = (sink.name, FAILED)
        if failures:
            raise UnfinishedError("\n".join(failures), results=tuple(found))


def _fault_of(sink: Sink, key: Secret) -> str:
    """Return why it is unproved that a destination has the key; empty if it is proved."""
    try:
        held = sink.read_back()
    except DeliveryError as error:
        return error.what
    if held is None or held == key:
        return ""
    return f"{sink.name} does not contain the key that was written to it."


def _delivery(opened: OpenRotation) -> Delivery:
    return Delivery(
        key=opened.key,
        key_id=opened.rotation.new_key_id,
        name=opened.rotation.new_key_name,
        expires_at=opened.rotation.new_key_expires_at,
        overlap_end=opened.rotation.overlap_end,
        rotation_id=opened.rotation.id,
    )
