"""An index of the report runs that are not finished: most are, for the 30 days they are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Put it in the place of the index of all report runs."""
    op.drop_index("ix_report_runs_claimable_at", "report_runs")
    where = sa.text("finished_at IS NULL")
    op.create_index(
        "report_runs_open",
        "report_runs",
        ["claimable_at", "user_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
