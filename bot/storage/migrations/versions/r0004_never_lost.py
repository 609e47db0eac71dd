"""What the inbox needs to have messages answered after a stop, and the checkpoint."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Let the inbox say who said what where, and keep how far the bot has heard."""
    for column in (
        sa.Column("room_id", sa.String, nullable=False, server_default=""),
        sa.Column("sender_id", sa.String, nullable=False, server_default=""),
        sa.Column("sent_at", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("part", sa.String, nullable=False, server_default="answer"),
        sa.Column("awaiting", sa.String),
        sa.Column("action", sa.String),
    ):
        op.add_column("inbox", column)
    _make_index("inbox_unfinished", "sender_id", sa.text("finished_at IS NULL"))
    _make_index("inbox_awaiting", "awaiting", sa.text("awaiting IS NOT NULL"))
    op.create_table(
        "checkpoints",
        sa.Column("bot_id", sa.String, primary_key=True),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("heard_until", sa.BigInteger, nullable=False),
        sa.Column("written_at", sa.BigInteger),
    )


def _make_index(name: str, column: str, where: sa.TextClause) -> None:
    op.create_index(name, "inbox", [column], sqlite_where=where, postgresql_where=where)
