"""A key and its rotation as the database returns them, for tests without a database."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from signotaur_keyserver.domain.records import Key, Rotation
from signotaur_wire.messages import RotationState

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = Key(
    id=1,
    public_id="a" * 15,
    sha256="0" * 64,
    name="build",
    enabled=True,
    created_at_utc=NOW - DAY,
    expires_at_utc=None,
    rotated_from_key_id=None,
    rotation_timestamp_utc=None,
    auto_revoke_old_key_utc=None,
    revoke_due_utc=None,
    revoked_at_utc=None,
    revoke_reason=None,
    first_used_at_utc=None,
    in_use_since_utc=None,
    owner_id=1,
    owner="ci",
    owner_enabled=True,
    roles=("ApiKeyRotator",),
    origin=None,
    rotation_id=None,
)
ROTATION = Rotation(
    id=uuid4(),
    old_key_id=1,
    new_key_id=2,
    state=RotationState.OPEN,
    overlap_days=7,
    auto_revoke=True,
    again=False,
    holder="run",
    opened_at_utc=NOW - DAY,
    lease_until_utc=NOW - DAY + timedelta(minutes=10),
    overlap_end_utc=NOW + 6 * DAY,
    confirmed_at_utc=None,
    overlap_changed_at_utc=None,
    destinations=None,
    new_public_id="b" * 15,
    new_sha256="1" * 64,
    new_name="build",
    new_expires_at_utc=None,
    new_revoke_due_utc=None,
    new_revoked_at_utc=None,
    new_revoke_reason=None,
    new_first_used_at_utc=None,
    new_in_use_since_utc=None,
    new_auto_revoke_old_key_utc=None,
)
