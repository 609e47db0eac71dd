"""When somebody had everything signed out, and whether their list was cleaned since."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns, empty for everybody."""
    op.add_column("accounts", sa.Column("signed_out_at", sa.BigInteger))
    op.add_column("accounts", sa.Column("list_cleaned_until", sa.BigInteger))
