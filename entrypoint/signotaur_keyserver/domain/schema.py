"""The tables, as SQLAlchemy Core. They say what is stored, never how it is asked for.

Neutral between dialects. The migrations create them; a test compares the two.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    true,
)
from sqlalchemy.types import TypeDecorator

from signotaur_wire.keyformat import PUBLIC_ID_LENGTH
from signotaur_wire.limits import HOLDER_MAX_LENGTH
from signotaur_wire.messages import RotationState


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC moments. SQLite keeps no offset, so a naive one is refused on the way in."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment into UTC. Raises ValueError for a naive one."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without an offset from UTC cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what was stored as an aware UTC moment."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_ROTATION_STATE = Enum(
    RotationState,
    native_enum=False,
    create_constraint=False,
    length=16,
    values_callable=lambda states: [state.value for state in states],
)

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("admin", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    # Only users with a password sign in to the pages.
    Column("password_hash", Text),
    Column("password_expires_at_utc", UtcDateTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("seen_at_utc", UtcDateTime, nullable=False),
    Column("expires_at_utc", UtcDateTime, nullable=False, index=True),
    Column("address", String(64)),
    Column("user_agent", String(200)),
)

user_roles = Table(
    "user_roles",
    metadata,
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("role", String(50), primary_key=True),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("public_id", String(PUBLIC_ID_LENGTH), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("owner_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("expires_at_utc", UtcDateTime),
    Column("rotated_from_key_id", ForeignKey("keys.id"), index=True),
    Column("rotation_timestamp_utc", UtcDateTime),
    Column("auto_revoke_old_key_utc", UtcDateTime),
    Column("revoke_due_utc", UtcDateTime, index=True),
    Column("revoked_at_utc", UtcDateTime),
    Column("revoke_reason", String(50)),
    # A deleted key is dead and no longer listed; lineage and events still refer to its row.
    Column("deleted_at_utc", UtcDateTime),
    Column("first_used_at_utc", UtcDateTime),
    Column("in_use_since_utc", UtcDateTime),
    # The last use, written in batches; see key_uses.
    Column("last_used_at_utc", UtcDateTime, index=True),
    Column("last_used_network", String(64)),
    Column("last_used_client", String(100)),
    # What the key may do. NULL: as the server's policy says.
    Column("purpose", String(20), nullable=False, server_default="any"),
    Column("networks", JSON),
    Column("requests_per_minute", Integer),
    Column("signatures_per_hour", Integer),
    Column("overlap_days_min", Integer),
    Column("overlap_days_max", Integer),
    # The trust whose token the key was made for; successors have the same. No foreign key: SQLite
    # would have to make this table again. Rows of trusts stay.
    Column("trust_id", Integer, index=True),
    CheckConstraint("length(sha256) = 64", name="sha256_length"),
)

trusts = Table(
    "trusts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("life_seconds", Integer, nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    # JSON null and SQL NULL would be two ways to say nothing.
    Column("jwks", JSON(none_as_null=True)),
    Column("ca_pem", Text),
    # Keys and events refer to a trust that was removed.
    Column("removed_at_utc", UtcDateTime),
    # The administrator who added it on the pages; NULL: the command line did. No foreign key, as
    # for keys.trust_id.
    Column("added_by_user_id", Integer),
)

exchanged_tokens = Table(
    "exchanged_tokens",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("expires_at_utc", UtcDateTime, nullable=False, index=True),
)

key_uses = Table(
    "key_uses",
    metadata,
    Column("key_id", ForeignKey("keys.id"), primary_key=True),
    Column("network", String(64), primary_key=True),
    Column("client", String(100), primary_key=True),
    Column("first_at_utc", UtcDateTime, nullable=False),
    Column("last_at_utc", UtcDateTime, nullable=False),
    Column("uses", Integer, nullable=False),
)

rotations = Table(
    "rotations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("old_key_id", ForeignKey("keys.id"), nullable=False, index=True),
    Column("new_key_id", ForeignKey("keys.id"), nullable=False, unique=True),
    Column("state", _ROTATION_STATE, nullable=False),
    Column("overlap_days", Integer, nullable=False),
    Column("auto_revoke", Boolean, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("holder", String(HOLDER_MAX_LENGTH), nullable=False),
    Column("opened_at_utc", UtcDateTime, nullable=False),
    Column("lease_until_utc", UtcDateTime, nullable=False),
    Column("overlap_end_utc", UtcDateTime, nullable=False),
    Column("confirmed_at_utc", UtcDateTime),
    Column("overlap_changed_at_utc", UtcDateTime),
    # How each destination got the new key, if the client told; NULL: it did not.
    Column("destinations", JSON(none_as_null=True)),
    Index("ix_rotations_state_overlap_end_utc", "state", "overlap_end_utc"),
)

certificates = Table(
    "certificates",
    metadata,
    Column("id", Integer, primary_key=True),
    # Several certificates may share a label. A removed one keeps no private key and no label.
    Column("label", String(100), index=True),
    Column("alias", String(100), unique=True),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("subject", Text, nullable=False),
    Column("common_name", Text),
    Column("thumbprint", String(40), nullable=False, unique=True),
    Column("certificate_der", LargeBinary, nullable=False),
    Column("chain_der", LargeBinary),
    Column("sealed_key", LargeBinary),
    Column("not_before_utc", UtcDateTime, nullable=False),
    Column("not_after_utc", UtcDateTime, nullable=False),
    Column("added_at_utc", UtcDateTime, nullable=False),
    Column("removed_at_utc", UtcDateTime),
    CheckConstraint("length(thumbprint) = 40", name="thumbprint_length"),
    CheckConstraint(
        "removed_at_utc IS NOT NULL OR (label IS NOT NULL AND sealed_key IS NOT NULL)",
        name="usable_or_removed",
    ),
)

certificate_access = Table(
    "certificate_access",
    metadata,
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("certificate_id", ForeignKey("certificates.id"), primary_key=True, index=True),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_utc", UtcDateTime, nullable=False),
    Column("level", String(20), nullable=False),
    Column("type", String(50), nullable=False),
    Column("message", Text, nullable=False),
    Column("user_id", ForeignKey("users.id")),
    Column("key_id", ForeignKey("keys.id"), index=True),
    Column("rotation_id", ForeignKey("rotations.id"), index=True),
    Column("source", String(64)),
    Column("data", JSON, nullable=False),
    # HMAC over this event and the mac of the one before.
    Column("mac", String(64)),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("value", JSON, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("events", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("webhook_id", ForeignKey("webhooks.id"), nullable=False, index=True),
    Column("type", String(50), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at_utc", UtcDateTime, index=True),
    Column("delivered_at_utc", UtcDateTime),
    Column("status", Integer),
    Column("error", String(200)),
)
