"""When a device was reported as new: such a device is never taken for its owner's."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column."""
    op.add_column("known_devices", sa.Column("announced_at", sa.BigInteger))
