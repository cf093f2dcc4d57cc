"""Certificates that can be signed with, and who may. Only new tables: what is there stays."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create certificates and certificate_access."""
    _create_certificates()
    _create_certificate_access()


def _create_certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("label", sa.String(100)),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("common_name", sa.Text),
        sa.Column("thumbprint", sa.String(40), nullable=False),
        sa.Column("certificate_der", sa.LargeBinary, nullable=False),
        sa.Column("chain_der", sa.LargeBinary),
        sa.Column("sealed_key", sa.LargeBinary),
        sa.Column("not_before_utc", _MOMENT, nullable=False),
        sa.Column("not_after_utc", _MOMENT, nullable=False),
        sa.Column("added_at_utc", _MOMENT, nullable=False),
        sa.Column("removed_at_utc", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_certificates"),
        sa.UniqueConstraint("label", name="uq_certificates_label"),
        sa.UniqueConstraint("thumbprint", name="uq_certificates_thumbprint"),
        sa.CheckConstraint("length(thumbprint) = 40", name="ck_certificates_thumbprint_length"),
        sa.CheckConstraint(
            "removed_at_utc IS NOT NULL OR (label IS NOT NULL AND sealed_key IS NOT NULL)",
            name="ck_certificates_usable_or_removed",
        ),
    )


def _create_certificate_access() -> None:
    op.create_table(
        "certificate_access",
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
