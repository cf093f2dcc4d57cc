"""The first tables. Written out in full: the schema of today must not change this revision."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create users, keys, rotations and events."""
    _create_users()
    _create_keys()
    _create_rotations()
    _create_events()


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at_utc", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("role", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "role", name="pk_user_roles"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_roles_user_id"),
    )


def _create_keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("public_id", sa.String(15), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("owner_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at_utc", _MOMENT, nullable=False),
        sa.Column("expires_at_utc", _MOMENT),
        sa.Column("rotated_from_key_id", sa.Integer),
        sa.Column("rotation_timestamp_utc", _MOMENT),
        sa.Column("auto_revoke_old_key_utc", _MOMENT),
        sa.Column("revoke_due_utc", _MOMENT),
        sa.Column("revoked_at_utc", _MOMENT),
        sa.Column("revoke_reason", sa.String(50)),
        sa.Column("first_used_at_utc", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("public_id", name="uq_keys_public_id"),
        sa.UniqueConstraint("sha256", name="uq_keys_sha256"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_keys_owner_id"),
        sa.ForeignKeyConstraint(
            ["rotated_from_key_id"], ["keys.id"], name="fk_keys_rotated_from_key_id"
        ),
        sa.CheckConstraint("length(sha256) = 64", name="ck_keys_sha256_length"),
    )
    op.create_index("ix_keys_owner_id", "keys", ["owner_id"])
    op.create_index("ix_keys_rotated_from_key_id", "keys", ["rotated_from_key_id"])
    op.create_index("ix_keys_revoke_due_utc", "keys", ["revoke_due_utc"])


def _create_rotations() -> None:
    op.create_table(
        "rotations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("old_key_id", sa.Integer, nullable=False),
        sa.Column("new_key_id", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("overlap_days", sa.Integer, nullable=False),
        sa.Column("auto_revoke", sa.Boolean, nullable=False),
        sa.Column("again", sa.Boolean, nullable=False),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("opened_at_utc", _MOMENT, nullable=False),
        sa.Column("lease_until_utc", _MOMENT, nullable=False),
        sa.Column("overlap_end_utc", _MOMENT, nullable=False),
        sa.Column("confirmed_at_utc", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_rotations"),
        sa.UniqueConstraint("new_key_id", name="uq_rotations_new_key_id"),
        sa.ForeignKeyConstraint(["old_key_id"], ["keys.id"], name="fk_rotations_old_key_id"),
        sa.ForeignKeyConstraint(["new_key_id"], ["keys.id"], name="fk_rotations_new_key_id"),
    )
    op.create_index("ix_rotations_old_key_id", "rotations", ["old_key_id"])
    op.create_index("ix_rotations_state_overlap_end_utc", "rotations", ["state", "overlap_end_utc"])


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at_utc", _MOMENT, nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("type", sa.String(50), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("key_id", sa.Integer),
        sa.Column("rotation_id", sa.Uuid),
        sa.Column("source", sa.String(64)),
        sa.Column("data", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_events_user_id"),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_events_key_id"),
        sa.ForeignKeyConstraint(["rotation_id"], ["rotations.id"], name="fk_events_rotation_id"),
    )
    op.create_index("ix_events_key_id", "events", ["key_id"])
    op.create_index("ix_events_rotation_id", "events", ["rotation_id"])
