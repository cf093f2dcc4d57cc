"""The last step of a rotation on its own: confirm what others have delivered."""

from uuid import UUID

from signotaur_action.errors import ServerError, SignotaurError, SupersededError
from signotaur_action.model import KeyInfo, Rotation, Secret
from signotaur_action.ports import KeyService
from signotaur_action.rotation.outcomes import Confirmed
from signotaur_wire.messages import RotationState

_NOT_ARMED = "The old and the new key both work, and the old key's revocation is not armed."


def confirm(service: KeyService, key: Secret, rotation_id: UUID | None) -> Confirmed:
    """Confirm the rotation whose new key this is. Safe to repeat.

    ``rotation_id``: that rotation and no other. Without it, a key without a rotation to
    confirm is not an error. Raises SupersededError, and SignotaurError for any other key.
    """
    info = service.describe(key)  # the new key must work before the old one's end is armed
    if info is None:
        raise ServerError("This key service cannot confirm rotations.")
    rotation = info.rotation if rotation_id is None else _named(service, key, rotation_id)
    if rotation is None:
        return Confirmed(info, None, already=info.replaces is not None)
    if rotation.state is RotationState.CONFIRMED:
        return Confirmed(info, rotation, already=True)
    _require_new_key(info, rotation)
    try:
        return Confirmed(info, service.confirm(key, rotation.id), already=False)
    except ServerError as error:
        raise ServerError(
            error.what,
            keys="The new key works. It is not known whether the old key's revocation is armed.",
        ) from None


def _named(service: KeyService, key: Secret, rotation_id: UUID) -> Rotation:
    rotation = service.rotation(key, rotation_id)
    if rotation is None:
        raise SignotaurError(
            f"The server has no rotation {rotation_id} of this key.",
            keys="Nothing was changed.",
            next_step="Give the new key of that rotation, and the rotation id that rotate-key "
            "printed.",
        )
    return rotation


def _require_new_key(info: KeyInfo, rotation: Rotation) -> None:
    if not rotation.is_unconfirmed:
        raise SupersededError(
            f"Rotation {rotation.id} has ended ({rotation.state.value}).",
            keys="The old key works, or the key of the other rotation does.",
            next_step="Run rotate-key again, and store the new key.",
        )
    if info.id == rotation.old_key_id:
        raise SignotaurError(
            f"This is the old key (key {info.id}). Only the new key, key {rotation.new_key_id}, "
            "can confirm the rotation.",
            keys=_NOT_ARMED,
            next_step="Give the new key, read from where it was stored.",
        )
