"""The URL paths of the key API."""

from uuid import UUID

API = "/api/v1"
KEYS_SELF = f"{API}/keys/self"
ROTATION = f"{API}/rotations/{{rotation_id}}"
LEAKS = f"{API}/leaks"
TOKEN_EXCHANGE = f"{API}/token-exchange"
CONFIRMATION = f"{ROTATION}/confirmation"


def rotation(rotation_id: UUID) -> str:
    """Return the path of one rotation."""
    return ROTATION.format(rotation_id=rotation_id)


def confirmation(rotation_id: UUID) -> str:
    """Return the path of one rotation's confirmation."""
    return CONFIRMATION.format(rotation_id=rotation_id)
