"""Accounts, connection requests and the inbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    _make_accounts()
    _make_connection_requests()
    op.create_table(
        "inbox",
        sa.Column("message_id", sa.String, primary_key=True),
        sa.Column("claimed_by", sa.String, nullable=False),
        sa.Column("claimed_until", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
    )


def _make_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("connected_at", sa.BigInteger, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("utc_offset", sa.Double),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("is_bearer", sa.Boolean, nullable=False),
        sa.Column("sealed_token", sa.LargeBinary, nullable=False),
    )


def _make_connection_requests() -> None:
    op.create_table(
        "connection_requests",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("question", sa.String),
        sa.Column("attempts_left", sa.Integer, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False, unique=True),
    )
