"""What clients tell of destinations. Rotations that are there were confirmed without it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add rotations.destinations."""
    op.add_column("rotations", sa.Column("destinations", sa.JSON))
