"""Schedules and their slots, watches, and the devices that were seen."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make what reports and alerts remember."""
    _make_schedules()
    _make_slots()
    op.create_table(
        "watches",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("trouble", sa.String, nullable=False),
    )
    _make_sightings()


def _make_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("is_only_changes", sa.Boolean, nullable=False),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("utc_offset", sa.Double),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("start_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("paused_until", sa.BigInteger),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("trouble", sa.String, nullable=False),
    )


def _make_slots() -> None:
    op.create_table(
        "slots",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("due_at", sa.BigInteger, primary_key=True),
        sa.Column("free_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("claimed_by", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("outcome", sa.String, nullable=False),
    )


def _make_sightings() -> None:
    op.create_table(
        "sightings",
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("device_key", sa.String, primary_key=True),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("os_name", sa.String, nullable=False),
        sa.Column("os_version", sa.String, nullable=False),
        sa.Column("network", sa.String, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger, nullable=False),
        sa.Column("last_seen_at", sa.BigInteger, nullable=False),
        sa.Column("is_watched", sa.Boolean, nullable=False),
        sa.Column("reported_at", sa.BigInteger),
    )
