"""Trusts in issuers of ID tokens, the tokens that were exchanged, and the keys made for them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables, and keys.trust_id."""
    op.create_table(
        "trusts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("rules", sa.JSON, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("life_seconds", sa.Integer, nullable=False),
        sa.Column("created_at_utc", _MOMENT, nullable=False),
        sa.Column("jwks", sa.JSON),
        sa.Column("ca_pem", sa.Text),
        sa.Column("removed_at_utc", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_trusts"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_trusts_user_id"),
    )
    op.create_table(
        "exchanged_tokens",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("expires_at_utc", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_exchanged_tokens"),
    )
    op.create_index("ix_exchanged_tokens_expires_at_utc", "exchanged_tokens", ["expires_at_utc"])
    op.add_column("keys", sa.Column("trust_id", sa.Integer))
    op.create_index("ix_keys_trust_id", "keys", ["trust_id"])
