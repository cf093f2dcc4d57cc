"""People who sign in, the use of keys, policies, shared labels, webhooks, a chained event log.

Every user, key, certificate and event that is there stays as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_MOMENT = sa.DateTime(timezone=True)
_events = sa.table("events", sa.column("id"))
_settings = sa.table("settings", sa.column("name"), sa.column("value", sa.JSON))
_access = sa.table("certificate_access", sa.column("user_id"), sa.column("certificate_id"))


def upgrade() -> None:
    """Add the columns and tables."""
    _people()
    _key_use()
    _key_policies()
    _shared_labels()
    _webhooks()
    op.add_column("rotations", sa.Column("overlap_changed_at_utc", _MOMENT))
    op.add_column("events", sa.Column("mac", sa.String(64)))
    op.create_table(
        "settings",
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    _end_of_events()


def _end_of_events() -> None:
    # The row that every transaction with events locks: it must be there before the first one.
    last = op.get_bind().execute(sa.select(sa.func.max(_events.c.id))).scalar_one()
    head = {"id": last or 0, "mac": "", "proof": None}
    op.bulk_insert(_settings, [{"name": "event-chain", "value": head}])
    # The same for the sweep, which notes up to when it has told of expiries.
    op.bulk_insert(_settings, [{"name": "expiry-seen", "value": None}])


def _people() -> None:
    op.add_column("users", sa.Column("password_hash", sa.Text))
    op.add_column("users", sa.Column("password_expires_at_utc", _MOMENT))
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("created_at_utc", _MOMENT, nullable=False),
        sa.Column("seen_at_utc", _MOMENT, nullable=False),
        sa.Column("expires_at_utc", _MOMENT, nullable=False),
        sa.Column("address", sa.String(64)),
        sa.Column("user_agent", sa.String(200)),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at_utc", "sessions", ["expires_at_utc"])


def _key_use() -> None:
    op.add_column("keys", sa.Column("deleted_at_utc", _MOMENT))
    op.add_column("keys", sa.Column("last_used_at_utc", _MOMENT))
    op.add_column("keys", sa.Column("last_used_network", sa.String(64)))
    op.add_column("keys", sa.Column("last_used_client", sa.String(100)))
    op.create_index("ix_keys_last_used_at_utc", "keys", ["last_used_at_utc"])
    op.create_table(
        "key_uses",
        sa.Column("key_id", sa.Integer, nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("first_at_utc", _MOMENT, nullable=False),
        sa.Column("last_at_utc", _MOMENT, nullable=False),
        sa.Column("uses", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "network", "client", name="pk_key_uses"),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_key_uses_key_id"),
    )


def _key_policies() -> None:
    op.add_column("keys", sa.Column("purpose", sa.String(20), nullable=False, server_default="any"))
    op.add_column("keys", sa.Column("networks", sa.JSON))
    for name in (
        "requests_per_minute",
        "signatures_per_hour",
        "overlap_days_min",
        "overlap_days_max",
    ):
        op.add_column("keys", sa.Column(name, sa.Integer))


def _shared_labels() -> None:
    # SQLite drops a constraint by making the table again, which a table that refers to it would
    # not survive: that one is made again too.
    granted = op.get_bind().execute(sa.select(_access)).mappings().all()
    op.drop_table(_access.name)
    with op.batch_alter_table("certificates") as certificates:
        certificates.drop_constraint("uq_certificates_label", type_="unique")
        certificates.add_column(sa.Column("alias", sa.String(100)))
        certificates.add_column(
            sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true())
        )
        certificates.create_unique_constraint("uq_certificates_alias", ["alias"])
        certificates.create_index("ix_certificates_label", ["label"])
    op.create_table(
        _access.name,
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("certificate_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "certificate_id", name="pk_certificate_access"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_certificate_access_user_id"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name="fk_certificate_access_certificate_id"
        ),
    )
    op.create_index(
        "ix_certificate_access_certificate_id", "certificate_access", ["certificate_id"]
    )
    if granted:
        op.bulk_insert(_access, [dict(row) for row in granted])


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at_utc", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("webhook_id", sa.Integer, nullable=False),
        sa.Column("type", sa.String(50), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("created_at_utc", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at_utc", _MOMENT),
        sa.Column("delivered_at_utc", _MOMENT),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_id"
        ),
    )
    op.create_index("ix_webhook_deliveries_webhook_id", "webhook_deliveries", ["webhook_id"])
    op.create_index(
        "ix_webhook_deliveries_next_attempt_at_utc", "webhook_deliveries", ["next_attempt_at_utc"]
    )
