"""Tokens that renew themselves, browsers bound to requests, the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make what lending a token over OAuth needs."""
    for column in (
        sa.Column("sealed_refresh_token", sa.LargeBinary),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("renewed_at", sa.BigInteger),
        sa.Column("token_id", sa.String, nullable=False, server_default=""),
        sa.Column("renewing_until", sa.BigInteger),
        sa.Column("dead_since", sa.BigInteger),
    ):
        op.add_column("accounts", column)
    op.add_column("connection_requests", sa.Column("browser_hash", sa.LargeBinary))
    # What people asked waits in the inbox, by its id; their words are kept nowhere any more.
    op.drop_column("connection_requests", "question")
    op.create_table(
        "bearer_refusals",
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    _make_audit()


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("user_id", sa.String, nullable=False, index=True),
        sa.Column("deed", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
    )
