"""Who added a trust on the pages. Trusts that are there were added at the command line."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add trusts.added_by_user_id."""
    op.add_column("trusts", sa.Column("added_by_user_id", sa.Integer))
