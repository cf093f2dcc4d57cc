"""The KeyService of a server that speaks ``signotaur_wire``."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.errors import ServerError
from signotaur_action.http import Answer, ServerAddress
from signotaur_action.key_server.calls import KeyServerCalls, read_document
from signotaur_action.key_server.problems import refusal
from signotaur_action.model import KeyInfo, OpenRotation, Rotation, RotationIntent, Secret
from signotaur_action.ports import Clock
from signotaur_wire import keyformat, paths
from signotaur_wire.limits import DESTINATIONS_MAX
from signotaur_wire.messages import (
    ConfirmationRequest,
    DestinationOutcome,
    KeyDescription,
    KeyState,
    RotationDescription,
    RotationRequest,
    RotationState,
)
from signotaur_wire.roles import ROTATOR, canonical

T = TypeVar("T")
_NOT_FOUND = 404


class HttpKeyService:
    """See ``ports.KeyService``. One instance serves one run: its deadline starts here."""

    arms_at_once = False

    def __init__(self, address: ServerAddress, clock: Clock) -> None:
        self.address = address.url
        self._calls = KeyServerCalls(address, clock)

    def describe(self, key: Secret) -> KeyInfo:
        """``GET /keys/self``."""
        answer = self._calls.call("GET", paths.KEYS_SELF, key)
        return _key_info(self._read(KeyDescription.from_json, answer))

    def new_key(self) -> Secret:
        """Make the candidate here: the server sees its hash, and later its use."""
        return Secret(keyformat.generate())

    def open_rotation(self, key: Secret, intent: RotationIntent) -> OpenRotation:
        """``PUT /rotations/{uuid}``."""
        if intent.candidate is None:
            raise ValueError("this service needs the candidate that new_key made")
        candidate = keyformat.parse(intent.candidate.reveal())
        body = RotationRequest(
            public_id=candidate.public_id,
            key_sha256=candidate.sha256,
            overlap_days=intent.overlap_days,
            auto_revoke=intent.auto_revoke,
            holder=intent.holder,
            again=intent.again,
            compromised=intent.compromised,
        )
        path = paths.rotation(intent.id)
        answer = self._calls.call("PUT", path, key, body.to_json())
        return OpenRotation(self._rotation(answer, intent.id), intent.candidate)

    def rotation(self, key: Secret, rotation_id: UUID) -> Rotation | None:
        """``GET /rotations/{uuid}``."""
        answer = self._calls.call("GET", paths.rotation(rotation_id), key)
        if answer.status == _NOT_FOUND:
            return None
        return self._rotation(answer, rotation_id)

    def confirm(
        self, key: Secret, rotation_id: UUID, destinations: Sequence[DestinationOutcome] = ()
    ) -> Rotation:
        """``PUT /rotations/{uuid}/confirmation``."""
        outcomes = tuple(destinations[:DESTINATIONS_MAX])
        body = ConfirmationRequest(outcomes).to_json() if outcomes else None
        answer = self._calls.call("PUT", paths.confirmation(rotation_id), key, body)
        rotation = self._rotation(answer, rotation_id)
        if rotation.state is not RotationState.CONFIRMED:
            raise ServerError(f"{self.address} did not confirm the requested rotation.")
        return rotation

    def _rotation(self, answer: Answer, asked: UUID) -> Rotation:
        description = self._read(RotationDescription.from_json, answer)
        if description.id != asked:
            raise ServerError(
                f"{self.address} returned a different rotation than the one requested."
            )
        return _rotation(description)

    def _read(self, read: Callable[[object], T], answer: Answer) -> T:
        if answer.refused:
            raise refusal(answer, self.address)
        return read_document(read, answer, self.address)


def _key_info(description: KeyDescription) -> KeyInfo:
    rotation = None if description.rotation is None else _rotation(description.rotation)
    return KeyInfo(
        id=description.id,
        name=escape_untrusted(description.name),
        owner=escape_untrusted(description.owner),
        may_rotate=any(canonical(role) == ROTATOR for role in description.roles),
        # A candidate that lost against another one keeps its state, but succeeds no key.
        is_candidate=description.state is KeyState.CANDIDATE
        and rotation is not None
        and rotation.is_unconfirmed,
        expires_at=description.expires_at,
        revokes_at=description.revokes_at,
        rotation=rotation,
        server_time=description.server_time,
        created_at=description.created_at,
        replaces=description.rotated_from_key_id,
    )


def _rotation(description: RotationDescription) -> Rotation:
    return Rotation(
        id=description.id,
        state=description.state,
        old_key_id=description.old_key_id,
        new_key_id=description.new_key_id,
        new_key_name=escape_untrusted(description.new_key_name),
        new_key_expires_at=description.new_key_expires_at,
        overlap_days=description.overlap_days,
        auto_revoke=description.auto_revoke,
        again=description.again,
        # The old key may end before: by another rotation, or because a person revoked it.
        overlap_end=description.auto_revoke_old_key_utc or description.overlap_end,
        confirmed_at=description.confirmed_at,
        server_time=description.server_time,
    )
