"""Whether it has been said in chat that an account is connected."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add when it was said; those who are connected already know."""
    op.add_column("accounts", sa.Column("told_at", sa.BigInteger))
    op.execute("UPDATE accounts SET told_at = connected_at")
