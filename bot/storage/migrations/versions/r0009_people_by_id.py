"""People are identified by their user ids: the names of schedules and subscriptions go."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Drop the user names that could be somebody else's by now."""
    for table in ("schedules", "alert_subscriptions"):
        op.drop_column(table, "username")
