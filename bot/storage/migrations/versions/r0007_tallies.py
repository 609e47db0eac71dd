"""What all processes together have counted, for the operator's own report."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table of sums."""
    op.create_table(
        "tallies",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("reported", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
