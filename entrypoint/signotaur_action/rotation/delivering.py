"""Steps 5 to 9: mask, verify, deliver, read back, confirm."""

from collections.abc import Sequence

from signotaur_action.errors import (
    NEW_KEY_EVERYWHERE,
    DeliveryFailed,
    ServerFailure,
    StopSignal,
    Unfinished,
)
from signotaur_action.journal import Journal
from signotaur_action.model import Delivery, Opened, Rotation, Secret
from signotaur_action.ports import KeyService, Narrator, Sink
from signotaur_action.rotation.values import Rotated
from signotaur_wire.messages import RotationState


class Delivering:
    """Brings a candidate to every destination and only then confirms it."""

    def __init__(self, service: KeyService, sinks: Sequence[Sink], narrator: Narrator) -> None:
        self._service = service
        self._sinks = sinks
        self._narrator = narrator

    def finish(self, opened: Opened, journal: Journal) -> Rotated:
        """Finish a rotation. Raises any SignotaurError; then nothing is armed."""
        self._narrator.mask(opened.key)
        if opened.rotation.state is RotationState.CONFIRMED:
            rotation = self._repeat_fleeting(opened)
        else:
            rotation = self._deliver_and_confirm(opened, journal)
        return Rotated(
            rotation=rotation,
            key=opened.key,
            destinations=tuple(sink.name for sink in self._sinks),
            durable=any(sink.durable for sink in self._sinks),
        )

    def _repeat_fleeting(self, opened: Opened) -> Rotation:
        """Every durable destination was proved before the confirmation: leave them alone.

        What a killed run wrote to its own stdout or job is gone, so that is written again.
        """
        for sink in self._sinks:
            if not sink.durable:
                sink.deliver(_delivery(opened))
        return opened.rotation

    def _deliver_and_confirm(self, opened: Opened, journal: Journal) -> Rotation:
        self._verify(opened)
        self._deliver(_delivery(opened), journal)
        self._read_back(opened.key)
        rotation = self._confirm(opened)
        self._narrator.note("Confirmed: every destination holds the new key.")
        return rotation

    def _confirm(self, opened: Opened) -> Rotation:
        """Confirm. Until an answer came, nobody knows whether the server did it."""
        try:
            return self._service.confirm(opened.key, opened.rotation.id)
        except ServerFailure as error:
            raise Unfinished(error.what, keys=NEW_KEY_EVERYWHERE) from None
        except StopSignal as stop:
            stop.open_keys = NEW_KEY_EVERYWHERE
            raise

    def _verify(self, opened: Opened) -> None:
        """Use the new key before delivering it: the server then knows that it may be somewhere."""
        info = self._service.describe(opened.key)
        if info.id != opened.rotation.new_key_id:
            raise ServerFailure("The server does not know the new key as this rotation's.")
        self._narrator.note(f"The new key works (key {info.id}).")

    def _deliver(self, delivery: Delivery, journal: Journal) -> None:
        """Deliver to each sink in order; a last, durable one waits until all others succeeded."""
        failures: list[str] = []
        for sink in self._sinks:
            if failures and sink is self._sinks[-1] and sink.durable:
                self._narrator.note(f"Left alone until the others hold the key: {sink.name}.")
                break
            try:
                self._deliver_to(sink, delivery, journal)
            except DeliveryFailed as error:
                failures.append(error.what)
        if failures:
            raise Unfinished("\n".join(failures))

    def _deliver_to(self, sink: Sink, delivery: Delivery, journal: Journal) -> None:
        if sink.durable and self._holds(sink, delivery.key, journal):
            self._narrator.note(f"Holds the new key already: {sink.name}.")
            return
        sink.deliver(delivery)
        self._narrator.note(f"Delivered: {sink.name}.")
        try:
            journal.record_delivered(sink.name)
        except OSError as error:
            # The journal holds the key; a missing progress mark costs one repeated write.
            self._narrator.warn(f"The journal could not be updated ({error.strerror}).")

    def _holds(self, sink: Sink, key: Secret, journal: Journal) -> bool:
        held = sink.read_back()
        if held is not None:
            return held == key
        return journal.entry is not None and sink.name in journal.entry.delivered

    def _read_back(self, key: Secret) -> None:
        for sink in self._sinks:
            held = sink.read_back()
            if held is not None and held != key:
                raise Unfinished(f"{sink.name} does not hold the key that was written to it.")


def _delivery(opened: Opened) -> Delivery:
    return Delivery(
        key=opened.key,
        key_id=opened.rotation.new_key_id,
        name=opened.rotation.new_key_name,
        expires_at=opened.rotation.new_key_expires_at,
        overlap_end=opened.rotation.overlap_end,
    )
