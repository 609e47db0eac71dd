"""Device names, last lists and confirmations."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make what the session commands remember."""
    op.create_table(
        "device_names",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("device_key", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
    )
    op.create_table(
        "listings",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("groups", sa.String, nullable=False),
        sa.Column("listed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "confirmations",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("room_id", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
