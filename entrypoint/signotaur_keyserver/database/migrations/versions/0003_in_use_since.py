"""When a confirmed key was first used. Keys that are in use already tell it at their next use."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add keys.in_use_since_utc."""
    op.add_column("keys", sa.Column("in_use_since_utc", sa.DateTime(timezone=True)))
